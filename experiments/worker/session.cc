// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/session.h"

#include <malloc.h>

#include <algorithm>
#include <functional>

#include "experiments/worker/errors.h"
#include "experiments/worker/registry.h"

namespace cmap::experiments {

void SteadyAllocator() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest glibc accepts
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

void ReturnMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

Slice& Slice::operator+=(const Slice& other) {
  ops += other.ops;
  repeats += other.repeats;
  time += other.time;
  result += other.result;
  thread_ops.resize(other.thread_ops.size());
  for (std::size_t t = 0; t < thread_ops.size(); ++t) thread_ops[t] += other.thread_ops[t];
  gap = std::max(gap, other.gap);
  return *this;
}

Session::Session(const VisitRequest& request)
    : request_(request),
      arena_(Seed(1)),
      team_(request.threads, request.pin, request.oversubscribed),
      results_(static_cast<std::size_t>(request.threads)) {
  for (const ContestantSpec& spec : request_.contestants) {
    if (!request_.scenario.name.empty()) {
      contestants_.push_back(MakeScenario(spec, request_.scenario, request_.threads, Seed(6)));
      continue;
    }
    contestants_.push_back(
        MakeContestant(spec, TypesOf(request_.workload)));
  }
}

Session::~Session() {
  for (int c = 0; c < contestants(); ++c) Remove(c);
}

std::uint64_t Session::Seed(std::uint64_t purpose) const {
  return MixBits(MixBits(request_.seed) + purpose);
}

void Session::Use(const Material& material) {
  for (int c = 0; c < contestants(); ++c) {
    Remove(c);
    contestant(c).Use(material);
    if (const auto op = contestant(c).Unsupported()) {
      throw InputError(name(c) + " does not support " +
                       std::string(OpName(*op)) +
                       ", which this workload's tape holds; leave it out");
    }
  }
}

void Session::Place(int c) {
  Remove(c);
  Contestant& it = contestant(c);
  it.Create(arena_.Take(it.object_bytes(), it.object_alignment()));
}

void Session::Remove(int c) { arena_.Give(contestant(c).Destroy()); }

template <class Body>
RunTime Session::Run(Body&& body) {
  const RunTime time = team_.Run([&](int thread, std::int64_t agreed) {
    const auto t = static_cast<std::size_t>(thread);
    results_[t].error = nullptr;
    try {
      body(t, agreed);
    } catch (...) {
      // Running out of memory must not end the process without a word.
      results_[t].error = std::current_exception();
    }
  });
  for (const PaddedResult& padded : results_) {
    if (padded.error) std::rethrow_exception(padded.error);
  }
  return time;
}

workloads::Parallel Session::parallel() {
  return [this](std::size_t parts, const std::function<void(std::size_t)>& f) {
    Run([&](std::size_t t, std::int64_t) {
      for (std::size_t part = t; part < parts; part += results_.size()) f(part);
    });
  };
}

void Session::Prefill(int c) {
  Contestant& it = contestant(c);
  Run([&](std::size_t t, std::int64_t) { it.Prefill(t, results_.size()); });
  it.Prefilled();
}

Slice Session::PlayWindow(int c, std::span<std::uint64_t> positions, std::uint64_t quota) {
  const Timed timed(timing_.slices);
  Contestant& it = contestant(c);
  const Window window{
      request_.timed ? static_cast<std::int64_t>(request_.slice_ms * 1e6) : 0, quota};
  Slice slice;
  slice.time = Run([&](std::size_t t, std::int64_t agreed) {
    workloads::SliceResult result;
    std::uint64_t position = positions[t];
    results_[t].part = experiments::PlayWindow(window, agreed, NowNs, [&](std::size_t n) {
      n = it.Uncut(t, position, n);
      result += it.Play(t, position, n);
      position += n;
      return n;
    });
    it.Rest();
    positions[t] = position;
    results_[t].result = result;
    // Where threads share CPUs, waiting for one is the subject.
    if (request_.oversubscribed) results_[t].part.start = agreed;
  });
  double rate = 0;  // operations per nanosecond
  for (const PaddedResult& padded : results_) {
    const WindowPart& part = padded.part;
    slice.result += padded.result;
    slice.thread_ops.push_back(part.ops);
    slice.gap = std::max(slice.gap, part.gap);
    rate += static_cast<double>(part.ops) /
            static_cast<double>(std::max<std::int64_t>(1, part.end - part.start));
  }
  slice.ops = slice.result.ops;
  if (request_.timed) slice.time.wall = static_cast<double>(slice.ops) / rate;
  return slice;
}

Slice Session::PlayRoles(int c, ScenarioContestant& it, std::uint64_t quota) {
  const Timed timed(timing_.slices);
  const Window window{
      request_.timed ? static_cast<std::int64_t>(request_.slice_ms * 1e6) : 0, quota};
  Slice slice;
  slice.time = Run([&](std::size_t t, std::int64_t agreed) {
    std::uint64_t ops = 0;
    results_[t].part = experiments::PlayWindow(window, agreed, NowNs, [&](std::size_t n) {
      ops += it.Step(static_cast<std::uint32_t>(t), n);
      return n;
    });
    it.Rest();
    results_[t].part.ops = ops;
    if (request_.oversubscribed) results_[t].part.start = agreed;
  });
  double rate = 0;  // operations per nanosecond
  double ns = 0;
  for (std::size_t t = 0; t < results_.size(); ++t) {
    const WindowPart& part = results_[t].part;
    const auto took = static_cast<double>(std::max<std::int64_t>(1, part.end - part.start));
    ns += took / static_cast<double>(results_.size());
    if (!it.Counted(static_cast<std::uint32_t>(t))) continue;
    slice.ops += part.ops;
    slice.thread_ops.push_back(part.ops);
    slice.gap = std::max(slice.gap, part.gap);
    rate += static_cast<double>(part.ops) / took;
  }
  if (slice.ops == 0) throw InputError(name(c) + " did nothing that counts in a slice; make slices longer");
  if (request_.timed) {
    slice.time.wall = static_cast<double>(slice.ops) / rate;
    slice.seconds = ns * 1e-9;
  }
  return slice;
}

Slice Session::PlayDealt(int c, workloads::Deal& deal) {
  const Timed timed(timing_.slices);
  Contestant& it = contestant(c);
  Slice slice;
  slice.time = Run([&](std::size_t t, std::int64_t agreed) {
    WindowPart part;
    workloads::SliceResult result;
    std::int64_t before = agreed;
    deal.Draw(t, [&](const workloads::Piece& piece) {
      result += it.Play(piece.sequence, piece.position, piece.n);
      part.ops += piece.n;
      const std::int64_t now = NowNs();
      part.gap = std::max(part.gap, now - before);
      before = now;
    });
    it.Rest();
    results_[t].part = part;
    results_[t].result = result;
  });
  for (const PaddedResult& padded : results_) {
    slice.result += padded.result;
    slice.thread_ops.push_back(padded.part.ops);
    slice.gap = std::max(slice.gap, padded.part.gap);
  }
  slice.ops = slice.result.ops;
  return slice;
}

Slice Session::PlayParts(int c, std::span<std::uint64_t> positions, const Part& part) {
  const Timed timed(timing_.slices);
  Contestant& it = contestant(c);
  Slice slice;
  slice.time = Run([&](std::size_t t, std::int64_t agreed) {
    const std::uint64_t before = positions[t];
    std::uint64_t position = before;
    const workloads::SliceResult result = part(t, agreed, position);
    it.Rest();
    positions[t] = position;
    results_[t].result = result;
    results_[t].part.ops = position - before;
  });
  for (const PaddedResult& padded : results_) {
    slice.result += padded.result;
    slice.thread_ops.push_back(padded.part.ops);
  }
  slice.ops = slice.result.ops;
  return slice;
}

RunTime Session::RunTogether(const std::function<void(std::size_t, std::int64_t)>& f) {
  const Timed timed(timing_.slices);
  return Run([&](std::size_t t, std::int64_t agreed) { f(t, agreed); });
}

void Session::Verify(int c, const workloads::SliceResult& result,
                     const workloads::Expected& expected,
                     std::uint64_t final_size) const {
  std::string what;
  if (contestants_[static_cast<std::size_t>(c)]->traits().returns_results) {
    what = expected.Mismatch(result, final_size);
  } else {
    // The null map has no results to verify, only calls to count.
    std::uint64_t ops = 0;
    for (std::uint64_t count : expected.ops) ops += count;
    if (result.ops != ops) {
      what = "operations " + std::to_string(result.ops) +
             " instead of " + std::to_string(ops);
    }
  }
  if (!what.empty()) throw InvalidError(c, name(c) + ": " + what);
}

Audit Session::VerifyContent(int c, workloads::Bounds size) {
  Contestant& it = contestant(c);
  const Audit audit = it.Inspect();
  if (!it.traits().returns_results) return audit;
  const auto fail = [&](const std::string& what) {
    throw InvalidError(c, name(c) + ": at the end of the visit " + what);
  };
  if (!size.contains(audit.found)) {
    fail(std::to_string(audit.found) + " keys are found instead of " +
         std::to_string(size.lo) +
         (size.exact() ? "" : " to " + std::to_string(size.hi)));
  }
  if (audit.sized && audit.size != audit.found) {
    fail("the size is " + std::to_string(audit.size) + " and " +
         std::to_string(audit.found) + " keys are found");
  }
  if (audit.mismatch != 0) fail("a key holds the value of another key");
  if (audit.ranged && audit.range_count != audit.found) {
    fail("Range visits " + std::to_string(audit.range_count) + " entries and " +
         std::to_string(audit.found) + " keys are found");
  }
  if (audit.ranged && audit.range_sum != audit.found_sum) {
    fail("the sum over Range is " + std::to_string(audit.range_sum) +
         " and the sum over the keys is " + std::to_string(audit.found_sum));
  }
  return audit;
}

}  // namespace cmap::experiments
