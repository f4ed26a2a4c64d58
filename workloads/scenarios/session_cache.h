// SPDX-License-Identifier: Apache-2.0
//
// session_cache: sessions that begin, are looked up and end.
//
// Each of `sessions` users has one session in the map. Every thread serves requests of all
// users alike: it looks the user's session up. `turnover` percent of a thread's requests
// are of another kind, each for one of the users that are this thread's alone:
//
//   come_and_go  the session ends and another one begins: Delete of its id, Store of one
//                that never was. Keys come and go, and the map keeps its size.
//   touch        the session is stored to, as if to note when it was seen last. Keys stay.
//
// Between the two, what new keys cost a map that is made for reading. An id is what a
// client's cookie holds: a word for each user, beside the map, that costs all maps the same.
//
// No session may be lost: one that was begun and not ended is found, with its own value.
// Nor may one outlive its end: whoever ended it does not find it, and at the end of a
// slice the map holds the sessions of the cookies and no others. Requests that found the
// session ended, as when a user logs out elsewhere, are counted as the share `ended`.
#ifndef CMAP_WORKLOADS_SCENARIOS_SESSION_CACHE_H_
#define CMAP_WORKLOADS_SCENARIOS_SESSION_CACHE_H_

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class SessionCache {
 public:
  static constexpr std::array<std::string_view, 2> kWays = {"come_and_go", "touch"};
  static constexpr std::array<ScenarioNumber, 2> kNumbers = {{{"sessions", 10000, 1, 1e7}, {"turnover", 3, 0, 100}}};
  static constexpr ScenarioTraits kTraits = {"session_cache", kWays, kNumbers};
  static constexpr bool kFits =
      Supports<Map>(Op::kLoad) && Supports<Map>(Op::kStore) && Supports<Map>(Op::kDelete);

  SessionCache(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : ends_(request.way == "come_and_go"), sessions_(static_cast<std::uint32_t>(request["sessions"])),
        turnover_(static_cast<std::uint32_t>(std::lround(request["turnover"] * (kOf / 100)))), cookies_(sessions_) {
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(Rng(DeriveSeed(seed, 1, t)));
  }

  void Fill(Map& map) {
    for (std::uint32_t user = 0; user < sessions_; ++user) {
      map.Store(user, Value(user, 0));
      cookies_[user].store(user, std::memory_order_relaxed);
    }
    for (Thread& thread : threads_) {
      thread.requests = thread.begun = thread.ended = 0;
      thread.wrong.clear();
    }
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    mine.requests += n;
    for (std::size_t i = 0; i < n; ++i) {
      if (mine.rng.Below(kOf) >= turnover_) {
        LookUp(map, mine);
      } else if (const std::uint32_t own = Own(t); own > 0) {
        const std::uint32_t user = t + mine.rng.Below(own) * static_cast<std::uint32_t>(threads_.size());
        if (ends_) {
          Replace(map, mine, user);
        } else {
          Touch(map, mine, user);
        }
      }
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    for (const Thread& thread : threads_) {
      if (!thread.wrong.empty()) return thread.wrong;
    }
    for (std::uint32_t user = 0; user < sessions_; ++user) {
      const std::uint64_t id = cookies_[user].load(std::memory_order_relaxed);
      const auto value = map.Load(id);
      if (!value) return "the session " + std::to_string(id) + " is lost";
      if (*value >> 8 != id) return Another(id);
      if (id >= sessions_ && map.Load(id - sessions_)) return Outlived(id - sessions_);
    }
    if constexpr (Supports<Map>(Op::kSize)) {
      if (const std::uint64_t size = map.Size(); size != sessions_) {
        return "the map holds " + std::to_string(size) + " sessions and " + std::to_string(sessions_) + " users have one";
      }
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double requests = 0, begun = 0, ended = 0;
    for (const Thread& thread : threads_) {
      requests += static_cast<double>(thread.requests);
      begun += static_cast<double>(thread.begun);
      ended += static_cast<double>(thread.ended);
    }
    out.push_back({"requests_per_s", requests, seconds});
    if (!ends_) return;
    out.push_back({"sessions_begun_per_s", begun, seconds});
    out.push_back({"ended", ended, requests});
  }

 private:
  static constexpr std::uint32_t kOf = 10000;              // of which `turnover_` requests are no look-ups
  static constexpr std::uint64_t kNone = ~std::uint64_t{};  // the cookie of who has no session

  struct alignas(kCacheLine) Thread {
    explicit Thread(Rng generator) : rng(generator) {}
    Rng rng;
    std::uint64_t requests = 0;
    std::uint64_t begun = 0;
    std::uint64_t ended = 0;
    std::string wrong;
  };

  // An id in the high bits, so that another session's value is noticed.
  static std::uint64_t Value(std::uint64_t id, std::uint64_t stamp) { return id << 8 | (stamp & 0xff); }
  static std::string Another(std::uint64_t id) {
    return "the session " + std::to_string(id) + " has another one's value";
  }
  static std::string Outlived(std::uint64_t id) { return "the session " + std::to_string(id) + " outlived its end"; }

  // How many users are thread t's: every threads-th from t on.
  std::uint32_t Own(std::uint32_t t) const {
    const auto threads = static_cast<std::uint32_t>(threads_.size());
    return t < sessions_ ? (sessions_ - t - 1) / threads + 1 : 0;
  }

  void LookUp(Map& map, Thread& mine) {
    const std::atomic<std::uint64_t>& cookie = cookies_[mine.rng.Below(sessions_)];
    // (2) Acquire, with (1): the session was stored before its cookie was given.
    const std::uint64_t id = cookie.load(std::memory_order_acquire);
    if (id == kNone) {
      ++mine.ended;
    } else if (const auto value = map.Load(id)) {
      if (*value >> 8 != id) mine.wrong = Another(id);
    } else {
      ++mine.ended;
      // (4) Acquire, with (3): who misses a session because it was deleted sees that its
      // cookie was taken before. A fence, as no operation of the map orders what misses.
      std::atomic_thread_fence(std::memory_order_acquire);
      if (cookie.load(std::memory_order_relaxed) == id) {
        mine.wrong = "the session " + std::to_string(id) + " was lost for a moment";
      }
    }
  }

  void Replace(Map& map, Thread& mine, std::uint32_t user) {
    std::atomic<std::uint64_t>& cookie = cookies_[user];
    const std::uint64_t old = cookie.load(std::memory_order_relaxed);
    cookie.store(kNone, std::memory_order_relaxed);
    // (3) Release, with (4).
    std::atomic_thread_fence(std::memory_order_release);
    if (!map.Delete(old)) mine.wrong = "the session " + std::to_string(old) + " was gone before its end";
    if (map.Load(old)) mine.wrong = Outlived(old);
    const std::uint64_t next = old + sessions_;
    map.Store(next, Value(next, 0));
    // (1) Release, with (2).
    cookie.store(next, std::memory_order_release);
    ++mine.begun;
  }

  void Touch(Map& map, Thread& mine, std::uint32_t user) {
    const std::uint64_t id = cookies_[user].load(std::memory_order_relaxed);
    map.Store(id, Value(id, mine.rng.Next()));
  }

  bool ends_;
  std::uint32_t sessions_;
  std::uint32_t turnover_;
  std::vector<std::atomic<std::uint64_t>> cookies_;  // by user
  std::vector<Thread> threads_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_SESSION_CACHE_H_
