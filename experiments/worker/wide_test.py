# SPDX-License-Identifier: Apache-2.0
"""The wide worker: every strategy in every combination of types that it says it has gives right answers, larger values
cost what they must, and a map that puts work off starts as it was filled where that is asked.

    wide_test.py WORKER_WIDE
"""

import collections
import json
import statistics
import subprocess
import sys
import unittest

WORKER = sys.argv.pop()
# What a processor can copy in a nanosecond at the very most, from the first cache to itself.
BYTES_PER_NS = 256


def describe():
    return json.loads(subprocess.run([WORKER, "--describe"], capture_output=True, check=True).stdout)["strategies"]


def visit(contestants, workload, **fields):
    """The lines of a visit that ended well."""
    request = {"contestants": contestants, "workload": {"keys": {"stream": "uniform"}, **workload}, **fields}
    done = subprocess.run([WORKER, "--visit=-"], input=json.dumps(request), capture_output=True, text=True, check=False)
    assert done.returncode == 0, (request, done.stdout[-500:], done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def workload_of(types):
    """The fields of a workload from u64>inline256#mixed."""
    key, _, rest = types.partition(">")
    key, _, laid_out = key.partition("@")
    value, _, hash_name = rest.partition("#")
    fields = {"key_type": key, "hash": hash_name, **({"key_layout": "strided"} if laid_out else {})}
    if value.startswith("inline"):
        return {**fields, "value_type": "inline", "value_bytes": int(value.removeprefix("inline"))}
    return {**fields, "value_type": value, **({"value_bytes": 100} if value == "string" else {})}


class Types(unittest.TestCase):

    def test_there_are_many(self):
        types = {s["name"]: s["types"] for s in describe()}
        self.assertEqual(set(types["mutex_map"]), {
            "u64>inline64#mixed", "u64>inline256#mixed", "u64>inline1024#mixed", "u64>inline4096#mixed",
            "u64>string#mixed", "string>string#mixed", "u64>u64#std", "u64>u64#fnv1a", "string>u64#std",
            "string>u64#fnv1a", "u64@laid_out>u64#mixed", "u64@laid_out>u64#std", "u64@laid_out>u64#fnv1a"})
        self.assertGreaterEqual(sum(len(t) >= 6 for t in types.values()), 25)

    def test_every_one_gives_right_answers(self):
        mix = {"load": 60, "store": 20, "load_or_store": 10, "delete": 10}
        parties = collections.defaultdict(list)  # those that can play together
        for s in describe():
            ops = tuple(op for op in mix if op not in s["unsupported"])
            if s["keeps_every_key"] and s["linearizable"] and s["returns_results"] and "load" in ops and len(ops) > 1:
                for types in s["types"]:
                    parties[types, ops, min(2, s["max_threads"] or 2)].append(s["name"])
        self.assertGreaterEqual(len({name for names in parties.values() for name in names}), 25)
        for (types, ops, threads), names in parties.items():
            shares = {op: 100 * mix[op] / sum(mix[o] for o in ops) for op in ops}
            for at in range(0, len(names), 8):
                for regime in ({"population": 300}, {"regime": "growth", "ops": 600, "population": 300}):
                    with self.subTest(names[at:at + 8], types=types, **regime):
                        visit(names[at:at + 8], {"mix": shares, "miss": 10, **workload_of(types), **regime},
                              threads=threads, timed=False, max_blocks=1)

    def test_every_layout_of_keys_gives_right_answers(self):
        mix = {"load": 60, "store": 20, "load_or_store": 10, "delete": 10}
        names = ["mutex_map", "sync_map", "hash_trie_map", "cache_line_map", "boost_concurrent_flat_map"]
        for layout in ("mixed", "sequential", "strided", "high_bits", "low_entropy"):
            for hash_name in ("std", "identity", "fnv1a", "mixed"):
                if (layout, hash_name) != ("mixed", "mixed"):
                    with self.subTest(layout=layout, hash=hash_name):
                        visit(names, {"mix": mix, "population": 300, "miss": 10, "key_layout": layout, "hash": hash_name},
                              threads=2, timed=False, max_blocks=1)

    def test_what_is_not_compiled_is_refused_in_a_sentence(self):
        for workload, says in (({"value_type": "inline", "value_bytes": 64, "key_type": "string"},
                                "is not compiled for values of 64 bytes, keys of type string in this worker"),
                               ({"hash": "fnv1a", "value_type": "string"}, "is not compiled for values of type string, the hash fnv1a"),
                               ({}, "is not compiled for keys of type u64 in this worker"),
                               ({"key_layout": "strided", "value_type": "string"},
                                "is not compiled for values of type string, keys that are not mixed in this worker")):
            request = {"contestants": ["mutex_map"],
                       "workload": {"keys": {"stream": "uniform"}, "mix": {"load": 100}, **workload}}
            done = subprocess.run([WORKER, "--visit=-"], input=json.dumps(request), capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)


def nanoseconds(mix, length, kind="inline"):
    """The fastest slices' time of an operation on four keys, which stay in the first cache."""
    lines = visit(["unsynchronised_map"], {"mix": mix, "population": 4, "prefill": 1, "value_type": kind,
                                           "value_bytes": length}, slice_ms=2, seconds=0.2, warmup_seconds=0.05)
    return statistics.quantiles((line["ns"] / line["n"] for line in lines if line["t"] == "slice"), n=10)[0]


class Cost(unittest.TestCase):
    """Four KiB cost copying them, when they are read and when they are written."""

    def test_loads_and_stores(self):
        for op in ("load", "store"):
            for kind in ("inline", "string"):
                with self.subTest(op=op, kind=kind):
                    small, large = (nanoseconds({op: 100}, length, kind) for length in (64, 4096))
                    self.assertGreater(large - small, (4096 - 64) / BYTES_PER_NS, (small, large))


class Start(unittest.TestCase):

    def promotions(self, start):
        lines = visit(["sync_map"], {"mix": {"load": 100}, "population": 500, "prefill": 1, "start": start,
                                     "value_type": "string"}, slice_ms=10, seconds=0.0, warmup_seconds=0.0, max_blocks=1)
        counters = next(line for line in lines if line["t"] == "counters")["counters"]
        discarded = [line for line in lines if line["t"] == "slice" and line.get("p", 0) < 0]
        return counters, discarded

    def test_as_filled_is_not_settled(self):
        settled, discarded = self.promotions("settled")
        self.assertTrue(discarded)
        as_filled, none = self.promotions("as_filled")
        self.assertEqual(none, [])
        # After plain stores every key is in the dirty map alone, and every load locks until they are promoted: in a slice
        # that counts. Size, which is asked of the settled map, locks as well.
        self.assertEqual(as_filled["misses"], 500)
        self.assertGreater(settled["locked"], as_filled["locked"])


if __name__ == "__main__":
    unittest.main()
