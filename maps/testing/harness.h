// SPDX-License-Identifier: Apache-2.0
//
// What the checks are written with: failing, random numbers, threads, and the
// time a check may take.
#ifndef CMAP_MAPS_TESTING_HARNESS_H_
#define CMAP_MAPS_TESTING_HARNESS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "maps/testing/any_map.h"

namespace cmap::testing {

// What a check throws when the map is wrong.
class CheckFailure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Prints optionals and Loaded results as well as what streams print.
inline std::string Show(const std::optional<Number>& value) {
  return value ? std::to_string(*value) : "nothing";
}
inline std::string Show(const Loaded<Number>& result) {
  return "{" + std::to_string(result.value) + ", " +
         (result.loaded ? "loaded}" : "stored}");
}
template <class T>
const T& Show(const T& value) {
  return value;
}

template <class... Parts>
[[noreturn]] void Fail(const Parts&... parts) {
  std::ostringstream text;
  text << std::boolalpha;
  (text << ... << Show(parts));
  throw CheckFailure(text.str());
}

template <class... Parts>
void Expect(bool condition, const Parts&... parts) {
  if (!condition) Fail(parts...);
}

// Fails unless `got` equals `want`; the parts say what was asked.
template <class Got, class Want, class... Parts>
void ExpectEq(const Got& got, const Want& want, const Parts&... parts) {
  if (!(got == want)) Fail(parts..., ": got ", got, ", want ", want);
}

// Fails unless Size() is `want`; says nothing of maps without Size.
template <class... Parts>
void ExpectSize(AnyMap& map, std::size_t want, const Parts&... parts) {
  if (map.Has(Op::kSize)) ExpectEq(map.Size(), want, "Size()", parts...);
}

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // A number below `bound`; the bias is below 2^-40 for the small bounds here.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::uint64_t state_;
};

// CMAP_TEST_SCALE in the environment scales iteration counts and time limits of
// all checks (default 1); CMAP_TEST_SHARE, which targets set that are emulated,
// scales them once more. CMAP_TEST_SEED replaces the seed (default 1).
double TestScale();
std::uint64_t TestSeed();

// Everything one run of a check needs.
class Context {
 public:
  Context(const Subject& subject, std::uint64_t seed);

  const Subject& subject() const { return subject_; }
  const Traits& traits() const { return subject_.traits; }
  std::uint64_t seed() const { return seed_; }
  std::unique_ptr<AnyMap> Make() const { return subject_.make(); }
  Number Keys(Number wanted) const { return subject_.Keys(wanted); }

  // Whether a loop that has done `done` of `wanted` rounds should go on: bounded
  // by the scaled count and by the time of this check, but at least one round is
  // always done. Rounds must each be a whole test.
  bool More(std::uint64_t done, std::uint64_t wanted) const;
  std::uint64_t Scaled(std::uint64_t count) const;

  // Threads for a concurrent check: `wanted`, or what the map allows.
  int Threads(int wanted) const;

  // Runs `body(0) ... body(threads - 1)` at once and waits for all. The first
  // exception of any thread is thrown again here. The threads leave together
  // from a gate that yields, so that one core suffices.
  void InThreads(int threads, const std::function<void(int)>& body) const;

 private:
  const Subject& subject_;
  const std::uint64_t seed_;
  const std::chrono::steady_clock::time_point deadline_;
};

// Stores 0..count-1 -> value(key) into an empty map: singly at first, and in
// batches once that takes long and batches are cheap, because a design that
// copies the map on every write would need hours.
void Fill(AnyMap& map, const Traits& traits, Number count,
          const std::function<Number(Number)>& value);

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_HARNESS_H_
