# SPDX-License-Identifier: Apache-2.0
"""Figures: stable to the byte, one look per strategy, labels that keep apart."""

import itertools
import math
import re
import unittest
import xml.etree.ElementTree

from report.figures import curves, forest, heat, multiples, palette, quality, style, winners


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

    def test_families_share_a_hue_and_nothing_else(self):
        families = {f"lock_{i}": "lock" for i in range(9)} | {f"peer_{i}": "peer" for i in range(9)}
        looks = style.Looks(families, families=families)
        locks, peers = ({looks[n].colour for n in families if families[n] == f} for f in ("lock", "peer"))
        self.assertLessEqual(locks, set(palette.shades("lock")))
        self.assertFalse(locks & peers)
        self.assertEqual(len({(looks[n].colour, looks[n].marker) for n in families}), len(families))

    def test_variants_share_the_colour(self):
        looks = style.Looks(self.NAMES)
        variant = looks["a_map:shards=4@batch"]
        self.assertEqual(variant.colour, looks["a_map"].colour)
        self.assertFalse(variant.filled)


class Themes(unittest.TestCase):

    def test_all_that_is_written_can_be_read_in_both_themes(self):
        strategies = {c for family in [*palette.HUES, ""] for c in palette.shades(family)}
        for colour in strategies | {palette.INK, palette.SOFT, palette.BAD}:
            self.assertGreaterEqual(palette.contrast(colour, palette.PAPER), 4.5, colour)
            self.assertGreaterEqual(palette.contrast(palette.for_dark(colour), palette.DARK_PAPER), 4.5, colour)
        for colour, ink in zip(palette.HEAT, palette.HEAT_INK):
            self.assertGreaterEqual(palette.contrast(colour, ink), 4.5)
            dark = palette.VARIABLES[colour][1]
            self.assertGreaterEqual(palette.contrast(dark, palette.for_dark(ink)), 4.5)

    def test_families_differ_for_the_colour_blind(self):
        """In CIE Lab, of which 2 is just noticeable side by side; without red or green cones after Vienot et al. 1999."""
        first = {hue[0] for hue in palette.HUES.values()}
        for theme, least in ((str, 12), (palette.for_dark, 8)):
            for a, b in itertools.combinations(sorted(first), 2):
                for cones in ((1, 0, 0.0), (0.1124, 0.8876, 0.0040), (0.2928, 0.7072, -0.0223)):
                    self.assertGreater(math.dist(_lab(theme(a), *cones), _lab(theme(b), *cones)), least, (a, b, cones))

    def test_every_colour_of_a_drawing_becomes_a_variable(self):
        svg = palette.themed(_curve("fig-x"))
        self.assertEqual(re.findall(r"#[0-9a-f]{6}\b", re.sub(r">[^<]*<", "><", svg)), [])
        self.assertIn("fill: var(--ink)", svg)
        self.assertEqual(palette.themed("<text fill='#1b1b1b'>#1b1b1b</text>"),
                         "<text fill='var(--ink)'>#1b1b1b</text>")

    def test_a_style_sheet_has_every_variable_once(self):
        for dark in (False, True):
            names = re.findall(r"--([a-z0-9]+):", palette.style_sheet(dark))
            self.assertEqual(sorted(names), sorted(name for name, _ in palette.VARIABLES.values()))
            self.assertEqual(len(names), len(set(names)))


def _lab(colour, red, green, blue):
    """CIE Lab of a colour as seen when red and green cones respond alike; red = 1: as seen by most."""
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055)**2.4 for v in palette.rgb(colour))
    if red < 1:
        r, g, b = red * r + green * g, red * r + green * g, blue * (r - g) + b
    x, y, z = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b,
               (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (t**(1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


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
            winners.Stretch(0.6, 0.8, ("a_map", "b_map")),
            winners.Stretch(0.8, 1, ("a_map", "b_map"), False)])
        svg = winners.draw("w", "t", [strip], style.Looks(["a_map", "b_map"]))
        self._check(svg, "w")
        self.assertIn("equal: 2 maps", svg)
        self.assertIn(">undecided<", svg)
        self.assertEqual(svg.count("<pattern"), 1)  # what is undecided is hatched, what is equal is not

    def test_a_lean_drawing_is_the_same_drawing(self):
        many = _curve("fig-z", x=[0.001 * i for i in range(100)], effect=[0.01 * (i % 7) for i in range(100)])
        root = xml.etree.ElementTree.fromstring(many)
        marks = [e for e in root.iter() if e.tag.endswith("use")]
        self.assertGreater(len({(m.attrib["x"], m.attrib["y"]) for m in marks}), 100)
        self.assertLess(len(many), 160 * 100 + 14_000)

    def test_small_multiples(self):
        series = [curves.Series(f"m{i}", f"m{i} <b>", [0, 1], [0, 0], [0, 0.5, 1], [0.1 * i] * 3, [0.0] * 3, [0.2 * i] * 3)
                  for i in range(12)]
        scale = curves.Scale(lambda x: x, [0, 1], str, "x")
        svg = multiples.draw("s", "t", series, style.Looks([s.contestant for s in series]), scale, "b_map", 0.02)
        self._check(svg, "s")
        for i in range(12):
            self.assertIn(f">m{i} &lt;b&gt;<", svg)

    def test_phases(self):
        grid = winners.Grid("g", ["1K", "1M"], ["0 %", "50 %"], "keys", "writes", [
            winners.Region(0, 0, ("a_map",), True, "1.20×"), winners.Region(1, 0, ("a_map", "b_map"), True),
            winners.Region(0, 1, ("a_map", "b_map"), False), winners.Region(1, 1, ("<b>&",), True)])
        svg = winners.phases("p", "t", [grid], style.Looks(["a_map", "b_map"]))
        self._check(svg, "p")
        self.assertIn("1.20×", svg)
        self.assertIn("&lt;b&gt;&amp;", svg)
        self.assertEqual(svg.count("<pattern"), 1)

    def test_heat(self):
        columns = [heat.Column("q", "first"), heat.Column("q", "second")]
        tiles = {("a_map", 0): heat.Tile(0.0, heat.BEST), ("b_map", 0): heat.Tile(0.01, heat.EQUAL),
                 ("b_map", 1): heat.Tile(0.3, heat.OPEN), ("a_map", 1): heat.Tile(3.0, heat.BEHIND)}
        svg = heat.draw("h", "t", ["a_map", "b_map"], columns, tiles, style.Looks(["a_map", "b_map"]))
        self._check(svg, "h")
        for text in (">●<", ">1.01<", ">1.35?<", ">20<"):
            self.assertIn(text, svg)
        self.assertEqual(svg.count("<pattern"), 1)
        self.assertEqual([heat.bin_of(math.log(v)) for v in (1, 1.05, 1.06, 2, 5, 6)], [0, 0, 1, 3, 4, 5])

    def test_memory(self):
        svg = heat.memory("m", "t", [heat.Bar("a_map", 20, 24, 30), heat.Bar("b_map", 64, 64, 64)],
                          style.Looks(["a_map", "b_map"]), 16)
        self._check(svg, "m")
        self.assertIn("bytes per entry", svg)

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
