// SPDX-License-Identifier: Apache-2.0
#include "maps/testing/faults.h"

namespace cmap::testing {
namespace {

constinit thread_local Fault armed = Fault::kHash;
constinit thread_local std::uint64_t left = 0;  // 0: nothing armed

}  // namespace

void ArmFault(Fault fault, std::uint64_t n) {
  armed = fault;
  left = n;
}

bool DisarmFault() {
  const bool fired = left == 0;
  left = 0;
  return fired;
}

void MayFail(Fault fault) {
  if (left != 0 && fault == armed && --left == 0) throw FaultInjected();
}

}  // namespace cmap::testing
