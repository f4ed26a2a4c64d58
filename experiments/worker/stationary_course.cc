// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "experiments/worker/course.h"
#include "experiments/worker/design.h"
#include "experiments/worker/limits.h"

namespace cmap::experiments {
namespace {

class StationaryCourse final : public Course {
 public:
  explicit StationaryCourse(Session& session)
      : session_(session),
        maps_(static_cast<std::size_t>(session.contestants())),
        placing_(session.contestants(), session.Seed(7)) {}

  void Prepare() override {
    const VisitRequest& request = session_.request();
    {
      const Timed timed(session_.timing().tape);
      material_ = std::make_unique<Material>(
          request.workload, session_.threads(),
          TapeLength(request.workload, session_.threads(), request.timed),
          session_.Seed(2), session_.parallel());
    }
    session_.Use(*material_);
    {
      const Timed timed(session_.timing().verify);
      std::shared_ptr<workloads::Ledger> ledger;  // one for all contestants
      if (workloads::Ledger::Knows(material_->tape)) {
        ledger = std::make_shared<workloads::Ledger>(material_->tape);
      }
      for (State& map : maps_) {
        map.simulator = std::make_unique<workloads::Simulator>(material_->tape, ledger,
                                                               session_.parallel());
      }
    }
    PlaceAll();
    // A block has two slices a contestant, so half of it is one each.
    as_filled_ = request.workload.start == workloads::Start::kAsFilled;
    place_each_block_ =
        request.rounds == 0 &&
        (!request.timed || as_filled_ ||
         static_cast<double>(placing_ns_) <=
             request.slice_ms * 1e6 * static_cast<double>(maps_.size()));
    fresh_ = place_each_block_;
    if (as_filled_) return;  // Size would settle the maps
    const Timed timed(session_.timing().verify);
    for (int c = 0; c < session_.contestants(); ++c) {
      const std::int64_t before = NowNs();
      session_.contestant(c).Size();
      Of(c).size_is_cheap = NowNs() - before <= kCheapSizeNs;
    }
  }

  void BeginBlock(const Discarded& discarded) override {
    if (!place_each_block_) return;
    if (!fresh_) PlaceAll();
    fresh_ = false;
    if (as_filled_) return;
    for (int c = 0; c < session_.contestants(); ++c) discarded(c, Play(c));
  }

  Slice Play(int c) override {
    return Verified(c, session_.PlayWindow(c, Of(c).positions, material_->tape.length()));
  }

  Slice Perform(int c, const Session::Part& part) override {
    return Verified(c, session_.PlayParts(c, Of(c).positions, part));
  }

  void EndBlock() override {
    if (!place_each_block_) return;
    const Timed timed(session_.timing().verify);
    for (int c = 0; c < session_.contestants(); ++c) {
      const State& map = Of(c);
      if (map.size_is_cheap || !map.played) continue;
      session_.Verify(c, map.last, map.expected, session_.contestant(c).Size());
    }
  }

  workloads::Bounds Settle(int c) override {
    if (!Of(c).played) Play(c);
    return Of(c).simulator->size();
  }

  workloads::Figures figures() const override {
    return workloads::Measure(material_->tape, material_->tape.length());
  }

  std::string_view placement() const override {
    return place_each_block_ ? "block" : "visit";
  }

 private:
  // A contestant's map: where its threads stand on the tape, and what it must hold.
  struct State {
    std::vector<std::uint64_t> positions;  // by thread
    std::unique_ptr<workloads::Simulator> simulator;
    bool size_is_cheap = false;
    // The latest slice since the map was placed.
    bool played = false;
    workloads::SliceResult last;
    workloads::Expected expected;
  };
  State& Of(int c) { return maps_[static_cast<std::size_t>(c)]; }

  Slice Verified(int c, const Slice& slice) {
    State& map = Of(c);
    const Timed timed(session_.timing().verify);
    map.expected = map.simulator->Advance(slice.thread_ops);
    map.last = slice.result;
    map.played = true;
    session_.Verify(c, map.last, map.expected,
                    map.size_is_cheap ? session_.contestant(c).Size()
                                      : workloads::Expected::kUnknownSize);
    return slice;
  }

  // In an order drawn anew, after all former maps are gone: who comes first meets other
  // memory than who comes after.
  void PlaceAll() {
    const Timed timed(session_.timing().place);
    const std::int64_t before = NowNs();
    for (int c = 0; c < session_.contestants(); ++c) session_.Remove(c);
    std::vector<int> order = placing_.Next();
    order.resize(maps_.size());  // each once
    for (const int c : order) {
      session_.Place(c);
      session_.Prefill(c);
      Of(c).positions.assign(static_cast<std::size_t>(session_.threads()), 0);
      Of(c).simulator->Reset();
      Of(c).played = false;
    }
    placing_ns_ = NowNs() - before;
  }

  Session& session_;
  std::unique_ptr<Material> material_;
  std::vector<State> maps_;  // by contestant
  BlockOrders placing_;
  std::int64_t placing_ns_ = 0;  // all contestants together
  bool place_each_block_ = true;
  bool as_filled_ = false;  // maps are played as they were filled, and placed anew for it
  bool fresh_ = false;  // placed and not yet played
};

}  // namespace

std::unique_ptr<Course> MakeStationaryCourse(Session& session) {
  return std::make_unique<StationaryCourse>(session);
}

std::uint64_t TapeLength(const workloads::Spec& spec, int threads, bool timed) {
  const auto t = static_cast<std::uint64_t>(threads);
  if (spec.ops > 0 || !timed) {
    return std::max<std::uint64_t>(1, (spec.ops > 0 ? spec.ops : kUntimedOps) / t);
  }
  if (spec.keys.stream == workloads::Stream::kKrr &&
      spec.keys.sharing == workloads::Sharing::kShared) {
    return std::max<std::uint64_t>(1, kJointTapeOps / t);
  }
  const std::uint64_t most =
      std::max(kLeastTapeOps, std::min(kLongestTapeOps, kMostTapeOps / t));
  return std::clamp(2 * spec.population, kLeastTapeOps, most);
}

}  // namespace cmap::experiments
