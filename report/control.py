# SPDX-License-Identifier: Apache-2.0
"""Whether a question that has a control can tell anything on the machine of a run, in sentences.

The control is a pair in a cell of the question, of which the one must be so many times as fast as the other. The rules of
claims apply the same to the rows of verdicts.json (claims/measured.py).
"""

from __future__ import annotations

import math
from typing import Any

SHOWN = "The control shows"
HIDDEN = "This cannot be shown here"
OPEN = "Whether anything can be shown here is not known"


def sentences(analysis: Any, question: dict[str, Any]) -> list[str]:
    """One for each number of threads; none of a question without a control or without visits."""
    control = question.get("control")
    own = [s for s in analysis.settings if s.question["name"] == question["name"]]
    if not control or not any(s.visits for s in own):
        return []
    found = [c for c in analysis.cells if (c.question, c.cell, c.a, c.b) == (
        question["name"], control["cell"], control["a"], control["b"])]
    return [_sentence(control, c) for c in found] or [f"{OPEN}: its control was not measured"]


def _sentence(control: dict[str, Any], cell: Any) -> str:
    low, middle, high = (math.exp(v) if math.isfinite(v) else math.nan
                         for v in (cell.estimate.low, cell.estimate.effect, cell.estimate.high))
    known = math.isfinite(low) and math.isfinite(high)
    ratio = f"{middle:.2f}× ({low:.2f} to {high:.2f})" if known else f"{middle:.2f}×, in too few visits for an interval"
    of = f"with {cell.threads} threads {control['a']} is {ratio} as fast as {control['b']}"
    least = f"{control['least']:g}×"
    if known and low >= control["least"]:
        return f"{SHOWN}: {of}, {least} at least"
    if known and high < control["least"]:
        return (f"{HIDDEN}: {of}, and not {least}; these CPUs share the cache that the words are in, whatever the system says "
                "of them, and the figures below are about something else")
    return f"{OPEN}: {of}, and it takes {least}"
