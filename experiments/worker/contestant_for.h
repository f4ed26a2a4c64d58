// SPDX-License-Identifier: Apache-2.0
//
// The contestant of a strategy and its types. Included by the generated
// registration files only.
#ifndef CMAP_EXPERIMENTS_WORKER_CONTESTANT_FOR_H_
#define CMAP_EXPERIMENTS_WORKER_CONTESTANT_FOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/worker/contestant.h"
#include "experiments/worker/direct_contestant.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/placed.h"
#include "experiments/worker/registry.h"
#include "experiments/worker/types.h"
#include "maps/concurrent_map.h"
#include "workloads/batches.h"
#include "workloads/plain_loop.h"
#include "workloads/runner.h"
#include "workloads/values.h"

namespace cmap::experiments {

// The options of a strategy with the tunables of `spec`.
template <class Map>
typename Map::Options OptionsOf(const ContestantSpec& spec) {
  typename Map::Options options{};
  for (const auto& [name, value] : spec.tunables) {
    for (const auto& tunable : Map::kTunables) {
      if (tunable.name == name) options.*(tunable.field) = value;
    }
  }
  return options;
}

// `Keys`: where keys come from (workloads/keys.h). `studys_hash`: with the study's own hash and
// layout of keys; with others less is compiled.
template <ConcurrentMap Map, class Keys, bool studys_hash>
class ContestantFor final : public Placed<Contestant, Map, typename Map::Options> {
  using Base = Placed<Contestant, Map, typename Map::Options>;

 public:
  using Base::Rest;
  using K = typename Map::key_type;
  using V = typename Map::mapped_type;
  // Unfit() refuses batches of larger values: not compiled, they cost nothing to build.
  static constexpr bool kHasBatches = std::is_same_v<V, std::uint64_t>;

  explicit ContestantFor(const ContestantSpec& spec)
      : Base(spec.text, OptionsOf<Map>(spec)), batch_(spec.batch),
        load_batch_(spec.load_batch), called_(spec.called) {}

  const Traits& traits() const override { return Map::kTraits; }

  void Use(const Material& material) override {
    material_ = &material;
    values_ = workloads::Values<V>(material.tape.universe, material.spec.value_bytes);
    batches_.clear();
    if constexpr (kHasBatches) {
      if (!batch_) return;
      for (const auto& tape : material.tape.threads) {
        batches_.emplace_back(tape, material.keys<Keys>(), values_);
      }
    }
  }

  std::optional<Op> Unsupported() const override {
    return workloads::FirstUnsupported<Map>(material_->tape);
  }

  void Prefill(std::size_t part, std::size_t parts) override {
    workloads::Prefill(*map_, material_->tape, material_->keys<Keys>(), values_, part,
                       parts);
    Rest();
  }

  void Prefilled() override {
    // What a map has put off is done before anything is timed.
    if (material_->spec.start == workloads::Start::kSettled) map_->Size();
    Rest();
  }

  void Reserve([[maybe_unused]] std::size_t entries) override {
    if constexpr (Supports<Map>(Op::kReserve)) map_->Reserve(entries);
  }

  bool batched() const override { return batch_; }

  std::size_t Uncut(std::size_t sequence, std::size_t position,
                    std::size_t n) const override {
    return batch_ ? batches_[sequence].Uncut(position, n) : n;
  }

  workloads::SliceResult Play(std::size_t sequence, std::size_t position,
                              std::size_t n) override {
    const auto& keys = material_->keys<Keys>();
    if constexpr (kHasBatches) {
      if (batch_) {
        return workloads::PlaySliceBatched(*map_, material_->tape, sequence, position, n, keys,
                                           values_, batches_[sequence]);
      }
    }
    // For one pair of types: loops are the largest part of compiling a contestant.
    if constexpr (std::is_same_v<K, std::uint64_t> && std::is_same_v<V, std::uint64_t> &&
                  studys_hash) {
      if (load_batch_) {
        return workloads::PlaySliceInLoadBatches(*map_, material_->tape, sequence, position, n, keys);
      }
      if (called_) {
        return workloads::PlaySlice<workloads::Boundary::kCalled>(
            *map_, material_->tape, sequence, position, n, keys, values_);
      }
    }
    return workloads::PlaySlice(*map_, material_->tape, sequence, position, n, keys, values_);
  }

  std::uint64_t Size() override {
    std::uint64_t size = workloads::Expected::kUnknownSize;
    if constexpr (Supports<Map>(Op::kSize)) size = map_->Size();
    Rest();
    return size;
  }

  Audit Inspect() override {
    Audit audit;
    if constexpr (Supports<Map>(Op::kSize)) {
      audit.sized = true;
      audit.size = map_->Size();
    }
    const auto& keys = material_->keys<Keys>();
    for (std::uint32_t i = 0; i < material_->tape.universe; ++i) {
      if (const auto value = map_->Load(keys(i))) {
        const std::uint64_t word = workloads::WordOf(*value);
        ++audit.found;
        audit.found_sum += workloads::CheckPart(word);
        audit.mismatch |= (word ^ workloads::MixIndex(i)) >> 8;
        audit.mismatch |= !workloads::Intact(*value);
      }
    }
    if constexpr (Supports<Map>(Op::kRange)) {
      audit.ranged = true;
      map_->Range([&](const K&, const V& value) {
        ++audit.range_count;
        audit.range_sum += workloads::CheckPart(workloads::WordOf(value));
        return true;
      });
    }
    Rest();
    return audit;
  }

 private:
  using Base::map_;

  bool batch_;
  bool load_batch_;
  bool called_;
  const Material* material_ = nullptr;
  workloads::Values<V> values_;
  std::vector<workloads::Batches<K, V>> batches_;
};

// The same strategy in a loop by hand: our own map, or what its line in strategies.bzl calls
// the library without the adapter.
template <class Strategy, class K>
std::unique_ptr<Contestant> MakeDirect(const ContestantSpec& spec) {
  using Map = typename Strategy::template Map<K, std::uint64_t>;
  const auto refuse = [&](const std::string& why) -> InputError {
    return InputError("contestant \"" + spec.text + "\": " + why);
  };
  if constexpr (!std::is_same_v<K, std::uint64_t>) {
    throw refuse("the loop by hand has integer keys only; leave @direct out");
  } else if constexpr (requires { typename Strategy::template Direct<K, std::uint64_t>; }) {
    if (!spec.tunables.empty()) {
      throw refuse("the library is called with its settings here; leave the tunables out");
    }
    using Api = typename Strategy::template Direct<K, std::uint64_t>;
    return std::make_unique<DirectContestant<Api, std::monostate>>(spec.text, Map::kTraits,
                                                                   std::monostate{});
  } else if constexpr (Strategy::kPeer) {
    throw refuse("no loop by hand is written for this library; leave @direct out");
  } else {
    using Api = workloads::OwnApi<Map>;
    return std::make_unique<DirectContestant<Api, typename Map::Options>>(
        spec.text, Map::kTraits, OptionsOf<Map>(spec));
  }
}

// Registers `Strategy` (maps/strategies/<name>.h) for keys of type K, values of type
// V, a hash and what the keys come from, if its map takes them.
template <class Strategy, class K, class V = std::uint64_t, class Hash = DefaultHash<K>,
          class Keys = workloads::Keys<K>>
  requires(!requires { typename Strategy::template Map<K, V, Hash>; })
bool Register() {
  return false;
}
template <class Strategy, class K, class V = std::uint64_t, class Hash = DefaultHash<K>,
          class Keys = workloads::Keys<K>>
  requires requires { typename Strategy::template Map<K, V, Hash>; }
bool Register() {
  using Map = typename Strategy::template Map<K, V, Hash>;
  using Described =
      typename Strategy::template Map<std::uint64_t, std::uint64_t>;
  StrategyInfo info;
  info.name = std::string(Strategy::kName);
  info.traits = Map::kTraits;
  info.object_bytes = sizeof(Described);
  const typename Map::Options defaults{};
  for (const auto& tunable : Map::kTunables) {
    info.tunables.push_back({std::string(tunable.name),
                             defaults.*(tunable.field), tunable.min,
                             tunable.max, std::string(tunable.doc)});
  }
  constexpr bool kLaidOut = std::is_same_v<Keys, workloads::LaidOutKeys>;
  constexpr bool kStudysHash = std::is_same_v<Hash, DefaultHash<K>>;
  const ContestantFactory factory = [](const ContestantSpec& spec) -> std::unique_ptr<Contestant> {
    if constexpr (std::is_same_v<V, std::uint64_t> && kStudysHash && !kLaidOut) {
      if (spec.direct) return MakeDirect<Strategy, K>(spec);
    } else if (spec.direct) {
      throw InputError("contestant \"" + spec.text + "\": the loop by hand has 64-bit values, "
                       "mixed keys and the study's hash only; leave @direct out");
    }
    return std::make_unique<ContestantFor<Map, Keys, kStudysHash && !kLaidOut>>(spec);
  };
  Types types = TypesOf<K, V, Hash>();
  if constexpr (kLaidOut) {
    types.laid_out = true;
    RegisterStrategy(info, types, factory);
    // Mixed keys are a layout like the others, for which there is no other contestant here;
    // under the study's hash there is, in the other worker.
    if constexpr (kStudysHash) return true;
    types.laid_out = false;
  }
  return RegisterStrategy(info, types, factory);
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_CONTESTANT_FOR_H_
