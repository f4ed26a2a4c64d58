// SPDX-License-Identifier: Apache-2.0
//
// stock_reservation: threads reserve units of stock; no unit may be sold twice.
//
//   compare_and_swap  A key is an article, its value what is left. A reservation loads
//                     it and takes one away by CompareAndSwap, until that succeeds.
//   load_or_store     A key is a unit, its value the buyer. The first LoadOrStore wins.
//   load_then_store   As published: Load says that the unit is free, Store takes it.
//                     Between the two anybody may do the same. Units sold more than
//                     once are counted, as the share `oversold` of all sold; with one
//                     thread there must be none.
//
// In the last two ways all threads go through the same units in the same order, as
// buyers who are offered the next free one do. An article that is
// sold out is restocked by who finds it so, by CompareAndSwap as well.
#ifndef CMAP_WORKLOADS_SCENARIOS_STOCK_RESERVATION_H_
#define CMAP_WORKLOADS_SCENARIOS_STOCK_RESERVATION_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class StockReservation {
 public:
  static constexpr std::array<std::string_view, 3> kWays = {"compare_and_swap", "load_or_store", "load_then_store"};
  static constexpr std::array<ScenarioNumber, 2> kNumbers = {{{"keys", 16, 1, 1e6}, {"units", 100, 1, 1e6}}};
  static constexpr ScenarioTraits kTraits = {"stock_reservation", kWays, kNumbers};
  static constexpr bool kFits = Supports<Map>(Op::kCompareAndSwap) && Supports<Map>(Op::kLoadOrStore) &&
                                Supports<Map>(Op::kStore);

  StockReservation(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : way_(request.way), keys_(static_cast<std::uint32_t>(request["keys"])),
        units_(static_cast<std::uint64_t>(request["units"])) {
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(Rng(DeriveSeed(seed, 1, t)));
  }

  void Fill(Map& map) {
    for (Thread& thread : threads_) {
      thread.sold.assign(keys_, 0);
      thread.restocked.assign(keys_, 0);
      thread.bought.clear();
      thread.next = 0;
      thread.failed = 0;
      thread.steps = 0;
    }
    if (way_ != "compare_and_swap") return;
    for (std::uint32_t key = 0; key < keys_; ++key) map.Store(key, units_);
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    mine.steps += n;
    if (way_ == "compare_and_swap") {
      for (std::size_t i = 0; i < n; ++i) Take(map, mine);
    } else if (way_ == "load_or_store") {
      for (std::size_t i = 0; i < n; ++i, ++mine.next) {
        if (!map.LoadOrStore(mine.next, t).loaded) mine.bought.push_back(mine.next);
      }
    } else {
      for (std::size_t i = 0; i < n; ++i, ++mine.next) {
        if (map.Load(mine.next)) continue;
        map.Store(mine.next, t);
        mine.bought.push_back(mine.next);
      }
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    return way_ == "compare_and_swap" ? CheckArticles(map) : CheckUnits(map);
  }

  void Tell(double, std::vector<Amount>& out) const {
    if (way_ == "compare_and_swap") {
      double failed = 0, steps = 0;
      for (const Thread& thread : threads_) {
        failed += static_cast<double>(thread.failed);
        steps += static_cast<double>(thread.steps);
      }
      out.push_back({"failed_exchanges", failed, steps});
    } else {
      out.push_back({"oversold", static_cast<double>(oversold_), static_cast<double>(sold_)});
    }
  }

 private:
  struct alignas(kCacheLine) Thread {
    explicit Thread(Rng generator) : rng(generator) {}
    Rng rng;
    std::vector<std::uint64_t> sold, restocked;  // by article
    std::vector<std::uint64_t> bought;           // units, ascending
    std::uint64_t next = 0;                      // unit to look at
    std::uint64_t failed = 0;                    // exchanges
    std::uint64_t steps = 0;
  };

  void Take(Map& map, Thread& mine) const {
    const std::uint64_t key = mine.rng.Below(keys_);
    for (;;) {
      const auto left = map.Load(key);
      if (!left) return;  // found missing by Check
      if (*left == 0) {
        if (map.CompareAndSwap(key, 0, units_)) mine.restocked[key] += units_;
      } else if (map.CompareAndSwap(key, *left, *left - 1)) {
        ++mine.sold[key];
        return;
      } else {
        ++mine.failed;
      }
    }
  }

  std::string CheckArticles(Map& map) const {
    for (std::uint32_t key = 0; key < keys_; ++key) {
      std::uint64_t sold = 0, stocked = units_;
      for (const Thread& thread : threads_) {
        sold += thread.sold[key];
        stocked += thread.restocked[key];
      }
      const auto left = map.Load(key);
      if (!left || sold + *left != stocked) {
        return "of the article " + std::to_string(key) + " " + std::to_string(sold) + " of " +
               std::to_string(stocked) + " units were sold and " +
               (left ? std::to_string(*left) + " are left" : "it is missing");
      }
    }
    return "";
  }

  std::string CheckUnits(Map& map) {
    std::uint64_t most = 0;
    for (const Thread& thread : threads_) most = std::max(most, thread.next);
    std::vector<std::uint8_t> buyers(most, 0);
    sold_ = 0;
    for (const Thread& thread : threads_) {
      for (const std::uint64_t unit : thread.bought) buyers[unit] += buyers[unit] < 255;
      sold_ += thread.bought.size();
    }
    std::uint64_t units = 0;
    for (std::uint64_t unit = 0; unit < most; ++unit) {
      units += buyers[unit] != 0;
      if (buyers[unit] == 0) return "nobody got the unit " + std::to_string(unit);
    }
    oversold_ = sold_ - units;
    if (oversold_ != 0 && (way_ == "load_or_store" || threads_.size() == 1)) {
      return std::to_string(oversold_) + " of " + std::to_string(units) + " units were sold twice";
    }
    for (std::uint32_t t = 0; way_ == "load_or_store" && t < threads_.size(); ++t) {
      for (const std::uint64_t unit : threads_[t].bought) {
        if (map.Load(unit) != t) return "the unit " + std::to_string(unit) + " is not its winner's";
      }
    }
    return "";
  }

  std::string way_;
  std::uint32_t keys_;
  std::uint64_t units_;
  std::vector<Thread> threads_;
  // Of the slice last checked.
  std::uint64_t sold_ = 0;
  std::uint64_t oversold_ = 0;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_STOCK_RESERVATION_H_
