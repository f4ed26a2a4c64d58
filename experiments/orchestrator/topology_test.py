# SPDX-License-Identifier: Apache-2.0
"""What is read from sysfs, on machines that this one is not, and which CPUs threads then get."""

import json
import unittest

from experiments.orchestrator import topology
from experiments.testing.machines import machine


class Shapes(unittest.TestCase):

    def test_a_laptop_with_smt(self):
        found = machine("laptop")
        self.assertEqual((len(found.cores), found.cpus), (4, 8))
        self.assertEqual(found.cores[1].cpus, (1, 5))
        self.assertEqual(found.order(), [0, 1, 2, 3, 4, 5, 6, 7])
        record = found.record()
        self.assertEqual((record["cores"], record["hardware_threads"], record["efficiency_cores"]), (4, 8, 0))
        self.assertEqual(record["siblings"], ["0,4", "1,5", "2,6", "3,7"])
        self.assertEqual((record["nodes"], record["unknown"]), (["0-7"], []))

    def test_cores_whose_first_level_cache_is_one(self):
        for name, own in (("laptop", 4), ("server", 32), ("hybrid", 14), ("vm", 2), ("one_core", 1), ("cores2", 2)):
            self.assertEqual(machine(name).own_caches, own, name)
        # A virtual machine that shows two threads of a core as cores, and what they share.
        files = {"0-1": {"cache/index0/level": "1", "cache/index0/type": "Data", "cache/index0/shared_cpu_list": "0-1",
                         "cache/index1/level": "1", "cache/index1/type": "Instruction", "cache/index1/shared_cpu_list": "0"}}
        shown = machine("vm", files=files)
        self.assertEqual((len(shown.cores), shown.own_caches), (2, 1))

    def test_a_server_of_two_sockets_is_filled_node_by_node_or_spread(self):
        found = machine("server")
        self.assertEqual((len(found.cores), found.cpus), (32, 64))
        self.assertEqual(found.order()[:32], list(range(32)))
        self.assertEqual(found.order("spread")[:4], [0, 16, 1, 17])
        for pin in ("compact", "spread"):
            order = found.order(pin)
            self.assertEqual(sorted(order), list(range(64)))
            self.assertEqual(sorted(order[:32]), list(range(32)), "a second thread before every core had its first")
        self.assertEqual(found.record()["sockets"], ["0-15,32-47", "16-31,48-63"])

    def test_spread_takes_the_nodes_before_the_caches(self):
        self.assertEqual(machine("cores64").order("spread")[:5], [0, 32, 8, 40, 16])

    def test_nodes_decide_even_where_the_numbers_alternate(self):
        # Even CPUs on one node, odd ones on the other.
        even, odd = (",".join(str(c) for c in range(start, 64, 2)) for start in (0, 1))
        found = machine("server", nodes=[even, odd], caches=[even, odd], sockets=[even, odd])
        self.assertEqual(found.order()[:4], [0, 2, 4, 6])
        self.assertEqual(found.order("spread")[:4], [0, 1, 2, 3])

    def test_128_arm_cores_in_one_node(self):
        found = machine("arm")
        self.assertEqual((len(found.cores), found.cpus), (128, 128))
        self.assertEqual({(core.socket, core.node, core.efficient) for core in found.cores}, {(0, 0, False)})
        self.assertEqual(len(found.record()["last_level_caches"]), 64)
        self.assertEqual(found.order()[:3], [0, 1, 2])
        self.assertEqual(found.order("spread")[:3], [0, 2, 4])  # one node: a cache each

    def test_performance_cores_come_before_efficiency_cores(self):
        found = machine("hybrid")
        self.assertEqual((len(found.cores), found.cpus, found.record()["efficiency_cores"]), (14, 20, 8))
        self.assertEqual(found.order()[:14], [0, 2, 4, 6, 8, 10, *range(12, 20)])
        self.assertEqual(found.order()[14:], [1, 3, 5, 7, 9, 11])

    def test_every_sign_of_an_efficiency_core(self):
        bare = {"files": {}}
        self.assertEqual(machine("hybrid", **bare).record()["efficiency_cores"], 0)
        signs = ({"files": {"0-11": {"cpu_capacity": "1024"}, "12-19": {"cpu_capacity": "446"}}},
                 {**bare, "extra": {"devices/cpu_atom/cpus": "12-19"}},
                 {"files": {"0-11": {"acpi_cppc/nominal_perf": "41"}, "12-19": {"acpi_cppc/nominal_perf": "30"}}})
        for sign in signs:
            found = machine("hybrid", **sign)
            self.assertEqual({c for core in found.cores if core.efficient for c in core.cpus}, set(range(12, 20)), sign)

    def test_cores_of_one_kind_may_clock_differently(self):
        self.assertFalse(any(core.efficient for core in machine(
            "laptop", files={"0-1": {"cpufreq/cpuinfo_max_freq": "5700000"},
                             "2-7": {"cpufreq/cpuinfo_max_freq": "5100000"}}).cores))

    def test_what_only_some_cpus_tell_says_nothing(self):
        self.assertFalse(any(core.efficient for core in machine(
            "laptop", files={"0-1": {"cpu_capacity": "1024"}, "2": {"cpu_capacity": "300"}}).cores))

    def test_a_virtual_machine_without_files(self):
        found = machine("vm")
        self.assertEqual([core.cpus for core in found.cores], [(0,), (1,)])
        self.assertEqual(found.unknown, ("siblings", "caches", "nodes"))
        self.assertEqual((found.record()["nodes"], found.record()["last_level_caches"]), (["0-1"], ["0-1"]))

    def test_no_files_at_all(self):
        found = topology.read("/no/such/place", [3, 5])
        self.assertEqual((found.order(), found.hidden), ([3, 5], ()))

    def test_this_machine(self):
        found = topology.read()
        self.assertEqual(sorted(found.order()), sorted(topology.os.sched_getaffinity(0)))
        json.dumps(found.record(), allow_nan=False)


class Parts(unittest.TestCase):
    """A process that may use a part of its machine."""

    def test_a_container_with_a_cpu_set(self):
        found = machine("server", allowed="14-17,46-47")
        self.assertEqual([core.cpus for core in found.cores], [(14, 46), (15, 47), (16,), (17,)])
        self.assertEqual((len(found.cores), found.cpus), (4, 6))
        self.assertEqual(found.order(), [14, 15, 16, 17, 46, 47])
        self.assertEqual(found.order("spread"), [14, 16, 15, 17, 46, 47])
        record = found.record()
        self.assertEqual((record["nodes"], record["hidden"]), (["14-15,46-47", "16-17"], "0-13,18-45,48-63"))

    def test_second_threads_alone_are_cores(self):
        self.assertEqual([core.cpus for core in machine("laptop", allowed="5,7").cores], [(5,), (7,)])

    def test_offline_cpus(self):
        found = machine("laptop", online="0-3,6", offline="4-5,7", siblings=["0", "1", "2,6", "3"])
        self.assertEqual((len(found.cores), found.cpus, found.offline), (4, 5, (4, 5, 7)))

    def test_a_quota_is_a_smaller_machine(self):
        for files in ({"fs/cgroup/cpu.max": "350000 100000"},
                      {"fs/cgroup/cpu/cpu.cfs_quota_us": "350000", "fs/cgroup/cpu/cpu.cfs_period_us": "100000"}):
            found = machine("server", extra=files)
            self.assertEqual((found.order(), found.quota), ([0, 1, 2], 3.5))
        for files in ({"fs/cgroup/cpu.max": "max 100000"}, {"fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                                                            "fs/cgroup/cpu/cpu.cfs_period_us": "100000"}):
            self.assertEqual(machine("server", extra=files).cpus, 64)
        self.assertEqual(machine("server", extra={"fs/cgroup/cpu.max": "50000 100000"}).order(), [0])


class Lists(unittest.TestCase):

    def test_round_trip(self):
        for text in ("", "0", "0-3", "0-3,8,10-11"):
            self.assertEqual(topology.list_of(topology.cpus_of(text)), text)
        self.assertEqual(topology.cpus_of(None), [])


if __name__ == "__main__":
    unittest.main()
