# SPDX-License-Identifier: Apache-2.0
"""What the regressions of response times on reclamation are worth, in sentences."""

from __future__ import annotations

from typing import Any

from report import reclamation, words


def sentences(analysis: Any, question: dict[str, Any]) -> list[str]:
    """One for each contestant whose windows were seen: that nothing happened, or what the fits are worth."""
    seen: dict[str, list[Any]] = {}
    for visit in analysis.run.visits:
        if visit.question == question["name"] and analysis.used(visit) and visit.purpose != "aa":
            for rung in reclamation.rungs(visit):
                seen.setdefault(visit.contestants[rung.contestant], []).append(rung)
    return [_sentence(name, rungs) for name, rungs in seen.items()]


def _sentence(name: str, rungs: list[Any]) -> str:
    visits = words.plural(len(rungs), "visit")
    if not any(r.reclaimed["events"] for r in rungs):
        return f"{name}: no event happened in {visits}: this map frees what it unlinks at once, or unlinks nothing"
    fits = [f for f in map(reclamation.fit, rungs) if f]
    if not fits:
        return (f"{name}: events happened in {visits}, and no window could be regressed: too few had a 99th percentile, or what "
                "happened in them did not vary")
    least, most = min(f.observations for f in fits), max(f.observations for f in fits)
    doubts = [f"{what} in {sum(check in f.doubts for f in fits)}" for check, what in (
        ("uneven", "their spread depends on the regressors"), ("correlated", "neighbouring windows go together"),
        ("skewed", "they are not normal"))]
    return (f"{name}: {words.plural(len(fits), 'fit')} of {visits}, each of "
            f"{least if least == most else f'{least} to {most}'} windows; the variance inflation of the "
            f"two regressors is {max(f.inflation for f in fits):.2f} at most. Of the residuals, at 5 %: {'; '.join(doubts)}. "
            "Intervals are over visits, and do not rest on residuals being well-behaved")
