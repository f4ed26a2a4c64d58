# SPDX-License-Identifier: Apache-2.0
"""Recordings: compact traces (tools/trace/FORMAT.md) whose operations take the place of those that a cell would draw."""

import hashlib
import os
import pathlib
from typing import Any

from experiments.orchestrator.errors import UserError

MAGIC = b"CMAPTRC1"
REGIMES = ("growth", "reserved")  # a recording starts from an empty map


def take(path: Any, where: str) -> dict[str, str]:
    """What a question keeps of a recording: where it is, and its hash. Raises UserError."""
    if not isinstance(path, str) or not path:
        raise UserError(f"{where} has the recording {path!r}; give the path of a compact trace, as advise --normalised writes it.")
    file = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ".")).absolute() / path
    return {"file": str(file), "sha256": _hash(file, where)}


def _hash(file: pathlib.Path, where: str) -> str:
    try:
        with open(file, "rb") as opened:
            if opened.read(len(MAGIC)) != MAGIC:
                raise UserError(f"{where} has the recording {file}, which is no compact trace; write one with "
                                "bazel run //tools:advise -- TRACE --normalised FILE.")
            opened.seek(0)
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{where} has the recording {file}, which cannot be read ({error.strerror}); name another file.") from None


def check(question: dict[str, Any]) -> None:
    """Raises UserError when a recording of a question is not what it was."""
    for cell in question.get("cells") or ():
        kept = cell.get("recording")
        if kept and _hash(pathlib.Path(kept["file"]), f"the cell {cell['name']}") != kept["sha256"]:
            raise UserError(f"the recording {kept['file']} has changed since the run began; restore it or start a new run.")


def of(question: dict[str, Any], cell: str | None) -> dict[str, str]:
    """The field of a visit's request, if the cell has a recording."""
    kept = next((c.get("recording") for c in question.get("cells") or () if c["name"] == cell), None)
    return {"recording": kept["file"]} if kept else {}
