# SPDX-License-Identifier: Apache-2.0
"""Mistakes in hot_cold_map: where a key lives, and who may move it."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "hot_cold_map", "maps/hot_cold_map.h", *rest, **kwargs)

def _hot(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "hot_cold_map", "maps/hot_cold_map/hot_buckets.h", *rest, **kwargs)

HOT_COLD_MAP = [
    _mutant(
        "load_looks_hot_once",
        """      } else if (Hot::Find(bucket, hash, key, hot) != nullptr) {
        f(hot->value);  // promoted since we looked
        return true;
      } else {
""",
        "      } else {\n",
        "Load does not look into the hot part again when the cold one lacks the key: promoted meanwhile, it is missed.",
        "linearizability",
    ),
    _mutant(
        "insert_looks_hot_once",
        "    if (Hot::Find(hot_.BucketOf(hash), hash, key, hot) != nullptr) return {hot->value, true};\n",
        "",
        "LoadOrStore trusts what it saw under the shared lock: a key promoted meanwhile is stored a second time.",
        "linearizability",
    ),
    _mutant(
        "write_looks_hot_once",
        """    outcome = WriteHot(guard, hash, key, value, fresh, wanted, seen);
    if (outcome != Outcome::kNotHot) return outcome == Outcome::kDone;
    return write_cold(hash);
""",
        "    return write_cold(hash);\n",
        "A write that did not find the key hot does not look again under the cold lock.",
        "linearizability",
    ),
    _mutant(
        "promotes_without_erasing",
        "    cold_.Delete(hash, key);  // throws only what comparing keys throws\n",
        "",
        "A promoted key stays in the cold part as well.",
        "one_thread",
    ),
    _mutant(
        "victim_forgotten",
        "      cold_.Store(victim->hash, victim->key, victim->value);\n",
        "",
        "The key that has to give way to a hotter one is lost.",
        "own_test",
    ),
    _mutant(
        "victim_never_freed",
        "      guard.Retire(victim);\n",
        "",
        "The entry that had to give way is never freed.",
        "own_test",
    ),
    _mutant(
        "promotes_without_bucket_lock",
        """    Bucket& bucket = hot_.BucketOf(hash);
    const std::lock_guard lock(bucket.lock);
    const std::size_t i = Hot::LeastHot(bucket);
""",
        """    Bucket& bucket = hot_.BucketOf(hash);
    const std::size_t i = Hot::LeastHot(bucket);
""",
        "A promotion does not lock the bucket: a write of the entry that gives way is lost.",
        "linearizability",
    ),
    _mutant(
        "write_without_second_look",
        """    Slot* slot = Hot::Find(bucket, hash, key, old);
    if (slot == nullptr) return Outcome::kNotHot;  // deleted or demoted meanwhile
""",
        """    Entry* now = nullptr;
    Slot* slot = Hot::Find(bucket, hash, key, now);
    if (slot == nullptr) return Outcome::kNotHot;
""",
        "A write compares, returns and frees the entry it saw before it had the bucket's lock.",
        "threads",
    ),
    _mutant(
        "entry_freed_too_early",
        """    guard.Retire(old);
    return Outcome::kDone;
""",
        """    delete old;
    return Outcome::kDone;
""",
        "A replaced hot entry is freed at once.",
        "asan",
    ),
    _mutant(
        "clear_forgets_hot_part",
        "    hot_.ForEachBucket([&](Bucket& bucket) {\n      const std::lock_guard lock(bucket.lock);\n",
        """    if (count != 0) hot_.ForEachBucket([&](Bucket& bucket) {
      const std::lock_guard lock(bucket.lock);
""",
        "Clear empties the cold part only.",
        "one_thread",
    ),
    _mutant(
        "size_of_cold_part",
        "    return cold_.Size() + hot_size_.load(std::memory_order_relaxed);\n",
        "    return cold_.Size();\n",
        "Size counts the cold part only.",
        "one_thread",
    ),
    _hot(
        "found_relaxed",
        "      found = bucket.slots[i].load(std::memory_order_seq_cst);\n",
        "      found = bucket.slots[i].load(std::memory_order_relaxed);\n",
        "(1) is relaxed: a reader may see a hot entry before its value.",
        "tsan",
    ),
]
