// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to checked_map: what its check notices, and what follows.
#include "maps/checked_map.h"

#include <atomic>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/fail_fast_lock.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/testing/misuse.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using Map = CheckedMap<U64, U64>;
using internal::ConcurrentUse;
using internal::Misuse;

// A hook for the scope of a test, which throws: the misuse does not happen then.
class ThrowOnMisuse {
 public:
  ThrowOnMisuse()
      : former_(internal::SetMisuseHook(
            [](Misuse misuse) { throw ConcurrentUse(misuse); })) {}
  ~ThrowOnMisuse() { internal::SetMisuseHook(former_); }

 private:
  const internal::MisuseHook former_;
};

// The call of the map from within its own call is the misuse that one thread can
// commit alone.
void CallWithin(Map& map, void (*call)(Map&)) {
  map.LoadOrCompute(1, [&] {
    call(map);
    return U64{1};
  });
}

TEST(CheckedMapTest, MisuseEndsTheProgram) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  Map map;
  EXPECT_DEATH(CallWithin(map, [](Map& m) { m.Store(2, 2); }),
               "fatal error: concurrent map writes");
  EXPECT_DEATH(CallWithin(map, [](Map& m) { m.Load(2); }),
               "fatal error: concurrent map read and map write");
}

TEST(CheckedMapTest, AHookMayThrowInstead) {
  ThrowOnMisuse throwing;
  Map map;
  map.Store(5, 5);
  const auto calls = {
      +[](Map& m) { m.Load(5); },
      +[](Map& m) { m.Store(5, 6); },
      +[](Map& m) { m.LoadOrStore(7, 6); },
      +[](Map& m) { m.LoadOrCompute(7, [] { return U64{6}; }); },
      +[](Map& m) { m.Swap(5, 6); },
      +[](Map& m) { m.CompareAndSwap(5, 5, 6); },
      +[](Map& m) { m.CompareAndDelete(5, 5); },
      +[](Map& m) { m.Delete(5); },
      +[](Map& m) { m.LoadAndDelete(5); },
      +[](Map& m) { m.Range([](U64, U64) { return true; }); },
      +[](Map& m) { m.Clear(); },
      +[](Map& m) { m.Size(); },
      +[](Map& m) { m.Reserve(10); },
  };
  for (const auto call : calls) {
    EXPECT_THROW(CallWithin(map, call), ConcurrentUse);
    // Nothing has happened, and the write that was in progress is over.
    EXPECT_EQ(map.Load(5), 5u);
    EXPECT_EQ(map.Size(), 1u);
  }
}

TEST(CheckedMapTest, RightUseIsNeverReported) {
  ThrowOnMisuse throwing;
  Map map;
  for (U64 i = 0; i < 1000; ++i) map.Store(i, i);
  map.Range([&](U64 key, U64) {
    map.Delete(key);  // outside the check, as Range visits a copy
    return true;
  });
  EXPECT_EQ(map.Size(), 0u);
  // Threads one after the other.
  std::thread([&] { map.Store(1, 1); }).join();
  EXPECT_EQ(map.Load(1), 1u);
}

// The second writer has ended: the first finds at its end that it was not alone.
TEST(CheckedMapTest, TheEndOfAWriteIsCheckedToo) {
  static int at_end;
  at_end = 0;
  const auto former = internal::SetMisuseHook(
      [](Misuse misuse) { at_end += misuse == Misuse::kWriteEndedTwice; });
  internal::FailFastLock<NativeAtomics, internal::NoLock> check;
  check.lock();
  check.lock();
  check.unlock();
  EXPECT_EQ(at_end, 0);
  check.unlock();
  EXPECT_EQ(at_end, 1);
  internal::SetMisuseHook(former);
}

// A value whose copy waits until told to go on, inside the map's write.
struct Slow {
  Slow() = default;
  Slow(const Slow&) {
    if (!wait_in_copy) return;
    inside.store(true);
    while (!leave.load()) std::this_thread::yield();
  }
  Slow(Slow&&) noexcept = default;
  Slow& operator=(const Slow&) = default;
  bool operator==(const Slow&) const { return true; }

  static inline thread_local bool wait_in_copy = false;
  static inline std::atomic<bool> inside{false}, leave{false};
};

// A write that begins well inside another one is noticed, always.
TEST(CheckedMapTest, NoticesAWriteDuringAWrite) {
  testing::CountMisuse counting;
  testing::WitnessedMap<U64, Slow> map;
  std::thread first([&] {
    Slow::wait_in_copy = true;
    map.Store(1, Slow());
  });
  while (!Slow::inside.load()) std::this_thread::yield();
  const U64 overlaps = testing::WitnessLock::overlaps.load();
  const U64 reports = testing::CountMisuse::reports.load();
  std::thread second([&] { map.Store(2, Slow()); });
  while (testing::WitnessLock::overlaps.load() == overlaps) {
    std::this_thread::yield();
  }
  EXPECT_EQ(testing::CountMisuse::reports.load(), reports + 1);
  Slow::leave.store(true);
  first.join();
  second.join();
}

// How many overlap is the scheduler's affair; what has, is mostly noticed.
TEST(CheckedMapTest, TheRateIsAShareOfWhatOverlapped) {
  const testing::MisuseRate rate = testing::MeasureMisuse(4, 100);
  EXPECT_LE(rate.overlapped, 100u);
  EXPECT_LE(rate.noticed, rate.overlapped);
  if (rate.overlapped >= 50) {
    EXPECT_GT(rate.noticed, rate.overlapped / 10);
  }
}

}  // namespace
}  // namespace cmap
