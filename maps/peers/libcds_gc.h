// SPDX-License-Identifier: Apache-2.0
//
// The hazard pointers of libcds and the registration of threads with them.
#ifndef CMAP_MAPS_PEERS_LIBCDS_GC_H_
#define CMAP_MAPS_PEERS_LIBCDS_GC_H_

#include <cds/gc/hp.h>
#include <cds/init.h>
#include <cds/threading/model.h>

#include <cstddef>
#include <thread>

namespace cmap::peers {

// Hazard pointers a thread may hold at once, and the threads for which the
// library sizes each thread's list of retired values: twice the product, 3200.
inline constexpr std::size_t kLibcdsHazardPointers = 16;
inline constexpr int kLibcdsThreads = 100;

// Registers the calling thread, once, until it ends. The library is initialised
// by the first thread and never taken down: maps may outlive main().
inline void LibcdsAttach() {
  struct Library {
    Library() {
      cds::Initialize();
      hazard_pointers = new cds::gc::HP(kLibcdsHazardPointers, kLibcdsThreads);
    }
    cds::gc::HP* hazard_pointers;  // still reachable, no leak
  };
  struct Attached {
    Attached() {
      static const Library library;
      cds::threading::Manager::attachThread();
    }
    ~Attached() { cds::threading::Manager::detachThread(); }
  };
  static thread_local const Attached attached;
}

// Destroys what is retired while no other thread uses a map. A thread that ends
// takes over what ended threads have left, hence the thread.
inline void LibcdsQuiesce() {
  LibcdsAttach();
  cds::gc::HP::scan();
  std::thread([] { LibcdsAttach(); }).join();
}

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_LIBCDS_GC_H_
