// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "experiments/worker/errors.h"
#include "maps/internal/atomics.h"

namespace cmap::experiments {
namespace {

// How long a thread spins for the next slice before it sleeps. Longer than what
// the main thread does between the slices of a block and the blocks of small
// maps; filling large ones takes longer, but then a discarded slice follows.
constexpr std::int64_t kStayAwakeNs = 100'000'000;

// From the arrival of the last thread to the agreed start: what the news takes to
// reach a hundred threads, and a system call.
constexpr std::int64_t kLeadNs = 20'000;

// What waking up may take before it counts as waiting for somebody else's thread.
constexpr std::int64_t kWakeUpNs = 5'000;

// Of the calling thread if `thread` is 0.
void SetAffinity(const std::vector<int>& cpus, pid_t thread = 0) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  // Cannot fail for CPUs that AllowedCpus() names, except under an emulator
  // without affinity, where nothing is timed, and for a thread that has ended.
  sched_setaffinity(thread, sizeof set, &set);
}

SchedulerTime ReadSchedstat(int file) {
  if (file < 0) return {};
  char text[128];
  const ssize_t length = pread(file, text, sizeof text, 0);
  if (length <= 0) return {};
  return ParseSchedstat({text, static_cast<std::size_t>(length)}).value_or(SchedulerTime{});
}

// How often the calling thread has given up its CPU by itself.
std::int64_t Sleeps() {
  rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

// Of threads of this process together; one that has ended counts nothing.
std::int64_t TimeOnCpu(const std::vector<pid_t>& threads) {
  std::int64_t on_cpu = 0;
  for (const pid_t thread : threads) {
    const std::string path = "/proc/self/task/" + std::to_string(thread) + "/schedstat";
    const int file = open(path.c_str(), O_RDONLY);
    on_cpu += ReadSchedstat(file).on_cpu;
    if (file >= 0) close(file);
  }
  return on_cpu;
}

}  // namespace

std::int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

RunTime Combine(std::int64_t agreed, std::span<const ThreadTime> threads) {
  RunTime run;
  std::int64_t last_end = agreed;
  for (const ThreadTime& t : threads) {
    last_end = std::max(last_end, t.end);
    run.late = std::max(run.late, t.start - agreed);
    run.run_delay = std::max(run.run_delay, t.run_delay);
  }
  run.wall = static_cast<double>(last_end - agreed);
  return run;
}

std::optional<SchedulerTime> ParseSchedstat(std::string_view schedstat) {
  SchedulerTime time;
  const char* const end = schedstat.data() + schedstat.size();
  const auto [first, error] = std::from_chars(schedstat.data(), end, time.on_cpu);
  if (error != std::errc() || first == end || *first != ' ') return std::nullopt;
  const auto [rest, worse] = std::from_chars(first + 1, end, time.run_delay);
  if (worse != std::errc() || rest == end || (*rest != ' ' && *rest != '\n')) {
    return std::nullopt;
  }
  return time;
}

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

Team::Team(int threads, const std::vector<int>& cpus, bool oversubscribed)
    : times_(static_cast<std::size_t>(threads)),
      cpus_(cpus),
      oversubscribed_(oversubscribed),
      former_cpus_(AllowedCpus()) {
  if (cpus_.empty()) cpus_ = former_cpus_;
  for (int cpu : cpus_) {
    if (!std::binary_search(former_cpus_.begin(), former_cpus_.end(), cpu)) {
      throw InputError("this process may not run on CPU " +
                       std::to_string(cpu) + "; pin to others (it may use " +
                       std::to_string(former_cpus_.size()) +
                       ", the first of them number " +
                       std::to_string(former_cpus_[0]) + ")");
    }
  }
  const std::set<int> distinct(cpus_.begin(), cpus_.end());
  if (!oversubscribed_ && distinct.size() < times_.size()) {
    throw InputError(
        std::to_string(threads) + " threads need as many CPUs of their own and " +
        std::to_string(distinct.size()) +
        " are given; use fewer threads or set \"oversubscribed\": true");
  }
  threads_.reserve(times_.size());
  for (int t = 1; t < threads; ++t) {
    threads_.emplace_back([this, t] { Loop(t); });
  }
  Enter(0);
  // Until all have entered, their threads cannot be told from others.
  // (8) acquire, pairs with (7).
  for (int in; (in = done_.load(std::memory_order_acquire)) < size() - 1;) {
    done_.wait(in, std::memory_order_acquire);
  }
  counts_run_delay_ = times_[0].schedstat >= 0;
}

Team::~Team() {
  stop_.store(true, std::memory_order_relaxed);
  // (1) release: the threads see stop_ once they see the new round (2).
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const PaddedTime& time : times_) {
    if (time.schedstat >= 0) close(time.schedstat);
  }
  SetAffinity(former_cpus_);
}

void Team::Enter(int thread) {
  SetAffinity({cpus_[static_cast<std::size_t>(thread) % cpus_.size()]});
  PaddedTime& mine = times_[static_cast<std::size_t>(thread)];
  mine.schedstat = open("/proc/thread-self/schedstat", O_RDONLY);
  mine.id = gettid();
}

// Threads of this process that a map has started for itself.
std::vector<pid_t> Team::OtherThreads() const {
  std::vector<pid_t> others;
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return others;
  while (const dirent* entry = readdir(tasks)) {
    const pid_t id = std::atoi(entry->d_name);
    const auto is_ours = [id](const PaddedTime& time) { return time.id == id; };
    if (id != 0 && std::none_of(times_.begin(), times_.end(), is_ours)) {
      others.push_back(id);
    }
  }
  closedir(tasks);
  return others;
}

// They were born on the one CPU of the thread that made the map.
void Team::Free(std::vector<pid_t> others) {
  for (const pid_t id : others) {
    if (std::find(freed_.begin(), freed_.end(), id) == freed_.end()) {
      SetAffinity(former_cpus_, id);
    }
  }
  freed_ = std::move(others);
}

void Team::Loop(int thread) {
  Enter(thread);
  // (7) release: the thread's id is known at (8).
  if (done_.fetch_add(1, std::memory_order_release) + 1 == size() - 1) {
    done_.notify_one();
  }
  std::uint32_t seen = 0;
  while (true) {
    AwaitRound(seen);
    // (2) acquire, pairs with the releases (1) and (3).
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (round == seen) continue;
    seen = round;
    if (stop_.load(std::memory_order_relaxed)) return;
    Part(thread);
    // (4) release: what the slice wrote is visible to the main thread at (5).
    if (done_.fetch_add(1, std::memory_order_release) + 1 == size() - 1) {
      done_.notify_one();
    }
  }
}

void Team::AwaitRound(std::uint32_t seen) const {
  if (!oversubscribed_) {
    const std::int64_t start = NowNs();
    do {
      for (int i = 0; i < 1000; ++i) {
        if (round_.load(std::memory_order_relaxed) != seen) return;
        NativeAtomics::Pause();
      }
    } while (NowNs() - start < kStayAwakeNs);
  }
  round_.wait(seen, std::memory_order_relaxed);
}

void Team::Part(int thread) {
  PaddedTime& mine = times_[static_cast<std::size_t>(thread)];
  // (6) acq_rel: every thread arrives with its preparations behind it; the last one
  // has seen all others' (pairs with itself).
  const bool last = ready_.fetch_add(1, std::memory_order_acq_rel) + 1 == size();
  // (9) release: whoever reads the agreed instant at (10) has everybody's
  // preparations behind it.
  if (last) agreed_.store(NowNs() + kLeadNs, std::memory_order_release);
  // A few hundred microseconds of spinning cover the wake-up of a sleeping
  // thread; beyond that, and whenever threads share CPUs, give the CPU away.
  int spins = oversubscribed_ ? 0 : 20'000;
  const auto wait = [&] {
    if (spins > 0) {
      --spins;
      NativeAtomics::Pause();
    } else {
      NativeAtomics::Yield();
    }
  };
  std::int64_t agreed;
  // (10) acquire, pairs with (9).
  while ((agreed = agreed_.load(std::memory_order_acquire)) == 0) wait();
  // Waiting at the barrier is not the slice's delay; what is read here falls into
  // the time that is left before the start.
  const std::int64_t delay_before = ReadSchedstat(mine.schedstat).run_delay;
  const std::int64_t sleeps_before = Sleeps();
  spins = oversubscribed_ ? 0 : 1'000'000;
  while (NowNs() < agreed) wait();
  mine.time.start = NowNs();
  call_(context_, thread, agreed);
  mine.time.end = NowNs();
  const std::int64_t delay = ReadSchedstat(mine.schedstat).run_delay - delay_before;
  mine.time.run_delay = std::max<std::int64_t>(0, delay - kWakeUpNs * (Sleeps() - sleeps_before));
}

RunTime Team::RunErased(Call call, void* context) {
  std::vector<pid_t> helpers = OtherThreads();
  const std::int64_t helped_before = TimeOnCpu(helpers);
  Free(std::move(helpers));
  call_ = call;
  context_ = context;
  ready_.store(0, std::memory_order_relaxed);
  agreed_.store(0, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  if (size() > 1) {
    // (3) release: call_, context_ and the counters are visible at (2).
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  Part(0);
  if (size() > 1) {
    int done;
    // (5) acquire, pairs with (4).
    while ((done = done_.load(std::memory_order_acquire)) < size() - 1) {
      done_.wait(done, std::memory_order_acquire);
    }
  }
  std::vector<ThreadTime> times;
  times.reserve(times_.size());
  for (const PaddedTime& time : times_) times.push_back(time.time);
  RunTime run = Combine(agreed_.load(std::memory_order_relaxed), times);
  // (A thread that ends takes its time with it.)
  run.helpers = std::max<std::int64_t>(0, TimeOnCpu(OtherThreads()) - helped_before);
  return run;
}

}  // namespace cmap::experiments
