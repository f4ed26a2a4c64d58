# SPDX-License-Identifier: Apache-2.0
"""The ledger of published claims and the verdicts this study reaches on them.

`evaluate` applies every rule to a run's conclusions. Three kinds of evidence
exist, and the paper names which one a verdict rests on:

  measured    the run's own intervals (report/claims/measured.py)
  tested      a named test of the suite (report/claims/tested.py)
  arithmetic  the claim's own numbers, recomputed (report/claims/arithmetic.py)
"""

from collections.abc import Mapping
from typing import Any

from report.claims import arithmetic, measured, tested


def evaluate(conclusions: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every claim with a rule, in order of id.

    `conclusions` is the content of verdicts.json without its claims. Each item
    has id, text, verdict (see report.claims.model), evidence and kind.
    """
    decided = []
    for claim in measured.CLAIMS:
        decided.append((claim, claim.decide(conclusions), "measured"))
    for claim in tested.CLAIMS:
        decided.append((claim, claim.decide(), "tested"))
    for claim in arithmetic.CLAIMS:
        decided.append((claim, claim.decide(), "arithmetic"))
    decided.sort(key=lambda item: item[0].id)
    return [
        {"id": claim.id, "text": claim.text, "verdict": decision.verdict,
         "evidence": decision.evidence, "kind": kind}
        for claim, decision, kind in decided
    ]
