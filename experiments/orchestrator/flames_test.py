# SPDX-License-Identifier: Apache-2.0
"""Flame graphs: what is kept of perf's samples, how functions are called, and what the drawing says."""

import json
import pathlib
import struct
import subprocess
import tempfile
import unittest
from unittest import mock
from xml.etree import ElementTree

from experiments.orchestrator import flame_svg, flames, session
from experiments.orchestrator.errors import UserError
from experiments.testing import support

LOOP = "cmap::workloads::SliceResult cmap::workloads::internal::PlayLoop<cmap::workloads::internal::OnlyLoop<(cmap::Op)0>, X<Y> >(Z&)"
SCRIPT = f"""worker 
	            1010 cmap::SyncMap<unsigned long>::Visit<int>(int) (/somewhere/worker)
	            1100 {LOOP}+0x1c (/somewhere/worker)
	            2000 main+0x16 (/somewhere/worker)

worker 
	    7f00 __memcpy_avx+0x3 (/usr/lib/libc.so.6)
	            1100 {LOOP}+0x1c (/somewhere/worker)

worker 
	ffffffff81000e06 asm_interrupt+0x16 ([kernel.kallsyms])
	            1010 cmap::SyncMap<unsigned long>::Visit<int>(int) (/somewhere/worker)
	            1100 {LOOP}+0x1c (/somewhere/worker)

worker 
	            3000 cmap::experiments::Session::Prefill(int)+0x2 (/somewhere/worker)
	            2000 main+0x16 (/somewhere/worker)
"""


class Folding(unittest.TestCase):

    def test_stacks_are_those_within_the_loop(self):
        asked = []

        def resolve(addresses):
            asked.extend(addresses)
            # A call returns to 1100: it lies before it.
            return {0x10ff: ["Call", "OnlyLoop::Do", "PlayLoop"], 0x100f: ["SyncMap::Find", "SyncMap::Visit"], 0x1010: ["SyncMap::Visit"]}

        found = flames.folded(SCRIPT, pathlib.Path("/elsewhere/worker"), resolve)
        self.assertEqual(asked, [0x100f, 0x1010, 0x10ff])
        self.assertEqual(dict(found), {
            ("PlayLoop", "SyncMap::Visit"): 1, ("PlayLoop", "[libc.so.6] __memcpy_avx"): 1,
            ("PlayLoop", "SyncMap::Visit", "SyncMap::Find", "[kernel] asm_interrupt"): 1})

    def test_what_addr2line_does_not_know_keeps_perfs_name(self):
        found = flames.folded(SCRIPT, pathlib.Path("worker"), lambda addresses: {})
        self.assertEqual(set(found), {("[worker] PlayLoop", "[worker] SyncMap::Visit"), ("[worker] PlayLoop", "[libc.so.6] __memcpy_avx"),
                                      ("[worker] PlayLoop", "[worker] SyncMap::Visit", "[kernel] asm_interrupt")})
        self.assertFalse(flames.folded("", pathlib.Path("worker"), lambda addresses: {}))

    def test_short_names(self):
        for long, wanted in (
                (LOOP, "PlayLoop"), ("main", "main"), ("??", "??"),
                ("cmap::SyncMap<unsigned long, A<B>, (cmap::Order)0>::Visit<F>(unsigned long const&, F&&) const", "SyncMap::Visit"),
                ("bool std::_Hashtable<K, V>::_M_find_before_node(unsigned long) const [clone .isra.0]", "_Hashtable::_M_find_before_node"),
                ("cmap::X::operator()(int) const", "X::operator_call"), ("bool cmap::operator<(A<int> const&, B)", "operator_less"),
                ("f(int)::{lambda(auto:1 const&)#2}::operator()<int>(int const&) const", "lambda::operator_call"),
                ("cmap::(anonymous namespace)::Visit::Block(bool)", "Visit::Block"), ("EpochReclaimer::Collect.part.0", "EpochReclaimer::Collect")):
            self.assertEqual(flames.short(long), wanted, long)

    def test_addresses_are_those_of_the_program(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "worker"
            head = b"\x7fELF\x02" + bytes(27) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 2) + bytes(6)
            data = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, 0x1000, 0x1000, 8)  # not to be executed
            text = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, 0x3000, 0, 0x800, 0x800, 8)
            program.write_bytes(head + data + text)
            self.assertEqual(flames.executable_segments(program), [(0x1000, 0x3000, 0x800)])
            given = []

            def run(command, **more):
                given.append(more["input"])
                return subprocess.CompletedProcess(command, 0, "0x3010\nA::b(int)\nx.h:3\ncmap::PlayLoop<T>(int)\nx.h:9\n0x5000\n??\n??:0\n", "")

            self.assertEqual(flames.inlined(program, [0x1010, 0x5000], run), {0x1010: ["A::b", "PlayLoop"]})
            self.assertEqual(given, ["3010\n5000"])
            program.write_bytes(b"#!/bin/sh\n")
            self.assertEqual(flames.executable_segments(program), [])


class Drawing(unittest.TestCase):

    STACKS = {("PlayLoop", "Map<a & b>::Visit", "lock"): 30, ("PlayLoop", "Map<a & b>::Visit"): 10, ("PlayLoop", "[libc.so.6] \"x\""): 60}

    def test_widths_are_shares_and_text_is_escaped(self):
        text = flame_svg.draw(self.STACKS, "sync_map <&>", "a cell")
        root = ElementTree.fromstring(text)
        self.assertEqual(flame_svg.draw(dict(reversed(self.STACKS.items())), "sync_map <&>", "a cell"), text)
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(root.find(f"{space}title").text, "sync_map <&>")
        widths = {g.find(f"{space}title").text: float(g.find(f"{space}rect").get("width")) for g in root.iter(f"{space}g")}
        self.assertEqual(widths, {"PlayLoop: 100 samples, 100.0 %": 1180.0, "Map<a & b>::Visit: 40 samples, 40.0 %": 472.0,
                                  "lock: 30 samples, 30.0 %": 354.0, '[libc.so.6] "x": 60 samples, 60.0 %': 708.0})
        # A caller lies below what it calls, and nothing leaves the picture.
        tops = {g.find(f"{space}title").text.split(":")[0]: float(g.find(f"{space}rect").get("y")) for g in root.iter(f"{space}g")}
        self.assertLess(tops["lock"], tops["PlayLoop"])
        for rect in root.iter(f"{space}rect"):
            self.assertGreaterEqual(float(rect.get("y", 0)), 0)
            self.assertLessEqual(float(rect.get("x", 0)) + float(rect.get("width")), flame_svg.WIDTH)

    def test_nothing_and_what_xml_cannot_say(self):
        ElementTree.fromstring(flame_svg.draw({}, "a\x00b\x1b", ""))
        ElementTree.fromstring(flame_svg.draw({("a",) * 3000: 1}, "deep", ""))


class Command(unittest.TestCase):

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.asked = support.narrow(only=[flames.QUESTION], strategies=["sync_map", "sharded_map:shards=64"], threads=["2"])
        self.place = flames.choose(self.asked, support.DESCRIBED)
        self.worker = session.Worker("x86_64", [["/somewhere/worker"]], True, {"strategies": []})
        self.requests = []

    def run_fake(self, command, **more):
        if command[:2] == ["perf", "record"]:
            self.requests.append(json.loads(more["input"]))
            self.assertEqual(command[-2:], ["/somewhere/worker", "--visit=-"])
            return subprocess.CompletedProcess(command, self.code, "", self.says)
        return subprocess.CompletedProcess(command, 0, SCRIPT if command[0] == "perf" else "", "")

    def draw(self, code=0, says=""):
        self.code, self.says, lines = code, says, []
        with mock.patch.object(flames, "executable_segments", return_value=[]), mock.patch("shutil.which", return_value="/usr/bin/x"):
            flames.draw(self.place, self.worker, support.TWO_CORES, support.real_catalogue().profiles["default"], self.folder / "new",
                        lines.append, self.run_fake)
        return lines

    def test_the_hot_cell_is_drawn_for_everyone(self):
        self.assertEqual((self.place.cell, self.place.threads), (flames.CELL, 2))
        self.assertEqual(set(self.place.contestants), {"rw_mutex_map", "sync_map", "sharded_map:shards=64"})
        lines = self.draw()
        self.assertEqual(len(lines), 3)
        self.assertEqual({p.name for p in (self.folder / "new").iterdir()}, {
            f"{name}.{kind}" for name in ("rw_mutex_map", "sync_map", "sharded_map_shards=64") for kind in ("svg", "folded")})
        self.assertEqual([r["contestants"] for r in self.requests], [[c] for c in self.place.contestants])
        self.assertEqual({(r["threads"], r["workload"]["keys"]["stream"], r["timed"]) for r in self.requests}, {(2, "zipf", True)})
        folded = (self.folder / "new/sync_map.folded").read_text(encoding="utf-8")
        self.assertIn("[worker] PlayLoop;[worker] SyncMap::Visit 1\n", folded)
        self.assertIn("3 samples", (self.folder / "new/sync_map.svg").read_text(encoding="utf-8"))

    def test_what_is_missing_is_said_in_a_sentence(self):
        with mock.patch("shutil.which", side_effect=lambda name: None if name == "perf" else name):
            with self.assertRaisesRegex(UserError, r"perf, which is not installed; install the package linux-perf \(apt-get"):
                flames.draw(self.place, self.worker, support.TWO_CORES, {}, self.folder, print)
        with self.assertRaisesRegex(UserError, "sysctl kernel.perf_event_paranoid=2"):
            self.draw(255, "Error:\nAccess to performance monitoring and observability operations is limited.\nperf_event_paranoid 4\n")
        with self.assertRaisesRegex(UserError, r"of rw_mutex_map under perf failed \(worker: no such cell\); try"):
            self.draw(2, "worker: no such cell.\n")
        (self.folder / "new").rmdir()
        (self.folder / "new").touch()
        with self.assertRaisesRegex(UserError, "cannot be made"):
            self.draw()

    def test_other_questions(self):
        threads = flames.choose(support.narrow(only=["threads"]), support.DESCRIBED)
        self.assertEqual(threads.axis, threads.threads)
        shards = flames.choose(support.narrow(only=["shards"]), support.DESCRIBED)
        self.assertIn("sharded_map:shards=1", shards.contestants)
        self.assertEqual(shards.title, f"shards: shards 1, {shards.threads} threads")


if __name__ == "__main__":
    unittest.main()
