// SPDX-License-Identifier: Apache-2.0
#include "maps/internal/tables/bucket_table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"

namespace cmap::internal {
namespace {

using U64 = std::uint64_t;

// What the allocators below were asked for and have not got back, in bytes as
// MallocBytes() takes a block to need; and which allocation is to fail.
std::size_t needed = 0;
U64 allocations = 0, failing_allocation = 0;

template <class T>
struct MeasuringAllocator {
  using value_type = T;
  MeasuringAllocator() = default;
  template <class U>
  MeasuringAllocator(const MeasuringAllocator<U>&) {}

  T* allocate(std::size_t n) {
    if (++allocations == failing_allocation) throw std::bad_alloc();
    needed += MallocBytes(n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    needed -= MallocBytes(n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
};

// The key is its own hash; one of the calls may throw.
U64 hashes = 0, failing_hash = 0;
struct OwnHash {
  U64 operator()(U64 key) const {
    if (++hashes == failing_hash) throw std::runtime_error("hash");
    return key;
  }
};

template <BucketKeys kKeys>
using Measured = BucketTable<U64, U64, OwnHash, kKeys, MeasuringAllocator>;

template <class T>
class BucketTableTest : public ::testing::Test {};
using Tables = ::testing::Types<Measured<BucketKeys::kByType>,
                                Measured<BucketKeys::kGeneric>>;
TYPED_TEST_SUITE(BucketTableTest, Tables);

template <class T>
U64 Get(const T& table, std::string_view name) {
  for (const Counter& counter : table.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// A table beside what it should hold. Keys that agree in their low bits share a
// chain.
template <class T>
struct Model {
  T table;
  std::unordered_map<U64, U64> model;

  void Store(U64 key, U64 value) {
    table.Store(key, key, value);
    model[key] = value;
  }
  void Delete(U64 key) {
    EXPECT_EQ(table.Delete(key, key), model.erase(key) == 1) << key;
  }
  // Everything that is there, and nothing else.
  void Compare() {
    ASSERT_EQ(table.Size(), model.size());
    for (const auto& [key, value] : model) {
      ASSERT_EQ(table.Load(key, key), std::optional(value)) << key;
    }
    std::vector<std::pair<U64, U64>> entries;
    table.AppendTo(entries);
    ASSERT_EQ(entries.size(), model.size());
    for (const auto& [key, value] : entries) ASSERT_EQ(model.at(key), value);
    ASSERT_EQ(table.HeapBytesHeld(), needed);
  }
};

TYPED_TEST(BucketTableTest, AnEmptySlotIsNoKey) {
  TypeParam table;
  EXPECT_EQ(table.Load(0, 0), std::nullopt);
  table.Store(1, 1, 10);
  EXPECT_EQ(table.Load(0, 0), std::nullopt) << "slots start out as zeroes";
  table.Store(0, 0, 20);
  EXPECT_TRUE(table.Delete(1, 1));
  EXPECT_EQ(table.Load(1, 1), std::nullopt) << "a deleted key leaves its bytes";
  EXPECT_FALSE(table.Delete(1, 1));
  EXPECT_EQ(table.Load(0, 0), 20u);
}

// Sizes pass through two doublings and more, and all keys are there at each step:
// before, amid and after the evacuation.
TYPED_TEST(BucketTableTest, NothingIsLostWhileItGrows) {
  Model<TypeParam> m;
  for (U64 i = 0; i < 500; ++i) {
    m.Store(MixBits(i), i);
    ASSERT_NO_FATAL_FAILURE(m.Compare());
  }
  EXPECT_EQ(Get(m.table, "growths"), 7u) << "1 to 128 buckets";
  for (U64 i = 0; i < 500; i += 3) m.Delete(MixBits(i));
  m.Compare();
}

// Growth costs each write two old buckets, whatever the size of the table.
TYPED_TEST(BucketTableTest, GrowthIsSpreadOverWrites) {
  TypeParam table;
  for (U64 i = 0; i < 100'000; ++i) {
    const U64 before = Get(table, "evacuations");
    table.Store(MixBits(i), MixBits(i), i);
    ASSERT_LE(Get(table, "evacuations") - before, 2u);
  }
  // 1 + 2 + 4 + ... buckets have moved, but for those of the last doubling.
  EXPECT_GE(Get(table, "evacuations"), (U64{1} << 13) - 1);
}

// Deletions leave overflow buckets behind; when there are as many as buckets, all
// entries move to an array of the same size.
TYPED_TEST(BucketTableTest, ASameSizeGrowthClearsOverflowBuckets) {
  Model<TypeParam> m;
  m.table.Reserve(104);  // 16 buckets
  const std::size_t reserved = m.table.HeapBytesHeld();
  U64 same = 0;
  for (U64 chain = 0; chain < 4; ++chain) {
    for (U64 i = 0; i < 100; ++i) m.Store(i << 8 | chain, i);
    ASSERT_NO_FATAL_FAILURE(m.Compare());
    same = Get(m.table, "same_size_growths");
    if (chain == 0) {
      EXPECT_EQ(same, 0u);
    }
    for (U64 i = 0; i < 99; ++i) m.Delete(i << 8 | chain);
  }
  EXPECT_GE(same, 1u);
  EXPECT_EQ(Get(m.table, "growths"), 0u);
  for (U64 i = 0; i < 100; ++i) m.Store(i, i), m.Delete(i);
  m.Compare();
  // Without it there would be 4 * 12 overflow buckets.
  EXPECT_LT(m.table.HeapBytesHeld(), reserved + 26 * 160);
}

// Random calls, few chains, long ones: marks for "nothing follows" are set and
// taken back everywhere.
TYPED_TEST(BucketTableTest, MatchesAModel) {
  for (U64 seed = 1; seed <= 20; ++seed) {
    Model<TypeParam> m;
    U64 state = seed;
    for (int step = 0; step < 3000; ++step) {
      state = MixBits(state + 0x9e3779b97f4a7c15);
      const U64 key = (state >> 8) % 120 << (seed % 3 * 6);
      // Up and down in size.
      if ((state & 0xff) < (step / 300 % 2 == 0 ? 180 : 90)) {
        m.Store(key, state);
      } else {
        m.Delete(key);
      }
    }
    ASSERT_NO_FATAL_FAILURE(m.Compare()) << "seed " << seed;
    m.table.Clear();
    m.model.clear();
    for (U64 key = 0; key < 20; ++key) m.Store(key << 10, key);
    ASSERT_NO_FATAL_FAILURE(m.Compare()) << "seed " << seed;
  }
}

// Whatever throws amid an evacuation, the table is as before, and goes on.
TYPED_TEST(BucketTableTest, AnEvacuationThatThrowsChangesNothing) {
  for (const bool by_hash : {true, false}) {
    int thrown = 0;
    for (U64 nth = 1; nth < 60; ++nth) {
      Model<TypeParam> m;
      // Long chains, that will need overflow buckets on both sides.
      for (U64 i = 0; i < 104; ++i) m.Store(i << 8 | (i & 1) << 4, i);
      hashes = allocations = 0;
      (by_hash ? failing_hash : failing_allocation) = nth;
      for (U64 i = 104; i < 160; ++i) {
        const U64 key = i << 8 | (i & 1) << 4;
        try {
          m.table.Store(key, key, i);
          m.model[key] = i;
        } catch (const std::runtime_error&) {
          ++thrown;
        } catch (const std::bad_alloc&) {
          ++thrown;
        }
      }
      failing_hash = failing_allocation = 0;
      ASSERT_NO_FATAL_FAILURE(m.Compare()) << nth;
    }
    EXPECT_GE(thrown, 10) << (by_hash ? "hashes" : "allocations");
  }
  EXPECT_EQ(needed, 0u);
}

TYPED_TEST(BucketTableTest, ReserveNeverShrinksAndPreventsGrowth) {
  for (const U64 present : {0, 100}) {
    Model<TypeParam> m;
    for (U64 i = 0; i < present; ++i) m.Store(MixBits(i), i);
    m.table.Reserve(5000);
    ASSERT_NO_FATAL_FAILURE(m.Compare());
    const U64 growths = Get(m.table, "growths");
    m.table.Reserve(10);
    m.table.Reserve(0);
    for (U64 i = 0; i < 5000; ++i) m.Store(MixBits(i), i);
    EXPECT_EQ(Get(m.table, "growths"), growths);
    EXPECT_EQ(Get(m.table, "same_size_growths"), 0u);
    m.Compare();
  }
}

TEST(BucketTableKeysTest, FastKeysFollowTheType) {
  EXPECT_TRUE((BucketTable<U64, int, OwnHash>::kFast64));
  EXPECT_TRUE((BucketTable<std::int64_t, std::string, OwnHash>::kFast64));
  EXPECT_FALSE((BucketTable<std::uint32_t, int, OwnHash>::kFast64));
  EXPECT_FALSE((BucketTable<std::string, int, OwnHash>::kFast64));
  EXPECT_FALSE((BucketTable<U64, int, OwnHash, BucketKeys::kGeneric>::kFast64));
}

TEST(BucketTableKeysTest, BytesIncludeWhatStringsOwn) {
  BucketTable<std::string, std::string, DefaultHash<std::string>> table;
  const std::string key(100, 'k');
  table.Store(1, key, "short");
  const std::size_t with_short = table.HeapBytesHeld();
  table.Store(1, key, std::string(200, 'v'));
  EXPECT_GE(table.HeapBytesHeld(), with_short + 201);
  EXPECT_GE(with_short, 101u);
}

}  // namespace
}  // namespace cmap::internal
