# SPDX-License-Identifier: Apache-2.0
"""What plain arithmetic decides: every number that its evidence prints, computed again another way or quoted from the text."""

import inspect
import math
import re
import unittest
from fractions import Fraction
from unittest import mock

from report import claims
from report.claims import arithmetic, model
from report.claims.model import CONTRADICTED, PARTLY, SUPPORTED, Evidence


def percent(new: str, old: str, digits: int = 0) -> str:
    """The change from old to new, exactly."""
    return f"{float(100 * (Fraction(new) - Fraction(old)) / Fraction(old)):+.{digits}f}"


def coincide(k: float) -> float:
    """That of k choices among five two coincide; k need not be whole."""
    return 1 - math.gamma(6) / (math.gamma(6 - k) * 5**k)


def halfway() -> float:
    """Where `coincide` is a half, by halving the range."""
    low, high = 1.0, 5.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if coincide(middle) < 0.5 else (low, middle)
    return low


def normal_within(z: float) -> float:
    """The normal distribution between -z and z: its density summed up."""
    steps = 10_000
    width = 2 * z / steps
    return sum(math.exp(-(-z + (i + 0.5) * width)**2 / 2) for i in range(steps)) * width / math.sqrt(2 * math.pi)


DEVIATION = math.sqrt(1_000_000 * 0.973 * 0.027) / 1_000_000  # of a binomial count, as a share
FIRST, SECOND = (("11.9", "12.4"), ("4.2", "8.7"), ("8.3", "9.1")), (("842", "596"), ("127", "98"))
WRITE_US = float((Fraction("84.2") - Fraction(97, 100) * Fraction("3.2")) / Fraction(3, 100) / 1000)

# Of every computation: the verdict, and all numbers of its evidence in order, as text. Literals are quotations.
KNOWN = {
    "binomial_error": (CONTRADICTED, ["0.973", "1000000", f"{100 * DEVIATION:.4f}", "0.001",
                                      f"{100 * normal_within(1e-5 / DEVIATION):.1f}"]),
    # Of the six orders only those two in which one consumer is done before the other begins are right.
    "consumers_of_one_head": (CONTRADICTED, ["4", "6"]),
    "contradicting_latencies": (CONTRADICTED, ["2.2", f"{float(Fraction('8.7') / Fraction('3.2')):.1f}", "1",
                                               f"{float(Fraction('84.2') / Fraction('36.5')):.1f}", "97", "3",
                                               f"{WRITE_US:.1f}"]),
    "eight_threads": (CONTRADICTED, ["8", "2.1", f"{float(80 / Fraction(21)):.1f}", "2.9", "6.8",
                                     f"{float(80 / Fraction(68)):.2f}"]),
    "entropy_bound": (SUPPORTED, ["1024", "2", "1024", str((1024).bit_length() - 1)]),
    # Before, between and after: between, nothing is there.
    "gap_after_deletion": (SUPPORTED, ["3", "1"]),
    "generation_wraps": (SUPPORTED, ["64", str(round(2**64 // 10**9 / 31_557_600)), "2", "4"]),
    "hybrid_latency": (CONTRADICTED, ["8", "2.1", "3.8", "64", "1.3", "49", str(round(Fraction(420 * 21, 80))),
                                      str(round(Fraction(1890 * 13, 640)))]),
    "line_holds_five": (SUPPORTED, ["64", "12", f"{16 / 3:.2f}", "5", "12"]),
    "line_model_root": (CONTRADICTED, ["5", "1", "0.5", f"{halfway():.2f}", f"{20 * halfway():.1f}", "4.15",
                                       f"{coincide(4.15):.2f}"]),
    # 4 of 5 differ in 5 * 4 * 3 * 2 of 5**4 ways; 0.808 is the nearest to 0.784 of 0, 0, 0.2, 0.52, 0.808 and 0.9616.
    "line_model_value": (CONTRADICTED, [f"{1 - 120 / 625:.3f}", "4", "5", "0", "5", "0.784", "0.024"]),
    "little_97_3": (CONTRADICTED, ["1", "84.2", f"{float(1000 / Fraction('84.2')):.1f}", "1", "36.5",
                                   f"{float(1000 / Fraction('36.5')):.1f}", "1000",
                                   f"{float(100 * Fraction('11.8') / Fraction('27.4')):.1f}", "43.5"]),
    "many_keys_signs": (CONTRADICTED, ["1", percent(*FIRST[1]), "2.3", percent(*SECOND[1])]),
    "mask_is_modulo": (SUPPORTED, ["0", "3", "64"]),
    "mostly_hits": (CONTRADICTED, ["1000", "1000", "3000000", f"{float(100 - Fraction(100, 3000)):.2f}"]),
    "one_key_signs": (CONTRADICTED, ["1", percent(*FIRST[0]), "2.3", percent(*SECOND[0])]),
    "padding": (CONTRADICTED, ["8", "1", "6", str(sum((8, 1, 6))), "16", "8", "16", "16"]),
    "pause_between_requests": (CONTRADICTED, ["50", "000", "20", "100", f"{100 * 50_000 * 100 / 1e9:.2f}"]),
    "poisson_rate": (PARTLY, ["12.5", str(1000 * 10 // 125), "100", f"{80 * 100 / 1e9 * 100:.4f}"]),
    "printed_gains": (CONTRADICTED, [*(percent(*pair) for pair in FIRST + SECOND), "47"]),
    "scale_at_100k": (CONTRADICTED, ["550", "1.24", "1.18", str(round(Fraction(55000, 124))), str(round(Fraction(55000, 118))),
                                     "5.1", percent("1.24", "1.18", 1).lstrip("+")]),
    "scale_at_1m": (CONTRADICTED, ["550", "1.31", "0.79", str(round(Fraction(55000, 131))), str(round(Fraction(55000, 79))),
                                   "65.8", percent("1.31", "0.79", 1).lstrip("+")]),
    "thousand_samples": (SUPPORTED, [str(971), "973", percent("971", "973", 1), "29", "27", percent("29", "27", 1)]),
    "two_thresholds": (CONTRADICTED, ["83", "85"]),
    "unit_of_locked_map": (CONTRADICTED, ["16", "28.7", str(round(Fraction(160000, 287)))]),
    "unit_of_sharded_map": (CONTRADICTED, ["16", "23.1", str(round(Fraction(160000, 231)))]),
    "unit_of_sync_map": (CONTRADICTED, ["16", "12.4", str(round(Fraction(160000, 124)))]),
}
# What a printed number may be off by: half of its last digit, or about a twentieth of a latency.
ROUNDED = {
    "entropy_bound": [(10, 0.5)], "eight_threads": [(2.9, 0.05)], "hybrid_latency": [(420, 21), (1890, 95)],
    "line_model_root": [(4.15, 0.005)], "line_model_value": [(0.784, 0.0005)], "little_97_3": [(11.8, 0.05), (0.435, 0.0005)],
    "poisson_rate": [(80, 0.5)], "thousand_samples": [(-0.002, 0.0005), (0.074, 0.0005)],
}


def computations():
    return {name: f for name, f in inspect.getmembers(arithmetic, inspect.isfunction)
            if f.__module__ == arithmetic.__name__ and not inspect.signature(f).parameters}


class Computed(unittest.TestCase):
    def test_every_number_of_the_evidence(self):
        self.assertEqual(set(computations()), set(KNOWN))
        for name, function in computations().items():
            with self.subTest(name):
                decision = function()
                printed = re.findall(r"[-+]?\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d)", "", decision.evidence))
                self.assertEqual((decision.verdict, printed), KNOWN[name], decision.evidence)

    def test_numbers_agree_as_far_as_they_are_printed(self):
        for name, function in computations().items():
            with self.subTest(name), mock.patch.object(arithmetic, "agrees", wraps=arithmetic.agrees) as agrees:
                function()
                self.assertEqual([(call.args[0], call.args[2]) for call in agrees.call_args_list], ROUNDED.get(name, []))

    def test_both_sides_of_ten_microseconds(self):
        for rate, verdict in ((1599, CONTRADICTED), (1600, CONTRADICTED), (1601, SUPPORTED)):  # 16 cores: 10 us at 1600 a ms
            self.assertEqual(arithmetic.unit_per_ms(rate).verdict, verdict, rate)
        for rates, verdict in (((55, 60), CONTRADICTED), ((60, 54), CONTRADICTED), ((56, 57), SUPPORTED)):  # 550 workers
            self.assertEqual(arithmetic.goroutine_latency(rates, 0.1).verdict, verdict, rates)

    def test_tables_agree_on_who_gains(self):
        for first, second, verdict in ((0.1, 0.2, SUPPORTED), (-0.1, -0.2, SUPPORTED), (0.1, -0.2, CONTRADICTED),
                                       (-0.1, 0.2, CONTRADICTED)):
            self.assertEqual(arithmetic.both_signs(first, second, "x").verdict, verdict)

    def test_conflict_probability_of_small_cases(self):
        self.assertAlmostEqual(arithmetic.conflict_probability(0, 5), 0.0)
        self.assertAlmostEqual(arithmetic.conflict_probability(1, 5), 0.0)
        self.assertAlmostEqual(arithmetic.conflict_probability(2, 5), 0.2)
        self.assertAlmostEqual(arithmetic.conflict_probability(4, 5), 0.808)
        self.assertAlmostEqual(arithmetic.conflict_probability(5, 5), 1 - 120 / 3125)
        self.assertAlmostEqual(arithmetic.conflict_probability(23, 365), 0.5073, places=4)
        for k in (-1, 6):
            with self.assertRaises(ValueError):
                arithmetic.conflict_probability(k, 5)

    def test_the_skew_that_has_an_entropy(self):
        # Two keys in shares of 3 : 1 have 2 - 0.75 log2(3) bits.
        self.assertAlmostEqual(arithmetic.zipf_of_entropy(2 - 0.75 * math.log2(3), keys=2, bins=2), math.log2(3), places=9)
        # The bins of the study's own hash have 3.8 and 4.5 bits at 1.595 and 1.471.
        self.assertAlmostEqual(arithmetic.zipf_of_entropy(3.8), 1.595, delta=0.01)
        self.assertAlmostEqual(arithmetic.zipf_of_entropy(4.5), 1.471, delta=0.01)

    def test_root_inverts_the_probability_at_integers(self):
        self.assertAlmostEqual(arithmetic.conflict_root(5, 0.52), 3.0, places=9)
        self.assertAlmostEqual(arithmetic.conflict_root(5, 0.5) / 5, 0.588, places=3)
        for target in (0.05, 0.95):
            self.assertAlmostEqual(coincide(arithmetic.conflict_root(5, target)), target, places=9)

    def test_comparisons_decide(self):
        self.assertEqual(arithmetic.verdict(True), SUPPORTED)
        self.assertEqual(arithmetic.verdict(False), CONTRADICTED)
        self.assertEqual(arithmetic.verdict(True, False), PARTLY)
        self.assertTrue(arithmetic.agrees(0.78, 0.7849, 0.005))
        self.assertFalse(arithmetic.agrees(0.78, 0.7851, 0.005))
        self.assertTrue(arithmetic.agrees(1.0, 1.5, 0.5))
        self.assertTrue(arithmetic.agrees(0.3, 0.1 + 0.25, 0.05))  # half a digit off, and the last bit of it

    def test_every_computation_decides_without_a_run(self):
        for row in claims.ROWS:
            for part in (p for r in row.readings for p in r.parts if p.kind == model.ARITHMETIC):
                with self.subTest(row.id):
                    decision = part.decide(Evidence({}, {}, {}))
                    self.assertIn(decision.verdict, model.DECIDED)
                    self.assertTrue(part.function.__doc__, part.function.__name__)
                    self.assertIn(part.function.__doc__, part.rule)


if __name__ == "__main__":
    unittest.main()
