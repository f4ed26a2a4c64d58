// SPDX-License-Identifier: Apache-2.0
//
// libcds' two sets as their users call them, without the adapter's translation: what the
// loop by hand of workloads/plain_loop.h calls. How the sets are put together (elements,
// traits) is the adapter's, for there are no maps without.
#ifndef CMAP_MAPS_PEERS_DIRECT_LIBCDS_MAPS_H_
#define CMAP_MAPS_PEERS_DIRECT_LIBCDS_MAPS_H_

#include <optional>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/peers/libcds_map.h"

namespace cmap::peers {

template <class K, class V, class Design>
class DirectLibcds {
  using Element = typename Design::Element;

 public:
  using key_type = K;
  using mapped_type = V;

  DirectLibcds() {
    LibcdsAttach();
    table_.emplace(typename Design::Options{});
  }
  ~DirectLibcds() { LibcdsAttach(); }
  DirectLibcds(const DirectLibcds&) = delete;
  DirectLibcds& operator=(const DirectLibcds&) = delete;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    auto held = table_->Get(key);
    if (!held) return false;
    f(std::as_const(held->value));
    return true;
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    table_->Update(*new Element(key, value), [](Element&, Element*) {});
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    if (Find(key, f)) return true;
    auto* const fresh = new Element(key, value);
    while (!table_->insert(*fresh)) {  // somebody else was first
      if (Find(key, f)) {
        delete fresh;
        return true;
      }
    }
    return false;
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return table_->Erase(key); }

  // Of every thread, before it calls anything else.
  static void Attach() { LibcdsAttach(); }
  static void Quiesce() { LibcdsQuiesce(); }

 private:
  std::optional<typename Design::Table> table_;
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_LIBCDS_MAPS_H_
