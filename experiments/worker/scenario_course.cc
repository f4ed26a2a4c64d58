// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/worker/course.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/histogram.h"
#include "experiments/worker/limits.h"
#include "experiments/worker/scenario.h"

namespace cmap::experiments {
namespace {

// Slices of a scenario: each finds a new map at a new slot, filled; afterwards what must
// hold is checked, and what is worth knowing is added up.
class ScenarioCourse final : public Course {
 public:
  explicit ScenarioCourse(Session& session)
      : session_(session),
        amounts_(static_cast<std::size_t>(session.contestants())),
        times_(static_cast<std::size_t>(session.contestants())) {}

  void Prepare() override {}
  void BeginBlock(const Discarded&) override {}

  Slice Play(int c) override {
    ScenarioContestant& it = Of(c);
    {
      const Timed timed(session_.timing().place);
      session_.Place(c);
      it.Fill();
    }
    const Slice slice = session_.PlayRoles(c, it, kUntimedSteps);
    const Timed timed(session_.timing().verify);
    const std::string wrong = it.Check();
    if (!wrong.empty()) throw InvalidError(c, session_.name(c) + ": " + wrong);
    std::vector<workloads::Amount> told;
    it.Tell(slice.seconds, told);
    for (const workloads::Amount& amount : told) {
      Sum& sum = amounts_[static_cast<std::size_t>(c)][std::string(amount.name)];
      sum.amount += amount.amount;
      sum.of += amount.of;
    }
    std::vector<workloads::Times> taken;
    if (session_.request().timed) it.TellTimes(taken);
    for (const workloads::Times& times : taken) {
      Percentiles& all = times_[static_cast<std::size_t>(c)][std::string(times.what)];
      all.unit = times.unit;
      all.ns = times.unit == "us" ? 1e3 : 1;
      all.ns *= static_cast<double>(times.each);
      for (const std::int64_t ns : times.ns) all.times.Record(ns);
    }
    return slice;
  }

  Slice Perform(int, const Session::Part&) override {
    throw std::logic_error("arrivals are of tapes");  // refused with the request
  }

  void EndBlock() override {}

  workloads::Bounds Settle(int c) override {
    if (amounts_[static_cast<std::size_t>(c)].empty()) Play(c);
    const std::uint64_t found = Of(c).Size();
    return {found, found};
  }

  Amounts amounts(int c) const override {
    Amounts out;
    for (const auto& [name, sum] : amounts_[static_cast<std::size_t>(c)]) {
      if (sum.of > 0) out.emplace_back(name, sum.amount / sum.of);
    }
    for (const auto& [what, all] : times_[static_cast<std::size_t>(c)]) {
      const auto tell = [&](const char* name, double share) {
        out.emplace_back(what + name + all.unit, static_cast<double>(all.times.Quantile(share)) / all.ns);
      };
      if (all.times.count() >= kLeastTimes) tell("p50_", 0.5);
      if (all.times.Bears(0.99)) tell("p99_", 0.99);
    }
    return out;
  }

  workloads::Figures figures() const override { return {}; }
  std::string_view placement() const override { return "slice"; }

 private:
  static constexpr std::uint64_t kUntimedSteps = 200;
  // Of a median; what it is off by in one visit is in the spread between visits.
  static constexpr std::uint64_t kLeastTimes = 20;

  struct Sum {
    double amount = 0;
    double of = 0;
  };

  struct Percentiles {
    std::string unit;
    double ns = 1;  // of the unit, times the operations in a row
    Histogram times;
  };

  ScenarioContestant& Of(int c) { return static_cast<ScenarioContestant&>(session_.contestant(c)); }

  Session& session_;
  // By contestant.
  std::vector<std::map<std::string, Sum>> amounts_;
  std::vector<std::map<std::string, Percentiles>> times_;
};

}  // namespace

std::unique_ptr<Course> MakeScenarioCourse(Session& session) {
  return std::make_unique<ScenarioCourse>(session);
}

}  // namespace cmap::experiments
