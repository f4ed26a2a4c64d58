// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/history.h"

#include <algorithm>

namespace cmap::verification {
namespace {

std::string ShowId(Id id) {
  if (id == kAbsent) return "nothing";
  if (id == kForeign) return "a value that nobody stored";
  return "#" + std::to_string(id);
}

std::string_view Bool(bool flag) { return flag ? "true" : "false"; }

}  // namespace

bool Step(const Operation& o, State& state) {
  const Id now = Lane(state, o.key);
  switch (o.op) {
    case Op::kLoad:
      return o.result == now;
    case Op::kStore:
      state = WithLane(state, o.key, o.argument);
      return true;
    case Op::kLoadOrStore:
    case Op::kLoadOrCompute:
      if (now != kAbsent) return o.flag && o.result == now;
      if (o.flag || o.result != o.argument) return false;
      state = WithLane(state, o.key, o.argument);
      return true;
    case Op::kLoadAndDelete:
      if (o.result != now) return false;
      state = WithLane(state, o.key, kAbsent);
      return true;
    case Op::kDelete:
      if (o.flag != (now != kAbsent)) return false;
      state = WithLane(state, o.key, kAbsent);
      return true;
    case Op::kSwap:
      if (o.result != now) return false;
      state = WithLane(state, o.key, o.argument);
      return true;
    case Op::kCompareAndSwap:
    case Op::kCompareAndDelete:
      if (o.flag != (now != kAbsent && now == o.expected)) return false;
      if (o.flag) state = WithLane(state, o.key, o.argument);
      return true;
    case Op::kRange:
      return state == o.state;
    case Op::kClear:
      state = 0;
      return true;
    case Op::kSize:
      return Present(state) == o.result;
    case Op::kStoreBatch:
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        const Id id = Lane(o.state, lane);
        if (id != kAbsent) state = WithLane(state, lane, id);
      }
      return true;
    case Op::kReserve:
    case Op::kMemoryBytes:
      return true;
  }
  return false;
}

bool OnlyReads(const Operation& o) {
  switch (o.op) {
    case Op::kLoad:
    case Op::kRange:
    case Op::kSize:
    case Op::kReserve:
    case Op::kMemoryBytes:
      return true;
    case Op::kLoadOrStore:
    case Op::kLoadOrCompute:
      return o.flag;
    case Op::kLoadAndDelete:
      return o.result == kAbsent;
    case Op::kDelete:
    case Op::kCompareAndSwap:
    case Op::kCompareAndDelete:
      return !o.flag;
    case Op::kStore:
    case Op::kSwap:
    case Op::kClear:
    case Op::kStoreBatch:
      return false;
  }
  return false;
}

std::string ShowState(State state, unsigned lanes, unsigned first_key) {
  std::string text;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (lane != 0) text += ", ";
    const Id id = Lane(state, lane);
    text += "key " + std::to_string(first_key + lane) +
            (id == kAbsent ? " is absent" : " holds " + ShowId(id));
  }
  return text;
}

std::string Show(const Operation& o, unsigned first_key) {
  std::string text = std::string(OpName(o.op)) + "(";
  const std::string key = "key " + std::to_string(first_key + o.key);
  const std::string stores = ", stores " + ShowId(o.argument);
  const std::string expects = ", expects " + ShowId(o.expected);
  switch (o.op) {
    case Op::kLoad:
      if (o.state != 0) return "range(), at " + key + " -> " + ShowId(o.result);
      [[fallthrough]];
    case Op::kLoadAndDelete:
      return text + key + ") -> " + ShowId(o.result);
    case Op::kStore:
      if (o.argument == kAbsent) return "clear(), at " + key;
      return text + key + stores + ")";
    case Op::kLoadOrStore:
    case Op::kLoadOrCompute:
      return text + key + stores + ") -> " + ShowId(o.result) + (o.flag ? ", loaded" : ", stored");
    case Op::kDelete:
      return text + key + ") -> " + std::string(Bool(o.flag));
    case Op::kSwap:
      return text + key + stores + ") -> " + ShowId(o.result);
    case Op::kCompareAndSwap:
      return text + key + expects + stores + ") -> " + std::string(Bool(o.flag));
    case Op::kCompareAndDelete:
      return text + key + expects + ") -> " + std::string(Bool(o.flag));
    case Op::kRange:
      return text + ") sees: " + ShowState(o.state, kLanes);
    case Op::kSize:
      return text + ") -> " + std::to_string(static_cast<std::int16_t>(o.result));
    case Op::kStoreBatch:
      return text + ") stores: " + ShowState(o.state, kLanes);
    case Op::kClear:
    case Op::kReserve:
    case Op::kMemoryBytes:
      return text + ")";
  }
  return text;
}

std::string Show(std::span<const Operation> history, unsigned first_key) {
  // Times become ranks: what matters is their order.
  std::vector<std::uint64_t> times;
  for (const Operation& o : history) {
    times.push_back(o.invoked);
    if (o.returned != kNever) times.push_back(o.returned);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  const auto rank = [&](std::uint64_t time) {
    return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), time) -
                                    times.begin());
  };
  std::vector<Operation> sorted(history.begin(), history.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Operation& a, const Operation& b) { return a.invoked < b.invoked; });
  std::string text;
  for (const Operation& o : sorted) {
    const std::size_t from = rank(o.invoked);
    const std::size_t to = o.returned == kNever ? times.size() : rank(o.returned);
    std::string bar(times.size() + 1, ' ');
    for (std::size_t i = from; i <= to; ++i) bar[i] = '-';
    bar[from] = '|';
    bar[to] = o.returned == kNever ? '>' : '|';
    text += "  thread " + std::to_string(o.thread) + "  " + bar + "  " + Show(o, first_key) + "\n";
  }
  return text;
}

}  // namespace cmap::verification
