# SPDX-License-Identifier: Apache-2.0
"""Mistakes in sync_map: promotion, the states of an entry, second looks under the mutex, freeing."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "sync_map", "maps/sync_map.h", *rest, **kwargs)

def _entry(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "sync_map", "maps/sync_map/sync_entry.h", *rest, **kwargs)

def _indexes(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "sync_map", "maps/sync_map/sync_indexes.h", *rest, **kwargs)

SYNC_MAP = [
    # Promotion and the making of dirty.
    _indexes(
        "promotes_one_miss_late",
        "    if (++misses_ < dirty_->size()) return;\n",
        "    if (++misses_ <= dirty_->size()) return;\n",
        "Dirty is promoted after one miss more than it has keys.",
        "own_test",
    ),
    _indexes(
        "dirty_survives_promotion",
        """    Publish(fresh.release());
    dirty_ = nullptr;
""",
        "    Publish(fresh.release());\n",
        "After a promotion dirty and read are one index, written under readers' feet.",
        "one_thread",
    ),
    _indexes(
        "not_amended",
        "      amended.reset(new ReadOnly{read->index, true});\n",
        "      amended.reset(new ReadOnly{read->index, false});\n",
        "Readers are not told that dirty holds more.",
        "one_thread",
    ),
    _indexes(
        "dirty_without_live_entries",
        "        dirty->insert(slot);\n",
        "        if (reserved_ != 0) dirty->insert(slot);\n",
        "A new dirty begins empty: the next promotion loses all keys of read.",
        "one_thread",
    ),
    _indexes(
        "nil_left_out_of_dirty",
        "        while (cell == nullptr && !slot.entry->Exchange(cell, &Entry::kExpunged)) {\n",
        "        while (cell == &Entry::kExpunged && !slot.entry->Exchange(cell, &Entry::kExpunged)) {\n",
        "A deleted entry stays nil when it is left out of dirty: revived without the mutex, it is lost at the promotion.",
        "one_thread",
    ),
    _indexes(
        "expunges_without_exchange",
        """        while (cell == nullptr && !slot.entry->Exchange(cell, &Entry::kExpunged)) {
        }
""",
        """        if (cell == nullptr) {
          slot.entry->cell.store(&Entry::kExpunged, std::memory_order_release);
        }
""",
        "Nil becomes expunged by a store: a value put there meanwhile is overwritten.",
        "linearizability",
    ),
    _mutant(
        "range_does_not_promote",
        "      if (indexes_.Read()->amended) {\n",
        "      if (indexes_.Read()->amended && indexes_.Size() == 0) {\n",
        "Range visits what is in read only.",
        "one_thread",
    ),
    _indexes(
        "size_of_read_only",
        "    return CountValues<Entry>(read->amended ? *dirty_ : *read->index);\n",
        "    return CountValues<Entry>(*read->index);\n",
        "Size counts read although dirty holds more.",
        "one_thread",
    ),

    # The states of an entry.
    _indexes(
        "unexpunged_not_in_dirty",
        "    dirty_->insert(Slot{hash, &entry});\n",
        "    if (dirty_->empty()) dirty_->insert(Slot{hash, &entry});\n",
        "A revived entry is not put back into dirty: lost at the next promotion.",
        "one_thread",
    ),
    _entry(
        "revives_expunged_without_mutex",
        "{ return cell == &kExpunged || cell == &kComputing; }\n",
        "{ return cell == &kComputing; }\n",
        "Store revives an expunged entry as if it were nil: lost at the next promotion.",
        "one_thread",
    ),
    _entry(
        "stores_over_computing",
        "{ return cell == &kExpunged || cell == &kComputing; }\n",
        "{ return cell == &kExpunged; }\n",
        "Writers take an entry that is being computed for nil.",
        "linearizability",
    ),
    _entry(
        "computes_without_mark",
        "    if (!Exchange(now, &kComputing)) return {ValueOf(now), true};\n",
        """    now = cell.load(std::memory_order_acquire);
    if (now != nullptr) return {ValueOf(now), true};
""",
        "LoadOrCompute does not mark the entry: what is stored while it computes is overwritten.",
        "linearizability",
    ),

    # Second looks under the mutex.
    _indexes(
        "load_without_second_look",
        """    const ReadOnly* read = Read();
    Entry* entry = FindEntry(*read->index, probe);
    if (entry == nullptr && read->amended) {
      entry = FindInDirty(probe);
      Miss(guard);
    }
    return entry;
""",
        """    Entry* entry = FindInDirty(probe);
    if (entry != nullptr) Miss(guard);
    return entry;
""",
        "Load looks into dirty under the mutex and not again into read: it misses keys promoted meanwhile.",
        "threads",
    ),
    _mutant(
        "load_or_store_without_second_look",
        """    if (Entry* entry = indexes_.FindInRead(probe)) {
      indexes_.Unexpunge(probe.hash, *entry);
      return *entry->TryLoadOrStore(value, box);
    }
""",
        "",
        "LoadOrStore looks into dirty under the mutex and not again into read: it adds keys a second time.",
        "one_thread",
    ),
    _mutant(
        "store_without_second_look",
        """    if (Entry* entry = indexes_.FindInRead(probe)) {
      indexes_.Unexpunge(probe.hash, *entry);
      entry->template TryReplace<kWantOld>(box, old, guard);
    } else if ((entry = indexes_.FindInDirty(probe)) != nullptr) {
""",
        """    if (Entry* entry = indexes_.FindInDirty(probe)) {
""",
        "Store looks into dirty under the mutex and not again into read: it adds keys a second time.",
        "one_thread",
    ),

    # Compare and exchange.
    _entry(
        "remove_without_exchange",
        """      take(ValueOf(now));
      if (Exchange(now, nullptr)) {
        RetireBox(now, guard);
        return true;
      }
""",
        """      take(ValueOf(now));
      if (cell.exchange(nullptr) != nullptr) {
        RetireBox(now, guard);
        return true;
      }
""",
        "LoadAndDelete removes whatever is there, not the value it returns.",
        "lives",
    ),
    _entry(
        "compares_once",
        """    while (IsValue(now) && ValueOf(now) == expected) {
      if (!box) box = std::make_unique<Box>(desired);
""",
        """    if (!IsValue(now) || !(ValueOf(now) == expected)) return false;
    while (IsValue(now)) {
      if (!box) box = std::make_unique<Box>(desired);
""",
        "CompareAndSwap does not compare again when its exchange has failed.",
        "threads",
    ),
    _entry(
        "exchange_relaxed",
        "    return cell.compare_exchange_strong(from, to, std::memory_order_acq_rel,\n",
        "    return cell.compare_exchange_strong(from, to, std::memory_order_relaxed,\n",
        "(2) is relaxed: a reader may see the box before its value.",
        "tsan",
    ),
    _entry(
        "load_relaxed",
        "    const Cell* now = cell.load(std::memory_order_acquire);\n    return IsValue",
        "    const Cell* now = cell.load(std::memory_order_relaxed);\n    return IsValue",
        "(1) is relaxed in Value: a reader may see the box before its value.",
        "tsan",
    ),
    _indexes(
        "published_relaxed",
        "    read_.store(read, std::memory_order_release);  // (6), with (5)\n",
        "    read_.store(read, std::memory_order_relaxed);\n",
        "(6) is relaxed: a reader may see the new index before what is in it.",
        "tsan",
    ),
    _indexes(
        "read_relaxed",
        "    return read_.load(std::memory_order_acquire);\n",
        "    return read_.load(std::memory_order_relaxed);\n",
        "(5) is relaxed: a reader may see the new index before what is in it.",
        "tsan",
    ),

    # Freeing.
    _entry(
        "box_freed_too_early",
        "    guard.Retire(static_cast<Box*>(cell), sizeof(Box) + HeapBytes(ValueOf(cell)));\n",
        "    if (guard.Prepare(0); cell != nullptr) delete static_cast<Box*>(cell);\n",
        "A replaced value is freed at once.",
        "lives",
    ),
    _entry(
        "box_never_freed",
        "    guard.Retire(static_cast<Box*>(cell), sizeof(Box) + HeapBytes(ValueOf(cell)));\n",
        "    if (cell != nullptr) guard.Prepare(0);\n",
        "A replaced value is never freed.",
        "lives",
    ),
    _indexes(
        "entry_never_freed",
        "    guard.Retire(entry);  // it never was in read: no index leads to it now\n",
        "",
        "An entry erased from dirty is never freed.",
        "asan",
    ),
    _indexes(
        "entry_freed_in_dirty",
        "    dirty_->erase(it);\n",
        "",
        "An entry is freed and stays in dirty.",
        "lives",
    ),
    _indexes(
        "dropped_entries_never_freed",
        "    old->dropped.swap(expunged_);\n",
        "    expunged_.clear();\n",
        "Entries that a promotion leaves behind are never freed.",
        "asan",
    ),
    _indexes(
        "revived_entries_freed",
        "    std::erase_if(expunged_, [](Entry* entry) { return !entry->IsExpunged(); });\n",
        "",
        "Entries that were revived after they had been expunged are freed with the old index.",
        "one_thread",
    ),
    _indexes(
        "clear_remembers_expunged",
        "      expunged_.clear();  // freed with the old index\n",
        "",
        "Clear leaves the entries it gives away on the list of those to be freed.",
        "asan",
    ),
    _mutant(
        "load_without_guard",
        """    Guard guard;
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    const Entry* entry = internal::FindEntry(*read->index, probe);
    if (entry == nullptr) {
      if (!read->amended) return false;
""",
        """    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    const Entry* entry = internal::FindEntry(*read->index, probe);
    if (entry == nullptr) {
      if (!read->amended) return false;
      Guard guard;
""",
        "Load reads index, entry and value without a guard.",
        "threads",
    ),
]
