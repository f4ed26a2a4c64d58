# SPDX-License-Identifier: Apache-2.0
import math
import unittest

from report.stats import visits


def slices(block, times, operations=1000, **more):
    """An ABBA block: times is a list of (contestant, ns)."""
    return [{"t": "slice", "b": block, "p": p, "c": c, "n": operations, "ns": ns, **more}
            for p, (c, ns) in enumerate(times)]


END = {"t": "end", "visit": 1, "blocks": 3, "changepoint": False}


class VisitsTest(unittest.TestCase):
    def test_block_effect_is_the_log_ratio_of_summed_times(self):
        records = slices(0, [(0, 1000), (1, 1900), (1, 2100), (0, 1000)]) + [END]
        visit = visits.read_visit(records, 2)
        # b takes 4000 ns where a takes 2000: a is twice as fast.
        self.assertAlmostEqual(visit.effect(0, 1), math.log(2))
        self.assertAlmostEqual(visit.effect(1, 0), -math.log(2))
        self.assertAlmostEqual(visit.nanoseconds(1), 2.0)

    def test_visit_effect_is_the_median_over_blocks(self):
        records = [END]
        for b, ns in enumerate((1100, 1200, 9000)):
            records = slices(b, [(0, 1000), (1, ns), (1, ns), (0, 1000)]) + records
        self.assertAlmostEqual(visits.read_visit(records, 2).effect(0, 1), math.log(1.2))

    def test_operations_of_less_than_a_nanosecond(self):
        visit = visits.read_visit(slices(0, [(0, 500), (1, 250)], 1000) + [END], 2)
        self.assertAlmostEqual(visit.effect(1, 0), math.log(2))
        self.assertAlmostEqual(visit.nanoseconds(1), 0.25)

    def test_effect_is_per_operation(self):
        records = slices(0, [(0, 1000)], 1000) + slices(0, [(1, 1000)], 500) + [END]
        self.assertAlmostEqual(visits.read_visit(records, 2).effect(0, 1), math.log(2))

    def test_warm_up_rejected_and_untimed_slices_do_not_count(self):
        good = slices(3, [(0, 1000), (1, 1500), (1, 1500), (0, 1000)])
        records = (slices(0, [(0, 1), (1, 9999)], w=1) + slices(1, [(0, 1), (1, 9999)])
                   + [{"t": "reject", "b": 1, "why": "run_delay", "value": 0.04}]
                   + slices(2, [(0, None), (1, None)]) + good + [END])
        visit = visits.read_visit(records, 2)
        self.assertAlmostEqual(visit.effect(0, 1), math.log(1.5))
        self.assertEqual(visit.rejected, {1: "run_delay"})
        self.assertEqual(list(visit.blocks), [3])

    def test_all_rejected_has_no_effect(self):
        records = slices(0, [(0, 1000), (1, 1500)]) + [{"t": "reject", "b": 0, "why": "late_start"}, END]
        self.assertTrue(math.isnan(visits.read_visit(records, 2).effect(0, 1)))
        self.assertTrue(math.isnan(visits.read_visit(records, 2).nanoseconds(0)))

    def test_cut_off_and_failed_visits_have_no_effect(self):
        block = slices(0, [(0, 1000), (1, 1500)])
        for tail in ([], [END, {"t": "visit_end", "v": 1, "status": "crashed"}],
                     [{"t": "invalid", "c": 1, "what": ""}, END],
                     [{"t": "visit_end", "v": 1, "status": "ok"}]):
            visit = visits.read_visit(block + tail, 2)
            self.assertFalse(visit.complete)
            self.assertTrue(math.isnan(visit.effect(0, 1)))
        self.assertTrue(visits.read_visit(block + [END, {"t": "visit_end", "v": 1, "status": "ok"}], 2).complete)

    def test_the_same_map_twice(self):
        records = slices(0, [(0, 1000), (1, 1010), (1, 1010), (0, 1000)]) + [END]
        self.assertAlmostEqual(visits.read_visit(records, 2).effect(0, 1), math.log(1.01))

    def test_a_block_without_one_contestant_serves_the_others(self):
        records = slices(0, [(0, 1000), (2, 3000)]) + [END]
        visit = visits.read_visit(records, 3)
        self.assertAlmostEqual(visit.effect(0, 2), math.log(3))
        self.assertTrue(math.isnan(visit.effect(0, 1)))

    def test_nonsense_is_skipped(self):
        records = slices(0, [(0, 1000), (1, 2000)]) + [
            {"t": "slice", "b": 0, "c": 7, "n": 1, "ns": 1}, {"t": "slice", "b": 0, "c": 0, "n": 0, "ns": 5},
            {"t": "slice", "b": 0, "c": 0, "n": 5, "ns": -5}, {"t": "slice", "b": 0, "c": 0, "n": 5, "ns": "x"},
            {"t": "counters", "c": 1, "counters": {}}, END]
        self.assertAlmostEqual(visits.read_visit(records, 2).effect(0, 1), math.log(2))

    def test_changepoint(self):
        self.assertTrue(visits.changepoint([1.0, 1.1] * 4 + [2.0, 2.1] * 4))
        self.assertFalse(visits.changepoint([1.0, 1.2, 1.1, 1.3] * 4))
        self.assertFalse(visits.changepoint([1.0, 2.0]))
        self.assertFalse(visits.changepoint([1.0] * 20))
        end = dict(END, changepoint=True)
        self.assertTrue(visits.read_visit(slices(0, [(0, 1), (1, 1)]) + [end], 2).changepoint)


if __name__ == "__main__":
    unittest.main()
