// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/litmus.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>

#include "maps/internal/atomics.h"
#include "maps/testing/harness.h"
#include "maps/verification/verify.h"

namespace cmap::verification {
namespace {

using testing::AnyMap;
using testing::Number;

constexpr int kMostThreads = 4;
// Rounds between two preparations.
constexpr std::uint64_t kBatch = 32;

// What a round is about: the keys of its threads (x of thread 0, y of thread 1) and
// what they hold before it, if anything, and after a write.
struct Round {
  AnyMap& map;
  std::array<Number, 2> keys;
  Number before, after;
};

using Write = void (*)(const Round&, std::size_t mine);
// Whether the other's write is seen.
using Read = bool (*)(const Round&, std::size_t other);

struct WriteKind {
  Op op;
  bool present;  // whether the key is there before
  Write write;
};
constexpr WriteKind kStoreOver = {
    Op::kStore, true, [](const Round& r, std::size_t i) { r.map.Store(r.keys[i], r.after); }};
constexpr WriteKind kStoreNew = {
    Op::kStore, false, [](const Round& r, std::size_t i) { r.map.Store(r.keys[i], r.after); }};
constexpr WriteKind kDelete = {
    Op::kDelete, true, [](const Round& r, std::size_t i) { r.map.Delete(r.keys[i]); }};
constexpr WriteKind kLoadOrStore = {
    Op::kLoadOrStore, false,
    [](const Round& r, std::size_t i) { r.map.LoadOrStore(r.keys[i], r.after); }};
constexpr WriteKind kSwap = {
    Op::kSwap, true, [](const Round& r, std::size_t i) { r.map.Swap(r.keys[i], r.after); }};
constexpr WriteKind kCompareAndSwap = {
    Op::kCompareAndSwap, true,
    [](const Round& r, std::size_t i) { r.map.CompareAndSwap(r.keys[i], r.before, r.after); }};

bool SeesAfter(const Round& r, std::size_t i) { return r.map.Load(r.keys[i]) == r.after; }
bool SeesNothing(const Round& r, std::size_t i) { return !r.map.Load(r.keys[i]).has_value(); }
bool SeesInRange(const Round& r, std::size_t i) {
  bool seen = false;
  r.map.Range([&](Number key, Number value) {
    seen = seen || (key == r.keys[i] && value == r.after);
    return true;
  });
  return seen;
}

enum class Shape { kStoreBuffering, kSize, kMessage, kPlainMessage, kCoherence, kIndependentReads };

struct Pattern {
  LitmusPattern shown;
  Shape shape;
  WriteKind write;
  Read read;
  OpSet needs;  // beside the write and Load
  int threads = 2;
};

constexpr std::string_view kBuffering = "store buffering";
constexpr std::string_view kBothOld = "neither thread saw the other's completed write";
constexpr std::string_view kThenOld = "a thread saw the later write and then not the earlier one";

constexpr Pattern kPatterns[] = {
    {{"store / load", kBuffering, kBothOld}, Shape::kStoreBuffering, kStoreOver, SeesAfter, {}},
    {{"store of a new key / load", kBuffering, kBothOld},
     Shape::kStoreBuffering, kStoreNew, SeesAfter, {}},
    {{"delete / load", kBuffering, kBothOld}, Shape::kStoreBuffering, kDelete, SeesNothing, {}},
    {{"load_or_store / load", kBuffering, kBothOld},
     Shape::kStoreBuffering, kLoadOrStore, SeesAfter, {}},
    {{"swap / load", kBuffering, kBothOld}, Shape::kStoreBuffering, kSwap, SeesAfter, {}},
    {{"compare_and_swap / load", kBuffering, kBothOld},
     Shape::kStoreBuffering, kCompareAndSwap, SeesAfter, {}},
    {{"store / range", kBuffering, kBothOld},
     Shape::kStoreBuffering, kStoreOver, SeesInRange, OpSet(Op::kRange)},
    {{"store of a new key / size", kBuffering, "a thread did not count the other's completed store"},
     Shape::kSize, kStoreNew, nullptr, OpSet(Op::kSize)},
    {{"message passing", "message passing", kThenOld}, Shape::kMessage, kStoreOver, SeesAfter, {}},
    {{"message passing, plain data", "message passing",
      "a thread loaded what was stored and not the plain data written before"},
     Shape::kPlainMessage, kStoreOver, SeesAfter, {}},
    {{"two reads of one key", "coherence", "a thread saw a write and then not any more"},
     Shape::kCoherence, kStoreOver, SeesAfter, {}},
    {{"independent reads", "independent reads", "two threads saw two writes in opposite orders"},
     Shape::kIndependentReads, kStoreOver, SeesAfter, {}, 4},
};

// The processors that this process may use.
std::vector<int> Processors() {
  std::vector<int> found;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return found;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) found.push_back(i);
  }
  return found;
}

void PinTo(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);  // if it fails, it is slower
}

// A word of one thread, alone in its line and the one fetched with it.
struct alignas(2 * kCacheLine) Own {
  std::atomic<std::uint64_t> arrived{0};
  std::uint64_t plain = 0;               // data that are not atomic
  std::array<std::uint8_t, kBatch> saw;  // bit 0: the first read; bit 1: the second
  std::array<bool, kBatch> waited;       // until others ran at all
};

class Bench {
 public:
  Bench(const testing::Subject& subject, const Pattern& pattern, const LitmusOptions& options)
      : subject_(subject), pattern_(pattern), options_(options) {}

  LitmusResult Run(const std::vector<int>& processors) {
    map_ = subject_.make();
    deadline_ = std::chrono::steady_clock::now() +
                std::chrono::nanoseconds(static_cast<std::int64_t>(options_.seconds * 1e9));
    std::vector<std::thread> crew;
    for (int i = 0; i < pattern_.threads; ++i) {
      crew.emplace_back([this, i, processor = processors[static_cast<std::size_t>(i)]] {
        PinTo(processor);
        Play(static_cast<std::size_t>(i));
        subject_.idle();
      });
    }
    for (std::thread& thread : crew) thread.join();
    map_.reset();
    subject_.quiesce();
    return {pattern_.shown.name, "", rounds_, together_, forbidden_};
  }

 private:
  // Keys of two threads are neighbours: other keys every batch but the first few, so
  // that they lie in other lines, and few of them, for maps that copy themselves.
  Round RoundOf(std::uint64_t batch, std::uint64_t slot) const {
    const Number first = options_.seed + (batch % 2 * kBatch + slot) * 2;
    return {*map_, {first, first + 1}, 2 * batch + 2, 2 * batch + 3};
  }

  // A barrier that every thread of the round leaves at nearly the same moment. Whether
  // this one had to wait until another got a processor.
  bool Meet(std::size_t me, std::uint64_t number) {
    bool waited = false;
    // Not before it is visible does the last one go on, while the others come to know.
    own_[me].arrived.store(number, std::memory_order_seq_cst);
    for (std::size_t i = 0; i < static_cast<std::size_t>(pattern_.threads); ++i) {
      for (int spins = 0; own_[i].arrived.load(std::memory_order_acquire) < number; ++spins) {
        if (spins < 20'000) continue;  // longer than operations take
        waited = true;
        std::this_thread::yield();
      }
    }
    return waited;
  }

  // Each the key of the other: then it has its lines at hand when it reads it, and the
  // one that writes it has not, so that its stores stay in the buffer for long.
  void Prepare(const Round& round, std::size_t me) {
    if (me > 1) return;
    const Number key = round.keys[1 - me];
    if (pattern_.write.present) {
      if (!map_->Has(Op::kStore)) map_->Delete(key);
      map_->Put(key, round.before);
    } else {
      map_->Delete(key);
    }
  }

  void Play(std::size_t me) {
    testing::Random random(options_.seed * kMostThreads + me);
    std::uint64_t meetings = 0;
    for (std::uint64_t batch = 0; !over_; ++batch) {
      for (std::uint64_t slot = 0; slot < kBatch; ++slot) Prepare(RoundOf(batch, slot), me);
      subject_.idle();
      Meet(me, ++meetings);
      if (me == 0 && pattern_.shape == Shape::kSize) size_ = map_->Size();
      for (std::uint64_t slot = 0; slot < kBatch; ++slot) {
        const Round round = RoundOf(batch, slot);
        const std::uint64_t skew = random.Below(16);
        own_[me].waited[slot] = Meet(me, ++meetings);
        for (std::uint64_t i = 0; i < skew; ++i) asm volatile("" : : : "memory");
        own_[me].saw[slot] = Act(round, me, slot);
      }
      Meet(me, ++meetings);
      if (me == 0) Judge();
      Meet(me, ++meetings);
    }
  }

  // What the thread saw, as bits.
  std::uint8_t Act(const Round& round, std::size_t me, std::uint64_t slot) {
    const auto both = [](bool first, bool second) {
      return static_cast<std::uint8_t>(first | second << 1);
    };
    switch (pattern_.shape) {
      case Shape::kStoreBuffering:
        pattern_.write.write(round, me);
        return pattern_.read(round, 1 - me);
      case Shape::kSize:
        pattern_.write.write(round, me);
        // Of this round both, of those before both.
        return map_->Size() >= size_ + 2 * (slot + 1);
      case Shape::kMessage:
        if (me == 0) {
          round.map.Store(round.keys[0], round.after);
          round.map.Store(round.keys[1], round.after);
          return 0;
        } else {
          const bool later = SeesAfter(round, 1);
          return both(later, SeesAfter(round, 0));
        }
      case Shape::kPlainMessage:
        if (me == 0) {
          own_[0].plain = round.after * kBatch + slot;
          round.map.Store(round.keys[1], round.after);
          return 0;
        } else {
          if (!SeesAfter(round, 1)) return 0;
          return both(true, own_[0].plain == round.after * kBatch + slot);
        }
      case Shape::kCoherence:
        if (me == 0) {
          round.map.Store(round.keys[0], round.after);
          return 0;
        } else {
          const bool first = SeesAfter(round, 0);
          return both(first, SeesAfter(round, 0));
        }
      case Shape::kIndependentReads: {
        if (me < 2) {
          round.map.Store(round.keys[me], round.after);
          return 0;
        }
        const bool first = SeesAfter(round, me - 2);
        return both(first, SeesAfter(round, 3 - me));
      }
    }
    return 0;
  }

  void Judge() {
    constexpr std::uint8_t kNewThenOld = 1;
    for (std::uint64_t slot = 0; slot < kBatch; ++slot) {
      together_ += std::none_of(own_.begin(), own_.begin() + pattern_.threads,
                                [slot](const Own& own) { return own.waited[slot]; });
      switch (pattern_.shape) {
        case Shape::kStoreBuffering:
        case Shape::kSize:
          forbidden_ += own_[0].saw[slot] == 0 && own_[1].saw[slot] == 0;
          break;
        case Shape::kIndependentReads:
          forbidden_ += own_[2].saw[slot] == kNewThenOld && own_[3].saw[slot] == kNewThenOld;
          break;
        default:
          forbidden_ += own_[1].saw[slot] == kNewThenOld;
      }
    }
    rounds_ += kBatch;
    over_ = rounds_ >= options_.rounds ||
            (options_.seconds > 0 && std::chrono::steady_clock::now() > deadline_);
  }

  const testing::Subject& subject_;
  const Pattern& pattern_;
  const LitmusOptions& options_;
  std::unique_ptr<AnyMap> map_;
  std::array<Own, kMostThreads> own_;
  std::chrono::steady_clock::time_point deadline_;
  // Of thread 0, read by the others after they have met.
  std::uint64_t rounds_ = 0, together_ = 0, forbidden_ = 0;
  std::size_t size_ = 0;
  bool over_ = false;
};

std::string WhyNot(const Pattern& pattern, const Traits& traits, std::size_t processors) {
  if (processors < static_cast<std::size_t>(pattern.threads)) {
    return "needs " + std::to_string(pattern.threads) + " processors, this machine has " +
           std::to_string(processors);
  }
  if (traits.max_threads != 0 && traits.max_threads < pattern.threads) {
    return "the map is for " + std::to_string(traits.max_threads) + " threads at most";
  }
  if (pattern.shape == Shape::kSize && traits.size == SizeConsistency::kBehind) {
    return "its Size may lag behind, and its traits say so";
  }
  for (std::size_t i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    const bool needed = op == pattern.write.op || pattern.needs.contains(op) ||
                        (op == Op::kDelete && !pattern.write.present);
    if (needed && traits.unsupported.contains(op)) {
      return std::string(OpName(op)) + " is not supported";
    }
  }
  return "";
}

}  // namespace

std::span<const LitmusPattern> LitmusPatterns() {
  static const auto patterns = [] {
    std::array<LitmusPattern, std::size(kPatterns)> shown;
    for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = kPatterns[i].shown;
    return shown;
  }();
  return patterns;
}

std::string LitmusNotApplicable(const Traits& traits) {
  if (std::string why = NotApplicable(traits); !why.empty()) return why;
  if (!traits.linearizable) return "its loads may lag behind, and its traits say so";
  return "";
}

std::vector<LitmusResult> RunLitmus(const testing::Subject& subject,
                                    const LitmusOptions& options) {
  internal::hash_kind.store(testing::HashKind::kGood, std::memory_order_relaxed);
  testing::hash_of_maps = testing::HashKind::kGood;
  const std::vector<int> processors = Processors();
  std::vector<LitmusResult> results;
  for (const Pattern& pattern : kPatterns) {
    std::string why = WhyNot(pattern, subject.traits, processors.size());
    if (why.empty()) {
      results.push_back(Bench(subject, pattern, options).Run(processors));
    } else {
      results.push_back({pattern.shown.name, std::move(why)});
    }
  }
  return results;
}

}  // namespace cmap::verification
