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
// A slice starts when all threads have met at a barrier and ends when the last
// one finishes: its wall time is the latest end minus the earliest start, by
// clock_gettime(CLOCK_MONOTONIC), which all CPUs share (16 ns a call, two calls
// a slice of milliseconds). At the barrier threads spin, and yield once they
// have spun longer than a healthy machine needs. Between slices they stay awake:
// with threads that slept, on a virtual machine, every slice began with about two
// milliseconds in which the woken CPU was slow, the threads overlapped for 72 %
// of a slice instead of 97 %, and lock-free reads looked a quarter slower.
//
// Two quantities say whether the slice was what it claims to be:
//   overlap    (earliest end - latest start) / (latest end - earliest start):
//              the share of the time in which all threads ran
//   run delay  time a thread was runnable but waited for its CPU, as the kernel
//              counts it in /proc/thread-self/schedstat, over the wall time
// Both are reported with the slice and judged per block (quality.h). What a map's
// own threads take is no disturbance: it is allowed for in both.
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

// One thread's clock readings, nanoseconds.
struct ThreadTime {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t run_delay = 0;  // gained between start and end; 0 if unknown
};

// What the threads' readings of one or more runs add up to, nanoseconds.
struct RunTime {
  std::int64_t wall = 0;       // latest end - earliest start
  std::int64_t together = 0;   // earliest end - latest start, at least 0
  std::int64_t run_delay = 0;  // of the thread that waited longest
  std::int64_t helpers = 0;    // CPU time of threads that maps have started

  // As shares of the wall time. While a map's own thread has a CPU, a player
  // waits and others play alone; that is the map's doing and no disturbance.
  double overlap() const { return wall > 0 ? std::min(1.0, Share(together + helpers)) : 1.0; }
  double run_delay_share() const { return wall > 0 ? Share(undue_delay()) : 0.0; }
  std::int64_t undue_delay() const { return std::max<std::int64_t>(0, run_delay - helpers); }
  RunTime& operator+=(const RunTime& other) {
    wall += other.wall;
    together += other.together;
    run_delay += other.run_delay;
    helpers += other.helpers;
    return *this;
  }

 private:
  double Share(std::int64_t ns) const {
    return static_cast<double>(ns) / static_cast<double>(wall);
  }
};
RunTime Combine(std::span<const ThreadTime> threads);

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

  // Calls body(t) on every thread t, all released together, and waits for all.
  // `body` must not throw. Only the thread that made the Team may call this.
  template <class Body>
  RunTime Run(Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    return RunErased(
        [](void* context, int thread) { (*static_cast<Plain*>(context))(thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Call = void (*)(void* context, int thread);

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
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;  // last: joined before the rest goes
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_THREADS_H_
