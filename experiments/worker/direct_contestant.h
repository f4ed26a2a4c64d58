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
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/worker/contestant.h"
#include "experiments/worker/errors.h"
#include "workloads/plain_loop.h"
#include "workloads/values.h"

namespace cmap::experiments {

// `Options` of the map, or void where the library's map is made without.
template <class Api, class Options>
class DirectContestant final : public Contestant {
 public:
  using K = typename Api::key_type;
  using V = typename Api::mapped_type;
  using Settings = std::conditional_t<std::is_void_v<Options>, std::monostate, Options>;

  DirectContestant(std::string name, const Traits& traits, const Settings& settings)
      : name_(std::move(name)), traits_(traits), settings_(settings) {}
  ~DirectContestant() override { Destroy(); }

  const Traits& traits() const override { return traits_; }
  std::size_t object_bytes() const override { return sizeof(Api); }
  std::size_t object_alignment() const override { return alignof(Api); }

  void Create(void* place) override {
    Destroy();
    try {
      if constexpr (std::is_void_v<Options>) {
        api_ = new (place) Api();
      } else {
        api_ = new (place) Api(settings_);
      }
    } catch (const std::invalid_argument& error) {
      throw InputError("contestant \"" + name_ + "\": " + error.what());
    }
  }
  void* Destroy() override {
    if (api_ == nullptr) return nullptr;
    void* place = api_;
    std::exchange(api_, nullptr)->~Api();
    if constexpr (requires { Api::Quiesce(); }) Api::Quiesce();
    return place;
  }

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
      api_->FindOrAdd(material_->keys<K>()(prefill[i]), values_(prefill[i], 0),
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
                                    *api_, entries, first, material_->tape.op_set,
                                    material_->keys<K>(), values_);
                              });
    return result;
  }
  void Rest() override {
    if constexpr (requires { Api::Idle(); }) Api::Idle();
  }

  std::uint64_t Size() override { return workloads::Expected::kUnknownSize; }
  std::optional<std::size_t> MemoryBytes() override { return std::nullopt; }
  std::vector<Counter> Counters() override { return {}; }

  Audit Inspect() override {
    Attach();
    Audit audit;
    for (std::uint32_t i = 0; i < material_->tape.universe; ++i) {
      audit.found += api_->Find(material_->keys<K>()(i), [&](const V& value) {
        const std::uint64_t word = workloads::WordOf(value);
        audit.found_sum += workloads::CheckPart(word);
        audit.mismatch |= (word ^ workloads::MixIndex(i)) >> 8;
      });
    }
    Rest();
    return audit;
  }

 private:
  static void Attach() {
    if constexpr (requires { Api::Attach(); }) Api::Attach();
  }

  const std::string name_;
  const Traits& traits_;
  const Settings settings_;
  Api* api_ = nullptr;
  const Material* material_ = nullptr;
  workloads::Values<V> values_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_DIRECT_CONTESTANT_H_
