# SPDX-License-Identifier: Apache-2.0
"""What the orchestrator's tests share."""

import dataclasses
import io
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from experiments.orchestrator import catalogue, cli, session
from experiments.testing import drive, fake_worker, machines

EXPERIMENTS = pathlib.Path(__file__).absolute().parents[1]
TWO_CORES = machines.machine("cores2")
# What the simulated worker and its wide program say of themselves, together.
_WORKER = session.Worker("x86_64", [], True, fake_worker.describe("x86_64"))
_WORKER.widen([], fake_worker.describe("x86_64", wide=True))
DESCRIBED = _WORKER.strategies()


def generated(name: str) -> Any:
    """A file that the build made from Starlark: from the runfiles, or from the last build of a checkout."""
    for root in (EXPERIMENTS, EXPERIMENTS.parent / "bazel-bin/experiments"):
        if (root / name).exists():
            return json.loads((root / name).read_text(encoding="utf-8"))
    raise FileNotFoundError(f"{name}: run bazel build //experiments:{name}")


def real_catalogue() -> catalogue.Catalogue:
    raw = generated("catalogue.json")
    return catalogue.Catalogue(raw["profiles"], raw["questions"], raw["ask"])


def narrow(profile: str = "default", **kwargs: Any) -> catalogue.Asked:
    """The real catalogue narrowed as for the simulated worker, by default on a machine with two cores."""
    options = {"only": None, "strategies": None, "threads": None, "machine": TWO_CORES, "described": DESCRIBED, **kwargs}
    return catalogue.narrow(real_catalogue(), profile, **options)


def quick_catalogue(path: pathlib.Path, **profile: Any) -> pathlib.Path:
    """Writes the real catalogue with a default profile that never waits for a quiet machine."""
    raw = generated("catalogue.json")
    raw["profiles"]["default"].update({"gate_wait_s": 0, **profile})
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def run_cli(workspace: pathlib.Path, *args: str, catalogue_path: pathlib.Path | None = None,
            cross: bool = False, cross_wide: bool = False, preset: Sequence[str] = (), world: session.World = session.World(),
            layouts: int = 1) -> tuple[int, str]:
    """The command line in this process, with the simulated worker: (exit code, what it printed)."""
    path = catalogue_path or quick_catalogue(workspace / "catalogue.json")
    tools = drive.tools(workspace, path, cross, cross_wide)
    if layouts > 1:
        tools = dataclasses.replace(tools, native=[copy_of_worker(workspace, n) for n in range(1, layouts + 1)])
    out = io.StringIO()
    tools = dataclasses.replace(tools, world=world)
    return cli.main(list(args), tools, preset=preset, out=out), out.getvalue()


def copy_of_worker(workspace: pathlib.Path, layout: int, change: str = "") -> list[str]:
    """The command of a simulated worker of its own file and hash, as each layout has them; change: code before its end."""
    path = workspace / f"worker_layout_{layout}"
    source = pathlib.Path(fake_worker.__file__).read_text(encoding="utf-8")
    before, main = source.split("if __name__")
    path.write_text(f"{before}LAYOUT = {layout}\n{change}\nif __name__{main}", encoding="utf-8")
    return [sys.executable, str(path)]


def newest(workspace: pathlib.Path) -> pathlib.Path:
    return (workspace / "results/latest").resolve()


def meta(run: pathlib.Path) -> dict[str, Any]:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def samples(run: pathlib.Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The lines of a run, of one kind or all; half a line at the end is left out."""
    lines = []
    for text in (run / "samples.jsonl").read_bytes().split(b"\n")[:-1]:
        lines.append(json.loads(text))
    return [line for line in lines if kind in (None, line["t"])]
