// SPDX-License-Identifier: Apache-2.0
//
// The threads of a visit, and what a slice's time means.
//
// Threads are created once per visit and pinned one to a CPU; the main thread
// is thread 0. Left to the scheduler, two threads that start together often
// share one core for a whole slice and measure each other's time slices.
// Threads that a map starts for itself (a library's that grows tables or frees
// memory in the background) inherit the one CPU of the player that happened to
// start them. A map with such threads was up to a hundred times slower for it; so
// they are given back all CPUs before every slice, as they would have them in a
// program that pins nothing.
//
// A slice starts at an agreed instant: the last thread that arrives at a barrier
// sets it a little ahead, and every thread spins until then (yielding where threads
// share CPUs). Clocks are clock_gettime(CLOCK_MONOTONIC), which all CPUs share.
// Between slices threads stay awake: with threads that slept, on a virtual machine,
// every slice began with about two milliseconds in which the woken CPU was slow, and
// lock-free reads looked a quarter slower.
//
// Two quantities say whether the slice was disturbed from outside:
//   late       how long after the agreed instant a thread started
//   run delay  time a thread was runnable but waited for its CPU, as the kernel
//              counts it in /proc/thread-self/schedstat, less what waking up takes
//              on an idle CPU (1 to 2 us) for every time it slept by itself
// Both are reported with the slice, of the thread that was worst, and judged per
// block (quality.h). What a map's own threads take is no disturbance: it is allowed
// for in the run delay. How far each thread got is no disturbance either but a
// result.
#ifndef CMAP_EXPERIMENTS_WORKER_THREADS_H_
#define CMAP_EXPERIMENTS_WORKER_THREADS_H_

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

namespace cmap::experiments {

// Nanoseconds of CLOCK_MONOTONIC.
std::int64_t NowNs();

// One thread's readings, nanoseconds.
struct ThreadTime {
  std::int64_t start = 0;
  std::int64_t end = 0;
  // Waited for a CPU that another thread had; 0 if unknown. Beside a wake-up's own
  // time for every time that it slept: waiting in a lock is the map's.
  std::int64_t run_delay = 0;
};

// What the threads' readings of one or more runs add up to, nanoseconds.
struct RunTime {
  double wall = 0;             // agreed start to latest end, or what scores a window
  std::int64_t run_delay = 0;  // of the thread that waited longest
  std::int64_t late = 0;       // of the thread that started last
  std::int64_t helpers = 0;    // CPU time of threads that maps have started

  // As shares of the wall time. While a map's own thread has a CPU, a player
  // waits; that is the map's doing and no disturbance.
  double late_share() const { return Share(late); }
  double run_delay_share() const { return Share(undue_delay()); }
  std::int64_t undue_delay() const { return std::max<std::int64_t>(0, run_delay - helpers); }
  RunTime& operator+=(const RunTime& other) {
    wall += other.wall;
    run_delay += other.run_delay;
    late += other.late;
    helpers += other.helpers;
    return *this;
  }

 private:
  double Share(std::int64_t ns) const {
    return wall > 0 ? static_cast<double>(ns) / wall : 0.0;
  }
};
RunTime Combine(std::int64_t agreed, std::span<const ThreadTime> threads);

// What the kernel has counted of a thread, nanoseconds.
struct SchedulerTime {
  std::int64_t on_cpu = 0;
  std::int64_t run_delay = 0;  // waiting on a run queue
};
// The first two numbers of a schedstat line. Nothing when the text is not of that
// form.
std::optional<SchedulerTime> ParseSchedstat(std::string_view schedstat);

// CPUs this process may use, ascending.
std::vector<int> AllowedCpus();

class Team {
 public:
  // Threads 1.. are started; thread t runs on cpus[t % cpus.size()]. Throws
  // InputError when a CPU may not be used, or when there are fewer CPUs than
  // threads and `oversubscribed` is false. The caller becomes thread 0 and is
  // pinned too; its former affinity is restored by the destructor.
  Team(int threads, const std::vector<int>& cpus, bool oversubscribed);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(times_.size()); }
  // False where the kernel does not count run delay; it then reads 0.
  bool counts_run_delay() const { return counts_run_delay_; }

  // Calls body(t, agreed) on every thread t from an agreed instant on (NowNs), and
  // waits for all. `body` must not throw. Only the thread that made the Team may
  // call this.
  template <class Body>
  RunTime Run(Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    return RunErased(
        [](void* context, int thread, std::int64_t agreed) {
          (*static_cast<Plain*>(context))(thread, agreed);
        },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Call = void (*)(void* context, int thread, std::int64_t agreed);

  RunTime RunErased(Call call, void* context);
  void Loop(int thread);
  void AwaitRound(std::uint32_t seen) const;
  void Part(int thread);
  void Enter(int thread);
  std::vector<pid_t> OtherThreads() const;
  void Free(std::vector<pid_t> others);

  struct alignas(64) PaddedTime {
    ThreadTime time;
    int schedstat = -1;  // file descriptor
    pid_t id = 0;        // of the kernel's
  };

  std::vector<PaddedTime> times_;
  std::vector<int> cpus_;
  bool oversubscribed_;
  bool counts_run_delay_ = true;
  std::vector<int> former_cpus_;
  std::vector<pid_t> freed_;
  Call call_ = nullptr;
  void* context_ = nullptr;
  // On lines of their own: the waiting threads poll them.
  alignas(64) std::atomic<std::uint32_t> round_{0};
  alignas(64) std::atomic<int> ready_{0};
  alignas(64) std::atomic<std::int64_t> agreed_{0};  // 0: not yet
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;  // last: joined before the rest goes
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_THREADS_H_
