// SPDX-License-Identifier: Apache-2.0
//
// LD_PRELOAD library: puts a small cache per thread in front of cmap_lookup() of a
// program that knows nothing of it.
//
//   CMAP_LOOKASIDE=word     coherent: a cached answer holds while the library's
//                           word is what it was when the answer was asked for
//   CMAP_LOOKASIDE=ttl:500  stale by at most 500 microseconds: a cached answer
//                           holds for that long from before it was asked for. For
//                           libraries that offer no such word; costs a look at the
//                           clock per call.
//
// Why the bound of ttl holds. The time of an answer is taken before the real
// lookup, so the answer was right at that time or later. A hit reads the clock and
// requires that less than the bound has passed since. So what a hit returns has
// been out of date for less than the bound. The clock is CLOCK_MONOTONIC, the same
// for all threads.
//
// Absence is not cached. The cache is a thread-local array without constructor, so
// that a thread's first lookup allocates nothing.
#include <dlfcn.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "experiments/interposition/lookup.h"
#include "maps/concurrent_map.h"

namespace {

constexpr std::size_t kSlots = 256;
constexpr std::uint64_t kStoring = 0xffff;  // part of the word: stores at work

struct Slot {
  std::uint64_t stamp;  // word + 1 or time of asking; 0: empty
  std::uint64_t key;
  std::uint64_t value;
};
constinit thread_local std::array<Slot, kSlots> slots = {};

[[noreturn]] void Refuse(const char* what) {
  std::fprintf(stderr, "lookaside: %s\n", what);
  std::exit(2);
}

template <class F>
F* Next(const char* name) {
  void* symbol = dlsym(RTLD_NEXT, name);
  if (symbol == nullptr) Refuse("nothing to interpose; preload it into a program that "
                                "links a library with cmap_lookup");
  return reinterpret_cast<F*>(symbol);
}

struct Setting {
  Setting() {
    const char* text = std::getenv("CMAP_LOOKASIDE");
    if (text == nullptr || std::strcmp(text, "word") == 0) {
      word = Next<const std::uint64_t*()>("cmap_lookup_word")();
      return;
    }
    char* end = nullptr;
    const bool is_ttl = std::strncmp(text, "ttl:", 4) == 0;
    const unsigned long long us = is_ttl ? std::strtoull(text + 4, &end, 10) : 0;
    if (us == 0 || *end != '\0' || us > 1'000'000'000'000) {
      Refuse("CMAP_LOOKASIDE is neither 'word' nor 'ttl:' and microseconds; set one of them");
    }
    ttl_ns = us * 1000;
  }

  int (*lookup)(std::uint64_t, std::uint64_t*) =
      Next<int(std::uint64_t, std::uint64_t*)>("cmap_lookup");
  const std::uint64_t* word = nullptr;
  std::uint64_t ttl_ns = 0;
};

const Setting& TheSetting() {
  static const Setting setting;
  return setting;
}

std::uint64_t Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

// Acquire, pairs with the release at the end of a store: what is asked after this
// load shows every store the word counts.
std::uint64_t Word(const Setting& setting) {
  return std::atomic_ref(*const_cast<std::uint64_t*>(setting.word))
      .load(std::memory_order_acquire);
}

struct alignas(cmap::kCacheLine) Counts {
  std::atomic<std::uint64_t> asked{0};
};
Counts counts;

}  // namespace

// Lookups that reached the library. Hits are not counted: a shared count would
// cost more than they do.
extern "C" std::uint64_t cmap_lookaside_asked() {
  return counts.asked.load(std::memory_order_relaxed);
}

int cmap_lookup(std::uint64_t key, std::uint64_t* value) {
  const Setting& setting = TheSetting();
  Slot& slot = slots[cmap::MixBits(key) % kSlots];
  std::uint64_t stamp;
  if (setting.word != nullptr) {
    const std::uint64_t word = Word(setting);
    stamp = (word & kStoring) == 0 ? word + 1 : 0;
    if (stamp != 0 && slot.stamp == stamp && slot.key == key) {
      *value = slot.value;
      return 1;
    }
  } else {
    stamp = Now();
    if (slot.stamp != 0 && stamp - slot.stamp < setting.ttl_ns && slot.key == key) {
      *value = slot.value;
      return 1;
    }
  }
  counts.asked.fetch_add(1, std::memory_order_relaxed);
  if (setting.lookup(key, value) == 0) return 0;
  if (stamp != 0) slot = {stamp, key, *value};
  return 1;
}
