# SPDX-License-Identifier: Apache-2.0
"""Which layout of the worker makes the next visit (experiments/worker/layouts.bzl says what layouts are).

Permuted blocks: of the layouts that a visit's cells have seen least, one by lot. A cell is a contestant at a place, so
a cell whose contestants always come together sees every layout once before it sees one twice, in an order that
is new each time. Where places are visited once or twice only, as in the search along an axis, the contestant's whole
curve decides.
"""

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence

from experiments.orchestrator.evidence import Place


class Rotation:
    """The visits that counted so far, by layout. A function of these visits and the seed."""

    def __init__(self, layouts: int, seed: int):
        """layouts: how many there are; they are numbered from 1"""
        self._layouts, self._seed = range(1, layouts + 1), seed
        self._made: Counter = Counter()  # by cell or curve, and layout

    def choose(self, place: Place, contestants: Sequence[str]) -> int:
        """The layout for a visit to a place; contestants with the baseline first."""
        cells, curves = self._keys(place, contestants)
        made = sum(self._made[key, layout] for key in cells for layout in self._layouts)
        lot = random.Random(f"{self._seed}/layout/{place}/{'/'.join(contestants)}/{made}")
        return min(self._layouts, key=lambda layout: (
            sum(self._made[key, layout] for key in cells), sum(self._made[key, layout] for key in curves),
            lot.random()))

    def add(self, place: Place, contestants: Sequence[str], layout: int) -> None:
        """Takes note of a visit that counts."""
        cells, curves = self._keys(place, contestants)
        self._made.update((key, layout) for key in (*cells, *curves))

    @staticmethod
    def _keys(place: Place, contestants: Sequence[str]) -> tuple[list[tuple], list[tuple]]:
        curve = dataclasses.replace(place, axis=None)
        return [("cell", place, c) for c in contestants[1:]], [("curve", curve, c) for c in contestants[1:]]
