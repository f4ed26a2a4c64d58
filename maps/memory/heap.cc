// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CMAP_HEAP_COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CMAP_HEAP_COUNTED 0
#else
#define CMAP_HEAP_COUNTED 1
#endif
#else
#define CMAP_HEAP_COUNTED 1
#endif

namespace cmap::memory {
namespace {

// Relaxed: sums, read when nothing else runs.
constinit std::atomic<std::int64_t> in_use{0};
constinit std::atomic<std::int64_t> peak{0};

[[maybe_unused]] void Count(std::int64_t bytes) {
  const std::int64_t now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t most = peak.load(std::memory_order_relaxed);
  while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

// Of a block in use: what malloc_usable_size leaves out is its header.
[[maybe_unused]] std::int64_t BlockBytes(void* block) {
  return static_cast<std::int64_t>(malloc_usable_size(block) + sizeof(std::size_t));
}

}  // namespace

bool HeapIsCounted() { return CMAP_HEAP_COUNTED != 0; }
std::int64_t HeapBytes() { return in_use.load(std::memory_order_relaxed); }
std::int64_t PeakHeapBytes() { return peak.load(std::memory_order_relaxed); }
void ResetPeak() { peak.store(HeapBytes(), std::memory_order_relaxed); }

}  // namespace cmap::memory

#if CMAP_HEAP_COUNTED

// glibc's own functions, under the names that stay when the public ones are replaced.
extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t bytes) {
  void* block = __libc_malloc(bytes);
  if (block != nullptr) cmap::memory::Count(cmap::memory::BlockBytes(block));
  return block;
}

void* calloc(std::size_t count, std::size_t bytes) {
  void* block = __libc_calloc(count, bytes);
  if (block != nullptr) cmap::memory::Count(cmap::memory::BlockBytes(block));
  return block;
}

void* realloc(void* block, std::size_t bytes) {
  const std::int64_t before = block == nullptr ? 0 : cmap::memory::BlockBytes(block);
  void* moved = __libc_realloc(block, bytes);
  if (moved != nullptr) {
    cmap::memory::Count(cmap::memory::BlockBytes(moved) - before);
  } else if (bytes == 0) {
    cmap::memory::Count(-before);
  }
  return moved;
}

void* memalign(std::size_t alignment, std::size_t bytes) {
  void* block = __libc_memalign(alignment, bytes);
  if (block != nullptr) cmap::memory::Count(cmap::memory::BlockBytes(block));
  return block;
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  void* got = memalign(alignment, bytes);
  if (got == nullptr) return ENOMEM;
  *block = got;
  return 0;
}

void free(void* block) {
  if (block == nullptr) return;
  cmap::memory::Count(-cmap::memory::BlockBytes(block));
  __libc_free(block);
}

// Calls from inside glibc, such as malloc's, do not come here.
void* mmap(void* where, std::size_t bytes, int protection, int flags, int file,
           off_t offset) noexcept {
  const long result = syscall(SYS_mmap, where, bytes, protection, flags, file, offset);
  if (result != -1) cmap::memory::Count(static_cast<std::int64_t>(bytes));
  return reinterpret_cast<void*>(result);
}

int munmap(void* where, std::size_t bytes) noexcept {
  const long result = syscall(SYS_munmap, where, bytes);
  if (result == 0) cmap::memory::Count(-static_cast<std::int64_t>(bytes));
  return static_cast<int>(result);
}

}  // extern "C"

#endif  // CMAP_HEAP_COUNTED
