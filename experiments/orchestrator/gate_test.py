# SPDX-License-Identifier: Apache-2.0
"""The gate, on a simulated machine."""

import unittest

from experiments.orchestrator import gate


class Machine:
    """Two CPUs at 100 ticks a second, whose load is given per second of waiting."""

    def __init__(self, loads, own=0.0, steal=False):
        self.loads, self.own_share, self.steal = list(loads), own, steal
        self.busy = self.total = self.own_time = 0.0
        self.slept = []

    def sleep(self, seconds):
        load = self.loads.pop(0) if len(self.loads) > 1 else self.loads[0]
        self.slept.append(seconds)
        self.total += 200 * seconds
        self.busy += 200 * seconds * (load + self.own_share)
        self.own_time += 2 * seconds * self.own_share

    def stat(self):
        busy, idle = round(self.busy), round(self.total - self.busy)
        user, steal = (0, busy) if self.steal else (busy, 0)
        return f"cpu  {user} 0 0 {idle} 0 0 0 {steal} 0 0\n"

    def gate(self, longest):
        return gate.Gate(longest, stat=self.stat, own=lambda: self.own_time, sleep=self.sleep, ticks_per_second=100)


class GateTest(unittest.TestCase):

    def test_quiet_machine_passes_after_one_window(self):
        machine = Machine([0.0])
        passage = machine.gate(3).wait()
        self.assertEqual((passage.quiet, passage.waited_s, passage.other_cpu), (True, 0.3, 0.0))

    def test_waits_until_it_is_quiet(self):
        machine = Machine([0.5, 0.5, 0.02])
        passage = machine.gate(3).wait()
        self.assertTrue(passage.quiet)
        self.assertAlmostEqual(passage.waited_s, 0.9)
        self.assertLess(passage.other_cpu, gate.LIMIT)

    def test_goes_on_flagged_after_the_longest_wait(self):
        machine = Machine([0.5])
        passage = machine.gate(1.0).wait()
        self.assertFalse(passage.quiet)
        self.assertAlmostEqual(passage.other_cpu, 0.5, places=2)
        self.assertLessEqual(passage.waited_s, 1.0)

    def test_own_time_is_not_others(self):
        passage = Machine([0.0], own=0.4).gate(3).wait()
        self.assertTrue(passage.quiet)
        self.assertLess(passage.other_cpu, 0.02)

    def test_stolen_time_is_others(self):
        self.assertFalse(Machine([0.3], steal=True).gate(0.5).wait().quiet)

    def test_a_machine_that_stays_busy_does_not_eat_the_budget(self):
        machine = Machine([0.5])
        the_gate = machine.gate(3.0)
        for _ in range(gate.PATIENCE):
            self.assertGreater(the_gate.wait().waited_s, 2)
        self.assertAlmostEqual(the_gate.wait().waited_s, gate.WINDOW_S)
        machine.loads = [0.0]
        self.assertTrue(the_gate.wait().quiet)
        machine.loads = [0.5]
        self.assertGreater(the_gate.wait().waited_s, 2)

    def test_disabled(self):
        machine = Machine([0.9])
        passage = machine.gate(0).wait()
        self.assertLess(sum(machine.slept), 0.1)
        self.assertFalse(passage.quiet)

    def test_real_proc_stat(self):
        busy, total = gate.parse(gate.read_proc_stat())
        self.assertLess(0, busy)
        self.assertLess(busy, total)


if __name__ == "__main__":
    unittest.main()
