# SPDX-License-Identifier: Apache-2.0
"""Where mistakes are planted, and which test modules should notice; which files decide nothing, and why.

Every Python file of the folders in FOLDERS is in TARGETS or in SPARED, or `unplaced` names it and nothing is planted.
"""

import pathlib
from collections.abc import Iterable

FOLDERS = ("report", "report/stats", "report/claims", "report/compare", "report/recommend", "experiments/orchestrator")

_PAPER = ("report.conclude_test", "report.load_test", "report.damage_test", "report.paper_test")
_STATS = tuple(f"report.stats.{name}_test" for name in (
    "aa", "axis", "between", "cells", "rankings", "robust", "thresholds", "visits", "latency", "layouts", "edges", "compare",
    "crossover", "regression", "simulate"))
_CLAIMS = tuple(f"report.claims.{name}_test" for name in ("arithmetic", "rules", "words", "record", "claims"))
_ORCHESTRATOR = tuple(f"experiments.orchestrator.{name}_test" for name in (
    "gate", "threads", "topology", "evidence", "store", "leading", "prospect", "visit", "machines", "plan", "catalogue", "cli", "ask",
    "edges", "session"))

# These hold runs against the clock: where others use the machine they may fail without a mistake.
TIMED = ("experiments.orchestrator.edges_test", "experiments.orchestrator.session_test")


def _each(package: str, names: str, tests: Iterable[str]) -> dict[str, list[str]]:
    """Files of a package, each with its own test before the others."""
    tests, dotted = list(tests), package.replace("/", ".")
    return {f"{package}/{name}.py": sorted(tests, key=lambda t: t != f"{dotted}.{name}_test")  # pylint: disable=cell-var-from-loop
            for name in names.split()}


# File -> the test modules that should notice, in this order: its own, then the quickest first.
TARGETS: dict[str, list[str]] = {
    **_each("report/stats", "aa axis between cells compare crossover curve latency layouts rankings regression robust "
            "search thresholds visits words", _STATS + _PAPER),
    **_each("report/claims", "__init__ arithmetic counted measured model ranked record recorded upstream",
            _CLAIMS + ("report.paper_test",)),
    **_each("report", "analyse conclude load segments", (*_PAPER[:2], "report.latency_test", "report.leading_test", *_PAPER[2:])),
    **_each("report", "advice regret standing", ("report.advice_test", "report.recommend_test", "report.threads_test", "report.paper_test")),
    **_each("report", "leading ladder latency price fairness quantities control reclamation capsule", tuple(f"report.{name}_test" for name in (
        "leading", "latency", "price", "fairness", "quantities", "reclamation", "capsule")) + ("report.conclude_test", "report.paper_test")),
    **_each("report", "drift", ("report.quantities_test", "report.conclude_test", "report.paper_test")),
    **_each("report/compare", "__init__ compared tails taken", ("report.compare_test",)),
    **_each("report/recommend", "__init__ fitness described near waits", ("report.recommend_test",)),
    **_each("experiments/orchestrator", "ask catalogue conditions contestants evidence fields gate layouts leading plan prospect recordings session "
            "store threads topology validate visit", _ORCHESTRATOR),
}

# Why no mistake is planted -> files.
SPARED: dict[str, list[str]] = {
    "it sets, draws or words what was concluded": [
        *(f"report/{name}.py" for name in (
            "chooser", "crowd", "gallery", "hdr_log", "landscape", "latency_plates", "ledger", "pauses", "plates", "proof", "render",
            "views", "words")),
        "report/compare/page.py", "report/compare/say.py", "report/recommend/picture.py", "report/recommend/say.py",
        "experiments/orchestrator/errors.py", "experiments/orchestrator/progress.py", "experiments/orchestrator/flames.py",
        "experiments/orchestrator/flame_svg.py"],
    "it is a command line": [
        "report/__main__.py", "report/main.py", "report/browser_check.py", "report/large_benchmark.py",
        "report/claims/count.py", "experiments/orchestrator/cli.py"],
    "it is a check itself": [f"report/stats/{name}.py" for name in ("simulate", "simulate_full", "sparse_for_tests")],
    "it is data, a row, a name or a bound each": [
        "report/schema.py",
        "report/claims/names.py", *(f"report/claims/text_{n:03}.py" for n in range(5))],
    "it copies facts about the machine or the source tree into the run": [
        "experiments/orchestrator/environment.py", "experiments/orchestrator/proof.py"],
    "it is empty": ["report/__init__.py", "report/stats/__init__.py", "experiments/orchestrator/__init__.py"],
}


def unplaced(root: pathlib.Path) -> list[str]:
    """What is wrong with the two tables: files in neither or in both, and names of what does not exist."""
    here = {f"{folder}/{path.name}" for folder in FOLDERS for path in (root / folder).glob("*.py")
            if not path.name.endswith("_test.py")}
    spared = {file for files in SPARED.values() for file in files}
    named = {f"{test.replace('.', '/')}.py" for tests in TARGETS.values() for test in tests}
    return [*(f"{file} is in neither table" for file in sorted(here - spared - set(TARGETS))),
            *(f"{file} is in both tables" for file in sorted(spared & set(TARGETS))),
            *(f"{file} does not exist" for file in sorted((spared | set(TARGETS)) - here)),
            *(f"{file} does not exist" for file in sorted(named) if not (root / file).exists())]
