# SPDX-License-Identifier: Apache-2.0

import unittest

from report import proof
from report.testdata import record


class Proof(unittest.TestCase):

    def setUp(self):
        self.proof = record.proof()

    def test_parts_that_are_missing_are_none(self):
        self.assertIsNone(proof.linearizability({}, ["a_map"]))
        self.assertIsNone(proof.mutants({}))
        self.assertIsNone(proof.memory({}))
        self.assertIsNone(proof.blocking({}, ["a_map"]))
        self.assertEqual(proof.badges({}), {})

    def test_litmus(self):
        self.assertIsNone(proof.litmus({}, []))
        self.assertIsNone(proof.litmus({"linearizability": {"contestants": {}}}, []))
        found = proof.litmus(self.proof, ["sync_map", "null", "new_map"])
        self.assertTrue(found.summary.startswith("1 contestant, "))
        self.assertTrue(found.summary.endswith(" rounds: no outcome that real time forbids."))
        self.assertEqual(found.missing, ["new_map"])
        buffering, independent = found.patterns
        self.assertEqual((buffering.rounds, buffering.forbidden, buffering.skipped), (1000, 0, ""))
        self.assertEqual(buffering.controls, ["31"])
        self.assertEqual(independent.skipped, "needs 4 processors, this machine has 2")
        self.assertEqual(independent.controls, ["–"])
        self.assertEqual(found.rows[0].forbidden, ["0", "–"])
        self.proof["linearizability"]["litmus"]["contestants"]["sync_map"]["store / load"]["forbidden"] = 2
        self.assertTrue(proof.litmus(self.proof, []).summary.endswith(": 2 outcomes that real time forbids."))

    def test_linearizability(self):
        found = proof.linearizability(self.proof, ["sync_map", "null", "new_map"])
        self.assertEqual(found.missing, ["new_map"])
        self.assertEqual(found.checked[0].keys, "4–8")
        self.assertIn("1 contestant, 125\u202f000 histories", found.summary)
        self.assertTrue(found.summary.endswith("no violation."))
        self.proof["linearizability"]["contestants"]["sync_map"]["violations"] = 2
        self.assertTrue(proof.linearizability(self.proof, []).summary.endswith(": 2 violations."))

    def test_mutants(self):
        found = proof.mutants(self.proof)
        self.assertEqual(found.rows[0].cells, ["hang", ""])
        self.assertEqual(found.by_rung, [1, 0])
        self.assertEqual([m.what for m in found.survivors], ["Counts with seq_cst."])
        self.assertIn("1 of 2 mutants in 1 strategy were killed; 1 survivor, each with its reason", found.summary)
        self.proof["mutants"]["mutants"][1]["survives"] = ""
        self.assertIn("1 of them without an explanation", proof.mutants(self.proof).summary)

    def test_memory(self):
        found = proof.memory(self.proof)
        self.assertEqual(found.entries, [1000, 100000])
        fixed, null, sync = found.rows
        self.assertEqual(fixed.settled, ["48.0", "–"])
        self.assertEqual(null.excluded, "it stores nothing")
        self.assertEqual((sync.settled, sync.peak, sync.waiting), (["64.0", "56.0"], "80.0", "1.0"))
        self.assertEqual((sync.cycled, sync.churned, sync.emptied), ("60.0", "112.0", "8.0"))
        self.assertEqual((fixed.cycled, fixed.churned, fixed.emptied), ("–", "–", "–"))

    def test_blocking(self):
        found = proof.blocking(self.proof, ["sync_map", "null", "new_map"])
        self.assertEqual(found.missing, ["new_map"])
        null, sync = found.rows
        self.assertEqual(null.excluded, "returns no results")
        self.assertEqual(sync.cells, ["nobody / everybody (loads behind a store: everybody)", "nobody"] + 6 * ["–"])
        self.assertEqual((sync.writer, sync.reader), ("1.2 s", "13 ms"))
        self.assertEqual((found.machine.writer, found.machine.reader), ("8 ms", "350 µs"))

    def test_badges_count_both(self):
        self.assertEqual(proof.badges(self.proof),
                         {"sync_map": "125\u202f000 histories, 0 violations; 1 of 2 mutants killed"})


if __name__ == "__main__":
    unittest.main()
