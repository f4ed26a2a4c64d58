// SPDX-License-Identifier: Apache-2.0
//
// What recording costs: nanoseconds an operation with and without the decorator, in turn, and the
// median of the differences. One thread; threads share nothing in the fast path.
//
//   bazel run //tools/trace:sampled_map_cost -- [folder for the traces]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/trace/sampled_map.h"

namespace {

using cmap::trace::Sampled;
using cmap::trace::SampledMap;
using cmap::trace::TraceRecorder;

constexpr int kRounds = 41;
constexpr std::uint32_t kKeys = 1 << 16;
constexpr std::uint32_t kOps = 1 << 20;

// Maps that cost next to nothing: what is added is all that is seen.
template <class K>
struct ArrayMap {
  using key_type = K;
  using mapped_type = std::uint64_t;
  std::optional<std::uint64_t> Load(const K& key) {
    if constexpr (std::is_integral_v<K>) {
      return values[key % kKeys];
    } else {
      return values[static_cast<unsigned char>(key[5])];
    }
  }
  std::vector<std::uint64_t> values = std::vector<std::uint64_t>(kKeys, 1);
};

std::uint64_t Ask(auto& map, const auto& key) {
  if constexpr (requires { map.Load(key); }) {
    return *map.Load(key);
  } else {
    return map.find(key)->second;
  }
}

double NsPerOp(auto& map, const auto& keys) {
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < kOps; ++i) sum += Ask(map, keys[i % kKeys]);
  const auto end = std::chrono::steady_clock::now();
  if (sum == 0) std::puts("");  // so that it is needed
  return std::chrono::duration<double, std::nano>(end - start).count() / kOps;
}

template <class Map>
void Compare(const char* name, Sampled sampled, double rate, const std::string& folder,
             const std::vector<typename Map::key_type>& keys) {
  TraceRecorder recorder({.path = folder + "/sampled_map_cost", .sampled = sampled, .rate = rate});
  SampledMap<Map> decorated(recorder);
  // The same object, so that places in memory cannot make the difference.
  Map& plain = decorated.map();
  if constexpr (requires { plain.insert({keys[0], 1}); }) {
    for (const auto& key : keys) plain.insert({key, 1});
  }
  std::vector<double> without;
  std::vector<double> differences;
  for (int round = 0; round < kRounds; ++round) {
    without.push_back(NsPerOp(plain, keys));
    differences.push_back(NsPerOp(decorated, keys) - without.back());
  }
  std::sort(without.begin(), without.end());
  std::sort(differences.begin(), differences.end());
  std::printf(
      "%-34s %-10s %5.2f %%  %6.2f ns plain  %+6.2f ns recorded  (middle half %+.2f to %+.2f)\n",
      name, sampled == Sampled::kKeys ? "keys" : "operations", 100 * rate, without[kRounds / 2],
      differences[kRounds / 2], differences[kRounds / 4], differences[kRounds * 3 / 4]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "/tmp";
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> numbers;
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    numbers.push_back(random());
    texts.push_back("user:" + std::to_string(random() % 1'000'000'000) + ":session");
  }
  for (const Sampled sampled : {Sampled::kKeys, Sampled::kOperations}) {
    for (const double rate : {1e-9, 0.01}) {
      Compare<ArrayMap<std::uint64_t>>("array, u64", sampled, rate, folder, numbers);
      Compare<ArrayMap<std::string>>("array, string of 22", sampled, rate, folder, texts);
      Compare<std::unordered_map<std::uint64_t, std::uint64_t>>("unordered_map<u64>", sampled, rate,
                                                                folder, numbers);
      Compare<std::unordered_map<std::string, std::uint64_t>>("unordered_map<string of 22>",
                                                              sampled, rate, folder, texts);
    }
  }
  return 0;
}
