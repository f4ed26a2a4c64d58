// SPDX-License-Identifier: Apache-2.0
//
// A sequential hash table with the interface of internal/tables/table.h, made as Go's
// built-in map was until Go 1.23: buckets of eight entries, and growth that moves
// a little with every write.
//
//   array    [ bucket 0 ][ bucket 1 ] ... [ bucket 2^B - 1 ][ spare overflow ... ]
//                  |
//   bucket   top   [ t t t t . t . . ]  a byte of each hash, or a mark
//            keys  [ k k k k . k . . ]
//            values[ v v v v . v . . ]
//            overflow ----------------> [ bucket ] -> ...
//
// A key's bucket comes from the low bits of its hash. A lookup compares eight
// bytes of `top` and then only keys whose byte agrees; the mark kEmptyRest in
// `top` says that nothing follows in the whole chain and ends it. A bucket is described
// in internal/tables/bucket_layout.h, the memory of arrays and overflow buckets in
// internal/tables/bucket_arrays.h; here are lookup, insertion, deletion and growth.
//
// Keys of eight bytes have a faster way (as in Go, where the compiler chooses it
// by the type): their keys are compared at once, and `top` is read only to see
// whether the entry exists. BucketKeys::kGeneric switches that off.
//
// Growth. Above 6.5 entries per bucket the next insertion makes an array of twice
// the size; with too many overflow buckets (as many as buckets: left behind by
// many insertions and deletions) one of the same size. Nothing moves yet:
//
//   old      [ moved ][ moved ][ b ][ b ][ moved ][ b ] ...
//                               ^ evacuated_: all before it are moved
//   array    [ x ][ x ][ - ][ - ][ x ][ - ] ... [ y ][ y ][ - ] ...
//
// Every write first evacuates the old bucket it is about (to x, its number, or y,
// its number plus the old size) and one more. A lookup goes to the old bucket as
// long as that is not moved. A new bucket is not even cleared before its old one
// is moved. So no operation pays O(n) for growth, where std::unordered_map relinks
// all nodes in one insertion.
//
// As in Go, and unlike internal/tables/table.h, the hash is not stored: evacuation
// hashes the keys again. The byte in `top` is taken from bits 40 to 47, where Go
// takes the highest: those sharded_map.h has used up.
//
// Not ported: the indirection of keys and values above 128 bytes (they lie in the
// bucket whatever their size), iteration in place, the hash seed. The number of
// overflow buckets is exact, where Go's becomes an estimate above 2^15 buckets.
//
// Complexity: O(1) on average and for growth in the worst case, but for the
// allocation of the array; O(n) when hashes collide. Shrinks never.
//
// Errors: what V, K, Hash or the allocator throw; the table is then unchanged but
// for growth that nobody sees (V's copy assignment must be strong). Writes may
// throw std::bad_alloc even if they insert nothing, because they evacuate.
//
// Source: Go 1.23, src/runtime/map.go and map_fast64.go.
#ifndef CMAP_MAPS_INTERNAL_TABLES_BUCKET_TABLE_H_
#define CMAP_MAPS_INTERNAL_TABLES_BUCKET_TABLE_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/tables/bucket_arrays.h"
#include "maps/internal/tables/bucket_layout.h"
#include "maps/internal/tables/departed.h"

namespace cmap::internal {

enum class BucketKeys {
  kByType,   // integers of eight bytes are compared directly
  kGeneric,  // all keys are looked for by their byte in `top`
};

template <class K, class V, class Hash, BucketKeys kKeys = BucketKeys::kByType,
          template <class> class Allocator = std::allocator>
class BucketTable {
  static_assert(std::is_nothrow_move_constructible_v<K> && std::is_nothrow_move_constructible_v<V>,
                "entries move when the table grows");

 public:
  static constexpr std::string_view kName = "table of 8-entry buckets";
  static constexpr AfterDeletion kAfterDeletion = AfterDeletion::kAll;
  static constexpr std::string_view kGrowth =
      "doubles at 6.5 entries per bucket; each write then moves one or two of the "
      "old buckets";
  static constexpr bool kFast64 =
      kKeys == BucketKeys::kByType && std::integral<K> && sizeof(K) == 8;

  // As in table.h. What leaves is moved out; the rest of it is destroyed at once.
  static constexpr bool kDefers = !(kQuietDestructor<K> && kQuietDestructor<V>);
  struct LeavingKey {
    K key;
  };
  struct AllGone : Departed<V, LeavingKey> {
    BucketArrays<K, V, kFast64, Allocator> all;  // of a Clear, which thus cannot fail
  };
  using Gone = std::conditional_t<kDefers, AllGone, NothingDeparted>;
  void SendDepartedTo(Gone* gone) {
    if constexpr (kDefers) gone_ = gone;
  }

  BucketTable() = default;
  BucketTable(const BucketTable&) = delete;
  BucketTable& operator=(const BucketTable&) = delete;

  std::optional<V> Load(std::uint64_t hash, const K& key) const {
    return LoadByVisit<V>(*this, hash, key);
  }

  template <class F>
  bool Visit(std::uint64_t hash, const K& key, F&& f) const {
    const Place place = Find(hash, key);
    if (place.bucket == nullptr) return false;
    f(ValueAt(place));
    return true;
  }

  void Store(std::uint64_t hash, const K& key, const V& value) {
    const Place place = Seat(hash, key);
    if (place.found) {
      Overwrite(place, value);
    } else {
      Insert(place, hash, key, value);
    }
  }

  Loaded<V> LoadOrStore(std::uint64_t hash, const K& key, const V& value) {
    const Place place = Seat(hash, key);
    if (place.found) return {ValueAt(place), true};
    Loaded<V> result{value, false};  // may throw, so before the insertion
    Insert(place, hash, key, value);
    return result;
  }

  // `make` is called only when the key is absent. When it throws, nothing has
  // been inserted.
  template <class F>
  Loaded<V> LoadOrCompute(std::uint64_t hash, const K& key, F&& make) {
    const Place place = Seat(hash, key);
    if (place.found) return {ValueAt(place), true};
    V value = std::forward<F>(make)();
    Loaded<V> result{value, false};
    Insert(place, hash, key, std::move(value));
    return result;
  }

  std::optional<V> LoadAndDelete(std::uint64_t hash, const K& key) {
    const Place place = FindForWrite(hash, key);
    if (place.bucket == nullptr) return std::nullopt;
    Prepare(1);
    std::optional<V> old(std::move(ValueAt(place)));
    Erase(place, hash);
    return old;
  }

  bool Delete(std::uint64_t hash, const K& key) {
    const Place place = FindForWrite(hash, key);
    if (place.bucket == nullptr) return false;
    Prepare(1);
    Erase(place, hash);
    return true;
  }

  std::optional<V> Swap(std::uint64_t hash, const K& key, const V& value) {
    const Place place = Seat(hash, key);
    if (!place.found) {
      Insert(place, hash, key, value);
      return std::nullopt;
    }
    V incoming(value);  // may throw, so before the old value is taken
    std::optional<V> old(std::move(ValueAt(place)));
    ValueAt(place) = std::move(incoming);
    return old;
  }

  bool CompareAndSwap(std::uint64_t hash, const K& key, const V& expected, const V& desired) {
    const Place place = FindForWrite(hash, key);
    if (place.bucket == nullptr || !(ValueAt(place) == expected)) return false;
    Overwrite(place, desired);
    return true;
  }

  bool CompareAndDelete(std::uint64_t hash, const K& key, const V& expected) {
    const Place place = FindForWrite(hash, key);
    if (place.bucket == nullptr || !(ValueAt(place) == expected)) return false;
    Prepare(1);
    Erase(place, hash);
    return true;
  }

  // Appends a copy of every entry. O(n) time and memory.
  void AppendTo(std::vector<std::pair<K, V>>& entries) const {
    entries.reserve(entries.size() + count_);
    arrays_.ForEachPlace(
        [&](const Place& place) { entries.emplace_back(KeyAt(place), ValueAt(place)); });
  }

  // Keeps the array, as clearing a Go map does, unless the entries are handed over. O(array).
  void Clear() {
    if constexpr (kDefers) {
      if (gone_ != nullptr) {
        arrays_.Swap(gone_->all);
        count_ = evacuated_ = 0;
        return;
      }
    }
    arrays_.Clear();
    count_ = 0;
  }

  std::size_t Size() const { return count_; }

  // In a table that has entries this moves all of them, once per doubling.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    if (arrays_.array().size == 0) {
      std::size_t size = 1;
      while (Overloaded(entries, size)) size *= 2;
      arrays_.MakeFirst(size);
      return;
    }
    while (Overloaded(entries, arrays_.array().size)) {
      while (arrays_.Growing()) Evacuate(evacuated_);
      BeginGrowth(2 * arrays_.array().size);
      while (arrays_.Growing()) Evacuate(evacuated_);
    }
  }

  // Heap bytes, the table object itself not included. O(1) unless K or V own heap
  // blocks, else O(n).
  std::size_t HeapBytesHeld() const {
    std::size_t bytes = arrays_.HeapBytesHeld();
    if constexpr (kOwnsHeap<K> || kOwnsHeap<V>) {
      arrays_.ForEachPlace([&](const Place& place) {
        bytes += HeapBytes(KeyAt(place)) + HeapBytes(ValueAt(place));
      });
    }
    return bytes;
  }

  // growths: doublings; same_size_growths: arrays made to be rid of overflow
  // buckets; evacuations: old buckets moved.
  std::vector<Counter> Counters() const {
    return {{"growths", growths_},
            {"same_size_growths", same_size_growths_},
            {"evacuations", evacuations_}};
  }

 private:
  using Layout = BucketLayout<K, V, kFast64>;
  using Arrays = BucketArrays<K, V, kFast64, Allocator>;
  using Array = typename Arrays::Array;
  using Bucket = typename Layout::Bucket;
  using Place = typename Layout::Place;

  static constexpr unsigned kSlots = Layout::kSlots;
  static constexpr std::uint8_t kEmptyRest = Layout::kEmptyRest;
  static constexpr std::uint8_t kEmptyOne = Layout::kEmptyOne;
  static constexpr std::uint8_t kMinTop = Layout::kMinTop;

  static K& KeyAt(const Place& place) { return Layout::KeyAt(place); }
  static V& ValueAt(const Place& place) { return Layout::ValueAt(place); }

  Place Find(std::uint64_t hash, const K& key) const {
    if (count_ == 0) return {};
    Bucket* bucket = &arrays_.array().Head(hash);
    if (arrays_.Growing()) {
      Bucket* const old = &arrays_.old().Head(hash);
      if (!Layout::IsEvacuated(*old)) bucket = old;
    }
    const std::uint8_t top = Layout::Top(hash);
    for (; bucket != nullptr; bucket = bucket->overflow) {
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (Layout::Matches(*bucket, slot, top, key)) return {bucket, slot, true};
        if (!kFast64 && bucket->top[slot] == kEmptyRest) return {};
      }
    }
    return {};
  }

  // What follows is for writes.

  Place FindForWrite(std::uint64_t hash, const K& key) {
    GrowWork(hash);
    return Find(hash, key);
  }

  // The place of the key; if it is absent, a free one where it belongs.
  Place Seat(std::uint64_t hash, const K& key) {
    if (arrays_.array().size == 0) arrays_.MakeFirst(1);
    for (;;) {
      GrowWork(hash);
      Bucket* last = nullptr;
      Place place = Walk(hash, key, last);
      if (place.found) return place;
      if (!arrays_.Growing()) {
        const std::size_t size = arrays_.array().size;
        if (Overloaded(count_ + 1, size)) {
          BeginGrowth(2 * size);
          continue;
        }
        if (arrays_.overflows() >= size) {
          BeginGrowth(size);
          continue;
        }
      }
      if (place.bucket == nullptr) {
        last->overflow = arrays_.NewOverflow();
        place.bucket = last->overflow;
      }
      return place;
    }
  }

  // As Seat; without a free slot, `last` is where to hang an overflow bucket.
  Place Walk(std::uint64_t hash, const K& key, Bucket*& last) {
    const std::uint8_t top = Layout::Top(hash);
    Place free;
    for (Bucket* bucket = &Home(hash); bucket != nullptr; bucket = bucket->overflow) {
      last = bucket;
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (Layout::Matches(*bucket, slot, top, key)) return {bucket, slot, true};
        if (bucket->top[slot] > kEmptyOne) continue;
        if (free.bucket == nullptr) free = {bucket, slot};
        if (bucket->top[slot] == kEmptyRest) return free;
      }
    }
    return free;
  }

  // After GrowWork, the bucket where the chain of the hash begins.
  Bucket& Home(std::uint64_t hash) { return arrays_.array().Head(hash); }

  template <class Value>
  void Insert(const Place& place, std::uint64_t hash, const K& key, Value&& value) {
    K* const stored = ::new (&KeyAt(place)) K(key);
    try {
      ::new (&ValueAt(place)) V(std::forward<Value>(value));
    } catch (...) {
      std::destroy_at(stored);
      throw;
    }
    place.bucket->top[place.slot] = Layout::Top(hash);
    ++count_;
  }

  // Turns a tail of empty slots into kEmptyRest, back to the last entry.
  // Prepared for.
  void Erase(const Place& place, std::uint64_t hash) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) SendAway(place);
    }
    Layout::DestroyEntry(place);
    --count_;
    Bucket* bucket = place.bucket;
    unsigned slot = place.slot;
    bucket->top[slot] = kEmptyOne;
    const bool last = slot + 1 < kSlots
                          ? bucket->top[slot + 1] == kEmptyRest
                          : bucket->overflow == nullptr || bucket->overflow->top[0] == kEmptyRest;
    if (!last) return;
    Bucket* const home = &Home(hash);
    do {
      bucket->top[slot] = kEmptyRest;
      if (slot > 0) {
        --slot;
      } else {
        if (bucket == home) return;
        Bucket* before = home;
        while (before->overflow != bucket) before = before->overflow;
        bucket = before;
        slot = kSlots - 1;
      }
    } while (bucket->top[slot] == kEmptyOne);
  }

  void Prepare(std::size_t n) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) gone_->Prepare(n);
    }
  }
  void SendAway(const Place& place) {
    gone_->Take(LeavingKey{std::move(KeyAt(place))});
    gone_->Take(std::move(ValueAt(place)));
  }
  // Strong.
  void Overwrite(const Place& place, const V& value) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) {
        gone_->Prepare(1);
        V incoming(value);
        gone_->Take(std::move(ValueAt(place)));
        ValueAt(place) = std::move(incoming);
        return;
      }
    }
    ValueAt(place) = value;
  }

  // Go's load factor, 13/2, and never below one full bucket.
  static bool Overloaded(std::size_t entries, std::size_t size) {
    return entries > kSlots && entries > 13 * size / 2;
  }

  void BeginGrowth(std::size_t size) {
    arrays_.MakeNext(size);
    ++(size == arrays_.old().size ? same_size_growths_ : growths_);
    evacuated_ = 0;
  }

  // Moves the old bucket of the hash, and another so that growth comes to an end.
  void GrowWork(std::uint64_t hash) {
    if (!arrays_.Growing()) [[likely]]
      return;
    Evacuate(hash & (arrays_.old().size - 1));
    if (arrays_.Growing()) Evacuate(evacuated_);
  }

  void Evacuate(std::size_t index) {
    const Array& old = arrays_.old();
    Bucket& head = old.buckets[index];
    if (!Layout::IsEvacuated(head)) MoveChain(head, index);
    if (index != evacuated_) return;
    // Others may have been moved before their turn. Bounded, as growth is to cost
    // each write little.
    const std::size_t stop = std::min(old.size, evacuated_ + 1024);
    do {
      ++evacuated_;
    } while (evacuated_ < stop && Layout::IsEvacuated(old.buckets[evacuated_]));
    if (evacuated_ == old.size) arrays_.FreeOld();
  }

  void MoveChain(Bucket& head, std::size_t index) {
    // What may throw comes first: the hashes, then the memory.
    const Array& array = arrays_.array();
    const std::size_t old_size = arrays_.old().size;
    const bool split = array.size != old_size;
    Directions to_y(head);
    std::array<std::size_t, 2> entries{};  // for x and y
    std::size_t n = 0;
    for (Bucket* b = &head; b != nullptr; b = b->overflow, ++n) {
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (b->top[slot] < kMinTop) continue;
        const bool y = split && (Hash{}(KeyAt({b, slot})) & old_size) != 0;
        if (y) to_y[n] = static_cast<std::uint8_t>(to_y[n] | 1u << slot);
        ++entries[y];
      }
    }
    Bucket* extra = arrays_.NewOverflows(Beyond(entries[0]) + Beyond(entries[1]));

    std::array<Place, 2> to = {Place{&array.buckets[index]}, Place{}};
    Layout::Init(*to[0].bucket);
    if (split) {
      to[1].bucket = &array.buckets[index + old_size];
      Layout::Init(*to[1].bucket);
    }
    n = 0;
    for (Bucket* b = &head; b != nullptr; b = b->overflow, ++n) {
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (b->top[slot] < kMinTop) continue;
        Place& place = to[to_y[n] >> slot & 1];
        if (place.slot == kSlots) {
          Bucket* const next = std::exchange(extra, extra->overflow);
          next->overflow = nullptr;
          place.bucket->overflow = next;
          place = {next};
        }
        const Place from = {b, slot};
        ::new (&KeyAt(place)) K(std::move(KeyAt(from)));
        ::new (&ValueAt(place)) V(std::move(ValueAt(from)));
        place.bucket->top[place.slot++] = b->top[slot];
        Layout::DestroyEntry(from);
      }
    }
    arrays_.FreeOverflows(head);
    head.top[0] = Layout::kEvacuated;
    ++evacuations_;
  }

  // Buckets beyond the first that so many entries need.
  static std::size_t Beyond(std::size_t entries) {
    return entries == 0 ? 0 : (entries - 1) / kSlots;
  }

  // A bit for each slot of a chain: on the heap only if the chain is long.
  class Directions {
   public:
    explicit Directions(const Bucket& head) {
      std::size_t buckets = 0;
      for (const Bucket* b = &head; b != nullptr; b = b->overflow) ++buckets;
      if (buckets > few_.size()) many_.resize(buckets);
    }
    std::uint8_t& operator[](std::size_t n) { return many_.empty() ? few_[n] : many_[n]; }

   private:
    std::array<std::uint8_t, 8> few_{};
    std::vector<std::uint8_t> many_;
  };

  [[no_unique_address]] std::conditional_t<kDefers, Gone*, NothingDeparted> gone_{};
  std::size_t count_ = 0;
  Arrays arrays_;
  std::size_t evacuated_ = 0;  // old buckets moved without a gap
  std::uint64_t growths_ = 0;
  std::uint64_t same_size_growths_ = 0;
  std::uint64_t evacuations_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_BUCKET_TABLE_H_
