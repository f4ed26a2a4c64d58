// SPDX-License-Identifier: Apache-2.0
//
// Faults on demand: the n-th hash, comparison or copy of the calling thread throws. For
// allocations see counting_new.h.
#ifndef CMAP_MAPS_TESTING_FAULTS_H_
#define CMAP_MAPS_TESTING_FAULTS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {

enum class Fault : std::uint8_t {
  kHash,
  kEquality,  // of keys, and of values
  kKeyCopy,
  kValueCopy,
  kAllocation,
};
inline constexpr std::array<std::string_view, 5> kFaultNames = {
    "hash", "equality", "key copy", "value copy", "allocation"};

constexpr std::string_view FaultName(Fault fault) {
  return kFaultNames[static_cast<std::size_t>(fault)];
}

// What hash, equality and key copies throw. Value copies throw
// LifeCounted::CopyFailed, allocations std::bad_alloc.
struct FaultInjected {};

// Makes the n-th hash, comparison or key copy of this thread from now (1 is the next)
// throw; the other kinds are LifeCounted's and counting_new.h's.
void ArmFault(Fault fault, std::uint64_t n);
// Switches that off; whether it has thrown.
bool DisarmFault();
// Called where a fault of this kind may happen.
void MayFail(Fault fault);

// A key that counts its lives and whose copies and comparisons may fail.
class FaultyKey {
 public:
  explicit FaultyKey(std::uint64_t number) : life_(number) {}
  FaultyKey(const FaultyKey& other) : life_(Checked(other)) {}
  FaultyKey(FaultyKey&&) noexcept = default;
  FaultyKey& operator=(const FaultyKey& other) {
    life_ = LifeCounted(Checked(other));
    return *this;
  }
  FaultyKey& operator=(FaultyKey&&) noexcept = default;

  std::uint64_t number() const { return life_.number(); }

  friend bool operator==(const FaultyKey& a, const FaultyKey& b) {
    MayFail(Fault::kEquality);
    return a.number() == b.number();
  }
  friend bool operator<(const FaultyKey& a, const FaultyKey& b) {
    MayFail(Fault::kEquality);
    return a.number() < b.number();
  }

 private:
  static std::uint64_t Checked(const FaultyKey& other) {
    MayFail(Fault::kKeyCopy);
    return other.number();
  }

  LifeCounted life_;
};

// Pairs of keys share a hash, so that chains are compared along.
struct FaultyHash {
  std::uint64_t operator()(const FaultyKey& key) const {
    MayFail(Fault::kHash);
    return MixBits(key.number() / 2);
  }
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_FAULTS_H_
