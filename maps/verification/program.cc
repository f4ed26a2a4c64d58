// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/program.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include "maps/verification/clock.h"
#include "maps/verification/perturbation.h"

namespace cmap::verification {
namespace {

using testing::Random;

// Identifiers of writes, unique in a history.
class Ids {
 public:
  Id Next() { return next_++; }
  Id Any(Random& random) const {
    return static_cast<Id>(kFirstWrite + random.Below(next_ - kFirstWrite + 1u));
  }

 private:
  Id next_ = kFirstWrite;
};

// Whether the operation has a value to store.
bool Brings(Op op) {
  return op == Op::kStore || op == Op::kLoadOrStore || op == Op::kLoadOrCompute ||
         op == Op::kSwap || op == Op::kCompareAndSwap;
}

Task DrawPoint(Random& random, const Repertoire& repertoire, std::uint16_t keys, Ids& ids) {
  Task task;
  task.op = repertoire.points[random.Below(repertoire.points.size())];
  // The lower of two: key 0 is by far the most popular.
  task.key = static_cast<std::uint16_t>(std::min(random.Below(keys), random.Below(keys)));
  if (Brings(task.op)) task.argument = ids.Next();
  if (random.OneIn(4)) {
    task.expected = random.OneIn(2) ? static_cast<Id>(task.key + 1) : ids.Any(random);
  }
  return task;
}

// Stores, looks up or removes side keys, one after the other.
void AddBurst(Random& random, const Repertoire& repertoire, std::uint64_t length,
              std::uint16_t side_keys, Ids& ids, std::vector<Task>& tasks) {
  const std::uint64_t kind = random.Below(8);
  std::uint64_t key = random.Below(side_keys);
  for (std::uint64_t i = 0; i < length; ++i, ++key) {
    Task task;
    task.key = static_cast<std::uint16_t>(kFirstSideKey + key % side_keys);
    if (kind < 4) {
      task.op = repertoire.stores[i % repertoire.stores.size()];
      task.argument = ids.Next();
    } else {
      task.op = kind < 6 && repertoire.removes ? Op::kDelete : Op::kLoad;
    }
    tasks.push_back(task);
  }
}

void InsertAnywhere(Random& random, const Task& task, std::vector<Task>& tasks) {
  tasks.insert(tasks.begin() + static_cast<std::ptrdiff_t>(random.Below(tasks.size() + 1)), task);
}

int DrawThreads(Random& random, int max_threads) {
  const std::uint64_t draw = random.Below(20);
  const int threads = draw < 12 ? 3 : draw < 16 ? 4 : static_cast<int>(draw) - 11;
  return std::min(threads, max_threads);
}

}  // namespace

Repertoire RepertoireOf(const Traits& traits, int max_threads) {
  Repertoire repertoire;
  constexpr std::array<std::pair<Op, int>, 9> kWeights = {{
      {Op::kLoad, 4},
      {Op::kStore, 2},
      {Op::kLoadOrStore, 2},
      {Op::kLoadAndDelete, 2},
      {Op::kDelete, 1},
      {Op::kSwap, 2},
      {Op::kCompareAndSwap, 3},
      {Op::kCompareAndDelete, 2},
      {Op::kLoadOrCompute, 1},
  }};
  for (const auto& [op, weight] : kWeights) {
    if (traits.unsupported.contains(op)) continue;
    repertoire.points.insert(repertoire.points.end(), static_cast<std::size_t>(weight), op);
  }
  for (const Op op : {Op::kStore, Op::kLoadOrStore}) {
    if (!traits.unsupported.contains(op)) repertoire.stores.push_back(op);
  }
  repertoire.removes = !traits.unsupported.contains(Op::kDelete);
  for (const Op op : {Op::kRange, Op::kSize, Op::kStoreBatch, Op::kClear}) {
    if (!traits.unsupported.contains(op)) repertoire.whole.push_back(op);
  }
  repertoire.max_threads =
      traits.max_threads == 0 ? max_threads : std::min(max_threads, traits.max_threads);
  return repertoire;
}

std::uint16_t DrawSideKeys(Random& random) {
  if (random.OneIn(32)) return 600;
  constexpr std::array<std::uint16_t, 4> kSizes = {0, 0, 24, 80};
  return kSizes[random.Below(kSizes.size())];
}

Program DrawKeyProgram(Random& random, const Repertoire& repertoire, std::uint16_t side_keys) {
  Program program;
  Ids ids;
  program.threads = DrawThreads(random, repertoire.max_threads);
  program.keys = static_cast<std::uint16_t>(4 + random.Below(5));
  const std::size_t threads = static_cast<std::size_t>(program.threads);
  program.tasks.resize(threads);
  const std::size_t total = 24 + random.Below(37);
  for (std::size_t i = 0; i < total; ++i) {
    program.tasks[i % threads].push_back(DrawPoint(random, repertoire, program.keys, ids));
  }
  if (side_keys != 0) {
    const std::uint64_t longest = side_keys > 100 ? 150 : 10;
    for (std::vector<Task>& tasks : program.tasks) {
      std::vector<Task> with_bursts;
      const std::uint64_t rate = 1 + tasks.size() / 2;
      for (const Task& task : tasks) {
        if (random.OneIn(rate)) {
          AddBurst(random, repertoire, 1 + random.Below(longest), side_keys, ids, with_bursts);
        }
        with_bursts.push_back(task);
      }
      tasks = std::move(with_bursts);
    }
  }
  const auto supports = [&](Op op) {
    return std::find(repertoire.whole.begin(), repertoire.whole.end(), op) !=
           repertoire.whole.end();
  };
  if (supports(Op::kRange) && random.OneIn(4)) {
    InsertAnywhere(random, {.op = Op::kRange}, program.tasks[0]);
  }
  if (supports(Op::kClear) && random.OneIn(12)) {
    InsertAnywhere(random, {.op = Op::kClear}, program.tasks[1 % threads]);
  }
  return program;
}

Program DrawCrosswiseProgram(Random& random, const Repertoire& repertoire) {
  constexpr int kRounds = 100;
  std::vector<Op> writes;
  for (const Op op : repertoire.points) {
    if (op != Op::kLoad) writes.push_back(op);
  }
  // Half of them of one operation: what follows another kind may empty the buffer.
  if (random.OneIn(2)) writes = {writes[random.Below(writes.size())]};
  Program program;
  Ids ids;
  program.threads = std::min(2, repertoire.max_threads);
  program.keys = 2;
  if (program.threads == 2) program.meeting = std::make_shared<Meeting>();
  program.tasks.resize(static_cast<std::size_t>(program.threads));
  for (std::uint16_t thread = 0; thread < program.threads; ++thread) {
    for (int round = 0; round < kRounds; ++round) {
      Task write;
      write.op = writes[random.Below(writes.size())];
      write.key = thread;
      if (Brings(write.op)) write.argument = ids.Next();
      program.tasks[thread].push_back(write);
      program.tasks[thread].push_back(
          {.op = Op::kLoad, .key = static_cast<std::uint16_t>(1 - thread)});
    }
  }
  return program;
}

Program DrawMapProgram(Random& random, const Repertoire& repertoire, bool may_clear) {
  Program program;
  Ids ids;
  program.threads = std::min(3 + static_cast<int>(random.OneIn(3)), repertoire.max_threads);
  program.keys = static_cast<std::uint16_t>(3 + random.Below(2));
  const std::size_t threads = static_cast<std::size_t>(program.threads);
  program.tasks.resize(threads);
  const std::size_t total = 8 + random.Below(9);
  for (std::size_t i = 0; i < total; ++i) {
    program.tasks[i % threads].push_back(DrawPoint(random, repertoire, program.keys, ids));
  }
  for (std::uint64_t i = 0, n = 2 + random.Below(3); i < n; ++i) {
    const Op op = repertoire.whole[random.Below(repertoire.whole.size())];
    if (op == Op::kClear && !may_clear) continue;
    Task task;
    task.op = op;
    if (op == Op::kStoreBatch) {
      for (unsigned lane = 0; lane < program.keys; ++lane) {
        if (!random.OneIn(3)) task.state = WithLane(task.state, lane, ids.Next());
      }
    }
    InsertAnywhere(random, task, program.tasks[random.Below(threads)]);
  }
  return program;
}

namespace {

class Performer {
 public:
  Performer(testing::AnyMap& map, const Program& program, int thread, const Naming& naming,
            Log& log)
      : map_(map),
        program_(program),
        thread_(static_cast<std::uint8_t>(thread)),
        naming_(naming),
        log_(log) {
    for (std::uint16_t key = 0; key < kFirstSideKey; ++key) {
      last_seen_[key] = static_cast<Id>(key + 1);
    }
  }

  void Do(const Task& task) {
    Operation o;
    o.op = task.op;
    o.thread = thread_;
    o.key = task.key;
    o.argument = task.argument;
    o.state = task.state;
    if (o.op == Op::kCompareAndSwap || o.op == Op::kCompareAndDelete) {
      o.expected = task.expected != kAbsent ? task.expected : last_seen_[task.key];
    }
    const Number key = naming_.Key(task.key);
    const Number value = naming_.Value(task.argument);
    const Number expected = naming_.Value(o.expected);
    switch (o.op) {
      case Op::kLoad:
        Returns(o, [&] { return map_.Load(key); });
        break;
      case Op::kStore:
        Time(o, [&] { map_.Store(key, value); });
        Sees(o.key, o.argument);
        break;
      case Op::kLoadOrStore: {
        Loaded<Number> loaded{};
        Time(o, [&] { loaded = map_.LoadOrStore(key, value); });
        Take(o, loaded);
        break;
      }
      case Op::kLoadOrCompute: {
        Loaded<Number> loaded{};
        int calls = 0;
        Time(o, [&] {
          loaded = map_.LoadOrCompute(key, [&] {
            ++calls;
            return value;
          });
        });
        Take(o, loaded);
        if (calls != (loaded.loaded ? 0 : 1)) {
          log_.error =
              "the function of " + Show(o) + " was called " + std::to_string(calls) + " times";
        }
        break;
      }
      case Op::kLoadAndDelete:
        Returns(o, [&] { return map_.LoadAndDelete(key); });
        break;
      case Op::kDelete:
        Time(o, [&] { o.flag = map_.Delete(key); });
        break;
      case Op::kSwap:
        Returns(o, [&] { return map_.Swap(key, value); });
        Sees(o.key, o.argument);
        break;
      case Op::kCompareAndSwap:
        Time(o, [&] { o.flag = map_.CompareAndSwap(key, expected, value); });
        if (o.flag) Sees(o.key, o.argument);
        break;
      case Op::kCompareAndDelete:
        Time(o, [&] { o.flag = map_.CompareAndDelete(key, expected); });
        break;
      case Op::kRange:
        Range(o);
        break;
      case Op::kClear:
        Time(o, [&] { map_.Clear(); });
        break;
      case Op::kSize: {
        std::size_t size = 0;
        Time(o, [&] { size = map_.Size(); });
        // At most what is still positive as a signed number.
        o.result = static_cast<Id>(std::min<std::size_t>(size, INT16_MAX));
        break;
      }
      case Op::kStoreBatch: {
        std::vector<testing::AnyMap::Pair> batch;
        for (std::uint16_t lane = 0; lane < program_.keys; ++lane) {
          const Id id = Lane(o.state, lane);
          if (id == kAbsent) continue;
          batch.emplace_back(naming_.Key(lane), naming_.Value(id));
        }
        Time(o, [&] { map_.StoreBatch(batch); });
        break;
      }
      case Op::kReserve:
      case Op::kMemoryBytes:
        return;
    }
    log_.operations.push_back(o);
  }

  // Two tasks, of which the second is a Load, with nothing between the operations but the
  // return stamp of the first: recording them would take longer than a store buffer.
  // That stamp serves as the call stamp of the second, which is early enough.
  void DoAtOnce(const Task& task, const Task& load) {
    next_ = &load;
    Do(task);
    next_ = nullptr;
    Operation o;
    o.op = load.op;
    o.thread = thread_;
    o.key = load.key;
    o.invoked = log_.operations.back().returned;
    o.returned = next_returned_;
    if (seen_next_) {
      o.result = naming_.IdOf(o.key, *seen_next_);
      Sees(o.key, o.result);
    }
    log_.operations.push_back(o);
  }

 private:
  template <class F>
  void Time(Operation& o, F call) {
    o.invoked = CallStamp();
    call();
    o.returned = ReturnStamp();
    if (next_ == nullptr) return;
    seen_next_ = map_.Load(naming_.Key(next_->key));
    next_returned_ = ReturnStamp();
  }

  template <class F>
  void Returns(Operation& o, F call) {
    std::optional<Number> value;
    Time(o, [&] { value = call(); });
    if (!value) return;
    o.result = naming_.IdOf(o.key, *value);
    Sees(o.key, o.result);
  }

  void Take(Operation& o, const Loaded<Number>& loaded) {
    o.flag = loaded.loaded;
    o.result = naming_.IdOf(o.key, loaded.value);
    Sees(o.key, o.result);
  }

  void Range(Operation& o) {
    o.state = log_.ranges.size();
    auto& seen = log_.ranges.emplace_back();
    Time(o, [&] {
      map_.Range([&](Number key, Number value) {
        const Number number = key - naming_.first_key;
        if (number >= kMaxKeys) {
          log_.error = "Range visits a key that nobody stored";
          return true;
        }
        const auto index = static_cast<std::uint16_t>(number);
        seen.emplace_back(index, naming_.IdOf(index, value));
        Perturber::OutsidePoint();
        return true;
      });
    });
  }

  void Sees(std::uint16_t key, Id id) {
    if (key < kFirstSideKey && id != kForeign) last_seen_[key] = id;
  }

  testing::AnyMap& map_;
  const Program& program_;
  const std::uint8_t thread_;
  const Naming& naming_;
  Log& log_;
  std::array<Id, kFirstSideKey> last_seen_;
  const Task* next_ = nullptr;  // see DoAtOnce
  std::optional<Number> seen_next_;
  std::uint64_t next_returned_ = 0;
};

}  // namespace

void Perform(testing::AnyMap& map, const Program& program, int thread, const Naming& naming,
             Log& log) noexcept {
  try {
    Performer performer(map, program, thread, naming, log);
    const std::vector<Task>& tasks = program.tasks[static_cast<std::size_t>(thread)];
    if (program.meeting != nullptr) {
      for (std::size_t i = 0; i + 1 < tasks.size(); i += 2) {
        program.meeting->Wait(thread, i + 1);
        performer.DoAtOnce(tasks[i], tasks[i + 1]);
      }
      program.meeting->Leave(thread);
      return;
    }
    for (const Task& task : tasks) {
      performer.Do(task);
      // Between the operations, not inside: a longer interval explains more.
      Perturber::OutsidePoint();
    }
  } catch (const std::exception& e) {
    log.error = std::string("an operation threw: ") + e.what();
  } catch (...) {
    log.error = "an operation threw";
  }
  if (program.meeting != nullptr) program.meeting->Leave(thread);
}

}  // namespace cmap::verification
