// SPDX-License-Identifier: Apache-2.0
//
// Destructors that call the map. A value that leaves a map, by whatever operation, is
// destroyed when the operation holds no lock of the map any more: its destructor may call
// any operation of the same map, on the same key too.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "maps/testing/checks.h"
#include "maps/testing/life_counted.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// Ends the program if it is not destroyed in time: a map that calls a destructor under its
// lock does not come back.
class Watch {
 public:
  explicit Watch(std::string what)
      : what_(std::move(what)), thread_([this] { Run(); }) {}
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    // system_clock: ThreadSanitizer knows its waits.
    if (done_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::seconds(40),
                         [this] { return over_; })) {
      return;
    }
    std::fprintf(stderr, "%s hangs: a destructor that calls the map runs under its lock.\n",
                 what_.c_str());
    std::abort();
  }

  const std::string what_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;
};

// Values of keys under it are being removed; those from it on are what destructors store.
constexpr Number kSide = 1'000'000;

// What a destructor does: looks for the key that may be on its way out, and changes others.
// Not that of what it has stored itself, or there would be no end of it.
void CallBack(AnyMap& map, Number number) {
  if (number >= kSide) return;
  map.Load(number % kSide);
  if (map.Has(Op::kStore)) map.Store(kSide + number % 64, 2 * kSide + number);
  if (map.Has(Op::kDelete)) map.Delete(kSide + (number + 7) % 64);
  if (map.Has(Op::kSize)) map.Size();
}

// Returns how many values were destroyed meanwhile: none, perhaps, where liburcu reclaims,
// which puts it off for so few.
std::uint64_t Step(const Context& context, std::string_view what, Number keys,
          const std::function<void(AnyMap&, Number)>& each,
          const std::function<void(AnyMap&)>& after = {}) {
  const auto map = context.Make();
  for (Number key = 0; key < keys; ++key) map->Put(key, key + 1);
  // Promotions and the like: they are not to be held against the operation.
  for (int round = 0; round < 20; ++round) {
    for (Number key = 0; key < keys; key += 3) map->Load(key);
  }
  // In a map that copies all for a write, all copies die, and each would write again.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  std::uint64_t farewells = 0;
  const LifeCounted::FarewellHook hook = [&](std::uint64_t number) {
    if (++farewells > 20 && std::chrono::steady_clock::now() > end) return;
    CallBack(*map, number);
  };
  LifeCounted::OnFarewell(&hook);
  try {
    for (Number key = 0; each && key < keys; ++key) each(*map, key);
    if (after) after(*map);
    context.subject().quiesce();
  } catch (...) {
    LifeCounted::OnFarewell(nullptr);
    throw;
  }
  LifeCounted::OnFarewell(nullptr);
  if (context.traits().reclamation.find("liburcu") == std::string_view::npos) {
    Expect(farewells > 0, what, ": no value was destroyed");
  }
  return farewells;
}

void DestructorsMayCallTheMap(const Context& context) {
  const Watch watch(context.subject().name);
  const Number keys = context.Keys(200);
  std::uint64_t destroyed = 0;
  const auto has = [&](Op op) { return !context.traits().unsupported.contains(op); };
  if (has(Op::kStore)) {
    destroyed += Step(context, "overwriting", keys, [](AnyMap& m, Number k) { m.Store(k, k + 2); });
    // While it grows, and promotes.
    destroyed += Step(context, "growing", keys, [&](AnyMap& m, Number k) {
      for (Number i = 0; i < 5; ++i) m.Store(10'000 + 5 * k + i, k);
      m.Store(k, k + 3);
      m.Load(k);
    });
  }
  if (has(Op::kDelete)) {
    destroyed += Step(context, "Delete", keys, [](AnyMap& m, Number k) { m.Delete(k); });
  }
  if (has(Op::kLoadAndDelete)) {
    destroyed += Step(context, "LoadAndDelete", keys, [](AnyMap& m, Number k) { m.LoadAndDelete(k); });
  }
  if (has(Op::kSwap)) {
    destroyed += Step(context, "Swap", keys, [](AnyMap& m, Number k) { m.Swap(k, k + 2); });
  }
  if (has(Op::kCompareAndSwap)) {
    destroyed += Step(context, "CompareAndSwap", keys,
         [](AnyMap& m, Number k) { m.CompareAndSwap(k, k + 1, k + 2); });
  }
  if (has(Op::kCompareAndDelete)) {
    destroyed += Step(context, "CompareAndDelete", keys,
         [](AnyMap& m, Number k) { m.CompareAndDelete(k, k + 1); });
  }
  if (has(Op::kLoadOrStore)) {
    destroyed += Step(context, "LoadOrStore", keys, [](AnyMap& m, Number k) { m.LoadOrStore(k, k + 2); });
  }
  if (has(Op::kClear)) {
    destroyed += Step(context, "Clear", keys, {}, [](AnyMap& m) { m.Clear(); });
  }
  if (has(Op::kStoreBatch)) {
    destroyed += Step(context, "StoreBatch", keys, {}, [&](AnyMap& m) {
      std::vector<AnyMap::Pair> batch;
      for (Number key = 0; key < keys; ++key) batch.emplace_back(key, key + 9);
      m.StoreBatch(batch);
    });
  }
  Expect(destroyed > 0, "no value was destroyed");
}

}  // namespace

std::span<const Check> ReentrancyChecks() {
  static const Check kChecks[] = {
      {"destructors_may_call_the_map",
       {.every_key = false,
        .fits_a_cache = true,
        .linearizable = false,
        .counted_lives = true,
        .own = true},
       &DestructorsMayCallTheMap},
  };
  return kChecks;
}

}  // namespace cmap::testing
