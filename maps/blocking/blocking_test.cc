// SPDX-License-Identifier: Apache-2.0
//
// The profile on maps of which one knows whom they hold up, by what their locks are.
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

#include "gtest/gtest.h"
#include "maps/blocking/arguments.h"
#include "maps/blocking/measure.h"
#include "maps/blocking/subject.h"
#include "maps/profiles/bad_arguments.h"

namespace cmap::blocking {
namespace {

// A map of numbers with one lock that loads share or do not, and that f of LoadOrCompute
// runs under or does not. Copies and comparisons are as those of the real maps: calls.
template <class Lock, bool kComputeUnderLock>
class Locked final : public AnyMap {
 public:
  bool Has(Op op) const override { return op != Op::kRange; }
  void Load(Number key) override {
    const Shared lock(lock_);
    if (const auto it = map_.find(Key(key)); it != map_.end()) const Value copy(it->second);
  }
  void Visit(Number, const std::function<void()>& f) override {
    const Shared lock(lock_);
    f();
  }
  void Store(Number key, Number value) override {
    const Key k(key);
    (void)std::hash<Key>{}(k);  // before the lock
    const std::lock_guard lock(lock_);
    const Value given(value);
    map_[k] = given;
  }
  void LoadOrCompute(Number key, const std::function<void()>& make) override {
    if (!kComputeUnderLock) make();
    const std::lock_guard lock(lock_);
    if (kComputeUnderLock) make();
    map_[Key(key)] = Value(key);
  }
  void Range(const std::function<void()>&) override {}
  void Idle() override {}

 private:
  struct Exclusive {
    explicit Exclusive(Lock& l) : guard(l) {}
    std::lock_guard<Lock> guard;
  };
  using Shared = std::conditional_t<std::is_same_v<Lock, std::mutex>, Exclusive,
                                    std::shared_lock<std::shared_mutex>>;
  static_assert(std::is_same_v<Lock, std::mutex> || std::is_same_v<Lock, std::shared_mutex>);

  Lock lock_;
  std::map<Key, Value> map_;
};

template <class Map>
Subject SubjectOf() {
  return {"control", Traits{}, true, true,
          []() -> std::unique_ptr<AnyMap> { return std::make_unique<Map>(); }};
}

std::string Shown(const std::optional<HoldUp>& found) {
  if (!found) return "not called";
  const auto name = [](Held held) { return std::string(kHeldNames[static_cast<std::size_t>(held)]); };
  return name(found->loads) + " / " + name(found->stores);
}

TEST(BlockingTest, AMutexHoldsUpEverybody) {
  const Subject subject = SubjectOf<Locked<std::mutex, true>>();
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kCompute)), "everybody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kVisitor)), "everybody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kHash)), "nobody / nobody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kEqualityRead)), "everybody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kCopyIn)), "everybody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kRangeVisitor)), "not called");
}

TEST(BlockingTest, ASharedLockLetsLoadsThrough) {
  const Subject subject = SubjectOf<Locked<std::shared_mutex, false>>();
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kCompute)), "nobody / nobody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kVisitor)), "nobody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kCopyOut)), "nobody / everybody");
  EXPECT_EQ(Shown(Measure(subject, SlowPart::kEqualityWrite)), "everybody / everybody");
}

// Every key shares its lock with many, or has one of its own.
template <std::size_t kStripes>
class Striped final : public AnyMap {
 public:
  bool Has(Op op) const override { return op != Op::kRange; }
  void Load(Number key) override { const std::lock_guard lock(Of(key)); }
  void Visit(Number key, const std::function<void()>& f) override {
    const std::lock_guard lock(Of(key));
    f();
  }
  void Store(Number key, Number) override { const std::lock_guard lock(Of(key)); }
  void LoadOrCompute(Number key, const std::function<void()>& make) override {
    const std::lock_guard lock(Of(key));
    make();
  }
  void Range(const std::function<void()>&) override {}
  void Idle() override {}

 private:
  std::mutex& Of(Number key) { return locks_[key % kStripes]; }
  std::mutex locks_[kStripes];
};
TEST(BlockingTest, StripesHoldUpWhomTheyMeet) {
  EXPECT_EQ(Shown(Measure(SubjectOf<Striped<4>>(), SlowPart::kVisitor)), "meeting keys / meeting keys");
  EXPECT_EQ(Shown(Measure(SubjectOf<Striped<4096>>(), SlowPart::kVisitor)), "same key / same key");
  EXPECT_EQ(Shown(Measure(SubjectOf<Striped<4096>>(), SlowPart::kCompute)), "same key / same key");
}

// A reader is let in only every 200 ms.
class Starving final : public AnyMap {
 public:
  bool Has(Op) const override { return true; }
  void Load(Number) override { std::this_thread::sleep_for(std::chrono::milliseconds(200)); }
  void Visit(Number, const std::function<void()>&) override {}
  void Store(Number, Number) override {}
  void LoadOrCompute(Number, const std::function<void()>&) override {}
  void Range(const std::function<void()>&) override {}
  void Idle() override {}
};

TEST(BlockingTest, WhoWaitsIsSeen) {
  const Subject subject = SubjectOf<Starving>();
  const Wait reader = LoneReader(&subject, 2, 0.5);
  EXPECT_GE(reader.longest_ms, 200);
  EXPECT_LE(reader.operations, 3u);
  EXPECT_GT(reader.others, 1000u);
  const Wait writer = LoneWriter(&subject, 2, 0.5);
  EXPECT_GT(writer.operations, 1000u);
  EXPECT_GT(writer.longest_ms, 0);
  EXPECT_LE(writer.others, 10u);
}

TEST(BlockingTest, NotForOneThread) {
  Subject subject = SubjectOf<Starving>();
  subject.traits.max_threads = 1;
  EXPECT_EQ(WhyNot(subject), "for one thread only");
}

TEST(BlockingTest, WhatCannotBeAskedForIsOneSentence) {
  const auto out = [](const std::vector<std::string>& given, const char* workspace) {
    return ParseArguments(given, workspace).out;
  };
  profiles::ExpectCommonArguments("blocking", out);
  constexpr profiles::BadArgument kBadSeconds[] = {
      {"--seconds=", "above 0 and at most 3600, not ''"},
      {"--seconds=0", "above 0 and at most 3600"},
      {"--seconds=3601", "above 0 and at most 3600"}};
  profiles::ExpectRefused(kBadSeconds, out);
  EXPECT_EQ(ParseArguments({"--seconds=0.5", "--out=f.json"}, nullptr).out, "f.json");
}

}  // namespace
}  // namespace cmap::blocking
