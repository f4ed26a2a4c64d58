# SPDX-License-Identifier: Apache-2.0

import json
import pathlib
import tempfile
import unittest

from experiments.orchestrator import proof
from experiments.orchestrator.errors import UserError


class Read(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def write(self, key, text):
        path = self.root / proof.FILES[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_files_that_exist_by_key(self):
        self.assertEqual(proof.read(self.root), {})
        self.write("mutants", json.dumps({"mutants": []}))
        self.write("memory", json.dumps([1]))
        self.assertEqual(proof.read(self.root), {"mutants": {"mutants": []}, "memory": [1]})

    def test_a_broken_file_is_named_with_the_remedy(self):
        self.write("linearizability", '{"histories": ')
        with self.assertRaisesRegex(UserError, "maps/verification/figures.json cannot be read .*restore it"):
            proof.read(self.root)


if __name__ == "__main__":
    unittest.main()
