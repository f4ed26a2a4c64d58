// SPDX-License-Identifier: Apache-2.0
//
// The contestant of a strategy in a scenario, keys and values 64-bit words. Included by the
// generated registration files only.
#ifndef CMAP_EXPERIMENTS_WORKER_SCENARIO_FOR_H_
#define CMAP_EXPERIMENTS_WORKER_SCENARIO_FOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/worker/contestant_for.h"
#include "experiments/worker/placed.h"
#include "experiments/worker/scenario.h"
#include "maps/concurrent_map.h"

namespace cmap::experiments {

// `Map` is a ConcurrentMap, or what a scenario about something else has in its place.
template <class Map, class Scenario>
class ScenarioFor final : public Placed<ScenarioContestant, Map, typename Map::Options> {
  using Base = Placed<ScenarioContestant, Map, typename Map::Options>;

 public:
  using Base::Rest;

  ScenarioFor(const ContestantSpec& spec, const workloads::ScenarioRequest& request, std::uint32_t threads,
              std::uint64_t seed)
      : Base(spec.text, OptionsOf<Map>(spec)), scenario_(request, threads, seed) {}

  const Traits& traits() const override { return Map::kTraits; }

  std::uint64_t Size() override {
    std::uint64_t size = 0;
    if constexpr (Supports<Map>(Op::kSize)) size = map_->Size();
    Rest();
    return size;
  }
  // The scenario has checked the content: here it is counted alone.
  Audit Inspect() override {
    Audit audit;
    audit.found = Size();
    return audit;
  }

  // Of a tape, which there is not.
  void Use(const Material&) override {}
  std::optional<Op> Unsupported() const override { return std::nullopt; }
  void Prefill(std::size_t, std::size_t) override {}
  void Prefilled() override {}
  void Reserve(std::size_t) override {}
  bool batched() const override { return false; }
  std::size_t Uncut(std::size_t, std::size_t, std::size_t n) const override { return n; }
  workloads::SliceResult Play(std::size_t, std::size_t, std::size_t) override {
    throw std::logic_error("a scenario plays no tape");
  }

  void Fill() override {
    scenario_.Fill(*map_);
    Rest();
  }
  std::uint64_t Step(std::uint32_t t, std::size_t n) override { return scenario_.Step(*map_, t, n); }
  bool Counted(std::uint32_t t) const override { return scenario_.Counted(t); }
  std::string Check() override {
    std::string wrong = scenario_.Check(*map_);
    Rest();
    return wrong;
  }
  void Tell(double seconds, std::vector<workloads::Amount>& out) const override { scenario_.Tell(seconds, out); }
  void TellTimes(std::vector<workloads::Times>& out) const override {
    if constexpr (requires { scenario_.TellTimes(out); }) scenario_.TellTimes(out);
  }

 private:
  using Base::map_;

  Scenario scenario_;
};

// Registers `Strategy` for a scenario, if its map takes such keys and has the operations. What
// a scenario checks presumes that loads find what was stored, unless it says otherwise.
template <class Strategy, template <class> class Scenario>
bool RegisterFor() {
  if constexpr (requires { typename Strategy::template Map<std::uint64_t, std::uint64_t>; }) {
    using Map = typename Strategy::template Map<std::uint64_t, std::uint64_t>;
    constexpr bool kMayLag = requires { Scenario<Map>::kMayLag; };
    if constexpr (Scenario<Map>::kFits && (kMayLag || Map::kTraits.linearizable)) {
      return RegisterScenario(
          Strategy::kName, Scenario<Map>::kTraits,
          [](const ContestantSpec& spec, const workloads::ScenarioRequest& request, std::uint32_t threads,
             std::uint64_t seed) -> std::unique_ptr<ScenarioContestant> {
            return std::make_unique<ScenarioFor<Map, Scenario<Map>>>(spec, request, threads, seed);
          });
    }
  }
  return false;
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_SCENARIO_FOR_H_
