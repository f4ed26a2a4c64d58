// SPDX-License-Identifier: Apache-2.0
#include "maps/sharded_map.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "maps/internal/locks/rw_lock.h"

namespace cmap {
namespace {

// Hashes are counted and chosen by the test: the key is its own hash.
int hashed = 0;
struct CountingHash {
  std::uint64_t operator()(std::uint64_t key) const noexcept {
    ++hashed;
    return key;
  }
};
using Counted = ShardedMap<std::uint64_t, std::uint64_t, CountingHash>;

TEST(ShardedMapTest, HashesOncePerOperation) {
  Counted map;
  const auto once = [](const char* what, auto call) {
    hashed = 0;
    call();
    EXPECT_EQ(hashed, 1) << what;
  };
  // Several keys of one bucket, so that a walk along it would show.
  for (std::uint64_t i = 0; i < 64; ++i) map.Store(i, i);
  once("Load", [&] { map.Load(1); });
  once("Load of an absent key", [&] { map.Load(1000); });
  once("Store of a present key", [&] { map.Store(1, 2); });
  once("Store of a new key", [&] { map.Store(100, 2); });
  once("LoadOrStore", [&] { map.LoadOrStore(1, 2); });
  once("LoadOrStore of a new key", [&] { map.LoadOrStore(101, 2); });
  once("LoadOrCompute", [&] {
    map.LoadOrCompute(102, [] { return std::uint64_t{1}; });
  });
  once("Swap", [&] { map.Swap(1, 3); });
  once("CompareAndSwap", [&] { map.CompareAndSwap(1, 3, 4); });
  once("CompareAndDelete", [&] { map.CompareAndDelete(1, 4); });
  once("LoadAndDelete", [&] { map.LoadAndDelete(2); });
  once("Delete", [&] { map.Delete(3); });
}

// Growing rehashes nothing: the nodes keep their hashes.
TEST(ShardedMapTest, GrowthDoesNotHash) {
  Counted map;
  hashed = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) map.Store(i << 40, i);
  EXPECT_EQ(hashed, 10000);
}

// A visitor sees whole shards in turn: keys with equal high bits come together.
TEST(ShardedMapTest, ShardComesFromTheHighBits) {
  for (const std::int64_t shards : {1, 2, 16, 65536}) {
    Counted map(ShardedMapOptions{.shards = shards});
    for (std::uint64_t i = 0; i < 256; ++i) {
      map.Store((i % 16) << 60 | i, i);  // sixteen keys for each four high bits
    }
    EXPECT_EQ(map.Size(), 256u);
    // With up to 16 shards the shard number is a prefix of the four bits: it
    // never falls from one visited key to the next.
    const int bits = shards == 1 ? 0 : shards == 2 ? 1 : 4;
    std::uint64_t last = 0, visited = 0;
    map.Range([&](std::uint64_t key, std::uint64_t) {
      const std::uint64_t shard = (key >> 32) >> (32 - bits);
      EXPECT_GE(shard, last) << "with " << shards << " shards";
      last = shard;
      ++visited;
      return true;
    });
    EXPECT_EQ(visited, 256u);
  }
}

TEST(ShardedMapTest, RefusesWhatIsNoPowerOfTwo) {
  for (const std::int64_t shards : {3, 6, 100, 65535}) {
    try {
      Counted map(ShardedMapOptions{.shards = shards});
      FAIL() << "accepted " << shards << " shards";
    } catch (const std::invalid_argument& e) {
      const std::string what = e.what();
      EXPECT_NE(what.find("shards is " + std::to_string(shards)),
                std::string::npos) << what;
      EXPECT_NE(what.find("power of two"), std::string::npos) << what;
    }
  }
}

// Reserved shards do not grow when keys are spread by a good hash.
TEST(ShardedMapTest, ReserveSuffices) {
  ShardedMap<std::uint64_t, std::uint64_t> map;
  map.Reserve(20000);
  const std::size_t reserved = map.MemoryBytes();
  for (std::uint64_t i = 0; i < 20000; ++i) map.Store(i, i);
  EXPECT_EQ(map.MemoryBytes(),
            reserved + 20000 * internal::MallocBytes(4 * sizeof(std::uint64_t)));
}

TEST(ShardedMapTest, PaddedShardsCostMemory) {
  ShardedMap<std::uint64_t, std::uint64_t> padded;
  ShardedMap<std::uint64_t, std::uint64_t, DefaultHash<std::uint64_t>,
             NativeAtomics, ShardLayout::kPacked>
      packed;
  EXPECT_GT(padded.MemoryBytes(), packed.MemoryBytes());
}

template <template <class> class Lock>
using WithLock = ShardedMap<std::uint64_t, std::uint64_t,
                            DefaultHash<std::uint64_t>, NativeAtomics,
                            ShardLayout::kPadded, Lock<NativeAtomics>>;

// The figures that the head of sharded_map.h gives, and what the traits say.
TEST(ShardedMapTest, TheLockIsNamedAndCostsItsSize) {
  const auto shard_bytes = []<class M>(M*) {
    const auto bytes = [](std::int64_t shards) {
      return static_cast<std::int64_t>(
          M(ShardedMapOptions{.shards = shards}).MemoryBytes());
    };
    return (bytes(64) - bytes(32)) / 32;
  };
  const auto summary = []<class M>(M*) { return M::kTraits.summary; };
  using Mutex = WithLock<internal::MutexLock>;
  using Spin = WithLock<internal::OneByteLock>;
  using Shared = WithLock<internal::SharedLock>;
  using Rw = WithLock<internal::WriterPreferringLock>;
  EXPECT_EQ(shard_bytes(static_cast<Mutex*>(nullptr)), 128);
  EXPECT_EQ(shard_bytes(static_cast<Spin*>(nullptr)), 64);
  EXPECT_EQ(shard_bytes(static_cast<Shared*>(nullptr)), 128);
  EXPECT_EQ(shard_bytes(static_cast<Rw*>(nullptr)), 128);
  EXPECT_EQ(summary(static_cast<Spin*>(nullptr)),
            "many shards, each a hash table on cache lines of its own, behind a one-byte "
            "spin lock");
  EXPECT_NE(summary(static_cast<Rw*>(nullptr)).find("writer-preferring"),
            std::string_view::npos);
}

}  // namespace
}  // namespace cmap
