// SPDX-License-Identifier: Apache-2.0
//
// loadorstore_cost: what a service that must not lose anything adds to a LoadOrStore.
//
// All threads put new keys into the map, one after the other:
//
//   map       by LoadOrStore and nothing else
//   lock      the same under one mutex, for which they wait
//   log       LoadOrStore, then a record in a log on disk, synchronised before going on
//   replicas  LoadOrStore, then a record to two replicas over TCP on the loopback
//             interface, which answer after `delay_us`; the first answer is enough, as
//             that replica and the service are two of three
//   all       the lock around LoadOrStore, then the log, then the replicas
//
// What is timed, of each way, is the part that it adds: LoadOrStore itself; from asking for
// the lock to having it; from handing a record to the log until it is on disk; from sending
// it until one replica has answered; and all of it together, with the times of its parts.
// Of the first two every 16th operation is timed.
//
// Every key is in the map afterwards with its own value, and in the log and at both replicas
// exactly once; of one thread, in its order. (The log is read back from the system's memory:
// whether a disk keeps what it said it has cannot be seen from here.)
#ifndef CMAP_WORKLOADS_SCENARIOS_LOADORSTORE_COST_H_
#define CMAP_WORKLOADS_SCENARIOS_LOADORSTORE_COST_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "workloads/scenarios/scenario.h"
#include "workloads/scenarios/service.h"

namespace cmap::workloads {

template <class Map>
class LoadOrStoreCost {
 public:
  static constexpr std::array<std::string_view, 5> kWays = {"map", "lock", "log", "replicas", "all"};
  static constexpr std::array<ScenarioNumber, 1> kNumbers = {{{"delay_us", 250, 0, 100000}}};
  static constexpr ScenarioTraits kTraits = {"loadorstore_cost", kWays, kNumbers};
  static constexpr bool kFits = Supports<Map>(Op::kLoad) && Supports<Map>(Op::kLoadOrStore);

  LoadOrStoreCost(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t)
      : all_(request.way == "all"), locks_(all_ || request.way == "lock"), threads_(threads) {
    if (all_ || request.way == "log") log_ = std::make_unique<ServiceLog>();
    if (all_ || request.way == "replicas") replicas_ = std::make_unique<ServiceReplicas>(threads, request["delay_us"]);
    // Which part `way` is about, and so which has no name of its own.
    asked_ = all_ ? kWhole : log_ ? kLog : replicas_ ? kReplicas : locks_ ? kLock : kMap;
    for (Thread& thread : threads_) {
      for (auto& times : thread.times) times.reserve(kMostTimes);
    }
  }

  void Fill(Map&) {
    for (Thread& thread : threads_) {
      thread.made = 0;
      thread.wrong.clear();
      for (auto& times : thread.times) times.clear();
    }
    if (log_) log_->Clear();
    if (replicas_) {
      for (std::size_t r = 0; r < before_.size(); ++r) before_[r] = replicas_->received(r);
    }
  }

  // With log or replicas one a call, as one takes as long as a thousand without.
  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    if (log_ || replicas_) {
      One<true>(map, mine, t);
      return 1;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (mine.made % kTimed == 0 && mine.times[asked_].size() < kMostTimes) {
        One<true>(map, mine, t);
      } else {
        One<false>(map, mine, t);
      }
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    std::uint64_t made = 0, sum = 0;
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      if (!threads_[t].wrong.empty()) return threads_[t].wrong;
      made += threads_[t].made;
      for (std::uint64_t i = 0; i < threads_[t].made; ++i) {
        const std::uint64_t key = Key(t, i);
        const auto value = map.Load(key);
        if (!value) return Named(key) + " is lost";
        if (*value != Value(key)) return Named(key) + " has another one's value";
        sum += ServiceRecord::SumOf(key, Value(key));
      }
    }
    if constexpr (Supports<Map>(Op::kSize)) {
      if (const std::uint64_t size = map.Size(); size != made) {
        return "the map holds " + std::to_string(size) + " keys and " + std::to_string(made) + " were stored";
      }
    }
    if (log_) {
      std::string wrong = CheckLog(made);
      if (!wrong.empty()) return wrong;
    }
    return replicas_ ? CheckReplicas(made, sum) : "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double made = 0;
    for (const Thread& thread : threads_) made += static_cast<double>(thread.made);
    out.push_back({"requests_per_s", made, seconds});
    if (log_) out.push_back({"on_disk", log_->on_disk() ? made : 0, made});
  }

  void TellTimes(std::vector<Times>& out) const {
    for (const Thread& thread : threads_) {
      for (std::size_t part = 0; part < kParts; ++part) {
        if (part != asked_ && !all_) continue;
        out.push_back({part == asked_ ? std::string_view() : kPartNames[part], "us", 1, thread.times[part]});
      }
    }
  }

 private:
  enum Part : std::size_t { kMap, kLock, kLog, kReplicas, kWhole, kParts };
  static constexpr std::array<std::string_view, kParts> kPartNames = {"map_", "lock_", "log_", "replicas_", ""};
  static constexpr std::uint64_t kTimed = 16;  // of so many operations, one
  static constexpr std::size_t kMostTimes = 1 << 14;

  struct alignas(kCacheLine) Thread {
    std::uint64_t made = 0;
    std::string wrong;
    std::array<std::vector<std::int64_t>, kParts> times;  // ns, of this slice
  };

  static std::uint64_t Value(std::uint64_t key) { return 5 * key + 3; }
  static std::string Named(std::uint64_t key) { return "the key " + std::to_string(key); }
  std::uint64_t Key(std::uint32_t t, std::uint64_t i) const { return i * threads_.size() + t; }

  // What the time since the last mark was spent on.
  template <bool kOfInterest>
  class Marks {
   public:
    explicit Marks(Thread& thread) : thread_(thread) {
      if constexpr (kOfInterest) begin_ = last_ = Now();
    }
    void Mark(Part part) {
      if constexpr (kOfInterest) {
        const std::int64_t now = Now();
        Add(part, now - last_);
        last_ = now;
      }
    }
    void End() {
      if constexpr (kOfInterest) Add(kWhole, last_ - begin_);
    }

   private:
    static std::int64_t Now() {
      using std::chrono::nanoseconds, std::chrono::steady_clock;
      return std::chrono::duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
    }
    void Add(Part part, std::int64_t ns) {
      if (thread_.times[part].size() < kMostTimes) thread_.times[part].push_back(ns);
    }
    Thread& thread_;
    std::int64_t begin_ = 0, last_ = 0;
  };

  template <bool kOfInterest>
  void One(Map& map, Thread& mine, std::uint32_t t) {
    const std::uint64_t key = Key(t, mine.made);
    const std::uint64_t value = Value(key);
    Marks<kOfInterest> marks(mine);
    std::unique_lock lock(lock_, std::defer_lock);
    if (locks_) {
      lock.lock();
      marks.Mark(kLock);
    }
    const auto result = map.LoadOrStore(key, value);
    if (locks_) lock.unlock();
    marks.Mark(kMap);
    if (log_) {
      log_->Append(ServiceRecord::Of(key, value));
      marks.Mark(kLog);
    }
    if (replicas_) {
      replicas_->Replicate(t, ServiceRecord::Of(key, value));
      marks.Mark(kReplicas);
    }
    marks.End();
    if (result.loaded || result.value != value) mine.wrong = Named(key) + " was there before it was stored";
    ++mine.made;
  }

  std::string CheckLog(std::uint64_t made) const {
    std::vector<std::uint64_t> next(threads_.size(), 0);
    std::uint64_t records = 0;
    for (const ServiceRecord& record : log_->Read()) {
      const std::uint64_t t = record.key % threads_.size();
      if (!record.whole() || record.value != Value(record.key)) return "the log holds a record that nobody wrote";
      if (record.key != Key(static_cast<std::uint32_t>(t), next[t]++)) {
        return Named(record.key) + " is not at its place in the log";
      }
      ++records;
    }
    if (records == made) return "";
    return "the log holds " + std::to_string(records) + " records and " + std::to_string(made) + " keys were stored";
  }

  std::string CheckReplicas(std::uint64_t made, std::uint64_t sum) {
    replicas_->Settle();
    for (std::size_t r = 0; r < before_.size(); ++r) {
      const auto now = replicas_->received(r);
      if (now.records - before_[r].records != made || now.sum - before_[r].sum != sum || now.broken != 0) {
        return "a replica has received " + std::to_string(now.records - before_[r].records) + " records, " +
               std::to_string(now.broken) + " of them broken, and " + std::to_string(made) + " keys were stored";
      }
    }
    return "";
  }

  bool all_;
  bool locks_;
  Part asked_ = kMap;
  alignas(kCacheLine) std::mutex lock_;
  std::unique_ptr<ServiceLog> log_;
  std::unique_ptr<ServiceReplicas> replicas_;
  std::array<ServiceReplicas::Received, ServiceReplicas::kReplicas> before_{};
  std::vector<Thread> threads_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_LOADORSTORE_COST_H_
