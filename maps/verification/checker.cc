// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/checker.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace cmap::verification {

void Checker::Seen::Clear() {
  ++generation_;
  size_ = 0;
}

bool Checker::Seen::Insert(const Configuration& c) {
  if (2 * size_ >= entries_.size()) Grow();
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t i = MixBits(c.state ^ (c.done * 0x9e3779b97f4a7c15)) & mask;;
       i = (i + 1) & mask) {
    Entry& entry = entries_[i];
    if (entry.generation != generation_) {
      entry = {c, generation_};
      ++size_;
      return true;
    }
    if (entry.configuration == c) return false;
  }
}

void Checker::Seen::Grow() {
  std::vector<Entry> old(entries_.size() * 2);
  old.swap(entries_);
  size_ = 0;
  for (const Entry& entry : old) {
    if (entry.generation == generation_) Insert(entry.configuration);
  }
}

void Checker::Expand(const Problem& problem, std::uint64_t target) {
  while (!stack_.empty()) {
    const Configuration c = stack_.back();
    stack_.pop_back();
    if (target == 0) next_.push_back(c);
    for (std::uint64_t rest = in_progress_ & ~c.done; rest != 0; rest &= rest - 1) {
      const std::uint64_t bit = rest & -rest;
      Configuration after = {c.done | bit, c.state};
      if (!Step(*at_[std::countr_zero(bit)], after.state)) continue;
      if (bit == target) {
        next_.push_back({after.done & ~bit, after.state});
      } else if (seen_.Insert(after)) {
        stack_.push_back(after);
      }
    }
    if (!problem.may_vanish) continue;
    for (unsigned lane = 0; lane < problem.lanes; ++lane) {
      if (Lane(c.state, lane) == kAbsent) continue;
      const Configuration after = {c.done, WithLane(c.state, lane, kAbsent)};
      if (seen_.Insert(after)) stack_.push_back(after);
    }
  }
}

template <class OnQuiet>
Verdict Checker::Run(const Problem& problem, std::uint64_t until, OnQuiet on_quiet) {
  const std::vector<Operation>& operations = problem.operations;
  events_.clear();
  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    const Operation& o = operations[i];
    if (o.returned < o.invoked) {
      throw std::invalid_argument("operation " + std::to_string(i) + " of the history, " + Show(o) +
                                  ", returned before it was called: its stamps are no clock's");
    }
    if (o.invoked <= until) events_.push_back({o.invoked, false, i});
    if (o.returned != kNever && o.returned <= until) {
      events_.push_back({o.returned, true, i});
    }
  }
  std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.is_return != b.is_return) return b.is_return;
    return a.operation < b.operation;
  });
  live_.clear();
  for (const State state : problem.initial) live_.push_back({0, state});
  in_progress_ = 0;
  Verdict verdict;
  verdict.configurations = live_.size();
  for (const Event& event : events_) {
    const Operation& o = operations[event.operation];
    if (!event.is_return) {
      if (in_progress_ == 0) on_quiet(event.time);
      if (~in_progress_ == 0) {
        throw std::length_error("more than 64 operations in progress at a time");
      }
      const int slot = std::countr_one(in_progress_);
      at_[slot] = &o;
      in_progress_ |= std::uint64_t{1} << slot;
      continue;
    }
    int slot = 0;
    while ((in_progress_ >> slot & 1) == 0 || at_[slot] != &o) ++slot;
    const std::uint64_t bit = std::uint64_t{1} << slot;
    next_.clear();
    stack_.clear();
    seen_.Clear();
    for (const Configuration& c : live_) {
      if ((c.done & bit) != 0) {
        next_.push_back({c.done & ~bit, c.state});
      } else if (seen_.Insert(c)) {
        stack_.push_back(c);
      }
    }
    Expand(problem, bit);
    in_progress_ &= ~bit;
    std::sort(next_.begin(), next_.end());
    next_.erase(std::unique(next_.begin(), next_.end()), next_.end());
    live_.swap(next_);
    if (live_.empty()) {
      verdict.linearizable = false;
      verdict.failed = event.operation;
      return verdict;
    }
    verdict.configurations = std::max(verdict.configurations, live_.size());
  }
  return verdict;
}

Verdict Checker::Check(const Problem& problem) {
  return Run(problem, kNever, [](std::uint64_t) {});
}

std::vector<State> Checker::PossibleStates(const Problem& problem, std::uint64_t time) {
  if (!Run(problem, time, [](std::uint64_t) {}).linearizable) return {};
  next_.clear();
  stack_.clear();
  seen_.Clear();
  for (const Configuration& c : live_) {
    if (seen_.Insert(c)) stack_.push_back(c);
  }
  Expand(problem, 0);
  std::vector<State> states;
  for (const Configuration& c : next_) states.push_back(c.state);
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

Problem Checker::Minimise(const Problem& problem) {
  struct Quiet {
    std::uint64_t time;
    std::vector<State> states;
  };
  std::vector<Quiet> moments;
  const Verdict verdict = Run(problem, kNever, [&](std::uint64_t time) {
    Quiet& moment = moments.emplace_back(Quiet{time, {}});
    for (const Configuration& c : live_) moment.states.push_back(c.state);
  });
  if (verdict.linearizable) return problem;
  constexpr std::size_t kEnough = 4;
  const std::uint64_t end = problem.operations[verdict.failed].returned;
  Problem small = problem;
  for (std::size_t m = moments.size(); m-- > 0;) {
    small.initial = std::move(moments[m].states);
    small.operations.clear();
    for (Operation o : problem.operations) {
      if (o.invoked > end || o.returned < moments[m].time) continue;
      if (o.returned > end) o.returned = kNever;
      small.operations.push_back(o);
    }
    for (std::size_t i = small.operations.size(); i-- > 0;) {
      if (!OnlyReads(small.operations[i])) continue;
      Problem without = small;
      without.operations.erase(without.operations.begin() + static_cast<std::ptrdiff_t>(i));
      if (!Check(without).linearizable) small = std::move(without);
    }
    if (small.operations.size() >= kEnough) break;
  }
  return small;
}

std::string Explain(const Problem& minimised) {
  std::string text;
  for (const State state : minimised.initial) {
    text += text.empty() ? "  before: " : "      or: ";
    text += ShowState(state, minimised.lanes, minimised.first_key) + "\n";
  }
  text += Show(minimised.operations, minimised.first_key);
  const Verdict verdict = Checker().Check(minimised);
  if (verdict.linearizable) return text;
  return text + "  No order explains " +
         Show(minimised.operations[verdict.failed], minimised.first_key) + " of thread " +
         std::to_string(minimised.operations[verdict.failed].thread) + ".\n";
}

}  // namespace cmap::verification
