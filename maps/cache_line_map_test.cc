// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to cache_line_map: lines per lookup, memory per entry,
// growth group by group under readers, homes with more entries than fit; and
// line_touch, which has the same memory.

#include "maps/cache_line_map.h"

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/line_touch.h"
#include "maps/testing/counting_new.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using Map = CacheLineMap<U64, U64>;
using OneLineMap = CacheLineMap<U64, U64, DefaultHash<U64>, NativeAtomics, internal::OneLine>;

// Spread over all 64 bits, and never 0.
U64 Key(U64 i) { return (i + 1) * 0x9e3779b97f4a7c15; }

template <class M>
void Fill(M& map, U64 from, U64 to) {
  for (U64 i = from; i < to; ++i) map.Store(Key(i), i);
}

template <class M>
double BytesPerEntry(M& map) {
  return static_cast<double>(map.MemoryBytes()) / static_cast<double>(map.Size());
}

#if defined(CMAP_THREAD_SANITIZER) || defined(CMAP_ADDRESS_SANITIZER)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr U64 kMost = kSanitized ? 200'000 : 2'000'000;

// `more`: times as much as these bounds.
template <class M>
void GrowWithinBounds(double more) {
  M map;
  U64 size = 0;
  for (U64 next = 1000; next <= kMost; next += next / 16) {
    Fill(map, size, next);
    size = next;
    const double most = more * (size < 12'000 ? 34 : 32);
    if (BytesPerEntry(map) > most) {  // both tables, while it grows
      Fill(map, size, size + size / 100);
      size += size / 100;
    }
    EXPECT_LE(BytesPerEntry(map), most) << size << " entries";
    EXPECT_GE(BytesPerEntry(map), 25) << size << " entries";
  }
}

TEST(CacheLineMapTest, AtMost32BytesPerEntry) { GrowWithinBounds<Map>(1); }

// With which it is compared at the same memory, more or less.
TEST(CacheLineMapTest, AboutAsMuchInHomesOfOneLine) { GrowWithinBounds<OneLineMap>(1.03); }

TEST(CacheLineMapTest, AtMost32BytesPerEntryAtTheSizesOfTheStudy) {
  for (const U64 size : {1'000, 10'000, 100'000, 1'000'000}) {
    if (size > kMost) continue;
    Map map;
    Fill(map, 0, size);
    EXPECT_LE(BytesPerEntry(map), 32) << size << " entries";
  }
}

// Entries that come and go leave nothing behind: not where all go before others come, and
// not where one goes for each that comes. 100 times the size of the map.
TEST(CacheLineMapTest, AtMost32BytesPerEntryHoweverManyComeAndGo) {
  const U64 size = 50'000;
  const U64 rounds = kSanitized ? 5 : 50;
  Map map;
  U64 next = 0;
  for (U64 round = 0; round < rounds; ++round, next += size) {
    Fill(map, next, next + size);
    EXPECT_LE(BytesPerEntry(map), 32) << "filled " << round + 1 << " times";
    if (round + 1 == rounds) break;
    for (U64 i = next; i < next + size; ++i) ASSERT_TRUE(map.Delete(Key(i)));
  }
  next += size;
  for (U64 i = next; i < next + rounds * size; ++i) {
    ASSERT_TRUE(map.Delete(Key(i - size)));
    map.Store(Key(i), i);
  }
  EXPECT_EQ(map.Size(), size);
  EXPECT_LE(BytesPerEntry(map), 32) << "after churn";
  // As many in overflow lines as in a map that has seen no removal, or it is slower.
  Map fresh;
  Fill(fresh, 0, size);
  EXPECT_LT(map.Depths()[2], fresh.Depths()[2] * 3 / 2 + 100);
  map.Clear();
  Fill(map, 0, size);
  EXPECT_LE(BytesPerEntry(map), 32) << "after Clear";
}

// The kernel agrees: what was left behind has been given back.
TEST(CacheLineMapTest, OutgrownTablesTakeNoMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep memory of their own";
  const auto resident = [] {
    std::size_t total = 0, pages = 0;
    std::ifstream("/proc/self/statm") >> total >> pages;
    return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
  };
  const double before = resident();
  Map map;
  Fill(map, 0, 1'000'000);
  const double counted = static_cast<double>(map.MemoryBytes());
  EXPECT_NEAR((resident() - before) / counted, 1, 0.15);
}

TEST(CacheLineMapTest, FewHitsReadMoreThanTwoAdjacentLines) {
  Map map;
  U64 size = 0;
  double best = 0;
  for (U64 next = 10'000; next <= kMost; next += next / 8) {
    Fill(map, size, next);
    size = next;
    const auto depths = map.Depths();
    ASSERT_EQ(depths[0] + depths[1] + depths[2], size);
    const double n = static_cast<double>(size);
    best = std::max(best, static_cast<double>(depths[0]) / n);
    EXPECT_GT(static_cast<double>(depths[0]) / n, 0.5) << size << " entries";
    EXPECT_LT(static_cast<double>(depths[2]) / n, 0.08) << size << " entries";
  }
  EXPECT_GT(best, 0.62);
}

TEST(CacheLineMapTest, WhatFindsItsKeyAllocatesNothing) {
  Map map;
  Fill(map, 0, 1000);
  const U64 allocations = testing::Allocations();
  for (U64 i = 0; i < 1000; ++i) {
    ASSERT_EQ(map.Load(Key(i)), i);
    ASSERT_EQ(map.Load(Key(i + 1'000'000)), std::nullopt);
    map.Store(Key(i), i + 1);
    ASSERT_EQ(map.LoadOrStore(Key(i), 0), (Loaded<U64>{i + 1, true}));
    ASSERT_TRUE(map.CompareAndSwap(Key(i), i + 1, i));
    ASSERT_TRUE(map.Delete(Key(i)));
  }
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_EQ(map.Size(), 0u);
}

TEST(CacheLineMapTest, AllWordsAreKeysAndValues) {
  Map map;
  for (const U64 k : {U64{0}, U64{1}, ~U64{0}, U64{1} << 63}) {
    EXPECT_EQ(map.Load(k), std::nullopt);
    map.Store(k, ~k);
    EXPECT_EQ(map.Load(k), ~k);
  }
  CacheLineMap<std::int8_t, double> small;
  for (int k = -128; k < 128; ++k) small.Store(static_cast<std::int8_t>(k), k / 2.0);
  EXPECT_EQ(small.Size(), 256u);
  for (int k = -128; k < 128; ++k) {
    EXPECT_EQ(small.Load(static_cast<std::int8_t>(k)), k / 2.0);
  }
  small.Range([](std::int8_t key, double value) {
    EXPECT_EQ(value, key / 2.0);
    return true;
  });
}

// Readers look for what they know to be there while it moves.
TEST(CacheLineMapTest, NothingIsMissedWhileItMoves) {
  constexpr U64 kKeys = kSanitized ? 30'000 : 300'000;
  Map map;
  std::atomic<U64> stored{0};
  std::vector<std::thread> readers;
  std::atomic<U64> missed{0}, wrong{0};
  for (U64 me = 0; me < 2; ++me) {
    readers.emplace_back([&, me] {
      U64 i = me;
      for (;;) {
        const U64 n = stored.load(std::memory_order_acquire);
        if (n == kKeys) return;
        if (n == 0) continue;
        i = (i * 25214903917 + 11) % n;
        const auto found = map.Load(Key(i));
        if (!found) {
          missed.fetch_add(1);
        } else if (*found != i) {
          wrong.fetch_add(1);
        }
      }
    });
  }
  for (U64 i = 0; i < kKeys; ++i) {
    map.Store(Key(i), i);
    stored.store(i + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(missed.load(), 0u);
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(map.Size(), kKeys);
}

// A visitor that makes the map grow several times under its own Range.
TEST(CacheLineMapTest, RangeVisitsOnceWhatMovesMeanwhile) {
  constexpr U64 kKeys = 2000;
  Map map;
  Fill(map, 0, kKeys);
  const U64 growths = map.Counters()[0].value;
  std::vector<int> seen(kKeys);
  U64 fresh = kKeys;
  map.Range([&](U64, U64 value) {
    if (value < kKeys) ++seen[value];
    if (fresh < 50 * kKeys) {
      Fill(map, fresh, fresh + 20);
      fresh += 20;
    }
    return true;
  });
  for (U64 i = 0; i < kKeys; ++i) EXPECT_EQ(seen[i], 1) << i;
  EXPECT_GT(map.Counters()[0].value, growths + 2);
}

TEST(CacheLineMapTest, ReservedSpaceDoesNotGrow) {
  Map map;
  Fill(map, 0, 10);
  map.Reserve(100'000);
  const U64 growths = map.Counters()[0].value;
  Fill(map, 10, 100'000);
  EXPECT_EQ(map.Counters()[0].value, growths);
  EXPECT_LE(BytesPerEntry(map), 32);
  for (U64 i = 0; i < 100'000; ++i) ASSERT_EQ(map.Load(Key(i)), i);
}

// As std::hash of integers is, and the same by one that says it needs no mixing.
struct Identity {
  U64 operator()(U64 key) const { return key; }
};
struct IdentityAsItIs : Identity {
  using well_mixed = void;
};

TEST(CacheLineMapTest, HashesThatDoNotMixAreMixed) {
  for (const U64 stride : {U64{1}, U64{64}, U64{1} << 36}) {
    CacheLineMap<U64, U64, Identity> map;
    for (U64 i = 0; i < 50'000; ++i) map.Store(i * stride, i);
    for (U64 i = 0; i < 50'000; ++i) ASSERT_EQ(map.Load(i * stride), i);
    EXPECT_LT(map.Depths()[2], 5'000u) << stride;
    EXPECT_LE(BytesPerEntry(map), 32) << stride;
  }
  CacheLineMap<U64, U64, IdentityAsItIs> map;
  for (U64 i = 0; i < 100; ++i) map.Store(i, i);
  EXPECT_EQ(map.Depths()[2], 93u) << "all in the first home";
}

struct SameHash {
  U64 operator()(U64) const { return 77; }
};

// One home for all keys, with holes at every depth that are filled again.
TEST(CacheLineMapTest, OverflowLines) {
  CacheLineMap<U64, U64, SameHash> map;
  for (U64 round = 0; round < 3; ++round) {
    for (U64 k = 0; k < 100; ++k) map.Store(k, k + round);
    EXPECT_EQ(map.Depths()[0], 3u);
    EXPECT_EQ(map.Depths()[1], 4u);
    EXPECT_EQ(map.Depths()[2], 93u);
    for (U64 k = round; k < 100; k += 2) {
      ASSERT_EQ(map.LoadAndDelete(k), k + round);
    }
    for (U64 k = 0; k < 100; ++k) {
      ASSERT_EQ(map.Load(k).has_value(), k < round || (k - round) % 2 == 1) << k;
    }
  }
  map.Clear();
  EXPECT_EQ(map.Size(), 0u);
  EXPECT_EQ(map.Load(5), std::nullopt);
  map.Store(5, 6);
  EXPECT_EQ(map.Load(5), 6u);
}

// Which hash computation of this thread throws; 0: none.
thread_local U64 failing_hash = 0;

struct FailingHash {
  U64 operator()(U64 key) const {
    if (failing_hash != 0 && --failing_hash == 0) throw std::bad_alloc();
    return MixBits(key);
  }
};

// Whatever fails, in the insertion or in the growing that it does on the side:
// the key is in or not, as the call says, and nothing else changes.
template <class M, class MakeValue, class Arm>
void FailEverywhere(const MakeValue& value, const Arm& arm) {
  for (U64 fail = 1; fail < 40; ++fail) {
    M map;
    U64 in = 0;
    for (U64 i = 0; i < 1500; ++i) {
      arm(i % 50 == 0 ? fail : 0);
      bool thrown = false;
      try {
        map.Store(Key(i), value(i));
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      arm(0);
      ASSERT_EQ(map.Load(Key(i)).has_value(), !thrown) << fail << ' ' << i;
      in += !thrown;
    }
    ASSERT_EQ(map.Size(), in);
    U64 visited = 0;
    map.Range([&](U64, const auto&) { return ++visited, true; });
    ASSERT_EQ(visited, in);
  }
}

// All in the first home, most of them in overflow lines.
struct FirstHome {
  std::uint64_t operator()(U64 key) const { return key & 0xff; }
};

// A removal from the home brings an entry back from an overflow line, and empty lines go to
// other homes: readers find what stays, and only that.
TEST(CacheLineMapTest, NothingIsMissedWhileEntriesComeBackFromOverflowLines) {
  constexpr U64 kStay = 9, kGo = 12;
  CacheLineMap<U64, U64, FirstHome> map;
  for (U64 key = 0; key < kStay; ++key) map.Store(key + 100, key);
  std::atomic<bool> stop{false};
  std::atomic<U64> missed{0}, foreign{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        for (U64 key = 0; key < kStay; ++key) {
          const auto found = map.Load(key + 100);
          if (!found) {
            ++missed;
          } else if (*found != key) {
            ++foreign;
          }
        }
        for (U64 key = 0; key < kGo; ++key) {
          const auto found = map.Load(key);
          if (found && *found != key + 1000) ++foreign;
        }
      }
    });
  }
  const U64 rounds = kSanitized ? 2'000 : 100'000;
  for (U64 round = 0; round < rounds; ++round) {
    // Overwrites change nothing but the order of the entries, which removal needs mixed.
    for (U64 key = 0; key < kGo; ++key) map.Store(key, key + 1000);
    const U64 again = round % kStay;
    for (U64 key = 0; key < kGo; ++key) map.Delete((key * 5 + round) % kGo);
    map.Store(again + 100, again);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(missed.load(), 0u);
  EXPECT_EQ(foreign.load(), 0u);
  EXPECT_EQ(map.Size(), kStay);
}

TEST(CacheLineMapTest, FailingAllocationsChangeNothing) {
  const auto arm = [](U64 n) { testing::FailAllocation(n); };
  FailEverywhere<Map>([](U64 i) { return i; }, arm);
  FailEverywhere<CacheLineMap<U64, std::string>>([](U64) { return std::string("short"); }, arm);
}

TEST(CacheLineMapTest, FailingHashesChangeNothing) {
  FailEverywhere<CacheLineMap<U64, U64, FailingHash>>([](U64 i) { return i; },
                                                      [](U64 n) { failing_hash = n; });
}

TEST(CacheLineMapTest, TagsMatchExactly) {
  for (U64 tag = 1; tag < 256; ++tag) {
    EXPECT_EQ(internal::MatchTags<3>(tag << 16 | tag << 24, tag), internal::MatchTags<7>(tag << 16, tag));
  }
  for (U64 tag = 0; tag < 256; ++tag) {
    for (U64 other = 0; other < 256; ++other) {
      // The tag in slots 1, 4 and 6, and what must not match behind them.
      const U64 tags = other | tag << 8 | other << 16 | (tag ^ 1) << 24 | tag << 32 | other << 40 |
                       tag << 48 | tag << 56;
      std::vector<U64> found;
      for (internal::TagSet set = internal::MatchTags<7>(tags, tag); set != 0; set &= set - 1) {
        found.push_back(internal::FirstTag(set));
      }
      const std::vector<U64> three = {1, 4, 6}, six = {0, 1, 2, 4, 5, 6};
      ASSERT_EQ(found, other == tag ? six : three) << tag << ' ' << other;
    }
  }
}

// What has become an overflow line must look void to who takes it for a home.
TEST(CacheLineMapTest, OverflowLinesAreNoHomes) {
  using internal::Home, internal::Line, internal::Overflow;
  std::vector<Line<NativeAtomics>> lines(3);
  Overflow<NativeAtomics> line(&lines[0]), next(&lines[2]);
  line.used().store(Overflow<NativeAtomics>::kFull);
  line.next().store(next.Link());
  EXPECT_EQ(Overflow<NativeAtomics>::At(line.next().load()).line(), &lines[2]);
  EXPECT_FALSE(Overflow<NativeAtomics>::At(0));

  const Home<NativeAtomics> home(&lines[0]);
  EXPECT_EQ(home.tags().load() & internal::kHomeReady, 0u);
  EXPECT_EQ(home.state().load() & internal::kVersionBits, 0u);
  for (U64 hash = 0; hash < 256; ++hash) {
    EXPECT_EQ(internal::MatchTags<7>(home.tags().load(), internal::LineTag(hash)), 0u);
  }
}

TEST(CacheLineMapTest, VersionsOfHomesInUseAreNeverZero) {
  using Ops = internal::HomeOps<NativeAtomics>;
  const U64 link = U64{0x2a} << internal::kLinkShift;
  U64 state = link | internal::kOneVersion | internal::kHomeLocked;
  EXPECT_EQ(Ops::NextVersion(state), state + internal::kOneVersion);
  state = link | internal::kVersionBits;
  EXPECT_EQ(Ops::NextVersion(state), link | internal::kOneVersion);
  EXPECT_TRUE(Ops::IsFree(state));
  EXPECT_FALSE(Ops::IsFree(state | internal::kHomeLocked));
  EXPECT_FALSE(Ops::IsFree(link));
}

TEST(LineTouchTest, IsAsLargeAsTheMap) {
  Map map;
  LineTouch<U64, U64> touch;
  for (U64 i = 0; i < 100'000; ++i) {
    map.Store(Key(i), i);
    touch.Store(Key(i), i);
    touch.Store(Key(i / 2), i);  // not one key more
  }
  const double list = 8.0 * 131'072;  // of the hashes it has counted
  EXPECT_NEAR(
      (static_cast<double>(touch.MemoryBytes()) - list) / static_cast<double>(map.MemoryBytes()), 1,
      0.15);
}

}  // namespace
}  // namespace cmap
