# SPDX-License-Identifier: Apache-2.0
"""Every command line of Python that writes something refuses an empty name in one sentence and writes nothing."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from experiments.mutants import plant, plant_cc
from experiments.testing import calibrate
from maps.mutants import matrix
from report.claims import count, record
from tools.scan_keys import __main__ as scan_keys

EMPTY = "what is given is empty; give a name, or leave it out"
NO_ARGUMENTS = "unrecognized arguments"
# (command, arguments, part of the sentence); the exit code is 2.
COMMANDS = [
    *((matrix.main, [option, value], f"matrix: argument {option}: {EMPTY}") for value in ("", "  ") for option in (
        "--only", "--compiler", "--work", "--root")),
    (matrix.main, ["--work="], EMPTY),
    (matrix.main, ["--only", "sync_map", "--only", ""], f"argument --only: {EMPTY}"),
    (matrix.main, ["--only", "("], "argument --only: '(' is no regular expression"),
    (matrix.main, ["--jobs", ""], "argument --jobs: invalid int value: ''"),
    (matrix.main, [], "matrix: give --root, or start this with bazel run"),
    (record.main, [""], f"record: {NO_ARGUMENTS}"),
    (record.main, ["results/latest"], f"record: {NO_ARGUMENTS}: results/latest"),
    (count.main, [""], f"count: argument RUN: {EMPTY}"),
    (count.main, ["a", "b"], f"count: {NO_ARGUMENTS}: b"),
    (calibrate.main, [], "calibrate: the following arguments are required: WORKER"),
    (calibrate.main, [""], f"calibrate: argument WORKER: {EMPTY}"),
    (calibrate.main, ["no/worker"], "calibrate: no/worker is no program; build //experiments/worker"),
    (plant.main, ["--only", ""], f"plant: argument --only: {EMPTY}"),
    (plant.main, ["--only", "report/words.py"], "argument --only: no mistake is planted in 'report/words.py'; targets.py lists"),
    (plant.main, ["--part", ""], "plant: argument --part: '' is no part; write I/N, such as 2/5"),
    (plant.main, ["--part", "3/2"], "'3/2' is no part"),
    (plant_cc.main, ["--only", ""], f"plant_cc: argument --only: {EMPTY}"),
    (plant_cc.main, ["--only", "report.cc"], "plant_cc: no file of measuring.py has 'report.cc' in its name"),
    (scan_keys.main, [""], f"scan_keys: argument DIR: {EMPTY}"),
    (scan_keys.main, [".", "--compile-commands", ""], f"scan_keys: argument --compile-commands: {EMPTY}"),
    (scan_keys.main, [], "scan_keys: the following arguments are required: DIR"),
]


class Commands(unittest.TestCase):

    def test_commands_that_cannot_be(self):
        for command, args, sentence in COMMANDS:
            with self.subTest(command.__module__, args=args), tempfile.TemporaryDirectory() as folder, \
                    contextlib.chdir(folder), mock.patch.dict(os.environ), mock.patch.object(sys, "argv", ["x", *args]):
                for name in ("BUILD_WORKSPACE_DIRECTORY", "BUILD_WORKING_DIRECTORY"):
                    os.environ.pop(name, None)
                said = io.StringIO()
                with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said), self.assertRaises(SystemExit) as left:
                    command(args)
                self.assertEqual((left.exception.code, said.getvalue().count("\n")), (2, 1), said.getvalue())
                self.assertIn(sentence, said.getvalue())
                self.assertEqual(list(pathlib.Path(folder).iterdir()), [])


if __name__ == "__main__":
    unittest.main()
