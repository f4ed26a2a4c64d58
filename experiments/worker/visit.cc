// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/visit.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "experiments/worker/changepoint.h"
#include "experiments/worker/course.h"
#include "experiments/worker/design.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/limits.h"
#include "experiments/worker/memory_check.h"
#include "experiments/worker/open_loop_visit.h"
#include "experiments/worker/pages.h"
#include "experiments/worker/quality.h"
#include "experiments/worker/session.h"

namespace cmap::experiments {
namespace {

using Json = nlohmann::ordered_json;

// Five significant digits: shares are not known better.
double Rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10.0, 4 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

double SecondsSince(std::int64_t start_ns) {
  return static_cast<double>(NowNs() - start_ns) * 1e-9;
}

class Visit {
 public:
  Visit(const VisitRequest& request, std::ostream& out)
      : request_(request),
        out_(out),
        session_(request),
        course_(MakeCourse(session_)),
        orders_(session_.contestants(), session_.Seed(4)) {}

  void Run() {
    const std::int64_t start = NowNs();
    course_->Prepare();
    if (request_.scenario.name.empty()) {
      Write({{"t", "realised"},
             {"figures", Json(course_->figures().ToJson())}});
    }
    const bool blocks = !request_.arrivals.StartsEmpty();
    if (request_.timed && blocks) {
      for (int i = 0; i < kLeastWarmUpBlocks ||
                      SecondsSince(start) < request_.warmup_seconds;
           ++i) {
        Block(/*warm_up=*/true);
      }
    }
    if (blocks) Measure();
    if (request_.arrivals.any()) {
      RunOpenLoop(session_, *course_, [&](const Json& line) { Write(line); }, [&](int c) { Conclude(c); });
    }
    const auto resident = request_.timed ? ResidentNow() : std::nullopt;
    for (int c = 0; blocks && c < session_.contestants(); ++c) Conclude(c);
    Json end = {{"t", "end"},
                {"visit", request_.visit},
                {"blocks", accepted_},
                {"rejected", rejected_},
                {"changepoint",
                 HasChangepoint(BlockSeries(ns_per_op_), session_.Seed(5))},
                {"placement", course_->placement()},
                {"run_delay", session_.team().counts_run_delay()}};
    if (resident) end["resident"] = {{"kib", resident->all_kib}, {"huge_kib", resident->huge_kib}};
    if (request_.timed) end["timing"] = TimingOfVisit();
    Write(end);
  }

  // Where the time went, for people.
  std::string TimingTable() {
    const Json parts = TimingOfVisit();
    const double total = parts["total"].get<double>();
    std::string table = "worker: where the visit's time went\n";
    for (const auto& [part, value] : parts.items()) {
      const double seconds = value.get<double>();
      char line[80];
      std::snprintf(line, sizeof line, "  %-10s %8.3f s", part.c_str(), seconds);
      table += line;
      if (!part.starts_with("cpu")) {
        std::snprintf(line, sizeof line, " %5.1f %%", 100 * seconds / total);
        table += line;
      }
      table += '\n';
    }
    return table;
  }

  // Whatever ended the visit, what it had to say is said.
  ~Visit() { out_ << lines_ << std::flush; }

 private:
  // Seconds. `start` is what it takes to have threads and memory, `other` what is in
  // no other part; all but `cpu`, of all threads, and `cpu_slices`, its part in the
  // slices, add up to `total`.
  Json TimingOfVisit() {
    const Timing& timing = session_.timing();
    const auto seconds = [](std::int64_t ns) { return Rounded(static_cast<double>(ns) * 1e-9); };
    const std::int64_t total = NowNs() - began_;
    const std::int64_t parts = started_ + timing.tape.wall + timing.place.wall +
                               timing.slices.wall + timing.verify.wall;
    return {{"start", seconds(started_)},
            {"tape", seconds(timing.tape.wall)},
            {"place", seconds(timing.place.wall)},
            {"slices", seconds(timing.slices.wall)},
            {"verify", seconds(timing.verify.wall)},
            {"other", seconds(total - parts)},
            {"total", seconds(total)},
            {"cpu", seconds(CpuNs())},
            {"cpu_slices", seconds(timing.slices.cpu)}};
  }

  // Lines are held back until the visit ends: whoever reads them would wake up
  // on one of the CPUs that the next block is being timed on.
  void Write(const Json& line) { lines_ += line.dump() + '\n'; }

  void Measure() {
    const std::int64_t start = NowNs();
    const int most = request_.max_blocks > 0 ? request_.max_blocks
                     : request_.timed        ? 0
                                             : kUntimedBlocks;
    while (most == 0 || accepted_ + rejected_ < most) {
      if (most == 0) {
        const double used = SecondsSince(start);
        const bool enough = accepted_ >= kLeastBlocks;
        const bool hopeless =
            accepted_ + rejected_ >= kLeastBlocks &&
            used >= kPatience * std::max(request_.seconds, 0.1);
        if ((enough && used >= request_.seconds) || hopeless) return;
      }
      Block(/*warm_up=*/false);
    }
  }

  void Block(bool warm_up) {
    const auto contestants = static_cast<std::size_t>(session_.contestants());
    int position = -session_.contestants();
    course_->BeginBlock([&](int c, const Slice& slice) {
      WriteSlice(position++, c, slice, /*discarded=*/true);
    });
    std::vector<RunTime> times(contestants);
    std::vector<double> ops(contestants, 0);
    position = 0;
    for (const int c : orders_.Next()) {
      const Slice slice = course_->Play(c);
      WriteSlice(position++, c, slice, warm_up);
      times[static_cast<std::size_t>(c)] += slice.time;
      ops[static_cast<std::size_t>(c)] += static_cast<double>(slice.ops);
    }
    course_->EndBlock();
    if (!warm_up) Judge(times, ops);
    if (!warm_up && request_.rounds > 0) WriteMemory();
    ++block_;
  }

  void Judge(const std::vector<RunTime>& times, const std::vector<double>& ops) {
    if (request_.timed) {
      if (const auto rejection = JudgeBlock(times, request_.oversubscribed)) {
        Write({{"t", "reject"},
               {"b", block_},
               {"why", rejection->why},
               {"value", Rounded(rejection->value)}});
        ++rejected_;
        return;
      }
      std::vector<double> ns;
      for (std::size_t c = 0; c < ops.size(); ++c) {
        ns.push_back(times[c].wall / ops[c]);
      }
      ns_per_op_.push_back(std::move(ns));
    }
    ++accepted_;
  }

  // What every map holds after a round.
  void WriteMemory() {
    for (int c = 0; c < session_.contestants(); ++c) {
      if (const auto bytes = session_.contestant(c).MemoryBytes()) {
        Write({{"t", "round"}, {"b", block_}, {"c", c}, {"bytes", *bytes}});
      }
    }
  }

  void WriteSlice(int position, int c, const Slice& slice, bool discarded) {
    Json line = {{"t", "slice"}, {"b", block_}, {"p", position},
                 {"c", c},       {"n", slice.ops}};
    if (slice.repeats > 1) line["k"] = slice.repeats;
    if (request_.timed) line["ns"] = std::llround(slice.time.wall);
    if (discarded) line["w"] = 1;
    if (request_.timed) {
      line["rd"] = Rounded(slice.time.run_delay_share());
      line["late"] = Rounded(slice.time.late_share());
    }
    line["hits"] = slice.result.hits + slice.result.loaded;
    if (request_.timed && session_.threads() > 1) {
      const Shares shares = SharesOf(slice.thread_ops);
      line["least"] = Rounded(shares.least);
      line["most"] = Rounded(shares.most);
      line["jain"] = Rounded(shares.jain);
      line["gap"] = slice.gap;
    }
    Write(line);
  }

  // The last word on contestant c: its content, what it counted, what it holds.
  void Conclude(int c) {
    const workloads::Bounds size = course_->Settle(c);
    Contestant& it = session_.contestant(c);
    const std::vector<Counter> counters = it.Counters();
    if (!counters.empty()) {
      Json values = Json::object();
      for (const Counter& counter : counters) {
        values[std::string(counter.name)] = counter.value;
      }
      Write({{"t", "counters"}, {"c", c}, {"counters", values}});
    }
    if (const Course::Amounts amounts = course_->amounts(c); !amounts.empty()) {
      Json values = Json::object();
      for (const auto& [name, value] : amounts) values[name] = Rounded(value);
      Write({{"t", "amounts"}, {"c", c}, {"amounts", values}});
    }
    const Audit audit = session_.VerifyContent(c, size);
    if (const auto bytes = it.MemoryBytes()) {
      Write({{"t", "memory"},
             {"c", c},
             {"bytes", *bytes},
             {"entries", audit.sized ? audit.size : audit.found}});
    }
    session_.Remove(c);
  }

  const VisitRequest& request_;
  std::ostream& out_;
  std::int64_t began_ = NowNs();
  Session session_;
  std::int64_t started_ = NowNs() - began_;
  std::unique_ptr<Course> course_;
  BlockOrders orders_;
  int block_ = 0;
  int accepted_ = 0;
  int rejected_ = 0;
  std::vector<std::vector<double>> ns_per_op_;
  std::string lines_;
};

}  // namespace

std::vector<std::vector<double>> BlockSeries(
    std::span<const std::vector<double>> blocks) {
  std::vector<std::vector<double>> series;
  if (blocks.empty()) return series;
  const std::size_t contestants = blocks[0].size();
  for (std::size_t c = contestants == 1 ? 0 : 1; c < contestants; ++c) {
    std::vector<double> one;
    for (const std::vector<double>& block : blocks) {
      one.push_back(std::log(block[c]) -
                    (contestants == 1 ? 0.0 : std::log(block[0])));
    }
    series.push_back(std::move(one));
  }
  return series;
}

int RunVisit(const VisitRequest& request, std::ostream& out,
             std::ostream* timing) {
  const auto last_line = [&](const Json& line, int code) {
    out << line.dump() << '\n';
    out.flush();
    return code;
  };
  try {
    CheckMemory(request.workload,
                static_cast<int>(request.contestants.size()), request.threads,
                AvailableBytes());
    Visit visit(request, out);
    visit.Run();
    if (timing != nullptr) *timing << visit.TimingTable();
    return 0;
  } catch (const InvalidError& error) {
    return last_line({{"t", "invalid"},
                      {"c", error.contestant()},
                      {"what", error.what()}},
                     kExitInvalid);
  } catch (const RefusedError& error) {
    return last_line({{"t", "refused"}, {"why", error.what()}}, kExitRefused);
  } catch (const std::bad_alloc&) {
    return last_line({{"t", "refused"},
                      {"why", "memory ran out; use fewer keys or fewer "
                              "contestants"}},
                     kExitRefused);
  } catch (const workloads::SpecError& error) {
    throw InputError(error.what());
  }
}

}  // namespace cmap::experiments
