// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/clock.h"

#include <thread>

namespace cmap::verification {
namespace {

// Two threads hand a stamp to and fro; whether each found its own not older than
// the one it was given.
bool CountersAgree() {
  constexpr int kRounds = 2000;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  std::atomic<std::uint64_t> ball[2] = {1, 0};
  std::atomic<bool> agree{true};
  const auto play = [&](int me) {
    for (int round = 0; round < kRounds; ++round) {
      std::uint64_t given;
      while ((given = ball[me].exchange(0, std::memory_order_acquire)) == 0) {
        if (std::chrono::steady_clock::now() > deadline) return;
        std::this_thread::yield();
      }
      const std::uint64_t own = cmap::internal::CounterAfter();
      if (own < given) agree.store(false, std::memory_order_relaxed);
      ball[1 - me].store(own, std::memory_order_release);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  return agree.load(std::memory_order_relaxed);
}

}  // namespace

std::string_view ClockName() {
  static const bool agree = [] {
    const bool result = CountersAgree();
    internal::counters_disagree.store(!result, std::memory_order_relaxed);
    return result;
  }();
  if (!agree) return "steady clock";
#if defined(__x86_64__)
  return "rdtsc, unfenced";
#else
  return "cntvct_el0, unfenced";
#endif
}

}  // namespace cmap::verification
