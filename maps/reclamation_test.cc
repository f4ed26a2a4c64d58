// SPDX-License-Identifier: Apache-2.0
//
// What the reclamation policies of the maps differ in: what a reader that stops, or a
// thread that rests, keeps from being freed; and that all of it is freed afterwards.

#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/hash_trie_map.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/reclamation/hazard.h"
#include "maps/internal/reclamation/published.h"
#include "maps/internal/reclamation/rcu_memb.h"
#include "maps/internal/reclamation/rcu_qsbr.h"
#include "maps/internal/reclamation/reclamation.h"
#include "maps/snapshot_map.h"
#include "maps/sync_map.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using testing::LifeCounted;
using internal::EpochDomain;
using internal::HazardDomain;
using internal::MembarrierDomain;
using internal::QuiescentDomain;
using internal::SharedPointers;

static_assert(internal::ReclamationDomain<EpochDomain<NativeAtomics>>);
static_assert(internal::ReclamationDomain<HazardDomain<NativeAtomics>>);
static_assert(internal::ReclamationDomain<QuiescentDomain<NativeAtomics>>);
static_assert(internal::ReclamationDomain<MembarrierDomain<NativeAtomics>>);

template <template <class> class R>
using Snapshot =
    SnapshotMap<U64, LifeCounted, DefaultHash<U64>, NativeAtomics, R>;
template <template <class> class R>
using Sync = SyncMap<U64, LifeCounted, DefaultHash<U64>, NativeAtomics,
                     SyncMapLayout::kPacked, R>;
template <template <class> class R>
using Trie = HashTrieMap<U64, LifeCounted, DefaultHash<U64>, NativeAtomics, R>;

// `kBounded`: a stopped reader keeps what it reads and no more. `kRests`: a thread that
// rests outside of any guard keeps all garbage from being freed, unless it says so.
template <class M, bool kBounded_, bool kRests_ = false>
struct Kind {
  using Map = M;
  static constexpr bool kBounded = kBounded_;
  static constexpr bool kRests = kRests_;
};

template <class T>
class ReclamationTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kKeys = 4;
  static constexpr U64 kWrites = 3000;

  ReclamationTest() {
    for (U64 k = 0; k < kKeys; ++k) map_->Store(k, LifeCounted(k));
    map_->Range([](U64, const LifeCounted&) { return true; });
    T::Map::Quiesce();
  }
  ~ReclamationTest() override {
    EXPECT_EQ(LifeCounted::Alive() - before_, kKeys) << "with the map";
    map_.reset();
    T::Map::Quiesce();
    EXPECT_EQ(LifeCounted::Alive(), before_);
    EXPECT_EQ(LifeCounted::Violations(), 0);
  }

  std::int64_t Garbage() const {
    return LifeCounted::Alive() - before_ - kKeys;
  }
  void Overwrite() {
    for (U64 i = 0; i < kWrites; ++i) map_->Store(i % kKeys, LifeCounted(i));
  }

  const std::int64_t before_ = LifeCounted::Alive();
  std::unique_ptr<typename T::Map> map_ = std::make_unique<typename T::Map>();
};

#ifdef CMAP_THREAD_SANITIZER
// It follows neither liburcu nor libstdc++ 12's atomic shared_ptr: strategies.bzl.
using Kinds = ::testing::Types<
    Kind<Snapshot<EpochDomain>, false>, Kind<Snapshot<HazardDomain>, true>,
    Kind<Sync<EpochDomain>, false>, Kind<Trie<EpochDomain>, false>>;
#else
using Kinds = ::testing::Types<
    Kind<Snapshot<EpochDomain>, false>, Kind<Snapshot<HazardDomain>, true>,
    Kind<Snapshot<QuiescentDomain>, false, true>,
    Kind<Snapshot<MembarrierDomain>, false>, Kind<Snapshot<SharedPointers>, true>,
    Kind<Sync<EpochDomain>, false>, Kind<Sync<QuiescentDomain>, false, true>,
    Kind<Sync<MembarrierDomain>, false>, Kind<Trie<EpochDomain>, false>,
    Kind<Trie<QuiescentDomain>, false, true>,
    Kind<Trie<MembarrierDomain>, false>>;
#endif
TYPED_TEST_SUITE(ReclamationTest, Kinds);

TYPED_TEST(ReclamationTest, AStoppedReader) {
  std::promise<void> inside, leave;
  std::thread reader([&] {
    bool first = true;
    this->map_->Range([&](U64, const LifeCounted& value) {
      if (std::exchange(first, false)) {
        inside.set_value();
        leave.get_future().wait();
      }
      EXPECT_LT(value.number(), this->kWrites);  // and it is alive
      return true;
    });
  });
  inside.get_future().wait();
  this->Overwrite();
  if (TypeParam::kBounded) {
    // What it reads, and a batch: of tables, in these maps.
    EXPECT_LE(this->Garbage(), (1 + 64) * this->kKeys);
  } else {
    EXPECT_GE(this->Garbage(), static_cast<std::int64_t>(this->kWrites));
  }
  leave.set_value();
  reader.join();
  TypeParam::Map::Quiesce();
  EXPECT_EQ(this->Garbage(), 0) << "all of it is freed when the reader has gone";
}

TYPED_TEST(ReclamationTest, AThreadThatRests) {
  for (const bool says_so : {false, true}) {
    std::promise<void> resting, leave;
    std::thread other([&] {
      this->map_->Load(1);
      if (says_so) TypeParam::Map::Idle();
      resting.set_value();
      leave.get_future().wait();
    });
    resting.get_future().wait();
    this->Overwrite();
    TypeParam::Map::Quiesce();
    if (TypeParam::kRests && !says_so) {
      EXPECT_GE(this->Garbage(), static_cast<std::int64_t>(this->kWrites) / 2);
    } else {
      EXPECT_EQ(this->Garbage(), 0);
    }
    leave.set_value();
    other.join();
    TypeParam::Map::Quiesce();
    EXPECT_EQ(this->Garbage(), 0);
  }
}

// Threads that end leave nothing behind, whoever frees it.
TYPED_TEST(ReclamationTest, ThreadsThatEnd) {
  TypeParam::Map::Idle();
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      for (U64 k = 0; k < 20; ++k) this->map_->Store(k % 4, LifeCounted(k));
    }).join();
  }
  TypeParam::Map::Quiesce();
  EXPECT_EQ(this->Garbage(), 0);
}

#ifndef CMAP_THREAD_SANITIZER
template <class T>
class RcuReclamationTest : public ReclamationTest<T> {};
using RcuKinds =
    ::testing::Types<Kind<Snapshot<QuiescentDomain>, false, true>,
                     Kind<Snapshot<MembarrierDomain>, false>>;
TYPED_TEST_SUITE(RcuReclamationTest, RcuKinds);

// A map used by the destructor of a thread-local that is older than the thread's first
// use of a map: liburcu, which keeps its registration in a thread-local too, must not
// go on to ask the thread after it. (For the other domains: internal/reclamation/records_test.cc.)
TYPED_TEST(RcuReclamationTest, UseWhileTheThreadEnds) {
  std::thread([&] {
    struct AtEnd {
      typename TypeParam::Map* map = nullptr;
      ~AtEnd() {
        for (U64 k = 0; k < 20; ++k) map->Store(k % 4, LifeCounted(k));
      }
    };
    static thread_local AtEnd at_end;
    at_end.map = this->map_.get();
    this->map_->Store(1, LifeCounted(1));
  }).join();
  TypeParam::Map::Quiesce();
  EXPECT_EQ(this->Garbage(), 0);
}
#endif

}  // namespace
}  // namespace cmap
