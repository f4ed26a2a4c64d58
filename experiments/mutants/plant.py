# SPDX-License-Identifier: Apache-2.0
"""Plants mistakes of one token in the Python that decides and concludes, and sees whether a test notices.

    bazel run //experiments/mutants:plant                  # 200 mistakes, two at a time: up to half an hour
    bazel run //experiments/mutants:plant -- --count 20 --seed 7 --only report/conclude.py

Each mistake is planted in a copy of the sources and the tests of its file run there, the quickest first. What survives
is printed; survivors.json holds those that are known, with the reason. Exit 1 when fewer than 92 % are killed or
explained.
"""

import argparse
import ast
import concurrent.futures
import dataclasses
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import tokenize

GOAL = 0.92
TIMEOUT_S = 240  # for one test module; a mistake that makes it hang is noticed too

STATS = [f"report.stats.{name}_test" for name in (
    "aa", "axis", "between", "cells", "rankings", "robust", "thresholds", "visits", "edges", "compare", "crossover", "simulate")]
PAPER = ["report.conclude_test", "report.load_test", "report.damage_test", "report.paper_test"]
PLAN = [f"experiments.orchestrator.{name}_test" for name in (
    "gate", "evidence", "store", "visit", "plan", "catalogue", "cli", "edges", "session")]
# Where mistakes are planted, and the test modules that should notice, in this order.
TARGETS: dict[str, list[str]] = {
    **{f"report/stats/{name}.py": [t for t in STATS if t.endswith(f".{name}_test")]
       + [t for t in STATS if not t.endswith(f".{name}_test")] + PAPER for name in (
           "aa", "axis", "between", "cells", "compare", "crossover", "curve", "rankings", "robust", "search", "thresholds", "visits",
           "words")},
    **{f"report/claims/{name}.py": ["report.claims.*", *PAPER] for name in ("arithmetic", "measured", "tested")},
    **{f"report/{name}.py": PAPER for name in ("analyse", "conclude", "load")},
    **{f"report/compare/{name}.py": ["report.compare_test"] for name in ("compared", "taken")},
    "report/capsule.py": ["report.capsule_test"],
    **{f"report/recommend/{name}.py": ["report.recommend_test"] for name in ("__init__", "fitness", "described")},
    **{f"experiments/orchestrator/{name}.py": [t for t in PLAN if t.endswith(f".{name}_test")]
       + [t for t in PLAN if not t.endswith(f".{name}_test")] for name in (
           "catalogue", "evidence", "gate", "plan", "store", "validate", "visit")},
}

_SWAPS = {
    "==": "!=", "!=": "==", "<": ">", ">": "<", "<=": "<", ">=": ">", "+": "-", "-": "+", "*": "/", "/": "*",
    "//": "*", "%": "*", "and": "or", "or": "and", "not": "", "in": "not in", "is": "is not", "min": "max",
    "max": "min", "any": "all", "all": "any", "True": "False", "False": "True", "+=": "-=", "-=": "+=",
    "break": "continue", "continue": "break"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One token of one file, and what stands there instead."""

    file: str
    line: int
    column: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.old} -> {self.new or 'nothing'}"


def _number(text: str) -> str | None:
    """Another number; exponents and digits of bit masks stay."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None
    return repr(value + 1) if isinstance(value, int) else repr(value * 1.5) if value else "0.5"


def candidates(file: str, source: str) -> list[Mutant]:
    """Every mistake of one token that the file can have and still be parsed. Imports, annotations, decorators and texts stay."""
    tree = ast.parse(source)
    spared = set()
    for node in ast.walk(tree):
        kinds = (ast.Import, ast.ImportFrom, ast.Global)
        # frozen=True and the like guard against whom nobody is.
        parts = [node] if isinstance(node, kinds) else [
            part for part in (getattr(node, "annotation", None), getattr(node, "returns", None),
                              *(getattr(node, "decorator_list", ()))) if part]
        for part in parts:
            spared |= {(line, column) for line in range(part.lineno, part.end_lineno + 1)
                       for column in (range(part.col_offset, part.end_col_offset)
                                      if part.lineno == part.end_lineno else range(200))}
    found = []
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for i, token in enumerate(tokens):
        if token.start in spared:
            continue
        if token.type == tokenize.NUMBER:
            new = _number(token.string)
        else:
            new = _SWAPS.get(token.string) if token.type in (tokenize.OP, tokenize.NAME) else None
        follows = tokens[i - 1].string if i else ""
        if new is None or (token.string == "in" and follows == "not") or token.string in ("*", "/") and follows in "(,":
            continue
        mutant = Mutant(file, *token.start, token.string, new)
        try:
            ast.parse(planted(source, mutant))
        except SyntaxError:  # the in of a for
            continue
        found.append(mutant)
    return found


def planted(source: str, mutant: Mutant) -> str:
    lines = source.splitlines(keepends=True)
    line = lines[mutant.line - 1]
    lines[mutant.line - 1] = line[:mutant.column] + mutant.new + line[mutant.column + len(mutant.old):]
    return "".join(lines)


def choose(root: pathlib.Path, files: list[str], count: int, seed: int) -> list[Mutant]:
    """As many of every file, as far as it has them, in an order that the seed fixes."""
    rng = random.Random(seed)
    lanes = []
    for file in files:
        lane = candidates(file, (root / file).read_text(encoding="utf-8"))
        rng.shuffle(lane)
        lanes.append(lane)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(lanes):
        for lane in filter(None, lanes):
            chosen.append(lane.pop())
    return chosen[:count]


def copy(root: pathlib.Path, to: pathlib.Path) -> None:
    """The sources, and what the build generated for them."""
    for name in ("report", "experiments", "maps", "workloads"):
        shutil.copytree(root / name, to / name, symlinks=False, ignore=shutil.ignore_patterns("*.cc", "*.h", "*.pyc") if (
            name != "maps") else None)
    for name in ("catalogue.json", "strategies.json"):
        if not (to / "experiments" / name).exists():
            shutil.copy(root / "bazel-bin/experiments" / name, to / "experiments" / name)


def modules(tree: pathlib.Path, names: list[str]) -> list[str]:
    """The test modules that exist; "package.*" is every one of a package."""
    found: list[str] = []
    for name in names:
        path = tree / name.removesuffix(".*").replace(".", "/")
        found += sorted(f"{name[:-2]}.{p.stem}" for p in path.glob("*_test.py")) if name.endswith(".*") else (
            [name] if path.with_suffix(".py").exists() else [])
    return found


def passes(tree: pathlib.Path, module: str) -> bool:
    """Runs a test module. Raises TimeoutExpired."""
    return not subprocess.run([sys.executable, "-B", "-m", "unittest", "-f", module], cwd=tree, timeout=TIMEOUT_S,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                              env={**os.environ, "PYTHONPATH": str(tree)}).returncode


def killer(tree: pathlib.Path, mutant: Mutant) -> str:
    """The test module that notices the mistake, or "" when none does."""
    target = tree / mutant.file
    whole = target.read_text(encoding="utf-8")
    target.write_text(planted(whole, mutant), encoding="utf-8")
    try:
        for module in modules(tree, TARGETS[mutant.file]):
            try:
                if not passes(tree, module):
                    return module
            except subprocess.TimeoutExpired:
                return f"{module} (it hangs)"
        return ""
    finally:
        target.write_text(whole, encoding="utf-8")


def known_survivors(path: pathlib.Path) -> dict[tuple[str, str, str, str], str]:
    """(file, text of the line, old, new) -> the reason. By its text, because lines move."""
    return {(s["file"], s["line"], s["old"], s["new"]): s["why"]
            for s in json.loads(path.read_text(encoding="utf-8"))}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bazel run //experiments/mutants:plant --", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="mistakes to plant (default: 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument("--no-check", action="store_true", help="do not run the tests without a mistake first")
    parser.add_argument("--only", action="append", metavar="FILE", choices=sorted(TARGETS), help="only in this file")
    args = parser.parse_args()
    root = pathlib.Path(__file__).absolute().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        trees = [pathlib.Path(folder) / str(i) for i in range(args.jobs)]
        for tree in trees:
            copy(root, tree)
        every = dict.fromkeys(m for f in args.only or TARGETS for m in modules(trees[0], TARGETS[f]))
        failing = [] if args.no_check else [m for m in every if not passes(trees[0], m)]
        if failing:
            print(f"plant: {', '.join(failing)} fail without a mistake; mend them first.", file=sys.stderr)
            return 2
        mutants = choose(root, args.only or list(TARGETS), args.count, args.seed)
        reasons = known_survivors(pathlib.Path(__file__).parent / "survivors.json")
        killed, explained, survivors = 0, 0, []
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            free = list(trees)

            def one(mutant: Mutant) -> str:
                tree = free.pop()
                try:
                    return killer(tree, mutant)
                finally:
                    free.append(tree)

            for mutant, by in zip(mutants, pool.map(one, mutants)):
                line = (root / mutant.file).read_text(encoding="utf-8").splitlines()[mutant.line - 1].strip()
                why = reasons.get((mutant.file, line, mutant.old, mutant.new), "")
                killed += bool(by)
                explained += bool(not by and why)
                if not by and not why:
                    survivors.append(mutant)
                print(f"{mutant}: {by or why or 'SURVIVES: ' + line}", flush=True)
    good = (killed + explained) / max(1, len(mutants))
    print(f"{len(mutants)} mistakes: {killed} killed, {explained} explained, {len(survivors)} survive: {100 * good:.1f} %")
    return int(good < GOAL)


if __name__ == "__main__":
    sys.exit(main())
