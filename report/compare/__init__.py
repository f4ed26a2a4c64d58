# SPDX-License-Identifier: Apache-2.0
"""Many runs, one page: what agrees, what differs beyond both intervals, and how far runs move an effect."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import string

from report import capsule, load
from report.compare import compared, page, taken

MOST_RUNS = len(string.ascii_uppercase)


def read(paths: list[pathlib.Path]) -> compared.Comparison:
    """Runs (folders or capsules) held against one another, in this order. Raises ResultsError.

    One run is in memory at a time. Nothing is written but a capsule's temporary folder.
    """
    if not 2 <= len(paths) <= MOST_RUNS:
        raise load.ResultsError(f"{len(paths)} run{'s' * (len(paths) != 1)} cannot be compared; name 2 to {MOST_RUNS}, "
                                "each a results directory or a capsule.")
    runs, seen = [], {}
    for letter, path in zip(string.ascii_uppercase, paths):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(capsule.open_run(path)) if path.is_file() else path
            run = load.load(folder)
            same = seen.setdefault((run.meta["run"], _hash(folder)), path)
            if same is not path:
                raise load.ResultsError(f"{same} and {path} are the same run, which can only agree with itself; name "
                                        "each run once.")
            runs.append(taken.take(run, letter))
    return compared.compare(runs)


def _hash(folder: pathlib.Path) -> str:
    try:
        with open(folder / "samples.jsonl", "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def place_for(paths: list[pathlib.Path], below: pathlib.Path | None = None) -> pathlib.Path:
    """The folder of the page when the caller names none: named after all runs, beside the first or `below`."""
    names = [path.resolve().name.removesuffix(".capsule") for path in paths]
    name = "compare-" + "-".join(names)
    if len(name) > 120:
        name = f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return (below or paths[0].resolve().parent) / name


def write(comparison: compared.Comparison) -> dict[str, str]:
    """The files of a comparison by name."""
    return {"compare.json": page.data(comparison), "index.html": page.render_page(comparison)}
