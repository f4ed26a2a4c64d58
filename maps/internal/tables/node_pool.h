// SPDX-License-Identifier: Apache-2.0
//
// An allocator that takes the nodes of one container out of chunks.
//
//   chunks   [ link | node node node ... ]  [ link | node node node ... ]
//   free --> node --> node --> ...          as many nodes as all chunks before
//
// A node costs what it is long, without malloc's header and rounding, lies beside
// those that came before and after it, and is given back by two stores. The price:
// chunks are given back only with the container, and the last one is half empty on
// average.
//
// Each container has a pool of its own, which its allocator and the copies thereof
// share. No thread safety beyond the container's. What is not one object of the size
// first asked for (bucket arrays) comes from the heap.
#ifndef CMAP_MAPS_INTERNAL_TABLES_NODE_POOL_H_
#define CMAP_MAPS_INTERNAL_TABLES_NODE_POOL_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "maps/internal/memory.h"

namespace cmap::internal {

// Blocks of one size. Throws std::bad_alloc, with nothing changed.
class NodePool {
 public:
  NodePool() = default;
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;
  ~NodePool() {
    while (chunks_ != nullptr) {
      ::operator delete(std::exchange(chunks_, chunks_->next));
    }
  }

  // Whether blocks of this size come from here: the first size asked for.
  bool Serves(std::size_t bytes) {
    bytes = Rounded(bytes);
    if (block_ == 0) block_ = bytes;
    return block_ == bytes;
  }

  void* Take() {
    if (free_ == nullptr) {
      if (unused_ == 0) Grow();
      --unused_;
      return std::exchange(fresh_, fresh_ + block_);
    }
    return std::exchange(free_, free_->next);
  }

  void Give(void* block) noexcept { free_ = new (block) Link{free_}; }

  // Heap bytes of all chunks.
  std::size_t Bytes() const { return bytes_; }

 private:
  struct Link {
    Link* next;
  };

  static constexpr std::size_t kAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  static constexpr std::size_t kFirst = 8;             // blocks
  static constexpr std::size_t kLargest = 256 * 1024;  // bytes

  static std::size_t Rounded(std::size_t bytes) {
    return (std::max(bytes, sizeof(Link)) + kAlign - 1) / kAlign * kAlign;
  }

  void Grow() {
    const std::size_t blocks =
        std::clamp(blocks_, kFirst, std::max(kFirst, kLargest / block_));
    const std::size_t bytes = kAlign + blocks * block_;
    auto* chunk = static_cast<std::byte*>(::operator new(bytes));
    chunks_ = new (chunk) Link{chunks_};
    fresh_ = chunk + kAlign;
    unused_ = blocks;
    blocks_ += blocks;
    bytes_ += MallocBytes(bytes);
  }

  std::size_t block_ = 0;
  Link* free_ = nullptr;
  std::byte* fresh_ = nullptr;  // of the last chunk, what was never used
  std::size_t unused_ = 0;
  Link* chunks_ = nullptr;
  std::size_t blocks_ = 0;
  std::size_t bytes_ = 0;
};

// Meets the Allocator requirements of the standard.
template <class T>
class PoolAllocator {
 public:
  using value_type = T;

  PoolAllocator() : pool_(std::make_shared<NodePool>()) {}
  template <class U>
  PoolAllocator(const PoolAllocator<U>& other) noexcept : pool_(other.pool_) {}

  T* allocate(std::size_t n) {
    if (n == 1 && kFits && pool_->Serves(sizeof(T))) {
      return static_cast<T*>(pool_->Take());
    }
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* block, std::size_t n) noexcept {
    if (n == 1 && kFits && pool_->Serves(sizeof(T))) {
      pool_->Give(block);
    } else {
      std::allocator<T>().deallocate(block, n);
    }
  }

  // A copy of a container has its own pool.
  PoolAllocator select_on_container_copy_construction() const {
    return PoolAllocator();
  }

  // What the container's nodes hold, free ones included.
  std::size_t PoolBytes() const {
    return kCountedPool + pool_->Bytes();
  }

  template <class U>
  friend bool operator==(const PoolAllocator& a, const PoolAllocator<U>& b) {
    return a.pool_ == b.pool_;
  }

 private:
  template <class U>
  friend class PoolAllocator;

  static constexpr bool kFits = alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  // The pool behind its shared_ptr: two counts and a table pointer before it.
  static constexpr std::size_t kCountedPool =
      MallocBytes(sizeof(NodePool) + 2 * sizeof(void*));

  std::shared_ptr<NodePool> pool_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_NODE_POOL_H_
