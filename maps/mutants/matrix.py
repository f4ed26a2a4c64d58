# SPDX-License-Identifier: Apache-2.0
"""Builds every mutant, holds it against the rungs, and writes the matrix.

  tools/bazel run //maps/mutants:matrix                      new and changed mutants
  tools/bazel run //maps/mutants:matrix -- --stale           and those of changed strategies
  tools/bazel run //maps/mutants:matrix -- --only sync_map   those whose name has it
  tools/bazel run //maps/mutants:matrix -- --all             everything again

Results go to maps/mutants/matrix.json after each mutant, so a run that was stopped goes on where
it was. maps/mutants/MATRIX.md is written from it at the end.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

from maps.mutants import build, catalogue, report
from tools.arguments import Parser, named

# Rungs of one program, in order.
_NATIVE = ("one_thread", "whole_map", "threads", "lives", "linearizability")
# Most runs of a rung that must find the mutant, and depends on the schedule.
_CHANCES = 40


def examine(
    mutant: catalogue.Mutant, listed: catalogue.Catalogue, builder: build.Builder, options
) -> dict:
    """One line of the matrix."""
    strategy = listed.strategies[mutant.strategy]
    cells: dict[str, dict] = {}
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.work))

    def hold(rung: str, program: pathlib.Path, arguments: list[str], patience: float = 1) -> None:
        for _ in range(_CHANCES if rung == mutant.killed_by else 1):
            seconds = options.timeout * patience
            cells[rung] = build.watch(program, arguments, seconds, options.scale)
            if cells[rung]["outcome"] != "survived":
                return

    def wanted(rung: str) -> bool:
        alive = all(cell["outcome"] == "survived" for cell in cells.values())
        return options.every_rung or mutant.killed_by == rung or alive

    try:
        header = "mutated_" + pathlib.Path(mutant.file).name
        (folder / header).write_text(mutant.apply((options.tree / mutant.file).read_text()))

        def program(kind: str, rungs: str) -> pathlib.Path:
            text = catalogue.program(mutant, strategy, header, rungs)
            return builder.program(kind, folder, text)

        native = program("native", "kAllRungs")
        for rung in _NATIVE:
            hung = any(cell["outcome"] == "hung" for cell in cells.values())
            if not hung or rung == mutant.killed_by:  # it would only hang again
                hold(rung, native, [rung])
        test = catalogue.own_test(mutant, strategy, options.tree)
        # First the one that must find it.
        for rung in sorted(("litmus", "own_test", "asan", "tsan"), key=lambda r: r != mutant.killed_by):
            if not wanted(rung):
                continue
            if rung == "litmus":
                hold(rung, native, [rung])
            elif rung == "own_test":
                if test:
                    hold(rung, builder.unit_test(folder, header, test), [])
            elif rung != "tsan" or strategy.tsan:
                hold(rung, program(rung, "kLives"), ["lives"], patience=3)
    finally:
        shutil.rmtree(folder)
    return {
        "id": mutant.id,
        "strategy": mutant.strategy,
        "name": mutant.name,
        "file": mutant.file,
        "what": mutant.what,
        "hash": mutant.hash,
        "expected": mutant.killed_by,
        "survives": mutant.survives,
        "fingerprint": mutant.fingerprint,
        "sources": _digest_of(mutant, listed, options.tree),
        "cells": cells,
    }


def _digest_of(
    mutant: catalogue.Mutant, listed: catalogue.Catalogue, tree: pathlib.Path
) -> str:
    """Of the strategy as it is without mistakes. A result outlives changes of the tests."""
    header = "maps/" + listed.strategies[mutant.strategy].header
    return catalogue.digest(catalogue.sources([header], tree), tree)


def _pattern(text: str) -> str:
    try:
        re.compile(named(text))
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression ({error})") from None
    return text


def _folder(text: str) -> pathlib.Path:
    return pathlib.Path(named(text))


def _options(given: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", action="append", type=_pattern, default=[], help="mutants whose strategy/name matches this")
    add("--stale", action="store_true", help="also those whose strategy's code has changed since")
    add("--all", action="store_true", help="also those whose results are up to date")
    add("--every-rung", action="store_true", help="sanitizers too for mutants already dead")
    add("--dry-run", action="store_true", help="only say which mutants would be built")
    add("--jobs", type=int, default=2, help="mutants at a time (default %(default)s)")
    add("--timeout", type=float, default=60, help="seconds for a rung (default %(default)s)")
    add("--scale", type=float, default=0.5, help="CMAP_TEST_SCALE (default %(default)s)")
    add("--compiler", type=named, default=os.environ.get("CXX") or "g++", help="default %(default)s")
    add("--work", type=_folder, help="where to build (default: results/mutants)")
    add("--root", type=_folder, default=os.environ.get("BUILD_WORKSPACE_DIRECTORY") or None,
        help="the project's folder (default: the one bazel run was called in)")
    add("--list", type=_folder, default=pathlib.Path(__file__).with_name("list.json"),
        help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.root is None:
        parser.error("give --root, or start this with bazel run")
    options.root = options.root.absolute()
    options.work = (options.work or options.root / "results" / "mutants").absolute()
    return options


def main(given: list[str]) -> int:
    options = _options(given)
    listed = catalogue.load(options.list)
    store = report.Store(options.root / "maps/mutants/matrix.json", listed)

    # A copy, so that the project may be edited meanwhile.
    options.tree = options.work / "tree"
    shutil.rmtree(options.tree, ignore_errors=True)
    shutil.copytree(options.root / "maps", options.tree / "maps")

    chosen = [
        m
        for m in listed.mutants
        if not options.only or any(re.search(o, m.id) for o in options.only)
    ]
    if not chosen:
        print(f"no mutant matches {options.only}", file=sys.stderr)
        return 2
    todo = [
        m for m in chosen
        if options.all
        or not store.current(
            m, _digest_of(m, listed, options.tree) if options.stale else None
        )
    ]
    print(f"{len(listed.mutants)} mutants, {len(todo)} to do", flush=True)
    if options.dry_run:
        print("\n".join(m.id for m in todo))
        return 0

    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, build.stop)
    builder = build.Builder(options.tree, options.work, options.compiler, options.jobs)
    try:
        builder.prepare()
    except catalogue.BadMutant as e:
        print(f"the tests themselves: {e}", file=sys.stderr)
        return 1
    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    running = {pool.submit(examine, m, listed, builder, options): m for m in todo}
    began = time.monotonic()
    wrong = []
    for done, future in enumerate(concurrent.futures.as_completed(running), 1):
        mutant = running[future]
        left = (time.monotonic() - began) / done * (len(todo) - done)
        place = f"[{done}/{len(todo)}, {left / 60:.0f} min left] {mutant.id}: "
        try:
            row = future.result()
        except (catalogue.BadMutant, OSError) as e:
            wrong.append(f"{mutant.id}: could not be examined")
            print(f"{place}ERROR: {e}", flush=True)
            continue
        store.put(row)
        print(place + report.verdict(row), flush=True)
    store.write()
    (options.root / "maps/mutants/MATRIX.md").write_text(report.document(store, listed))

    problems = report.problems(store, listed, chosen) + wrong
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(chosen)} mutants: each is killed, or survives for a stated reason")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
