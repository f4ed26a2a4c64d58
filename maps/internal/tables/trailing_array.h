// SPDX-License-Identifier: Apache-2.0
//
// An object and an array of slots behind it in one heap block, as Java's arrays
// have their length in front of them: a lookup that has the object's address has
// the slots'.
#ifndef CMAP_MAPS_INTERNAL_TABLES_TRAILING_ARRAY_H_
#define CMAP_MAPS_INTERNAL_TABLES_TRAILING_ARRAY_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "maps/internal/memory.h"

namespace cmap::internal {

// A base of `Object`, whose constructor takes the number of slots first.
template <class Object, class Slot>
class TrailingArray {
 public:
  struct Deleter {
    void operator()(Object* object) const { Delete(object); }
  };
  using Owner = std::unique_ptr<Object, Deleter>;

  // Slots are value-initialised. Throws std::bad_alloc.
  template <class... Args>
  static Owner New(std::size_t size, Args&&... args) {
    static_assert(alignof(Slot) <= alignof(Object));
    void* const block = ::operator new(Bytes(size), Alignment());
    Object* const object = ::new (block) Object(size, std::forward<Args>(args)...);
    std::uninitialized_value_construct_n(object->Slots(), size);
    return Owner(object);
  }

  static void Delete(Object* object) {
    std::destroy_n(object->Slots(), object->size());
    std::destroy_at(object);
    ::operator delete(static_cast<void*>(object), Alignment());
  }
  // As a deleter of reclamation.
  static void DeleteObject(void* object) { Delete(static_cast<Object*>(object)); }

  std::size_t size() const { return size_; }
  Slot& operator[](std::size_t i) { return Slots()[i]; }
  const Slot& operator[](std::size_t i) const { return Slots()[i]; }

  std::size_t HeapBytesHeld() const { return MallocBytes(Bytes(size_)); }

 protected:
  explicit TrailingArray(std::size_t size) : size_(size) {}
  ~TrailingArray() = default;

 private:
  static constexpr std::align_val_t Alignment() { return std::align_val_t{alignof(Object)}; }
  static std::size_t Bytes(std::size_t size) { return sizeof(Object) + size * sizeof(Slot); }
  Slot* Slots() { return reinterpret_cast<Slot*>(static_cast<Object*>(this) + 1); }
  const Slot* Slots() const {
    return reinterpret_cast<const Slot*>(static_cast<const Object*>(this) + 1);
  }

  const std::size_t size_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_TRAILING_ARRAY_H_
