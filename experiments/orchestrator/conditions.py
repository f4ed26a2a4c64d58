# SPDX-License-Identifier: Apache-2.0
"""Conditions of a cell: what holds for all of its contestants beside the workload.

A cell of the catalogue has them as fields beside its workload, a visit's request and its line in samples.jsonl likewise,
where they are not the usual ones.
"""

from collections.abc import Mapping
from typing import Any

# Name -> its words, the usual one first, and what they mean.
CONDITIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "call": (("inlined", "called"), "whether compilers may look through the operations of the map, or each is one call behind "
             "a boundary; integer keys only (default: inlined)"),
    "pages": (("asked", "huge", "small"), "huge pages for the maps that ask for them, for all of them (the allocator asks), "
              "or for none (default: asked)"),
}


def problem(name: str, value: Any, workload: Mapping[str, Any]) -> str | None:
    """What is wrong with a condition of a cell with this workload, as the end of a sentence, or None."""
    words = CONDITIONS[name][0]
    if value not in words:
        return f"has the {name} {value!r}; give {', '.join(words[:-1])} or {words[-1]}"
    if name == "call" and value != words[0] and workload.get("key_type", "u64") != "u64":
        return f"has the call {value!r} and {workload['key_type']} keys; integer keys may be inlined or called"
    return None


def stated(cell: Mapping[str, Any]) -> dict[str, str]:
    """The conditions of a cell (or of a request, or a visit) that are not the usual ones."""
    return {name: cell[name] for name, (words, _) in CONDITIONS.items() if cell.get(name, words[0]) != words[0]}


def of(question: Mapping[str, Any], cell: str | None) -> dict[str, str]:
    """Those of a question's named cell."""
    return next((stated(c) for c in question.get("cells", ()) if c["name"] == cell), {})
