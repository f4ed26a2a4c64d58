# SPDX-License-Identifier: Apache-2.0
"""The default run on machines of 2 to 128 cores, in simulated time: it ends in time and decides."""

import pathlib
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import environment, store
from experiments.testing import machines, simulated, support


class DefaultRun(unittest.TestCase):

    def run_on(self, name, *args):
        """(run.json, visits, seconds it took, share of the verdicts decided) of a run with both architectures."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        workspace, world = pathlib.Path(folder.name), simulated.world(name)
        catalogue = workspace / "catalogue.json"
        catalogue.write_text(support.json.dumps(support.generated("catalogue.json")), encoding="utf-8")
        with mock.patch.object(environment, "emulator", return_value=["true"]), \
                mock.patch.object(store.RunStore, "sync"):
            code, said = support.run_cli(workspace, *args, catalogue_path=catalogue, cross=True, world=world)
        self.assertEqual(code, 0, said)
        run = support.newest(workspace)
        decided, goals = support.re.search(r"(\d+) of (\d+) verdicts decided", said).groups()
        return support.meta(run), support.samples(run, "visit"), world.clock(), int(decided) / int(goals)

    def check(self, name, cores, least):
        meta, visits, seconds, decided = self.run_on(name)
        print(f"{name}: {len(visits)} visits in {seconds:.0f} s, {100 * decided:.0f} % decided")
        self.assertEqual(meta["status"], "complete", meta["note"])
        self.assertLessEqual(seconds, 600)
        self.assertGreaterEqual(decided, least)
        self.assertEqual(meta["environment"]["cores"], cores)
        self.assertEqual({v["threads"] for v in visits if v["timed"]}, {1, cores})
        order = machines.machine(name).order()
        self.assertTrue(all(v["pin"] == order[:v["threads"]] for v in visits))
        return meta, visits

    def test_2_cores(self):
        self.check("cores2", 2, 0.8)

    def test_16_cores(self):
        self.check("cores16", 16, 0.8)

    def test_64_cores(self):
        self.check("cores64", 64, 0.8)

    def test_128_cores(self):
        self.check("cores128", 128, 0.8)


if __name__ == "__main__":
    unittest.main()
