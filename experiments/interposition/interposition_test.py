# SPDX-License-Identifier: Apache-2.0
"""The interposed cache answers rightly, is really used, and keeps its bound of staleness."""

import unittest

from experiments.interposition.interposition import bound_ns, client


class InterpositionTest(unittest.TestCase):

    def test_without_it_every_lookup_is_asked_for_and_current(self) -> None:
        self.assertEqual(client("none", "repeat"), {"absent": 0, "first": 10, "after_store": 11, "asked": -1})
        self.assertEqual(client("none", "staleness", "100")["oldest_ns"], 0)

    def test_by_the_word_answers_are_cached_and_never_old(self) -> None:
        # Absent, filled, spoilt by the store: three lookups go through, one hits.
        self.assertEqual(client("word", "repeat"), {"absent": 0, "first": 10, "after_store": 11, "asked": 3})
        age = client("word", "staleness", "300")
        self.assertEqual((age["oldest_ns"], age["went_back"]), (0, 0))

    def test_by_time_answers_are_old_within_the_bound(self) -> None:
        # An hour: the second value is not seen. That is what the bound is about.
        self.assertEqual(client("ttl:3600000000", "repeat"),
                         {"absent": 0, "first": 10, "after_store": 10, "asked": 2})
        for way in ("ttl:100", "ttl:5000"):
            age = client(way, "staleness", "300")
            self.assertEqual(age["went_back"], 0)
            self.assertGreater(age["oldest_ns"], 0, "nothing stale was seen: the bound was not tried")
            self.assertLess(age["oldest_ns"], bound_ns(way))

    def test_hot_keys_are_answered_by_the_cache(self) -> None:
        for way in ("word", "ttl:3600000000"):
            cost = client(way, "cost", "100000")
            self.assertEqual(cost["wrong"], 0)
            # 64 keys in 256 slots: most have one of their own.
            self.assertLess(cost["asked"], 50_000)

    def test_a_wrong_setting_is_refused(self) -> None:
        for way in ("ttl:", "ttl:0", "ttl:5x", "words"):
            with self.assertRaisesRegex(RuntimeError, "CMAP_LOOKASIDE is neither"):
                client(way, "repeat")


if __name__ == "__main__":
    unittest.main()
