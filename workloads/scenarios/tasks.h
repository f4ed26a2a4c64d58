// SPDX-License-Identifier: Apache-2.0
//
// tasks: many short tasks on a bounded pool, and a map of those that wait.
//
// The pool is the threads of the slice. Every thread makes tasks, one a step, and hands
// them to the next thread through a queue that has room for a fixed number of them. Where
// there is no room, whoever made a task runs it at once; so nobody waits, and at most
// `queue` tasks do:
//
//     thread 0 --[ | | | |]--> thread 1 --[ | | | |]--> ... --[ | | | |]--> thread 0
//
// A task that waits has an entry in the map, under an id that never was. To run it is to
// find the entry and to delete it. So the map is small beside what goes through it, and
// all of its keys come and go: what it does not give back adds up. A slice begins with all
// queues full.
//
// Nothing may be left over: every task runs once, and finds its own entry; after the
// slice the map holds the tasks that wait and no others, and when these have run too,
// nothing. The tables give the most memory that a slice took, and what is still allocated
// when no task is left: the map's table, and garbage whose time has not come. Both are taken
// of every eighth slice, as memory that was given back before comes fresh from the system.
#ifndef CMAP_WORKLOADS_SCENARIOS_TASKS_H_
#define CMAP_WORKLOADS_SCENARIOS_TASKS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/scenarios/memory_use.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class Tasks {
 public:
  static constexpr std::array<std::string_view, 1> kWays = {"pool"};
  static constexpr std::array<ScenarioNumber, 1> kNumbers = {{{"queue", 1024, 1, 1e7}}};
  static constexpr ScenarioTraits kTraits = {"tasks", kWays, kNumbers};
  static constexpr bool kFits =
      Supports<Map>(Op::kLoad) && Supports<Map>(Op::kStore) && Supports<Map>(Op::kDelete);

  Tasks(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t) {
    const auto places = std::max<std::size_t>(1, static_cast<std::size_t>(request["queue"]) / threads);
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(places);
  }

  void Fill(Map& map) {
    for (Thread& thread : threads_) {
      thread.made = thread.ran = thread.steps = 0;
      thread.wrong.clear();
      while (thread.queue.Take()) {  // of a slice that went wrong
      }
    }
    peak_mib_ = left_mib_ = std::nullopt;
    measured_ = fills_++ % kMeasured == 0;
    if (measured_) memory_.Start();
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      std::unique_ptr<Task> task = Make(map, t);
      while (Hand(t, task)) task = Make(map, t);
      Run(map, threads_[t], std::move(task));
    }
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    mine.steps += n;
    for (std::size_t i = 0; i < n; ++i) {
      std::unique_ptr<Task> task = Make(map, t);
      if (!Hand(t, task)) Run(map, mine, std::move(task));
      if (std::unique_ptr<Task> due = mine.queue.Take()) Run(map, mine, std::move(due));
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    if (measured_) peak_mib_ = memory_.PeakMib();
    std::uint64_t made = 0, ran = 0, waiting = 0;
    for (const Thread& thread : threads_) {
      if (!thread.wrong.empty()) return thread.wrong;
      made += thread.made;
      ran += thread.ran;
      waiting += thread.queue.size();
    }
    if (made != ran + waiting) {
      return std::to_string(made) + " tasks were made, " + std::to_string(ran) + " ran and " + std::to_string(waiting) +
             " wait";
    }
    std::string wrong = Holds(map, waiting);
    if (!wrong.empty()) return wrong;
    for (Thread& thread : threads_) {
      while (std::unique_ptr<Task> task = thread.queue.Take()) Run(map, thread, std::move(task));
      if (!thread.wrong.empty()) return thread.wrong;
    }
    if (measured_) left_mib_ = memory_.HeldMib();
    return Holds(map, 0);
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double tasks = 0;
    for (const Thread& thread : threads_) tasks += static_cast<double>(thread.steps);
    out.push_back({"tasks_per_s", tasks, seconds});
    if (seconds <= 0) return;  // as untimed visits repeat to the letter
    if (peak_mib_) out.push_back({"peak_mib", *peak_mib_, 1});
    if (left_mib_) out.push_back({"left_mib", std::max(0.0, *left_mib_), 1});
  }

 private:
  struct Task {
    std::uint64_t id;
    std::array<std::uint64_t, 7> work;  // what it is about: a line, in all
  };

  // Tasks on their way from one thread to the next one.
  class Queue {
   public:
    explicit Queue(std::size_t places) : places_(places) {}

    // By the thread before; leaves the task where there is no room.
    bool Put(std::unique_ptr<Task>& task) {
      const std::uint64_t at = put_.load(std::memory_order_relaxed);
      // (4) Acquire, with (3): the place is empty.
      if (at - taken_.load(std::memory_order_acquire) == places_.size()) return false;
      places_[at % places_.size()] = std::move(task);
      put_.store(at + 1, std::memory_order_release);  // (1) Release, with (2): the task is there.
      return true;
    }
    // By the thread whose queue it is; nothing when none waits.
    std::unique_ptr<Task> Take() {
      const std::uint64_t at = taken_.load(std::memory_order_relaxed);
      if (put_.load(std::memory_order_acquire) == at) return nullptr;  // (2) Acquire, with (1).
      std::unique_ptr<Task> task = std::move(places_[at % places_.size()]);
      taken_.store(at + 1, std::memory_order_release);  // (3) Release, with (4): it has been taken.
      return task;
    }
    // Quiescent.
    std::uint64_t size() const {
      return put_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_relaxed);
    }

   private:
    std::vector<std::unique_ptr<Task>> places_;
    alignas(kCacheLine) std::atomic<std::uint64_t> put_{0};
    alignas(kCacheLine) std::atomic<std::uint64_t> taken_{0};
  };

  struct alignas(kCacheLine) Thread {
    explicit Thread(std::size_t places) : queue(places) {}
    Queue queue;  // of tasks that it is to run
    std::uint64_t made = 0;
    std::uint64_t ran = 0;
    std::uint64_t steps = 0;
    std::string wrong;
  };

  // Another task's entry is noticed.
  static std::uint64_t Entry(std::uint64_t id) { return 3 * id + 1; }
  static std::string Named(std::uint64_t id) { return "the task " + std::to_string(id); }

  std::unique_ptr<Task> Make(Map& map, std::uint32_t t) {
    const std::uint64_t id = threads_[t].made++ * threads_.size() + t;
    auto task = std::make_unique<Task>(Task{id, {}});
    map.Store(id, Entry(id));
    return task;
  }

  bool Hand(std::uint32_t t, std::unique_ptr<Task>& task) {
    return threads_[(t + 1) % threads_.size()].queue.Put(task);
  }

  static void Run(Map& map, Thread& mine, std::unique_ptr<Task> task) {
    const auto entry = map.Load(task->id);
    if (!entry) {
      mine.wrong = Named(task->id) + " has lost its entry";
    } else if (*entry != Entry(task->id)) {
      mine.wrong = Named(task->id) + " has another one's entry";
    }
    if (!map.Delete(task->id)) mine.wrong = Named(task->id) + " was ended before it ran";
    ++mine.ran;
  }

  // What is wrong with a map of so many tasks.
  std::string Holds(Map& map, std::uint64_t tasks) {
    if constexpr (Supports<Map>(Op::kSize)) {
      if (const std::uint64_t size = map.Size(); size != tasks) {
        return "the map holds " + std::to_string(size) + " tasks and " + std::to_string(tasks) + " wait";
      }
    }
    return "";
  }

  std::deque<Thread> threads_;  // which stay where they are
  static constexpr std::uint64_t kMeasured = 8;  // of so many slices, one

  MemoryUse memory_;
  std::uint64_t fills_ = 0;
  bool measured_ = false;
  std::optional<double> peak_mib_, left_mib_;  // of the slice just checked
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_TASKS_H_
