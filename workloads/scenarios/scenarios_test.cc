// SPDX-License-Identifier: Apache-2.0
//
// Scenarios find what is wrong with a map, and nothing with a sound one.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "maps/mutex_map.h"
#include "maps/published_map.h"
#include "maps/sync_map.h"
#include "workloads/scenarios/expensive_values.h"
#include "workloads/scenarios/iteration.h"
#include "workloads/scenarios/loadorstore_cost.h"
#include "workloads/scenarios/memory_use.h"
#include "workloads/scenarios/publication.h"
#include "workloads/scenarios/reconciliation.h"
#include "workloads/scenarios/scenarios_testing.h"
#include "workloads/scenarios/service.h"
#include "workloads/scenarios/session_cache.h"
#include "workloads/scenarios/stock_reservation.h"
#include "workloads/scenarios/tasks.h"
#include "workloads/scenarios/visibility.h"
#include "workloads/spec.h"

namespace cmap::workloads {
namespace {

// Logs lie where tests may write.
[[maybe_unused]] const bool logs_have_a_place = [] {
  const char* const folder = std::getenv("TEST_TMPDIR");
  return folder == nullptr || setenv("TMPDIR", folder, /*overwrite=*/1) == 0;
}();

using Mutex = MutexMap<std::uint64_t, std::uint64_t>;
using Sync = SyncMap<std::uint64_t, std::uint64_t>;
using Published = PublishedMap<std::uint64_t, std::uint64_t>;

// A sound map to make mistakes in: the strategies are final.
struct Simple {
  static constexpr Traits kTraits{};
  std::optional<std::uint64_t> Load(std::uint64_t key) {
    const std::lock_guard lock(mu);
    const auto at = held.find(key);
    return at == held.end() ? std::nullopt : std::optional(at->second);
  }
  void Store(std::uint64_t key, std::uint64_t value) {
    const std::lock_guard lock(mu);
    held[key] = value;
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    const std::lock_guard lock(mu);
    const auto [at, stored] = held.emplace(key, value);
    return {at->second, !stored};
  }
  template <class F>
  Loaded<std::uint64_t> LoadOrCompute(std::uint64_t key, F&& make) {
    const std::lock_guard lock(mu);
    const auto at = held.find(key);
    if (at != held.end()) return {at->second, true};
    return {held[key] = make(), false};
  }
  bool CompareAndSwap(std::uint64_t key, std::uint64_t before, std::uint64_t value) {
    const std::lock_guard lock(mu);
    const auto at = held.find(key);
    if (at == held.end() || at->second != before) return false;
    at->second = value;
    return true;
  }
  bool Delete(std::uint64_t key) {
    const std::lock_guard lock(mu);
    return held.erase(key) > 0;
  }
  template <class F>
  void Range(F&& f) {
    const std::lock_guard lock(mu);
    for (const auto& [key, value] : held) {
      if (!f(key, value)) return;
    }
  }
  std::size_t Size() {
    const std::lock_guard lock(mu);
    return held.size();
  }
  void Clear() {
    const std::lock_guard lock(mu);
    held.clear();
  }
  void StoreBatch(std::span<const std::pair<std::uint64_t, std::uint64_t>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::mutex mu;
  std::map<std::uint64_t, std::uint64_t> held;
};

template <class Map>
class Sound : public ::testing::Test {};
using SoundMaps = ::testing::Types<Simple, Mutex, Sync, Published>;
TYPED_TEST_SUITE(Sound, SoundMaps);

TYPED_TEST(Sound, NothingIsWrong) {
  for (const std::uint32_t threads : {1u, 3u}) {
    for (const std::string way : {"range", "size", "none"}) {
      const std::string text = R"({"name": "iteration", "keys": 100, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<Iteration, TypeParam>(text, threads, 2000)), "") << text;
    }
    EXPECT_EQ((Played<Iteration, TypeParam>(R"({"name": "iteration", "way": "clear"})", threads, 500)), "");
    for (const std::string way : {"compare_and_swap", "load_or_store", "load_then_store"}) {
      const std::string text = R"({"name": "stock_reservation", "keys": 2, "units": 10, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<StockReservation, TypeParam>(text, threads, 2000)), "") << text;
    }
    for (const std::string way : {"load_or_store", "load_then_store", "load_or_compute"}) {
      const std::string text = R"({"name": "expensive_values", "make_us": 0.2, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<ExpensiveValues, TypeParam>(text, threads, 1000)), "") << text;
    }
    for (const std::string way : {"come_and_go", "touch"}) {
      const std::string text = R"({"name": "session_cache", "sessions": 7, "turnover": 30, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<SessionCache, TypeParam>(text, threads, 4000)), "") << text;
    }
    for (const std::string way : {"range", "pages", "none"}) {
      const std::string text = R"({"name": "reconciliation", "keys": 20, "page": 6, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<Reconciliation, TypeParam>(text, threads, 2000)), "") << text;
    }
    for (const int queue : {1, 64}) {
      const std::string text = R"({"name": "tasks", "queue": )" + std::to_string(queue) + "}";
      EXPECT_EQ((Played<Tasks, TypeParam>(text, threads, 4000)), "") << text;
    }
    for (const std::string way : {"map", "lock", "log", "replicas", "all"}) {
      const std::string text = R"({"name": "loadorstore_cost", "delay_us": 20, "way": ")" + way + "\"}";
      EXPECT_EQ((Played<LoadOrStoreCost, TypeParam>(text, threads, way == "map" || way == "lock" ? 2000 : 320)), "")
          << text;
    }
  }
  EXPECT_EQ((Played<Publication, TypeParam>(R"({"name": "publication", "keys": 50})", 3, 500)), "");
  EXPECT_EQ((Played<Visibility, TypeParam>(R"({"name": "visibility", "keys": 7, "gap_us": 0})", 3, 4000)), "");
}

// One mistake each.
struct RangesTwice : Simple {
  template <class F>
  void Range(F&& f) {
    Simple::Range(f);
    Simple::Range(f);
  }
};
struct ForgetsAKey : Simple {
  template <class F>
  void Range(F&& f) {
    Simple::Range([&](const std::uint64_t& key, const std::uint64_t& value) { return key == 4 || f(key, value); });
  }
};
struct CountsOneTooFew : Simple {
  std::size_t Size() { return Simple::Size() / 2 - 1; }
};
struct ClearsNothing : Simple {
  void Clear() {}
};
struct SwapsWithoutLooking : Simple {
  bool CompareAndSwap(std::uint64_t key, std::uint64_t, std::uint64_t value) {
    Simple::Store(key, value);
    return true;
  }
};
// Nobody sees what another one has stored before the slice is over.
struct LooksAway : Simple {
  std::optional<std::uint64_t> Load(std::uint64_t key) { return closed ? Simple::Load(key) : std::nullopt; }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    Simple::Store(key, value);
    return {value, false};
  }
  bool closed = false;
};
// Replaced at once, as Publication asks, with something that happens before every second
// of a reader's Loads.
struct Interrupted : Simple {
  void Replace(std::span<const std::pair<std::uint64_t, std::uint64_t>> content) {
    for (const auto& [key, value] : content) Simple::Store(key, value);
  }
  std::optional<std::uint64_t> Load(std::uint64_t key) {
    if (before_second && ++loads % 2 == 0) before_second();
    auto value = Simple::Load(key);
    if (goes_back && loads % 2 == 0 && loads > 0) *value = ((*value >> 32) + 3) % 4 << 32 | key;
    return value;
  }
  std::function<void()> before_second;
  bool goes_back = false;
  int loads = 0;
};
struct LosesAStore : Simple {
  void Store(std::uint64_t key, std::uint64_t value) {
    if (key != 11) Simple::Store(key, value);
  }
};
struct DeletesNothing : Simple {
  bool Delete(std::uint64_t) { return true; }
};
struct ShowsTheNextKeys : Simple {
  std::optional<std::uint64_t> Load(std::uint64_t key) { return Simple::Load(key == 1 ? 2 : key); }
};
struct LooksAwayNowAndThen : Simple {
  std::optional<std::uint64_t> Load(std::uint64_t key) { return ++loads % 8 == 0 ? std::nullopt : Simple::Load(key); }
  int loads = 0;
};
// Goes over the keys in their order, each as it is by then; `half_way` happens between two.
template <RangeConsistency kPromised>
struct Weak : Simple {
  static constexpr Traits kTraits = [] {
    Traits traits{};
    traits.range = kPromised;
    return traits;
  }();
  template <class F>
  void Range(F&& f) {
    for (std::uint64_t key = 0; key < 100; ++key) {
      if (key == 5 && half_way) half_way();
      if (const auto value = Load(key); value && !f(key, *value)) return;
    }
  }
  std::function<void()> half_way;
};
// Every other time from the end.
struct TurnsRound : Simple {
  template <class F>
  void Range(F&& f) {
    const std::map<std::uint64_t, std::uint64_t> now = held;
    if (++times % 2 == 0) {
      for (auto at = now.rbegin(); at != now.rend() && f(at->first, at->second); ++at) {
      }
    } else {
      for (auto at = now.begin(); at != now.end() && f(at->first, at->second); ++at) {
      }
    }
  }
  int times = 0;
};
// Another one's entry under every third key.
struct MixesEntriesUp : Simple {
  void Store(std::uint64_t key, std::uint64_t value) { Simple::Store(key, key % 3 == 0 ? value + 3 : value); }
};
struct KeepsWhatWasDeleted : Simple {
  bool Delete(std::uint64_t key) {
    const bool there = Simple::Delete(key);
    if (key % 50 == 0) Simple::Store(key + 1'000'000, 0);
    return there;
  }
};
struct StoresWhatIsThere : Simple {
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    Simple::LoadOrStore(key, value);
    return Simple::LoadOrStore(key, value);
  }
};
struct ForgetsKeyFive : Simple {
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    return key == 5 ? Loaded<std::uint64_t>{value, false} : Simple::LoadOrStore(key, value);
  }
};
// Loads show what the map was like before `show` was called last, and say so or do not.
template <bool kSaysSo>
struct Lags : Simple {
  static constexpr Traits kTraits = [] {
    Traits traits{};
    traits.linearizable = !kSaysSo;
    return traits;
  }();
  std::optional<std::uint64_t> Load(std::uint64_t key) const {
    const auto at = shown.find(key);
    return at == shown.end() ? std::nullopt : std::optional(at->second);
  }
  void Show() { shown = held; }
  std::size_t Size() {
    Show();
    return Simple::Size();
  }
  std::map<std::uint64_t, std::uint64_t> shown;
};
struct ComputesTwice : Simple {
  template <class F>
  Loaded<std::uint64_t> LoadOrCompute(std::uint64_t key, F&& make) {
    make();
    return Simple::LoadOrCompute(key, make);
  }
};

TEST(Broken, IterationTells) {
  EXPECT_NE((Played<Iteration, RangesTwice>(R"({"name": "iteration"})", 1, 16)).find("twice"), std::string::npos);
  EXPECT_NE((Played<Iteration, ForgetsAKey>(R"({"name": "iteration"})", 1, 16)).find("4999 of 5000"), std::string::npos);
  EXPECT_NE((Played<Iteration, CountsOneTooFew>(R"({"name": "iteration", "way": "size"})", 1, 16)).find("size is 4999"),
            std::string::npos);
  EXPECT_NE((Played<Iteration, ClearsNothing>(R"({"name": "iteration", "way": "clear"})", 1, 16)).find("size is"),
            std::string::npos);
}

TEST(Broken, StockReservationTells) {
  // Two buyers one after the other: the second overwrites what it has not looked at.
  SwapsWithoutLooking map;
  StockReservation<SwapsWithoutLooking> scenario(
      Request(R"({"name": "stock_reservation", "keys": 1})", StockReservation<SwapsWithoutLooking>::kTraits), 2, 1);
  scenario.Fill(map);
  scenario.Step(map, 0, 3);
  map.Store(0, 99);  // as if by a thread that had loaded 100 before
  EXPECT_NE(scenario.Check(map).find("3 of 100 units were sold and 99 are left"), std::string::npos);
  EXPECT_NE((Played<StockReservation, LooksAway>(R"({"name": "stock_reservation", "way": "load_or_store"})", 2, 16))
                .find("sold twice"),
            std::string::npos);
}

TEST(Broken, LoadThenStoreOversellsAndSaysHowOften) {
  LooksAway map;
  using Scenario = StockReservation<LooksAway>;
  Scenario scenario(Request(R"({"name": "stock_reservation", "way": "load_then_store"})", Scenario::kTraits), 2, 1);
  scenario.Fill(map);
  scenario.Step(map, 0, 100);
  scenario.Step(map, 1, 50);
  EXPECT_EQ(scenario.Check(map), "");
  const Amount oversold = Told(scenario).at("oversold");
  EXPECT_EQ(oversold.amount, 50);
  EXPECT_EQ(oversold.of, 150);
}

TEST(Broken, PublicationTells) {
  using Scenario = Publication<Interrupted>;
  for (const bool goes_back : {false, true}) {
    for (const std::size_t meanwhile : {0, 1, 3}) {  // publications between the two reads
      Interrupted map;
      Scenario scenario(Request(R"({"name": "publication", "keys": 5})", Scenario::kTraits), 2, 1);
      scenario.Fill(map);
      map.goes_back = goes_back;
      map.before_second = [&] { scenario.Step(map, 0, meanwhile); };
      scenario.Step(map, 1, 20);
      map.before_second = nullptr;
      map.goes_back = false;
      const std::string wrong = scenario.Check(map);
      // A step back that another publication hides is not seen; three are not judged.
      EXPECT_EQ(wrong.empty(), !goes_back || meanwhile > 0) << meanwhile << wrong;
      const auto told = Told(scenario);
      EXPECT_EQ(told.at("mixed").of, meanwhile < 2 ? 20 : 0);
    }
  }
}

TEST(Broken, ExpensiveValuesTell) {
  EXPECT_NE((Played<ExpensiveValues, ComputesTwice>(
                 R"({"name": "expensive_values", "make_us": 0, "way": "load_or_compute"})", 1, 16))
                .find("20 values were made for 4 keys"),
            std::string::npos);
}

TEST(Broken, SessionCacheTells) {
  const std::string few = R"({"name": "session_cache", "sessions": 4, "turnover": 50})";
  EXPECT_NE((Played<SessionCache, LosesAStore>(few, 1, 160)).find("was gone before its end"), std::string::npos);
  EXPECT_NE((Played<SessionCache, DeletesNothing>(few, 1, 16)).find("outlived its end"), std::string::npos);
  EXPECT_NE((Played<SessionCache, ShowsTheNextKeys>(R"({"name": "session_cache", "sessions": 4, "turnover": 0})", 1, 160))
                .find("another one's value"),
            std::string::npos);
  EXPECT_NE((Played<SessionCache, LooksAwayNowAndThen>(R"({"name": "session_cache", "turnover": 0})", 1, 160))
                .find("lost for a moment"),
            std::string::npos);
  // What a slice leaves behind.
  Simple map;
  SessionCache<Simple> scenario(Request(few, SessionCache<Simple>::kTraits), 1, 3);
  EXPECT_EQ(Play(scenario, map, 1, 160), "");
  map.Store(1, 1 << 8);  // a session of long ago
  EXPECT_NE(scenario.Check(map).find("the map holds 5 sessions and 4 users have one"), std::string::npos);
  map.Clear();
  EXPECT_NE(scenario.Check(map).find("is lost"), std::string::npos);
}

TEST(Broken, ReconciliationTells) {
  const std::string ten = R"({"name": "reconciliation", "keys": 10})";
  EXPECT_NE((Played<Reconciliation, RangesTwice>(ten, 1, 16)).find("twice"), std::string::npos);
  EXPECT_NE((Played<Reconciliation, ForgetsAKey>(ten, 1, 16)).find("9 of 10 accounts"), std::string::npos);
  Simple map;
  Reconciliation<Simple> scenario(Request(ten, Reconciliation<Simple>::kTraits), 2, 1);
  scenario.Fill(map);
  scenario.Step(map, 1, 500);
  EXPECT_EQ(scenario.Check(map), "");
  const std::uint64_t held = *map.Load(3);
  map.Store(3, held + 1);
  EXPECT_NE(scenario.Check(map).find("add up to 10001 and there were 10000"), std::string::npos);
  map.Delete(3);
  EXPECT_NE(scenario.Check(map).find("the account 3 is missing"), std::string::npos);
}

TEST(Broken, TasksTell) {
  const std::string few = R"({"name": "tasks", "queue": 8})";
  EXPECT_NE((Played<Tasks, LosesAStore>(few, 1, 160)).find("the task 11 was ended before it ran"), std::string::npos);
  EXPECT_NE((Played<Tasks, DeletesNothing>(few, 1, 16)).find("tasks and 7 wait"), std::string::npos);
  EXPECT_NE((Played<Tasks, MixesEntriesUp>(few, 1, 160)).find("another one's entry"), std::string::npos);
  EXPECT_NE((Played<Tasks, KeepsWhatWasDeleted>(few, 2, 160)).find("wait"), std::string::npos);
  // What is left when the last has run: 3 tasks that wait when the slice is over, and one entry too many by then.
  struct LeavesTheLast : Simple {
    bool Delete(std::uint64_t key) { return Simple::Size() == 1 || Simple::Delete(key); }
  };
  EXPECT_NE((Played<Tasks, LeavesTheLast>(R"({"name": "tasks", "queue": 3})", 1, 16)).find("holds 1 tasks and 0 wait"),
            std::string::npos);
}

TEST(Amounts, TasksWaitInNoMoreThanTheQueue) {
  // A thread that nobody takes from runs its own: nothing is lost and nothing waits beyond the queue.
  Simple map;
  using Scenario = Tasks<Simple>;
  Scenario scenario(Request(R"({"name": "tasks", "queue": 10})", Scenario::kTraits), 2, 1);
  scenario.Fill(map);
  EXPECT_EQ(map.Size(), 10);
  scenario.Step(map, 0, 1000);
  EXPECT_LE(map.Size(), 10);
  EXPECT_EQ(scenario.Check(map), "");
  EXPECT_EQ(map.Size(), 0);
  EXPECT_EQ(Told(scenario, 2).at("tasks_per_s").amount, 1000);
  EXPECT_EQ(Told(scenario, 0).count("peak_mib"), 0);
}

TEST(MemoryUse, SeesWhatWasThereForAWhileAndWhatIsStillThere) {
  constexpr std::size_t kMib = 1 << 20;
  MemoryUse use;
  use.Start();
  if (!use.PeakMib()) GTEST_SKIP() << "this kernel keeps no high-water mark that can be set back";
  EXPECT_LT(*use.PeakMib(), 16);
  std::vector<char> held(8 * kMib, 1);
  { const std::vector<char> for_a_while(64 * kMib, 1); }
  EXPECT_GT(*use.PeakMib(), 64);
  if (use.HeldMib()) {
    EXPECT_NEAR(*use.HeldMib(), 8, 0.5);
  }
  use.Start();
  EXPECT_LT(*use.PeakMib(), 16) << "the peak of before is forgotten";
  EXPECT_EQ(held[kMib], 1);
}

TEST(Broken, LoadOrStoreCostTells) {
  const std::string plain = R"({"name": "loadorstore_cost", "way": "lock"})";
  EXPECT_NE((Played<LoadOrStoreCost, StoresWhatIsThere>(plain, 1, 16)).find("there before it was stored"),
            std::string::npos);
  EXPECT_NE((Played<LoadOrStoreCost, ForgetsKeyFive>(plain, 2, 160)).find("the key 5 is lost"), std::string::npos);
  Simple map;
  using Scenario = LoadOrStoreCost<Simple>;
  Scenario scenario(Request(plain, Scenario::kTraits), 1, 1);
  EXPECT_EQ(Play(scenario, map, 1, 160), "");
  map.Store(1'000'000, 1);
  EXPECT_NE(scenario.Check(map).find("holds 161 keys and 160 were stored"), std::string::npos);
}

TEST(Service, TheLogHoldsWhatWasAppended) {
  ServiceLog log;
  for (std::uint64_t i = 0; i < 3; ++i) log.Append(ServiceRecord::Of(i, 7 * i));
  const std::vector<ServiceRecord> found = log.Read();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2].key, 2u);
  EXPECT_EQ(found[2].value, 14u);
  EXPECT_TRUE(found[2].whole());
  EXPECT_FALSE((ServiceRecord{2, 15, found[2].sum}.whole()));
  log.Clear();
  EXPECT_TRUE(log.Read().empty());
}

TEST(Service, ReplicasAnswerAfterTheirDelay) {
  ServiceReplicas replicas(2, 20'000);
  const auto before = std::chrono::steady_clock::now();
  replicas.Replicate(1, ServiceRecord::Of(3, 4));
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took.count(), 20'000);
  replicas.Replicate(0, ServiceRecord::Of(5, 6));
  replicas.Settle();
  for (std::size_t r = 0; r < ServiceReplicas::kReplicas; ++r) {
    EXPECT_EQ(replicas.received(r).records, 2u);
    EXPECT_EQ(replicas.received(r).broken, 0u);
    EXPECT_EQ(replicas.received(r).sum, ServiceRecord::SumOf(3, 4) + ServiceRecord::SumOf(5, 6));
  }
  replicas.Replicate(0, ServiceRecord{1, 2, 3});
  replicas.Settle();
  EXPECT_EQ(replicas.received(1).broken, 1u);
}

TEST(Amounts, LoadOrStoreCostTimesThePartThatIsAsked) {
  using Scenario = LoadOrStoreCost<Mutex>;
  const auto told = [&](const std::string& way, std::size_t steps) {
    Scenario scenario(Request(R"({"name": "loadorstore_cost", "delay_us": 3000, "way": ")" + way + "\"}", Scenario::kTraits),
                      1, 1);
    Mutex fresh;
    scenario.Fill(fresh);
    for (std::size_t i = 0; i < steps; ++i) scenario.Step(fresh, 0, 1);
    EXPECT_EQ(scenario.Check(fresh), "");
    std::vector<Times> times;
    scenario.TellTimes(times);
    std::map<std::string, std::vector<std::int64_t>> out;
    for (const Times& each : times) out[std::string(each.what)].assign(each.ns.begin(), each.ns.end());
    return out;
  };
  EXPECT_EQ(told("map", 160).at("").size(), 10u);
  EXPECT_EQ(told("lock", 160).size(), 1u);
  const auto replicas = told("replicas", 3);
  EXPECT_EQ(replicas.size(), 1u);
  for (const std::int64_t ns : replicas.at("")) EXPECT_GE(ns, 3'000'000);
  const auto all = told("all", 3);
  ASSERT_EQ(all.size(), 5u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all.at("")[i], all.at("lock_")[i] + all.at("map_")[i] + all.at("log_")[i] + all.at("replicas_")[i]);
  }
}

// Some money passes by while Range is half way: from an account that it has seen to one that it has not.
template <class Map>
std::pair<std::string, double> OffBy(std::uint64_t units) {
  Map map;
  using Scenario = Reconciliation<Map>;
  Scenario scenario(Request(R"({"name": "reconciliation", "keys": 10})", Scenario::kTraits), 3, 1);
  scenario.Fill(map);
  map.half_way = [&] {
    map.Store(2, *map.Load(2) - units);
    map.Store(8, *map.Load(8) + units);
  };
  scenario.Step(map, 0, 4);
  map.half_way = nullptr;
  const Amount off = Told(scenario).at("off");
  EXPECT_EQ(off.of, 4);
  return {scenario.Check(map), off.amount};
}

TEST(Broken, WhatPassesByAWeakRangeIsCountedAndWhatASnapshotMissesIsWrong) {
  using Pair = std::pair<std::string, double>;
  EXPECT_EQ(OffBy<Weak<RangeConsistency::kWeak>>(0), Pair("", 0));
  EXPECT_EQ(OffBy<Weak<RangeConsistency::kWeak>>(5), Pair("", 4));
  EXPECT_EQ(OffBy<Weak<RangeConsistency::kSnapshot>>(0), Pair("", 0));
  EXPECT_NE(OffBy<Weak<RangeConsistency::kSnapshot>>(1).first.find("a state of the map adds up to 10001, with 2 under way"),
            std::string::npos);
}

TEST(Amounts, PagesAreUnevenWhereEntriesChangePlaces) {
  const auto uneven = [](auto map) {
    using Map = typename decltype(map)::element_type;
    using Scenario = Reconciliation<Map>;
    Scenario scenario(
        Request(R"({"name": "reconciliation", "way": "pages", "keys": 10, "page": 3})", Scenario::kTraits), 1, 1);
    scenario.Fill(*map);
    scenario.Step(*map, 0, 2);
    EXPECT_EQ(scenario.Check(*map), "");
    return Told(scenario).at("uneven").amount;
  };
  EXPECT_EQ(uneven(std::make_unique<Simple>()), 0);
  EXPECT_EQ(uneven(std::make_unique<TurnsRound>()), 2);
}

template <class Map>
Visibility<Map> Looking(std::uint32_t threads) {
  return Visibility<Map>(
      Request(R"({"name": "visibility", "keys": 3, "gap_us": 0})", Visibility<Map>::kTraits), threads, 1);
}

TEST(Broken, VisibilityTells) {
  {  // A store that has returned is not seen by a map that promises it.
    Lags<false> map;
    auto scenario = Looking<Lags<false>>(2);
    scenario.Fill(map);
    scenario.Step(map, 0, 1);
    scenario.Step(map, 1, 1);
    EXPECT_NE(scenario.Check(map).find("the key 1 had returned and was not seen"), std::string::npos);
  }
  {  // A value that falls again, which no map may show.
    Lags<true> map;
    auto scenario = Looking<Lags<true>>(2);
    scenario.Fill(map);
    scenario.Step(map, 0, 1);  // the number 1
    map.Show();
    scenario.Step(map, 0, 3);  // 4 to the same key: looked for, and 1 is shown meanwhile
    scenario.Step(map, 1, 1);
    map.shown[1] -= 1;
    scenario.Step(map, 1, 1);
    EXPECT_NE(scenario.Check(map).find("the key 1 went back"), std::string::npos);
  }
  {  // The last store of a key is lost.
    Simple map;
    auto scenario = Looking<Simple>(2);
    scenario.Fill(map);
    scenario.Step(map, 0, 5);
    EXPECT_EQ(scenario.Check(map), "");
    --map.held[2];
    EXPECT_NE(scenario.Check(map).find("stored last to the key 2"), std::string::npos);
  }
  {  // Another key's value.
    Simple map;
    auto scenario = Looking<Simple>(2);
    scenario.Fill(map);
    map.held[0] = map.held[1] = map.held[2];
    scenario.Step(map, 1, 100);
    EXPECT_NE(scenario.Check(map).find("another one's value"), std::string::npos);
  }
}

TEST(Amounts, DelaysAreThoseOfTheStoresThatWereLookedFor) {
  Lags<true> map;
  auto scenario = Looking<Lags<true>>(3);
  scenario.Fill(map);
  const auto before = std::chrono::steady_clock::now();
  scenario.Step(map, 0, 5);  // the last is number 5
  scenario.Step(map, 1, 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  map.Show();
  scenario.Step(map, 1, 1);  // seen, after 3 ms at least
  scenario.Step(map, 2, 1);  // at once
  const double most_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before).count();
  scenario.Step(map, 0, 1);  // number 6
  scenario.Step(map, 2, 1);  // looked for and not seen by the end
  EXPECT_EQ(scenario.Check(map), "");
  auto told = Told(scenario, 2);
  EXPECT_EQ(told.at("stores_per_s").amount, 6);
  EXPECT_EQ(told.at("stores_per_s").of, 2);
  EXPECT_EQ(told.at("visible_after_us").of, 2);
  EXPECT_GE(told.at("visible_after_us").amount, 2 * 3000);
  EXPECT_GE(told.at("longest_delay_us").amount, 3000);
  EXPECT_LE(told.at("longest_delay_us").amount, most_us);
  EXPECT_EQ(told.at("late").amount, 2);
  EXPECT_EQ(told.at("late").of, 3);
  EXPECT_EQ(told.at("unseen").amount, 1);
  EXPECT_TRUE(!scenario.Counted(0) && scenario.Counted(1));
  // The next slice knows nothing of it.
  map.held.clear();
  scenario.Fill(map);
  EXPECT_EQ(Told(scenario).count("late"), 0);
}

TEST(Amounts, SessionsThatBeginAreCounted) {
  Simple map;
  using Scenario = SessionCache<Simple>;
  Scenario all(Request(R"({"name": "session_cache", "sessions": 5, "turnover": 100})", Scenario::kTraits), 2, 1);
  all.Fill(map);
  all.Step(map, 0, 30);
  all.Step(map, 1, 10);
  EXPECT_EQ(all.Check(map), "");
  EXPECT_EQ(Told(all, 2).at("sessions_begun_per_s").amount, 40);
  EXPECT_EQ(Told(all, 2).at("requests_per_s").amount, 40);
  EXPECT_EQ(Told(all, 2).at("requests_per_s").of, 2);
  EXPECT_EQ(Told(all).at("ended").amount, 0);  // nobody asks meanwhile
  map.Clear();
  Scenario some(Request(R"({"name": "session_cache", "sessions": 5, "turnover": 3})", Scenario::kTraits), 1, 1);
  some.Fill(map);
  some.Step(map, 0, 100000);
  EXPECT_NEAR(Told(some).at("sessions_begun_per_s").amount, 3000, 5 * 54);  // five standard deviations
  map.Clear();
  Scenario stay(Request(R"({"name": "session_cache", "way": "touch", "turnover": 50})", Scenario::kTraits), 1, 1);
  stay.Fill(map);
  stay.Step(map, 0, 100);
  EXPECT_EQ(Told(stay).count("ended"), 0);
}

TEST(Amounts, ExpensiveValuesCountWhatWasMadeInVain) {
  Mutex map;
  ExpensiveValues<Mutex> scenario(
      Request(R"({"name": "expensive_values", "make_us": 0, "repeats": 4})", ExpensiveValues<Mutex>::kTraits), 2, 1);
  scenario.Fill(map);
  scenario.Step(map, 0, 8);  // two keys, eight values made
  scenario.Step(map, 1, 4);
  EXPECT_EQ(scenario.Check(map), "");
  const Amount vain = Told(scenario).at("made_in_vain");
  EXPECT_EQ(vain.amount, 10);
  EXPECT_EQ(vain.of, 12);
}

TEST(Amounts, IterationCountsWhoItIsAsked) {
  Mutex map;
  Iteration<Mutex> readers(Request(R"({"name": "iteration"})", Iteration<Mutex>::kTraits), 2, 1);
  Iteration<Mutex> writers(Request(R"({"name": "iteration", "count": 1})", Iteration<Mutex>::kTraits), 2, 1);
  EXPECT_TRUE(readers.Counted(0) && !readers.Counted(1));
  EXPECT_TRUE(!writers.Counted(0) && writers.Counted(1));
  readers.Fill(map);
  readers.Step(map, 0, 3);
  readers.Step(map, 1, 5);
  EXPECT_EQ(Told(readers, 2).at("whole_map_operations_per_s").amount, 3);
  EXPECT_EQ(Told(readers, 2).at("writes_per_s").amount, 5);
  EXPECT_EQ(Told(readers, 2).at("writes_per_s").of, 2);
}

TEST(Requests, SayWhatIsWrong) {
  const ScenarioTraits& traits = Iteration<Mutex>::kTraits;
  const auto says = [&](const std::string& text) -> std::string {
    try {
      Request(text, traits);
    } catch (const SpecError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(says(R"({"name": "iteration"})"), "");
  EXPECT_NE(says("3").find("no object with a name"), std::string::npos);
  EXPECT_NE(says(R"({"name": "iteration", "way": "rang"})").find("use one of range, size, clear, none"),
            std::string::npos);
  EXPECT_NE(says(R"({"name": "iteration", "way": 3})").find("not a name"), std::string::npos);
  EXPECT_NE(says(R"({"name": "iteration", "kees": 3})").find("takes no 'kees'"), std::string::npos);
  EXPECT_NE(says(R"({"name": "iteration", "keys": 1})").find("from 2.0 to 10000000.0"), std::string::npos);
  EXPECT_NE(says(R"({"name": "iteration", "keys": "many"})").find("not a number"), std::string::npos);
}

}  // namespace
}  // namespace cmap::workloads
