# SPDX-License-Identifier: Apache-2.0
"""Plants the mistakes of measuring.py in the C++ that measures and verifies, one at a time, and runs their tests.

    bazel run //experiments/mutants:plant_cc                                 # all of them: a quarter of an hour
    bazel run //experiments/mutants:plant_cc -- --only quality.cc            # those of files whose name has it

The workspace stays as it is: Bazel finds the packages with the mistake in a copy (--package_path). Exit 1 when one
survives without a reason, or is not survived any more.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from experiments.mutants.measuring import MISTAKES, Mistake
from tools.arguments import Parser, named

PACKAGES = ("workloads", "experiments/worker")
KILLED, SURVIVED, BROKEN = "killed", "SURVIVES", "does not build"


def planted(mistake: Mistake, text: str) -> str:
    """The file with the mistake. Raises ValueError unless what is sought stands there exactly once."""
    if text.count(mistake.find) != 1:
        raise ValueError(f"{mistake.file} has {mistake.find!r} {text.count(mistake.find)} times; measuring.py needs it once.")
    return text.replace(mistake.find, mistake.replace)


def wrong(root: pathlib.Path) -> list[str]:
    """Mistakes that fit the sources no more, as sentences."""
    found = []
    for mistake in MISTAKES:
        try:
            planted(mistake, (root / mistake.file).read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            found.append(str(error))
    return found


def outcome(tests: tuple[str, ...], overlay: pathlib.Path, workspace: pathlib.Path) -> str:
    """Of the tests in order, until one fails."""
    for test in tests:
        code = subprocess.run(
            [str(workspace / "tools/bazel"), "test", f"--package_path={overlay}:%workspace%", "--test_output=summary",
             "--experimental_convenience_symlinks=ignore", test],
            cwd=workspace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        if code == 3:  # Bazel's word for tests that fail
            return KILLED
        if code:
            return BROKEN
    return SURVIVED


def main(given: list[str]) -> int:
    parser = Parser(prog="plant_cc", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", type=named, metavar="TEXT", help="mistakes in files whose name has this")
    args = parser.parse_args(given)
    chosen = [m for m in MISTAKES if (args.only or "") in m.file]
    if not chosen:
        parser.error(f"no file of measuring.py has {args.only!r} in its name")
    workspace = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY") or pathlib.Path(__file__).absolute().parents[2])
    if misfits := wrong(workspace):
        print("\n".join(misfits), file=sys.stderr)
        return 2
    counts = dict.fromkeys((KILLED, SURVIVED, BROKEN), 0)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        overlay = pathlib.Path(folder)
        for package in PACKAGES:
            shutil.copytree(workspace / package, overlay / package)
        for mistake in chosen:
            place = overlay / mistake.file
            whole = place.read_text(encoding="utf-8")
            place.write_text(planted(mistake, whole), encoding="utf-8")
            word = outcome(mistake.tests, overlay, workspace)
            place.write_text(whole, encoding="utf-8")
            counts[word] += 1
            good = word == (SURVIVED if mistake.survives else KILLED)
            bad += not good
            print(f"{mistake.file}: {mistake.what} {word}"
                  + (f", {mistake.survives}" if mistake.survives and good else "" if good else ", which is not expected"), flush=True)
    print(f"{len(chosen)} mistakes: " + ", ".join(f"{n} {word}" for word, n in counts.items()) + ".")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
