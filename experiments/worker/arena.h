// SPDX-License-Identifier: Apache-2.0
//
// Where map objects live. The address of a lock word or a root pointer relative
// to everything else in the cache changes the time of a whole process by
// several per cent, and it does so for every slice of that process alike: no
// number of slices averages it out. The arena makes the address a random
// variable instead. It is one mapping, prefaulted so that no slice pays for a
// page, and hands out random 64-byte slots; objects alive at the same time never
// overlap. What a map allocates itself comes from the allocator as usual.
#ifndef CMAP_EXPERIMENTS_WORKER_ARENA_H_
#define CMAP_EXPERIMENTS_WORKER_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>

namespace cmap::experiments {

class Arena {
 public:
  static constexpr std::size_t kSlot = 64;                // bytes
  static constexpr std::size_t kDefaultBytes = 64u << 20;  // 64 MiB

  // Maps and touches `bytes` (rounded up to pages). The sequence of slots is a
  // function of `seed` and of the calls made. Throws std::bad_alloc.
  explicit Arena(std::uint64_t seed, std::size_t bytes = kDefaultBytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Random free place for `bytes` bytes at a multiple of 64 and of `alignment`
  // (a power of two, at most a page). Expected O(log n) in the number of places
  // taken. Throws std::bad_alloc when a thousand draws find nothing free.
  void* Take(std::size_t bytes, std::size_t alignment);

  // Gives a place back; nullptr is ignored.
  void Give(void* place);

  std::size_t taken() const { return taken_.size(); }

 private:
  std::byte* base_;
  std::size_t bytes_;
  std::mt19937_64 random_;
  std::map<std::size_t, std::size_t> taken_;  // offset -> end offset
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_ARENA_H_
