# SPDX-License-Identifier: Apache-2.0
"""What the report step needs for a run of a million slices, against its goals. Run by hand; exit 1 when one is missed.

    bazel run //report:large_benchmark
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from report.testdata import make_testdata

SECONDS, MEGABYTES, PAGE_MEGABYTES = 10.0, 500.0, 3.0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        # Processes of their own: the memory of the one that makes the run would count for the one that reads it.
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(pathlib.Path(__file__).absolute().parents[1]), *sys.path])}
        subprocess.run([sys.executable, "-m", make_testdata.__name__, str(run), "large"], check=True, env=env)
        with open(run / "samples.jsonl", "rb") as samples:
            lines = sum(1 for _ in samples)
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "report", str(run)], env=env)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        found = [("seconds of wall time", time.monotonic() - started, SECONDS),
                 ("MB of memory at most", used.ru_maxrss / 1024, MEGABYTES),
                 ("MB of HTML", (run / "report/index.html").stat().st_size / 1e6 if not status else 0.0,
                  PAGE_MEGABYTES)]
        print(f"{lines} lines, {(run / 'samples.jsonl').stat().st_size / 1e6:.0f} MB; "
              f"{used.ru_utime + used.ru_stime:.1f} s of CPU")
        for what, value, goal in found:
            print(f"{value:8.1f} {what} (goal: {goal:g}){'' if value <= goal else '   MISSED'}")
        return int(bool(status) or any(value > goal for _, value, goal in found))


if __name__ == "__main__":
    sys.exit(main())
