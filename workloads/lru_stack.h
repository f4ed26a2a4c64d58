// SPDX-License-Identifier: Apache-2.0
//
// A least-recently-used stack with access by depth: which key was the d-th
// most recently asked for, and how deep is a key? Stack distance (R. Mattson et
// al., IBM Systems Journal 9(2), 1970) is this depth.
//
// Every key holds one bit in a line of time slots; the newest slot is at the
// end. A Fenwick tree (P. Fenwick, 1994) over the 64-bit words of the line
// finds the d-th bit from the end. When the line is full the bits are packed
// together and the line is made twice as long as there are keys, so packing is
// amortised O(1).
#ifndef CMAP_WORKLOADS_LRU_STACK_H_
#define CMAP_WORKLOADS_LRU_STACK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cmap::workloads {

class LruStack {
 public:
  // Puts the next id (size()) on top. O(log n) amortised.
  void Push();
  // Moves an id to the top. O(log n) amortised.
  void Touch(std::uint32_t id);
  // The id at depth d; 1 is the top. Requires 1 <= d <= size(). O(log n).
  std::uint32_t At(std::uint32_t depth) const;
  // The depth of an id: At(Depth(id)) == id. Requires id < size(). O(log n).
  std::uint32_t Depth(std::uint32_t id) const;
  std::uint32_t size() const {
    return static_cast<std::uint32_t>(slot_of_.size());
  }

 private:
  void Place(std::uint32_t id);
  void Pack();
  void Add(std::size_t word, std::uint32_t delta);

  std::vector<std::uint32_t> slot_of_;  // by id
  std::vector<std::uint32_t> id_at_;    // by slot
  std::vector<std::uint64_t> bits_;     // which slots are taken
  std::vector<std::uint32_t> tree_;     // Fenwick, 1-based, bits per word
  std::size_t next_ = 0;                // first free slot at the end
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_LRU_STACK_H_
