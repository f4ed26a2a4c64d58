// SPDX-License-Identifier: Apache-2.0
//
// Read-side sections whose barriers the grace period forces: liburcu's memb flavour.
// See rcu.h.
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_RCU_MEMB_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_RCU_MEMB_H_

#include <string_view>

// The names of other flavours, which a file may include as well, stay apart.
#ifndef URCU_NO_COMPAT_IDENTIFIERS
#define URCU_NO_COMPAT_IDENTIFIERS
#endif
#include <urcu/urcu-memb.h>

#include "maps/internal/reclamation/rcu.h"

// liburcu's own declaration is there for the first flavour of a file only.
extern "C" void urcu_memb_call_rcu(rcu_head* head, void (*function)(rcu_head*));

namespace cmap::internal {

struct MembarrierFlavour {
  static void Register() noexcept { urcu_memb_register_thread(); }
  static void Unregister() noexcept { urcu_memb_unregister_thread(); }
  static void ReadLock() noexcept { urcu_memb_read_lock(); }
  static void ReadUnlock() noexcept { urcu_memb_read_unlock(); }
  static void Online() noexcept {}
  static void Offline() noexcept {}
  static void Quiescent() noexcept {}
  static void Call(rcu_head* head, void (*function)(rcu_head*)) noexcept {
    urcu_memb_call_rcu(head, function);
  }
};

// There is one for the process: the Atomics policy does not matter to it.
template <class Atomics>
class MembarrierDomain : public RcuDomain<MembarrierFlavour> {
 public:
  static constexpr std::string_view kName = "RCU (liburcu memb)";
  static constexpr std::string_view kCaveat =
      "a guard held for long holds up all freeing of memory";
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_RCU_MEMB_H_
