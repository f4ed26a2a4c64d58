// SPDX-License-Identifier: Apache-2.0
//
// Scenarios about no map: words in memory, and writers that nothing keeps apart.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "workloads/scenarios/checked_misuse.h"
#include "workloads/scenarios/false_sharing.h"
#include "workloads/scenarios/scenarios_testing.h"

namespace cmap::workloads {
namespace {

template <std::size_t kApart>
std::string Shared(const std::string& way, std::uint32_t threads) {
  return Played<FalseSharing, Words<kApart>>(R"({"name": "false_sharing", "way": ")" + way + "\"}", threads, 20000);
}

TEST(FalseSharing, WordsHoldWhatWasAddedToThem) {
  for (const std::string way : {"read_read", "read_write", "write_write"}) {
    for (const std::uint32_t threads : {2u, 5u}) {
      EXPECT_EQ(Shared<0>(way, threads), "") << way;
      EXPECT_EQ(Shared<4>(way, threads), "") << way;
      EXPECT_EQ(Shared<64>(way, threads), "") << way;
      EXPECT_EQ(Shared<128>(way, threads), "") << way;
    }
  }
}

template <std::size_t kApart>
std::pair<std::ptrdiff_t, bool> Apart(std::size_t a, std::size_t b) {
  Words<kApart> words;
  const auto at = [&](std::size_t i) { return reinterpret_cast<std::intptr_t>(&words[i]); };
  return {at(b) - at(a), at(a) / 64 == at(b) / 64};  // bytes; whether on one line
}

TEST(FalseSharing, WordsLieAsTheirNamesSay) {
  using Pair = std::pair<std::ptrdiff_t, bool>;
  EXPECT_EQ(Apart<0>(0, 7), Pair(0, true));
  EXPECT_EQ(Apart<4>(0, 1), Pair(4, true));
  EXPECT_EQ(Apart<4>(0, 15), Pair(60, true));
  EXPECT_EQ(Apart<4>(15, 16), Pair(4, false));
  EXPECT_EQ(Apart<64>(0, 1), Pair(64, false));
  EXPECT_EQ(Apart<128>(0, 1), Pair(128, false));
  EXPECT_EQ(Apart<128>(0, 255), Pair(128 * 255, false));
}

TEST(FalseSharing, TellsWhenAWordIsNotWhatWasAdded) {
  using Scenario = FalseSharing<Words<64>>;
  Words<64> words;
  Scenario writers(Request(R"({"name": "false_sharing"})", Scenario::kTraits), 2, 1);
  writers.Fill(words);
  writers.Step(words, 0, 100);
  writers.Step(words, 1, 7);
  EXPECT_EQ(writers.Check(words), "");
  EXPECT_EQ(Told(writers).at("writes_per_s").amount, 107);
  words[1].store(8);
  EXPECT_NE(writers.Check(words).find("holds 8 and 7 was added"), std::string::npos);
  Scenario readers(Request(R"({"name": "false_sharing", "way": "read_write"})", Scenario::kTraits), 2, 1);
  readers.Fill(words);
  EXPECT_TRUE(!readers.Counted(0) && readers.Counted(1));
  words[1].store(5);
  readers.Step(words, 1, 10);
  words[1].store(4);
  readers.Step(words, 1, 10);
  EXPECT_EQ(readers.Check(words), "a word ran backwards");
  EXPECT_EQ(Told(readers).at("reads_per_s").amount, 20);
}

TEST(FalseSharing, SomeRunsAreTimed) {
  using Scenario = FalseSharing<Words<64>>;
  Words<64> words;
  Scenario scenario(Request(R"({"name": "false_sharing"})", Scenario::kTraits), 2, 1);
  scenario.Fill(words);
  for (int i = 0; i < 2000; ++i) scenario.Step(words, 0, 512);
  std::vector<Times> told;
  scenario.TellTimes(told);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].each, 16u);
  EXPECT_GT(told[0].ns.size(), 10u);
  EXPECT_LT(told[0].ns.size(), 2000u * 512 / 16) << "not all of them";
  EXPECT_TRUE(told[1].ns.empty());
}

// In place of a map with a check: reports every seventh store.
struct Reporting {
  void Store(std::uint64_t key, std::uint64_t) {
    keys.insert(key);
    reports += ++stores % 7 == 0;
  }
  std::uint64_t Size() const { return keys.size(); }
  static std::uint64_t Reports() { return reports; }

  std::set<std::uint64_t> keys;
  std::uint64_t stores = 0;
  static inline std::uint64_t reports = 0;
};

TEST(CheckedMisuse, CountsTheTriesWithAReport) {
  using Scenario = CheckedMisuse<Reporting>;
  Reporting map;
  Reporting::reports = 100;  // of before
  Scenario scenario(Request(R"({"name": "checked_misuse"})", Scenario::kTraits), 2, 1);
  scenario.Fill(map);
  EXPECT_EQ(scenario.Step(map, 0, 9), 9u);
  EXPECT_EQ(scenario.Check(map), "") << "no try has ended";
  EXPECT_EQ(Told(scenario).at("tries_per_s").amount, 0);
  scenario.Step(map, 1, 31);
  // The stores 7, 14, 21, 28, 35: in every try of ten, once or twice.
  EXPECT_EQ(Told(scenario).at("detected_share").amount, 4);
  EXPECT_EQ(Told(scenario).at("detected_share").of, 4);
  EXPECT_EQ(scenario.Check(map), "");
  map.stores = 0;
  scenario.Fill(map);
  scenario.Step(map, 0, 6);
  map.stores = 0;
  scenario.Step(map, 0, 6);  // the first try has none
  map.stores = 0;
  scenario.Step(map, 0, 8);  // the second has one
  EXPECT_EQ(Told(scenario).at("detected_share").amount, 1);
  EXPECT_EQ(Told(scenario).at("detected_share").of, 2);
  EXPECT_TRUE(Told(scenario, 0).empty());
  map.keys.erase(3);
  EXPECT_NE(scenario.Check(map).find("holds 9 keys and ten were stored"), std::string::npos);
}

TEST(CheckedMisuse, TasksStoreAsOftenAsTheyAreTold) {
  using Scenario = CheckedMisuse<Reporting>;
  Reporting map;
  Scenario scenario(Request(R"({"name": "checked_misuse", "writes": 5})", Scenario::kTraits), 2, 1);
  scenario.Fill(map);
  EXPECT_EQ(scenario.Step(map, 0, 20), 20u);
  EXPECT_EQ(map.stores, 100u);
}

// No thread waits for a task that nobody has begun.
TEST(CheckedMisuse, ThreadsMayLeaveAndComeBack) {
  struct Quiet {
    void Store(std::uint64_t, std::uint64_t) { stores.fetch_add(1); }
    std::uint64_t Size() const { return 10; }
    static std::uint64_t Reports() { return 0; }
    std::atomic<std::uint64_t> stores{0};
  };
  using Scenario = CheckedMisuse<Quiet>;
  Quiet map;
  Scenario scenario(Request(R"({"name": "checked_misuse"})", Scenario::kTraits), 3, 1);
  scenario.Fill(map);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 200; ++i) scenario.Step(map, t, 1 + (i + t) % 17);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Told(scenario).at("tries_per_s").amount, static_cast<double>(map.stores.load() / 10));
  EXPECT_EQ(Told(scenario).at("detected_share").amount, 0);
}

}  // namespace
}  // namespace cmap::workloads
