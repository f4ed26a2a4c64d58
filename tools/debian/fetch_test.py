# SPDX-License-Identifier: Apache-2.0
"""Tests of fetch.py that need no network: apt's configuration, and the sentences said when something cannot be had."""

import os
import subprocess
import tempfile
import unittest

from tools.debian import fetch

_TARGETS = """\
http://main.example/packages/|bookworm|/etc/apt/sources.list.d/debian.sources:1
http://main.example/packages/|bookworm-updates|/etc/apt/sources.list.d/debian.sources:1
http://main.example/packages/|bookworm|/etc/apt/sources.list.d/debian.sources:1
http://other.example/security/|bookworm-security|/etc/apt/sources.list.d/debian.sources:2
"""

_DEB822 = """\
# A comment before the first entry.

Types: deb
URIs: http://main.example/packages
Suites: bookworm bookworm-updates
# A comment inside.
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://other.example/security
Suites: bookworm-security
Trusted: yes
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc=
 -----END PGP PUBLIC KEY BLOCK-----
"""


class ConfigurationTest(unittest.TestCase):

    def test_targets_are_read_once_each(self):
        archives = fetch.parse_index_targets(_TARGETS + "\nnot a target\n")
        self.assertEqual([(a.uri, a.release) for a in archives], [
            ("http://main.example/packages", "bookworm"),
            ("http://main.example/packages", "bookworm-updates"),
            ("http://other.example/security", "bookworm-security"),
        ])

    def test_a_configured_suite_comes_from_its_own_archive(self):
        archives = fetch.parse_index_targets(_TARGETS)
        self.assertEqual(fetch.choose_archive(archives, "bookworm-security", "bookworm").uri,
                         "http://other.example/security")

    def test_another_suite_comes_from_the_mirror_of_this_release(self):
        archives = list(reversed(fetch.parse_index_targets(_TARGETS)))
        for suite in ("bookworm-backports", "trixie", "sid"):
            self.assertEqual(fetch.choose_archive(archives, suite, "bookworm").uri, "http://main.example/packages")

    def test_releases_may_be_configured_by_class(self):
        archives = fetch.parse_index_targets("http://main.example/packages/|stable|/etc/apt/sources.list:1")
        self.assertEqual(fetch.choose_archive(archives, "sid", "bookworm").release, "stable")

    def test_no_debian_mirror_is_an_error_that_names_the_remedy(self):
        archives = fetch.parse_index_targets("http://vendor.example/apt/|nodistro|/etc/apt/sources.list:1")
        with self.assertRaisesRegex(fetch.FetchError, "'sid'.*'bookworm'.*DEBIAN_MIRROR"):
            fetch.choose_archive(archives, "sid", "bookworm")

    def test_options_of_one_line_entries(self):
        text = ("# comment\n"
                "deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://main.example/packages bookworm main\n"
                "deb http://main.example/packages bookworm main\n"
                "deb [trusted=yes] http://main.example/packages bookworm main\n")
        self.assertEqual(fetch.entry_options(text, 2, deb822=False), {"signed-by": "/usr/share/keyrings/a.gpg"})
        self.assertEqual(fetch.entry_options(text, 3, deb822=False), {})
        self.assertEqual(fetch.entry_options(text, 4, deb822=False), {"trusted": "yes"})
        self.assertEqual(fetch.entry_options(text, 99, deb822=False), {})

    def test_options_of_deb822_entries(self):
        self.assertEqual(fetch.entry_options(_DEB822, 1, deb822=True), {"signed-by": "/usr/share/keyrings/archive.gpg"})
        options = fetch.entry_options(_DEB822, 2, deb822=True)
        self.assertEqual(options["trusted"], "yes")
        self.assertEqual(options["signed-by"].split("\n"), [
            "", "-----BEGIN PGP PUBLIC KEY BLOCK-----", "", "abc=", "-----END PGP PUBLIC KEY BLOCK-----"])
        self.assertEqual(fetch.entry_options(_DEB822, 3, deb822=True), {})

    def test_source_lines(self):
        def line(**options):
            archive = fetch.Archive("http://main.example/packages", "bookworm", "",
                                    {key.replace("_", "-"): value for key, value in options.items()})
            return fetch.source_line("deb", archive, "sid", "main", "/keys/key.asc")

        self.assertEqual(line(), "deb http://main.example/packages sid main\n")
        self.assertEqual(line(signed_by="/a.gpg /b.gpg"),
                         "deb [signed-by=/a.gpg,/b.gpg] http://main.example/packages sid main\n")
        self.assertEqual(line(signed_by="\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n", trusted="yes"),
                         "deb [signed-by=/keys/key.asc trusted=yes] http://main.example/packages sid main\n")

    def test_complaints_are_apts_errors(self):
        self.assertEqual(fetch.apt_complaint("Reading lists...\nE: Unable to locate package a\nE: Unable to locate package a\n"),
                         "Unable to locate package a")
        self.assertEqual(fetch.apt_complaint("Reading lists...\nKilled\n"), "Killed")
        self.assertEqual(fetch.apt_complaint(""), "apt said nothing")


class ArchiveTest(unittest.TestCase):
    """fetch() against a small archive in a folder, made here: apt, dpkg-deb and dpkg-source are the real ones."""

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        root = cls._folder.name
        cls.archive = os.path.join(root, "archive")
        pool = os.path.join(cls.archive, "pool")
        os.makedirs(pool)
        for architecture in ("amd64", "arm64"):
            package = os.path.join(root, architecture)
            os.makedirs(os.path.join(package, "DEBIAN"))
            os.makedirs(os.path.join(package, "usr/include"))
            with open(os.path.join(package, "usr/include/thing.h"), "w", encoding="utf-8") as header:
                header.write(f"// for {architecture}\n")
            with open(os.path.join(package, "DEBIAN/control"), "w", encoding="utf-8") as control:
                control.write(f"Package: libthing-dev\nVersion: 1.0-1\nArchitecture: {architecture}\n"
                              "Maintainer: none <none@localhost>\nDescription: a header\n")
            subprocess.run(["dpkg-deb", "--root-owner-group", "-b", package, pool], check=True,
                           stdout=subprocess.DEVNULL)
            folder = os.path.join(cls.archive, f"dists/testsuite/main/binary-{architecture}")
            os.makedirs(folder)
            with open(os.path.join(folder, "Packages"), "w", encoding="utf-8") as index:
                subprocess.run(["dpkg-scanpackages", "-a", architecture, "pool"], check=True, cwd=cls.archive,
                               stdout=index, stderr=subprocess.DEVNULL)
        cls._make_source(root, pool)
        with open(os.path.join(cls.archive, "dists/testsuite/Release"), "w", encoding="utf-8") as release:
            release.write("Suite: testsuite\nCodename: testsuite\nArchitectures: amd64 arm64\nComponents: main\n"
                          "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n")
            dists = os.path.join(cls.archive, "dists/testsuite")
            for index in ("main/binary-amd64/Packages", "main/binary-arm64/Packages", "main/source/Sources"):
                path = os.path.join(dists, index)
                digest = subprocess.run(["sha256sum", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0]
                release.write(f" {digest} {os.path.getsize(path)} {index}\n")

    @classmethod
    def _make_source(cls, root, pool):
        tree = os.path.join(root, "thing-1.0")
        os.makedirs(os.path.join(tree, "debian/source"))
        for path, text in {
                "thing.c": "int thing = 1;\n",
                "BUILD.bazel": "would hide the tree\n",
                "debian/source/format": "3.0 (native)\n",
                "debian/changelog": "thing (1.0) testsuite; urgency=low\n\n  * First.\n\n"
                                    " -- none <none@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n",
                "debian/control": "Source: thing\nMaintainer: none <none@localhost>\n\nPackage: libthing-dev\n"
                                  "Architecture: any\nDescription: a header\n",
        }.items():
            with open(os.path.join(tree, path), "w", encoding="utf-8") as out:
                out.write(text)
        subprocess.run(["dpkg-source", "-b", tree], check=True, cwd=pool, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        os.makedirs(os.path.join(cls.archive, "dists/testsuite/main/source"))
        with open(os.path.join(cls.archive, "dists/testsuite/main/source/Sources"), "w", encoding="utf-8") as index:
            subprocess.run(["dpkg-scansources", "pool"], check=True, cwd=cls.archive, stdout=index,
                           stderr=subprocess.DEVNULL)

    def fetch(self, kind, architecture, *packages, suite="testsuite"):
        """Unpacks into a fresh folder, which the test may look at; returns its path."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        archive = fetch.Archive(f"file:{self.archive}", suite, "", {"trusted": "yes"})
        original = fetch._machine_archive
        fetch._machine_archive = lambda _: archive
        try:
            fetch.fetch(kind, suite, "main", architecture, list(packages), folder.name)
        finally:
            fetch._machine_archive = original
        return folder.name

    def test_packages_of_either_architecture_are_unpacked(self):
        for architecture in ("amd64", "arm64"):
            folder = self.fetch("binary", architecture, "libthing-dev")
            with open(os.path.join(folder, "usr/include/thing.h"), encoding="utf-8") as header:
                self.assertEqual(header.read(), f"// for {architecture}\n")
            self.assertEqual(os.listdir(folder), ["usr"], "apt's own files are removed")

    def test_a_version_can_be_asked_for(self):
        self.assertTrue(os.path.exists(os.path.join(self.fetch("binary", "amd64", "libthing-dev=1.0-1"), "usr")))
        with self.assertRaisesRegex(fetch.FetchError, r"libthing-dev=2.0-1 \(testsuite, amd64\).*2.0-1.*WORKSPACE"):
            self.fetch("binary", "amd64", "libthing-dev=2.0-1")

    def test_sources_are_unpacked_without_their_build_files(self):
        self.assertEqual(sorted(os.listdir(self.fetch("source", "amd64", "thing"))), ["debian", "thing.c"])

    def test_an_unknown_package_is_named(self):
        with self.assertRaisesRegex(fetch.FetchError, r"libnothing \(testsuite, arm64\): .*libnothing.*; check"):
            self.fetch("binary", "arm64", "libnothing")

    def test_an_unknown_suite_is_named(self):
        with self.assertRaisesRegex(fetch.FetchError, "cannot read suite 'nosuite' of .*DEBIAN_MIRROR"):
            self.fetch("binary", "amd64", "libthing-dev", suite="nosuite")

    def test_errors_are_one_line(self):
        with self.assertRaises(fetch.FetchError) as caught:
            self.fetch("binary", "amd64", "libthing-dev", suite="nosuite")
        self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
