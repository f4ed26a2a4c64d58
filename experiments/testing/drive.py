# SPDX-License-Identifier: Apache-2.0
"""Runs the command line with the simulated worker and a short report, as a process of its own.

    python3 -m experiments.testing.drive WORKSPACE CATALOGUE [arguments of the experiments]

For tests that kill it or interrupt it, and for trying the orchestrator without building anything.
"""

import json
import pathlib
import sys

from experiments.orchestrator import cli

HERE = pathlib.Path(__file__).absolute().parent


def brief_report(run: pathlib.Path) -> pathlib.Path:
    """In place of the paper: that it was written, and of what."""
    meta = json.loads((run / "run.json").read_text(encoding="utf-8"))
    page = run / "report/index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(meta["status"], encoding="utf-8")
    return page


def brief_comparison(runs: list[pathlib.Path], results: pathlib.Path) -> tuple[pathlib.Path, str]:
    """In place of the page about several runs: which they were."""
    page = results / "compare/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("\n".join(str(run.resolve()) for run in runs), encoding="utf-8")
    return page, f"{len(runs)} runs."


def tools(workspace: pathlib.Path, catalogue: pathlib.Path, cross: bool = False, cross_wide: bool = False) -> cli.Tools:
    """The simulated worker as the native one, in a single layout, and, if asked, as the other architecture's."""
    fake = [sys.executable, str(HERE / "fake_worker.py")]
    wide = [*fake[:-1], "-X", "wide", fake[-1]]
    return cli.Tools(catalogue, [fake], fake if cross else None, "aarch64", workspace, workspace, brief_report,
                     compare_runs=brief_comparison, wide=[wide], cross_wide=wide if cross_wide else None)


if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[3:], tools(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))))
