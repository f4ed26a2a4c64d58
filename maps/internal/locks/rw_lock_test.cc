// SPDX-License-Identifier: Apache-2.0
#include "maps/internal/locks/rw_lock.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/striped_lock.h"

namespace cmap::internal {
namespace {

template <class Lock>
class RwLockTest : public ::testing::Test {};

using Locks =
    ::testing::Types<MutexLock<NativeAtomics>, SharedLock<NativeAtomics>,
                     WriterPreferringLock<NativeAtomics>,
                     StripedReaderLock<NativeAtomics>>;
TYPED_TEST_SUITE(RwLockTest, Locks);

// Writers exclude everybody; what they wrote is seen by the next holder. The data
// is plain: under ThreadSanitizer a missing ordering is a report.
TYPED_TEST(RwLockTest, Excludes) {
  TypeParam lock;
  std::uint64_t a = 0, b = 0;
  constexpr int kWriters = 3, kReaders = 3;
  constexpr std::uint64_t kWrites = 3000;
  std::atomic<std::uint64_t> torn{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kWrites; ++n) {
        lock.lock();
        ++a;
        if (n % 64 == 0) std::this_thread::yield();
        ++b;
        lock.unlock();
      }
    });
  }
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&] {
      // A fixed number: a lock that prefers readers may keep the writers waiting
      // for as long as there are any.
      for (std::uint64_t n = 0; n < kWrites; ++n) {
        lock.lock_shared();
        const std::uint64_t seen = a;
        if (n % 64 == 0) std::this_thread::yield();
        if (seen != b) torn.fetch_add(1);
        lock.unlock_shared();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_EQ(a, kWriters * kWrites);
  EXPECT_EQ(b, kWriters * kWrites);
}

// Two readers are inside at once where the lock says so, and only there.
TYPED_TEST(RwLockTest, ReadersShare) {
  TypeParam lock;
  std::atomic<bool> second_inside{false};
  lock.lock_shared();
  std::thread second([&] {
    lock.lock_shared();
    second_inside.store(true);
    lock.unlock_shared();
  });
  if (TypeParam::kShared) {
    second.join();  // does not end before it was inside
    EXPECT_TRUE(second_inside.load());
    lock.unlock_shared();
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(second_inside.load());
    lock.unlock_shared();
    second.join();
    EXPECT_TRUE(second_inside.load());
  }
}

template <class Lock>
class WriterPreferringLockTest : public ::testing::Test {};
using WriterPreferringLocks =
    ::testing::Types<WriterPreferringLock<NativeAtomics>,
                     StripedReaderLock<NativeAtomics>>;
TYPED_TEST_SUITE(WriterPreferringLockTest, WriterPreferringLocks);

// A waiting writer stops readers that come later, and is served as soon as those
// that came before have left.
TYPED_TEST(WriterPreferringLockTest, WaitingWriterStopsNewReaders) {
  TypeParam lock;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> order{0};
    int writer_at = 0, reader_at = 0;
    lock.lock_shared();
    std::thread writer([&] {
      lock.lock();
      writer_at = ++order;
      lock.unlock();
    });
    // Time makes the interesting order likely: the writer waits, then the reader
    // comes. A round in which a thread started too late shows nothing.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::thread reader([&] {
      lock.lock_shared();
      reader_at = ++order;
      lock.unlock_shared();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const int served_meanwhile = order.load();
    lock.unlock_shared();
    writer.join();
    reader.join();
    if (served_meanwhile == 0 && writer_at == 1 && reader_at == 2) return;
  }
  FAIL() << "a reader that came after a waiting writer always overtook it";
}

// Under readers that never pause, together always holding the lock, writers make
// progress.
TYPED_TEST(WriterPreferringLockTest, WritersDoNotStarve) {
  TypeParam lock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        lock.lock_shared();
        std::this_thread::yield();  // stay inside until others are as well
        lock.unlock_shared();
      }
    });
  }
  for (int n = 0; n < 200; ++n) {
    lock.lock();
    lock.unlock();
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace cmap::internal
