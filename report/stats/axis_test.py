# SPDX-License-Identifier: Apache-2.0
import unittest

from report.stats.axis import Axis, format_count

REUSE = {"kind": "sweep", "axis": {"name": "key reuse rate", "field": "keys.reuse", "scale": "linear",
                                   "lo": 0.0, "hi": 0.99, "values": [0.0, 0.5, 0.83, 0.99]}}
KEYS = {"kind": "sweep", "axis": {"name": "keys", "field": "population", "scale": "log2", "lo": 1024, "hi": 1048576}}
SHARDS = {"kind": "discrete", "axis": {"name": "shards", "field": "tunable:shards", "scale": "log2",
                                       "values": [16, 1, 8]}}


class AxisTest(unittest.TestCase):
    def test_linear_unit(self):
        axis = Axis.from_entry(REUSE)
        self.assertEqual(axis.to_unit(0.0), 0.0)
        self.assertEqual(axis.to_unit(0.99), 1.0)
        self.assertAlmostEqual(axis.from_unit(axis.to_unit(0.83)), 0.83)

    def test_log2_unit_halves_the_exponent(self):
        axis = Axis.from_entry(KEYS)
        self.assertAlmostEqual(axis.to_unit(32768), 0.5)
        self.assertAlmostEqual(axis.from_unit(0.5), 32768)

    def test_default_values_are_seven_and_even_on_the_scale(self):
        values = Axis.from_entry(KEYS).values
        self.assertEqual(len(values), 7)
        self.assertAlmostEqual(values[1] / values[0], values[6] / values[5], places=3)
        self.assertEqual(list(values), [round(v) for v in values])

    def test_discrete_takes_range_from_values(self):
        axis = Axis.from_entry(SHARDS)
        self.assertTrue(axis.discrete)
        self.assertEqual((axis.lo, axis.hi, axis.values), (1.0, 16.0, (1.0, 8.0, 16.0)))

    def test_one_value_still_has_a_unit(self):
        axis = Axis.from_entry({"kind": "discrete", "axis": {"name": "threads", "field": "threads", "values": [2]}})
        self.assertEqual(axis.to_unit(2), 0.0)

    def test_snap(self):
        self.assertEqual(Axis.from_entry(KEYS).snap(5000.4), 5000.0)
        self.assertEqual(Axis.from_entry(REUSE).snap(0.8300000000001), 0.83)
        self.assertEqual(Axis.from_entry(REUSE).snap(0.123456789), 0.12346)
        self.assertEqual(Axis.from_entry(REUSE).snap(1.5), 0.99)
        wide = Axis.from_entry({"kind": "sweep", "axis": {"name": "x", "field": "x", "lo": 0, "hi": 1e6, "values": [0, 1e6]}})
        self.assertEqual(wide.snap(123456.7), 123457.0)

    def test_formats(self):
        self.assertEqual(format_count(1e6), "1M")
        self.assertEqual(format_count(1500), "1.5K")
        self.assertEqual(format_count(12), "12")
        self.assertEqual(format_count(999999), "1M")
        self.assertEqual(Axis.from_entry(REUSE).format(0.8312), "83.1 %")
        self.assertEqual(Axis.from_entry(REUSE).format_interval(0.81, 0.84), "81 % to 84 %")
        self.assertEqual(Axis.from_entry(SHARDS).format_interval(8, 16), "between 8 and 16")
        self.assertEqual(Axis.from_entry(SHARDS).format(None), "unknown")

    def test_bad_entries_say_what_is_wrong(self):
        for axis, text in (({"name": "x", "scale": "cubic", "lo": 0, "hi": 1}, "unknown scale"),
                           ({"name": "x", "lo": 2, "hi": 1}, "lo < hi"),
                           ({"name": "x", "scale": "log2", "lo": 0, "hi": 8}, "begin above 0"),
                           ({"name": "x"}, "lo < hi")):
            with self.assertRaisesRegex(ValueError, text):
                Axis.from_entry({"kind": "sweep", "axis": axis})
        with self.assertRaisesRegex(ValueError, "no axis"):
            Axis.from_entry({"name": "cells", "axis": None})


if __name__ == "__main__":
    unittest.main()
