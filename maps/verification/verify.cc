// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/verify.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

#include "maps/verification/checker.h"
#include "maps/verification/clock.h"
#include "maps/verification/crew.h"
#include "maps/verification/judge.h"
#include "maps/verification/program.h"

namespace cmap::verification {
namespace {

using testing::HashKind;
using testing::Random;

struct Setting {
  std::string tunable;
  std::int64_t value;
};

// Values of tunables, other than what they are by default, that make a map.
std::vector<Setting> SettingsOf(const testing::Subject& subject) {
  std::vector<Setting> settings;
  for (const testing::TunableInfo& tunable : subject.tunables) {
    for (const std::int64_t value :
         {tunable.min, tunable.min + 1, std::int64_t{2}, std::int64_t{8}, std::int64_t{64}}) {
      if (value < tunable.min || value > tunable.max || value == tunable.initial) {
        continue;
      }
      try {
        subject.make_with(tunable.name, value);
      } catch (const std::invalid_argument&) {
        continue;  // not a power of two, or the like
      }
      settings.push_back({tunable.name, value});
    }
  }
  return settings;
}

class Verifier {
 public:
  Verifier(const testing::Subject& subject, const Options& options)
      : subject_(subject),
        options_(options),
        repertoire_(RepertoireOf(subject.traits, options.max_threads)),
        judge_(subject.traits),
        crew_(std::make_unique<Crew>(repertoire_.max_threads)),
        logs_(static_cast<std::size_t>(repertoire_.max_threads) + 1),
        accesses_(logs_.size()) {
    report_.name = subject.name.substr(0, subject.name.find(' '));
    report_.seed = options.seed;
    if (options.vary_tunables) settings_ = SettingsOf(subject);
  }

  Report Run() {
    const auto start = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    // In turn, so that a limit of time cuts both.
    for (std::uint64_t group = 0;; ++group) {
      const bool keys = report_.histories < options_.histories;
      const bool whole =
          report_.map_histories < options_.map_histories && !repertoire_.whole.empty();
      if ((!keys && !whole) || (options_.stop_at_first && report_.violations != 0) ||
          (options_.seconds > 0 && elapsed() > options_.seconds)) {
        break;
      }
      group_ = group;
      Random random(MixBits(options_.seed) + group);
      const bool due =
          report_.histories * options_.map_histories >= report_.map_histories * options_.histories;
      if (whole && (due || !keys)) {
        MapHistory(random);
      } else {
        KeyHistories(random);
      }
    }
    crew_.reset();
    subject_.quiesce();
    report_.seconds = elapsed();
    return std::move(report_);
  }

 private:
  void MakeMap(Random& random) {
    map_.reset();
    const std::uint64_t draw = random.Below(4);
    hash_ = draw < 2 ? HashKind::kGood : draw == 2 ? HashKind::kTruncated : HashKind::kConstant;
    internal::hash_kind.store(hash_, std::memory_order_relaxed);
    setting_ = nullptr;
    if (!settings_.empty() && random.OneIn(2)) {
      setting_ = &settings_[random.Below(settings_.size())];
      map_ = subject_.make_with(setting_->tunable, setting_->value);
    } else {
      map_ = subject_.make();
    }
    naming_.serial = 1;
    naming_.first_key = random.OneIn(4) ? 0 : random.Next();
  }

  // Stores some of the first contested keys and the first side keys; held_ and
  // naming_.before, which hold `limit` keys, say which.
  void Fill(Random& random, std::uint16_t limit, std::uint16_t contested, std::uint16_t sides) {
    naming_.before.assign(limit, 0);
    held_.assign(limit, kAbsent);
    for (std::uint16_t key = 0; key < limit; ++key) {
      naming_.before[key] = key + 1u;
      const bool side = key >= kFirstSideKey;
      if (!side && key >= contested) continue;
      if (side ? key - kFirstSideKey >= sides : random.OneIn(2)) continue;
      map_->Put(naming_.Key(key), naming_.before[key]);
      held_[key] = static_cast<Id>(key + 1);
    }
  }

  void Record(Random& random, const Program& program, bool disturbed = true) {
    const double probability =
        disturbed ? options_.perturbation / (random.OneIn(3) ? 4.0 : 1.0) : 0;
    const std::uint64_t seed = random.Next();
    const std::function<void(int)> work = [&](int thread) {
      const auto i = static_cast<std::size_t>(thread);
      const std::uint64_t before = Perturber::Accesses();
      Perturber::Start(seed + i, probability);
      Perform(*map_, program, thread, naming_, logs_[i]);
      Perturber::Stop();
      subject_.idle();
      accesses_[i] = Perturber::Accesses() - before;
    };
    used_ = static_cast<std::size_t>(program.threads);
    for (Log& log : logs_) log.Clear();
    subject_.idle();
    if (!crew_->Run(program.threads, work, std::chrono::seconds(options_.hang_seconds))) {
      std::fprintf(stderr, "%s did not end after %d s: a deadlock, or a livelock.\n",
                   Where().c_str(), options_.hang_seconds);
      std::abort();
    }
    // At rest. What is there now is part of the history, and the beginning of the
    // next.
    Log& rest = logs_[used_];
    Program look;
    look.tasks.resize(used_ + 1);
    if (!subject_.traits.unsupported.contains(Op::kSize)) {
      // First: where a Load may lag behind, it does not any more after this.
      look.tasks[used_].push_back({.op = Op::kSize});
    }
    for (std::uint16_t key = 0; key < held_.size(); ++key) {
      if (key >= kContested && key < kFirstSideKey) continue;
      look.tasks[used_].push_back({.op = Op::kLoad, .key = key});
    }
    if (!repertoire_.whole.empty() && repertoire_.whole[0] == Op::kRange && random.OneIn(4)) {
      look.tasks[used_].push_back({.op = Op::kRange});
    }
    Perform(*map_, look, static_cast<int>(used_), naming_, rest);

    history_.clear();
    for (std::size_t i = 0; i <= used_; ++i) {
      for (Operation o : logs_[i].operations) {
        if (i == used_ && o.op == Op::kSize) continue;
        history_.push_back(o);
      }
      report_.perturbed_accesses += i < used_ ? accesses_[i] : 0;
    }
    const auto least = [](int& low, int value) { low = low == 0 ? value : std::min(low, value); };
    least(report_.min_threads, program.threads);
    least(report_.min_keys, program.keys);
    report_.max_threads = std::max(report_.max_threads, program.threads);
    report_.max_keys = std::max<int>(report_.max_keys, program.keys);
    report_.operations += history_.size();
    report_.longest = std::max<std::uint64_t>(report_.longest, history_.size());
  }

  // Returns whether the map may be used on.
  bool Judge(bool whole) {
    std::vector<const Log*> logs;
    for (std::size_t i = 0; i <= used_; ++i) logs.push_back(&logs_[i]);
    const std::string wrong = whole ? judge_.JudgeMap(logs, held_) : judge_.JudgeKeys(logs, held_);
    report_.configurations =
        std::max<std::uint64_t>(report_.configurations, judge_.configurations());
    if (wrong.empty()) return true;
    if (report_.violations++ == 0) {
      report_.first_violation = report_.histories + report_.map_histories;
    }
    if (report_.counterexamples.size() < options_.keep) {
      report_.counterexamples.push_back(Where() + ":\n" + wrong);
    }
    return false;
  }

  void KeyHistories(Random& random) {
    const std::uint16_t sides = DrawSideKeys(random);
    MakeMap(random);
    Fill(random, sides == 0 ? kContested : static_cast<std::uint16_t>(kFirstSideKey + sides),
         kContested, static_cast<std::uint16_t>(random.Below(sides + 1u)));
    for (std::uint64_t left = 1 + random.Below(4);
         left != 0 && report_.histories < options_.histories; --left) {
      if (random.OneIn(4)) {
        // Every yield would empty a store buffer.
        Record(random, DrawCrosswiseProgram(random, repertoire_), /*disturbed=*/false);
      } else {
        Record(random, DrawKeyProgram(random, repertoire_, sides));
      }
      ++report_.histories;
      if (!Judge(false)) break;
      // The next history on the same map starts from what this one left.
      ++naming_.serial;
      for (const Operation& o : logs_[used_].operations) {
        if (o.op != Op::kLoad) continue;
        const bool held = o.result != kAbsent;
        // Nobody stores what stands for the value of an absent key.
        naming_.before[o.key] = held ? Last(o) : o.key + 1u;
        held_[o.key] = held ? static_cast<Id>(o.key + 1) : kAbsent;
      }
    }
    map_.reset();
  }

  // The value behind what a look at rest has found.
  Number Last(const Operation& look) const {
    return look.result >= kFirstWrite ? (naming_.serial - 1) << 16 | look.result
                                      : naming_.before[look.key];
  }

  void MapHistory(Random& random) {
    const bool may_clear = random.OneIn(3);
    const std::uint64_t most = may_clear ? 0 : random.OneIn(8) ? 200 : 40;
    const std::uint64_t still = subject_.traits.keeps_every_key ? random.Below(most + 1) : 0;
    MakeMap(random);
    Fill(random, static_cast<std::uint16_t>(kFirstSideKey + still), kLanes,
         static_cast<std::uint16_t>(still));
    Record(random, DrawMapProgram(random, repertoire_, may_clear));
    ++report_.map_histories;
    Judge(true);
    map_.reset();
  }

  std::string Where() const {
    std::string text = report_.name + ", history " +
                       std::to_string(report_.histories + report_.map_histories) + " of seed " +
                       std::to_string(options_.seed) + " (group " + std::to_string(group_) + ", " +
                       std::to_string(used_) + " threads, ";
    text += hash_ == HashKind::kGood        ? "good hash"
            : hash_ == HashKind::kTruncated ? "truncated hash"
                                            : "constant hash";
    if (setting_ != nullptr) {
      text += ", " + setting_->tunable + " = " + std::to_string(setting_->value);
    }
    return text + ")";
  }

  const testing::Subject& subject_;
  const Options& options_;
  const Repertoire repertoire_;
  verification::Judge judge_;
  std::unique_ptr<Crew> crew_;
  std::vector<Setting> settings_;
  Report report_;

  std::uint64_t group_ = 0;
  HashKind hash_ = HashKind::kGood;
  const Setting* setting_ = nullptr;
  std::unique_ptr<testing::AnyMap> map_;
  Naming naming_;
  std::vector<Id> held_;  // by key, at the beginning of the history

  std::size_t used_ = 0;  // threads; logs_[used_] is what came after them
  std::vector<Log> logs_;
  std::vector<std::uint64_t> accesses_;
  std::vector<Operation> history_;
};

}  // namespace

std::string NotApplicable(const Traits& traits) {
  if (traits.read_progress == Progress::kUnsynchronised || traits.max_threads == 1) {
    return "for one thread only";
  }
  if (!traits.returns_results) return "returns no results";
  return "";
}

Report VerifySubject(const testing::Subject& subject, const Options& options) {
  const std::string why = NotApplicable(subject.traits);
  if (!why.empty()) {
    Report report;
    report.name = subject.name.substr(0, subject.name.find(' '));
    report.not_applicable = why;
    return report;
  }
  ClockName();
  return Verifier(subject, options).Run();
}

}  // namespace cmap::verification
