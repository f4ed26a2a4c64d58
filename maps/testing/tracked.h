// SPDX-License-Identifier: Apache-2.0
//
// An object for tests of reclamation: it counts itself where the test says, and knows when it
// is used after its life.
#ifndef CMAP_MAPS_TESTING_TRACKED_H_
#define CMAP_MAPS_TESTING_TRACKED_H_

#include <atomic>
#include <cstdint>

namespace cmap::testing {

class Tracked {
 public:
  explicit Tracked(std::atomic<int>* alive) : alive_(alive) { alive_->fetch_add(1); }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;
  ~Tracked() {
    mark_.store(0);
    alive_->fetch_sub(1);
  }

  bool IsAlive() const { return mark_.load() == kAlive; }

  static void Delete(void* object) { delete static_cast<Tracked*>(object); }

 private:
  static constexpr std::uint32_t kAlive = 0xfeedbeef;

  std::atomic<std::uint32_t> mark_{kAlive};
  std::atomic<int>* const alive_;
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_TRACKED_H_
