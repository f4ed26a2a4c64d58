# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the maps that are a table behind a lock, in their locks, and in the table."""

load(":mutant.bzl", "mutant")

_MAP = "maps/internal/tables/locked_map.h"
_LOCK = "maps/internal/locks/rw_lock.h"
_TABLE = "maps/internal/tables/table.h"

LOCKS = [
    # mutex_map: the sections of the lock, and the table itself.
    mutant(
        "reads_without_lock",
        "mutex_map",
        _LOCK,
        """  void lock_shared() { mutex_.lock(); }
  void unlock_shared() { mutex_.unlock(); }
""",
        """  void lock_shared() {}
  void unlock_shared() {}
""",
        "Readers do not take the mutex.",
        "threads",
    ),
    mutant(
        "store_unlocks_too_early",
        "mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    table_.Store(hash, key, value);
""",
        """    { Exclusive guard(*this); }
    table_.Store(hash, key, value);
""",
        "Store releases the lock before it changes the table.",
        "threads",
    ),
    mutant(
        "destroys_under_the_lock",
        "mutex_map",
        "maps/internal/tables/departed.h",
        "    table_.SendDepartedTo(&gone_);\n",
        "",
        "Values that leave the map are destroyed under its lock: a destructor that calls the map waits for ever.",
        "lives",
    ),
    mutant(
        "split_load_or_store",
        "mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    return table_.LoadOrStore(hash, key, value);
""",
        """    if (auto found = Load(hash, key)) return {*std::move(found), true};
    Store(hash, key, value);
    return {value, false};
""",
        "LoadOrStore is a Load and then a Store, in two sections of the lock.",
        "threads",
    ),
    mutant(
        "split_compare_and_swap",
        "mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    return table_.CompareAndSwap(hash, key, expected, desired);
""",
        """    if (!(Load(hash, key) == expected)) return false;
    Store(hash, key, desired);
    return true;
""",
        "CompareAndSwap compares in one section of the lock and stores in the next.",
        "threads",
    ),
    mutant(
        "split_swap",
        "mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    return table_.Swap(hash, key, value);
""",
        """    std::optional<V> old = Load(hash, key);
    Store(hash, key, value);
    return old;
""",
        "Swap reads the old value in one section of the lock and stores in the next: a lost update.",
        "threads",
    ),
    mutant(
        "batch_in_steps",
        "mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    for (const auto& [key, value] : batch) {
      table_.Store(hash_of(key), key, value);
    }
""",
        """    for (const auto& [key, value] : batch) {
      Exclusive guard(*this);
      table_.Store(hash_of(key), key, value);
    }
""",
        "StoreBatch takes the lock anew for each pair.",
        "threads",
    ),
    mutant(
        "equal_hash_is_equal_key",
        "mutex_map",
        _TABLE,
        "      return a.hash == b.hash && a.key == b.key;\n",
        "      return a.hash == b.hash;\n",
        "Two keys of one hash are taken for the same key.",
        "one_thread",
        hash = "truncated",
    ),
    mutant(
        "compare_and_delete_ignores_value",
        "mutex_map",
        _TABLE,
        """    if (it == map_.end() || !(Value(it->second) == expected)) return false;
    Prepare(1);
""",
        """    if (it == map_.end()) return false;
    Prepare(1);
""",
        "CompareAndDelete deletes whatever the key holds.",
        "one_thread",
    ),
    mutant(
        "throwing_copy_leaves_entry",
        "mutex_map",
        _TABLE,
        "        if (inserted) map_.erase(it);\n",
        "",
        "LoadOrStore that throws while it copies its result leaves the entry in the table.",
        "lives",
    ),

    # shared_mutex_map: what may be shared, and the look before the exclusive lock.
    mutant(
        "writers_share_the_lock",
        "shared_mutex_map",
        _LOCK,
        """  static constexpr std::string_view kName = "reader-preferring shared mutex";
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
""",
        """  static constexpr std::string_view kName = "reader-preferring shared mutex";
  void lock() { mutex_.lock_shared(); }
  void unlock() { mutex_.unlock_shared(); }
""",
        "Writers take the lock shared.",
        "threads",
    ),
    mutant(
        "reads_without_lock",
        "shared_mutex_map",
        _LOCK,
        """  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }
""",
        """  void lock_shared() {}
  void unlock_shared() {}
""",
        "Readers do not take the lock.",
        "threads",
    ),
    mutant(
        "read_first_without_recheck",
        "shared_mutex_map",
        _MAP,
        """        return {*std::move(found), true};
      }
    }
    return table_.LoadOrStore(hash, key, value);
""",
        """        return {*std::move(found), true};
      }
      table_.Store(hash, key, value);
      return {value, false};
    }
    return table_.LoadOrStore(hash, key, value);
""",
        "With read_first, LoadOrStore trusts the look under the shared lock and does not check again.",
        "linearizability",
    ),
    mutant(
        "read_first_computes_without_recheck",
        "shared_mutex_map",
        _MAP,
        """        return {*std::move(found), true};
      }
    }
    return table_.LoadOrCompute(hash, key, std::forward<F>(make));
""",
        """        return {*std::move(found), true};
      }
      V value = std::forward<F>(make)();
      table_.Store(hash, key, value);
      return {value, false};
    }
    return table_.LoadOrCompute(hash, key, std::forward<F>(make));
""",
        "With read_first, LoadOrCompute computes outside the lock and does not check again.",
        "linearizability",
    ),
    mutant(
        "delete_under_shared_lock",
        "shared_mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    return table_.Delete(hash, key);
""",
        """    Shared guard(lock_);
    return table_.Delete(hash, key);
""",
        "Delete takes the lock shared.",
        "threads",
    ),
    mutant(
        "split_compare_and_delete",
        "shared_mutex_map",
        _MAP,
        """    Exclusive guard(*this);
    return table_.CompareAndDelete(hash, key, expected);
""",
        """    if (!(Load(hash, key) == expected)) return false;
    return Delete(hash, key);
""",
        "CompareAndDelete compares under the shared lock and deletes whatever it finds under the exclusive one.",
        "threads",
    ),
    mutant(
        "range_copies_in_two_sections",
        "shared_mutex_map",
        _MAP,
        """    Shared guard(lock_);
    table_.AppendTo(entries);
""",
        """    {
      Shared guard(lock_);
      table_.AppendTo(entries);
    }
    std::vector<std::pair<K, V>> later;
    {
      Shared guard(lock_);
      table_.AppendTo(later);
    }
    for (std::size_t i = entries.size() / 2; i < entries.size(); ++i) {
      if (i < later.size()) entries[i] = later[i];
    }
""",
        "Range takes one half of the entries under one hold of the lock and the other under the next: no snapshot.",
        "linearizability",
    ),

    # rw_mutex_map: the algorithm of the writer-preferring lock.
    mutant(
        "reader_does_not_wait",
        "rw_mutex_map",
        _LOCK,
        "      readers_may_enter_.Acquire();\n",
        "",
        "A reader that finds a writer goes in all the same.",
        "threads",
    ),
    mutant(
        "writer_does_not_wait",
        "rw_mutex_map",
        _LOCK,
        "      writer_may_enter_.Acquire();\n",
        "",
        "A writer goes in while readers are still inside.",
        "linearizability",
    ),
    mutant(
        "one_token_for_all_readers",
        "rw_mutex_map",
        _LOCK,
        "      readers_may_enter_.Release(static_cast<std::uint32_t>(waiting));\n",
        "      readers_may_enter_.Release(1);\n",
        "A leaving writer lets in one of the readers that wait for it.",
        "threads",
    ),
    mutant(
        "last_reader_forgets_writer",
        "rw_mutex_map",
        _LOCK,
        "        writer_may_enter_.Release(1);\n",
        "",
        "The last reader to leave does not wake the writer.",
        "threads",
    ),
    mutant(
        "waits_for_one_reader_too_few",
        "rw_mutex_map",
        _LOCK,
        "      if (leaving_.fetch_sub(1, std::memory_order_acq_rel) - 1 == 0) {\n",
        "      if (leaving_.fetch_sub(1, std::memory_order_acq_rel) - 1 == 1) {\n",
        "The last reader but one lets the writer in, and the last one does not.",
        "threads",
    ),
    mutant(
        "unlocks_writers_first",
        "rw_mutex_map",
        _LOCK,
        """    const std::int32_t waiting =
        readers_.fetch_add(kMaxReaders, std::memory_order_release) +
        kMaxReaders;
    if (waiting > 0) {
      readers_may_enter_.Release(static_cast<std::uint32_t>(waiting));
    }
    writers_.unlock();
""",
        """    writers_.unlock();
    const std::int32_t waiting =
        readers_.fetch_add(kMaxReaders, std::memory_order_release) +
        kMaxReaders;
    if (waiting > 0) {
      readers_may_enter_.Release(static_cast<std::uint32_t>(waiting));
    }
""",
        "A leaving writer lets the next one in before it is out itself: two writers count the same readers.",
        "threads",
    ),
    mutant(
        "reader_enters_relaxed",
        "rw_mutex_map",
        _LOCK,
        "    if (readers_.fetch_add(1, std::memory_order_acquire) + 1 < 0) {\n",
        "    if (readers_.fetch_add(1, std::memory_order_relaxed) + 1 < 0) {\n",
        "(1) is relaxed: a reader need not see what the last writer wrote.",
        "tsan",
    ),
    mutant(
        "reader_leaves_relaxed",
        "rw_mutex_map",
        _LOCK,
        "    if (readers_.fetch_sub(1, std::memory_order_release) - 1 < 0) {\n",
        "    if (readers_.fetch_sub(1, std::memory_order_relaxed) - 1 < 0) {\n",
        "(2) is relaxed: a reader may still read when the writer writes.",
        "tsan",
    ),
    mutant(
        "writer_leaves_relaxed",
        "rw_mutex_map",
        _LOCK,
        "        readers_.fetch_add(kMaxReaders, std::memory_order_release) +\n",
        "        readers_.fetch_add(kMaxReaders, std::memory_order_relaxed) +\n",
        "(6) is relaxed: what a writer wrote need not be there for the next reader.",
        "tsan",
    ),
    mutant(
        "token_relaxed",
        "rw_mutex_map",
        _LOCK,
        "      tokens_.fetch_add(tokens, std::memory_order_release);\n",
        "      tokens_.fetch_add(tokens, std::memory_order_relaxed);\n",
        "(7) is relaxed: who waited need not see what the one that woke it wrote.",
        "tsan",
    ),
]
