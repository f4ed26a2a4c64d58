// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "experiments/worker/course.h"
#include "experiments/worker/limits.h"
#include "experiments/worker/recording.h"

namespace cmap::experiments {
namespace {

class EmptyStartCourse final : public Course {
 public:
  explicit EmptyStartCourse(Session& session)
      : session_(session), random_(session.Seed(3)) {}

  void Prepare() override {
    const workloads::Spec& workload = session_.request().workload;
    const auto threads = static_cast<std::uint64_t>(session_.threads());
    std::uint64_t longest = workloads::MaxSliceOps(workload, session_.threads());
    {
      const Timed timed(session_.timing().tape);
      const std::string& recording = session_.request().recording;
      if (AtItsOwnTimes()) {
        const double most_ms = session_.request().arrivals.most_ms;
        longest = ReadArrivals(recording, longest, static_cast<std::int64_t>(most_ms * 1e6)).size();
      }
      material_ = recording.empty()
                      ? std::make_unique<Material>(workload, session_.threads(),
                                                   (longest + threads - 1) / threads,
                                                   session_.Seed(2), session_.parallel())
                      : RecordedMaterial(workload, recording, longest, session_.threads(),
                                         session_.parallel(), AtItsOwnTimes());
    }
    session_.Use(*material_);
    simulator_.emplace(material_->tape, nullptr, session_.parallel());
    if (!session_.request().timed) return;
    Draw(0.5);
    // What a map that grows pays for its memory is measured, not discarded.
    if (session_.request().arrivals.any()) return;
    // The first run of each also fetches memory from the system.
    for (int c = 0; c < session_.contestants(); ++c) Run(c);
  }

  void BeginBlock(const Discarded& /*discarded*/) override {
    // 53 random bits over [0, 1): the same on every platform.
    Draw(static_cast<double>(random_() >> 11) * 0x1p-53);
  }

  Slice Play(int c) override {
    const double most = session_.request().timed ? session_.request().slice_ms * 1e6 : 0;
    Slice slice = Run(c);
    while (slice.time.wall < most && slice.repeats < kMaxRepeats) slice += Run(c);
    return slice;
  }

  Slice Perform(int c, const Session::Part& part) override {
    PlaceNew(c);
    std::vector<std::uint64_t> positions(material_->tape.threads.size(), 0);
    const Slice slice = session_.PlayParts(c, positions, part);
    const Timed timed(session_.timing().verify);
    workloads::Played played(positions.size());
    for (std::uint32_t s = 0; s < played.size(); ++s) {
      played[s] = {{s, 0, static_cast<std::size_t>(positions[s])}};
    }
    simulator_->Reset();
    const workloads::Expected expected = simulator_->Advance(played);
    session_.Verify(c, slice.result, expected, session_.contestant(c).Size());
    performed_ = {c, expected.final_size};
    return slice;
  }

  void EndBlock() override {}

  workloads::Bounds Settle(int c) override {
    if (performed_.c == c) return performed_.size;
    Draw(0.0);
    Run(c, /*keep=*/true);
    return expected_.final_size;
  }

  workloads::Figures figures() const override {
    return workloads::Measure(material_->tape, LengthAt(0.5));
  }

  std::string_view placement() const override { return "slice"; }

 private:
  // A recording whose operations come when they came.
  bool AtItsOwnTimes() const {
    return session_.request().arrivals.course == ArrivalsSpec::Course::kRecorded;
  }

  // Operations of every sequence.
  std::size_t LengthAt(double jitter) const {
    if (AtItsOwnTimes()) return material_->tape.length();
    const auto n = static_cast<std::size_t>(
        workloads::SliceOps(session_.request().workload, session_.threads(),
                            jitter) /
        static_cast<std::uint64_t>(material_->tape.threads.size()));
    return std::min(n, material_->tape.length());
  }

  workloads::Deal NewDeal(std::size_t n, bool whole) const {
    return workloads::Deal(material_->tape.threads.size(), n,
                           static_cast<std::size_t>(session_.threads()), whole);
  }

  void Draw(double jitter) {
    const std::size_t n = LengthAt(jitter);
    if (chunks_ && n == chunks_->n()) return;
    chunks_.emplace(NewDeal(n, /*whole=*/false));
    batches_.emplace(NewDeal(n, /*whole=*/true));
    const Timed timed(session_.timing().verify);
    // As if every sequence had a player of its own. Counts are those of a run
    // whoever plays, unless it matters who does (see Run); the size in any case
    // serves Reserve.
    workloads::Played played(material_->tape.threads.size());
    for (std::uint32_t s = 0; s < played.size(); ++s) played[s] = {{s, 0, n}};
    simulator_->Reset();
    expected_ = simulator_->Advance(played);
  }

  void PlaceNew(int c) {
    performed_ = {};
    const Timed timed(session_.timing().place);
    session_.Place(c);
    if (session_.request().workload.regime == workloads::Regime::kReserved ||
        session_.spec(c).reserve) {
      session_.contestant(c).Reserve(static_cast<std::size_t>(expected_.final_size.hi));
    }
  }

  Slice Run(int c, bool keep = false) {
    Contestant& it = session_.contestant(c);
    PlaceNew(c);
    workloads::Deal& deal = it.batched() ? *batches_ : *chunks_;
    deal.Shuffle();
    const Slice run = session_.PlayDealt(c, deal);
    {
      const Timed timed(session_.timing().verify);
      if (!simulator_->Indifferent() && session_.threads() > 1) {
        simulator_->Reset();
        expected_ = simulator_->Advance(deal.played());
      }
      session_.Verify(c, run.result, expected_, it.Size());
    }
    if (!keep) {
      const Timed timed(session_.timing().place);
      session_.Remove(c);
    }
    return run;
  }

  Session& session_;
  std::mt19937_64 random_;
  std::unique_ptr<Material> material_;
  std::optional<workloads::Simulator> simulator_;
  std::optional<workloads::Deal> chunks_;   // a run's operations, for most,
  std::optional<workloads::Deal> batches_;  // and for contestants that play batches
  workloads::Expected expected_;
  // Whose map still stands as Perform left it, and what it may hold.
  struct {
    int c = -1;
    workloads::Bounds size;
  } performed_;
};

}  // namespace

std::unique_ptr<Course> MakeEmptyStartCourse(Session& session) {
  return std::make_unique<EmptyStartCourse>(session);
}

std::unique_ptr<Course> MakeCourse(Session& session) {
  if (!session.request().scenario.name.empty()) return MakeScenarioCourse(session);
  return session.request().workload.StartsEmpty()
             ? MakeEmptyStartCourse(session)
             : MakeStationaryCourse(session);
}

}  // namespace cmap::experiments
