// SPDX-License-Identifier: Apache-2.0
//
// Maps with deliberate mistakes, for the test that a visit finds them, and some with
// bad habits. Not part of the worker.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "experiments/worker/contestant_for.h"
#include "maps/mutex_map.h"

namespace cmap::experiments {
namespace {

constexpr std::uint64_t kEvery = 1000;

// mutex_map, which is final, without its name.
template <class K, class V>
using Correct =
    cmap::internal::LockedMap<K, V, DefaultHash<K>, cmap::internal::MutexLock<NativeAtomics>>;

// What the broken maps share: all of a correct map, and a count of calls.
template <class K, class V>
class AlmostCorrect : public Correct<K, V> {
 public:
  static constexpr Traits kTraits = MutexMap<K, V>::kTraits;
  AlmostCorrect() = default;
  explicit AlmostCorrect(const NoOptions& options)
      : Correct<K, V>("broken map", options) {}

 protected:
  bool Fails() {
    return calls_.fetch_add(1, std::memory_order_relaxed) % kEvery ==
           kEvery - 1;
  }

 private:
  std::atomic<std::uint64_t> calls_{0};
};

// Loses stores.
template <class K, class V>
class DropsStores : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  void Store(const K& key, const V& value) {
    if (!this->Fails()) Correct<K, V>::Store(key, value);
  }
  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if (this->Fails()) return {value, false};
    return Correct<K, V>::LoadOrStore(key, value);
  }
};

// Returns another key's value.
template <class K, class V>
class WrongValue : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }
  template <class F>
  bool Visit(const K& key, F&& f) {
    return Correct<K, V>::Visit(key, [&](const V& value) {
      f(this->Fails() ? value + (V{1} << 20) : value);
    });
  }
};

// Miscounts.
template <class K, class V>
class WrongSize : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  std::size_t Size() { return Correct<K, V>::Size() + 1; }
};

// Leaves an entry out of Range; everything a slice sees is right.
template <class K, class V>
class ShortRange : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  template <class F>
  void Range(F&& f) {
    bool first = true;
    Correct<K, V>::Range([&](const K& key, const V& value) {
      if (std::exchange(first, false)) return true;
      return static_cast<bool>(f(key, value));
    });
  }
};

// The how manieth thread of the process the caller is.
inline int Ordinal() {
  static std::atomic<int> threads{0};
  thread_local const int mine = threads.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

// Right, and slow on every other thread, as with cores of two kinds: those threads load
// once for every Factor loads of the others. They wait for them, so that the share is the
// same however the scheduler deals the CPUs out, but for at most 10 us: others may have
// stopped.
template <class K, class V, int Factor>
class Uneven : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }
  template <class F>
  bool Visit(const K& key, F&& f) {
    if (Ordinal() % 2 == 0) {
      for (int i = 0; i < 200; ++i) asm volatile("");
      loads_.fetch_add(1, std::memory_order_relaxed);
    } else {
      AwaitTurn();
    }
    return Correct<K, V>::Visit(key, f);
  }

 private:
  void AwaitTurn() {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + std::chrono::microseconds(10);
    std::uint64_t loads = loads_.load(std::memory_order_relaxed);
    while (true) {
      if (loads >= Factor) {
        if (loads_.compare_exchange_weak(loads, loads - Factor, std::memory_order_relaxed)) {
          return;
        }
        continue;
      }
      if (Clock::now() >= until) return;
      loads = loads_.load(std::memory_order_relaxed);
    }
  }

  std::atomic<std::uint64_t> loads_{0};  // of the fast threads, not yet waited for
};
template <class K, class V>
using Uneven3 = Uneven<K, V, 3>;
template <class K, class V>
using Uneven10 = Uneven<K, V, 10>;

// Right, and from time to time a call takes 30 ms, however long a slice is: of the calls on
// all such maps of the process, so that it is not always the same slice of a block.
template <class K, class V>
class Stuck : public AlmostCorrect<K, V> {
 public:
  using AlmostCorrect<K, V>::AlmostCorrect;
  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }
  template <class F>
  bool Visit(const K& key, F&& f) {
    if (loads_.fetch_add(1, std::memory_order_relaxed) % 300'000 == 100'000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    return Correct<K, V>::Visit(key, f);
  }

 private:
  static inline std::atomic<std::uint64_t> loads_{0};
};

#define BROKEN(name, type)                                        \
  struct name {                                                   \
    static constexpr std::string_view kName = #name;              \
    static constexpr bool kPeer = false;                          \
    template <class K, class V, class = DefaultHash<K>>           \
    using Map = type<K, V>;                                       \
  };                                                              \
  [[maybe_unused]] const bool name##_registered =                 \
      Register<name, std::uint64_t>()

BROKEN(drops_stores, DropsStores);
BROKEN(wrong_value, WrongValue);
BROKEN(wrong_size, WrongSize);
BROKEN(short_range, ShortRange);
BROKEN(uneven_3, Uneven3);
BROKEN(uneven_10, Uneven10);
BROKEN(stuck, Stuck);

#undef BROKEN

}  // namespace
}  // namespace cmap::experiments
