// SPDX-License-Identifier: Apache-2.0
//
// What the heap has, and what the maps say they have.
#include "maps/internal/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/memory/arguments.h"
#include "maps/memory/heap.h"
#include "maps/memory/measure.h"
#include "maps/memory/subject.h"
#include "maps/profiles/bad_arguments.h"
#include "maps/profiles/kept.h"

namespace cmap::memory {
namespace {

TEST(MemoryTest, TheHookCountsAsMallocBytesDoes) {
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

TEST(MemoryTest, TheHookCountsWhoeverAsks) {
  const std::int64_t before = HeapBytes();
  void* block = std::malloc(100);
  block = std::realloc(block, 10'000);
  EXPECT_GE(HeapBytes() - before, 10'000);
  EXPECT_LT(HeapBytes() - before, 10'100);
  std::free(block);
  std::free(std::calloc(10, 100));
  std::free(std::aligned_alloc(64, 6400));
  EXPECT_EQ(HeapBytes(), before);
}

// Address space of its own: pages without access keep its neighbours away, so that the kernel
// does not take several mappings for one, and huge pages end with it.
class Pages {
 public:
  static constexpr std::int64_t kHuge = 2 << 20;

  explicit Pages(std::int64_t bytes) : bytes_(bytes) {
    all_ = mmap(nullptr, Room(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all_ == MAP_FAILED) std::abort();
    begin_ = static_cast<char*>(all_) + kHuge;
    begin_ -= reinterpret_cast<std::uintptr_t>(begin_) % static_cast<std::uintptr_t>(kHuge);
    if (mprotect(begin_, bytes, PROT_READ | PROT_WRITE) != 0) std::abort();
  }
  ~Pages() { munmap(all_, Room()); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  char* begin() const { return begin_; }
  void Advise(int advice) const { madvise(begin_, bytes_, advice); }
  void Write(std::int64_t at) const { begin_[at] = 1; }
  void Read(std::int64_t at) const { (void)*static_cast<volatile char*>(begin_ + at); }

  // What the kernel says of it, from another of its sources than heap.cc has it from.
  std::int64_t Anonymous() const {
    std::ostringstream start;
    start << std::hex << reinterpret_cast<std::uintptr_t>(begin_) << "-";
    std::ifstream file("/proc/self/smaps");
    bool mine = false;
    for (std::string line; std::getline(file, line);) {
      mine = mine || line.starts_with(start.str());
      constexpr std::string_view kAnonymous = "Anonymous:";
      if (mine && line.starts_with(kAnonymous)) {
        return std::stoll(line.substr(kAnonymous.size())) * 1024;
      }
    }
    ADD_FAILURE() << "/proc/self/smaps does not have the mapping";
    return -1;
  }

 private:
  std::int64_t Room() const { return bytes_ + 2 * kHuge; }

  const std::int64_t bytes_;
  void* all_;
  char* begin_;
};

const std::int64_t kPage = sysconf(_SC_PAGESIZE);

TEST(MemoryTest, TheHookCountsPagesThatAreTouched) {
  const std::int64_t before = HeapBytes();
  {
    const Pages pages(64 * kPage);
    pages.Advise(MADV_NOHUGEPAGE);
    EXPECT_EQ(HeapBytes(), before);
    ResetPeak();
    for (const std::int64_t page : {0, 1, 7, 63}) pages.Write(page * kPage);
    EXPECT_EQ(HeapBytes() - before, 4 * kPage);
    madvise(pages.begin(), kPage, MADV_DONTNEED);
    EXPECT_EQ(HeapBytes() - before, 3 * kPage);
    munmap(pages.begin() + 7 * kPage, kPage);
    EXPECT_EQ(HeapBytes() - before, 2 * kPage);
    // What is on both sides of the hole is still known.
    for (const std::int64_t page : {6, 8}) pages.Write(page * kPage);
    EXPECT_EQ(HeapBytes() - before, 4 * kPage);
    munmap(pages.begin() + 8 * kPage, 56 * kPage);
    EXPECT_EQ(HeapBytes() - before, 2 * kPage);
    EXPECT_EQ(PeakHeapBytes() - before, 4 * kPage);
  }
  EXPECT_EQ(HeapBytes(), before);
}

// Reading may map a page of zeros, which takes no memory, and huge pages may be had or not: it
// is as the kernel has it.
TEST(MemoryTest, TheHookCountsWhatTheKernelGives) {
  for (const int advice : {MADV_NOHUGEPAGE, MADV_HUGEPAGE}) {
    const std::int64_t before = HeapBytes();
    {
      const Pages pages(4 * Pages::kHuge);
      pages.Advise(advice);
      const auto counted = [&] { return HeapBytes() - before; };
      pages.Read(0);
      pages.Read(Pages::kHuge);
      std::int64_t bytes = counted();
      EXPECT_EQ(bytes, pages.Anonymous());
      pages.Write(kPage);
      pages.Write(2 * Pages::kHuge);
      bytes = counted();
      EXPECT_EQ(bytes, pages.Anonymous());
      EXPECT_GE(bytes, 2 * kPage);
      if (advice == MADV_NOHUGEPAGE) {
        EXPECT_LE(bytes, 4 * kPage);
      }
      madvise(pages.begin() + kPage, kPage, MADV_DONTNEED);
      bytes = counted();
      EXPECT_EQ(bytes, pages.Anonymous());
    }
    EXPECT_EQ(HeapBytes(), before);
  }
}

TEST(MemoryTest, TheHookFollowsMappingsThatMove) {
  const std::int64_t before = HeapBytes();
  void* const small =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(small, kPage, MADV_NOHUGEPAGE);
  *static_cast<char*>(small) = 1;
  EXPECT_EQ(HeapBytes() - before, kPage);
  auto* const large = static_cast<char*>(mremap(small, kPage, 9 * kPage, MREMAP_MAYMOVE));
  EXPECT_EQ(HeapBytes() - before, kPage);
  large[kPage] = 1;
  EXPECT_EQ(HeapBytes() - before, 2 * kPage);
  // In place of what is there, which is given back.
  mmap(large, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  EXPECT_EQ(HeapBytes() - before, kPage);
  munmap(large, 9 * kPage);
  EXPECT_EQ(HeapBytes(), before);
}

TEST(MemoryTest, ThePeakIsOfBlocksAndMappingsTogether) {
  const std::int64_t before = HeapBytes();
  {
    const Pages pages(100 * kPage);
    pages.Advise(MADV_NOHUGEPAGE);
    ResetPeak();
    for (std::int64_t page = 0; page < 40; ++page) pages.Write(page * kPage);
    pages.Advise(MADV_DONTNEED);
    EXPECT_EQ(PeakHeapBytes() - before, 40 * kPage);
    // One after the other, not at once.
    void* volatile block = std::malloc(50 * kPage);  // volatile: not optimised away
    std::free(block);
    EXPECT_GE(PeakHeapBytes() - before, 50 * kPage);
    EXPECT_LT(PeakHeapBytes() - before, 51 * kPage);
    block = std::malloc(50 * kPage);
    for (std::int64_t page = 0; page < 30; ++page) pages.Write(page * kPage);
    pages.Advise(MADV_DONTNEED);
    std::free(block);
    EXPECT_GE(PeakHeapBytes() - before, 80 * kPage);
    EXPECT_LT(PeakHeapBytes() - before, 81 * kPage);
  }
  EXPECT_EQ(HeapBytes(), before);
}

TEST(MemoryTest, EveryStrategyIsKnown) {
  EXPECT_GE(Subjects().size(), 11u);
  for (std::size_t i = 1; i < Subjects().size(); ++i) {
    EXPECT_LT(Subjects()[i - 1].name, Subjects()[i].name);
  }
}

// Whether the kernel gives huge pages to who has not asked for them.
bool HugePagesUnasked() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string word;
  return file >> word && word == "[always]";
}

// MemoryBytes() against the heap: within 3 %, and 4 KiB for what is not the map's own
// (records, a vector that kept its capacity).
//
// cache_line_map is the one with tables of its own in mappings. It knows the huge pages that it
// asks for. Behind them are pages of which it has touched the first ones; when the kernel takes
// it upon itself to give a huge page there, the map cannot know, and has up to one more.
TEST(MemoryTest, MapsKnowWhatTheyHold) {
  for (const Subject& subject : Subjects()) {
    if (subject.peer || !WhyNot(subject).empty()) continue;
    for (const Number entries : {1'000u, 100'000u}) {
      const std::string what = subject.name + " with " + std::to_string(entries) + " entries";
      const std::optional<Footprint> measured = Measure(subject, entries);
      ASSERT_TRUE(measured) << what;
      const Footprint& f = *measured;
      if (subject.traits.keeps_every_key && f.size) {
        EXPECT_EQ(*f.size, entries) << what;
      }
      EXPECT_GE(f.fill_peak, f.settled) << what;
      EXPECT_GE(f.filled, f.settled) << what;
      if (!f.memory_bytes) continue;
      const auto says = static_cast<double>(*f.memory_bytes);
      // What outlives the map is not its own: its reclamation's records and lists.
      const auto holds = static_cast<double>(f.settled - f.leaked);
      const bool unasked = subject.name == "cache_line_map" && HugePagesUnasked();
      EXPECT_LE(says, holds + 0.03 * holds + 4096) << what;
      EXPECT_GE(says, holds - 0.03 * holds - 4096 - (unasked ? 2 << 20 : 0)) << what;
      // These do not grow with the map, whatever it retired at once.
      EXPECT_LE(f.leaked, 16'384) << what;
    }
  }
}

// Maps of others too.
TEST(MemoryTest, MapsKeepAfterDeletionsWhatTheirTraitsSay) {
  for (const Subject& subject : Subjects()) {
    if (!WhyNot(subject).empty() || subject.traits.unsupported.contains(Op::kDelete)) continue;
    // liburcu makes its table smaller on a thread of its own, which may come late or forget to.
    for (int tries = 10; tries > 0; --tries) {
      std::optional<Footprint> f = Measure(subject, 100'000);
      // Fewer, and however long they take, where stores are slow: they copy all, into pages
      // that the kernel may have to supply.
      if (!f || f->in_batches) f = Measure(subject, 1'000, false, 1);
      ASSERT_TRUE(f && !f->in_batches) << subject.name;
      const auto full = static_cast<double>(f->settled);
      const auto left = static_cast<double>(f->deleted);
      const auto empty = static_cast<double>(f->empty);
      const AfterDeletion is = left >= 0.95 * full                  ? AfterDeletion::kAll
                               : left <= empty + 0.02 * full + 4096 ? AfterDeletion::kNone
                                                                    : AfterDeletion::kTable;
      if (subject.traits.after_deletion == is) break;
      EXPECT_GT(tries, 1) << subject.name << " " << AfterDeletionName(is) << ": empty " << empty
                          << ", full " << full << ", then " << left;
    }
  }
}

// A store takes a tenth more than is waited for.
class SlowMap final : public AnyMap {
 public:
  void Store(Number, Number) override {
    for (const std::clock_t start = std::clock();
         static_cast<double>(std::clock() - start) < 1.1 * kSlowStoreSeconds * CLOCKS_PER_SEC;) {
    }
  }
  bool HasBatches() override { return false; }
  void StoreBatch(std::span<const std::pair<Number, Number>>) override {}
  void Delete(Number) override {}
  std::optional<std::size_t> Size() override { return std::nullopt; }
  std::optional<std::size_t> MemoryBytes() override { return std::nullopt; }
  void Quiesce() override {}
};

TEST(MemoryTest, SlowStoresAreNotWaitedFor) {
  Subject slow;
  slow.make = []() -> std::unique_ptr<AnyMap> { return std::make_unique<SlowMap>(); };
  EXPECT_FALSE(Measure(slow, 1'000'000'000));
}

TEST(MemoryTest, WhatCannotBeAskedForIsOneSentence) {
  const auto out = [](const std::vector<std::string>& given, const char* workspace) {
    return ParseArguments(given, workspace).out;
  };
  profiles::ExpectCommonArguments("memory", out);
  EXPECT_EQ(ParseArguments({"--large", "--out=-"}, nullptr).out, "-");
}

TEST(MemoryTest, FiguresOfOthersAreKept) {
  const std::string path = testing::TempDir() + "/kept.json";
  EXPECT_TRUE(profiles::KeptStrategies(path).empty());
  std::ofstream(path) << R"({"strategies": {"mutex_map": 1, "gone_map": 2, "bin_lock_map": 3}})";
  const auto kept = profiles::InOrder(profiles::KeptStrategies(path), Subjects());
  EXPECT_EQ(kept.dump(), R"({"bin_lock_map":3,"mutex_map":1})");
  for (const char* other : {"", "[]", "{}", R"({"strategies": []})"}) {
    std::ofstream(path) << other;
    EXPECT_THROW(profiles::KeptStrategies(path), std::invalid_argument) << other;
  }
}

}  // namespace
}  // namespace cmap::memory
