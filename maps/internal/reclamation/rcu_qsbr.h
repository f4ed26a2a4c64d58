// SPDX-License-Identifier: Apache-2.0
//
// Quiescent states: liburcu's QSBR flavour. See rcu.h.
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_RCU_QSBR_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_RCU_QSBR_H_

#include <string_view>

// The names of other flavours, which a file may include as well, stay apart.
#ifndef URCU_NO_COMPAT_IDENTIFIERS
#define URCU_NO_COMPAT_IDENTIFIERS
#endif
#include <urcu/urcu-qsbr.h>

#include "maps/internal/reclamation/rcu.h"

// liburcu's own declaration is there for the first flavour of a file only.
extern "C" void urcu_qsbr_call_rcu(rcu_head* head, void (*function)(rcu_head*));

namespace cmap::internal {

struct QuiescentFlavour {
  static void Register() noexcept { urcu_qsbr_register_thread(); }
  static void Unregister() noexcept { urcu_qsbr_unregister_thread(); }
  static void ReadLock() noexcept {}
  static void ReadUnlock() noexcept {}
  static void Online() noexcept { urcu_qsbr_thread_online(); }
  static void Offline() noexcept { urcu_qsbr_thread_offline(); }
  static void Quiescent() noexcept { urcu_qsbr_quiescent_state(); }
  static void Call(rcu_head* head, void (*function)(rcu_head*)) noexcept {
    urcu_qsbr_call_rcu(head, function);
  }
};

// There is one for the process: the Atomics policy does not matter to it.
template <class Atomics>
class QuiescentDomain : public RcuDomain<QuiescentFlavour> {
 public:
  static constexpr std::string_view kName = "quiescent states (liburcu QSBR)";
  static constexpr std::string_view kCaveat =
      "a thread that has used a map and then rests without saying "
      "so holds up all freeing of memory";
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_RCU_QSBR_H_
