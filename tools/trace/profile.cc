// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/profile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "maps/concurrent_map.h"
#include "workloads/key_state.h"

namespace cmap::trace {
namespace {

constexpr std::size_t kGrowthPoints = 64;

bool IsLookup(Op op) {
  return op == Op::kLoad || op == Op::kLoadOrStore || op == Op::kLoadOrCompute;
}

}  // namespace

std::uint64_t ThresholdOf(double rate) {
  if (rate >= 1) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::ldexp(rate, 64));
}

Profile::Profile(const Options& options)
    : max_keys_(options.max_keys),
      rate_(options.sample),
      threshold_(ThresholdOf(options.sample)),
      again_(kDistances) {
  if (rate_ < 1) BeginSampling();
}

void Profile::Add(const Record& record, std::uint64_t key_hash) {
  ++of_op_[static_cast<std::size_t>(record.op)];
  arrivals_.Add(record.time_ns);
  if (record.key_bytes) key_sizes_.Add(*record.key_bytes);
  if (record.value_bytes) value_sizes_.Add(*record.value_bytes);
  found_told_ += record.found && IsLookup(record.op);
  if (rate_ < 1) {
    AddToAllKeys(key_hash, 1);
    AddEarly(record, key_hash);
  }
  if (Followed(key_hash)) {
    const std::size_t known = index_.size();
    const std::uint32_t key = index_.Number(key_hash);
    AddKey(key, record, key < known);
    if (index_.size() > max_keys_) {
      if (rate_ >= 1) BeginSampling();
      while (index_.size() > max_keys_ && rate_ > 1e-9) Halve();
    }
  }
  ++ops_;
  if (ops_ % growth_step_ == 0) NoteGrowth();
}

void Profile::AddKey(std::uint32_t number, const Record& record, bool known) {
  const std::size_t group = GroupOf(index_.hash(number));
  if (known) {
    // Followed keys stand for 1 / rate_ keys each, also in the stack.
    const double distance = stack_.Depth(number) / rate_;
    const auto bin = static_cast<std::size_t>(
        std::bit_width(static_cast<std::uint64_t>(std::ceil(distance)) - 1));
    ++again_[bin][group];
    stack_.Touch(number);
  } else {
    keys_.push_back({.state = workloads::kAbsent});
    stack_.Push();
  }
  Key& key = keys_[number];
  ++requests_[group];
  lookups_[group] += IsLookup(record.op);
  present_ -= key.state != workloads::kAbsent;
  Apply(key, record);
  present_ += key.state != workloads::kAbsent;
}

void Profile::Apply(Key& key, const Record& record) const {
  const workloads::SetStep& step = workloads::ApplyToStates(record.op, ops_ & 1, key.state);
  key.misses += IsLookup(record.op) && !record.found.value_or(step.certain);
  key.state = step.after;
  ++key.requests;
}

void Profile::AddEarly(const Record& record, std::uint64_t hash) {
  if (early_index_.size() < kEarlyKeys) {
    const std::uint32_t number = early_index_.Number(hash);
    if (number == early_keys_.size()) early_keys_.push_back({.state = workloads::kAbsent});
    Apply(early_keys_[number], record);
  } else if (const auto number = early_index_.Find(hash)) {
    Apply(early_keys_[*number], record);
  }
}

void Profile::AddToAllKeys(std::uint64_t hash, std::uint64_t count) {
  frequent_->Add(hash, count);
  std::uint64_t bits = hash;
  for (auto& buckets : buckets_) {
    // Ten bits a hashing, mixed anew as they run out.
    bits = MixBits(bits + 1);
    buckets[bits >> 54] += count;
  }
}

void Profile::BeginSampling() {
  frequent_.emplace();
  buckets_.resize(kHashings);
  for (std::uint32_t i = 0; i < keys_.size(); ++i) {
    AddToAllKeys(index_.hash(i), keys_[i].requests);
    if (i >= kEarlyKeys) continue;
    early_index_.Number(index_.hash(i));
    early_keys_.push_back(keys_[i]);
  }
}

// Keys above the new threshold are forgotten; what they added to sums is taken off on average.
void Profile::Halve() {
  rate_ /= 2;
  threshold_ /= 2;
  KeyIndex index;
  std::vector<Key> keys;
  workloads::LruStack stack;
  present_ = 0;
  // From the bottom of the stack, so that the new one has the same order.
  for (std::uint32_t depth = stack_.size(); depth != 0; --depth) {
    const std::uint32_t old = stack_.At(depth);
    if (!Followed(index_.hash(old))) continue;
    index.Number(index_.hash(old));
    keys.push_back(keys_[old]);
    stack.Push();
    present_ += keys_[old].state != workloads::kAbsent;
  }
  index_ = std::move(index);
  keys_ = std::move(keys);
  stack_ = std::move(stack);
  const auto halve = [](Grouped& groups) {
    for (double& count : groups) count /= 2;
  };
  std::for_each(again_.begin(), again_.end(), halve);
  halve(requests_);
  halve(lookups_);
}

void Profile::NoteGrowth() {
  growth_.push_back(
      {ops_, static_cast<double>(index_.size()) / rate_, static_cast<double>(present_) / rate_});
  if (growth_.size() < kGrowthPoints) return;
  // Every second point is enough from now on.
  for (std::size_t i = 0; i < kGrowthPoints / 2; ++i) growth_[i] = growth_[2 * i + 1];
  growth_.resize(kGrowthPoints / 2);
  growth_step_ *= 2;
}

}  // namespace cmap::trace
