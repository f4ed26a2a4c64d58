// SPDX-License-Identifier: Apache-2.0
//
// Batches of loads: the same answers as one load after another, of maps that have an
// operation for them and of one that has none.
#include "maps/visit_batch.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/cache_line_map.h"
#include "maps/mutex_map.h"
#include "maps/peers/boost_concurrent_flat_map.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;

static_assert(BatchVisitingMap<CacheLineMap<U64, U64>>);
static_assert(BatchVisitingMap<CacheLineMap<std::string, std::string>>);
static_assert(BatchVisitingMap<BoostConcurrentFlatMap<U64, U64>>);
static_assert(!BatchVisitingMap<MutexMap<U64, U64>>);

template <class T>
T Make(U64 i) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "longer than fits into the object itself " + std::to_string(i);
  } else {
    return i * 0x9e3779b97f4a7c15;
  }
}

template <class Map>
class VisitBatchTest : public ::testing::Test {};
using Maps = ::testing::Types<
    CacheLineMap<U64, U64>, CacheLineMap<std::string, std::string>,
    BoostConcurrentFlatMap<U64, U64>, BoostConcurrentFlatMap<std::string, std::string>,
    MutexMap<U64, U64>>;
TYPED_TEST_SUITE(VisitBatchTest, Maps);

TYPED_TEST(VisitBatchTest, FindsWhatLoadsFind) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  TypeParam map;
  for (U64 i = 0; i < 3000; ++i) map.Store(Make<K>(i), Make<V>(i + 7));
  // Every fourth key is not there, and with a stride of 0 all are the same.
  for (const std::size_t size : {0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 4000}) {
    for (const U64 stride : {0, 1, 13}) {
      std::vector<K> keys;
      std::multimap<K, V> expected;
      for (std::size_t i = 0; i < size; ++i) {
        keys.push_back(Make<K>(i * stride % 4000));
        if (const auto value = map.Load(keys.back())) expected.emplace(keys.back(), *value);
      }
      std::multimap<K, V> found;
      const std::size_t count =
          VisitBatch(map, std::span<const K>(keys),
                     [&](const K& key, const V& value) { found.emplace(key, value); });
      EXPECT_EQ(count, expected.size());
      EXPECT_EQ(found, expected) << size << " keys, stride " << stride;
    }
  }
}

// Keys that stay are found in every batch, those that never were in none, while others
// come, go and make the map grow.
TYPED_TEST(VisitBatchTest, MissesNothingWhileOthersWrite) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  constexpr U64 kStay = 64;
  TypeParam map;
  for (U64 i = 0; i < kStay; ++i) map.Store(Make<K>(i), Make<V>(i));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (U64 i = 0; i < 40'000; ++i) {
      map.Store(Make<K>(1000 + i), Make<V>(i));
      if (i % 3 != 0) map.Delete(Make<K>(1000 + i));
      map.Store(Make<K>(i % kStay), Make<V>(i % kStay));
    }
    stop = true;
  });
  std::vector<K> keys;
  for (U64 i = 0; i < kStay; ++i) {
    keys.push_back(Make<K>(i));
    keys.push_back(Make<K>(1'000'000 + i));
  }
  U64 batches = 0;
  U64 wrong = 0;
  while (!stop || batches == 0) {
    std::vector<K> seen;
    VisitBatch(map, std::span<const K>(keys), [&](const K& key, const V& value) {
      const auto at = std::find(keys.begin(), keys.end(), key) - keys.begin();
      wrong += at % 2 != 0 || value != Make<V>(static_cast<U64>(at / 2));
      seen.push_back(key);
    });
    std::sort(seen.begin(), seen.end());
    wrong += seen.size() != kStay || std::adjacent_find(seen.begin(), seen.end()) != seen.end();
    ++batches;
  }
  writer.join();
  EXPECT_EQ(wrong, 0u) << "in " << batches << " batches";
}

TYPED_TEST(VisitBatchTest, AVisitorThatThrowsLeavesTheMapUsable) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  TypeParam map;
  std::vector<K> keys;
  for (U64 i = 0; i < 40; ++i) {
    keys.push_back(Make<K>(i));
    map.Store(keys.back(), Make<V>(i));
  }
  int calls = 0;
  EXPECT_THROW(VisitBatch(map, std::span<const K>(keys),
                          [&](const K&, const V&) {
                            if (++calls == 20) throw std::runtime_error("enough");
                          }),
               std::runtime_error);
  EXPECT_EQ(calls, 20);
  for (const K& key : keys) {
    map.Store(key, Make<V>(1));
    EXPECT_TRUE(map.Delete(key));
  }
  EXPECT_EQ(VisitBatch(map, std::span<const K>(keys), [](const K&, const V&) {}), 0u);
}

}  // namespace
}  // namespace cmap
