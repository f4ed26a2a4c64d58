# SPDX-License-Identifier: Apache-2.0
"""Machines as their sysfs shows them, in short: for the tests of topologies and for simulated runs.

`plant` writes the files of one; what a machine does not tell is left out of its entry.
"""

import functools
import pathlib
import tempfile
from typing import Any

from experiments.orchestrator import topology


def _pairs(first: int, count: int, away: int) -> list[str]:
    return [f"{cpu},{cpu + away}" for cpu in range(first, first + count)]


# `siblings`, `sockets`, `caches` (the last level; level 1 is each core's own) and `nodes` are lists of groups of CPUs.
# `files` are further ones, for each CPU of a list.
MACHINES: dict[str, dict[str, Any]] = {
    # Four cores of two threads, numbered as Linux numbers most: first threads first.
    "laptop": {"online": "0-7", "siblings": _pairs(0, 4, 4), "sockets": ["0-7"], "nodes": ["0-7"], "caches": ["0-7"],
               "files": {"0-7": {"cpufreq/cpuinfo_max_freq": "4200000"}}},
    # Two sockets of 16 cores, each a node with one cache.
    "server": {"online": "0-63", "siblings": _pairs(0, 32, 32), "sockets": ["0-15,32-47", "16-31,48-63"],
               "nodes": ["0-15,32-47", "16-31,48-63"], "caches": ["0-15,32-47", "16-31,48-63"]},
    # One node, 128 cores without SMT, a cache to each pair; sockets not numbered.
    "arm": {"online": "0-127", "siblings": [str(c) for c in range(128)], "sockets": [], "nodes": ["0-127"],
            "caches": [f"{c}-{c + 1}" for c in range(0, 128, 2)],
            "files": {"0-127": {"cpu_capacity": "1024", "topology/physical_package_id": "-1"}}},
    # Six performance cores of two threads (neighbours), eight efficiency cores; the favoured pair clocks higher.
    "hybrid": {"online": "0-19", "siblings": [f"{c}-{c + 1}" for c in range(0, 12, 2)] + [str(c) for c in range(12, 20)],
               "sockets": ["0-19"], "nodes": ["0-19"], "caches": ["0-19"],
               "files": {"0-3": {"cpufreq/cpuinfo_max_freq": "5200000"}, "4-11": {"cpufreq/cpuinfo_max_freq": "5000000"},
                         "12-19": {"cpufreq/cpuinfo_max_freq": "3800000"}}},
    # A virtual machine without any of it.
    "vm": {"online": "0-1"},
    # A virtual machine whose two CPUs are the threads of one core.
    "one_core": {"online": "0-1", "siblings": ["0-1"], "sockets": ["0-1"], "nodes": ["0-1"], "caches": ["0-1"]},
    # The simulated runs' machines of 2, 16, 64 and 128 cores.
    "cores2": {"online": "0-1", "siblings": ["0", "1"], "sockets": ["0-1"], "nodes": ["0-1"], "caches": ["0-1"]},
    "cores16": {"online": "0-31", "siblings": _pairs(0, 16, 16), "sockets": ["0-31"], "nodes": ["0-31"],
                "caches": ["0-7,16-23", "8-15,24-31"]},
    "cores64": {"online": "0-127", "siblings": _pairs(0, 64, 64), "sockets": ["0-31,64-95", "32-63,96-127"],
                "nodes": ["0-31,64-95", "32-63,96-127"],
                "caches": [f"{c}-{c + 7},{c + 64}-{c + 71}" for c in range(0, 64, 8)]},
}
MACHINES["cores128"] = MACHINES["arm"]


def plant(root: pathlib.Path, name: str, **changes: Any) -> pathlib.Path:
    """Writes the sysfs of a machine below `root`. `changes` replace fields of its entry."""
    shape = {"siblings": [], "sockets": [], "nodes": [], "caches": [], "files": {}, "offline": "", "extra": {},
             **MACHINES[name], **changes}

    def write(path: str, text: Any) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="utf-8")

    cpu = "devices/system/cpu"
    write(f"{cpu}/online", shape["online"])
    write(f"{cpu}/offline", shape["offline"])
    for group in shape["siblings"]:
        for c in topology.cpus_of(group):
            write(f"{cpu}/cpu{c}/topology/thread_siblings_list", group)
            write(f"{cpu}/cpu{c}/cache/index0/level", 1)
            write(f"{cpu}/cpu{c}/cache/index0/type", "Data")
            write(f"{cpu}/cpu{c}/cache/index0/shared_cpu_list", group)
    for number, group in enumerate(shape["sockets"]):
        for c in topology.cpus_of(group):
            write(f"{cpu}/cpu{c}/topology/physical_package_id", number)
    for group in shape["caches"]:
        for c in topology.cpus_of(group):
            write(f"{cpu}/cpu{c}/cache/index3/level", 3)
            write(f"{cpu}/cpu{c}/cache/index3/type", "Unified")
            write(f"{cpu}/cpu{c}/cache/index3/shared_cpu_list", group)
    for number, group in enumerate(shape["nodes"]):
        write(f"devices/system/node/node{number}/cpulist", group)
    for cpus, files in shape["files"].items():
        for c in topology.cpus_of(cpus):
            for path, text in files.items():
                write(f"{cpu}/cpu{c}/{path}", text)
    for path, text in shape["extra"].items():
        write(path, text)
    return root


def machine(name: str, allowed: str | None = None, **changes: Any) -> topology.Machine:
    """The machine as the orchestrator reads it; `allowed` is the CPU set of the process, by default all online."""
    return _read(name, allowed) if not changes else _plant_and_read(name, allowed, changes)


@functools.cache
def _read(name: str, allowed: str | None) -> topology.Machine:
    return _plant_and_read(name, allowed, {})


def _plant_and_read(name: str, allowed: str | None, changes: dict[str, Any]) -> topology.Machine:
    with tempfile.TemporaryDirectory() as folder:
        root = plant(pathlib.Path(folder), name, **changes)
        online = {**MACHINES[name], **changes}["online"]
        return topology.read(root, topology.cpus_of(allowed or online))
