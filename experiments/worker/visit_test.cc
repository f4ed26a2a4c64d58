// SPDX-License-Identifier: Apache-2.0
//
// What surrounds the slices of a visit: memory estimates, the series that are
// searched for changepoints, the expansion of the catalogue.
#include "experiments/worker/visit.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "experiments/worker/catalogue.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/memory_check.h"
#include "experiments/worker/recording.h"
#include "experiments/worker/thread_words.h"
#include "gtest/gtest.h"
#include "tools/trace/key_hash.h"
#include "tools/trace/normalised.h"
#include "tools/trace/testing/trace_file.h"
#include "workloads/expectation.h"
#include "workloads/spec.h"

namespace cmap::experiments {
namespace {

using nlohmann::json;

workloads::Spec Uniform(std::uint64_t population) {
  return workloads::Spec::FromJson(
      {{"keys", {{"stream", "uniform"}}},
       {"mix", {{"load", 100}}},
       {"population", population},
       {"prefill", 1.0},
       {"regime", "stationary"}});
}

TEST(MemoryCheck, CountsEveryMapOfAVisit) {
  const std::uint64_t small = EstimateBytes(Uniform(1000), 1, 1);
  const std::uint64_t one = EstimateBytes(Uniform(1'000'000), 1, 1);
  const std::uint64_t four = EstimateBytes(Uniform(1'000'000), 4, 1);
  EXPECT_NEAR(static_cast<double>(one - small), 2 * 200e6, 2e7);  // and the tape
  EXPECT_NEAR(static_cast<double>(four - one), 3 * 200e6, 1e7);
}

TEST(MemoryCheck, EmptyStartsHoldOneMapAtATime) {
  const auto spec = workloads::Spec::FromJson(
      {{"keys", {{"stream", "krr"}, {"reuse", 0.9}, {"choice", "uniform"}, {"sharing", "private"}}},
       {"mix", {{"load_or_store", 100}}},
       {"regime", "growth"},
       {"ops", 1'000'000}});
  EXPECT_EQ(EstimateBytes(spec, 1, 1), EstimateBytes(spec, 4, 1));
}

TEST(MemoryCheck, RefusesWhatDoesNotFit) {
  EXPECT_NO_THROW(CheckMemory(Uniform(1000), 2, 1, std::uint64_t{1} << 30));
  EXPECT_NO_THROW(CheckMemory(Uniform(1 << 28), 2, 1, std::nullopt));
  try {
    CheckMemory(Uniform(20'000'000), 2, 1, std::uint64_t{3} << 30);
    FAIL();
  } catch (const RefusedError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 6), "needs ");
    EXPECT_NE(std::string(error.what()).find("3.0 GiB available; use fewer keys"),
              std::string::npos);
  }
}

TEST(MemoryCheck, ReadsMeminfo) {
  EXPECT_EQ(ParseMemAvailable("MemTotal:       8 kB\nMemAvailable:    5 kB\n"),
            5120u);
  EXPECT_FALSE(ParseMemAvailable("MemTotal: 8 kB\n"));
  EXPECT_FALSE(ParseMemAvailable("MemAvailable: much\n"));
}

TEST(Visit, SeriesAreLogRatiosToTheFirstContestant) {
  const std::vector<std::vector<double>> blocks = {{10, 20}, {10, 40}};
  const auto series = BlockSeries(blocks);
  ASSERT_EQ(series.size(), 1u);
  EXPECT_DOUBLE_EQ(series[0][0], std::log(2.0));
  EXPECT_DOUBLE_EQ(series[0][1], std::log(4.0));
  const std::vector<std::vector<double>> alone = {{10}, {20}};
  ASSERT_EQ(BlockSeries(alone).size(), 1u);
  EXPECT_DOUBLE_EQ(BlockSeries(alone)[0][1], std::log(20.0));
  EXPECT_TRUE(BlockSeries({}).empty());
}

TEST(Catalogue, AxisValuesReachTheWorkload) {
  const json workload = {{"keys", {{"stream", "zipf"}, {"theta", 1}}},
                         {"mix", {{"load", 50}, {"store", 50}}},
                         {"population", 10}};
  EXPECT_EQ(AtAxisValue(workload, "population", "", 4641.6)["population"],
            4642);
  EXPECT_EQ(AtAxisValue(workload, "keys.theta", "", 1.4)["keys"]["theta"], 1.4);
  EXPECT_EQ(AtAxisValue(workload, "mix.load", "store", 95.7)["mix"],
            (json{{"load", 95.7}, {"store", 4.3}}));
  EXPECT_EQ(AtAxisValue(workload, "mix.load", "store", 100)["mix"],
            (json{{"load", 100.0}}));
  EXPECT_THROW(AtAxisValue(workload, "mix.load", "", 50), InputError);
  EXPECT_THROW(AtAxisValue(workload, "colour", "", 50), InputError);
}

TEST(Catalogue, NumbersInNamesAreShort) {
  EXPECT_EQ(ShortNumber(0.83), "0.83");
  EXPECT_EQ(ShortNumber(0.1), "0.1");
  EXPECT_EQ(ShortNumber(10'000'000), "10000000");
  EXPECT_EQ(ShortNumber(0), "0");
}

TEST(Catalogue, TunablesFillTheContestantAndThreadsTheCell) {
  const json catalogue = {
      {"questions",
       {{{"name", "q"},
         {"kind", "discrete"},
         {"regimes", {"stationary"}},
         {"threads", {"1", "2", "half", "all"}},
         {"axis", {{"name", "shards"}, {"field", "tunable:shards"}, {"values", {1, 16}}}},
         {"workload", Uniform(10).ToJson()},
         {"baselines", {"mutex_map"}},
         {"contestants", {"sharded_map:shards={}", "mutex_map"}}},
        {{"name", "t"},
         {"kind", "discrete"},
         {"regimes", {"stationary"}},
         {"threads", json::array()},
         {"axis", {{"name", "threads"}, {"field", "threads"}, {"values", {"1", "2x"}}}},
         {"workload", Uniform(10).ToJson()},
         {"baselines", {"mutex_map"}},
         {"contestants", {"*"}}}}}};
  const auto cells = Catalogue::FromJson(catalogue, {2, {0, 1, 2, 3}}).cells;
  ASSERT_EQ(cells.size(), 6u);
  EXPECT_EQ(cells[2].label, "shards:16");
  EXPECT_EQ(cells[2].contestants,
            (std::vector<std::string>{"mutex_map", "sharded_map:shards=16"}));
  EXPECT_EQ(cells[1].threads, 2);
  EXPECT_EQ(cells[5].threads, 8);
  EXPECT_EQ(cells[5].contestants, (std::vector<std::string>{"mutex_map"}));
}

TEST(Catalogue, CellsSayHowOperationsAreCalled) {
  const auto cell = [](const char* name) {
    return json{{"name", name}, {"workload", Uniform(10).ToJson()}};
  };
  json called = cell("b");
  called["call"] = "called";
  const json catalogue = {{"questions",
                           {{{"name", "q"},
                             {"kind", "cells"},
                             {"regimes", {"stationary"}},
                             {"threads", {"1", "2"}},
                             {"cells", {cell("a"), called, cell("c")}},
                             {"baselines", json::array()},
                             {"contestants", {"mutex_map@direct"}}}}}};
  const auto cells = Catalogue::FromJson(catalogue, {2, {0, 1}}).cells;
  ASSERT_EQ(cells.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(cells[i].called, i == 2 || i == 3) << i;
  }
  EXPECT_EQ(cells[0].contestants, (std::vector<std::string>{"mutex_map@direct"}));
}

TEST(Catalogue, SlicesGrowByDoublings) {
  const json catalogue = {
      {"questions", json::array()},
      {"profiles",
       {{"default",
         {{"slice_ms", {{"doublings", {5, 6, 7}}, {"oversubscribed", 50}}}}}}}};
  const Catalogue read = Catalogue::FromJson(catalogue, {1, {0}});
  EXPECT_EQ(read.SliceMs(1, false), 5);
  EXPECT_EQ(read.SliceMs(3, false), 6);
  EXPECT_EQ(read.SliceMs(4, false), 7);
  EXPECT_EQ(read.SliceMs(128, false), 7);
  EXPECT_EQ(read.SliceMs(4, true), 50);
}

TEST(ThreadWords, AreResolvedOnTheMachine) {
  const auto resolve = [](std::vector<std::string> words, int cores, int cpus) {
    return ResolveThreads(words, {cores, std::vector<int>(static_cast<std::size_t>(cpus))});
  };
  using Counts = std::vector<int>;
  EXPECT_EQ(resolve({"1", "2", "half", "all", "smt", "2x"}, 16, 32),
            (Counts{1, 2, 8, 16, 32, 64}));
  EXPECT_EQ(resolve({"powers", "all", "smt"}, 14, 20), (Counts{1, 2, 4, 8, 14, 20}));
  EXPECT_EQ(resolve({"1", "2", "half", "all", "smt"}, 2, 2), (Counts{1, 2}));
  EXPECT_EQ(resolve({"2", "half", "all"}, 1, 1), (Counts{1}));
  EXPECT_EQ(resolve({"all"}, 1, 2), (Counts{1, 2}));
  EXPECT_EQ(resolve({"all", "2x"}, 192, 192), (Counts{192}));
  for (const char* wrong : {"", "0", "257", "al", "1x", "-1"}) {
    EXPECT_THROW(resolve({wrong}, 16, 32), InputError) << wrong;
  }
}

TEST(ThreadWords, OneThreadOfEveryCoreComesFirst) {
  const std::string root = testing::TempDir() + "/cpus";
  const auto put = [&](int cpu, const std::string& siblings) {
    const std::string folder = root + "/cpu" + std::to_string(cpu) + "/topology";
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/thread_siblings_list") << siblings << "\n";
  };
  for (const int cpu : {0, 1}) put(cpu, "0-1");
  for (const int cpu : {2, 3}) put(cpu, "2-3");
  const Cores all = ReadCores({0, 1, 2, 3, 7}, root);
  EXPECT_EQ(all.cores, 3);  // 7 does not tell, so it is one
  EXPECT_EQ(all.cpus, (std::vector<int>{0, 2, 7, 1, 3}));
  EXPECT_EQ(ReadCores({1, 3}, root).cores, 2);
}

// The compact form of a trace in the project's own CSV.
std::string Compact(const std::string& name, const std::string& lines) {
  const std::string from = trace::testing::WriteFile(name + ".csv", lines);
  const std::string to = trace::testing::TestPath(name);
  trace::TraceReader reader({from}, {});
  trace::NormalisedWriter writer(to);
  trace::Record record;
  while (reader.Next(record)) writer.Add(record, trace::KeyHash(record.key));
  writer.Finish(reader.description());
  return to;
}

TEST(Recording, IsTheTraceInItsOrder) {
  using workloads::MakeEntry;
  const std::string path =
      Compact("order", "1,1,get,b\n2,2,set,a\n3,1,delete,b\n4,1,add,c\n5,2,get,a\n");
  const workloads::Tape tape = ReadRecording(path, 100);
  EXPECT_EQ(tape.threads, (std::vector<std::vector<workloads::Entry>>{
                              {MakeEntry(Op::kLoad, 0), MakeEntry(Op::kStore, 1), MakeEntry(Op::kDelete, 0),
                               MakeEntry(Op::kLoadOrStore, 2), MakeEntry(Op::kLoad, 1)}}));
  EXPECT_EQ(tape.universe, 3u);
  EXPECT_TRUE(tape.prefill.empty());
  EXPECT_EQ(tape.op_set, 1u << static_cast<int>(Op::kLoad) | 1u << static_cast<int>(Op::kStore) |
                             1u << static_cast<int>(Op::kDelete) | 1u << static_cast<int>(Op::kLoadOrStore));
  const workloads::Tape first = ReadRecording(path, 2);
  EXPECT_EQ(first.threads[0].size(), 2u);
  EXPECT_EQ(first.universe, 2u);
}

TEST(Recording, TellsWhatACorrectMapReports) {
  // One load of two finds its key: the first comes before the store.
  const workloads::Tape tape =
      ReadRecording(Compact("told", "1,1,get,a\n2,1,set,a\n3,1,get,a\n4,1,set,b\n5,1,delete,a\n"), 100);
  workloads::Simulator simulator(tape);
  const workloads::Expected expected = simulator.Advance(5);
  EXPECT_EQ(expected.hits, (workloads::Bounds{1, 1}));
  EXPECT_EQ(expected.removed, (workloads::Bounds{1, 1}));
  EXPECT_EQ(expected.final_size, (workloads::Bounds{1, 1}));
}

TEST(Recording, HasKeysOfTheTypeThatIsAsked) {
  workloads::Spec spec;
  spec.regime = workloads::Regime::kGrowth;
  spec.key_type = workloads::KeyType::kString;
  spec.key_bytes = 20;
  const auto material = RecordedMaterial(spec, Compact("keys", "1,1,get,a\n2,1,set,b\n"), 100, 2, workloads::InTurn);
  EXPECT_EQ(material->tape.universe, 2u);
  EXPECT_EQ(material->spec, spec);
  EXPECT_EQ(material->keys<workloads::Keys<std::string>>()(1).size(), 20u);
}

const std::string kInMicroseconds = "time_us,thread,operation,key\n";

TEST(Recording, ArrivesAtTheTimesOfTheTraceAfterItsFirstOperation) {
  const std::string path = Compact("times", kInMicroseconds + "7,1,get,b\n9,1,set,a\n9,1,get,b\n17,1,set,c\n1007,1,get,a\n1008,1,get,a\n");
  using Times = std::vector<std::int64_t>;
  EXPECT_EQ(ReadArrivals(path, 100, 10'000'000), (Times{0, 2000, 2000, 10'000, 1'000'000, 1'001'000}));
  EXPECT_EQ(ReadArrivals(path, 3, 10'000'000), (Times{0, 2000, 2000}));
  EXPECT_EQ(ReadArrivals(path, 100, 1'000'000), (Times{0, 2000, 2000, 10'000, 1'000'000}));  // the end included
  EXPECT_EQ(ReadArrivals(path, 100, 1), (Times{0}));
}

TEST(Recording, IsDealtToThreadsInTurnAsItsTimesAre) {
  const std::string path = Compact("dealt", kInMicroseconds + "1,1,get,b\n2,1,set,a\n3,1,get,c\n4,1,set,b\n5,1,get,a\n");
  const std::vector<std::int64_t> due = ReadArrivals(path, 100, 10'000'000);
  EXPECT_EQ(DealInTurn(std::span(due), 2), (std::vector<std::vector<std::int64_t>>{{0, 2000}, {1000, 3000}}));
  EXPECT_EQ(DealInTurn(std::span(due), 1).front(), due);
  EXPECT_TRUE(DealInTurn(std::span(due), 6).back().empty());
  workloads::Spec spec;
  spec.regime = workloads::Regime::kGrowth;
  const auto material = RecordedMaterial(spec, path, due.size(), 2, workloads::InTurn, /*dealt=*/true);
  using workloads::MakeEntry;
  EXPECT_EQ(material->tape.threads,
            (std::vector<std::vector<workloads::Entry>>{{MakeEntry(Op::kLoad, 0), MakeEntry(Op::kLoad, 2)},
                                                        {MakeEntry(Op::kStore, 1), MakeEntry(Op::kStore, 0)}}));
  EXPECT_THROW(RecordedMaterial(spec, path, due.size(), 6, workloads::InTurn, /*dealt=*/true), InputError);
}

TEST(Recording, RefusesWhatIsNone) {
  const auto said = [](const std::string& path) -> std::string {
    try {
      ReadRecording(path, 100);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(said(trace::testing::TestPath("absent")).find("cannot be opened"), std::string::npos);
  EXPECT_NE(said(trace::testing::WriteFile("text", "get a\n")).find("is not a compact trace"), std::string::npos);
  std::string bytes = trace::testing::ReadFile(Compact("whole", "1,1,get,a\n2,1,set,b\n"));
  EXPECT_NE(said(trace::testing::WriteFile("cut", bytes.substr(0, bytes.size() - 1))).find("truncated"),
            std::string::npos);
  bytes.back() ^= 1;
  EXPECT_NE(said(trace::testing::WriteFile("changed", bytes)).find("damaged"), std::string::npos);
  // One key a line is a trace without times.
  EXPECT_THROW(ReadArrivals(Compact("timeless", "a\nb\na\n"), 100, 1000), InputError);
  EXPECT_THROW(ReadArrivals(trace::testing::TestPath("absent"), 100, 1000), InputError);
}

}  // namespace
}  // namespace cmap::experiments
