// SPDX-License-Identifier: Apache-2.0
//
// What the heap has, and what the maps say they have.
#include "maps/internal/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "maps/memory/heap.h"
#include "maps/memory/measure.h"
#include "maps/memory/subject.h"

namespace cmap::memory {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HeapIsCounted()) GTEST_SKIP() << "a sanitizer has replaced the allocator";
  }
};

TEST_F(MemoryTest, TheHookCountsAsMallocBytesDoes) {
  for (const std::size_t bytes : {1u, 24u, 25u, 40u, 41u, 1000u, 100'000u}) {
    const std::int64_t before = HeapBytes();
    ResetPeak();
    auto block = std::make_unique<char[]>(bytes);
    EXPECT_EQ(HeapBytes() - before, static_cast<std::int64_t>(internal::MallocBytes(bytes)));
    block.reset();
    EXPECT_EQ(HeapBytes(), before);
    EXPECT_EQ(PeakHeapBytes() - before, static_cast<std::int64_t>(internal::MallocBytes(bytes)));
  }
}

TEST_F(MemoryTest, TheHookCountsWhoeverAsks) {
  const std::int64_t before = HeapBytes();
  void* block = std::malloc(100);
  block = std::realloc(block, 10'000);
  EXPECT_GE(HeapBytes() - before, 10'000);
  EXPECT_LT(HeapBytes() - before, 10'100);
  std::free(block);
  std::free(std::calloc(10, 100));
  std::free(std::aligned_alloc(64, 6400));
  EXPECT_EQ(HeapBytes(), before);
  void* pages = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  EXPECT_EQ(HeapBytes() - before, 1 << 20);
  munmap(pages, 1 << 20);
  EXPECT_EQ(HeapBytes(), before);
}

TEST_F(MemoryTest, EveryStrategyIsKnown) {
  EXPECT_GE(Subjects().size(), 11u);
  for (std::size_t i = 1; i < Subjects().size(); ++i) {
    EXPECT_LT(Subjects()[i - 1].name, Subjects()[i].name);
  }
}

// MemoryBytes() against the heap: within 3 %, and 4 KiB for what is not the map's own
// (records, a vector that kept its capacity).
TEST_F(MemoryTest, MapsKnowWhatTheyHold) {
  for (const Subject& subject : Subjects()) {
    if (subject.peer || !WhyNot(subject).empty()) continue;
    for (const Number entries : {1'000u, 100'000u}) {
      const Footprint f = Measure(subject, entries);
      const std::string what = subject.name + " with " + std::to_string(entries) + " entries";
      if (subject.traits.keeps_every_key && f.size) {
        EXPECT_EQ(*f.size, entries) << what;
      }
      EXPECT_GE(f.fill_peak, f.settled) << what;
      EXPECT_GE(f.filled, f.settled) << what;
      if (!f.memory_bytes) continue;
      const auto says = static_cast<double>(*f.memory_bytes);
      // What outlives the map is not its own: its reclamation's records and lists.
      const auto holds = static_cast<double>(f.settled - f.leaked);
      EXPECT_NEAR(says, holds, 0.03 * holds + 4096) << what;
      // These do not grow with the map, whatever it retired at once.
      EXPECT_LE(f.leaked, 16'384) << what;
    }
  }
}

}  // namespace
}  // namespace cmap::memory
