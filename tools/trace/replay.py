# SPDX-License-Identifier: Apache-2.0
"""From a trace to the question that replays it: its compact form, and a cell for `bazel run //experiments -- --ask`."""

import hashlib
import os
import pathlib
import re

# Operations of a run. A visit of four maps has some fifty runs: at 200 ns, checking included, two seconds.
MOST = 200_000
_MOST_BYTES = 4096  # of a value
_COARSE = {1.0: "seconds", 1e-3: "milliseconds"}  # what a clock may tell at best, and what windows then begin with (arrivals.h)
_AT_ONCE = 2  # operations of one time: more would be a burst of the clock's making


class ReplayError(Exception):
    """One sentence that names the thing and the remedy."""


def place_for(trace, root):
    """Where the compact form of a trace is kept, which is as long as the run that replays it. Raises ReplayError."""
    if root is None:
        raise ReplayError("this was not started by bazel run, so nothing can be measured from here; run: "
                          "bazel run //tools:advise -- TRACE --replay")
    folder = root / "results/recordings"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReplayError(f"{folder} cannot be made ({error.strerror}); make room for it") from None
    name = re.sub(r"[^A-Za-z0-9]+", "_", os.path.basename(trace)).strip("_").lower()[:40] or "trace"
    told = hashlib.sha256(os.path.abspath(trace).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return str(folder / f"{name}-{told}.cmaptrc")


def hash_of(compact):
    """By which a run knows the recording. Raises ReplayError."""
    try:
        return hashlib.sha256(pathlib.Path(compact).read_bytes()).hexdigest()
    except OSError as error:
        raise ReplayError(f"{compact} cannot be read ({error.strerror}); replay the trace again") from None


def without_times(result):
    """Why operations of a trace cannot be replayed when they came, a clause; empty when they can."""
    found = result["figures"]["arrivals"]
    if "unknown" in found:
        return found["unknown"]
    if not found["windows"]:
        return "it has too few operations, or too coarse a clock, to tell when they came"
    tick = found["windows"][0]
    if tick["seconds"] in _COARSE and tick["mean"] >= _AT_ONCE:
        return (f"its clock tells no more than {_COARSE[tick['seconds']]}, and {tick['mean']:.3g} operations on average came within one, "
                "nobody knows when")
    return ""


def cells(name, result, fields, compact):
    """(the file for --ask as data, operations that are replayed). fields: of the description, for types and threads; raises
    ReplayError for wrong ones."""
    from report.recommend import described  # pylint: disable=import-outside-toplevel  # what only profiles starts without it
    try:
        wanted = described.from_fields(fields)
    except described.Undescribed as error:
        raise ReplayError(str(error)) from None
    operations = min(result["operations"], MOST)
    figures = result["figures"]
    reuse = 0.5 if "unknown" in figures["reuse_rate"] else min(0.9999, max(0.0, figures["reuse_rate"]["value"]))
    parts = [f"keys=krr:{reuse:.4f}:shared", "mix=" + ",".join(f"{op}:{share:g}" for op, share in mix(figures["shares"])),
             # A run has from so many to twice as many operations, so that no growth step of a table poses as an effect.
             "regime=growth", f"ops={max(1, operations // 2)}", f"threads={wanted.threads or 'all'}"]
    if wanted.features.strings:
        parts.append(f"key=string:{described.STRING_BYTES}")
    if round(wanted.value_bytes) > described.WORD_BYTES:
        parts.append(f"value={min(round(wanted.value_bytes), _MOST_BYTES)}")
    if not without_times(result):
        parts.append("arrivals=recorded")
    title = f"{name}: its first {f'{operations:,}'.replace(',', ' ')} operations, replayed"
    return {"title": f"Which map for {name}?", "cells": [
        {"name": "replayed", "title": title, "ask": " ".join(parts), "recording": compact}]}, operations


def mix(shares):
    """[(operation, percent)], summing to 100 as they are written; every operation that occurs is there."""
    found = [(op, max(0.001, round(100 * share, 3))) for op, share in sorted(shares.items(), key=lambda s: -s[1]) if share > 0]
    rest = round(100 - sum(share for _, share in found[1:]), 6)
    return [(found[0][0], rest), *found[1:]]
