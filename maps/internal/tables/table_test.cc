// SPDX-License-Identifier: Apache-2.0
#include "maps/internal/tables/table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"

namespace cmap::internal {
namespace {

// What the allocators below were asked for and have not got back: in bytes as
// requested, and in bytes as MallocBytes() takes a block to need.
std::size_t requested = 0;
std::size_t needed = 0;
std::size_t blocks = 0;

template <class T>
struct MeasuringAllocator {
  using value_type = T;
  MeasuringAllocator() = default;
  template <class U>
  MeasuringAllocator(const MeasuringAllocator<U>&) {}

  T* allocate(std::size_t n) {
    requested += n * sizeof(T);
    needed += MallocBytes(n * sizeof(T));
    ++blocks;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    requested -= n * sizeof(T);
    needed -= MallocBytes(n * sizeof(T));
    --blocks;
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const MeasuringAllocator&, const MeasuringAllocator&) {
    return true;
  }
};

template <class K, class V, class Make>
void ExpectBytesExact(Make make) {
  requested = needed = blocks = 0;
  {
    Table<K, V, MeasuringAllocator> table;
    EXPECT_EQ(table.HeapBytesHeld(), 0u);
    for (std::uint64_t i = 0; i < 3000; ++i) {
      table.Store(MixBits(i), make(i), V());
      ASSERT_EQ(table.HeapBytesHeld(), needed) << "with " << i + 1 << " entries";
    }
    EXPECT_EQ(blocks, 3000u + 1) << "one node each and one bucket array";
    for (std::uint64_t i = 0; i < 3000; i += 2) {
      ASSERT_TRUE(table.Delete(MixBits(i), make(i)));
    }
    EXPECT_EQ(table.HeapBytesHeld(), needed);
    table.Reserve(10000);
    EXPECT_EQ(table.HeapBytesHeld(), needed);
    table.Clear();
    EXPECT_EQ(table.HeapBytesHeld(), needed);
    EXPECT_EQ(blocks, 1u) << "Clear keeps the bucket array";
  }
  EXPECT_EQ(requested, 0u);
}

// HeapBytesHeld() computes what an allocator would have counted, because its
// idea of a node is the library's.
TEST(TableTest, BytesAreWhatTheAllocatorWasAskedFor) {
  ExpectBytesExact<std::uint64_t, std::uint64_t>([](std::uint64_t i) { return i; });
  ExpectBytesExact<std::uint32_t, std::uint8_t>(
      [](std::uint64_t i) { return static_cast<std::uint32_t>(i); });
  // Short strings own no heap block.
  ExpectBytesExact<std::string, std::uint64_t>(
      [](std::uint64_t i) { return std::to_string(i); });
}

TEST(TableTest, BytesIncludeWhatStringsOwn) {
  Table<std::string, std::string> table;
  const std::string key(100, 'k');
  table.Store(1, key, "short");
  const std::size_t with_short = table.HeapBytesHeld();
  table.Store(1, key, std::string(200, 'v'));
  EXPECT_GE(table.HeapBytesHeld(), with_short + 201);
  EXPECT_GE(with_short, 101u);
}

TEST(MemoryTest, BlocksAreRoundedAsGlibcDoes) {
  EXPECT_EQ(MallocBytes(0), 0u);
  EXPECT_EQ(MallocBytes(1), 32u);
  EXPECT_EQ(MallocBytes(24), 32u);
  EXPECT_EQ(MallocBytes(25), 48u);
  EXPECT_EQ(MallocBytes(40), 48u);
  EXPECT_EQ(MallocBytes(41), 64u);
}

// Keys with equal hashes are told apart, equal keys are not.
TEST(TableTest, CollidingHashes) {
  Table<std::string, int> table;
  table.Store(5, "a", 1);
  table.Store(5, "b", 2);
  table.Store(5, "a", 3);
  EXPECT_EQ(table.Size(), 2u);
  EXPECT_EQ(table.Load(5, "a"), 3);
  EXPECT_EQ(table.Load(5, "b"), 2);
  EXPECT_EQ(table.Load(5, "c"), std::nullopt);
}

// The table never hashes: it must be satisfied with any type that compares.
TEST(TableTest, KeysNeedNoHash) {
  struct Key {
    int a;
    std::string b;
    bool operator==(const Key&) const = default;
  };
  Table<Key, int> table;
  EXPECT_EQ(table.LoadOrStore(1, Key{1, "x"}, 7), (Loaded<int>{7, false}));
  EXPECT_EQ(table.LoadOrStore(1, Key{1, "x"}, 8), (Loaded<int>{7, true}));
  EXPECT_EQ(table.LoadOrStore(1, Key{1, "y"}, 9), (Loaded<int>{9, false}));
}

// Finding a string key allocates nothing.
TEST(TableTest, LookupsDoNotAllocate) {
  Table<std::string, std::uint64_t, MeasuringAllocator> table;
  const std::string key(100, 'k');
  table.Store(9, key, 1);
  const std::size_t before = blocks;
  EXPECT_EQ(table.Load(9, key), 1u);
  table.Store(9, key, 2);
  EXPECT_TRUE(table.LoadOrStore(9, key, 3).loaded);
  EXPECT_TRUE(table.CompareAndSwap(9, key, 2, 3));
  EXPECT_EQ(table.Swap(9, key, 4), 3u);
  EXPECT_EQ(blocks, before);
}

// A boxed value costs one block more, and overwriting it a new one.
TEST(TableTest, BoxedValuesHaveBlocksOfTheirOwn) {
  Table<std::uint64_t, std::uint64_t> inline_table;
  BoxedTable<std::uint64_t, std::uint64_t> boxed;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    inline_table.Store(MixBits(i), i, i);
    boxed.Store(MixBits(i), i, i);
  }
  EXPECT_EQ(boxed.HeapBytesHeld(),
            inline_table.HeapBytesHeld() + 1000 * MallocBytes(8));
  const std::uint64_t* before = boxed.Find(MixBits(7), 7);
  boxed.Store(MixBits(7), 7, 8);
  EXPECT_NE(boxed.Find(MixBits(7), 7), before);
  EXPECT_EQ(boxed.Load(MixBits(7), 7), 8u);
  EXPECT_EQ(boxed.Swap(MixBits(7), 7, 9), 8u);
  const auto copy = boxed;
  boxed.Store(MixBits(7), 7, 1);
  EXPECT_EQ(copy.Load(MixBits(7), 7), 9u);
}

TEST(TableTest, PooledNodesAreUsedAgainAndCounted) {
  PooledTable<std::uint64_t, std::uint64_t> table;
  for (std::uint64_t i = 0; i < 10'000; ++i) table.Store(MixBits(i), i, i);
  const std::size_t full = table.HeapBytesHeld();
  // A node is 32 bytes here, 48 from malloc; the last chunk may be half empty.
  EXPECT_LT(full, 10'000 * (32 + 8 + 16 + 8));
  EXPECT_GT(full, 10'000 * 32u);
  for (std::uint64_t i = 0; i < 10'000; ++i) table.Delete(MixBits(i), i);
  for (std::uint64_t i = 0; i < 10'000; ++i) table.Store(MixBits(i), i + 7, i);
  EXPECT_EQ(table.HeapBytesHeld(), full);
  const auto copy = table;
  table.Clear();
  EXPECT_EQ(table.HeapBytesHeld(), full) << "a pool keeps what it has";
  EXPECT_EQ(copy.Size(), 10'000u);
}

TEST(NodePoolTest, ServesTheFirstSizeAndGrowsByDoubling) {
  NodePool pool;
  EXPECT_TRUE(pool.Serves(40));
  EXPECT_TRUE(pool.Serves(48)) << "rounded to the alignment";
  EXPECT_FALSE(pool.Serves(64));
  EXPECT_EQ(pool.Bytes(), 0u);
  void* first = pool.Take();
  const std::size_t one_chunk = pool.Bytes();
  EXPECT_GE(one_chunk, 8 * 48u);
  EXPECT_LE(one_chunk, 8 * 48u + 48);
  pool.Give(first);
  EXPECT_EQ(pool.Take(), first);
  for (int i = 1; i < 8; ++i) {
    EXPECT_EQ(pool.Take(), static_cast<char*>(first) + i * 48);
  }
  EXPECT_EQ(pool.Bytes(), one_chunk);
  pool.Take();
  EXPECT_LT(pool.Bytes(), 2 * one_chunk + 16);
  EXPECT_GT(pool.Bytes(), one_chunk);
}

TEST(TableTest, ReserveNeverShrinksAndPreventsGrowth) {
  Table<std::uint64_t, std::uint64_t> table;
  table.Reserve(5000);
  const std::size_t reserved = table.HeapBytesHeld();
  table.Reserve(10);
  table.Reserve(0);
  EXPECT_EQ(table.HeapBytesHeld(), reserved);
  for (std::uint64_t i = 0; i < 5000; ++i) table.Store(MixBits(i), i, i);
  EXPECT_EQ(table.HeapBytesHeld(),
            reserved + 5000 * MallocBytes(4 * sizeof(std::uint64_t)));
}

}  // namespace
}  // namespace cmap::internal
