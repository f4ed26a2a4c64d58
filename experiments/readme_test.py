# SPDX-License-Identifier: Apache-2.0
"""The commands that the README shows are run as it shows them, with little time, on the programs that Bazel runs."""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).absolute().parents[1]
BUDGET_S = 5
SECONDS = 60  # no example of the README takes longer, its budget aside


def examples() -> list[list[str]]:
    """Every command line in the README, as words."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line, comments=True) for line in lines
            if line.startswith("    ") and "bazel" in line.split()[0]]


class Readme(unittest.TestCase):

    def program(self, label: str) -> pathlib.Path:
        package, _, name = label.removeprefix("//").partition(":")
        name = name or package.rpartition("/")[2]
        path = ROOT / package / ("all" if label == "//experiments" else name)
        if label == "//tools:advise":  # another name of a target of tools/trace
            path = ROOT / "tools/trace/advise"
        self.assertTrue(path.exists(), f"{label} is not among the data of this test")
        return path

    def test_every_example(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "results"
            ran = []
            for words in examples():
                verb, label, *rest = words[1:]
                if verb == "test":
                    continue  # this is it
                self.assertEqual(verb, "run", words)
                args = rest[1:] if rest[:1] == ["--"] else rest
                # The notes behind the programs of Bazel's targets: what the target fixes.
                fixed = ["--target=" + label.partition(":")[2], f"--preset=--only={label.partition(':')[2]}",
                         "--preset=--arch=native"] if ":" in label else []
                if label.startswith("//experiments") and "worker" not in label:
                    args = [*fixed, *args, "--out", str(out)]
                    if "--list" not in args and "--help" not in args:
                        args += ["--budget", f"{BUDGET_S}s"] + ([] if "--resume" in args or fixed else ["--arch", "native"])
                args = [str(out / "latest") if a == "results/latest" else a for a in args]
                if label == "//tools:advise":
                    args += ["--run", str(out / "latest")]
                with self.subTest(" ".join(words)):
                    started = time.monotonic()
                    done = subprocess.run([str(self.program(label)), *args], capture_output=True, text=True, check=False,
                                          cwd=folder, env={**os.environ, "BUILD_WORKING_DIRECTORY": folder})
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertTrue(done.stdout.strip())
                    self.assertLess(time.monotonic() - started, SECONDS)
                    ran.append(label)
            self.assertGreaterEqual(len(ran), 7)
            self.assertTrue((out / "latest/report/index.html").exists())


if __name__ == "__main__":
    unittest.main()
