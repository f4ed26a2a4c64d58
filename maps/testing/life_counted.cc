// SPDX-License-Identifier: Apache-2.0
#include "maps/testing/life_counted.h"

#include <atomic>
#include <utility>

#include "maps/testing/faults.h"

namespace cmap::testing {
namespace {

constexpr std::uint64_t kAlive = 0x616c697665616c69;
constexpr std::uint64_t kDead = 0x6465616464656164;

// Relaxed: only totals matter, and they are read after the threads were joined.
std::atomic<std::int64_t> alive{0};
std::atomic<std::int64_t> violations{0};

thread_local int copies_until_throw = 0;
thread_local const LifeCounted::FarewellHook* farewell_hook = nullptr;

void CountCopy() {
  if (copies_until_throw > 0 && --copies_until_throw == 0) {
    throw LifeCounted::CopyFailed();
  }
  MayFail(Fault::kValueCopy);
}

}  // namespace

LifeCounted::LifeCounted(std::uint64_t number) : mark_(kAlive), number_(number) {
  alive.fetch_add(1, std::memory_order_relaxed);
}

LifeCounted::LifeCounted(const LifeCounted& other) {
  CountCopy();
  number_ = other.number();
  mark_ = kAlive;
  alive.fetch_add(1, std::memory_order_relaxed);
}

LifeCounted::LifeCounted(LifeCounted&& other) noexcept
    : mark_(kAlive), number_(other.number()), moved_from_(other.moved_from_) {
  other.moved_from_ = true;
  alive.fetch_add(1, std::memory_order_relaxed);
}

LifeCounted& LifeCounted::operator=(const LifeCounted& other) {
  CheckAlive();
  CountCopy();
  const std::uint64_t number = other.number();
  const bool moved_from = other.moved_from_;
  SayFarewell();
  number_ = number;
  moved_from_ = moved_from;
  return *this;
}

LifeCounted& LifeCounted::operator=(LifeCounted&& other) noexcept {
  CheckAlive();
  const std::uint64_t number = other.number();
  const bool moved_from = std::exchange(other.moved_from_, true);
  SayFarewell();
  number_ = number;
  moved_from_ = moved_from;
  return *this;
}

LifeCounted::~LifeCounted() {
  CheckAlive();
  SayFarewell();
  // Through volatile: the compiler may otherwise drop a store to an object whose
  // life ends here.
  *const_cast<volatile std::uint64_t*>(&mark_) = kDead;
  alive.fetch_sub(1, std::memory_order_relaxed);
}

std::uint64_t LifeCounted::number() const {
  CheckAlive();
  return number_;
}

bool operator==(const LifeCounted& a, const LifeCounted& b) {
  MayFail(Fault::kEquality);
  return a.number() == b.number();
}

void LifeCounted::CheckAlive() const {
  if (*const_cast<const volatile std::uint64_t*>(&mark_) != kAlive) {
    violations.fetch_add(1, std::memory_order_relaxed);
  }
}

std::int64_t LifeCounted::Alive() {
  return alive.load(std::memory_order_relaxed);
}

std::int64_t LifeCounted::Violations() {
  return violations.load(std::memory_order_relaxed);
}

void LifeCounted::OnFarewell(const FarewellHook* hook) { farewell_hook = hook; }

void LifeCounted::SayFarewell() noexcept {
  if (farewell_hook == nullptr || moved_from_) [[likely]]
    return;
  const FarewellHook* const hook = std::exchange(farewell_hook, nullptr);
  (*hook)(number_);
  farewell_hook = hook;
}

void LifeCounted::ThrowAfter(int copies) { copies_until_throw = copies; }

}  // namespace cmap::testing
