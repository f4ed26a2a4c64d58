// SPDX-License-Identifier: Apache-2.0
//
// Threads that stay alive from one history to the next: starting a thread costs
// more than a history. They leave a gate together that yields while it waits, as
// a spinning one would keep from a core whom it waits for.
#ifndef CMAP_MAPS_VERIFICATION_CREW_H_
#define CMAP_MAPS_VERIFICATION_CREW_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace cmap::verification {

class Crew {
 public:
  explicit Crew(int size);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  int size() const { return static_cast<int>(members_.size()); }

  // Runs work(0) ... work(threads - 1) at once and waits for all; threads is at
  // most size(). False if they have not ended after `patience`: then the crew
  // cannot be used any more, nor destroyed. `work` must not throw.
  [[nodiscard]] bool Run(int threads, const std::function<void(int)>& work,
                         std::chrono::seconds patience);

 private:
  struct alignas(64) Member {
    std::atomic<std::uint32_t> orders{0};
    std::thread thread;
  };

  void Serve(int number, Member& member);

  std::deque<Member> members_;
  const std::function<void(int)>* work_ = nullptr;  // null: go home
  std::atomic<int> missing_{0};                     // at the gate
  std::atomic<int> running_{0};
  std::mutex mutex_;
  std::condition_variable done_;
};

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CREW_H_
