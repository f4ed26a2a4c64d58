# SPDX-License-Identifier: Apache-2.0
"""Figures: stable to the byte, one look per strategy, labels that keep apart."""

import math
import unittest
import xml.etree.ElementTree

from report.figures import curves, forest, quality, style, winners


class Spread(unittest.TestCase):

    def test_leaves_room_alone(self):
        self.assertEqual(style.spread([0.0, 1.0, 2.0], 0.5, -1, 3),
                         [0.0, 1.0, 2.0])

    def test_moves_equal_labels_apart_about_their_mean(self):
        self.assertEqual(style.spread([1.0, 1.0], 0.5, 0, 2), [0.75, 1.25])

    def test_keeps_order_and_distance_in_a_crowd(self):
        placed = style.spread([0.1, 0.0, 0.05, 0.9], 0.2, 0.0, 1.0)
        ordered = sorted(placed)
        for below, above in zip(ordered, ordered[1:]):
            self.assertGreaterEqual(above - below, 0.2 - 1e-9)
        self.assertGreaterEqual(min(placed), -1e-9)
        self.assertLess(placed[1], placed[2])


class Ticks(unittest.TestCase):

    def test_one_is_always_there(self):
        for low, high in ((-3, 3), (-0.01, 0.02), (-0.2, 1.5)):
            ticks, labels = style.ratio_ticks(low, high)
            self.assertIn("1×", labels)
            self.assertTrue(all(low <= t <= high for t in ticks))

    def test_are_ratios(self):
        ticks, labels = style.ratio_ticks(math.log(0.45), math.log(2.2))
        self.assertIn("0.5×", labels)
        self.assertIn("2×", labels)
        self.assertAlmostEqual(ticks[labels.index("2×")], math.log(2))

    def test_do_not_crowd(self):
        ticks, _ = style.ratio_ticks(-2, 2, 9)
        gaps = [b - a for a, b in zip(ticks, ticks[1:])]
        self.assertGreaterEqual(min(gaps), 4 / 9 - 1e-9)


class Look(unittest.TestCase):
    NAMES = ["b_map", "a_map", "null"] + [f"m{i}" for i in range(25)]

    def test_no_two_strategies_look_the_same(self):
        looks = style.Looks(self.NAMES)
        seen = {(looks[n].colour, looks[n].marker, str(looks[n].dash))
                for n in self.NAMES if n != "null"}
        self.assertEqual(len(seen), len(self.NAMES) - 1)

    def test_depends_on_the_names_only(self):
        self.assertEqual(style.Looks(self.NAMES)["a_map"],
                         style.Looks(reversed(self.NAMES))["a_map"])

    def test_those_named_first_have_colours_of_their_own(self):
        names = [f"map_{i:02}" for i in range(40)]
        first = names[3::10] + names[4::10]  # without it, two colours
        looks = style.Looks(names, first=[*first, "unknown", "null"])
        self.assertEqual(len({looks[n].colour for n in first}), len(first))
        self.assertEqual(len({(looks[n].colour, looks[n].marker,
                               looks[n].dash) for n in names}), len(names))

    def test_variants_share_the_colour(self):
        looks = style.Looks(self.NAMES)
        variant = looks["a_map:shards=4@batch"]
        self.assertEqual(variant.colour, looks["a_map"].colour)
        self.assertFalse(variant.filled)


def _curve(name: str, **changes) -> str:
    values = dict(
        contestant="a_map", label="a_map", x=[0, 0.5, 1, 1],
        effect=[-0.5, 0.02, 0.5, 0.52], grid=[0, 0.5, 1],
        fit=[-0.5, 0, 0.5], low=[-0.55, -0.04, 0.4],
        high=[-0.45, 0.04, 0.6], whiskers=[curves.Whisker(0.5, 0.45, 0.55)])
    values.update(changes)
    scale = curves.Scale(lambda x: x, [0, 0.5, 1], "{:g}".format, "x")
    return curves.draw(name, "a & b", [curves.Series(**values)],
                       style.Looks(["a_map"]), [scale], "b_map", 0.02,
                       {math.log(1.47): "+47 %"})


class Drawings(unittest.TestCase):

    def _check(self, svg: str, name: str) -> None:
        root = xml.etree.ElementTree.fromstring(svg)
        self.assertNotIn("<metadata", svg)
        for element in root.iter():
            if "id" in element.attrib:
                self.assertTrue(element.attrib["id"].startswith(name + "--"))

    def test_curves_are_stable_and_self_contained(self):
        svg = _curve("fig-x")
        self.assertEqual(svg, _curve("fig-x"))
        self._check(svg, "fig-x")
        self.assertIn("a_map", svg)  # text stays text
        self.assertIn("a &amp; b", svg)

    def test_curve_without_a_fit(self):
        self._check(_curve("fig-y", grid=[], fit=[], low=[], high=[],
                           whiskers=[]), "fig-y")

    def test_forest(self):
        rows = [forest.Row("a_map", 0.2, 0.1, 0.3, "faster", 12),
                forest.Row("b_map", 0.0, -math.inf, math.inf, "undecided", 1)]
        svg = forest.draw("f", "t", [forest.Group("g", rows, 0.02)],
                          style.Looks(["a_map", "b_map"]), "c")
        self._check(svg, "f")
        self.assertIn("1 visit", svg)
        self.assertNotIn("inf", svg)

    def test_winners(self):
        strip = winners.Strip("t", "0", "1", [
            winners.Stretch(0, 0.6, ("a_map",)),
            winners.Stretch(0.6, 1, ("a_map", "b_map"))])
        svg = winners.draw("w", "t", [strip], style.Looks(["a_map", "b_map"]))
        self._check(svg, "w")
        self.assertIn("tie: a_map, b_map", svg)

    def test_quality(self):
        self._check(quality.aa("q", "t", {"a": [0.01, -0.01]}, {"a": 0.02}),
                    "q")
        self._check(quality.timeline("t", "t", [
            quality.Tick(0, 0.0, "ok"), quality.Tick(1, 0.5, "ok"),
            quality.Tick(2, 0, "lost"), quality.Tick(2, 0, "odd")]), "t")
        self._check(quality.realised(
            "r", "t", [quality.Measure("m", [0, 1], [0.0, 1.0])],
            lambda x: x, [0, 1], str, "x"), "r")


if __name__ == "__main__":
    unittest.main()
