// SPDX-License-Identifier: Apache-2.0
//
// The reclamation that xenium's maps are given here: epochs as the library sets
// them by default. A thread is registered when it first holds a guard and hands
// what it retired to the others when it ends.
#ifndef CMAP_MAPS_PEERS_XENIUM_RECLAIMER_H_
#define CMAP_MAPS_PEERS_XENIUM_RECLAIMER_H_

#include <xenium/reclamation/generic_epoch_based.hpp>

namespace cmap::peers {

using XeniumReclaimer = xenium::reclamation::epoch_based<>;

// Destroys what is retired while no other thread uses a map: an epoch ends when
// some thread has entered one hundred times, and there are three.
inline void XeniumQuiesce() {
  struct Node : XeniumReclaimer::enable_concurrent_ptr<Node> {};
  using Guard = XeniumReclaimer::concurrent_ptr<Node>::guard_ptr;
  Node node;
  for (int entries = 0; entries < 8 * 102; ++entries) {
    const Guard guard(&node);
  }
}

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_XENIUM_RECLAIMER_H_
