# SPDX-License-Identifier: Apache-2.0
"""A run in one file: the same paper from it, the same bytes of it, and what is refused."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zlib

from report import capsule, load, main
from report.testdata import make_testdata

ROOT = pathlib.Path(__file__).absolute().parents[1]


def header(name, size=0, **fields):
    """A tar header; fields are those of tarfile.TarInfo."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    for field, value in fields.items():
        setattr(member, field, value)
    try:
        return member.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:  # what only other dialects can say
        return member.tobuf(tarfile.GNU_FORMAT)


def padded(data):
    return data + bytes(-len(data) % 512)


def pack(*parts, level=6, behind=b""):
    return gzip.compress(b"".join(parts), level, mtime=0) + behind


class Parts:
    """The parts of a good capsule, each of which a test may replace."""

    def __init__(self, folder):
        self.meta = (folder / "run.json").read_bytes()
        self.samples = (folder / "samples.jsonl").read_bytes()

    def manifest(self, meta=None, samples=None, **changes):
        files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                 for name, data in (("run.json", meta or self.meta), ("samples.jsonl", samples or self.samples))}
        for path, value in changes.items():
            name, field = path.split("__")
            files[name.replace("_", ".")][field] = value
        return (json.dumps({"schema": 1, "files": files}, indent=1, sort_keys=True) + "\n").encode()

    def archive(self, *, manifest=None, meta=None, samples=None):
        """The three files and the end, as bytes of a tar archive."""
        manifest = manifest if manifest is not None else self.manifest(meta, samples)
        return b"".join([file("capsule.json", manifest), file("run.json", meta or self.meta),
                         file("samples.jsonl", samples or self.samples), bytes(1024)])

    def changed(self, **fields):
        """run.json with other fields."""
        return json.dumps({**json.loads(self.meta), **fields}).encode()


def file(name, data, **fields):
    return header(name, len(data), **fields) + padded(data)


# What a capsule may be instead of one: (a name, its bytes as a function of the good parts, part of the sentence).
HOSTILE = [
    ("empty", lambda p: b"", "is empty"),
    ("text", lambda p: b"a capsule, really\n" * 99, "is not a capsule: it is no gzip file"),
    ("zip", lambda p: b"PK\3\4" + bytes(600), "is not a capsule: it is no gzip file"),
    ("gzip of something", lambda p: pack(b"hello " * 999), "is not a capsule: it holds no archive of a run"),
    ("gzip of zeros", lambda p: pack(bytes(4096)), "is not a capsule: it holds no archive of a run"),
    ("gzip of nothing", lambda p: pack(b""), "ends before its last file does"),
    ("cut in the header", lambda p: pack(p.archive())[:7], "is cut short"),
    ("cut in the middle", lambda p: pack(p.archive())[:9000], "is cut short"),
    ("cut at the end", lambda p: pack(p.archive())[:-5], "is cut short"),
    ("one bit turned", lambda p: flipped(pack(p.archive()), 9000), "ask for the capsule anew"),
    ("another checksum", lambda p: flipped(pack(p.archive()), -6), "is damaged (incorrect data check)"),
    ("bytes behind", lambda p: pack(p.archive(), behind=b"and more"), "has other bytes behind its end"),
    ("a second stream behind", lambda p: pack(p.archive(), behind=pack(p.archive())), "has other bytes behind its end"),
    ("zeros behind", lambda p: pack(p.archive(), bytes(512)), "has other bytes behind its last file"),
    ("no end", lambda p: pack(p.archive()[:-1024]), "ends before its last file does"),
    ("a path upwards", lambda p: pack(file("../../etc/cron.d/x", b"* * * * *")),
     'has a file named "../../etc/cron.d/x" where its capsule.json belongs'),
    ("an absolute path", lambda p: pack(file("capsule.json", p.manifest()), file("/run.json", p.meta)),
     'has a file named "/run.json" where its run.json belongs'),
    ("a path with a dot", lambda p: pack(file("./capsule.json", p.manifest())), 'has a file named "./capsule.json"'),
    ("a symbolic link", lambda p: pack(file("capsule.json", p.manifest()), header(
        "run.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")), 'has a link named "run.json" where its run.json belongs'),
    ("a hard link", lambda p: pack(file("capsule.json", p.manifest()), file("run.json", p.meta), header(
        "samples.jsonl", type=tarfile.LNKTYPE, linkname="run.json")), 'has a link named "samples.jsonl"'),
    ("a folder", lambda p: pack(header("capsule.json", type=tarfile.DIRTYPE)), 'has a folder named "capsule.json"'),
    ("a device", lambda p: pack(header("capsule.json", type=tarfile.CHRTYPE)), 'has a device named "capsule.json"'),
    ("a long name", lambda p: pack(file("x" * 300, b"")), "has an extended header named"),
    ("an extended header", lambda p: pack(file("run.json", b"20 path=../run.json\n", type=tarfile.XHDTYPE)),
     "has an extended header named"),
    ("a file of root's", lambda p: pack(file("capsule.json", p.manifest(), uname="root", mode=0o6755)),
     "has a header of capsule.json with an owner, a time, rights or a dialect of its own"),
    ("markup in a name", lambda p: pack(file("<img src=x onerror=alert(1)>", b"")),
     'has a file named "<img src=x onerror=alert(1)>" where its capsule.json belongs'),
    ("control characters in a name", lambda p: pack(file("a\x1b[2J\nb", b"")), 'has a file named "a'),
    ("run.json twice", lambda p: pack(file("capsule.json", p.manifest()), file("run.json", p.meta),
                                      file("run.json", p.meta)), 'has a file named "run.json" where its samples.jsonl'),
    ("one file more", lambda p: pack(p.archive()[:-1024], file("readme", b"hi"), bytes(1024)),
     'has a file named "readme" behind its last file'),
    ("other order", lambda p: pack(file("run.json", p.meta)), 'has a file named "run.json" where its capsule.json'),
    ("another schema", lambda p: pack(p.archive(manifest=b'{"schema": 2, "files": []}')),
     "is a capsule of schema 2 and this report reads schema 1; use the revision that wrote it."),
    ("a manifest that is no JSON", lambda p: pack(p.archive(manifest=b"{")), "has a capsule.json that is not JSON"),
    ("a manifest that is deep", lambda p: pack(p.archive(manifest=b"[" * 4000)), "has a capsule.json that is"),
    ("a manifest without files", lambda p: pack(p.archive(manifest=b'{"schema": 1}')), "lacks the field files"),
    ("a hash that is none", lambda p: pack(p.archive(manifest=p.manifest(run_json__sha256="x"))),
     'has the text "x" in the field files.run.json.sha256'),
    ("a size that is none", lambda p: pack(p.archive(manifest=p.manifest(run_json__bytes=-1))),
     "has the number -1 in the field files.run.json.bytes"),
    ("an absurd size in the manifest", lambda p: pack(p.archive(manifest=p.manifest(samples_jsonl__bytes=1 << 50))),
     "has a samples.jsonl of 1125899906842624 bytes, where at most"),
    ("an absurd size in a header", lambda p: pack(header("capsule.json", 1 << 40)),
     "has a capsule.json of 1099511627776 bytes, where at most 4096 belong"),
    ("a negative size", lambda p: pack(header("capsule.json", -512)), "has a header of capsule.json"),
    ("a decompression bomb", lambda p: pack(file("capsule.json", p.manifest(samples=b"x", samples_jsonl__bytes=1 << 30)),
                                            file("run.json", p.meta), header("samples.jsonl", 1 << 30), bytes(1 << 22)),
     "would be more than 200 times as large when unpacked"),
    ("a bomb behind the end", lambda p: pack(p.archive(), bytes(1 << 26), level=9), "has other bytes behind its last file"),
    ("another size than declared", lambda p: pack(p.archive(manifest=p.manifest(run_json__bytes=7))),
     "has a run.json of another size than its capsule.json says"),
    ("other samples than declared", lambda p: pack(p.archive(manifest=p.manifest(samples=p.samples.replace(
        b"mutex", b"futex")))), "has a samples.jsonl with another hash than its capsule.json says"),
    ("filled gaps", lambda p: pack(p.archive()[:512] + p.archive()[512:1023] + b"!" + p.archive()[1024:]),
     "has other bytes than zeros behind capsule.json"),
    ("a run of another schema", lambda p: pack(p.archive(meta=p.changed(schema=9))),
     "cannot be used: run.json has schema 9 but this report reads schema 1"),
    ("a run that is damaged", lambda p: pack(p.archive(meta=p.changed(seed="x"))),
     'cannot be used: run.json has the text "x" in the field seed'),
    ("samples that are damaged", lambda p: pack(p.archive(samples=p.samples.replace(b'"threads":1', b'"threads":0', 1))),
     "cannot be used: samples.jsonl line 1 has the number 0 in the field"),
    ("samples that are missing", lambda p: pack(p.archive(samples=b"\n")), "so samples were lost"),
    ("a run without its command", lambda p: pack(p.archive(meta=json.dumps({
        k: v for k, v in json.loads(p.meta).items() if k != "command"}).encode())),
     "cannot be used: run.json does not record the command that made it"),
    ("a run without its worker", lambda p: pack(p.archive(meta=p.changed(workers={}))),
     "does not record the hash of its worker"),
    ("a run named with markup", lambda p: pack(p.archive(meta=p.changed(run="<script>alert(1)</script>"))),
     "in the field run, where a name of letters, digits"),
    ("a run named as a path", lambda p: pack(p.archive(meta=p.changed(run="../up"))), "in the field run, where a name of"),
]


def flipped(data, at):
    changed = bytearray(data)
    changed[at] ^= 16
    return bytes(changed)


class CapsuleTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.run_dir = pathlib.Path(folder.name, "run")
        make_testdata.make(cls.run_dir, "small")
        cls.file = pathlib.Path(folder.name, "monday.capsule")
        capsule.write(cls.run_dir, cls.file)
        cls.good = cls.file.read_bytes()
        cls.parts = Parts(cls.run_dir)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.empty = pathlib.Path(folder.name)

    def command(self, *args):
        """(exit code, standard output, standard error) of the report."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main([str(a) for a in args])
        return code, out.getvalue(), err.getvalue()

    def put(self, data, name="x.capsule"):
        path = self.empty / name
        path.write_bytes(data)
        return path

    def test_the_same_run_gives_the_same_bytes(self):
        again = self.empty / "again.capsule"
        capsule.write(self.run_dir, again)
        self.assertEqual(again.read_bytes(), self.good)
        os.utime(self.run_dir / "run.json", (1, 1))
        code, out, _ = self.command(self.run_dir, "--capsule", again)
        self.assertEqual((code, out), (0, f"{again}\n"))
        self.assertEqual(again.read_bytes(), self.good)
        self.assertEqual(os.listdir(self.empty), ["again.capsule"])

    def test_parts_of_this_test_make_the_same_archive(self):
        """Or the hostile ones would be refused for another reason."""
        self.assertEqual(zlib.decompress(self.good, 31), self.parts.archive())

    def test_any_tar_reads_it(self):
        with tarfile.open(self.file) as archive:
            self.assertEqual(archive.getnames(), ["capsule.json", "run.json", "samples.jsonl"])
            self.assertEqual(archive.extractfile("samples.jsonl").read(), self.parts.samples)

    def test_the_same_paper_in_an_empty_folder_by_another_process(self):
        paper = main.build(self.run_dir)
        self.put(self.good, "tuesday.capsule")
        done = subprocess.run([sys.executable, "-m", "report", self.empty / "tuesday.capsule"], cwd=ROOT, check=True,
                              capture_output=True, text=True)
        page = self.empty / "tuesday/report/index.html"
        self.assertEqual(done.stdout, f"{page}\n")
        self.assertEqual(page.read_bytes(), paper.read_bytes())
        self.assertEqual((page.parent / "verdicts.json").read_bytes(), (paper.parent / "verdicts.json").read_bytes())
        self.assertEqual(sorted(os.listdir(self.empty)), ["tuesday", "tuesday.capsule"])
        self.assertEqual(sorted(os.listdir(self.empty / "tuesday")), ["report", "run.json", "samples.jsonl"])

    def test_a_capsule_of_a_capsule(self):
        self.put(self.good, "a.capsule")
        capsule.write(capsule.unpack(self.empty / "a.capsule"), self.empty / "b.capsule")
        self.assertEqual((self.empty / "b.capsule").read_bytes(), self.good)

    def test_every_kind_of_run(self):
        """Cut off, interrupted with half a line, without a visit."""
        for variant in ("partial", "empty"):
            with self.subTest(variant):
                make_testdata.make(self.empty / variant, variant)
                paper = main.build(self.empty / variant).read_bytes()
                capsule.write(self.empty / variant, self.empty / f"of_{variant}.capsule")
                self.assertEqual(main.build(self.empty / f"of_{variant}.capsule").read_bytes(), paper)

    def test_unpacking_again_takes_what_is_there(self):
        path = self.put(self.good)
        folder = capsule.unpack(path)
        (folder / "note").write_text("mine")
        self.assertEqual(capsule.unpack(path), folder)
        self.assertTrue((folder / "note").exists())

    def test_another_folder_in_the_way_stays(self):
        path = self.put(self.good)
        for make in (lambda f: f.mkdir(), lambda f: f.write_text("x"), lambda f: f.symlink_to(self.run_dir.parent),
                     lambda f: f.symlink_to("/nonexistent")):
            make(self.empty / "x")
            with self.assertRaisesRegex(load.ResultsError, "is there and does not hold this run; move it away"):
                capsule.unpack(path)
            self.assertEqual(sorted(os.listdir(self.empty)), ["x", "x.capsule"])
            (self.empty / "x").rmdir() if not (self.empty / "x").is_symlink() and (self.empty / "x").is_dir() else (
                self.empty / "x").unlink()

    def test_a_run_that_is_being_measured(self):
        import fcntl  # pylint: disable=import-outside-toplevel
        make_testdata.make(self.empty / "run", "small", changes={"status": "running"})
        with open(self.empty / "run/samples.jsonl", "ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with self.assertRaisesRegex(load.ResultsError, "still being measured; wait"):
                capsule.write(self.empty / "run", self.empty / "x.capsule")
        self.assertEqual(os.listdir(self.empty), ["run"])

    def test_places_that_cannot_be_written(self):
        for out, what in ((self.empty, "is a folder; name the file"), (self.empty / "no/x.capsule", "cannot be written")):
            code, _, err = self.command(self.run_dir, "--capsule", out)
            self.assertEqual(code, 2)
            self.assertIn(what, err)
            self.assertEqual(err.count("\n"), 1)
        self.assertEqual(os.listdir(self.empty), [])

    def test_hostile_capsules_are_refused_in_one_sentence_and_leave_nothing(self):
        self.assertGreaterEqual(len(HOSTILE), 20)
        self.assertEqual(len({name for name, _, _ in HOSTILE}), len(HOSTILE))
        temporary = self.empty / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        self.addCleanup(setattr, tempfile, "tempdir", None)
        for name, make, sentence in HOSTILE:
            path = self.put(make(self.parts))
            for args in ((path,), ("--compare", self.run_dir, path), ("--compare", path, self.run_dir)):
                with self.subTest(name, args=len(args)):
                    code, out, err = self.command(*args)
                    self.assertEqual((code, out), (2, ""))
                    self.assertIn(sentence, err)
                    self.assertIn(str(path), err)
                    self.assertRegex(err, r"^report: .*; .*\.\n$")
                    self.assertEqual(err.count("\n"), 1, err)
                    self.assertTrue(all(c.isprintable() for c in err[:-1]), err)
                    self.assertNotIn(str(temporary), err)
                    self.assertEqual(sorted(os.listdir(self.empty)), ["tmp", "x.capsule"])
                    self.assertEqual(os.listdir(temporary), [])

    def test_every_cut_is_refused(self):
        for size in range(0, len(self.good), 97):
            with self.assertRaisesRegex(load.ResultsError, "is cut short|is empty|ends before"):
                capsule.verify(self.put(self.good[:size]))

    def test_every_turned_byte_is_refused_or_means_nothing(self):
        """Of gzip's own header some bytes may be anything; whatever passes holds the same run."""
        declared, passed = capsule.verify(self.file), 0
        for at in [*range(20), *range(20, len(self.good), 211), *range(len(self.good) - 9, len(self.good))]:
            try:
                self.assertEqual(capsule.verify(self.put(flipped(self.good, at))), declared)
                passed += 1
            except load.ResultsError:
                pass
        self.assertLess(passed, 8)


if __name__ == "__main__":
    unittest.main()
