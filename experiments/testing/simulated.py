# SPDX-License-Identifier: Apache-2.0
"""Whole runs on machines that are not there, in simulated time.

    python3 -m experiments.testing.simulated WORKSPACE CATALOGUE MACHINE [arguments of the experiments]

MACHINE is one of machines.py, for instance cores64. The visits are those of fake_worker.py; a run of ten minutes takes
some seconds. The paper is the real one.
"""

import datetime
import pathlib
import sys

from experiments.orchestrator import cli, gate, session, visit
from experiments.testing import drive, fake_worker, machines

_BEGAN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
EMULATED_S = 2.5  # of a visit that is not timed


class Clock:
    """Seconds that pass only when something is said to take them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> str:
        return (_BEGAN + datetime.timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def world(machine: str) -> session.World:
    """A quiet machine of machines.py, on which visits go well and take the time they would."""
    clock = Clock()

    def make_visit(command, request, *, timeout_s, on_line=lambda line: None, stop=lambda: False):
        del command, timeout_s, stop
        lines, seconds = fake_worker.course(request)
        for line in lines:
            on_line(line)
        clock.sleep(seconds if request["timed"] else EMULATED_S)
        return visit.Outcome("ok", 0, "", seconds, lines)

    def make_gate(longest_wait_s, stop):
        return gate.Gate(longest_wait_s, stop=stop, sleep=clock.sleep, own=lambda: 0.0,
                         stat=lambda: f"cpu 0 0 0 {round(100 * clock())} 0 0 0 0")

    return session.World(machine=lambda: machines.machine(machine), clock=clock, now=clock.now, make_visit=make_visit,
                         make_gate=make_gate)


def main() -> int:
    from report import main as report  # pylint: disable=import-outside-toplevel
    workspace, catalogue, machine = sys.argv[1:4]
    tools = drive.tools(pathlib.Path(workspace), pathlib.Path(catalogue))
    return cli.main(sys.argv[4:], cli.dataclasses.replace(tools, world=world(machine), build_report=report.build))


if __name__ == "__main__":
    sys.exit(main())
