# SPDX-License-Identifier: Apache-2.0
"""Histograms, percentiles and effects of visits with arrivals, against values computed another way."""

import math
import random
import unittest

from report.stats import latency
from report.stats.sparse_for_tests import sparse


def rung(c, of, load, p99, **more):
    """A rung of 20 000 operations of which 2 % take p99 ns."""
    times = {name: sparse([100] * 980 + [p99] * 20) for name in ("response", "service", "lag")}
    times = {name: [20 * n if n > 0 else n for n in counts] for name, counts in times.items()}
    return {"t": "latency", "c": c, "of": of, "load": load, "offered": 1e6, "achieved": 1e6, "n": 20_000, "ns": 1,
            "max": [p99] * 3, **times, **more}


class Histogram(unittest.TestCase):

    def test_steps_follow_one_another_and_are_narrow(self):
        bounds = [int(latency.greatest(i)) for i in range(4352)]
        self.assertEqual(bounds[:256], list(range(256)))
        self.assertEqual(bounds[-1], 2**40 - 1)
        for low, high in zip(bounds[255:], bounds[256:]):
            self.assertGreater(high, low)
            self.assertLessEqual(high - low, (low + 1) / 128)

    def test_percentiles_are_those_of_the_values(self):
        rng = random.Random(1)
        values = sorted(int(50 * math.exp(rng.expovariate(0.7))) for _ in range(20_000))
        h = latency.Histogram.of(sparse(values))
        self.assertEqual(h.count, 20_000)
        for q in (0.5, 0.9, 0.99):
            exact = values[round(q * 20_000) - 1]
            self.assertTrue(exact <= h.quantile(q) <= exact * (1 + 1 / 128) + 1, q)

    def test_a_percentile_needs_a_hundred_values_beyond(self):
        self.assertTrue(math.isnan(latency.Histogram.of([-100, 99_999]).quantile(0.999)))
        self.assertEqual(latency.Histogram.of([-100, 100_000]).quantile(0.999), 100)
        self.assertTrue(math.isnan(latency.Histogram.of([]).quantile(0.5)))

    def test_ranks_are_rounded_to_the_nearest(self):
        # 0.9 of 1007 is 906.3, so it is the 906th value.
        self.assertEqual(latency.Histogram.of([-100, 906, 101]).quantile(0.9), 100)
        self.assertEqual(latency.Histogram.of([-100, 905, 102]).quantile(0.9), 101)

    def test_no_percentile_is_beyond_the_greatest_value(self):
        self.assertEqual(latency.Histogram.of([-383, 1000], maximum=510).quantile(0.5), 510)


class Visits(unittest.TestCase):

    def test_the_effect_is_that_of_tails_under_the_same_arrivals(self):
        read = latency.read([rung(0, 0, 0.5, 2000), rung(1, 1, 0.5, 777), rung(1, 0, 0.5, 1000), rung(0, 0, 0.1, 500)])
        self.assertAlmostEqual(read.effect(1, 0, "p99"), math.log(2), delta=0.01)
        self.assertEqual(read.effect(0, 0, "p99"), 0)

    def test_no_effect_where_one_was_saturated_disturbed_or_absent(self):
        for bad in ({"saturated": 1}, {"why": "run_delay"}):
            read = latency.read([rung(0, 0, 0.5, 2000), rung(1, 0, 0.5, 1000, **bad)])
            self.assertTrue(math.isnan(read.effect(1, 0, "p99")))
            self.assertIsNone(read.rungs[1].response)
        self.assertTrue(math.isnan(latency.read([rung(0, 0, 0.5, 2000)]).effect(1, 0, "p99")))

    def test_fills_are_compared_by_their_longest_store(self):
        fill = {"t": "fill", "rate": 1e6, "n": 4, "ns": 1, "response": [-5, 4], "service": [-5, 4], "lag": [4], "doublings": []}
        read = latency.read([{**fill, "c": 0, "max": [9000, 8000, 0]}, {**fill, "c": 1, "max": [9000, 1000, 0]}])
        self.assertAlmostEqual(read.effect(1, 0, "longest_store"), math.log(8))

    def test_counters_are_kept(self):
        shape = {"t": "shape", "c": 1, "shape": "step", "offered": 1, "achieved": 1, "p99": [], "counters": {"grown": 3}}
        self.assertEqual([s.counters for s in latency.read([shape, {**shape, "counters": None}]).shapes], [{"grown": 3}, {}])

    def test_a_visit_without_arrivals_has_none(self):
        self.assertIsNone(latency.read([{"t": "slice", "c": 0, "b": 0, "n": 1}]))

    def test_what_a_question_is_decided_by(self):
        self.assertEqual(latency.metric_of({}), "time")
        self.assertEqual(latency.metric_of({"arrivals": {"course": "fill"}}), "longest_store")


if __name__ == "__main__":
    unittest.main()
