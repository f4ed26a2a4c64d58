# SPDX-License-Identifier: Apache-2.0
"""Tests of scan_keys on small sources."""

import contextlib
import io
import json
import os
import tempfile
import textwrap
import unittest

from tools.scan_keys import __main__ as command
from tools.scan_keys import scan

_PRELUDE = """
    #include <map>
    #include <string>
    #include <string_view>
    #include <unordered_map>
    #include <vector>
    template <class K, class V> struct SyncMap {
      V Load(const K&);
      void Store(const K&, const V&);
      bool Delete(const K&);
    };
"""


class ScanTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def scan(self, text, **kwargs):
        self.write("a.cc", textwrap.dedent(_PRELUDE) + textwrap.dedent(text))
        return scan.scan(self.root, **kwargs)[0]

    def keys(self, text):
        """(call, template, expected reuse) of each access."""
        return [(a.call, a.key.template, scan.expected_reuse(a.key)[0]) for a in self.scan(text)]

    def test_text_keys(self):
        self.assertEqual(self.keys("""
            std::unordered_map<std::string, int> m;
            void F(int id, const std::string& s) {
              m["root"] = 1;
              m.find("user:" + std::to_string(id));
              m.count("a" + s + "b");
              const std::string key = "cfg:" + s;
              m.at(key);
              m.erase(std::string(s));
            }"""), [
                ("operator[]", "root", "one key"),
                ("find", "user:{id}", "by data"),
                ("count", "a{s}b", "by data"),
                ("at", "cfg:{s}", "by data"),
                ("erase", "{s}", "by data"),
            ])

    def test_number_keys(self):
        self.assertEqual(self.keys("""
            enum class Color { kRed, kGreen, kBlue };
            SyncMap<long, int> m;
            std::map<Color, int> colors;
            long next = 0;
            void F(long x, Color c) {
              constexpr long kAnswer = 42;
              m.Load(kAnswer);
              m.Store(++next, 1);
              m.Delete(x * 2 + 1);
              for (int i = 0; i < 10; ++i)
                m.Store(i, 2);
              colors[c] = 1;
              colors[Color::kRed] = 2;
            }"""), [
                ("Load", "42", "one key"),
                ("Store", "{++next}", "low"),
                ("Delete", "{x * 2 + 1}", "by data"),
                ("Store", "{i}", "once a pass"),
                ("operator[]", "{c}", "high"),
                ("operator[]", "kRed", "one key"),
            ])

    def test_number_of_keys(self):
        accesses = self.scan("""
            enum E { kA, kB, kC };
            std::map<std::string, int> m;
            std::string Name(int);
            void F(bool b, E e) { m["x" + std::to_string(b) + std::to_string(e)]; }""")
        self.assertEqual(scan.expected_reuse(accesses[0].key), ("high", "at most 6 keys"))

    def test_pairs(self):
        self.assertEqual(self.keys("""
            std::unordered_map<std::string, int> m;
            void F(const std::vector<std::string>& all) {
              m.insert({"a", 1});
              m.insert(std::make_pair(std::string("b"), 2));
              m.emplace("c", 3);
              m.try_emplace("d", 4);
              for (const auto& name : all)
                m.insert({name, 5});
            }"""), [
                ("insert", "a", "one key"),
                ("insert", "b", "one key"),
                ("emplace", "c", "one key"),
                ("try_emplace", "d", "one key"),
                ("insert", "{name}", "once a pass"),
            ])

    def test_what_is_no_map(self):
        self.assertEqual(self.keys("""
            struct Name { int Get(); void Set(int); };
            void F(std::string& s, std::vector<int>& v, Name& n, std::map<int, int>& m) {
              s.find("x");
              v[3] = 1;
              n.Set(1);
              v.insert(v.begin(), 2);
              auto at = m.begin();
              m.erase(at);
            }"""), [])

    def test_own_and_pointed_at_maps(self):
        self.assertEqual(self.keys("""
            struct Cache { int Get(const std::string&); void Put(const std::string&, int);
                           bool Remove(const std::string&); };
            struct Sessions : SyncMap<std::string, int> {};
            std::string MakeUuid();
            void F(Cache* cache, Sessions& sessions) {
              cache->Get("a");
              cache->Put(MakeUuid(), 3);
              sessions.Load("b");
            }"""), [("Get", "a", "one key"), ("Put", "{MakeUuid()}", "low"), ("Load", "b", "one key")])

    def test_templates(self):
        # Within a template the types are not known yet; in an instance's other uses they are.
        accesses = self.scan("""
            SyncMap<int, int>& Global();
            void F() { Global().Load(7); }""")
        self.assertEqual([(a.map, a.key.template) for a in accesses], [("Global()", "7")])

    def test_headers_are_read_once_and_on_their_own(self):
        self.write("h.h", """
            #include <map>
            inline int F(std::map<int, int>& m) { return m.at(1); }""")
        self.write("a.cc", '#include "h.h"\n')
        self.write("alone.hpp", "#include <map>\ninline int G(std::map<int, int>& m) { return m.at(2); }\n")
        accesses, notes = scan.scan(self.root)
        self.assertEqual([(a.file, a.key.template) for a in accesses], [("alone.hpp", "2"), ("h.h", "1")])
        self.assertEqual(notes, [])

    def test_missing_headers_are_told_and_the_rest_is_read(self):
        self.write("a.cc", '#include "missing.h"\n#include <map>\nstd::map<int, int> m;\nint x = m.at(1);\n')
        accesses, notes = scan.scan(self.root)
        self.assertEqual([a.key.template for a in accesses], ["1"])
        self.assertRegex(notes[0], "a.cc includes missing.h, which was not found.*--compile-commands")

    def test_compile_commands(self):
        self.write("deep/inside/special.h", "#include <map>\ninline std::map<int, int> m;\n")
        source = self.write("a.cc", '#include "special.h"\nint x = m.at(KEY);\n')
        database = self.write("compile_commands.json", json.dumps([{
            "directory": self.root, "file": source,
            "command": f"g++ -Ideep/inside -DKEY=77 -o a.o -c {source}"}]))
        self.assertEqual([a.key.template for a in scan.scan(self.root)[0]], ["KEY"])
        with open(database, "w", encoding="utf-8") as file:
            file.write("{")
        with self.assertRaisesRegex(scan.ScanError, "not a compilation database.*CMAKE_EXPORT_COMPILE_COMMANDS"):
            scan.scan(self.root)
        with self.assertRaisesRegex(scan.ScanError, "does not exist"):
            scan.scan(self.root, os.path.join(self.root, "none.json"))

    def test_bad_folders(self):
        with self.assertRaisesRegex(scan.ScanError, "is not a folder"):
            scan.scan(os.path.join(self.root, "none"))
        with self.assertRaisesRegex(scan.ScanError, "holds no C\\+\\+ source"):
            scan.scan(self.root)

    def test_the_command(self):
        self.write("a.cc", textwrap.dedent(_PRELUDE) + "std::map<int, int> m;\nint F(int i) { return m.at(i); }\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(command.main([self.root]), 0)
        self.assertIn("m: 1 access\n  {i}\n      1 read; first at a.cc:13\n      expected reuse: by data", out.getvalue())
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(command.main(["--json", self.root]), 0)
        self.assertEqual(json.loads(out.getvalue())["accesses"][0]["template"], "{i}")
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            self.assertEqual(command.main([os.path.join(self.root, "none")]), 1)
        self.assertEqual(errors.getvalue().count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
