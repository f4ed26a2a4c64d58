// SPDX-License-Identifier: Apache-2.0
#include "workloads/spec.h"

#include <nlohmann/json.hpp>
#include <string>

#include "gtest/gtest.h"

namespace cmap::workloads {
namespace {

TEST(Spec, ParsesEveryField) {
  const Spec spec = Spec::Parse(R"({
      "keys": {"stream": "krr", "reuse": 0.85, "choice": "stack_distance",
               "theta": 1.1, "sharing": "shared"},
      "mix": {"load": 80, "store": 19.5, "delete": 0.5},
      "population": 1e6, "prefill": 0.25, "regime": "reserved", "ops": 5000,
      "key_type": "string", "key_bytes": 24, "value_type": "string",
      "value_bytes": 100, "hash": "fnv1a", "miss": 12.5, "start": "settled"})");
  const Spec laid_out = Spec::Parse(R"({"keys": {"stream": "uniform"}, "mix": {"load": 100},
      "key_layout": "strided", "key_stride": 4096})");
  EXPECT_EQ(spec.keys.stream, Stream::kKrr);
  EXPECT_EQ(spec.keys.reuse, 0.85);
  EXPECT_EQ(spec.keys.choice, Choice::kStackDistance);
  EXPECT_EQ(spec.keys.theta, 1.1);
  EXPECT_EQ(spec.keys.sharing, Sharing::kShared);
  EXPECT_EQ(spec.share(Op::kLoad), 80);
  EXPECT_EQ(spec.share(Op::kStore), 19.5);
  EXPECT_EQ(spec.share(Op::kDelete), 0.5);
  EXPECT_EQ(spec.share(Op::kSwap), 0);
  EXPECT_EQ(spec.population, 1000000u);
  EXPECT_EQ(spec.prefill, 0.25);
  EXPECT_EQ(spec.regime, Regime::kReserved);
  EXPECT_EQ(spec.ops, 5000u);
  EXPECT_EQ(spec.key_type, KeyType::kString);
  EXPECT_EQ(spec.key_bytes, 24u);
  EXPECT_EQ(spec.value_type, ValueType::kString);
  EXPECT_EQ(spec.value_bytes, 100u);
  EXPECT_EQ(spec.key_layout, KeyLayout::kMixed);
  EXPECT_EQ(laid_out.key_layout, KeyLayout::kStrided);
  EXPECT_EQ(laid_out.key_stride, 4096u);
  EXPECT_EQ(spec.hash, HashKind::kFnv1a);
  EXPECT_EQ(spec.miss, 12.5);
  EXPECT_EQ(spec.start, Start::kSettled);
}

TEST(Spec, RoundTrips) {
  for (const char* text : {
           R"({"keys": {"stream": "uniform"}, "mix": {"load": 100}})",
           R"({"keys": {"stream": "zipf", "theta": 1.2},
               "mix": {"load": 97.3, "store": 2.7}, "prefill": "auto"})",
           R"({"keys": {"stream": "zipf", "theta": 0}, "mix": {"load": 100}})",
           R"({"keys": {"stream": "hot_set", "hot_fraction": 0.1,
                        "hot_share": 0.9},
               "mix": {"load": 50, "swap": 25, "compare_and_swap": 25},
               "prefill": 0.5, "population": 77})",
           R"({"keys": {"stream": "uniform"}, "mix": {"load": 100},
               "value_type": "inline", "value_bytes": 1024, "hash": "identity",
               "miss": 3, "start": "as_filled"})",
           R"({"keys": {"stream": "uniform"}, "mix": {"load": 100},
               "key_layout": "strided", "key_stride": 1024})",
           R"({"keys": {"stream": "uniform"}, "mix": {"load": 100},
               "key_layout": "low_entropy", "hash": "std"})",
           R"({"keys": {"stream": "sequential_new"}, "mix": {"store": 100},
               "regime": "growth", "ops": 10})",
           R"({"keys": {"stream": "krr", "reuse": 0.5}, "regime":
               "fixed_distinct", "ops": 10, "mix": {"load_or_store": 100}})"}) {
    const Spec spec = Spec::Parse(text);
    EXPECT_EQ(Spec::FromJson(spec.ToJson()), spec) << text;
  }
}

TEST(Spec, PrefillShare) {
  const auto share = [](const std::string& rest) {
    return Spec::Parse(R"({"keys": {"stream": "uniform"}, )" + rest + "}")
        .PrefillShare();
  };
  EXPECT_EQ(share(R"("mix": {"load": 100})"), 1);
  EXPECT_EQ(share(R"("mix": {"load": 80, "store": 20})"), 1);
  EXPECT_EQ(share(R"("mix": {"load": 80, "store": 10, "delete": 10})"), 0.5);
  EXPECT_EQ(share(R"("mix": {"load": 60, "load_or_store": 20, "swap": 10,
                             "load_and_delete": 5, "compare_and_delete": 5})"),
            0.75);
  EXPECT_EQ(share(R"("mix": {"delete": 100})"), 0);
  EXPECT_EQ(share(R"("mix": {"load": 100}, "prefill": 0.3)"), 0.3);
  EXPECT_EQ(share(R"("mix": {"load": 100}, "prefill": 0.3, "regime": "growth",
                     "ops": 1)"),
            0);
}

struct BadSpec {
  const char* text;
  const char* names;   // what the message must name
  const char* remedy;  // and the remedy
};

class SpecErrors : public testing::TestWithParam<BadSpec> {};

TEST_P(SpecErrors, OneSentenceWithTheThingAndTheRemedy) {
  try {
    Spec::Parse(GetParam().text);
    FAIL() << "accepted " << GetParam().text;
  } catch (const SpecError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(GetParam().names), std::string::npos) << message;
    EXPECT_NE(message.find(GetParam().remedy), std::string::npos) << message;
    EXPECT_EQ(message.back(), '.') << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

#define KEYS R"("keys": {"stream": "uniform"})"
#define MIX R"("mix": {"load": 100})"

INSTANTIATE_TEST_SUITE_P(
    All, SpecErrors,
    testing::Values(
        BadSpec{"{", "JSON", "brackets"},
        BadSpec{"[]", "object", "write for example"},
        BadSpec{"{" MIX "}", "'keys'", "add it"},
        BadSpec{"{" KEYS "}", "'mix'", "add it"},
        BadSpec{"{" KEYS "," MIX R"(, "colour": 1})", "'colour'", "population"},
        BadSpec{"{" MIX R"(, "keys": 3})", "keys", "write for example"},
        BadSpec{"{" MIX R"(, "keys": {}})", "'stream'", "add it"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "zipff"}})", "zipff", "zipf"},
        BadSpec{"{" MIX R"(, "keys": {"stream": 4}})", "4", "zipf"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "zipf"}})", "'theta'",
                "add it"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "zipf", "theta": -1}})", "-1",
                "must be from 0, which is uniform, to 20"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "zipf", "theta": "x"}})",
                "theta", "must be from 0, which is uniform, to 20"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "uniform", "theta": 1}})",
                "'theta'", "use stream"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "hot_set",
                "hot_fraction": 1.5, "hot_share": 1}})",
                "hot_fraction", "between 0 and 1"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "hot_set",
                "hot_fraction": 0, "hot_share": 1}})",
                "hot_fraction", "make some keys hot"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 1.01}})",
                "reuse", "between 0 and 1"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 0.5,
                "choice": "lru"}})",
                "lru", "stack_distance"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 0.5,
                "sharing": "all"}})",
                "all", "private"},
        BadSpec{"{" KEYS R"(, "mix": {}})", "mix", "write for example"},
        BadSpec{"{" KEYS "," MIX R"(, "value_type": "inline", "value_bytes": 100})",
                "value_bytes is 100", "use 64, or the value_type 'string'"},
        BadSpec{"{" KEYS "," MIX R"(, "value_type": "inline", "value_bytes": 3000})",
                "value_bytes is 3000", "use 4096"},
        BadSpec{"{" KEYS "," MIX R"(, "value_type": "inline"})", "value_bytes is 32",
                "use 64"},
        BadSpec{"{" KEYS "," MIX R"(, "value_bytes": 4097})", "value_bytes",
                "from 8 to 4096"},
        BadSpec{"{" KEYS "," MIX R"(, "hash": "md5"})", "md5", "fnv1a"},
        BadSpec{"{" KEYS "," MIX R"(, "hash": "identity", "key_type": "string"})",
                "identity", "use 'std'"},
        BadSpec{"{" KEYS "," MIX R"(, "key_layout": "random"})", "random", "low_entropy"},
        BadSpec{"{" KEYS "," MIX R"(, "key_layout": "strided", "key_type": "string"})",
                "key_layout is 'strided'", "use the key_type 'u64'"},
        BadSpec{"{" KEYS "," MIX R"(, "key_stride": 64})", "key_layout is 'mixed'",
                "use the key_layout 'strided'"},
        BadSpec{"{" KEYS "," MIX R"(, "key_layout": "strided", "key_stride": 96})",
                "key_stride is 96", "use 64"},
        BadSpec{"{" KEYS "," MIX R"(, "key_layout": "strided", "key_stride": 1})",
                "key_stride", "from 2 to 68719476736"},
        BadSpec{"{" KEYS "," MIX R"(, "key_layout": "strided", "key_stride": 137438953472})",
                "key_stride", "from 2 to 68719476736"},
        BadSpec{"{" KEYS "," MIX R"(, "miss": 101})", "miss", "between 0 and 100"},
        BadSpec{"{" KEYS R"(, "mix": {"store": 100}, "miss": 1})", "miss",
                "add 'load'"},
        BadSpec{"{" KEYS "," MIX R"(, "start": "full"})", "full", "as_filled"},
        BadSpec{"{" KEYS "," MIX R"(, "start": "as_filled", "regime": "growth",
                "ops": 1})",
                "as_filled", "use the regime 'stationary'"},
        BadSpec{"{" KEYS R"(, "mix": {"load": 90}})", "90", "100"},
        BadSpec{"{" KEYS R"(, "mix": {"load": 90, "store": 20}})", "110",
                "100"},
        BadSpec{"{" KEYS R"(, "mix": {"load": 120, "store": -20}})", "120",
                "between 0 and 100"},
        BadSpec{"{" KEYS R"(, "mix": {"lod": 100}})", "'lod'", "load"},
        BadSpec{"{" KEYS R"(, "mix": {"range": 100}})", "'range'", "load"},
        BadSpec{"{" KEYS "," MIX R"(, "population": 0})", "population",
                "from 1 to 268435456"},
        BadSpec{"{" KEYS "," MIX R"(, "population": 268435457})", "population",
                "from 1 to 268435456"},
        BadSpec{"{" KEYS "," MIX R"(, "population": -5})", "-5", "from 1"},
        BadSpec{"{" KEYS "," MIX R"(, "population": 1.5})", "1.5",
                "whole number"},
        BadSpec{"{" KEYS "," MIX R"(, "prefill": 1.5})", "prefill", "auto"},
        BadSpec{"{" KEYS "," MIX R"(, "prefill": "full"})", "prefill", "auto"},
        BadSpec{"{" KEYS "," MIX R"(, "regime": "grow"})", "grow",
                "stationary"},
        BadSpec{"{" KEYS "," MIX R"(, "ops": -1})", "ops", "from 0"},
        BadSpec{"{" KEYS "," MIX R"(, "regime": "growth"})", "'ops'",
                "above 0"},
        BadSpec{"{" KEYS "," MIX
                R"(, "regime": "fixed_distinct", "ops": 9})",
                "'fixed_distinct'", "'krr'"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 1},
                "regime": "fixed_distinct", "ops": 9})",
                "keys.reuse", "below 1"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 0.9999},
                "regime": "fixed_distinct", "ops": 1e6})",
                "ops", "fewer ops"},
        BadSpec{R"({"keys": {"stream": "krr", "reuse": 0.5},
                "mix": {"load": 50, "delete": 50}})",
                "'delete'", "remove"},
        BadSpec{"{" MIX R"(, "keys": {"stream": "krr", "reuse": 0.5},
                "population": 200000000})",
                "population", "at most 134217728"},
        BadSpec{"{" KEYS "," MIX R"(, "key_type": "int"})", "int", "u64"},
        BadSpec{"{" KEYS "," MIX R"(, "key_bytes": 4})", "key_bytes",
                "from 5"},
        BadSpec{"{" KEYS "," MIX R"(, "value_type": 7})", "7", "string"},
        BadSpec{"{" KEYS "," MIX R"(, "value_bytes": 7})", "value_bytes",
                "from 8"}));

}  // namespace
}  // namespace cmap::workloads
