# SPDX-License-Identifier: Apache-2.0
"""The worker as its tests run it."""

import json
import subprocess
import unittest

STATIONARY = {
    "keys": {"stream": "uniform"}, "mix": {"load": 80, "store": 20}, "population": 2000, "prefill": 1.0,
    "regime": "stationary", "ops": 0, "key_type": "u64", "value_type": "u64",
}
GROWTH = {
    "keys": {"stream": "krr", "reuse": 0.83, "choice": "uniform", "sharing": "private"},
    "mix": {"load_or_store": 100}, "regime": "growth", "ops": 8000, "key_type": "u64", "value_type": "u64",
}
EVERY_OPERATION = {
    "load": 20, "store": 10, "load_or_store": 10, "load_and_delete": 10, "delete": 10, "swap": 10,
    "compare_and_swap": 10, "compare_and_delete": 10, "load_or_compute": 10,
}


class Outcome:
    """A finished visit."""

    def __init__(self, done):
        self.code = done.returncode
        self.stderr = done.stderr
        self.text = done.stdout
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]

    def of(self, kind):
        return [line for line in self.lines if line["t"] == kind]


class WorkerTest(unittest.TestCase):
    """The programs are those of the command line (worker_test.py)."""

    worker = broken = cross = cross_arch = profile_trace = ""

    def visit(self, request, command=None, workload=None, **fields):
        """Runs a short visit; `workload` and `fields` override the request's."""
        request = {"visit": 12, "seed": 123, "threads": 1, "slice_ms": 0.5, "seconds": 0.02,
                   "warmup_seconds": 0.01, **request, **fields}
        request["workload"] = {**request["workload"], **(workload or {})}
        return Outcome(subprocess.run([*(command or [self.worker]), "--visit=-"], input=json.dumps(request),
                                      capture_output=True, text=True, check=False, timeout=250))

    def describe(self, command=None):
        done = subprocess.run([*(command or [self.worker]), "--describe"], capture_output=True, text=True,
                              check=True, timeout=60)
        return json.loads(done.stdout)
