// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/session.h"

#include <malloc.h>

#include "experiments/worker/errors.h"
#include "experiments/worker/registry.h"

namespace cmap::experiments {

void SteadyAllocator() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest glibc accepts
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

Slice& Slice::operator+=(const Slice& other) {
  ops += other.ops;
  repeats += other.repeats;
  time += other.time;
  result += other.result;
  return *this;
}

Session::Session(const VisitRequest& request)
    : request_(request),
      arena_(Seed(1)),
      team_(request.threads, request.pin, request.oversubscribed),
      results_(static_cast<std::size_t>(request.threads)) {
  for (const ContestantSpec& spec : request_.contestants) {
    contestants_.push_back(
        MakeContestant(spec, request_.workload.key_type));
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

Slice Session::Play(int c, std::size_t position, std::size_t n) {
  Contestant& it = contestant(c);
  Slice slice;
  slice.time = team_.Run([&](int thread) {
    const auto t = static_cast<std::size_t>(thread);
    results_[t].error = nullptr;
    try {
      results_[t].result = it.Play(t, position, n);
    } catch (...) {
      // Running out of memory must not end the process without a word.
      results_[t].error = std::current_exception();
    }
  });
  for (const PaddedResult& padded : results_) {
    if (padded.error) std::rethrow_exception(padded.error);
    slice.result += padded.result;
  }
  slice.ops = slice.result.ops;
  return slice;
}

void Session::Verify(int c, const Slice& slice,
                     const workloads::Expected& expected,
                     std::uint64_t final_size) const {
  std::string what;
  if (contestants_[static_cast<std::size_t>(c)]->traits().returns_results) {
    what = expected.Mismatch(slice.result, final_size);
  } else {
    // The null map has no results to verify, only calls to count.
    std::uint64_t ops = 0;
    for (std::uint64_t count : expected.ops) ops += count;
    if (slice.result.ops != ops) {
      what = "operations " + std::to_string(slice.result.ops) +
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
