// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to the maps over Go's table.
#include "maps/bucket_map.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/bucket_table.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using Mutex = internal::MutexLock<NativeAtomics>;
using RwLock = internal::WriterPreferringLock<NativeAtomics>;
template <class Lock,
          internal::BucketKeys kKeys = internal::BucketKeys::kByType>
using Map = BucketMap<U64, U64, DefaultHash<U64>, NativeAtomics, Lock, kKeys>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// Readers share the lock while growth is under way: they move nothing.
TEST(BucketMapTest, ReadersDoNotEvacuate) {
  Map<RwLock> map;
  U64 keys = 0;
  // Until a growth has begun and not ended.
  while (Get(map, "growths") < 6) map.Store(keys, keys), ++keys;
  const U64 before = Get(map, "evacuations");
  std::atomic<U64> wrong{0};
  const auto read = [&] {
    for (U64 key = 0; key < keys; ++key) {
      if (map.Load(key) != key) wrong.fetch_add(1);
      if (map.Load(key + keys)) wrong.fetch_add(1);
    }
  };
  std::thread other(read);
  read();
  other.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(Get(map, "evacuations"), before);
  map.Store(0, 0);
  EXPECT_GT(Get(map, "evacuations"), before) << "a write goes on with it";
}

// The variants hold the same bytes: only the way to look differs.
TEST(BucketMapTest, TheGenericWayCostsNoMemory) {
  Map<Mutex> fast;
  Map<Mutex, internal::BucketKeys::kGeneric> generic;
  for (U64 i = 0; i < 10'000; ++i) fast.Store(i, i), generic.Store(i, i);
  EXPECT_EQ(fast.MemoryBytes(), generic.MemoryBytes());
}

TEST(BucketMapTest, ShardsCountTogether) {
  ShardedBucketMap<U64, U64> map;
  for (U64 i = 0; i < 100'000; ++i) map.Store(i, i);
  // 3125 keys a shard: 512 buckets each, nine doublings.
  EXPECT_GE(Get(map, "growths"), 32u * 8);
  EXPECT_LE(Get(map, "growths"), 32u * 10);
}

TEST(BucketMapTest, TraitsNameTheLock) {
  const auto says = [](const Traits& traits, std::string_view text) {
    return traits.summary.find(text) != std::string_view::npos;
  };
  EXPECT_TRUE(says(Map<Mutex>::kTraits, "mutex"));
  EXPECT_TRUE(says(Map<RwLock>::kTraits, RwLock::kName));
  EXPECT_EQ((BucketMap<U64, U64>::kTraits.max_threads), 1);
  EXPECT_EQ(Map<Mutex>::kTraits.max_threads, 0);
  // The table's name ends in s: of the shards, one is described.
  EXPECT_EQ((ShardedBucketMap<U64, U64>::kTraits.summary),
            "many shards, each a table of 8-entry buckets on cache lines of its own, behind a mutex");
}

}  // namespace
}  // namespace cmap
