// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to the maps behind one lock.
#include "maps/mutex_map.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/rw_mutex_map.h"
#include "maps/shared_mutex_map.h"
#include "maps/unsynchronised_map.h"

namespace cmap {
namespace {

template <class Map>
class SharedLockMapTest : public ::testing::Test {};
using SharedLockMaps =
    ::testing::Types<SharedMutexMap<std::uint64_t, std::uint64_t>,
                     RwMutexMap<std::uint64_t, std::uint64_t>>;
TYPED_TEST_SUITE(SharedLockMapTest, SharedLockMaps);

// A value whose copy waits inside the map's lock when its thread asks for that.
struct Slow {
  explicit Slow(int n) : number(n) {}
  Slow(const Slow& other) : number(other.number) {
    if (!wait_in_copy) return;
    inside.store(true);
    while (!leave.load()) std::this_thread::yield();
  }
  Slow(Slow&&) noexcept = default;
  Slow& operator=(const Slow&) = default;

  int number;
  static inline thread_local bool wait_in_copy = false;
  static inline std::atomic<bool> inside{false};
  static inline std::atomic<bool> leave{false};
};

// With read_first = 1 a LoadOrStore that finds its key shares the lock with a
// Load that is still inside; with 0 it has to wait for it.
template <template <class, class, class, class> class Map>
void ReadFirstShares() {
  for (const std::int64_t read_first : {1, 0}) {
    Map<std::uint64_t, Slow, DefaultHash<std::uint64_t>, NativeAtomics> map(
        internal::SharedLockOptions{.read_first = read_first});
    map.Store(1, Slow(7));
    Slow::inside = Slow::leave = false;
    std::thread loader([&] {
      Slow::wait_in_copy = true;
      map.Load(1);
    });
    while (!Slow::inside.load()) std::this_thread::yield();
    std::atomic<bool> done{false};
    std::thread storer([&] {
      EXPECT_TRUE(map.LoadOrStore(1, Slow(8)).loaded);
      done.store(true);
    });
    // Long enough for what must happen, short for what must not.
    const auto patience = std::chrono::steady_clock::now() +
                          std::chrono::milliseconds(read_first ? 20000 : 50);
    while (!done.load() && std::chrono::steady_clock::now() < patience) {
      std::this_thread::yield();
    }
    EXPECT_EQ(done.load(), read_first == 1) << "read_first = " << read_first;
    Slow::leave = true;
    loader.join();
    storer.join();
  }
}

TEST(ReadFirstTest, SharesTheLockWhenTheKeyIsPresent) {
  ReadFirstShares<SharedMutexMap>();
  ReadFirstShares<RwMutexMap>();
}

// Absence seen under the shared lock is never trusted: one thread stores.
TYPED_TEST(SharedLockMapTest, ReadFirstStillStoresOnce) {
  TypeParam map(internal::SharedLockOptions{.read_first = 1});
  std::atomic<int> stored{0};
  const auto race = [&](std::uint64_t me) {
    for (std::uint64_t key = 0; key < 2000; ++key) {
      if (!map.LoadOrStore(key, me).loaded) stored.fetch_add(1);
      const auto got = map.LoadOrCompute(key + 10000, [&] { return me; });
      if (!got.loaded) stored.fetch_add(1);
    }
  };
  std::thread other(race, 1);
  race(2);
  other.join();
  EXPECT_EQ(stored.load(), 4000);
  EXPECT_EQ(map.Size(), 4000u);
}

TYPED_TEST(SharedLockMapTest, RefusesOtherOptions) {
  EXPECT_THROW(TypeParam(internal::SharedLockOptions{.read_first = 2}),
               std::invalid_argument);
}

// The lock is the only difference: same table, same memory but for the lock.
TEST(LockedMapsTest, DifferInTheLockOnly) {
  UnsynchronisedMap<std::uint64_t, std::uint64_t> bare;
  MutexMap<std::uint64_t, std::uint64_t> locked;
  RwMutexMap<std::uint64_t, std::uint64_t> rw;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    bare.Store(i, i);
    locked.Store(i, i);
    rw.Store(i, i);
  }
  EXPECT_EQ(bare.MemoryBytes() - sizeof(bare),
            locked.MemoryBytes() - sizeof(locked));
  EXPECT_EQ(bare.MemoryBytes() - sizeof(bare), rw.MemoryBytes() - sizeof(rw));
}

}  // namespace
}  // namespace cmap
