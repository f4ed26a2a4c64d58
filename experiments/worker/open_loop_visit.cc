// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/open_loop_visit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "experiments/worker/arrivals.h"
#include "experiments/worker/histogram.h"
#include "experiments/worker/open_loop.h"
#include "experiments/worker/quality.h"
#include "experiments/worker/recording.h"
#include "experiments/worker/tick_clock.h"
#include "maps/internal/atomics.h"
#include "maps/internal/reclamation/epoch.h"
#include "workloads/rng.h"

namespace cmap::experiments {
namespace {

using Json = nlohmann::ordered_json;
using Schedule = std::vector<std::vector<std::int64_t>>;  // by thread

constexpr int kCapacityWindows = 3;
// Operations of a rung: what a 99.9th percentile needs, and some for the lot's sake.
constexpr double kRungOps = 1.1 * static_cast<double>(Histogram::kLeastBeyond) / 0.001;
// How many times its length a slice may last before it is given up.
constexpr std::int64_t kPatience = 10;
constexpr double kAchieved = 0.99;
constexpr std::int64_t kControlNs = 200'000'000;

std::int64_t Whole(double value) { return std::llround(value); }

// What each thread keeps of a slice, on lines of its own.
struct alignas(64) Kept {
  OpenLoopPart part;
  Latencies times;
};

// What one thread keeps of reclamation while it meets arrivals: which of its operations
// tried to advance the epoch, which is when a thread frees what it has put aside. The counts
// are those of epochs, the reclamation of every map here whose name does not say another;
// they are the whole process's, so that they tell of an operation only where one thread runs.
class Reclamation {
 public:
  Reclamation(std::int64_t window, std::int64_t ns)
      : window_(window), windows_(static_cast<std::size_t>((ns + window - 1) / window)) {}

  void Start() { before_ = last_ = Epochs::Counters(); }

  // After every operation, in their order; times since the agreed start.
  void Record(std::int64_t intended, std::int64_t start, std::int64_t end) {
    Window& window = windows_[std::min(static_cast<std::size_t>(intended / window_), windows_.size() - 1)];
    window.responses.Record(end - intended);
    const internal::EpochCounters now = Epochs::Counters();
    if (now.attempts == last_.attempts) {
      without_ns_ += static_cast<double>(end - start);
      ++without_;
      return;
    }
    last_ = now;
    with_.Record(end - start);
    with_ns_ += static_cast<double>(end - start);
    ++window.events;
    window.pause += end - start;
  }

  void AddTo(Json& line) const {
    const auto mean = [](double sum, std::uint64_t n) { return n > 0 ? Json(sum / static_cast<double>(n)) : Json(); };
    line["reclaimed"] = {{"events", with_.count()},
                         {"freed", last_.freed - before_.freed},
                         {"with_ns", mean(with_ns_, with_.count())},
                         {"without_ns", mean(without_ns_, without_)},
                         {"p99_ns", with_.Bears(0.99) ? Json(with_.Quantile(0.99)) : Json()}};
    line["window"] = window_;
    Json windows = Json::array();
    for (const Window& window : windows_) {
      windows.push_back({{"due", window.responses.count()},
                         {"p99", window.responses.Bears(0.99) ? Json(window.responses.Quantile(0.99)) : Json()},
                         {"events", window.events},
                         {"pause", window.pause}});
    }
    line["windows"] = windows;
  }

 private:
  using Epochs = internal::EpochDomain<NativeAtomics>;
  struct Window {
    Histogram responses;
    std::uint64_t events = 0;
    std::int64_t pause = 0;  // service of the operations with events, ns
  };

  std::int64_t window_;
  std::vector<Window> windows_;
  internal::EpochCounters before_, last_;
  Histogram with_;  // service
  double with_ns_ = 0, without_ns_ = 0;
  std::uint64_t without_ = 0;
};

class OpenLoop {
 public:
  OpenLoop(Session& session, Course& course, const std::function<void(const Json&)>& write,
           const std::function<void(int)>& conclude)
      : session_(session),
        course_(course),
        write_(write),
        conclude_(conclude),
        spec_(session.request().arrivals),
        rng_(session.Seed(6)),
        kept_(static_cast<std::size_t>(session.threads())) {}

  void Run() {
    Clock();
    switch (spec_.course) {
      case ArrivalsSpec::Course::kNone:
        break;
      case ArrivalsSpec::Course::kRungs:
        Rungs();
        break;
      case ArrivalsSpec::Course::kShapes:
        Shapes();
        break;
      case ArrivalsSpec::Course::kFill:
        Fill();
        break;
      case ArrivalsSpec::Course::kRecorded:
        Recorded();
        break;
    }
  }

 private:
  bool IsControl(int c) { return !session_.contestant(c).traits().returns_results; }

  // A slice in which thread t does play(t, agreed, perform) -> OpenLoopPart, where
  // perform() is the next operation of its sequence.
  template <class Play>
  Slice Perform(int c, Play&& play) {
    Contestant& it = session_.contestant(c);
    clock_.Calibrate();
    return course_.Perform(c, [&](std::size_t t, std::int64_t agreed, std::uint64_t& position) {
      workloads::SliceResult result;
      kept_[t].part = play(t, agreed, [&] {
        result += it.Play(t, position, 1);
        ++position;
      });
      return result;
    });
  }

  Schedule Draw(const Profile& profile, Spacing spacing) {
    const Timed timed(session_.timing().tape);
    Schedule schedule(kept_.size());
    const std::uint64_t seed = rng_.Next();
    session_.parallel()(schedule.size(), [&](std::size_t t) {
      schedule[t] = DrawArrivals(profile, spacing, static_cast<int>(t), session_.threads(), seed);
    });
    return schedule;
  }

  static double Count(const Schedule& schedule) {
    double ops = 0;
    for (const auto& due : schedule) ops += static_cast<double>(due.size());
    return ops;
  }

  // Contestant c meets arrivals within `ns`; record(t, i, intended, start, end) of each
  // operation, times since the agreed start.
  template <class Record>
  Slice Meet(int c, const Schedule& schedule, std::int64_t ns, Record&& record) {
    return Perform(c, [&](std::size_t t, std::int64_t agreed, auto&& perform) {
      if (t == 0) agreed_ = agreed;  // the same on all threads
      return PlayArrivals(schedule[t], agreed, kPatience * ns, clock_, perform,
                          [&, agreed](std::uint64_t i, std::int64_t intended, std::int64_t start, std::int64_t end) {
                            record(t, i, intended - agreed, start - agreed, end - agreed);
                          });
    });
  }

  void ClearTimes() {
    for (Kept& kept : kept_) kept.times = Latencies();
  }
  Latencies AllTimes() const {
    Latencies all;
    for (const Kept& kept : kept_) all += kept.times;
    return all;
  }
  // Agreed start to the latest end, at least `ns`.
  std::int64_t Lasted(std::int64_t agreed, std::int64_t ns) const {
    for (const Kept& kept : kept_) ns = std::max(ns, kept.part.end - agreed);
    return ns;
  }
  bool GaveUp() const {
    return std::any_of(kept_.begin(), kept_.end(), [](const Kept& kept) { return kept.part.gave_up; });
  }

  static void AddTimes(Json& line, const Latencies& times) {
    line["response"] = times.response.Sparse();
    line["service"] = times.service.Sparse();
    line["lag"] = times.lag.Sparse();
    line["max"] = {times.response.max(), times.service.max(), times.lag.max()};
  }

  Json Counted(int c, const std::vector<Counter>& before) {
    Json counted = Json::object();
    const std::vector<Counter> now = session_.contestant(c).Counters();
    for (std::size_t i = 0; i < now.size(); ++i) {
      counted[std::string(now[i].name)] =
          i < before.size() ? now[i].value - before[i].value : now[i].value;
    }
    return counted;
  }

  // Threads that only read the clock.
  void Clock() {
    ClearTimes();
    clock_.Calibrate();
    session_.RunTogether([&](std::size_t t, std::int64_t agreed) {
      kept_[t].part = PlayNothing(agreed, kControlNs, clock_,
                                  [&](std::int64_t gap) { kept_[t].times.service.Record(gap); });
    });
    const Latencies all = AllTimes();
    write_({{"t", "clock"},
            {"n", all.service.count()},
            {"ns", kControlNs},
            {"gap", all.service.Sparse()},
            {"max", all.service.max()},
            {"source", clock_.Name()}});
  }

  // Operations a second of all threads when each is timed and none waits.
  double Capacity(int c) {
    std::vector<double> rates;
    ClearTimes();
    const auto length = static_cast<std::int64_t>(session_.request().slice_ms * 1e6);
    for (int window = 0; window < kCapacityWindows; ++window) {
      Perform(c, [&](std::size_t t, std::int64_t agreed, auto&& perform) {
        if (t == 0) agreed_ = agreed;
        return PlayBackToBack(agreed, length, clock_, perform,
                              [&](std::uint64_t, std::int64_t, std::int64_t begin, std::int64_t end) {
                                kept_[t].times.service.Record(end - begin);
                              });
      });
      double rate = 0;
      for (const Kept& kept : kept_) {
        rate += static_cast<double>(kept.part.ops) / static_cast<double>(std::max<std::int64_t>(1, kept.part.end - agreed_));
      }
      rates.push_back(rate * 1e9);
    }
    std::sort(rates.begin(), rates.end());
    const double rate = rates[rates.size() / 2];
    const Latencies all = AllTimes();
    write_({{"t", "capacity"},
            {"c", c},
            {"rate", Whole(rate)},
            {"n", all.service.count()},
            {"service", all.service.Sparse()}});
    return rate;
  }

  std::vector<double> Capacities() {
    std::vector<double> capacities;
    for (int c = 0; c < session_.contestants(); ++c) capacities.push_back(Capacity(c));
    return capacities;
  }

  void Rungs() {
    const std::vector<double> capacities = Capacities();
    struct Rung {
      int c;
      int of;
      double load;
    };
    std::vector<Rung> rungs;
    for (int c = 0; c < session_.contestants(); ++c) {
      const int of = IsControl(c) ? 0 : c;
      for (const double load : spec_.loads) rungs.push_back({c, of, load});
      if (of != 0) rungs.push_back({c, 0, 0.5});
    }
    workloads::Shuffle(std::span(rungs), rng_);
    for (const Rung& rung : rungs) {
      PlayRung(rung.c, rung.of, rung.load, rung.load * capacities[static_cast<std::size_t>(rung.of)]);
    }
  }

  void PlayRung(int c, int of, double load, double rate) {
    const double ms = std::clamp(kRungOps / rate * 1e3, spec_.least_ms, spec_.most_ms);
    const auto ns = static_cast<std::int64_t>(ms * 1e6);
    const Schedule schedule = Draw(Profile::Constant(rate, ns), Spacing::kPoisson);
    ClearTimes();
    std::optional<Reclamation> reclamation;
    if (spec_.window_ms > 0) reclamation.emplace(static_cast<std::int64_t>(spec_.window_ms * 1e6), ns);
    const auto record = [&](std::size_t t, std::uint64_t, std::int64_t intended, std::int64_t start, std::int64_t end) {
      kept_[t].times.Record(intended, start, end);
    };
    // Two loops, so that a rung without windows does not ask for every operation whether it has any.
    if (reclamation) reclamation->Start();
    const Slice slice = !reclamation ? Meet(c, schedule, ns, record)
                                     : Meet(c, schedule, ns, [&](std::size_t t, std::uint64_t i, std::int64_t intended,
                                                                 std::int64_t start, std::int64_t end) {
                                         record(t, i, intended, start, end);
                                         reclamation->Record(intended, start, end);
                                       });
    const auto lasted = static_cast<double>(Lasted(agreed_, ns));
    const double offered = Count(schedule) / static_cast<double>(ns) * 1e9;
    const double achieved = static_cast<double>(slice.ops) / lasted * 1e9;
    Json line = {{"t", "latency"},       {"c", c},
                 {"of", of},             {"load", load},
                 {"offered", Whole(offered)}, {"achieved", Whole(achieved)},
                 {"n", slice.ops},       {"ns", ns}};
    if (Stands(line, slice, /*saturated=*/GaveUp() || achieved < kAchieved * offered)) {
      AddTimes(line, AllTimes());
      if (reclamation) reclamation->AddTo(line);
    }
    write_(line);
  }

  struct Shape {
    const char* name;
    Spacing spacing;
    Profile profile;
    std::vector<std::int64_t> from, until;  // disturbances
  };

  std::vector<Shape> ShapesAt(double capacity) const {
    const auto ns = static_cast<std::int64_t>(spec_.ms * 1e6);
    const double base = spec_.base * capacity;
    const double peak = spec_.peak * capacity;
    const auto at = [](double rate, std::int64_t length) {
      return Segment{length, rate * static_cast<double>(length) * 1e-9};
    };
    // Three bursts, each of what the overload would bring in a twelfth of the time: as
    // much above the base as the step brings, at three instants.
    const std::int64_t sixth = ns / 6;
    const Segment burst{0, (peak - base) * static_cast<double>(ns / 12) * 1e-9};
    Profile bursts{{at(base, sixth), burst, at(base, 2 * sixth), burst, at(base, 2 * sixth), burst,
                    at(base, ns - 5 * sixth)}};
    Profile step{{at(base, 2 * sixth), at(peak, sixth + sixth / 2), at(base, ns - 3 * sixth - sixth / 2)}};
    return {{"even", Spacing::kEven, Profile::Constant(base, ns), {}, {}},
            {"poisson", Spacing::kPoisson, Profile::Constant(base, ns), {}, {}},
            {"burst", Spacing::kPoisson, std::move(bursts), {sixth, 3 * sixth, 5 * sixth}, {sixth, 3 * sixth, 5 * sixth}},
            {"step", Spacing::kPoisson, std::move(step), {2 * sixth}, {3 * sixth + sixth / 2}}};
  }

  void Shapes() {
    const std::vector<double> capacities = Capacities();
    std::vector<std::pair<int, Shape>> plan;
    for (int c = 0; c < session_.contestants(); ++c) {
      for (Shape& shape : ShapesAt(capacities[0])) plan.emplace_back(c, std::move(shape));
    }
    workloads::Shuffle(std::span(plan), rng_);
    for (const auto& [c, shape] : plan) PlayShape(c, shape);
  }

  void PlayShape(int c, const Shape& shape) {
    const std::int64_t ns = shape.profile.ns();
    const auto window = static_cast<std::int64_t>(spec_.window_ms * 1e6);
    const auto windows = static_cast<std::size_t>((ns + window - 1) / window);
    struct alignas(64) Series {
      std::vector<Histogram> responses;  // by the window in which operations were due
      std::vector<std::uint32_t> done;   // by the window in which they ended; the last takes the rest
    };
    std::vector<Series> series(kept_.size(), {std::vector<Histogram>(windows),
                                              std::vector<std::uint32_t>(2 * windows)});
    const auto in = [window](std::int64_t time, std::size_t most) {
      return std::min(static_cast<std::size_t>(time / window), most - 1);
    };
    const Schedule schedule = Draw(shape.profile, shape.spacing);
    const std::vector<Counter> before = session_.contestant(c).Counters();
    const Slice slice = Meet(c, schedule, ns, [&](std::size_t t, std::uint64_t, std::int64_t intended, std::int64_t,
                                                  std::int64_t end) {
      series[t].responses[in(intended, windows)].Record(end - intended);
      ++series[t].done[in(end, 2 * windows)];
    });
    Json due = Json::array(), p50 = Json::array(), p99 = Json::array(), max = Json::array(), done = Json::array();
    for (std::size_t w = 0; w < windows; ++w) {
      Histogram all;
      for (const Series& one : series) all += one.responses[w];
      due.push_back(all.count());
      p50.push_back(all.Quantile(0.5));
      p99.push_back(all.Bears(0.99) ? Json(all.Quantile(0.99)) : Json());
      max.push_back(all.max());
    }
    for (std::size_t w = 0; w < 2 * windows; ++w) {
      std::uint64_t ops = 0;
      for (const Series& one : series) ops += one.done[w];
      done.push_back(ops);
    }
    while (!done.empty() && done.back() == 0) done.erase(done.size() - 1);
    const auto lasted = static_cast<double>(Lasted(agreed_, ns));
    Json line = {{"t", "shape"},
                 {"c", c},
                 {"shape", shape.name},
                 {"offered", Whole(Count(schedule) / static_cast<double>(ns) * 1e9)},
                 {"achieved", Whole(static_cast<double>(slice.ops) / lasted * 1e9)},
                 {"n", slice.ops},
                 {"ns", ns}};
    if (Stands(line, slice, /*saturated=*/false)) {
      line.update({{"from", shape.from}, {"until", shape.until}, {"window", window}, {"due", due},
                   {"done", done}, {"p50", p50}, {"p99", p99}, {"max", max}});
      line["counters"] = Counted(c, before);
    }
    write_(line);
  }

  std::vector<int> InRandomOrder() {
    std::vector<int> order;
    for (int c = 0; c < session_.contestants(); ++c) order.push_back(c);
    workloads::Shuffle(std::span(order), rng_);
    return order;
  }

  // Whether a slice's times may be told. Otherwise its line says why not: something disturbed
  // it, or the map could not keep up.
  static bool Stands(Json& line, const Slice& slice, bool saturated) {
    const RunTime times[] = {slice.time};
    if (const auto rejection = JudgeBlock(times, /*oversubscribed=*/false)) {
      line["why"] = rejection->why;
      return false;
    }
    if (saturated) line["saturated"] = 1;
    return !saturated;
  }

  // Whether operations that arrived within `ns` took a quarter longer: whatever its stalls,
  // a map that keeps up is back by then.
  bool CannotKeepUp(std::int64_t ns) const { return GaveUp() || Lasted(agreed_, 0) > ns + ns / 4; }

  void Fill() {
    for (const int c : InRandomOrder()) PlayFill(c);
  }

  void PlayFill(int c) {
    const auto threads = static_cast<std::uint64_t>(kept_.size());
    const std::uint64_t share = workloads::MaxSliceOps(session_.request().workload, session_.threads()) / threads;
    const auto ns = static_cast<std::int64_t>(static_cast<double>(share * threads) / spec_.rate * 1e9);
    Schedule schedule = Draw(Profile::Constant(spec_.rate, ns), Spacing::kEven);
    for (auto& due : schedule) due.resize(std::min<std::size_t>(due.size(), share));
    // Threads store in turn, so the i-th store of each finds i * threads entries; the
    // entries at each doubling are kept apart.
    struct Longest {
      std::int64_t ns = -1;
      std::uint64_t at = 0;
    };
    struct alignas(64) Doublings {
      std::vector<Latencies> times;
      std::vector<Longest> longest;
    };
    const auto count = static_cast<std::size_t>(std::bit_width(share * threads)) + 1;
    std::vector<Doublings> doublings(kept_.size(), {std::vector<Latencies>(count), std::vector<Longest>(count)});
    ReturnMemory();
    const Slice slice = Meet(c, schedule, ns, [&](std::size_t t, std::uint64_t i, std::int64_t intended,
                                                  std::int64_t start, std::int64_t end) {
      const std::uint64_t size = i * threads;
      const auto d = static_cast<std::size_t>(std::bit_width(size));
      doublings[t].times[d].Record(intended, start, end);
      Longest& longest = doublings[t].longest[d];
      if (end - start > longest.ns) longest = {end - start, size};
    });
    Latencies all;
    Json rows = Json::array();
    for (std::size_t d = 0; d < count; ++d) {
      Latencies here;
      Longest longest;
      for (const Doublings& one : doublings) {
        here += one.times[d];
        if (one.longest[d].ns > longest.ns) longest = one.longest[d];
      }
      all += here;
      // Small sizes have too few stores to say anything of.
      if (here.service.count() < kLeastRow) continue;
      const auto words = [](const Histogram& times) {
        return Json{times.Quantile(0.5), times.Bears(0.999) ? Json(times.Quantile(0.999)) : Json(), times.max()};
      };
      rows.push_back({{"size", std::uint64_t{1} << (d - 1)},
                      {"n", here.service.count()},
                      {"at", longest.at},
                      {"response", words(here.response)},
                      {"service", words(here.service)}});
    }
    Json line = {{"t", "fill"}, {"c", c}, {"rate", Whole(spec_.rate)}, {"n", slice.ops}, {"ns", Lasted(agreed_, 0)}};
    if (Stands(line, slice, /*saturated=*/CannotKeepUp(ns))) {
      AddTimes(line, all);
      line["doublings"] = rows;
      line["counters"] = Counted(c, {});
    }
    write_(line);
    conclude_(c);
  }

  void Recorded() {
    const VisitRequest& request = session_.request();
    std::vector<std::int64_t> due;
    {
      const Timed timed(session_.timing().tape);
      due = ReadArrivals(request.recording, workloads::MaxSliceOps(request.workload, session_.threads()),
                         static_cast<std::int64_t>(spec_.most_ms * 1e6));
    }
    const Schedule schedule = DealInTurn(std::span<const std::int64_t>(due), session_.threads());
    for (const int c : InRandomOrder()) PlayRecorded(c, schedule);
  }

  void PlayRecorded(int c, const Schedule& schedule) {
    const std::int64_t ns = std::max<std::int64_t>(1, schedule.back().back());  // the last one is dealt to the last thread
    ClearTimes();
    ReturnMemory();
    const Slice slice = Meet(c, schedule, ns, [&](std::size_t t, std::uint64_t, std::int64_t intended,
                                                  std::int64_t start, std::int64_t end) {
      kept_[t].times.Record(intended, start, end);
    });
    const std::int64_t lasted = Lasted(agreed_, ns);
    Json line = {{"t", "recorded"},
                 {"c", c},
                 {"offered", Whole(Count(schedule) / static_cast<double>(ns) * 1e9)},
                 {"achieved", Whole(static_cast<double>(slice.ops) / static_cast<double>(lasted) * 1e9)},
                 {"n", slice.ops},
                 {"ns", ns}};
    if (Stands(line, slice, /*saturated=*/CannotKeepUp(ns))) {
      AddTimes(line, AllTimes());
    }
    write_(line);
    conclude_(c);
  }

  static constexpr std::uint64_t kLeastRow = 512;

  Session& session_;
  Course& course_;
  const std::function<void(const Json&)>& write_;
  const std::function<void(int)>& conclude_;
  const ArrivalsSpec& spec_;
  workloads::Rng rng_;
  TickClock clock_;
  std::vector<Kept> kept_;  // by thread
  std::int64_t agreed_ = 0;
};

}  // namespace

void RunOpenLoop(Session& session, Course& course, const std::function<void(const Json&)>& write,
                 const std::function<void(int)>& conclude) {
  OpenLoop(session, course, write, conclude).Run();
}

}  // namespace cmap::experiments
