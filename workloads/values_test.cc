// SPDX-License-Identifier: Apache-2.0
#include "workloads/values.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "workloads/hashes.h"
#include "workloads/testing/chi_square.h"

namespace cmap::workloads {
namespace {

constexpr std::uint32_t kLengths[] = {8, 9, 15, 16, 17, 31, 64, 100, 4095, 4096};

template <class V>
void ExpectVerifiable(const Values<V>& values) {
  for (const std::uint32_t index : {0u, 1u, 77u, 1'000'000u, (1u << 28) - 1}) {
    for (const std::uint64_t version : {0u, 1u}) {
      const V value = values(index, version);
      EXPECT_EQ(WordOf(value), ValueFor(index, version));
      EXPECT_EQ(TakeOut(value), ValueFor(index, version));
      EXPECT_EQ(Receive(value), ValueFor(index, version));
      EXPECT_TRUE(Intact(value));
    }
    EXPECT_NE(V(values(index, 0)), V(values(index, 1)));
  }
}

TEST(Values, EveryKindIsVerifiable) {
  ExpectVerifiable(Values<std::uint64_t>());
  ExpectVerifiable(Values<InlineValue<64>>());
  ExpectVerifiable(Values<InlineValue<256>>());
  ExpectVerifiable(Values<InlineValue<1024>>());
  ExpectVerifiable(Values<InlineValue<4096>>());
  for (const std::uint32_t bytes : kLengths) {
    ExpectVerifiable(Values<std::string>(10, bytes));
    EXPECT_EQ(Values<std::string>(10, bytes)(3, 1).size(), bytes);
    EXPECT_EQ(Values<std::string>(10, bytes)(3, 1), StringValue(3, 1, bytes));
  }
}

// What is lent for one version stays while the other is asked for: CompareAndSwap.
TEST(Values, TwoVersionsAtATime) {
  const Values<InlineValue<64>> inlined;
  const auto& a = inlined(5, 0);
  const auto& b = inlined(5, 1);
  EXPECT_EQ(WordOf(a), ValueFor(5, 0));
  EXPECT_EQ(WordOf(b), ValueFor(5, 1));
  const Values<std::string> strings(10, 100);
  const std::string& c = strings(5, 0);
  const std::string& d = strings(5, 1);
  EXPECT_EQ(WordOf(c), ValueFor(5, 0));
  EXPECT_EQ(WordOf(d), ValueFor(5, 1));
}

TEST(Values, EveryThreadIsLentItsOwn) {
  const Values<InlineValue<256>> inlined;
  const Values<std::string> strings(10, 256);
  const auto& a = inlined(1, 0);
  const std::string& b = strings(1, 0);
  std::thread([&] {
    EXPECT_NE(&inlined(2, 0), &a);
    EXPECT_NE(&strings(2, 0), &b);
    EXPECT_TRUE(Intact(inlined(2, 0)));
    EXPECT_TRUE(Intact(strings(2, 0)));
  }).join();
  EXPECT_EQ(WordOf(a), ValueFor(1, 0));
  EXPECT_EQ(WordOf(b), ValueFor(1, 0));
}

bool BelongsTo(std::uint64_t word, std::uint32_t index) {
  return (word ^ MixIndex(index)) >> 8 == 0;
}

// Half of one version and half of the other, or of another key: what a reader sees of
// a map that lets it read while somebody writes.
TEST(Values, TornOnesBelongToNobody) {
  const Values<InlineValue<1024>> values;
  for (const std::uint32_t other : {7u, 8u}) {
    InlineValue<1024> torn = values(7, 0);
    const InlineValue<1024> late = values(other, 1);
    torn.words.back() = late.words.back();
    EXPECT_FALSE(BelongsTo(WordOf(torn), 7));
    EXPECT_FALSE(BelongsTo(TakeOut(torn), other));
    EXPECT_FALSE(Intact(torn));
  }
  for (const std::uint32_t bytes : kLengths) {
    if (bytes < 16) continue;
    std::string torn = StringValue(7, 0, bytes);
    torn.replace(bytes - 8, 8, StringValue(7, 1, bytes), bytes - 8, 8);
    EXPECT_FALSE(BelongsTo(WordOf(torn), 7)) << bytes;
    EXPECT_FALSE(BelongsTo(TakeOut(torn), 7)) << bytes;
    EXPECT_FALSE(Intact(torn)) << bytes;
    std::string cut = StringValue(7, 0, bytes);
    cut.pop_back();
    EXPECT_FALSE(BelongsTo(WordOf(cut), 7) && cut.size() >= 16) << bytes;
  }
  EXPECT_EQ(WordOf(std::string("short")), 0u);
}

TEST(Values, EveryByteIsLookedAt) {
  InlineValue<64> value = Values<InlineValue<64>>()(9, 1);
  for (std::size_t byte = 0; byte < sizeof value; ++byte) {
    auto* const raw = reinterpret_cast<unsigned char*>(&value);
    raw[byte] ^= 1;
    EXPECT_FALSE(Intact(value) && BelongsTo(WordOf(value), 9) && byte != 0) << byte;
    raw[byte] ^= 1;
  }
  for (const std::uint32_t bytes : kLengths) {
    std::string text = StringValue(9, 1, bytes);
    for (std::uint32_t byte = 8; byte < bytes; ++byte) {
      text[byte] ^= 1;
      EXPECT_FALSE(Intact(text)) << bytes << " " << byte;
      text[byte] ^= 1;
    }
  }
}

TEST(Hashes, PublishedValuesOfFnv1a) {
  const Fnv1aHash hash;
  EXPECT_EQ(hash(std::string("")), 0xcbf29ce484222325u);
  EXPECT_EQ(hash(std::string("a")), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(hash(std::string("foobar")), 0x85944171f73967e8u);
  for (const std::uint64_t key : {0ull, 1ull, 0x0102030405060708ull, ~0ull}) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &key, sizeof key);
    EXPECT_EQ(hash(key), hash(bytes));
  }
}

// types.h has one class for both.
TEST(Hashes, StdIsTheIdentityOfIntegers) {
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(StdHash<std::uint64_t>()(MixIndex(i)), MixIndex(i));
  }
}

// Strings and integers, from the low bits and from the high ones. Integers under the
// identity are spread more evenly than chance would, which passes too.
TEST(Hashes, SpreadTheStudysKeys) {
  constexpr std::uint32_t kKeys = 100'000;
  const std::vector<double> even(256, 1.0 / 256);
  const auto expect_spread = [&](const char* what, auto&& hash_of) {
    std::vector<std::uint64_t> low(256), high(256);
    for (std::uint32_t i = 0; i < kKeys; ++i) {
      const std::uint64_t hash = hash_of(i);
      ++low[hash & 255];
      ++high[hash >> 56];
    }
    EXPECT_GT(ChiSquareP(low, even), 1e-4) << what << ", low bits";
    EXPECT_GT(ChiSquareP(high, even), 1e-4) << what << ", high bits";
  };
  expect_spread("std, u64",
                [](std::uint32_t i) { return StdHash<std::uint64_t>()(MixIndex(i)); });
  expect_spread("fnv1a, u64", [](std::uint32_t i) { return Fnv1aHash()(MixIndex(i)); });
  const auto text = [](std::uint32_t i) { return StringKey(i, 32); };
  expect_spread("std, string",
                [&](std::uint32_t i) { return StdHash<std::string>()(text(i)); });
  expect_spread("fnv1a, string", [&](std::uint32_t i) { return Fnv1aHash()(text(i)); });
}

}  // namespace
}  // namespace cmap::workloads
