// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <mutex>

#include "maps/memory/mappings.h"

#if defined(CMAP_THREAD_SANITIZER) || defined(CMAP_ADDRESS_SANITIZER)
#define CMAP_HEAP_COUNTED 0
#else
#define CMAP_HEAP_COUNTED 1
#endif

namespace cmap::memory {
namespace {

// Relaxed: sums, read when nothing else runs.
constinit std::atomic<std::int64_t> blocks{0};
// The most that they were since the last time that mappings were looked at.
constinit std::atomic<std::int64_t> blocks_peak{0};

// The two below are under it, and so is what changes a mapping.
constinit std::mutex mutex;
constinit Mappings mappings;
constinit std::int64_t peak = 0;

[[maybe_unused]] void Count(std::int64_t bytes) {
  const std::int64_t now = blocks.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t most = blocks_peak.load(std::memory_order_relaxed);
  while (now > most && !blocks_peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

// Of a block in use: what malloc_usable_size leaves out is its header.
[[maybe_unused]] std::int64_t BlockBytes(void* block) {
  return static_cast<std::int64_t>(malloc_usable_size(block) + sizeof(std::size_t));
}

// To be called before anything that takes memory from a mapping, under the lock. Since the
// call before, mappings have only gained memory, so that they never had more than now, and
// blocks never took more than blocks_peak. The two may have been at different times: see
// PeakHeapBytes. A block that another thread allocates right now may be missed.
void Look() {
  peak = std::max(peak, blocks_peak.load(std::memory_order_relaxed) + mappings.ResidentBytes());
  blocks_peak.store(blocks.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace

bool HeapIsCounted() { return CMAP_HEAP_COUNTED != 0; }

std::int64_t HeapBytes() {
  const std::lock_guard lock(mutex);
  return blocks.load(std::memory_order_relaxed) + mappings.ResidentBytes();
}

std::int64_t PeakHeapBytes() {
  const std::lock_guard lock(mutex);
  Look();
  return peak;
}

void ResetPeak() {
  const std::lock_guard lock(mutex);
  peak = 0;
  blocks_peak.store(blocks.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

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
  const std::lock_guard lock(cmap::memory::mutex);
  const bool replaces = (flags & MAP_FIXED) != 0;
  if (replaces) cmap::memory::Look();
  const long result = syscall(SYS_mmap, where, bytes, protection, flags, file, offset);
  void* const got = reinterpret_cast<void*>(result);
  if (result == -1) return got;
  if (replaces) cmap::memory::mappings.Remove(got, bytes);
  if ((flags & MAP_ANONYMOUS) != 0) {
    if ((flags & MAP_SHARED) != 0) {
      cmap::memory::CannotCount("a shared mapping is not counted; map privately");
    }
    cmap::memory::mappings.Add(got, bytes);
  }
  return got;
}

void* mmap64(void* where, std::size_t bytes, int protection, int flags, int file,
             off64_t offset) noexcept {
  return mmap(where, bytes, protection, flags, file, offset);
}

void* mremap(void* where, std::size_t before, std::size_t after, int flags, ...) noexcept {
  void* to = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    to = va_arg(arguments, void*);
    va_end(arguments);
  }
  const std::lock_guard lock(cmap::memory::mutex);
  cmap::memory::Look();
  const bool known = cmap::memory::mappings.Contains(where);
  const long result = syscall(SYS_mremap, where, before, after, flags, to);
  void* const got = reinterpret_cast<void*>(result);
  if (result == -1) return got;
  if ((flags & MREMAP_DONTUNMAP) == 0) cmap::memory::mappings.Remove(where, before);
  cmap::memory::mappings.Remove(got, after);
  if (known) cmap::memory::mappings.Add(got, after);
  return got;
}

// Whatever the advice, as some take memory at once and some when the kernel likes to.
int madvise(void* where, std::size_t bytes, int advice) noexcept {
  const std::lock_guard lock(cmap::memory::mutex);
  cmap::memory::Look();
  return static_cast<int>(syscall(SYS_madvise, where, bytes, advice));
}

int munmap(void* where, std::size_t bytes) noexcept {
  const std::lock_guard lock(cmap::memory::mutex);
  cmap::memory::Look();
  const long result = syscall(SYS_munmap, where, bytes);
  if (result == 0) cmap::memory::mappings.Remove(where, bytes);
  return static_cast<int>(result);
}

}  // extern "C"

#endif  // CMAP_HEAP_COUNTED
