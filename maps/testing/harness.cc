// SPDX-License-Identifier: Apache-2.0
#include "maps/testing/harness.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace cmap::testing {
namespace {

constexpr std::chrono::milliseconds kTimePerCheck{120};

double FromEnvironment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value > 0)) {
    throw std::invalid_argument(std::string(name) + " is '" + text +
                                "'; set it to a number greater than 0");
  }
  return value;
}

}  // namespace

double TestScale() {
  static const double scale =
      FromEnvironment("CMAP_TEST_SCALE", 1.0) * FromEnvironment("CMAP_TEST_SHARE", 1.0);
  return scale;
}

std::uint64_t TestSeed() {
  static const auto seed =
      static_cast<std::uint64_t>(FromEnvironment("CMAP_TEST_SEED", 1.0));
  return seed;
}

Context::Context(const Subject& subject, std::uint64_t seed)
    : subject_(subject),
      seed_(seed),
      deadline_(std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::nanoseconds>(
                    kTimePerCheck * TestScale())) {}

bool Context::More(std::uint64_t done, std::uint64_t wanted) const {
  if (done == 0) return true;
  return done < Scaled(wanted) && std::chrono::steady_clock::now() < deadline_;
}

std::uint64_t Context::Scaled(std::uint64_t count) const {
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(count) * TestScale()));
}

int Context::Threads(int wanted) const {
  const int limit = traits().max_threads;
  return limit == 0 ? wanted : std::min(wanted, limit);
}

void Context::InThreads(int threads,
                        const std::function<void(int)>& body) const {
  // This thread rests until the others are done: a map that waits for the word of
  // every thread that has used it is told so.
  subject_.quiesce();
  std::atomic<int> missing{threads};
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> running;
  running.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      missing.fetch_sub(1, std::memory_order_relaxed);
      while (missing.load(std::memory_order_relaxed) > 0) {
        std::this_thread::yield();
      }
      if (subject_.thread_start) {
        subject_.thread_start(seed_ * 64 + static_cast<std::uint64_t>(i));
      }
      try {
        body(i);
      } catch (...) {
        const std::lock_guard<std::mutex> guard(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  if (first) std::rethrow_exception(first);
}

void Fill(AnyMap& map, const Traits& traits, Number count,
          const std::function<Number(Number)>& value) {
  const auto patience =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  Number key = 0;
  for (; key < count; ++key) {
    if (traits.batch_is_atomic && map.Has(Op::kStoreBatch) && key % 64 == 63 &&
        std::chrono::steady_clock::now() > patience) {
      break;
    }
    map.Put(key, value(key));
  }
  while (key < count) {
    const Number end = std::min(count, key + std::max<Number>(1, count / 4));
    std::vector<AnyMap::Pair> batch;
    for (; key < end; ++key) batch.emplace_back(key, value(key));
    map.StoreBatch(batch);
  }
}

}  // namespace cmap::testing
