// SPDX-License-Identifier: Apache-2.0
//
// How much of the misuse of a checked_map does its check notice? Threads write to
// one map without synchronisation of their own. Behind the check, the map has a
// mutex, so that it stays whole; in front of the mutex, writes in progress are
// counted, so that it is known when two overlapped.
//
// What is measured is a share of first overlaps. The threads write until two
// writes have overlapped, finish those, and stop: did the check report anything
// until then? (Counting on, as if nothing had happened, says nothing: the first
// writer to end clears the mark of the others, and threads that go on writing can
// step over each other without ever finding it.)
#ifndef CMAP_MAPS_TESTING_MISUSE_H_
#define CMAP_MAPS_TESTING_MISUSE_H_

#include <atomic>
#include <barrier>
#include <cstdint>
#include <thread>
#include <vector>

#include "maps/checked_map.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/fail_fast_lock.h"
#include "maps/internal/locks/rw_lock.h"

namespace cmap::testing {

// A mutex that counts the writes which began while another was in progress. What
// it takes for a write lies within what the check takes for it.
class WitnessLock {
 public:
  void lock() {
    if (inside_.fetch_add(1) != 0) overlaps.fetch_add(1);
    mutex_.lock();
  }
  void unlock() {
    mutex_.unlock();
    inside_.fetch_sub(1);
  }
  void lock_shared() { mutex_.lock(); }
  void unlock_shared() { mutex_.unlock(); }

  // In all maps of the process.
  static inline std::atomic<std::uint64_t> overlaps{0};

 private:
  std::atomic<int> inside_{0};
  internal::MutexLock<NativeAtomics> mutex_;
};

template <class K, class V>
using WitnessedMap =
    CheckedMap<K, V, DefaultHash<K>, NativeAtomics, WitnessLock>;

// Takes the hook of the process for its scope: reports are counted.
class CountMisuse {
 public:
  CountMisuse()
      : former_(internal::SetMisuseHook(
            [](internal::Misuse) { reports.fetch_add(1); })) {}
  ~CountMisuse() { internal::SetMisuseHook(former_); }
  CountMisuse(const CountMisuse&) = delete;
  CountMisuse& operator=(const CountMisuse&) = delete;

  static inline std::atomic<std::uint64_t> reports{0};

 private:
  const internal::MisuseHook former_;
};

struct MisuseRate {
  std::uint64_t overlapped = 0;  // episodes in which two writes overlapped
  std::uint64_t noticed = 0;     // of these, episodes with a report
};

// In each episode each of `threads` stores until two of them have overlapped, or
// kWrites times: for a millisecond or two.
inline MisuseRate MeasureMisuse(int threads, std::uint64_t episodes) {
  constexpr std::uint64_t kWrites = 20'000;
  CountMisuse counting;
  WitnessedMap<std::uint64_t, std::uint64_t> map;
  std::barrier together(threads);
  std::uint64_t overlaps = 0, reports = 0;  // before the episode
  MisuseRate rate;
  std::vector<std::thread> running;
  for (int me = 0; me < threads; ++me) {
    running.emplace_back([&, me] {
      for (std::uint64_t episode = 0; episode < episodes; ++episode) {
        if (me == 0) {
          overlaps = WitnessLock::overlaps.load();
          reports = CountMisuse::reports.load();
        }
        together.arrive_and_wait();
        for (std::uint64_t i = 0; i < kWrites; ++i) {
          map.Store(MixBits(episode + i) % 1024, i);
          if (WitnessLock::overlaps.load() != overlaps) break;
        }
        together.arrive_and_wait();
        if (me != 0) continue;
        if (WitnessLock::overlaps.load() == overlaps) continue;
        ++rate.overlapped;
        rate.noticed += CountMisuse::reports.load() != reports;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return rate;
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_MISUSE_H_
