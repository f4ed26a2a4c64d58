# SPDX-License-Identifier: Apache-2.0
"""Plants mistakes of one token in the Python that decides and concludes, and sees whether a test notices.

    bazel run //experiments/mutants:plant                  # 200 mistakes, two at a time
    bazel run //experiments/mutants:plant -- --count 20 --seed 7 --only report/conclude.py

Each mistake is planted in a copy of the sources and the tests of its file run there, the quickest first. What survives
is printed; survivors.json holds those that are known, with the reason. Exit 1 when fewer than 92 % are killed or
explained.
"""

import argparse
import ast
import concurrent.futures
import dataclasses
import functools
import io
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import tokenize

from experiments.mutants.targets import TARGETS, TIMED, unplaced
from tools.arguments import Parser, named

GOAL = 0.92
# For one test module: what hangs is noticed too. Of the processor's time, as others may be using the machine; the wall
# clock is for those that wait for ever.
LIMIT_CPU_S, LIMIT_S = 200, 1800

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
    """Every mistake of one token that the file can have. Imports, annotations, decorators and texts stay. A few of them
    cannot be parsed: see `parses`."""
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
        found.append(Mutant(file, *token.start, token.string, new))
    return found


def parses(source: str, mutant: Mutant) -> bool:
    """Whether Python still reads the file: not with the `in` of a `for` turned round."""
    try:
        ast.parse(planted(source, mutant))
    except SyntaxError:
        return False
    return True


def planted(source: str, mutant: Mutant) -> str:
    lines = source.splitlines(keepends=True)
    line = lines[mutant.line - 1]
    lines[mutant.line - 1] = line[:mutant.column] + mutant.new + line[mutant.column + len(mutant.old):]
    return "".join(lines)


def choose(root: pathlib.Path, files: list[str], count: int, seed: int) -> list[Mutant]:
    """As many of every file, as far as it has them, in an order that the seed fixes for each file: a change of one file does
    not choose others elsewhere."""
    lanes = []
    for file in files:
        source = (root / file).read_text(encoding="utf-8")
        lane = candidates(file, source)
        random.Random(f"{seed}/{file}").shuffle(lane)
        lanes.append(filter(functools.partial(parses, source), lane))
    rounds = itertools.zip_longest(*lanes)
    return list(itertools.islice((m for m in itertools.chain.from_iterable(rounds) if m), count))


def copy(root: pathlib.Path, to: pathlib.Path) -> None:
    """The sources, and what the build generated for them: that of `here`, as far as it lies there."""
    for name in ("report", "experiments", "maps", "workloads", "tools"):
        shutil.copytree(root / name, to / name, ignore=shutil.ignore_patterns("*.pyc"))
    here = pathlib.Path(__file__).absolute().parents[2]
    for name in ("catalogue.json", "strategies.json"):
        if not (to / "experiments" / name).exists():
            built = here / "experiments" / name
            shutil.copy(built if built.exists() else root / "bazel-bin/experiments" / name, to / "experiments" / name)


def passes(tree: pathlib.Path, module: str) -> bool:
    """Runs a test module. Raises TimeoutExpired."""
    command = [sys.executable, "-B", "-m", "unittest", "-f", module]
    return not subprocess.run(["/bin/sh", "-c", f'ulimit -t {LIMIT_CPU_S}; exec "$@"', "sh", *command], cwd=tree,
                              timeout=LIMIT_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                              env={**os.environ, "PYTHONPATH": str(tree)}).returncode


def killer(tree: pathlib.Path, mutant: Mutant) -> str:
    """The test module that notices the mistake, or "" when none does."""
    target = tree / mutant.file
    whole = target.read_text(encoding="utf-8")
    mistaken = planted(whole, mutant)
    try:
        for module in TARGETS[mutant.file]:
            target.write_text(mistaken, encoding="utf-8")
            try:
                if passes(tree, module):
                    continue
            except subprocess.TimeoutExpired:
                return f"{module} (it hangs)"
            target.write_text(whole, encoding="utf-8")
            if module not in TIMED or passes(tree, module):
                return module
        return ""
    finally:
        target.write_text(whole, encoding="utf-8")


def known_survivors(path: pathlib.Path) -> dict[tuple[str, str, int, str, str], str]:
    """What `place` says of a mistake -> the reason why it may survive."""
    return {(s["file"], s["line"], at, s["old"], s["new"]): s["why"]
            for s in json.loads(path.read_text(encoding="utf-8")) for at in s["at"]}


def place(mutant: Mutant, source: str) -> tuple[str, str, int, str, str]:
    """(file, text of the line, where in it, old, new): by the text, because lines move."""
    line = source.splitlines()[mutant.line - 1]
    return mutant.file, line.strip(), mutant.column - (len(line) - len(line.lstrip())), mutant.old, mutant.new


def _target(text: str) -> str:
    if named(text) not in TARGETS:
        raise argparse.ArgumentTypeError(f"no mistake is planted in {text!r}; targets.py lists the files")
    return text


def _part(text: str) -> tuple[int, int]:
    part, _, of = text.partition("/")
    if not (part.isdecimal() and of.isdecimal() and 1 <= int(part) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part; write I/N, such as 2/5")
    return int(part), int(of)


def main(given: list[str]) -> int:
    parser = Parser(prog="plant", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=200, help="mistakes to choose (default: 200)")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="I/N", help="only the I-th of N parts of them, where "
                        "others want the machine too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument("--no-check", action="store_true", help="do not run the tests without a mistake first")
    parser.add_argument("--only", action="append", metavar="FILE", type=_target, help="only in this file")
    args = parser.parse_args(given)
    part, of = args.part
    root = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY") or pathlib.Path(__file__).absolute().parents[2])
    wrong = unplaced(root)
    if wrong:
        print(f"plant: {'; '.join(wrong)}: mend targets.py first.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        trees = [pathlib.Path(folder) / str(i) for i in range(args.jobs)]
        for tree in trees:
            copy(root, tree)
        every = dict.fromkeys(m for f in args.only or TARGETS for m in TARGETS[f])
        failing = [] if args.no_check else [m for m in every if not passes(trees[0], m)]
        if failing:
            print(f"plant: {', '.join(failing)} fail without a mistake; mend them first.", file=sys.stderr)
            return 2
        mutants = choose(root, args.only or list(TARGETS), args.count, args.seed)[part - 1::of]
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
                here = place(mutant, (root / mutant.file).read_text(encoding="utf-8"))
                why = reasons.get(here, "")
                killed += bool(by)
                explained += bool(not by and why)
                if not by and not why:
                    survivors.append(mutant)
                print(f"{mutant}: {by or why or 'SURVIVES: ' + here[1]}", flush=True)
    good = (killed + explained) / max(1, len(mutants))
    print(f"{len(mutants)} mistakes: {killed} killed, {explained} explained, {len(survivors)} survive: {100 * good:.1f} %")
    return int(good < GOAL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
