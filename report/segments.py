# SPDX-License-Identifier: Apache-2.0
"""A large file of lines, read by several processes at once: parts that begin where a record begins."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

MOST_PROCESSES = 8
_LOOK = 1 << 20  # bytes that are searched for the beginning of a record


def of(path: pathlib.Path, begin: bytes, least: int) -> list[tuple[int, int]]:
    """(start, end) of the parts of a file, in order and without gaps: one for each CPU that this process may use, of at
    least so many bytes; each but the first starts with a line that starts with `begin`. Raises OSError."""
    size = path.stat().st_size
    count = min(MOST_PROCESSES, len(os.sched_getaffinity(0)), size // max(1, least))
    starts = [0]
    with open(path, "rb") as file:
        for i in range(1, count):
            file.seek(size * i // count)
            found = file.read(_LOOK).find(b"\n" + begin)
            at = size * i // count + found + 1
            if found >= 0 and at > starts[-1]:
                starts.append(at)
    return list(zip(starts, [*starts[1:], size]))


def each(function: Callable[..., Any], jobs: Sequence[tuple]) -> list[Any] | None:
    """What the function returns for each job, every one in a process of its own; None when one of them could not be had.

    The processes are forks, so that the function must start no thread and touch nothing of this process but its arguments.
    """
    try:
        with concurrent.futures.ProcessPoolExecutor(len(jobs), multiprocessing.get_context("fork")) as pool:
            return [f.result() for f in [pool.submit(function, *job) for job in jobs]]
    except (OSError, BrokenProcessPool):
        return None
