// SPDX-License-Identifier: Apache-2.0
//
// One segment of bounded_cache_map.h: entries as bytes in a ring, found through an
// index of 256 sorted slots. No locks: the map has one per segment.
//
//   ring   ... free | oldest entry | entry | entry | ... | newest | free ...
//                   tail                                          head
//   entry  [ header, 24 bytes | key | value, val_cap bytes ]
//
//   index  slot 0   [ {hash16, key_len, offset} sorted by hash16 ]
//          ...
//          slot 255
//
// The ring grows by doubling up to its limit. Until then nothing is evicted and
// nothing wraps, so growing is a copy. Then room is made at the tail, entry by
// entry: deleted ones are passed over; one that has expired, or was last used no
// later than the mean of all, or follows five that were spared, is dropped; any
// other is spared and moved to the head. That is close to least recently used for
// the price of a time stamp, in whole seconds.
//
// The index has a limit of its own. When it is reached an entry takes the place of
// the oldest of its slot; for the first entry of a slot the oldest of the whole
// segment are dropped until there is memory for one more slot.
//
// Errors: std::bad_alloc while growing; the segment is then as before.
#ifndef CMAP_MAPS_BOUNDED_CACHE_MAP_CACHE_SEGMENT_H_
#define CMAP_MAPS_BOUNDED_CACHE_MAP_CACHE_SEGMENT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "maps/internal/memory.h"

namespace cmap::internal {

class CacheSegment {
 public:
  struct Header {
    std::uint32_t access_time;
    std::uint32_t expire_at;  // 0: never
    std::uint16_t key_len;
    std::uint16_t hash16;
    std::uint32_t val_len;
    std::uint32_t val_cap;
    bool deleted;
    std::uint8_t slot;
    std::uint16_t unused;
  };
  static_assert(sizeof(Header) == 24);
  static constexpr std::size_t kMaxKey = 0xffff;

  // What is looked for: the parts of the hash that the index uses.
  struct Probe {
    std::uint8_t slot;
    std::uint16_t hash16;
    std::size_t key_len;
  };
  // Where an entry is. Valid until the segment changes.
  struct Hit {
    std::uint32_t index;   // in its slot
    std::uint32_t offset;  // in the ring
    Header header;
  };
  struct Counts {
    std::uint64_t evicted = 0;    // dropped alive, to make room
    std::uint64_t expired = 0;    // dropped because their time was over
    std::uint64_t relocated = 0;  // spared by moving them to the head
    std::uint64_t refused = 0;    // never kept: too large
  };

  CacheSegment() = default;
  CacheSegment(const CacheSegment&) = delete;
  CacheSegment& operator=(const CacheSegment&) = delete;

  // Before anything else. Bytes of the ring and of the index; the least sensible
  // index is that of 256 slots with one block each.
  void SetLimits(std::size_t ring, std::size_t index) {
    ring_limit_ = ring;
    index_limit_ = index;
  }

  // The entry whose key `same_key(offset of its key)` recognises. O(log n) in the
  // slot and the keys of equal hash16. An expired entry is dropped, not found.
  template <class SameKey>
  std::optional<Hit> Find(const Probe& probe, std::uint32_t now, SameKey&& same_key) {
    if (slots_ == nullptr) return std::nullopt;
    Slot& slot = slots_[probe.slot];
    for (std::uint32_t i = LowerBound(slot, probe.hash16);
         i < slot.size && slot.pointers[i].hash16 == probe.hash16; ++i) {
      const Pointer& pointer = slot.pointers[i];
      if (pointer.key_len != probe.key_len) continue;
      if (!same_key(Advance(pointer.offset, sizeof(Header)))) continue;
      const Hit hit = {i, pointer.offset, ReadHeader(pointer.offset)};
      if (!Expired(hit.header, now)) return hit;
      ++counts_.expired;
      Remove(hit);
      return std::nullopt;
    }
    return std::nullopt;
  }

  // Notes a use.
  void Touch(Hit& hit, std::uint32_t now) {
    total_time_ += now - std::uint64_t{hit.header.access_time};
    hit.header.access_time = now;
    Write(hit.offset, &hit.header, sizeof hit.header);
  }

  // Puts an entry, in place of `present` if its key is there. `same_key` as above,
  // to find it again when making room has moved it. Not kept if it is larger than a
  // quarter of the ring; what the key held is gone all the same.
  template <class SameKey>
  void Put(const Probe& probe, const void* key, const void* value, std::size_t val_len,
           std::uint32_t expire_at, std::uint32_t now, std::optional<Hit> present,
           SameKey&& same_key) {
    if (present && val_len <= present->header.val_cap) {
      present->header.expire_at = expire_at;
      present->header.val_len = static_cast<std::uint32_t>(val_len);
      Touch(*present, now);
      Write(ValueOffset(*present), value, val_len);
      return;
    }
    const std::size_t most = ring_limit_ / 4;
    const std::size_t least = sizeof(Header) + probe.key_len + val_len;
    if (probe.key_len > kMaxKey || val_len > most || least > most) {
      ++counts_.refused;
      if (present) Remove(*present);
      return;
    }
    // A value that has outgrown its place gets room to grow on.
    std::size_t val_cap = present ? present->header.val_cap : 0;
    while (val_cap != 0 && val_cap < val_len) val_cap *= 2;
    if (val_cap == 0 || least - val_len + val_cap > most) val_cap = val_len;
    const std::size_t bytes = least - val_len + val_cap;
    // First what may throw, or drop entries, the key's own included.
    MakeRingRoom(bytes, now);
    present = Find(probe, now, same_key);
    if (!present) MakeIndexRoom(probe.slot);
    const Header header = {now,
                           expire_at,
                           static_cast<std::uint16_t>(probe.key_len),
                           probe.hash16,
                           static_cast<std::uint32_t>(val_len),
                           static_cast<std::uint32_t>(val_cap),
                           false,
                           probe.slot,
                           0};
    const auto offset = static_cast<std::uint32_t>(head_ % ring_size_);
    Write(offset, &header, sizeof header);
    Write(Advance(offset, sizeof header), key, probe.key_len);
    Write(Advance(offset, sizeof header + probe.key_len), value, val_len);
    head_ += bytes;
    Slot& slot = slots_[probe.slot];
    if (present) {
      MarkDeleted(present->offset, present->header);
      slot.pointers[present->index].offset = offset;
    } else {
      Insert(slot, {offset, probe.hash16, header.key_len});
    }
    ++count_;
    total_time_ += now;
  }

  // O(slot).
  void Remove(const Hit& hit) {
    MarkDeleted(hit.offset, hit.header);
    Erase(slots_[hit.header.slot], hit.index);
  }

  // Calls visit(header, offset of the key) for the live entries. O(ring).
  template <class F>
  void ForEach(std::uint32_t now, F&& visit) const {
    for (std::uint64_t at = tail_; at != head_;) {
      const auto offset = static_cast<std::uint32_t>(at % ring_size_);
      const Header header = ReadHeader(offset);
      if (!header.deleted && !Expired(header, now)) {
        visit(header, Advance(offset, sizeof header));
      }
      at += Bytes(header);
    }
  }

  // Keeps the ring. O(slots).
  void Clear() {
    if (slots_ != nullptr) {
      for (std::size_t i = 0; i < kSlots; ++i) slots_[i] = Slot();
    }
    pointer_bytes_ = 0;
    head_ = tail_ = count_ = total_time_ = 0;
  }

  // Live entries and those expired that nobody has come across.
  std::size_t size() const { return count_; }
  const Counts& counts() const { return counts_; }

  std::size_t HeapBytesHeld() const {
    return MallocBytes(ring_size_) + pointer_bytes_ +
           (slots_ != nullptr ? MallocBytes(kSlots * sizeof(Slot)) : 0);
  }

  // Bytes of the ring, which wraps.
  void Read(std::uint32_t offset, void* to, std::size_t bytes) const {
    if (bytes == 0) return;
    const std::size_t first = std::min(bytes, ring_size_ - offset);
    std::memcpy(to, &ring_[offset], first);
    if (bytes > first) std::memcpy(static_cast<std::byte*>(to) + first, &ring_[0], bytes - first);
  }
  bool Equals(std::uint32_t offset, const void* with, std::size_t bytes) const {
    if (bytes == 0) return true;
    const std::size_t first = std::min(bytes, ring_size_ - offset);
    return std::memcmp(&ring_[offset], with, first) == 0 &&
           std::memcmp(&ring_[0], static_cast<const std::byte*>(with) + first,
                       bytes - first) == 0;
  }
  std::uint32_t ValueOffset(const Hit& hit) const {
    return Advance(hit.offset, sizeof(Header) + hit.header.key_len);
  }
  std::uint32_t Advance(std::uint32_t offset, std::size_t bytes) const {
    const std::size_t sum = offset + bytes;
    return static_cast<std::uint32_t>(sum < ring_size_ ? sum : sum - ring_size_);
  }

 private:
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kFirstRing = 1024;
  static constexpr std::uint32_t kFirstPointers = 4;
  static constexpr int kMostSpared = 5;

  struct Pointer {
    std::uint32_t offset;
    std::uint16_t hash16;
    std::uint16_t key_len;
  };
  struct Slot {
    std::unique_ptr<Pointer[]> pointers;
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
  };

  static bool Expired(const Header& header, std::uint32_t now) {
    return header.expire_at != 0 && now >= header.expire_at;
  }
  static std::size_t Bytes(const Header& header) {
    return sizeof header + header.key_len + header.val_cap;
  }
  Header ReadHeader(std::uint32_t offset) const {
    Header header;
    Read(offset, &header, sizeof header);
    return header;
  }
  void Write(std::uint32_t offset, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    const std::size_t first = std::min(bytes, ring_size_ - offset);
    std::memcpy(&ring_[offset], from, first);
    if (bytes > first) {
      std::memcpy(&ring_[0], static_cast<const std::byte*>(from) + first, bytes - first);
    }
  }

  static std::uint32_t LowerBound(const Slot& slot, std::uint16_t hash16) {
    const Pointer* begin = slot.pointers.get();
    return static_cast<std::uint32_t>(
        std::partition_point(begin, begin + slot.size,
                             [&](const Pointer& p) { return p.hash16 < hash16; }) -
        begin);
  }

  static void Insert(Slot& slot, Pointer pointer) {
    const std::uint32_t at = LowerBound(slot, pointer.hash16);
    Pointer* begin = slot.pointers.get();
    std::copy_backward(begin + at, begin + slot.size, begin + slot.size + 1);
    begin[at] = pointer;
    ++slot.size;
  }

  void Erase(Slot& slot, std::uint32_t at) {
    Pointer* begin = slot.pointers.get();
    std::copy(begin + at + 1, begin + slot.size, begin + at);
    --slot.size;
    if (slot.size == 0) {
      pointer_bytes_ -= MallocBytes(slot.capacity * sizeof(Pointer));
      slot = Slot();
    }
  }

  // The index in its slot of the entry at `offset`.
  std::uint32_t IndexOf(const Header& header, std::uint32_t offset) const {
    const Slot& slot = slots_[header.slot];
    std::uint32_t i = LowerBound(slot, header.hash16);
    while (slot.pointers[i].offset != offset) ++i;
    return i;
  }

  void MarkDeleted(std::uint32_t offset, Header header) {
    header.deleted = true;
    Write(offset, &header, sizeof header);
    total_time_ -= header.access_time;
    --count_;
  }

  // Drops, spares or passes over the oldest entry. The ring is not empty.
  void PassOldest(std::uint32_t now, bool spare) {
    const auto offset = static_cast<std::uint32_t>(tail_ % ring_size_);
    const Header header = ReadHeader(offset);
    if (!header.deleted) {
      const bool expired = Expired(header, now);
      const bool old = header.access_time * std::uint64_t{count_} <= total_time_;
      const std::uint32_t index = IndexOf(header, offset);
      if (spare && !expired && !old && spared_ < kMostSpared) {
        const auto to = static_cast<std::uint32_t>(head_ % ring_size_);
        Move(offset, to, Bytes(header));
        slots_[header.slot].pointers[index].offset = to;
        head_ += Bytes(header);
        ++spared_;
        ++counts_.relocated;
      } else {
        Remove({index, offset, header});
        spared_ = 0;
        ++(expired ? counts_.expired : counts_.evicted);
      }
    }
    tail_ += Bytes(header);
  }

  // Moves the oldest entry to the head. The places may overlap; then the new one
  // begins before the old one (as many bytes as are free), so copying forwards is
  // right.
  void Move(std::uint32_t from, std::uint32_t to, std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t part =
          std::min({bytes, ring_size_ - from, ring_size_ - to});
      std::memmove(&ring_[to], &ring_[from], part);
      from = Advance(from, part);
      to = Advance(to, part);
      bytes -= part;
    }
  }

  void MakeRingRoom(std::size_t bytes, std::uint32_t now) {
    while (ring_size_ < ring_limit_ && head_ + bytes > ring_size_) GrowRing(bytes);
    spared_ = 0;
    while (ring_size_ - (head_ - tail_) < bytes) PassOldest(now, true);
  }

  void GrowRing(std::size_t bytes) {
    const std::size_t wanted =
        std::min(ring_limit_, std::max({kFirstRing, 2 * ring_size_, head_ + bytes}));
    auto ring = std::make_unique_for_overwrite<std::byte[]>(wanted);
    // It has not wrapped yet: see MakeRingRoom().
    if (head_ > 0) std::memcpy(&ring[0], &ring_[0], head_);
    ring_ = std::move(ring);
    ring_size_ = wanted;
  }

  // Room for one pointer more in a slot, at the price of entries if need be.
  void MakeIndexRoom(std::uint8_t number) {
    if (slots_ == nullptr) slots_ = std::make_unique<Slot[]>(kSlots);
    Slot& slot = slots_[number];
    while (slot.size == slot.capacity) {
      const std::uint32_t wanted =
          std::max(kFirstPointers, slot.capacity + std::max(kFirstPointers, slot.capacity / 4));
      const std::size_t bytes = pointer_bytes_ - MallocBytes(slot.capacity * sizeof(Pointer)) +
                                MallocBytes(wanted * sizeof(Pointer));
      if (MallocBytes(kSlots * sizeof(Slot)) + bytes <= index_limit_) {
        auto pointers = std::make_unique_for_overwrite<Pointer[]>(wanted);
        std::copy_n(slot.pointers.get(), slot.size, pointers.get());
        slot.pointers = std::move(pointers);
        slot.capacity = wanted;
        pointer_bytes_ = bytes;
      } else if (slot.size > 0) {
        DropOldestOf(slot);
      } else {
        PassOldest(0, false);  // there is one: the index is full of pointers
      }
    }
  }

  void DropOldestOf(Slot& slot) {
    const auto age = [&](const Pointer& p) {
      const auto tail = static_cast<std::uint32_t>(tail_ % ring_size_);
      return p.offset >= tail ? p.offset - tail : p.offset + ring_size_ - tail;
    };
    const Pointer* begin = slot.pointers.get();
    const Pointer* oldest = std::min_element(
        begin, begin + slot.size,
        [&](const Pointer& a, const Pointer& b) { return age(a) < age(b); });
    const Header header = ReadHeader(oldest->offset);
    Remove({static_cast<std::uint32_t>(oldest - begin), oldest->offset, header});
    ++counts_.evicted;
  }

  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<std::byte[]> ring_;
  std::size_t ring_size_ = 0;
  std::size_t ring_limit_ = 0;
  std::size_t index_limit_ = 0;
  std::size_t pointer_bytes_ = 0;
  // Positions count bytes from the beginning; modulo ring_size_ they are offsets.
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t total_time_ = 0;  // sum of the access times of live entries
  int spared_ = 0;                // in a row
  Counts counts_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_BOUNDED_CACHE_MAP_CACHE_SEGMENT_H_
