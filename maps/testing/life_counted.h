// SPDX-License-Identifier: Apache-2.0
//
// A value that counts its lives: how many exist, and whether one that no longer
// exists was used. Every object is counted from constructor to destructor, moved
// from or not, so that a map that leaks, destroys twice or reads a destroyed
// value is found out without a sanitizer.
#ifndef CMAP_MAPS_TESTING_LIFE_COUNTED_H_
#define CMAP_MAPS_TESTING_LIFE_COUNTED_H_

#include <cstdint>
#include <functional>

namespace cmap::testing {

class LifeCounted {
 public:
  // Thrown by the copy that ThrowAfter() asked for.
  struct CopyFailed {};

  LifeCounted() : LifeCounted(0) {}
  explicit LifeCounted(std::uint64_t number);
  LifeCounted(const LifeCounted& other);
  LifeCounted(LifeCounted&& other) noexcept;
  LifeCounted& operator=(const LifeCounted& other);  // strong
  LifeCounted& operator=(LifeCounted&& other) noexcept;
  ~LifeCounted();

  std::uint64_t number() const;

  // May be made to fail, as copies may: see faults.h.
  friend bool operator==(const LifeCounted& a, const LifeCounted& b);

  // Objects alive now, in all threads.
  static std::int64_t Alive();
  // Uses of objects outside their lives so far, in all threads.
  static std::int64_t Violations();

  // Makes the n-th copy (construction or assignment, 1 is the next) of this
  // thread throw CopyFailed; 0 switches that off.
  static void ThrowAfter(int copies);

  // Called on this thread with the number of every value that is destroyed or overwritten
  // from now on, unless it has been moved from; not for those that the hook itself makes.
  // Null switches it off.
  using FarewellHook = std::function<void(std::uint64_t)>;
  static void OnFarewell(const FarewellHook* hook);

 private:
  void CheckAlive() const;
  void SayFarewell() noexcept;

  std::uint64_t mark_;
  std::uint64_t number_;
  bool moved_from_ = false;
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_LIFE_COUNTED_H_
