// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to striped_reader_map: its stripes.
#include "maps/striped_reader_map.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/thread_number.h"
#include "maps/internal/locks/striped_lock.h"

namespace cmap {
namespace {

using Map = StripedReaderMap<std::uint64_t, std::uint64_t>;
using Lock = internal::StripedReaderLock<NativeAtomics>;

internal::StripedReaderOptions Stripes(std::int64_t stripes) {
  return {.read_first = 0, .stripes = stripes};
}

TEST(StripedReaderMapTest, RefusesWhatIsNoPowerOfTwo) {
  for (const std::int64_t stripes : {3, 100}) {
    try {
      Map map(Stripes(stripes));
      FAIL() << "accepted " << stripes << " stripes";
    } catch (const std::invalid_argument& e) {
      const std::string what = e.what();
      EXPECT_NE(what.find("stripes is " + std::to_string(stripes)),
                std::string::npos) << what;
    }
  }
}

TEST(StripedReaderMapTest, EachStripeIsALine) {
  Map one(Stripes(1)), many(Stripes(256));
  EXPECT_GE(many.MemoryBytes(), one.MemoryBytes() + 255 * kCacheLine);
  EXPECT_LE(many.MemoryBytes(), one.MemoryBytes() + 256 * kCacheLine);
}

// Threads that first ask one after the other get numbers one after the other,
// and keep them: with stripes enough they do not meet.
TEST(StripedReaderMapTest, ThreadsAreNumbered) {
  using Number = internal::ThreadNumber<NativeAtomics>;
  const std::uint32_t mine = Number::Mine();
  std::vector<std::uint32_t> numbers;
  for (int i = 0; i < 4; ++i) {
    std::thread([&] { numbers.push_back(Number::Mine()); }).join();
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    EXPECT_EQ(numbers[i], numbers[0] + i);
  }
  EXPECT_EQ(Number::Mine(), mine);
}

// A writer waits for the readers of every stripe, be they one or many, whoever
// leaves last.
TEST(StripedReaderMapTest, WritersWaitForEveryStripe) {
  constexpr int kReaders = 4;
  for (const std::int64_t stripes : {1, 2, 8}) {
    for (int last = 0; last < kReaders; ++last) {
      Lock lock(Stripes(stripes));
      std::atomic<int> inside{0};
      std::array<std::atomic<bool>, kReaders> leave{};
      std::vector<std::thread> readers;
      for (int i = 0; i < kReaders; ++i) {
        readers.emplace_back([&, i] {
          lock.lock_shared();
          inside.fetch_add(1);
          while (!leave[i].load()) std::this_thread::yield();
          inside.fetch_sub(1);
          lock.unlock_shared();
        });
      }
      while (inside.load() != kReaders) std::this_thread::yield();
      std::thread writer([&] {
        lock.lock();
        EXPECT_EQ(inside.load(), 0) << "with " << stripes << " stripes";
        lock.unlock();
      });
      for (int i = 0; i < kReaders; ++i) {
        if (i != last) leave[i].store(true);
      }
      // Time lets the writer come before the last reader leaves; one that comes
      // later finds nothing wrong.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      leave[last].store(true);
      for (std::thread& reader : readers) reader.join();
      writer.join();
    }
  }
}

}  // namespace
}  // namespace cmap
