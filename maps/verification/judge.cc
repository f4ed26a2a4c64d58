// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/judge.h"

#include <algorithm>

namespace cmap::verification {
namespace {

using Seen = std::vector<std::pair<std::uint16_t, Id>>;

// What a Range saw, by key. `held` tells which keys there are.
std::string ByKey(const Seen& seen, std::size_t keys, std::vector<Id>& ids) {
  ids.assign(keys, kAbsent);
  for (const auto& [key, id] : seen) {
    if (key >= keys) return "Range visits a key that nobody stored";
    if (ids[key] != kAbsent) {
      return "Range visits key " + std::to_string(key) + " twice";
    }
    ids[key] = id;
  }
  return "";
}

// `whole`, at one key.
Operation At(const Operation& whole, std::uint16_t key, Op op, Id argument, Id result) {
  Operation o = whole;
  o.op = op;
  o.key = key;
  o.argument = argument;
  o.result = result;
  o.state = whole.op == Op::kRange;  // for readers
  return o;
}

std::string SizeAtRest(const Traits& traits, const Log& rest) {
  if (!traits.keeps_every_key) return "";
  std::size_t present = 0, size = 0;
  bool counted = false;
  for (const Operation& o : rest.operations) {
    if (o.op == Op::kLoad && o.result != kAbsent) ++present;
    if (o.op == Op::kSize) {
      size = o.result;
      counted = true;
    }
  }
  if (!counted || size == present) return "";
  return "  Size() is " + std::to_string(size) + " at rest, with " + std::to_string(present) +
         " keys in the map.\n";
}

// What the history of the whole map says about one key.
Problem Project(const Problem& joint, std::uint16_t lane) {
  Problem one;
  one.may_vanish = joint.may_vanish;
  one.first_key = lane;
  one.initial = {State{Lane(joint.initial[0], lane)}};
  for (const Operation& o : joint.operations) {
    if (o.op == Op::kClear) {
      one.operations.push_back(At(o, 0, Op::kStore, kAbsent, kAbsent));
    } else if (o.op == Op::kStoreBatch) {
      const Id id = Lane(o.state, lane);
      if (id != kAbsent) one.operations.push_back(At(o, 0, Op::kStore, id, kAbsent));
    } else if (o.key == lane) {
      one.operations.push_back(o);
      one.operations.back().key = 0;
    }
  }
  return one;
}

std::string Errors(const std::vector<const Log*>& logs) {
  for (const Log* log : logs) {
    if (!log->error.empty()) return "  " + log->error + ".\n";
  }
  return "";
}

}  // namespace

std::string Judge::Solve(const Problem& problem, const std::string& what) {
  const Verdict verdict = checker_.Check(problem);
  configurations_ = std::max(configurations_, verdict.configurations);
  if (verdict.linearizable) return "";
  return what + "\n" + Explain(checker_.Minimise(problem));
}

std::string Judge::JudgeKeys(const std::vector<const Log*>& logs, const std::vector<Id>& held) {
  configurations_ = 0;
  if (std::string wrong = Errors(logs); !wrong.empty()) return wrong;
  by_key_.resize(held.size());
  for (std::size_t key = 0; key < held.size(); ++key) {
    by_key_[key].operations.clear();
    by_key_[key].initial = {State{held[key]}};
    by_key_[key].may_vanish = !traits_.keeps_every_key;
    by_key_[key].first_key = static_cast<unsigned>(key);
  }
  std::vector<Id> ids;
  for (const Log* log : logs) {
    for (const Operation& o : log->operations) {
      switch (o.op) {
        case Op::kRange: {
          const Seen& seen = log->ranges[o.state];
          if (std::string wrong = ByKey(seen, held.size(), ids); !wrong.empty()) {
            return "  " + wrong + ".\n";
          }
          for (std::uint16_t key = 0; key < held.size(); ++key) {
            if (key >= kContested && key < kFirstSideKey) continue;
            by_key_[key].operations.push_back(At(o, key, Op::kLoad, kAbsent, ids[key]));
          }
          break;
        }
        case Op::kClear:
          for (std::uint16_t key = 0; key < held.size(); ++key) {
            by_key_[key].operations.push_back(At(o, key, Op::kStore, kAbsent, kAbsent));
          }
          break;
        case Op::kSize:
          break;
        case Op::kLoad:
          if (MayLag(o, log == logs.back())) break;
          [[fallthrough]];
        default:
          by_key_[o.key].operations.push_back(o);
      }
    }
  }
  for (std::size_t key = 0; key < held.size(); ++key) {
    for (Operation& o : by_key_[key].operations) o.key = 0;
    const std::string wrong =
        Solve(by_key_[key], "  key " + std::to_string(key) + " is not linearizable:");
    if (!wrong.empty()) return wrong;
  }
  return SizeAtRest(traits_, *logs.back());
}

std::string Judge::JudgeMap(const std::vector<const Log*>& logs, const std::vector<Id>& held) {
  configurations_ = 0;
  if (std::string wrong = Errors(logs); !wrong.empty()) return wrong;
  const bool snapshot = traits_.range == RangeConsistency::kSnapshot;
  const bool one_moment = snapshot && traits_.size == SizeConsistency::kAsRange;
  Problem joint;
  joint.may_vanish = !traits_.keeps_every_key;
  joint.lanes = kLanes;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    joint.initial[0] = WithLane(joint.initial[0], lane, held[lane]);
  }
  Id still = 0;  // side keys
  for (std::size_t key = kFirstSideKey; key < held.size(); ++key) {
    still = static_cast<Id>(still + (held[key] != kAbsent));
  }
  bool cleared = false;
  std::vector<Operation> sizes, looks;
  std::vector<Id> ids;
  for (const Log* log : logs) {
    const bool at_rest = log == logs.back();
    for (Operation o : log->operations) {
      switch (o.op) {
        case Op::kRange:
          if (std::string wrong = ByKey(log->ranges[o.state], held.size(), ids); !wrong.empty()) {
            return "  " + wrong + ".\n";
          }
          for (std::size_t key = kLanes; key < held.size(); ++key) {
            if (ids[key] != held[key]) {
              return "  Range does not visit key " + std::to_string(key) +
                     ", which is never touched, or with another value.\n";
            }
          }
          o.state = 0;
          for (std::uint16_t lane = 0; lane < kLanes; ++lane) {
            if (snapshot) {
              o.state = WithLane(o.state, lane, ids[lane]);
            } else {
              looks.push_back(At(o, lane, Op::kLoad, kAbsent, ids[lane]));
            }
          }
          if (snapshot) joint.operations.push_back(o);
          break;
        case Op::kClear:
          cleared = true;
          for (std::uint16_t lane = 0; !traits_.clear_is_atomic && lane < kLanes; ++lane) {
            joint.operations.push_back(At(o, lane, Op::kStore, kAbsent, kAbsent));
          }
          if (traits_.clear_is_atomic) joint.operations.push_back(o);
          break;
        case Op::kStoreBatch:
          for (std::uint16_t lane = 0; !traits_.batch_is_atomic && lane < kLanes; ++lane) {
            const Id id = Lane(o.state, lane);
            if (id == kAbsent) continue;
            joint.operations.push_back(At(o, lane, Op::kStore, id, kAbsent));
          }
          if (traits_.batch_is_atomic) joint.operations.push_back(o);
          break;
        case Op::kSize:
          if (at_rest) break;
          o.result = static_cast<Id>(o.result - still);
          (one_moment ? joint.operations : sizes).push_back(o);
          break;
        case Op::kLoad:
          if (MayLag(o, at_rest)) break;
          [[fallthrough]];
        default:
          if (o.key < kLanes) {
            joint.operations.push_back(o);
          } else if (o.result != held[o.key]) {
            return "  key " + std::to_string(o.key) +
                   ", which is never touched, is not what it was.\n";
          }
      }
    }
  }
  if (cleared && still != 0) return "  Clear in a map with side keys.\n";
  std::string wrong = Solve(joint, "  the map as a whole is not linearizable:");
  // What a Range that is no snapshot saw of one key says nothing of another.
  for (std::uint16_t lane = 0; wrong.empty() && !looks.empty() && lane < kLanes; ++lane) {
    Problem one = Project(joint, lane);
    for (const Operation& look : looks) {
      if (look.key != lane) continue;
      one.operations.push_back(look);
      one.operations.back().key = 0;
    }
    wrong = Solve(one, "  key " + std::to_string(lane) + " is not linearizable:");
  }
  for (std::size_t i = 0; wrong.empty() && i < sizes.size(); ++i) {
    wrong = CheckSize(joint, sizes[i]);
  }
  if (!wrong.empty()) return wrong;
  return SizeAtRest(traits_, *logs.back());
}

// The bound for designs that count in parts.
std::string Judge::CheckSize(const Problem& joint, const Operation& size) {
  if (traits_.size == SizeConsistency::kBehind) return "";
  const bool late = traits_.size == SizeConsistency::kLate;
  int low = 0, high = 0;
  for (std::uint16_t lane = 0; lane < kLanes; ++lane) {
    const Problem one = Project(joint, lane);
    const std::vector<State> states = checker_.PossibleStates(one, size.invoked);
    if (states.empty()) return "";  // then the map is wrong, and Solve says so
    low += std::all_of(states.begin(), states.end(), [](State s) { return s; });
    high += std::any_of(states.begin(), states.end(), [](State s) { return s; });
    for (const Operation& o : one.operations) {
      if (o.invoked > size.returned || o.returned < size.invoked) continue;
      if (OnlyReads(o)) continue;
      const bool removes = o.op == Op::kDelete || o.op == Op::kLoadAndDelete ||
                           o.op == Op::kCompareAndDelete ||
                           (o.op == Op::kStore && o.argument == kAbsent);
      const bool inserts = !removes && o.op != Op::kCompareAndSwap;
      low -= removes || (late && inserts);
      high += inserts || (late && removes);
    }
  }
  if (joint.may_vanish) low = 0;
  // Only where a removal may be counted before its insertion are there fewer than none,
  // as the side keys show.
  if (!late) low = std::max(low, 0);
  const int result = static_cast<std::int16_t>(size.result);
  if (result >= low && result <= high) return "";
  std::vector<Operation> all = joint.operations;
  all.push_back(size);
  return "  Size() is out of bounds: not in [" + std::to_string(low) + ", " + std::to_string(high) +
         "] as explained by what overlaps it\n  before: " + ShowState(joint.initial[0], kLanes) +
         "\n" + Show(all);
}

}  // namespace cmap::verification
