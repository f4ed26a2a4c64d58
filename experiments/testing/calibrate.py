# SPDX-License-Identifier: Apache-2.0
"""What a visit of the real worker costs beside its slices, for the simulated one.

    /usr/bin/python3 -m experiments.testing.calibrate bazel-bin/experiments/worker/worker

Makes visits as the default profile does, reads where their time went (`timing` of the worker's last line) and prints the
constants of fake_worker.py beside what they are there. On a quiet machine: it takes about a minute.
"""

import json
import shutil
import statistics
import subprocess
import sys

from experiments.testing import fake_worker
from tools.arguments import Parser, named

TEAM = ["mutex_map", "sync_map", "sharded_map", "hash_trie_map"]
KEYS = 10_000
# Whether keys come and go, which several threads make dear to check.
MIXES = {"settled": {"load": 80, "store": 20}, "moving": {"load": 60, "store": 20, "delete": 20}}
VISITS = 5


def timing(worker: str, mix: dict[str, float], threads: int, seed: int) -> tuple[dict[str, float], int]:
    """(seconds by part of one visit, how often its maps were filled)."""
    request = {"visit": seed, "seed": seed, "contestants": TEAM, "threads": threads, "oversubscribed": threads > 2,
               "slice_ms": 10 if threads == 1 else 20, "seconds": 0.6, "warmup_seconds": 0.2,
               "workload": {"keys": {"stream": "uniform"}, "mix": mix, "population": KEYS, "regime": "stationary"}}
    done = subprocess.run([worker, "--visit=-"], input=json.dumps(request), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    blocks = 1 + max(line["b"] for line in lines if line["t"] == "slice")
    return lines[-1]["timing"], blocks if lines[-1]["placement"] == "block" else 1


def main(given: list[str]) -> int:
    """Prints what was measured and what the simulation says."""
    parser = Parser(prog="calibrate", description="Prints the constants of fake_worker.py as a worker has them.")
    parser.add_argument("worker", metavar="WORKER", type=named, help="bazel-bin/experiments/worker/worker")
    worker = parser.parse_args(given).worker
    if shutil.which(worker) is None:
        parser.error(f"{worker} is no program; build //experiments/worker")
    start: dict[int, list[float]] = {}
    surrounding: dict[str, list[float]] = {kind: [] for kind in MIXES}
    fill = []
    for threads in (1, 2, 16):
        for kind, mix in MIXES.items():
            found = []
            for seed in range(VISITS):
                parts, filled = timing(worker, mix, threads, seed)
                start.setdefault(threads, []).append(parts["start"] + parts["tape"])
                found.append(1 + (parts["verify"] + parts["other"]) / parts["slices"])
                fill.append(parts["place"] / (filled * len(TEAM) * KEYS))
            surrounding[kind] += found
            print(f"{threads:2} threads, {kind:8} {statistics.median(found):.2f} times its slices, "
                  f"{statistics.median(start[threads]):.3f} s before the first")
    per_thread = (statistics.median(start[16]) - statistics.median(start[1])) / 15
    for kind, values in surrounding.items():
        print(f'SURROUNDING["{kind}"] = {statistics.median(values):.2f}, greatest {max(values):.2f}; '
              f"simulated {fake_worker.SURROUNDING[kind]}")
    print(f"START_S = {statistics.median(start[1]):.2f}; simulated {fake_worker.START_S}")
    print(f"START_THREAD_S = {per_thread:.4f}; simulated {fake_worker.START_THREAD_S}")
    print(f"FILL_S = {statistics.median(fill):.1e}; simulated {fake_worker.FILL_S}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
