# SPDX-License-Identifier: Apache-2.0
"""Tells a person how far a run is: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any, TextIO

PLAIN_EVERY_S = 10.0
_WIDTH = 24


def duration(seconds: float) -> str:
    """Seconds for people: 45 s, 4:05, 2:03:00."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class Voice:
    """A stream that may break - a pipe whose reader died, a full disk, a terminal that hung up - without harm.

    After the first failure nothing more is written; `broken` says why. What the stream cannot encode is escaped.
    """

    def __init__(self, stream: TextIO | None):
        self._stream, self.broken = stream, "" if stream else "it is closed"
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> None:
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._try(lambda: self._stream.flush())  # pylint: disable=unnecessary-lambda: there may be no stream

    def isatty(self) -> bool:
        try:
            return self._stream.isatty()
        except (OSError, ValueError, AttributeError):
            return False

    def _try(self, action: Callable[[], Any]) -> None:
        if self.broken:
            return
        try:
            action()
        except (OSError, ValueError, AttributeError) as error:  # closed streams raise ValueError, absent ones are None
            self.broken = getattr(error, "strerror", None) or "it is closed"
            self._let_go()

    def _let_go(self) -> None:
        """What is still in the stream's buffer must not fail again when the interpreter ends."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


class Progress:
    """Writes to one stream. On a terminal the last line is the bar and is rewritten."""

    def __init__(self, stream: TextIO, columns: int = 100, clock: Callable[[], float] = time.monotonic):
        self._stream, self._columns, self._clock = stream, columns, clock
        self._terminal = stream.isatty()
        self._last = -PLAIN_EVERY_S
        self._bar = ""

    def update(self, *, fraction: float, left_s: float, visits: int, decided: int, goals: int,
               doing: str) -> None:
        """The state of the run. fraction and left_s are of the time, whichever ends it first."""
        fraction = min(1.0, max(0.0, fraction))
        head = (f"{100 * fraction:3.0f} %, {duration(left_s)} left, {visits} visit{'s' if visits != 1 else ''}, "
                f"{decided} of {goals} decided; {doing}")
        if self._terminal:
            full = round(_WIDTH * fraction)
            bar = f"[{'#' * full}{'.' * (_WIDTH - full)}] {head}"[:self._columns - 1]
            self._stream.write("\r" + bar.ljust(len(self._bar)))
            self._bar = bar
            self._stream.flush()
        elif self._clock() - self._last >= PLAIN_EVERY_S:
            self._last = self._clock()
            self.say(head)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._bar:
            self._stream.write("\r" + " " * len(self._bar) + "\r")
            self._bar = ""
        self._stream.write(text + "\n")
        self._stream.flush()
