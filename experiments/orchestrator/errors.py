# SPDX-License-Identifier: Apache-2.0
"""Errors for people: one clear sentence that names the thing and the remedy."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the caller can mend. The message is one sentence; the exit code is 2."""


class DiskError(UserError):
    """A file of the run could not be written or read. What was written before is whole; the exit code is 1."""


def plural(count: int, noun: str) -> str:
    """1 visit, 2 visits."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """An unknown name, with the nearest known one, or all of them when none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return UserError(f"unknown {kind} {name!r}; did you mean {near[0]!r}?")
    return UserError(f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}.")
