// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>

namespace cmap::experiments {

Arena::Arena(std::uint64_t seed, std::size_t bytes)
    : bytes_((bytes + 4095) & ~std::size_t{4095}), random_(seed) {
  void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<std::byte*>(mapped);
#ifdef MADV_POPULATE_WRITE
  // All pages at once instead of one fault each, which virtual machines make dear. It may
  // do less, or nothing on old kernels.
  madvise(base_, bytes_, MADV_POPULATE_WRITE);
#endif
  // Writing is what makes the kernel supply pages of our own, whatever was done before.
  std::memset(base_, 0, bytes_);
}

Arena::~Arena() { munmap(base_, bytes_); }

void* Arena::Take(std::size_t bytes, std::size_t alignment) {
  const std::size_t need =
      std::max<std::size_t>(kSlot, (bytes + kSlot - 1) & ~(kSlot - 1));
  const std::size_t step = std::max(kSlot, alignment);
  if (need > bytes_ || step > 4096) throw std::bad_alloc();
  const std::size_t places = (bytes_ - need) / step + 1;
  for (int draw = 0; draw < 1000; ++draw) {
    // The modulo's bias is below 2^-40 for any arena that fits in memory.
    const std::size_t begin = (random_() % places) * step;
    const std::size_t end = begin + need;
    const auto after = taken_.lower_bound(begin);
    if (after != taken_.end() && after->first < end) continue;
    if (after != taken_.begin() && std::prev(after)->second > begin) continue;
    taken_.emplace(begin, end);
    return base_ + begin;
  }
  throw std::bad_alloc();
}

void Arena::Give(void* place) {
  if (place == nullptr) return;
  taken_.erase(static_cast<std::size_t>(static_cast<std::byte*>(place) - base_));
}

}  // namespace cmap::experiments
