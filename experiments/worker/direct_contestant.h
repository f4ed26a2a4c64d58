// SPDX-License-Identifier: Apache-2.0
//
// A contestant "@direct": a loop written by hand (workloads/plain_loop.h) around a map of
// this study, or around a library's map without its adapter. Beside the same strategy as
// it takes part elsewhere it tells what the harness costs. Integer keys only.
#ifndef CMAP_EXPERIMENTS_WORKER_DIRECT_CONTESTANT_H_
#define CMAP_EXPERIMENTS_WORKER_DIRECT_CONTESTANT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "experiments/worker/contestant.h"
#include "experiments/worker/placed.h"
#include "workloads/plain_loop.h"
#include "workloads/values.h"

namespace cmap::experiments {

// `Options` of the map, or std::monostate where the library's map is made without.
template <class Api, class Options>
class DirectContestant final : public Placed<Contestant, Api, Options> {
  using Base = Placed<Contestant, Api, Options>;

 public:
  using Base::Rest;
  using K = typename Api::key_type;
  using V = typename Api::mapped_type;

  DirectContestant(std::string name, const Traits& traits, const Options& options)
      : Base(std::move(name), options), traits_(traits) {}

  const Traits& traits() const override { return traits_; }

  void Use(const Material& material) override {
    material_ = &material;
    values_ = workloads::Values<V>(material.tape.universe, material.spec.value_bytes);
  }
  std::optional<Op> Unsupported() const override {
    return workloads::FirstNotPlain<Api>(material_->tape);
  }

  void Prefill(std::size_t part, std::size_t parts) override {
    Attach();
    const auto& prefill = material_->tape.prefill;
    const std::size_t end = prefill.size() * (part + 1) / parts;
    for (std::size_t i = prefill.size() * part / parts; i < end; ++i) {
      map_->FindOrAdd(material_->keys<workloads::Keys<K>>()(prefill[i]), values_(prefill[i], 0),
                      [](const V&) {});
    }
    Rest();
  }
  void Prefilled() override {}
  void Reserve(std::size_t) override {}
  bool batched() const override { return false; }
  std::size_t Uncut(std::size_t, std::size_t, std::size_t n) const override { return n; }

  workloads::SliceResult Play(std::size_t sequence, std::size_t position, std::size_t n) override {
    Attach();
    workloads::SliceResult result;
    workloads::ForEachStretch(material_->tape.threads[sequence], position, n,
                              [&](std::span<const workloads::Entry> entries, std::size_t first) {
                                result += workloads::PlayPlainly(
                                    *map_, entries, first, material_->tape.op_set,
                                    material_->keys<workloads::Keys<K>>(), values_);
                              });
    return result;
  }

  std::uint64_t Size() override { return workloads::Expected::kUnknownSize; }

  Audit Inspect() override {
    Attach();
    Audit audit;
    for (std::uint32_t i = 0; i < material_->tape.universe; ++i) {
      audit.found += map_->Find(material_->keys<workloads::Keys<K>>()(i), [&](const V& value) {
        const std::uint64_t word = workloads::WordOf(value);
        audit.found_sum += workloads::CheckPart(word);
        audit.mismatch |= (word ^ workloads::MixIndex(i)) >> 8;
      });
    }
    Rest();
    return audit;
  }

 private:
  using Base::map_;

  static void Attach() {
    if constexpr (requires { Api::Attach(); }) Api::Attach();
  }

  const Traits& traits_;
  const Material* material_ = nullptr;
  workloads::Values<V> values_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_DIRECT_CONTESTANT_H_
