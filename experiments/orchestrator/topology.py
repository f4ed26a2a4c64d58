# SPDX-License-Identifier: Apache-2.0
"""What the machine is made of, as far as threads care: cores, their hardware threads, caches, nodes.

Read from sysfs and the CPUs this process may use. A file that is missing (a small virtual machine
has few of them) makes the machine look simpler, never fails: without siblings every CPU is a core,
without nodes there is one.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable
from typing import Any

COMPACT, SPREAD = "compact", "spread"
# A core is an efficiency core when it has less than this share of the strongest core's capacity. Cores of one kind
# differ by a tenth (the favoured ones clock higher), kinds by a quarter and more.
EFFICIENT_BELOW = 0.8


@dataclasses.dataclass(frozen=True)
class Core:
    """One physical core. cpus: its hardware threads that this process may use, ascending."""

    cpus: tuple[int, ...]
    node: int = 0
    socket: int = 0
    cache: int = 0  # the least CPU of those that share the last-level cache
    efficient: bool = False
    nearest: int = 0  # the least CPU of those that share the first-level cache of data: this core's, unless told otherwise


@dataclasses.dataclass(frozen=True)
class Machine:
    """The part of a machine that this process may use, and what it may not."""

    cores: tuple[Core, ...]
    hidden: tuple[int, ...] = ()  # online, and not for this process
    offline: tuple[int, ...] = ()
    quota: float | None = None  # CPUs' worth of time that a control group grants, if it limits that
    unknown: tuple[str, ...] = ()  # what sysfs does not tell

    @property
    def cpus(self) -> int:
        """How many hardware threads there are to run on."""
        return sum(len(core.cpus) for core in self.cores)

    @property
    def own_caches(self) -> int:
        """How many threads can run without sharing a first-level cache, as far as sysfs tells: virtual machines may show
        the hardware threads of one core as cores."""
        return len({core.nearest for core in self.cores})

    def order(self, pin: str = COMPACT) -> list[int]:
        """The CPUs in the order in which threads get them.

        One hardware thread of every core comes before any second one, and performance cores come before
        efficiency cores. Among equals, compact fills one node (and in it one cache) after another; spread
        takes the nodes, and in each its caches, in turn.
        """
        ranked: list[Core] = []
        for efficient in (False, True):
            kind = [core for core in self.cores if core.efficient == efficient]
            if pin == SPREAD:
                ranked += _in_turn(kind, ("node", "cache"))
            else:
                ranked += sorted(kind, key=lambda core: (core.node, core.cache, core.cpus))
        depth = max(len(core.cpus) for core in self.cores)
        return [core.cpus[i] for i in range(depth) for core in ranked if i < len(core.cpus)]

    def record(self) -> dict[str, Any]:
        """The machine for run.json. Lists of CPUs are written as sysfs writes them."""
        def groups(field: str) -> list[str]:
            found: dict[int, list[int]] = {}
            for core in self.cores:
                found.setdefault(getattr(core, field), []).extend(core.cpus)
            return [list_of(cpus) for _, cpus in sorted(found.items())]

        return {
            "cores": len(self.cores), "hardware_threads": self.cpus,
            "efficiency_cores": sum(core.efficient for core in self.cores),
            "sockets": groups("socket"), "nodes": groups("node"), "last_level_caches": groups("cache"),
            "siblings": [list_of(core.cpus) for core in self.cores if len(core.cpus) > 1],
            "hidden": list_of(self.hidden), "offline": list_of(self.offline), "quota": self.quota,
            "unknown": list(self.unknown)}


def read(root: str | pathlib.Path = "/sys", allowed: Iterable[int] | None = None) -> Machine:
    """The machine below `root`, of which this process may use the CPUs `allowed` (default: its own CPU set)."""
    tree = _Tree(pathlib.Path(root))
    usable = sorted(os.sched_getaffinity(0) if allowed is None else allowed)
    machine = _machine(tree, usable)
    if machine.quota is not None and machine.quota < machine.cpus:
        # More threads than the quota pays for would be stopped in turn, and measure that.
        machine = _machine(tree, sorted(machine.order()[:max(1, int(machine.quota))]))
    return machine


def cpus_of(text: str | None) -> list[int]:
    """The numbers in a list such as 0-3,8."""
    out: list[int] = []
    for part in (text or "").split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit():
            out += range(int(low), int(high or low) + 1)
    return out


def list_of(cpus: Iterable[int]) -> str:
    """Numbers as such a list."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


class _Tree:
    """The files of one sysfs."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.cpu = root / "devices/system/cpu"

    def text(self, path: str | pathlib.Path) -> str | None:
        try:
            return (self.cpu / path).read_text(encoding="utf-8", errors="replace").strip() or None
        except OSError:
            return None

    def number(self, path: str | pathlib.Path) -> int | None:
        text = self.text(path)
        return int(text) if text and re.fullmatch(r"-?\d+", text) else None

    def siblings(self, cpu: int) -> list[int]:
        """CPUs of the same core, itself included; empty when not told."""
        return cpus_of(self.text(f"cpu{cpu}/topology/core_cpus_list")
                       or self.text(f"cpu{cpu}/topology/thread_siblings_list"))

    def cache(self, cpu: int) -> list[int]:
        """CPUs that share its last-level cache; empty when not told."""
        level: tuple[int, list[int]] = (0, [])
        for index in (self.cpu / f"cpu{cpu}/cache").glob("index[0-9]*"):
            if self.text(index / "type") == "Instruction":
                continue
            level = max(level, (self.number(index / "level") or 0, cpus_of(self.text(index / "shared_cpu_list"))))
        return level[1]

    def nearest(self, cpu: int) -> list[int]:
        """CPUs that share its first-level cache of data; empty when not told."""
        for index in (self.cpu / f"cpu{cpu}/cache").glob("index[0-9]*"):
            if self.number(index / "level") == 1 and self.text(index / "type") != "Instruction":
                return cpus_of(self.text(index / "shared_cpu_list"))
        return []

    def nodes(self) -> dict[int, int]:
        """CPU -> NUMA node."""
        found = {}
        for folder in (self.root / "devices/system/node").glob("node[0-9]*"):
            found.update(dict.fromkeys(cpus_of(self.text(folder / "cpulist")), int(folder.name[4:])))
        return found

    def efficient(self, cpus: list[int]) -> set[int]:
        """Those on efficiency cores.

        Asked in the order of how much the answer is worth: what the scheduler uses, the two kinds of Intel's
        hybrids, the firmware's nominal performance (the highest one also ranks cores of one kind), the clock.
        """
        strengths = [[self.number(f"cpu{cpu}/{name}") for cpu in cpus] for name in
                     ("cpu_capacity", "acpi_cppc/nominal_perf", "cpufreq/cpuinfo_max_freq")]
        weak = set(cpus_of(self.text(self.root / "devices/cpu_atom/cpus")))
        if weak and not _differ(strengths[0]):
            return weak & set(cpus)
        for strength in strengths:
            if _differ(strength):
                limit = EFFICIENT_BELOW * max(strength)
                return {cpu for cpu, value in zip(cpus, strength) if value < limit}
        return set()

    def quota(self) -> float | None:
        """The least limit on CPU time of the control groups that sysfs shows, in CPUs."""
        found = re.fullmatch(r"(\d+) (\d+)", self.text(self.root / "fs/cgroup/cpu.max") or "")
        if found:
            granted, period = int(found[1]), int(found[2])
        else:  # the first version of control groups, where -1 is no limit
            granted = self.number(self.root / "fs/cgroup/cpu/cpu.cfs_quota_us") or 0
            period = self.number(self.root / "fs/cgroup/cpu/cpu.cfs_period_us") or 0
        return granted / period if granted > 0 and period > 0 else None


def _differ(strength: list[int | None]) -> bool:
    """Whether all are known and some are much weaker than others."""
    return None not in strength and min(strength) < EFFICIENT_BELOW * max(strength)


def _machine(tree: _Tree, usable: list[int]) -> Machine:
    nodes = tree.nodes()
    efficient = tree.efficient(usable)
    siblings = {cpu: tree.siblings(cpu) for cpu in usable}
    caches = {cpu: tree.cache(cpu) for cpu in usable}
    unknown = [what for what, missing in (
        ("siblings", not any(siblings.values())), ("caches", not any(caches.values())), ("nodes", not nodes))
        if missing]
    cores: dict[int, Core] = {}
    for cpu in usable:
        if any(cpu in core.cpus for core in cores.values()):
            continue
        own = tuple(c for c in usable if c in siblings[cpu]) or (cpu,)
        node = nodes.get(cpu, 0)
        # A socket that is not numbered reads -1. Without a cache in sight, those of one node share one.
        cores[cpu] = Core(own, node, max(0, tree.number(f"cpu{cpu}/topology/physical_package_id") or 0),
                          min(caches[cpu], default=-1 - node), cpu in efficient, min(tree.nearest(cpu), default=cpu))
    online = cpus_of(tree.text("online"))
    return Machine(tuple(cores.values()), tuple(sorted(set(online) - set(usable))),
                   tuple(cpus_of(tree.text("offline"))), tree.quota(), tuple(unknown))


def _in_turn(cores: list[Core], fields: tuple[str, ...]) -> list[Core]:
    """One of each group, then the next of each; within the groups the same by the other fields."""
    if not fields:
        return sorted(cores, key=lambda core: core.cpus)
    groups: dict[int, list[Core]] = {}
    for core in cores:
        groups.setdefault(getattr(core, fields[0]), []).append(core)
    lanes = [_in_turn(group, fields[1:]) for _, group in sorted(groups.items())]
    return [lane[i] for i in range(max(map(len, lanes), default=0)) for lane in lanes if i < len(lane)]
