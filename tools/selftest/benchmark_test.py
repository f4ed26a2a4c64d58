# SPDX-License-Identifier: Apache-2.0
"""Whether Google Benchmark programs run here on both architectures: natively, and the other one under qemu-user."""

import json
import subprocess
import sys
import unittest


class BenchmarkTest(unittest.TestCase):
    programs = []

    def test_both_architectures_give_results(self):
        self.assertEqual(len(self.programs), 2)
        machines = set()
        for program in self.programs:
            arch = "aarch64" if program.endswith("aarch64") else "x86_64"
            with open(program, "rb") as elf:
                # Bytes 18-19 of an ELF file name the machine: 62 is x86-64, 183 is AArch64.
                machine = int.from_bytes(elf.read(20)[18:20], "little")
            self.assertEqual(machine, {"x86_64": 62, "aarch64": 183}[arch])
            machines.add(machine)
            done = subprocess.run(["tools/run_cross.sh", arch, "./" + program, "--benchmark_format=json",
                                   "--benchmark_min_time=0.01"], stdout=subprocess.PIPE, check=True)
            result = json.loads(done.stdout)
            self.assertEqual([run["name"] for run in result["benchmarks"]],
                             ["BM_Loop/threads:1", "BM_Loop/threads:2"])
            self.assertTrue(all(run["iterations"] > 0 for run in result["benchmarks"]))
            self.assertEqual(result["context"]["library_build_type"], "release")
        self.assertEqual(machines, {62, 183})


if __name__ == "__main__":
    BenchmarkTest.programs = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
