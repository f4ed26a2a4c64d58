// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/measure.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/memory/heap.h"
#include "maps/profiles/subjects.h"

namespace cmap::memory {
namespace {

// Processor time of this thread, in seconds: preemption does not count.
double Now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

enum class Way { kSingly, kInBatches, kTooSlow };

// Stores 0 .. entries-1, singly as long as that is not much slower than it should be. A
// design that copies everything for a store gets the rest in four batches; one that has no
// batches is given up. Returns how it went, or, for a map that is full already, is told.
Way Fill(AnyMap& map, Number entries, Number version, double slow, Way way = Way::kSingly) {
  constexpr Number kLook = 256;
  Number key = 0;
  const double start = Now();
  for (; way == Way::kSingly && key < entries; ++key) {
    // On average over all: growing makes some of them slow, one that copies all or many that
    // move a part each.
    if (key % kLook == kLook - 1 && key > kLook &&
        Now() - start > slow * static_cast<double>(key)) {
      way = map.HasBatches() ? Way::kInBatches : Way::kTooSlow;
    }
    map.Store(key, key + version);
  }
  if (way != Way::kInBatches) return way;
  const Number each = (entries - key) / 4 + 1;
  std::vector<std::pair<Number, Number>> batch;
  while (key < entries) {
    batch.clear();
    for (const Number end = std::min(entries, key + each); key < end; ++key) {
      batch.emplace_back(key, key + version);
    }
    map.StoreBatch(batch);
  }
  return way;
}

// The map holds first .. first+entries-1, before and, with another first, afterwards.
void Cycle(AnyMap& map, Number entries, Number& first) {
  for (Number round = 0; round < kCycles; ++round) {
    for (Number key = first; key < first + entries; ++key) map.Delete(key);
    first += entries;
    for (Number key = first; key < first + entries; ++key) map.Store(key, key);
  }
}
void Churn(AnyMap& map, Number entries, Number& first) {
  for (const Number end = first + kTurnover * entries; first < end; ++first) {
    map.Delete(first);
    map.Store(first + entries, first);
  }
}

}  // namespace

const std::vector<Subject>& Subjects() { return profiles::Registered<Subject>(); }

bool Register(Subject subject) { return profiles::Insert(std::move(subject)); }

std::string_view WhyNot(const Subject& subject) {
  if (!subject.traits.returns_results) return "it keeps no entries";
  return "";
}

std::optional<Footprint> Measure(const Subject& subject, Number entries, bool churn,
                                 double slow) {
  {
    // Records of this thread and the like, which stay, are not this map's.
    const auto warm = subject.make();
    for (Number key = 0; key < 100; ++key) warm->Store(key, key);
    for (Number key = 0; key < 100; ++key) warm->Store(key, key + 1);
    for (Number key = 0; key < 100; ++key) warm->Delete(key);
    warm->Quiesce();
  }
  subject.make()->Quiesce();

  Footprint bytes;
  bytes.entries = entries;
  const std::int64_t before = HeapBytes();
  auto map = subject.make();
  bytes.empty = HeapBytes() - before;
  ResetPeak();
  // The harness's own batches count in the peak: they are what a caller has to have.
  const Way way = Fill(*map, entries, 0, slow);
  if (way == Way::kTooSlow) return std::nullopt;
  bytes.in_batches = way == Way::kInBatches;
  bytes.filled = HeapBytes() - before;
  bytes.fill_peak = PeakHeapBytes() - before;
  map->Quiesce();
  bytes.settled = HeapBytes() - before;
  bytes.size = map->Size();
  bytes.memory_bytes = map->MemoryBytes();
  ResetPeak();
  if (Fill(*map, entries, 1, slow, way) == Way::kTooSlow) return std::nullopt;
  bytes.overwritten = HeapBytes() - before;
  bytes.overwrite_peak = PeakHeapBytes() - before;
  if (!bytes.in_batches) {
    Number first = 0;
    if (churn && entries <= kMostChurned && !subject.traits.unsupported.contains(Op::kDelete)) {
      map->Quiesce();
      Cycle(*map, entries, first);
      map->Quiesce();
      bytes.cycled = HeapBytes() - before;
      Churn(*map, entries, first);
      map->Quiesce();
      bytes.churned = HeapBytes() - before;
    }
    for (Number key = first; key < first + entries; ++key) map->Delete(key);
    map->Quiesce();
    bytes.deleted = HeapBytes() - before;
  }
  map->Quiesce();
  map.reset();
  subject.make()->Quiesce();
  bytes.leaked = HeapBytes() - before;
  return bytes;
}

}  // namespace cmap::memory
