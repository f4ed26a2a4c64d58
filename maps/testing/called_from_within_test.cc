// SPDX-License-Identifier: Apache-2.0
#include "maps/testing/called_from_within.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "maps/internal/atomics.h"
#include "maps/internal/held_locks.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/locks/striped_lock.h"
#include "maps/testing/called_from_within_strategies.h"

namespace cmap::testing {
namespace {

// Those named hold a lock while they call the function, and need it for the nested Store.
TEST(CalledFromWithin, ComesBackOrSaysSo) {
  std::set<std::string> compute;
  std::set<std::string> visit;
  for (const Ends& ends : AllEnds()) {
    EXPECT_NE(ends.compute, End::kHung) << ends.strategy << ", LoadOrCompute";
    EXPECT_NE(ends.visit, End::kHung) << ends.strategy << ", Visit";
    if (ends.compute == End::kSaidSo) compute.insert(ends.strategy);
    if (ends.visit == End::kSaidSo) visit.insert(ends.strategy);
  }
  EXPECT_EQ(compute, (std::set<std::string>{
                         "adaptive_map", "bin_lock_map", "bounded_cache_map", "cache_line_map", "generation_pointer_map",
                         "generation_seqlock_map", "hash_trie_map", "hot_cold_map", "lookaside_map", "mutex_bucket_map",
                         "mutex_map", "published_map", "rw_mutex_map", "segment_map", "sharded_map", "shared_mutex_map",
                         "snapshot_map", "striped_reader_map", "sync_map"}));
  EXPECT_EQ(visit, (std::set<std::string>{
                       "adaptive_map", "bounded_cache_map", "hot_cold_map", "lookaside_map", "mutex_bucket_map",
                       "mutex_map", "published_map", "rw_mutex_map", "sharded_map", "shared_mutex_map",
                       "striped_reader_map"}));
}

using Atomics = NativeAtomics;

// A lock waited for by the thread that holds it, in any mode of both.
template <class Lock>
class HeldLock : public ::testing::Test {};
using Locks = ::testing::Types<internal::MutexLock<Atomics>, internal::SharedLock<Atomics>,
                               internal::OneByteLock<Atomics>, internal::WriterPreferringLock<Atomics>,
                               internal::StripedReaderLock<Atomics>>;
TYPED_TEST_SUITE(HeldLock, Locks);

TYPED_TEST(HeldLock, IsNotWaitedFor) {
  const auto twice = [](auto first, auto second) {
    return HowItEnds([&] {
      TypeParam lock;
      first(lock);
      second(lock);
    });
  };
  const auto exclusive = [](auto& lock) { lock.lock(); };
  const auto shared = [](auto& lock) { lock.lock_shared(); };
  EXPECT_EQ(twice(exclusive, exclusive), End::kSaidSo);
  EXPECT_EQ(twice(exclusive, shared), End::kSaidSo);
  EXPECT_EQ(twice(shared, exclusive), End::kSaidSo);
  // Without a writer in between, a second reader of the same thread gets in.
  EXPECT_EQ(twice(shared, shared), TypeParam::kShared ? End::kCameBack : End::kSaidSo);
}

TYPED_TEST(HeldLock, IsForgottenWhenItIsLeft) {
  EXPECT_EQ(HowItEnds([] {
              TypeParam first;
              TypeParam second;
              for (int i = 0; i < 1000; ++i) {
                first.lock();
                second.lock();
                first.unlock();  // not the last one
                first.lock_shared();
                second.unlock();
                second.lock_shared();
                first.unlock_shared();
                second.unlock_shared();
              }
            }),
            End::kCameBack);
}

}  // namespace
}  // namespace cmap::testing
