// SPDX-License-Identifier: Apache-2.0
//
// A program that looks keys up through the C ABI, and reports as one line of JSON
// what it paid and how old the oldest answer was.
//
//   client cost CALLS       nanoseconds per lookup of 64 hot keys, one thread
//   client staleness MS     for MS milliseconds one thread stores 0, 1, 2, ... under
//                           a key, and another looks it up and does the same
//                           with a key of its own
//   client repeat           one thread looks up, stores, looks up again
//
// Staleness of an answer: how long before the call began the value had ceased to
// be current, that is how long the store of its successor had returned. A library
// that is asked each time answers with staleness 0 always, by linearizability.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "experiments/interposition/lookup.h"

namespace {

using U64 = std::uint64_t;

U64 Now() {
  return static_cast<U64>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                              std::chrono::steady_clock::now().time_since_epoch())
                              .count());
}

// Of the interposed library, when there is one: lookups that went through.
long long Asked() {
  void* symbol = dlsym(RTLD_DEFAULT, "cmap_lookaside_asked");
  if (symbol == nullptr) return -1;
  return static_cast<long long>(reinterpret_cast<U64 (*)()>(symbol)());
}

int Cost(U64 calls) {
  constexpr U64 kKeys = 64;
  for (U64 key = 0; key < kKeys; ++key) cmap_store(key, key * 3);
  U64 wrong = 0;
  const U64 start = Now();
  for (U64 i = 0; i < calls; ++i) {
    U64 value = 0;
    const U64 key = i * 7 % kKeys;
    wrong += cmap_lookup(key, &value) == 0 || value != key * 3;
  }
  const U64 ns = Now() - start;
  std::printf("{\"ns_per_call\": %.2f, \"wrong\": %" PRIu64 ", \"asked\": %lld}\n",
              static_cast<double>(ns) / static_cast<double>(calls), wrong, Asked());
  return 0;
}

// One key, and when the store of each of its values 0, 1, 2, ... had returned (0:
// not yet). One thread stores.
class Tracked {
 public:
  explicit Tracked(U64 key) : key_(key), ended_(kMost + 1) { cmap_store(key_, 0); }

  bool StoreNext() {
    if (next_ == kMost) return false;
    cmap_store(key_, next_);
    // (1) release, pairs with (2).
    ended_[next_++].store(Now(), std::memory_order_release);
    return true;
  }

  // Nanoseconds the answer had been out of date for when the call began.
  U64 LookUp(U64& last, U64& went_back) const {
    const U64 start = Now();
    U64 value = 0;
    if (cmap_lookup(key_, &value) == 0 || value < last) ++went_back;
    last = value;
    // (2) acquire, pairs with (1).
    const U64 gone = ended_[std::min(value + 1, kMost)].load(std::memory_order_acquire);
    return gone != 0 && gone < start ? start - gone : 0;
  }

 private:
  static constexpr U64 kMost = 1 << 20;
  const U64 key_;
  U64 next_ = 1;
  std::vector<std::atomic<U64>> ended_;
};

int Staleness(U64 milliseconds) {
  Tracked others(42), own(43);
  std::atomic<bool> stop{false};
  const U64 until = Now() + milliseconds * 1'000'000;
  std::thread writer([&] {
    while (!stop.load(std::memory_order_relaxed) && others.StoreNext()) {
      // Between stores there is time for hits.
      const U64 pause = Now() + 2'000;
      while (Now() < pause) std::this_thread::yield();
    }
  });
  U64 lookups = 0, oldest = 0, went_back = 0, last = 0, own_last = 0;
  do {
    oldest = std::max(oldest, others.LookUp(last, went_back));
    // And a key of this thread, which needs no second processor to become stale.
    if (lookups % 64 == 0) own.StoreNext();
    oldest = std::max(oldest, own.LookUp(own_last, went_back));
    lookups += 2;
  } while (Now() < until);
  stop.store(true, std::memory_order_relaxed);
  writer.join();
  std::printf("{\"lookups\": %" PRIu64 ", \"asked\": %lld, \"oldest_ns\": %" PRIu64
              ", \"went_back\": %" PRIu64 "}\n",
              lookups, Asked(), oldest, went_back);
  return 0;
}

int Repeat() {
  U64 value = 0;
  const int absent = cmap_lookup(1, &value);
  cmap_store(1, 10);
  cmap_lookup(1, &value);
  const U64 first = value;
  cmap_lookup(1, &value);
  cmap_store(1, 11);
  cmap_lookup(1, &value);
  std::printf("{\"absent\": %d, \"first\": %" PRIu64 ", \"after_store\": %" PRIu64
              ", \"asked\": %lld}\n", absent, first, value, Asked());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const U64 amount = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (what == "cost" && amount > 0) return Cost(amount);
  if (what == "staleness" && amount > 0) return Staleness(amount);
  if (what == "repeat" && argc == 2) return Repeat();
  std::fprintf(stderr, "usage: client cost CALLS | client staleness MS | client repeat\n");
  return 2;
}
