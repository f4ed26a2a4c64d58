// SPDX-License-Identifier: Apache-2.0
//
// A contestant: one strategy with its options, taking part in a visit. The
// interface is erased per chunk, not per operation: Play() runs the templated
// loop of workloads/runner.h on the concrete map type, so a timed operation
// costs no virtual call, and a chunk of hundreds one.
#ifndef CMAP_EXPERIMENTS_WORKER_CONTESTANT_H_
#define CMAP_EXPERIMENTS_WORKER_CONTESTANT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/expectation.h"
#include "workloads/keys.h"
#include "workloads/runner.h"
#include "workloads/spec.h"
#include "workloads/tape.h"

namespace cmap::experiments {

// What all contestants of a visit play: one tape and the tables behind it.
struct Material {
  workloads::Spec spec;
  workloads::Tape tape;
  // Of strings only where these are the spec's keys.
  workloads::Keys<std::uint64_t> integer_keys;
  workloads::LaidOutKeys laid_out_keys;
  workloads::Keys<std::string> string_keys{0, 0};

  // Generates the tape (to be dealt, in the regimes that start empty) and, for
  // string keys, the key table.
  Material(const workloads::Spec& spec, int threads,
           std::uint64_t ops_per_thread, std::uint64_t seed,
           const workloads::Parallel& parallel = workloads::InTurn);

  template <class Keys>
  const Keys& keys() const {
    if constexpr (std::is_same_v<Keys, workloads::Keys<std::string>>) {
      return string_keys;
    } else if constexpr (std::is_same_v<Keys, workloads::LaidOutKeys>) {
      return laid_out_keys;
    } else {
      return integer_keys;
    }
  }
};

// The content of a map, read in two ways that must agree.
struct Audit {
  bool sized = false;              // Size is supported
  std::uint64_t size = 0;          // Size()
  std::uint64_t found = 0;         // keys of the universe that Load finds
  std::uint64_t found_sum = 0;     // sum of their values' check parts
  std::uint64_t mismatch = 0;      // not 0: a key held another key's value
  bool ranged = false;             // Range is supported
  std::uint64_t range_count = 0;
  std::uint64_t range_sum = 0;
};

class Contestant {
 public:
  virtual ~Contestant() = default;

  // The strategy's own word, for deciding who may run what.
  virtual const Traits& traits() const = 0;
  // Bytes and alignment of the map object.
  virtual std::size_t object_bytes() const = 0;
  virtual std::size_t object_alignment() const = 0;

  // Constructs an empty map at `place`. Throws InputError for options that the
  // strategy rejects.
  virtual void Create(void* place) = 0;
  // Destroys the map and frees what its reclamation still holds; returns the
  // place. Harmless without a map (returns nullptr).
  virtual void* Destroy() = 0;

  // The material of the following calls; prepares batches when the contestant
  // plays in batches. `material` must stay as it is until the next call.
  virtual void Use(const Material& material) = 0;
  // The first operation of the tape that the strategy does not support.
  virtual std::optional<Op> Unsupported() const = 0;
  // Puts part `part` of `parts` of the prefilled keys; parts may be put by several
  // threads at the same time. Then Prefilled(), once.
  virtual void Prefill(std::size_t part, std::size_t parts) = 0;
  virtual void Prefilled() = 0;
  // Does nothing where the strategy does not support Reserve: see Unfit().
  virtual void Reserve(std::size_t entries) = 0;

  // Whether it plays in batches.
  virtual bool batched() const = 0;
  // How many entries from `position` to play in place of n, so that no batch is cut.
  virtual std::size_t Uncut(std::size_t sequence, std::size_t position,
                            std::size_t n) const = 0;
  // n entries of a sequence, cyclically; inside a timed region.
  virtual workloads::SliceResult Play(std::size_t sequence, std::size_t position,
                                      std::size_t n) = 0;
  // The calling thread stays away from the map for a while.
  virtual void Rest() = 0;

  // Expected::kUnknownSize where the strategy does not support Size.
  virtual std::uint64_t Size() = 0;
  // Nothing where the strategy does not support MemoryBytes.
  virtual std::optional<std::size_t> MemoryBytes() = 0;
  virtual std::vector<Counter> Counters() = 0;
  // O(universe). Quiescent only.
  virtual Audit Inspect() = 0;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_CONTESTANT_H_
