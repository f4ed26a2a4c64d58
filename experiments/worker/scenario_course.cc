// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/worker/course.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/limits.h"
#include "experiments/worker/scenario.h"

namespace cmap::experiments {
namespace {

// Slices of a scenario: each finds a new map at a new slot, filled; afterwards what must
// hold is checked, and what is worth knowing is added up.
class ScenarioCourse final : public Course {
 public:
  explicit ScenarioCourse(Session& session)
      : session_(session), amounts_(static_cast<std::size_t>(session.contestants())) {}

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
    return out;
  }

  workloads::Figures figures() const override { return {}; }
  std::string_view placement() const override { return "slice"; }

 private:
  static constexpr std::uint64_t kUntimedSteps = 200;

  struct Sum {
    double amount = 0;
    double of = 0;
  };

  ScenarioContestant& Of(int c) { return static_cast<ScenarioContestant&>(session_.contestant(c)); }

  Session& session_;
  std::vector<std::map<std::string, Sum>> amounts_;  // by contestant
};

}  // namespace

std::unique_ptr<Course> MakeScenarioCourse(Session& session) {
  return std::make_unique<ScenarioCourse>(session);
}

}  // namespace cmap::experiments
