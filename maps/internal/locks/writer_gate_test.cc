// SPDX-License-Identifier: Apache-2.0
#include "maps/internal/locks/writer_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "maps/internal/atomics.h"

namespace cmap::internal {
namespace {

using Gate = WriterGate<NativeAtomics>;

// Long enough for another thread to begin to wait, on most runs.
void GiveTime() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

// The destructor of a value may call the map from within a write, while another thread waits for that write.
TEST(WriterGate, AWriterInsidePassesWhileItIsBeingShut) {
  for (int round = 0; round < 5; ++round) {
    Gate gate;
    auto outer = std::make_unique<Gate::Passage>(gate);
    std::atomic<bool> alone = false;
    std::thread closer([&] {
      const Gate::Shut shut(gate);
      alone = true;
    });
    GiveTime();
    EXPECT_TRUE(gate.Inside());
    { const Gate::Passage inner(gate); }
    EXPECT_TRUE(gate.Inside());
    EXPECT_FALSE(alone) << "the inner passage took the outer one's count away";
    outer.reset();
    closer.join();
    EXPECT_TRUE(alone);
    EXPECT_FALSE(gate.Inside());
  }
}

TEST(WriterGate, AWriterInsideAnotherGateWaits) {
  Gate gate;
  Gate other;
  auto shut = std::make_unique<Gate::Shut>(gate);
  std::atomic<bool> entered = false;
  std::thread writer([&] {
    const Gate::Passage elsewhere(other);
    const Gate::Passage passage(gate);
    entered = true;
  });
  GiveTime();
  EXPECT_FALSE(entered);
  shut.reset();
  writer.join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace cmap::internal
