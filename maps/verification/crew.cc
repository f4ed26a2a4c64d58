// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/crew.h"

namespace cmap::verification {

Crew::Crew(int size) {
  for (int i = 0; i < size; ++i) {
    Member& member = members_.emplace_back();
    member.thread = std::thread([this, i, &member] { Serve(i, member); });
  }
}

Crew::~Crew() {
  work_ = nullptr;
  for (Member& member : members_) {
    member.orders.fetch_add(1, std::memory_order_release);
    member.orders.notify_one();
  }
  for (Member& member : members_) member.thread.join();
}

bool Crew::Run(int threads, const std::function<void(int)>& work, std::chrono::seconds patience) {
  work_ = &work;
  missing_.store(threads, std::memory_order_relaxed);
  running_.store(threads, std::memory_order_relaxed);
  for (int i = 0; i < threads; ++i) {
    Member& member = members_[static_cast<std::size_t>(i)];
    // Release, pairs with the acquire in Serve: hands over what was set above.
    member.orders.fetch_add(1, std::memory_order_release);
    member.orders.notify_one();
  }
  std::unique_lock lock(mutex_);
  return done_.wait_until(lock, std::chrono::system_clock::now() + patience,
                          // Acquire, pairs with the sub in Serve: what the threads wrote.
                          [this] { return running_.load(std::memory_order_acquire) == 0; });
}

void Crew::Serve(int number, Member& member) {
  for (std::uint32_t served = 0;; ++served) {
    while (member.orders.load(std::memory_order_acquire) == served) {
      member.orders.wait(served, std::memory_order_acquire);
    }
    if (work_ == nullptr) return;
    missing_.fetch_sub(1, std::memory_order_relaxed);
    while (missing_.load(std::memory_order_relaxed) > 0) {
      std::this_thread::yield();
    }
    (*work_)(number);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

}  // namespace cmap::verification
