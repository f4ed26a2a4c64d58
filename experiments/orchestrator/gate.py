# SPDX-License-Identifier: Apache-2.0
"""Waits for a quiet machine before a visit.

Under other load contention vanishes, because threads no longer run at the same time, and locks
look fast. So a visit starts only after other processes used less than 5 % of the CPUs over 0.3 s
- or after the longest wait allowed, and then says so.
"""

import dataclasses
import os
import time
from collections.abc import Callable

WINDOW_S = 0.3
LIMIT = 0.05
# A machine that stays busy would eat the budget with waiting: after this many
# visits in a row that waited in vain, only one window is looked at, until a
# quiet one is seen again.
PATIENCE = 5


@dataclasses.dataclass(frozen=True)
class Passage:
    """How the gate was passed. other_cpu is the share of all CPUs in the last window."""

    waited_s: float
    other_cpu: float
    quiet: bool


def read_proc_stat() -> str:
    with open("/proc/stat", encoding="ascii") as file:
        return file.readline()


def parse(line: str) -> tuple[int, int]:
    """(busy, total) in ticks from the first line of /proc/stat. Stolen time is busy: somebody had the CPU."""
    fields = [int(f) for f in line.split()[1:9]]
    user, nice, system, idle, iowait, irq, softirq, steal = fields + [0] * (8 - len(fields))
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


def own_seconds() -> float:
    """CPU time of this process and its finished children."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


class Gate:
    """The gate of one run."""

    def __init__(self, longest_wait_s: float, *, stat: Callable[[], str] = read_proc_stat,
                 own: Callable[[], float] = own_seconds, sleep: Callable[[float], None] = time.sleep,
                 ticks_per_second: int | None = None, stop: Callable[[], bool] = lambda: False):
        """longest_wait_s 0 disables it: one short look, for the record only."""
        self._longest, self._stat, self._own, self._sleep = longest_wait_s, stat, own, sleep
        self._ticks = ticks_per_second or os.sysconf("SC_CLK_TCK")
        self._stop, self._vain = stop, 0

    def look(self, seconds: float = WINDOW_S) -> float:
        """The share of all CPUs that other processes used over the next `seconds`."""
        busy0, total0 = parse(self._stat())
        own0 = self._own()
        self._sleep(seconds)
        busy1, total1 = parse(self._stat())
        own_ticks = (self._own() - own0) * self._ticks
        if total1 <= total0:
            return 0.0
        return min(1.0, max(0.0, (busy1 - busy0 - own_ticks) / (total1 - total0)))

    def wait(self) -> Passage:
        """Returns when it is quiet, or when waiting longer is not allowed."""
        if self._longest <= 0:
            other = self.look(WINDOW_S / 10)
            return Passage(WINDOW_S / 10, round(other, 4), other < LIMIT)
        longest = WINDOW_S if self._vain >= PATIENCE else self._longest
        waited = 0.0
        while True:
            other = self.look()
            waited += WINDOW_S
            if other < LIMIT:
                self._vain = 0
                return Passage(round(waited, 3), round(other, 4), True)
            if waited + WINDOW_S > longest or self._stop():
                self._vain += 1
                return Passage(round(waited, 3), round(other, 4), False)
