// SPDX-License-Identifier: Apache-2.0
//
// Reclamation as a policy of maps: who frees what readers may still be using.
//
//                       a guard costs      an object costs   a stopped reader holds
//   EpochDomain         one exchange       nothing           all later garbage
//   HazardDomain        two stores         one exchange      what it has named
//   QuiescentDomain     two loads          nothing           all later garbage, also
//   (liburcu QSBR)                                           outside of guards
//   MembarrierDomain    two stores         nothing           all later garbage
//   (liburcu memb)
//   SharedPointers      nothing            a lock of a       what it has loaded
//                                          word, two counts
//
// A map with a parameter `template <class Atomics> class Reclamation` uses it
// through a guard:
//
//   typename Reclamation<Atomics>::Guard guard;
//   T* p = guard.template Protect<kSlot>(link);  // safe until the guard ends, or
//                                                // the slot is used again
//   guard.Prepare(n);                            // room for n times Retire
//   guard.Retire(p);                             // unlinked; freed later
//
// Of SharedPointers there is only the guard that Published (published.h) uses: where
// links own what they lead to there is nothing to retire.
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_RECLAMATION_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_RECLAMATION_H_

#include <atomic>
#include <concepts>
#include <cstddef>
#include <string_view>

#include "maps/concurrent_map.h"

namespace cmap::internal {

// A policy whose links are plain atomic pointers.
template <class D>
concept ReclamationDomain =
    requires(typename D::Guard guard, const std::atomic<int*>& link, int* object,
             void (*deleter)(void*), std::size_t n) {
      { D::kName } -> std::convertible_to<std::string_view>;
      { D::kCaveat } -> std::convertible_to<std::string_view>;
      { D::kReadProgress } -> std::convertible_to<Progress>;
      // Whether only what was given to Protect or Hold is protected, or all that is
      // met inside the guard.
      { D::kPerObject } -> std::convertible_to<bool>;
      { D::Drain() } -> std::same_as<bool>;
      D::Idle();
      { guard.template Protect<0>(link) } -> std::same_as<int*>;
      guard.template Hold<0>(object);
      guard.Prepare(n);
      guard.Retire(object, n);
      guard.Retire(object, deleter, n);
    };

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_RECLAMATION_H_
