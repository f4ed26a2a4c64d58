// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>

#include "experiments/worker/course.h"
#include "experiments/worker/limits.h"

namespace cmap::experiments {
namespace {

class StationaryCourse final : public Course {
 public:
  explicit StationaryCourse(Session& session)
      : session_(session),
        cursors_(static_cast<std::size_t>(session.contestants())),
        size_is_cheap_(cursors_.size(), false) {}

  void Prepare() override {
    const VisitRequest& request = session_.request();
    const auto threads = static_cast<std::uint64_t>(session_.threads());
    const std::uint64_t most = kMaxTapeOps / threads / 2;
    const double slice_ns = request.slice_ms * 1e6;
    if (request.workload.ops > 0 || !request.timed) {
      const std::uint64_t ops =
          request.workload.ops > 0 ? request.workload.ops : kUntimedOps;
      SetLength(std::max<std::uint64_t>(1, ops / threads));
      Load(2 * n_);
      PlaceAll();
    } else if (request.workload.PrefillShare() *
                   static_cast<double>(request.workload.population) <=
               static_cast<double>(kSmallPrefill)) {
      Load(std::max<std::uint64_t>(kFirstProbeOps, kMaxProbeOps / threads));
      PlaceAll();
      SetLength(std::clamp<std::uint64_t>(Calibrate(slice_ns), 1, most));
      Load(2 * n_);
      PlaceAll();
    } else {
      const auto guess = static_cast<std::uint64_t>(slice_ns / kLargeMapNs);
      Load(2 * std::clamp<std::uint64_t>(guess, kFirstProbeOps, most));
      PlaceAll();
      SetLength(std::clamp<std::uint64_t>(Calibrate(slice_ns), 1,
                                          material_->tape.length()));
    }
    // A block has two slices a contestant, so half of it is one each.
    place_each_block_ =
        !request.timed || static_cast<double>(prefill_ns_) <=
                              slice_ns * static_cast<double>(cursors_.size());
    fresh_ = place_each_block_;
    for (int c = 0; c < session_.contestants(); ++c) {
      const std::int64_t before = NowNs();
      session_.contestant(c).Size();
      size_is_cheap_[static_cast<std::size_t>(c)] =
          NowNs() - before <= kCheapSizeNs;
    }
  }

  void BeginBlock(const Discarded& discarded) override {
    if (place_each_block_) {
      if (!fresh_) PlaceAll();
      fresh_ = false;
      Expect(cursors_[0].slice + 3);
      for (int c = 0; c < session_.contestants(); ++c) discarded(c, Play(c));
    } else {
      Expect(cursors_[0].slice + 2);
    }
  }

  Slice Play(int c) override { return PlayOf(c, n_); }

  void EndBlock() override {
    if (!place_each_block_) return;
    for (int c = 0; c < session_.contestants(); ++c) {
      const Cursor& cursor = cursors_[static_cast<std::size_t>(c)];
      if (size_is_cheap_[static_cast<std::size_t>(c)] || cursor.slice == 0) {
        continue;
      }
      session_.Verify(c, cursor.last, expected_[cursor.slice - 1],
                      session_.contestant(c).Size());
    }
  }

  workloads::Bounds Settle(int c) override {
    const Cursor& cursor = cursors_[static_cast<std::size_t>(c)];
    if (cursor.slice == 0) Play(c);
    return expected_[cursor.slice - 1].final_size;
  }

  workloads::Figures figures() const override {
    return workloads::Measure(material_->tape, material_->tape.length());
  }

  std::string_view placement() const override {
    return place_each_block_ ? "block" : "visit";
  }

 private:
  // Where a contestant's map stands on the tape.
  struct Cursor {
    std::size_t slice = 0;  // slices played since it was placed
    std::size_t position = 0;
    Slice last;
  };

  void SetLength(std::uint64_t n) { n_ = n; }

  void Load(std::uint64_t ops_per_thread) {
    simulator_.reset();
    // Maps first: they hold references to the old material.
    for (int c = 0; c < session_.contestants(); ++c) session_.Remove(c);
    material_ = std::make_unique<Material>(session_.request().workload,
                                           session_.threads(), ops_per_thread,
                                           session_.Seed(2));
    // A tape of paired deletes may come out shorter, by less than half.
    n_ = std::min<std::uint64_t>(n_, material_->tape.length());
    session_.Use(*material_);
    simulator_.emplace(material_->tape);
    expected_.clear();
    stale_ = false;
  }

  void PlaceAll() {
    if (stale_) {
      // Slices of other lengths were simulated.
      simulator_->Reset();
      expected_.clear();
      stale_ = false;
    }
    prefill_ns_ = 0;
    for (int c = 0; c < session_.contestants(); ++c) {
      session_.Place(c);
      const std::int64_t before = NowNs();
      session_.contestant(c).Prefill();
      prefill_ns_ += NowNs() - before;
      cursors_[static_cast<std::size_t>(c)] = Cursor{};
    }
  }

  // All maps start alike and play the same slices, so what is expected of the
  // i-th slice after a placement holds for every contestant and, as long as
  // slices have the same length, for every placement.
  void Expect(std::size_t slices, std::optional<std::size_t> n = {}) {
    while (expected_.size() < slices) {
      expected_.push_back(simulator_->Advance(n.value_or(n_)));
    }
  }

  Slice PlayOf(int c, std::size_t n) {
    Cursor& cursor = cursors_[static_cast<std::size_t>(c)];
    Expect(cursor.slice + 1, n);
    const Slice slice = session_.Play(c, cursor.position, n);
    cursor.position = (cursor.position + n) % material_->tape.length();
    session_.Verify(c, slice, expected_[cursor.slice],
                    size_is_cheap_[static_cast<std::size_t>(c)]
                        ? session_.contestant(c).Size()
                        : workloads::Expected::kUnknownSize);
    ++cursor.slice;
    cursor.last = slice;
    return slice;
  }

  // Operations a thread that take about slice_ns, by slices of growing length.
  std::uint64_t Calibrate(double slice_ns) {
    stale_ = true;
    const std::size_t most = material_->tape.length();
    std::size_t n = std::min<std::size_t>(
        most, std::max<std::uint64_t>(
                  1, kFirstProbeOps /
                         static_cast<std::uint64_t>(session_.threads())));
    const auto long_enough = [&](const std::vector<double>& ns) {
      return GeometricMean(ns) >= kProbeNs || n == most ||
             // One very slow contestant must not make the calibration long.
             std::accumulate(ns.begin(), ns.end(), 0.0) >= 10 * kProbeNs;
    };
    std::vector<double> ns;
    while (true) {
      ns = Probe(n);
      // The least of three: a disturbed probe would set the length of every slice of
      // the visit. So would one that meets untouched pages: a library that moves
      // entries when they are next asked for may do 128 lookups in 20 ms.
      for (int again = 0; again < 2 && long_enough(ns); ++again) {
        const std::vector<double> more = Probe(n);
        for (std::size_t c = 0; c < ns.size(); ++c) {
          ns[c] = std::min(ns[c], more[c]);
        }
      }
      if (long_enough(ns)) break;
      n = std::min(most, 4 * n);
    }
    return static_cast<std::uint64_t>(
        std::llround(slice_ns / (GeometricMean(ns) / static_cast<double>(n))));
  }

  // Nanoseconds of a slice of n operations a thread, by contestant.
  std::vector<double> Probe(std::size_t n) {
    std::vector<double> ns;
    for (int c = 0; c < session_.contestants(); ++c) {
      // Waiting for the CPU is not the map's.
      const RunTime time = PlayOf(c, n).time;
      ns.push_back(static_cast<double>(std::max<std::int64_t>(
          {1, time.wall - time.run_delay, time.wall / 10})));
    }
    return ns;
  }

  Session& session_;
  std::unique_ptr<Material> material_;
  std::optional<workloads::Simulator> simulator_;
  std::vector<workloads::Expected> expected_;  // by slice since placement
  std::vector<Cursor> cursors_;
  std::vector<bool> size_is_cheap_;
  std::uint64_t n_ = 1;  // operations of a slice per thread
  std::int64_t prefill_ns_ = 0;  // of all contestants together
  bool place_each_block_ = true;
  bool fresh_ = false;  // placed and not yet played
  bool stale_ = false;  // expected_ holds slices of other lengths
};

}  // namespace

std::unique_ptr<Course> MakeStationaryCourse(Session& session) {
  return std::make_unique<StationaryCourse>(session);
}

double GeometricMean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += std::log(value);
  return values.empty() ? 0 : std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace cmap::experiments
