// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>

#include "experiments/worker/course.h"
#include "experiments/worker/limits.h"

namespace cmap::experiments {
namespace {

class EmptyStartCourse final : public Course {
 public:
  explicit EmptyStartCourse(Session& session)
      : session_(session), random_(session.Seed(3)) {}

  void Prepare() override {
    const VisitRequest& request = session_.request();
    const auto threads = static_cast<std::uint64_t>(session_.threads());
    const std::uint64_t longest =
        workloads::MaxSliceOps(request.workload, session_.threads());
    material_ = std::make_unique<Material>(request.workload,
                                           session_.threads(),
                                           (longest + threads - 1) / threads,
                                           session_.Seed(2));
    session_.Use(*material_);
    simulator_.emplace(material_->tape);
    if (!request.timed) return;
    // The second run of each: the first one also fetches memory from the system.
    std::vector<double> ns;
    Draw(0.5);
    for (int c = 0; c < session_.contestants(); ++c) {
      Run(c);
      ns.push_back(static_cast<double>(
          std::max<std::int64_t>(1, Run(c).time.wall)));
    }
    repeats_ = std::clamp(
        static_cast<int>(std::lround(
            std::min(1e6, request.slice_ms * 1e6 / GeometricMean(ns)))),
        1, kMaxRepeats);
  }

  void BeginBlock(const Discarded& /*discarded*/) override {
    // 53 random bits over [0, 1): the same on every platform.
    Draw(static_cast<double>(random_() >> 11) * 0x1p-53);
  }

  Slice Play(int c) override {
    Slice slice = Run(c);
    while (slice.repeats < repeats_) slice += Run(c);
    return slice;
  }

  void EndBlock() override {}

  workloads::Bounds Settle(int c) override {
    Draw(0.0);
    Run(c, /*keep=*/true);
    return expected_.final_size;
  }

  workloads::Figures figures() const override {
    return workloads::Measure(material_->tape, LengthAt(0.5));
  }

  std::string_view placement() const override { return "slice"; }

 private:
  // Operations a thread.
  std::size_t LengthAt(double jitter) const {
    const auto n = static_cast<std::size_t>(
        workloads::SliceOps(session_.request().workload, session_.threads(),
                            jitter) /
        static_cast<std::uint64_t>(session_.threads()));
    return std::min(n, material_->tape.length());
  }

  void Draw(double jitter) {
    const std::size_t n = LengthAt(jitter);
    if (n == n_) return;
    n_ = n;
    simulator_->Reset();
    expected_ = simulator_->Advance(n_);
  }

  Slice Run(int c, bool keep = false) {
    session_.Place(c);
    if (session_.request().workload.regime == workloads::Regime::kReserved ||
        session_.spec(c).reserve) {
      session_.contestant(c).Reserve(
          static_cast<std::size_t>(expected_.final_size.hi));
    }
    const Slice run = session_.Play(c, 0, n_);
    session_.Verify(c, run, expected_, session_.contestant(c).Size());
    if (!keep) session_.Remove(c);
    return run;
  }

  Session& session_;
  std::mt19937_64 random_;
  std::unique_ptr<Material> material_;
  std::optional<workloads::Simulator> simulator_;
  workloads::Expected expected_;
  std::size_t n_ = 0;  // operations of a run per thread
  int repeats_ = 1;
};

}  // namespace

std::unique_ptr<Course> MakeEmptyStartCourse(Session& session) {
  return std::make_unique<EmptyStartCourse>(session);
}

std::unique_ptr<Course> MakeCourse(Session& session) {
  return session.request().workload.StartsEmpty()
             ? MakeEmptyStartCourse(session)
             : MakeStationaryCourse(session);
}

}  // namespace cmap::experiments
