# SPDX-License-Identifier: Apache-2.0
"""Claims about behaviour that named tests of the suite decide.

A run cannot show what a state machine never does; a test can. Each claim here
names the tests whose passing is the evidence. They run in `bazel test //...`
against this study's port of the design, not against the original.
"""

import dataclasses

from report.claims.model import CONTRADICTED, PARTLY, SUPPORTED, Claim, Decision

SYNC_MAP = "maps/sync_map_test.cc"
KIT_ONE_THREAD = "maps/testing/sequential_checks.cc"
KIT_THREADS = "maps/testing/concurrent_checks.cc"
KIT_READERS = "maps/testing/concurrent_reader_checks.cc"
KIT_WHOLE = "maps/testing/whole_map_checks.cc"
KIT_TEST = "maps/testing/kit_test.cc"


@dataclasses.dataclass(frozen=True)
class _ByTests:
    """A decision that stands as long as the named tests pass."""

    verdict: str
    finding: str
    tests: tuple[tuple[str, str], ...]  # file, name of a test or of a check of the kit

    def __call__(self) -> Decision:
        named = ", ".join(f"{name} ({file})" for file, name in self.tests)
        return Decision(self.verdict, f"{self.finding} Shown by {named}.")


def _claim(id_: str, text: str, verdict: str, finding: str, *tests: tuple[str, str]) -> Claim:
    return Claim(id_, text, _ByTests(verdict, finding, tests))


def tests_of(claim: Claim) -> tuple[tuple[str, str], ...]:
    """The (file, name) of the tests behind a claim of CLAIMS."""
    return claim.decide.tests


CLAIMS = (
    _claim("000-C04", "Every miss of sync.Map checks read against dirty in full.", CONTRADICTED,
           "Entries are copied once per promotion cycle, whatever the number of misses.",
           (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries")),
    _claim("000-C06", "LoadOrStore of a nil value causes the allocation of the whole dirty map.",
           PARTLY, "The first new key after a promotion does, with any value.",
           (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries")),
    _claim("000-C19", "The states of an entry are present, deleted and nil.", CONTRADICTED,
           "They are value, nil and expunged; expunging happens in the copy and only there.",
           (SYNC_MAP, "DeletedKeysAreExpungedByTheCopyAndOnlyThen")),
    _claim("000-C20", "Dirty is copied from read at the first write.", PARTLY,
           "At the first new key; overwriting a key in read copies nothing.",
           (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries"), (SYNC_MAP, "KeysInReadNeedNoLock")),
    _claim("000-C23", "A read that hits needs one atomic state check and no allocation.", SUPPORTED,
           "A hit allocates nothing and takes no lock.",
           (SYNC_MAP, "HitsAllocateNothing"), (SYNC_MAP, "KeysInReadNeedNoLock")),
    _claim("000-C25", "LoadOrStore on an expunged entry returns at once without a lock.",
           CONTRADICTED, "It takes the lock, revives the entry and enters it into dirty.",
           (SYNC_MAP, "DeletedKeysAreExpungedByTheCopyAndOnlyThen"),
           (SYNC_MAP, "RevivalsRaceWithCopiesAndPromotions")),
    _claim("000-C50", "Of racing initialisers, LoadOrCompute-like calls may run several.",
           CONTRADICTED, "The function runs at most once per stored value, under races too.",
           (KIT_THREADS, "load_or_compute_once")),
    _claim("001-C03", "Every read touches the miss counter and may promote.", CONTRADICTED,
           "A hit in read neither locks nor counts.", (SYNC_MAP, "KeysInReadNeedNoLock"),
           (SYNC_MAP, "OperationsOnReadGoOnWhileTheMutexIsHeld")),
    _claim("001-C11", "Range of sync.Map is a snapshot.", CONTRADICTED,
           "It promises each key at most once and every key present throughout; stores made "
           "during the call may appear.", (KIT_READERS, "concurrent_range"),
           (SYNC_MAP, "RangePromotesOnce")),
    _claim("001-C16", "missLocked rebuilds dirty from read.", CONTRADICTED,
           "It publishes dirty as read; the copy comes with the next new key.",
           (SYNC_MAP, "TheLthMissPromotesADirtyOfLKeys"),
           (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries")),
    _claim("002-C01", "An absent key sends Load to dirty under the lock when read is not amended.",
           CONTRADICTED, "The reverse: the lock is taken only when read is amended.",
           (SYNC_MAP, "AbsentKeysNeedNoLockUnlessAmended")),
    _claim("002-C02", "The first new key copies read into dirty; later writes go to dirty.",
           SUPPORTED, "One copy of the live entries per cycle.",
           (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries")),
    _claim("002-C12", "Load followed by Store is an atomic reservation, and LoadOrStore cannot "
           "express that the first writer wins.", CONTRADICTED,
           "LoadOrStore admits exactly one winner; a split check-then-store is one of the "
           "mistakes that the kit catches.", (KIT_THREADS, "reservation"),
           (KIT_TEST, "SplitLoadOrStore")),
    _claim("002-C22", "Dirty is promoted when the misses reach its size.", SUPPORTED,
           "With L keys in dirty exactly the L-th locked miss promotes.",
           (SYNC_MAP, "TheLthMissPromotesADirtyOfLKeys"), (SYNC_MAP, "WhatCountsAsAMiss")),
    _claim("002-C23", "Any miss of an amended map promotes dirty at once.", CONTRADICTED,
           "Misses before the L-th promote nothing.",
           (SYNC_MAP, "TheLthMissPromotesADirtyOfLKeys")),
    _claim("002-C26", "Deleted values stay reachable in sync.Map.", CONTRADICTED,
           "A removed value is destroyed within a bounded number of operations; only its key "
           "stays until the next copy.", (KIT_ONE_THREAD, "deleted_values_are_destroyed"),
           (SYNC_MAP, "KeysValuesAndIndexesAreFreed")),
    _claim("002-C30", "After a deletion LoadOrStore returns nil and false.", CONTRADICTED,
           "It stores and returns the given value, and false.", (KIT_ONE_THREAD, "load_or_store")),
    _claim("002-C32", "Promotion happens when the misses exceed the size of dirty.", CONTRADICTED,
           "It happens when they reach it.", (SYNC_MAP, "TheLthMissPromotesADirtyOfLKeys")),
    _claim("003-C17", "Store and Load are atomic per key, but Load may return a stale value.",
           PARTLY, "Atomic per key; a value once taken out never comes out again.",
           (KIT_THREADS, "values_come_out_once"), (KIT_READERS, "readers_see_stored_values")),
    _claim("003-C18", "Range is no snapshot and holds a lock while it iterates.", PARTLY,
           "No snapshot; the callback may call any operation of the map.",
           (KIT_WHOLE, "range_nested_calls"), (KIT_READERS, "concurrent_range")),
    _claim("003-C21", "Bulk stores copy dirty many times.", CONTRADICTED,
           "Stores are not misses: without locked reads there is one copy, of what read held.",
           (SYNC_MAP, "WhatCountsAsAMiss"), (SYNC_MAP, "OneCopyPerCycleOfTheLiveEntries")),
    _claim("003-C33", "Readers of a published snapshot always see one complete map.", SUPPORTED,
           "Batches become visible at once and Range shows one state.",
           (KIT_READERS, "batch_is_atomic"), (KIT_READERS, "range_is_snapshot")),
)
