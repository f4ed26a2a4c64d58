// SPDX-License-Identifier: Apache-2.0
#include "maps/blocking/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "maps/blocking/slow.h"
#include "maps/profiles/subjects.h"

namespace cmap::blocking {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Number kPresent = 1024;      // keys, of which colliding hashes allow fewer
constexpr Number kPresentMeeting = 32;
constexpr int kOthers = 64;            // operations on other keys

std::chrono::nanoseconds Nanoseconds(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

// One slow operation and those that run beside it.
class Scene {
 public:
  // begun: how many will call Begin. The slow part calls Last, which returns when all have
  // ended, or kSlowSeconds after all had begun.
  void Expect(int begun) {
    const std::lock_guard lock(mutex_);
    expected_ = begun;
  }
  void Last() {
    std::unique_lock lock(mutex_);
    inside_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return expected_ >= 0 && begun_ == expected_; });
    changed_.wait_until(lock, Clock::now() + Nanoseconds(kSlowSeconds),
                        [this] { return ended_ == expected_; });
    over_ = true;
  }
  void SlowEnded() {
    const std::lock_guard lock(mutex_);
    slow_ended_ = true;
    changed_.notify_all();
  }
  // Whether the slow part was reached.
  bool WaitInside() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return inside_ || slow_ended_; });
    return inside_;
  }
  void Begin() {
    const std::lock_guard lock(mutex_);
    ++begun_;
    changed_.notify_all();
  }
  // Whether the slow part was over by then.
  bool End() {
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
    return over_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int expected_ = -1;
  int begun_ = 0;
  int ended_ = 0;
  bool inside_ = false;
  bool slow_ended_ = false;
  bool over_ = false;
};

bool Possible(const Subject& subject, const AnyMap& map, SlowPart part) {
  switch (part) {
    case SlowPart::kCompute: return map.Has(Op::kLoadOrCompute);
    case SlowPart::kVisitor: return true;
    case SlowPart::kRangeVisitor: return map.Has(Op::kRange);
    case SlowPart::kHash:
    case SlowPart::kEqualityRead:
    case SlowPart::kEqualityWrite: return subject.slow_keys;
    case SlowPart::kCopyOut:
    case SlowPart::kCopyIn: return subject.slow_values;
  }
  return false;
}

void RunSlowly(AnyMap& map, SlowPart part, Number key, const std::function<void()>& slow) {
  switch (part) {
    case SlowPart::kCompute: return map.LoadOrCompute(key, slow);
    case SlowPart::kVisitor: return map.Visit(key, slow);
    case SlowPart::kRangeVisitor: return map.Range(slow);
    case SlowPart::kHash: {
      const Armed armed(Moment::kHash, slow);
      return map.Store(key, key + 1);
    }
    case SlowPart::kEqualityRead: {
      const Armed armed(Moment::kEquality, slow);
      return map.Load(key);
    }
    case SlowPart::kEqualityWrite: {
      const Armed armed(Moment::kEquality, slow);
      return map.Store(key, key + 1);
    }
    case SlowPart::kCopyOut: {
      const Armed armed(Moment::kCopy, slow);
      return map.Load(key);
    }
    case SlowPart::kCopyIn: {
      const Armed armed(Moment::kCopy, slow);
      return map.Store(key, key + 1);
    }
  }
}

enum class Beside { kLoads, kLoadsBehindStore, kStores };

struct Blocked {
  bool same_key = false;
  double others = 0;  // share of them
};

// Nothing if the slow part was not reached, or the map takes no keys that meet.
std::optional<Blocked> Try(const Subject& subject, SlowPart part, Beside beside, bool meeting) {
  one_hash.store(meeting, std::memory_order_relaxed);
  const auto map = subject.make();
  if (!Possible(subject, *map, part)) return std::nullopt;
  const Number present = meeting ? kPresentMeeting : kPresent;
  try {
    for (Number key = 0; key < present; ++key) map->Store(key, key);
  } catch (const std::exception&) {
    // Cuckoo hashing has places for few keys of one hash.
    if (!meeting) throw;
    return std::nullopt;
  }
  // What reads put off is done before.
  for (int round = 0; round < 3; ++round) {
    for (Number key = 0; key < present; ++key) map->Load(key);
  }
  map->Idle();
  const Number concerned = part == SlowPart::kCompute ? present : present / 2;

  Scene scene;
  std::thread slow([&] {
    RunSlowly(*map, part, concerned, [&] { scene.Last(); });
    scene.SlowEnded();
    map->Idle();
  });
  if (!scene.WaitInside()) {
    slow.join();
    return std::nullopt;
  }
  const bool behind = beside == Beside::kLoadsBehindStore;
  scene.Expect(1 + kOthers + (behind ? 1 : 0));
  const auto act = [&](Number key, bool store) {
    scene.Begin();
    if (store) {
      map->Store(key, key + 2);
    } else {
      map->Load(key);
    }
    const bool late = scene.End();
    map->Idle();
    return late;
  };
  std::vector<std::thread> crew;
  if (behind) {
    crew.emplace_back([&] { act(concerned, true); });
    // It should stand in the queue before the others come.
    std::this_thread::sleep_for(Nanoseconds(kSlowSeconds / 10));
  }
  std::atomic<bool> same_key{false};
  std::atomic<int> others{0};
  const bool stores = beside == Beside::kStores;
  crew.emplace_back([&] { same_key = act(concerned, stores); });
  for (int i = 0; i < kOthers; ++i) {
    // All different from the key concerned.
    const Number key = (concerned + 1 + static_cast<Number>(i) * 7 % (present - 1)) % present;
    crew.emplace_back([&, key] { others += act(key, stores) ? 1 : 0; });
  }
  for (std::thread& thread : crew) thread.join();
  slow.join();
  return Blocked{same_key, static_cast<double>(others) / kOthers};
}

// Nearly all, since a few of the threads may come through before a writer queues.
constexpr double kNearlyAll = 0.9;

std::optional<Held> Whom(const Subject& subject, SlowPart part, Beside beside) {
  const std::optional<Blocked> spread = Try(subject, part, beside, false);
  if (!spread) return std::nullopt;
  if (spread->others >= kNearlyAll) return Held::kEverybody;
  if (spread->others > 0) return Held::kMeeting;
  // Few keys, which all meet. (Where keys cannot be given one hash, what 64 others of a
  // thousand show has to do.)
  if (subject.slow_keys) {
    const std::optional<Blocked> met = Try(subject, part, beside, true);
    if (met && met->others > 0) return Held::kMeeting;
  }
  return spread->same_key ? Held::kSameKey : Held::kNobody;
}

Wait Lone(const Subject* subject, bool lone_stores, int others, double seconds) {
  one_hash.store(false, std::memory_order_relaxed);
  const std::unique_ptr<AnyMap> map = subject == nullptr ? nullptr : subject->make();
  for (Number key = 0; map != nullptr && key < kPresent; ++key) map->Store(key, key);
  const auto act = [&map](Number& state, bool store) {
    state = MixBits(state + 1);
    if (map == nullptr) return;
    if (store) {
      map->Store(state % kPresent, state);
    } else {
      map->Load(state % kPresent);
    }
  };
  std::latch start(others + 1);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < others; ++i) {
    crew.emplace_back([&, state = static_cast<Number>(i) << 32]() mutable {
      start.arrive_and_wait();
      std::uint64_t mine = 0;
      for (; !stop.load(std::memory_order_relaxed); ++mine) act(state, !lone_stores);
      if (map != nullptr) map->Idle();
      done += mine;
    });
  }
  Wait wait;
  Number state = ~Number{0} / 2;
  start.arrive_and_wait();
  auto last = Clock::now();
  const auto end = last + Nanoseconds(seconds);
  auto longest = Clock::duration::zero();
  while (last < end) {
    act(state, lone_stores);
    const auto now = Clock::now();
    longest = std::max(longest, now - last);
    last = now;
    ++wait.operations;
  }
  stop = true;
  if (map != nullptr) map->Idle();
  for (std::thread& thread : crew) thread.join();
  wait.others = done;
  wait.longest_ms = std::chrono::duration<double, std::milli>(longest).count();
  return wait;
}

}  // namespace

const std::vector<Subject>& Subjects() { return profiles::Registered<Subject>(); }

bool Register(Subject subject) { return profiles::Insert(std::move(subject)); }

std::string_view WhyNot(const Subject& subject) {
  if (subject.traits.read_progress == Progress::kUnsynchronised ||
      subject.traits.max_threads == 1) {
    return "for one thread only";
  }
  if (!subject.traits.returns_results) return "returns no results";
  return "";
}

std::optional<HoldUp> Measure(const Subject& subject, SlowPart part) {
  const std::optional<Held> loads = Whom(subject, part, Beside::kLoads);
  if (!loads) return std::nullopt;
  const std::optional<Held> behind = Whom(subject, part, Beside::kLoadsBehindStore);
  const std::optional<Held> stores = Whom(subject, part, Beside::kStores);
  return HoldUp{*loads, behind.value_or(*loads), stores.value_or(*loads)};
}

Wait LoneWriter(const Subject* subject, int others, double seconds) {
  return Lone(subject, true, others, seconds);
}
Wait LoneReader(const Subject* subject, int others, double seconds) {
  return Lone(subject, false, others, seconds);
}

}  // namespace cmap::blocking
