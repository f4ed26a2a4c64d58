// SPDX-License-Identifier: Apache-2.0
#include "maps/generation_seqlock_map/word_image.h"

#include <cstdint>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <random>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {
namespace {

using U64 = std::uint64_t;
using Image = WordImage<NativeAtomics>;

TEST(WordImageTest, CapacityIsTheLeastThatHasRoom) {
  EXPECT_EQ(Image::CapacityFor(0), 8u);
  EXPECT_EQ(Image::CapacityFor(6), 8u);
  EXPECT_EQ(Image::CapacityFor(7), 16u);
  EXPECT_EQ(Image::CapacityFor(96), 128u);
  EXPECT_EQ(Image::CapacityFor(97), 256u);
  for (std::size_t n = 1; n < 1000; ++n) {
    const std::size_t capacity = Image::CapacityFor(n);
    ASSERT_TRUE(Image(capacity).HasRoomFor(n));
    ASSERT_TRUE(capacity == 8 || !Image(capacity / 2).HasRoomFor(n)) << n;
  }
  EXPECT_THROW(Image::CapacityFor(std::numeric_limits<std::size_t>::max()),
               std::bad_alloc);
}

TEST(WordImageTest, WordsOfSmallTypesComeBack) {
  struct Pair {
    std::uint16_t a, b;
    bool operator==(const Pair&) const = default;
  };
  EXPECT_EQ(FromWord<Pair>(ToWord(Pair{3, 4})), (Pair{3, 4}));
  EXPECT_EQ(FromWord<double>(ToWord(-0.5)), -0.5);
  EXPECT_EQ(FromWord<bool>(ToWord(true)), true);
  EXPECT_EQ(FromWord<U64>(ToWord(~U64{0})), ~U64{0});
}

// A full cluster table with few homes: every gap is closed in every position,
// around the end of the array too. `homes` different hashes.
void AgainstModel(U64 homes) {
  std::mt19937_64 random(homes);
  const auto hash_of = [&](U64 key) { return key % homes << 61 | key % homes; };
  Image image(32);
  Image::Moves moves;
  std::map<U64, U64> model;
  for (int step = 0; step < 20'000; ++step) {
    const U64 key = random() % 40;
    const auto place = image.Locate(hash_of(key), key);
    ASSERT_EQ(place.present, model.contains(key));
    if (random() % 2 == 0) {
      if (!place.present && !image.HasRoomFor(model.size() + 1)) continue;
      const U64 value = random();
      image.Put(place, key, value);
      model[key] = value;
    } else if (place.present) {
      image.PlanErase(place, hash_of, moves);
      image.Erase(place, moves);
      model.erase(key);
    }
    for (U64 k = 0; k < 40; ++k) {
      const auto it = model.find(k);
      ASSERT_EQ(image.Find(hash_of(k), k),
                it == model.end() ? std::nullopt : std::optional(it->second))
          << "key " << k << " after step " << step;
    }
  }
  std::map<U64, U64> seen;
  image.ForEach([&](U64 k, U64 v) { EXPECT_TRUE(seen.emplace(k, v).second); });
  EXPECT_EQ(seen, model);
  image.Clear();
  image.ForEach([&](U64, U64) { ADD_FAILURE(); });
}

TEST(WordImageTest, DeletionLosesNothing) {
  for (const U64 homes : {1, 2, 3, 8}) AgainstModel(homes);
}

}  // namespace
}  // namespace cmap::internal
