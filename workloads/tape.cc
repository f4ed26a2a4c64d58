// SPDX-License-Identifier: Apache-2.0
#include "workloads/tape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "workloads/churn.h"
#include "workloads/deal.h"
#include "workloads/det_math.h"
#include "workloads/hot_set.h"
#include "workloads/krr.h"
#include "workloads/mix.h"
#include "workloads/rng.h"
#include "workloads/sequential_new.h"
#include "workloads/uniform.h"
#include "workloads/zipf.h"

namespace cmap::workloads {
namespace {

// What a generator is seeded for. Values are part of the meaning of a seed.
enum Purpose : std::uint64_t {
  kKeysPurpose = 1,
  kMixPurpose = 2,
  kDealPurpose = 3,
  kPrefillPurpose = 4,
  kMissPurpose = 5,
};

constexpr double kLn2 = 0.69314718055994531;

struct Request {
  const Spec& spec;
  std::uint32_t threads;
  std::uint64_t length;  // operations per thread
  std::uint64_t seed;
  const Parallel& parallel;
  std::uint64_t lag = kSharedLag;  // of shared reuse

  Rng rng(Purpose purpose, std::uint64_t thread) const {
    return Rng(DeriveSeed(seed, purpose, thread));
  }
};

class ZipfStream {
 public:
  ZipfStream(std::uint32_t population, double theta)
      : zipf_(population, theta) {}
  std::uint32_t Next(Rng& rng) { return zipf_.Draw(rng) - 1; }

 private:
  Zipf zipf_;
};

void RequireKeys(std::uint64_t keys) {
  if (keys > kMaxKeys) {
    throw SpecError("the workload needs " + std::to_string(keys) +
                    " distinct keys, more than the " +
                    std::to_string(kMaxKeys) +
                    " a tape can name; use fewer operations, fewer threads or "
                    "a higher reuse.");
  }
}

template <class KeyStream>
std::vector<Entry> Fill(const Request& request, std::uint32_t thread,
                        KeyStream keys) {
  Rng key_rng = request.rng(kKeysPurpose, thread);
  Rng mix_rng = request.rng(kMixPurpose, thread);
  MixDeck mix(request.spec.mix);
  std::vector<Entry> tape(request.length);
  for (Entry& entry : tape) {
    entry = MakeEntry(mix.Next(mix_rng), keys.Next(key_rng));
  }
  return tape;
}

// A thread's own krr sequence, ids interleaved with the other threads'.
class PrivateKrrStream {
 public:
  PrivateKrrStream(const KeySpec& keys, std::uint32_t thread,
                   std::uint32_t threads)
      : krr_(keys.reuse, keys.choice, keys.theta, /*lag=*/0),
        thread_(thread),
        threads_(threads) {}
  std::uint32_t Next(Rng& rng) { return krr_.Next(rng) * threads_ + thread_; }

 private:
  KrrStream krr_;
  std::uint32_t thread_;
  std::uint32_t threads_;
};

// Deals to every thread once per round, in random order.
class Dealer {
 public:
  Dealer(std::uint32_t threads, Rng rng) : order_(threads), rng_(rng) {
    for (std::uint32_t t = 0; t < threads; ++t) order_[t] = t;
    at_ = threads;
  }
  std::uint32_t Next() {
    if (at_ == order_.size()) {
      Shuffle(std::span<std::uint32_t>(order_), rng_);
      at_ = 0;
    }
    return order_[at_++];
  }

 private:
  std::vector<std::uint32_t> order_;
  Rng rng_;
  std::size_t at_;
};

void FillSharedKrr(const Request& request, Tape& tape) {
  const KeySpec& keys = request.spec.keys;
  KrrStream krr(keys.reuse, keys.choice, keys.theta, request.lag);
  Rng key_rng = request.rng(kKeysPurpose, 0);
  Rng mix_rng = request.rng(kMixPurpose, 0);
  MixDeck mix(request.spec.mix);
  Dealer dealer(request.threads, request.rng(kDealPurpose, 0));
  for (auto& thread : tape.threads) thread.reserve(request.length);
  for (std::uint64_t i = 0; i < request.length * request.threads; ++i) {
    const std::uint32_t id = krr.Next(key_rng);
    tape.threads[dealer.Next()].push_back(MakeEntry(mix.Next(mix_rng), id));
  }
  tape.universe = krr.seen();
}

[[noreturn]] void FailTooShort(const Request& request) {
  throw SpecError("a tape of " + std::to_string(request.length) +
                  " operations per thread is too short to replace keys at "
                  "keys.reuse " +
                  std::to_string(request.spec.keys.reuse) +
                  "; use a longer tape, a lower reuse or more keys.");
}

void FillPrivateChurn(const Request& request, Tape& tape) {
  const KeySpec& keys = request.spec.keys;
  const auto live =
      static_cast<std::uint32_t>(request.spec.population / request.threads);
  if (live == 0) {
    throw SpecError("population is " + std::to_string(request.spec.population) +
                    ", less than one key for each of " +
                    std::to_string(request.threads) +
                    " threads; use a larger population.");
  }
  const ChurnPlan plan =
      ChurnPlan::For(live, keys.reuse, request.length, /*multiple=*/1);
  if (plan.requests == 0) FailTooShort(request);
  request.parallel(request.threads, [&](std::size_t thread) {
    const auto t = static_cast<std::uint32_t>(thread);
    ChurnStream churn(live, plan, keys.choice, keys.theta, /*lag=*/0);
    Rng key_rng = request.rng(kKeysPurpose, t);
    Rng mix_rng = request.rng(kMixPurpose, t);
    MixDeck mix(request.spec.mix);
    std::vector<Entry>& out = tape.threads[t];
    out.reserve(plan.requests + plan.new_keys);
    for (std::uint64_t i = 0; i < plan.requests; ++i) {
      const ChurnStream::Request r = churn.Next(key_rng);
      if (r.is_new) {
        out.push_back(MakeEntry(Op::kDelete, r.deleted * request.threads + t));
      }
      out.push_back(MakeEntry(mix.Next(mix_rng), r.id * request.threads + t));
    }
  });
  tape.private_keys = true;
  tape.prefill.resize(std::size_t{live} * request.threads);
  tape.universe = 2 * live * request.threads;
}

void FillSharedChurn(const Request& request, Tape& tape) {
  const KeySpec& keys = request.spec.keys;
  const auto live = static_cast<std::uint32_t>(request.spec.population);
  const ChurnPlan plan =
      ChurnPlan::For(live, keys.reuse, request.length * request.threads,
                     /*multiple=*/request.threads);
  if (plan.requests == 0) FailTooShort(request);
  ChurnStream churn(live, plan, keys.choice, keys.theta, kSharedLag);
  Rng key_rng = request.rng(kKeysPurpose, 0);
  Rng mix_rng = request.rng(kMixPurpose, 0);
  MixDeck mix(request.spec.mix);
  Dealer deal_new(request.threads, request.rng(kDealPurpose, 0));
  Dealer deal_reuse(request.threads, request.rng(kDealPurpose, 1));
  for (auto& thread : tape.threads) {
    thread.reserve((plan.requests + plan.new_keys) / request.threads);
  }
  for (std::uint64_t i = 0; i < plan.requests; ++i) {
    const ChurnStream::Request r = churn.Next(key_rng);
    auto& out = tape.threads[r.is_new ? deal_new.Next() : deal_reuse.Next()];
    if (r.is_new) out.push_back(MakeEntry(Op::kDelete, r.deleted));
    out.push_back(MakeEntry(mix.Next(mix_rng), r.id));
  }
  tape.prefill.resize(live);
  tape.universe = 2 * live;
}

// Exactly round(share * population) indices, every set of that size equally
// likely (selection sampling, D. Knuth, TAOCP 3.4.2, algorithm S).
std::vector<std::uint32_t> ChoosePrefill(const Request& request) {
  const auto population = static_cast<std::uint32_t>(request.spec.population);
  auto wanted = static_cast<std::uint32_t>(
      std::llround(request.spec.PrefillShare() * population));
  std::vector<std::uint32_t> chosen;
  chosen.reserve(wanted);
  Rng rng = request.rng(kPrefillPurpose, 0);
  for (std::uint32_t i = 0; wanted > 0; ++i) {
    const std::uint32_t left = population - i;
    if (wanted == left || rng.Below(left) < wanted) {
      chosen.push_back(i);
      --wanted;
    }
  }
  return chosen;
}

void FillThreads(const Request& request, Tape& tape) {
  const Spec& spec = request.spec;
  const KeySpec& keys = spec.keys;
  const auto population = static_cast<std::uint32_t>(spec.population);
  const auto fill = [&](auto make_stream) {
    request.parallel(request.threads, [&](std::size_t thread) {
      const auto t = static_cast<std::uint32_t>(thread);
      tape.threads[t] = Fill(request, t, make_stream(t));
    });
  };
  tape.universe = population;
  switch (keys.stream) {
    case Stream::kUniform:
      fill([&](std::uint32_t) { return UniformStream(population); });
      break;
    case Stream::kZipf:
      if (keys.theta == 0) {
        fill([&](std::uint32_t) { return UniformStream(population); });
      } else {
        fill([&](std::uint32_t) { return ZipfStream(population, keys.theta); });
      }
      break;
    case Stream::kHotSet:
      fill([&](std::uint32_t) {
        return HotSetStream(population, keys.hot_fraction, keys.hot_share);
      });
      break;
    case Stream::kSequentialNew:
      RequireKeys(request.length * request.threads);
      fill([&](std::uint32_t t) {
        return SequentialNewStream(t, request.threads);
      });
      tape.universe =
          static_cast<std::uint32_t>(request.length * request.threads);
      tape.private_keys = true;
      break;
    case Stream::kKrr:
      if (spec.PairsDeletes()) {
        tape.pairs_deletes = true;
        if (keys.sharing == Sharing::kPrivate) {
          FillPrivateChurn(request, tape);
        } else {
          FillSharedChurn(request, tape);
        }
        for (std::uint32_t i = 0; i < tape.prefill.size(); ++i) {
          tape.prefill[i] = i;
        }
        return;
      }
      if (keys.sharing == Sharing::kPrivate) {
        const std::uint64_t own =
            KrrStream::DistinctAmong(request.length, keys.reuse);
        RequireKeys(own * request.threads);
        fill([&](std::uint32_t t) {
          return PrivateKrrStream(keys, t, request.threads);
        });
        tape.universe = static_cast<std::uint32_t>(own * request.threads);
        tape.private_keys = true;
      } else {
        RequireKeys(KrrStream::DistinctAmong(request.length * request.threads,
                                             keys.reuse));
        FillSharedKrr(request, tape);
      }
      break;
  }
  tape.prefill = ChoosePrefill(request);
}

}  // namespace

namespace {

void CheckSize(int threads, std::uint64_t ops_per_thread) {
  if (threads < 1 || threads > kMaxThreads) {
    throw SpecError("threads is " + std::to_string(threads) +
                    "; use a number from 1 to " + std::to_string(kMaxThreads) +
                    ".");
  }
  if (ops_per_thread < 1 || ops_per_thread > (std::uint64_t{1} << 32)) {
    throw SpecError("the tape would have " + std::to_string(ops_per_thread) +
                    " operations per thread; use from 1 to 4294967296.");
  }
}

// Sends a share of the loads to keys that are never there.
void LetLoadsMiss(const Request& request, Tape& tape) {
  const double miss = request.spec.miss;
  if (miss == 0) return;
  RequireKeys(2 * std::uint64_t{tape.universe});
  std::array<double, kPointOps> shares{};
  shares[static_cast<std::size_t>(Op::kLoad)] = 100 - miss;
  constexpr Op kMisses = Op::kStore;  // what stands for a miss in the deck
  shares[static_cast<std::size_t>(kMisses)] = miss;
  request.parallel(request.threads, [&](std::size_t thread) {
    Rng rng = request.rng(kMissPurpose, thread);
    MixDeck deck(shares);
    for (Entry& entry : tape.threads[thread]) {
      if (EntryOp(entry) != Op::kLoad || deck.Next(rng) != kMisses) continue;
      entry = MakeEntry(Op::kLoad, EntryIndex(entry) + tape.universe);
    }
  });
  tape.never = tape.universe;
  tape.universe *= 2;
}

Tape Generate(const Request& request) {
  Tape tape;
  tape.threads.resize(request.threads);
  FillThreads(request, tape);
  LetLoadsMiss(request, tape);
  std::vector<std::uint32_t> op_sets(request.threads);
  request.parallel(request.threads, [&](std::size_t t) {
    std::uint32_t ops = 0;
    for (const Entry entry : tape.threads[t]) ops |= 1u << (entry & 15u);
    op_sets[t] = ops;
  });
  for (const std::uint32_t ops : op_sets) tape.op_set |= ops;
  return tape;
}

}  // namespace

Tape GenerateTape(const Spec& spec, int threads, std::uint64_t ops_per_thread,
                  std::uint64_t seed, const Parallel& parallel) {
  CheckSize(threads, ops_per_thread);
  return Generate({spec, static_cast<std::uint32_t>(threads), ops_per_thread,
                   seed, parallel});
}

Tape GenerateDealtTape(const Spec& spec, int threads, std::uint64_t ops_per_thread,
                       std::uint64_t seed, const Parallel& parallel) {
  CheckSize(threads, ops_per_thread);
  const auto t = static_cast<std::uint64_t>(threads);
  const bool joint = spec.keys.stream == Stream::kKrr &&
                     spec.keys.sharing == Sharing::kShared;
  if (!joint) return GenerateTape(spec, threads, ops_per_thread, seed, parallel);
  CheckSize(threads, ops_per_thread * t);
  return Generate({spec, 1, ops_per_thread * t, seed, parallel,
                   std::max<std::uint64_t>(kSharedLag, 2 * t * kMostDealt)});
}

double FillScale(int threads) { return std::max(1.0, threads / 2.0); }

std::uint64_t SliceOps(const Spec& spec, int threads, double jitter) {
  const auto t = static_cast<std::uint64_t>(threads);
  const double ops = static_cast<double>(spec.ops) * FillScale(threads);
  if (spec.regime == Regime::kFixedDistinct) {
    const bool shared = spec.keys.sharing == Sharing::kShared;
    // A private sequence reaches its part of the keys by itself.
    const std::uint64_t parts = shared ? 1 : t;
    const std::uint64_t distinct =
        std::max<std::uint64_t>(static_cast<std::uint64_t>(ops) / parts, 1);
    const std::uint64_t n =
        KrrStream::RequestsFor(distinct, spec.keys.reuse);
    return shared ? std::max(n / t, std::uint64_t{1}) * t : n * t;
  }
  const double n = ops * DetExp(jitter * kLn2);
  return std::max(static_cast<std::uint64_t>(n) / t, std::uint64_t{1}) * t;
}

std::uint64_t MaxSliceOps(const Spec& spec, int threads) {
  return spec.regime == Regime::kFixedDistinct ? SliceOps(spec, threads, 0)
                                               : SliceOps(spec, threads, 1);
}

std::uint64_t TapeBytes(const Spec& spec, int threads,
                        std::uint64_t ops_per_thread) {
  const std::uint64_t prefill =
      spec.PairsDeletes()
          ? spec.population
          : static_cast<std::uint64_t>(
                std::ceil(spec.PrefillShare() *
                          static_cast<double>(spec.population)));
  return sizeof(Entry) *
         (ops_per_thread * static_cast<std::uint64_t>(threads) + prefill);
}

}  // namespace cmap::workloads
