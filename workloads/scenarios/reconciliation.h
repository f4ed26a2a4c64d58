// SPDX-License-Identifier: Apache-2.0
//
// reconciliation: adding all accounts up while money moves between them.
//
// A key is an account, its value the balance. Thread 0 reconciles: it goes over the map
// and adds up. All others transfer: one unit is taken from an account and given to
// another, by CompareAndSwap each, so that a transfer has at most one unit under way. Now and
// then they open or close an account without money instead, so that the map's keys change
// (which is counted with the transfers).
// What is counted depends on the number `count`: 0 the reconciliations, 1 the transfers.
//
//   range  One Range. Every account that is there throughout must be visited exactly once,
//          with its own value. The sum is short by what is under way, a unit for each of
//          the others at most. Where Range shows one state of the map that is all; elsewhere
//          it sees one account before a transfer and the other one after it: such
//          reconciliations are counted, as the share `off`.
//   pages  Pages of `page` entries, each by a Range of its own that passes over as many
//          entries as the pages before had, as one does who can only ask for the next
//          hundred rows. Nothing promises that entries keep their places: walks that missed an
//          account or saw one twice are counted, as the share `uneven`.
//   none   Thread 0 transfers too and is not counted, so that the others have the same
//          company.
//
// Nothing may be lost: after every slice the balances add up to what there was.
#ifndef CMAP_WORKLOADS_SCENARIOS_RECONCILIATION_H_
#define CMAP_WORKLOADS_SCENARIOS_RECONCILIATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class Reconciliation {
 public:
  static constexpr std::array<std::string_view, 3> kWays = {"range", "pages", "none"};
  static constexpr std::array<ScenarioNumber, 3> kNumbers = {
      {{"keys", 10000, 2, 1e6}, {"page", 1000, 1, 1e6}, {"count", 0, 0, 1}}};
  static constexpr ScenarioTraits kTraits = {"reconciliation", kWays, kNumbers};
  static constexpr bool kFits = Supports<Map>(Op::kRange) && Supports<Map>(Op::kStore) && Supports<Map>(Op::kDelete) &&
                                Supports<Map>(Op::kCompareAndSwap);

  Reconciliation(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : way_(request.way), keys_(static_cast<std::uint32_t>(request["keys"])),
        page_(static_cast<std::uint64_t>(request["page"])), transfers_counted_(request["count"] != 0), seen_(keys_, 0) {
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(Rng(DeriveSeed(seed, 1, t)));
  }

  void Fill(Map& map) {
    for (std::uint64_t account = 0; account < keys_; ++account) map.Store(account, Value(account, kBalance));
    for (Thread& thread : threads_) {
      thread.steps = 0;
      thread.wrong.clear();
    }
    off_ = uneven_ = 0;
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    mine.steps += n;
    if (t != 0 || way_ == "none") {
      for (std::size_t i = 0; i < n; ++i) Move(map, mine);
    } else if (way_ == "range") {
      for (std::size_t i = 0; i < n; ++i) ByRange(map, mine);
    } else {
      for (std::size_t i = 0; i < n; ++i) ByPages(map, mine);
    }
    return n;
  }

  bool Counted(std::uint32_t t) const { return (t != 0) == transfers_counted_; }

  std::string Check(Map& map) {
    for (const Thread& thread : threads_) {
      if (!thread.wrong.empty()) return thread.wrong;
    }
    std::uint64_t sum = 0;
    for (std::uint64_t account = 0; account < keys_; ++account) {
      const auto value = map.Load(account);
      if (!value || *value >> 32 != account) return Broken(account);
      sum += Balance(*value);
    }
    if (sum != Total()) {
      return "the balances add up to " + std::to_string(sum) + " and there were " + std::to_string(Total());
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double transfers = 0;
    for (std::size_t t = way_ == "none" ? 0 : 1; t < threads_.size(); ++t) {
      transfers += static_cast<double>(threads_[t].steps);
    }
    if (threads_.size() > 1) out.push_back({"transfers_per_s", transfers, seconds});
    if (way_ == "none") return;
    const auto reconciled = static_cast<double>(threads_[0].steps);
    out.push_back({"reconciliations_per_s", reconciled, seconds});
    if (way_ == "range") {
      out.push_back({"off", static_cast<double>(off_), reconciled});
    } else {
      out.push_back({"uneven", static_cast<double>(uneven_), reconciled});
    }
  }

 private:
  static constexpr std::uint64_t kBalance = 1000;
  static constexpr bool kSnapshot = Map::kTraits.range == RangeConsistency::kSnapshot;

  struct alignas(kCacheLine) Thread {
    explicit Thread(Rng generator) : rng(generator) {}
    Rng rng;
    std::uint64_t steps = 0;
    std::string wrong;
  };

  static std::uint64_t Value(std::uint64_t account, std::uint64_t balance) { return account << 32 | balance; }
  static std::uint64_t Balance(std::uint64_t value) { return value & 0xffffffff; }
  static std::string Broken(std::uint64_t account) {
    return "the account " + std::to_string(account) + " is missing or has another one's value";
  }
  std::uint64_t Total() const { return keys_ * kBalance; }

  void Move(Map& map, Thread& mine) const {
    const std::uint64_t bits = mine.rng.Next();
    if (bits % 8 == 0) {  // an account without money; as many again as there are with
      const std::uint64_t account = keys_ + mine.rng.Below(keys_);
      if ((bits & 8) != 0) {
        map.Store(account, Value(account, 0));
      } else {
        map.Delete(account);
      }
      return;
    }
    const std::uint64_t from = mine.rng.Below(keys_);
    const std::uint64_t to = mine.rng.Below(keys_);
    if (Add(map, mine, from, false)) Add(map, mine, to, true);
  }

  // One unit more or less. Whether there was one to take, and nothing went wrong.
  static bool Add(Map& map, Thread& mine, std::uint64_t account, bool more) {
    for (;;) {
      const auto value = map.Load(account);
      if (!value || *value >> 32 != account) {
        mine.wrong = Broken(account);
        return false;
      }
      if (!more && Balance(*value) == 0) return false;
      if (map.CompareAndSwap(account, *value, more ? *value + 1 : *value - 1)) return true;
    }
  }

  void ByRange(Map& map, Thread& mine) {
    ++round_;
    std::uint64_t accounts = 0, sum = 0;
    map.Range([&](const std::uint64_t& account, const std::uint64_t& value) {
      if (value >> 32 != account) {
        mine.wrong = Broken(account);
      } else if (account < keys_ && seen_[account] == round_) {
        mine.wrong = "Range visits the account " + std::to_string(account) + " twice";
      } else if (account < keys_) {
        seen_[account] = round_;
        ++accounts;
        sum += Balance(value);
      }
      return true;
    });
    if (mine.wrong.empty() && accounts != keys_) {
      mine.wrong = "Range visits " + std::to_string(accounts) + " of " + std::to_string(keys_) +
                   " accounts that are there throughout";
    }
    const std::uint64_t under_way = threads_.size() - 1;
    if (sum <= Total() && sum + under_way >= Total()) return;
    ++off_;
    if (kSnapshot && mine.wrong.empty()) {
      mine.wrong = "a state of the map adds up to " + std::to_string(sum) + ", with " + std::to_string(under_way) +
                   " under way of " + std::to_string(Total());
    }
  }

  void ByPages(Map& map, Thread& mine) {
    ++round_;
    std::uint64_t accounts = 0, passed = 0;
    bool twice = false;
    for (std::uint64_t got = page_; got == page_; passed += got) {
      std::uint64_t to_pass = passed;
      got = 0;
      map.Range([&](const std::uint64_t& account, const std::uint64_t& value) {
        if (to_pass > 0) {
          --to_pass;
          return true;
        }
        if (value >> 32 != account) mine.wrong = Broken(account);
        if (account < keys_) {
          twice |= seen_[account] == round_;
          accounts += seen_[account] != round_;
          seen_[account] = round_;
        }
        return ++got < page_;
      });
    }
    uneven_ += twice || accounts != keys_;
  }

  std::string way_;
  std::uint32_t keys_;
  std::uint64_t page_;
  bool transfers_counted_;
  std::vector<Thread> threads_;
  // Of thread 0.
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  std::uint64_t off_ = 0;
  std::uint64_t uneven_ = 0;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_RECONCILIATION_H_
