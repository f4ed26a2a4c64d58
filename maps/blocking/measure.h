// SPDX-License-Identifier: Apache-2.0
//
// Whom an operation holds up that takes long in the middle, because of what its user gave
// it: f of LoadOrCompute, a visitor, a hash, a comparison, a copy. And how long one thread
// may wait for its turn among others.
#ifndef CMAP_MAPS_BLOCKING_MEASURE_H_
#define CMAP_MAPS_BLOCKING_MEASURE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "maps/blocking/subject.h"

namespace cmap::blocking {

enum class SlowPart {
  kCompute,       // f of LoadOrCompute, on a key that is absent
  kVisitor,       // f of Visit
  kRangeVisitor,  // f of Range
  kHash,          // of the key that is stored
  kEqualityRead,  // of keys, in Load
  kEqualityWrite,  // of keys, in Store on a key that is present
  kCopyOut,       // of the value that Load returns
  kCopyIn,        // of the value that Store keeps
};
inline constexpr std::array<std::string_view, 8> kSlowPartNames = {
    "compute", "visitor", "range_visitor", "hash", "equality_read", "equality_write",
    "copy_out", "copy_in"};

// Who does not come through while the slow part lasts.
enum class Held {
  kNobody,
  kSameKey,    // operations on the key concerned
  kMeeting,    // and those on keys that share its bin, shard or chain
  kEverybody,
};
inline constexpr std::array<std::string_view, 4> kHeldNames = {"nobody", "same key", "meeting keys",
                                                               "everybody"};

// By who waits.
struct HoldUp {
  Held loads = Held::kNobody;
  Held loads_behind_store = Held::kNobody;  // Loads while a Store is waiting as well
  Held stores = Held::kNobody;
};

// How long the slow part lasts unless everybody is through before, in seconds.
inline constexpr double kSlowSeconds = 0.1;

// Nothing where the map does not call it, has no such operation, or does not take keys or
// values that can be made slow. Uses 66 threads. An operation counts as held up if it has
// not returned when the slow part ends, kSlowSeconds after all of them were begun: a fast
// machine is not needed, one on which a thread gets no processor for that long misleads.
std::optional<HoldUp> Measure(const Subject& subject, SlowPart part);

struct Wait {
  double longest_ms = 0;          // a single operation of the lone thread
  std::uint64_t operations = 0;  // that it completed
  std::uint64_t others = 0;      // completed by all other threads
};

// One thread that stores, among `others` that load, for so many seconds; or the other way
// round. 1024 keys, all present. Without a map the lone thread reads the clock among threads
// that compute: what it waits for then, it waits for the machine.
Wait LoneWriter(const Subject* subject, int others, double seconds);
Wait LoneReader(const Subject* subject, int others, double seconds);

// Why there is nothing to measure; empty if there is.
std::string_view WhyNot(const Subject& subject);

}  // namespace cmap::blocking

#endif  // CMAP_MAPS_BLOCKING_MEASURE_H_
