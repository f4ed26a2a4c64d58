# SPDX-License-Identifier: Apache-2.0
"""What a claim is, and what can be said of one."""

import dataclasses
from collections.abc import Callable

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
PARTLY = "partly"
UNDECIDED = "undecided"
NOT_ASKED = "not asked"
VERDICTS = (SUPPORTED, CONTRADICTED, PARTLY, UNDECIDED, NOT_ASKED)


@dataclasses.dataclass(frozen=True)
class Decision:
    """A verdict (one of VERDICTS) and the sentence of evidence behind it."""

    verdict: str
    evidence: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"unknown claim verdict {self.verdict!r}; use one of {VERDICTS}")


@dataclasses.dataclass(frozen=True)
class Claim:
    """One published claim, restated, with the rule that decides it.

    `id` names source text and claim (000-C01 is the first of the first text).
    `decide` takes nothing for claims that arithmetic decides, and the run's
    conclusions (the content of verdicts.json) for measured ones.
    """

    id: str
    text: str
    decide: Callable[..., Decision]
