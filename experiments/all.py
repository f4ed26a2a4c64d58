# SPDX-License-Identifier: Apache-2.0
"""Entry point of //experiments:all and of the targets of single questions.

With Bazel everything needed lies in the runfiles around this file. `python3 -m experiments.all`
from the workspace works too, with what Bazel built last.
"""

import argparse
import itertools
import os
import pathlib
import sys

from experiments.orchestrator import cli


def _build_report(run: pathlib.Path) -> pathlib.Path:
    """The paper. Imported late: drawing takes memory that measuring should have."""
    from report import main  # pylint: disable=import-outside-toplevel
    return main.build(run)


def _compare_runs(runs: list[pathlib.Path], results: pathlib.Path) -> tuple[pathlib.Path, str]:
    """The page about several runs, and what it says in a sentence."""
    from report import main  # pylint: disable=import-outside-toplevel
    return main.build_comparison(runs, below=results)


def _root() -> pathlib.Path:
    """The tree that holds what Bazel built: the runfiles, or bazel-bin of a checkout."""
    here = pathlib.Path(__file__).absolute().parents[1]
    return here if (here / "experiments/catalogue.json").exists() else here / "bazel-bin"


def _layouts(first: pathlib.Path) -> list[list[str]]:
    """A command for each layout of a program that was built."""
    others = (first.with_name(f"{first.name}_layout_{number}") for number in itertools.count(2))
    return [[str(path)] for path in itertools.takewhile(pathlib.Path.exists, itertools.chain([first], others))]


def _tools(host_arch: str, cross_arch: str) -> cli.Tools:
    root = _root()
    workers = root / "experiments"
    first, cross = workers / f"worker_{host_arch}", workers / f"worker_{cross_arch}"
    wide, cross_wide = (workers / f"worker_wide_{arch}" for arch in (host_arch, cross_arch))
    sources = pathlib.Path(__file__).absolute().parents[1]
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    emulated = [str(sources / "tools/run_cross.sh"), cross_arch]
    return cli.Tools(
        catalogue=root / "experiments/catalogue.json",
        native=_layouts(first) or None,
        wide=_layouts(wide),
        cross=[*emulated, str(cross)] if cross.exists() else None,
        cross_wide=[*emulated, str(cross_wide)] if cross_wide.exists() else None,
        cross_arch=cross_arch,
        workspace=pathlib.Path(workspace) if workspace else sources,
        proof=sources,
        build_report=_build_report,
        compare_runs=_compare_runs)


def main() -> int:
    # What the Bazel target fixes; the rest is the caller's.
    fixed = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    fixed.add_argument("--target", default="all")
    fixed.add_argument("--preset", action="append", default=[])
    fixed.add_argument("--host-arch", default=os.uname().machine)
    fixed.add_argument("--cross-arch", default="x86_64" if os.uname().machine == "aarch64" else "aarch64")
    known, rest = fixed.parse_known_args()
    return cli.main(rest, _tools(known.host_arch, known.cross_arch), name=known.target, preset=known.preset)


if __name__ == "__main__":
    sys.exit(main())
