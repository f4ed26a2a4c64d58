# SPDX-License-Identifier: Apache-2.0
"""Runs damaged at random: each is refused in one sentence or makes a paper, and none takes long.

The seed fixes the damage. `python3 -m report.fuzz_test` with FUZZ_SEED and FUZZ_MUTATIONS tries others.
"""

import contextlib
import functools
import io
import json
import os
import pathlib
import random
import signal
import tempfile
import time
import unittest
from typing import Any
from unittest import mock

from report import main, render
from report.figures import curves, forest, quality, style, winners
from report.testdata import make_testdata

SEED = int(os.environ.get("FUZZ_SEED", "1"))
MUTATIONS = int(os.environ.get("FUZZ_MUTATIONS", "2000"))
TIME_LIMIT_S = 240  # of CPU, for all of them; a machine this slow tries fewer
SLACK_S = 1.0  # beside three times a normal report

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2, 0.0, -0.0, 0.5, 1e-300, 1e300, -1e300, 1e17, 10**400, 2**63, "", "0", "1.5", "x",
    "NaN", "mutex_map", "sync_map", "\ud800", "\x00", "$x^$", "<b>&", "{}", "*", "a" * 5000, "stationary", "ok", "cells",
    "sweep", "discrete", "log2", [], {}, [None], [[]], [1, 2, 3], ["mutex_map"], [0.5, 0.5], {"a": 1}, {"x": "y"},
    "2026-01-15T10:00:00", "0000-00-00T00:00:00Z"]
RAW = [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"[" * 100_000, b'{"a":' * 100_000,
       b'"\\ud800"', b"\xff\xfe", b"", b"nul", b"\x00", b"01", b"'x'"]


def walk(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of everything inside."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += walk(inner, (*path, key))
    return found


def change(rng: random.Random, document: Any) -> bytes:
    """A JSON document with one thing changed, as bytes."""
    path = rng.choice(walk(document))
    holder = functools.reduce(lambda v, key: v[key], path[:-1], document)
    key, kind = path[-1], rng.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]]
    elif kind == 2 and isinstance(holder[key], (int, float)):
        holder[key] = holder[key] * rng.choice([-1, 0, 1e-9, 1e9, 1 + 1e-15]) + rng.choice([0, 1, -1])
    elif kind == 3 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == 4:
        mark = "\0put here\0"
        holder[key] = mark
        return json.dumps(document).encode().replace(json.dumps(mark).encode(), rng.choice(RAW))
    else:
        holder[key] = rng.choice(STRANGE)
    return json.dumps(document).encode()


def damage(rng: random.Random, meta: bytes, samples: list[bytes]) -> tuple[bytes, list[bytes]]:
    """run.json and the lines of samples.jsonl with one thing wrong with them."""
    lines = list(samples)
    at = rng.randrange(len(lines))
    kind = rng.randrange(12)
    if kind < 5:
        return change(rng, json.loads(meta)), lines
    if kind < 9:
        # Every kind of record as often as the others: most lines are slices.
        sort = rng.choice(sorted({json.loads(line)["t"] for line in lines}))
        at = rng.choice([i for i, line in enumerate(lines) if json.loads(line)["t"] == sort])
        lines[at] = change(rng, json.loads(lines[at]))
    elif kind == 9:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 10:
        lines[at:at + rng.randrange(60)] = rng.choice(([], [lines[at]] * 2, [b""], [rng.choice(RAW)]))
    else:
        cut = rng.randrange(len(lines[at]))
        flipped = bytearray(lines[at])
        flipped[cut] ^= 1 << rng.randrange(8)
        lines[at] = rng.choice((bytes(flipped), lines[at][:cut]))
    return meta, lines


def remembered(draw):
    """A drawing function that draws what it drew before from memory: most damage leaves most figures as they are."""
    drawn: dict[str, str] = {}

    @functools.wraps(draw)
    def wrapped(*args, **kwargs):
        key = repr([vars(a) if isinstance(a, style.Looks) else a for a in args]) + repr(kwargs)
        if " at 0x" in key:
            return draw(*args, **kwargs)
        if key not in drawn:
            drawn[key] = draw(*args, **kwargs)
        return drawn[key]

    return wrapped


class Slow(Exception):
    """More time than a report may take."""


def _too_slow(number, frame):
    raise Slow()


class Fuzz(unittest.TestCase):

    def report(self, limit: float) -> tuple[int, str, float]:
        """(exit code, what was said, CPU seconds); stops what takes longer than `limit`."""
        said = io.StringIO()
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, limit)
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                code = main.main([str(self.run_dir)])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return code, said.getvalue(), time.process_time() - started

    def test_no_damage_ends_in_a_traceback_or_takes_long(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_dir = pathlib.Path(folder.name) / "run"
        make_testdata.make(self.run_dir, "small")
        files = [self.run_dir / name for name in ("run.json", "samples.jsonl")]
        meta, samples = files[0].read_bytes(), files[1].read_bytes().split(b"\n")[:-1]
        signal.signal(signal.SIGPROF, _too_slow)
        self.report(60)  # imports, fonts
        code, said, normal = self.report(60)
        self.assertEqual(code, 0, said)
        templates = mock.patch.object(render, "environment", functools.cache(render.environment))
        templates.start()
        self.addCleanup(templates.stop)
        for module in (curves, forest, quality, winners):
            for name in ("draw", "aa", "realised", "timeline"):
                if hasattr(module, name):
                    whole = getattr(module, name)
                    setattr(module, name, remembered(whole))
                    self.addCleanup(setattr, module, name, whole)
        began, refused, made, tried = time.process_time(), 0, 0, 0
        for number in range(MUTATIONS):
            if time.process_time() - began > TIME_LIMIT_S:
                break
            rng = random.Random(f"{SEED}/{number}")
            new_meta, lines = damage(rng, meta, samples)
            files[0].write_bytes(new_meta)
            files[1].write_bytes(b"\n".join(lines) + b"\n" * rng.randrange(2))
            tried += 1
            with self.subTest(seed=SEED, number=number):
                try:
                    code, said, took = self.report(3 * normal + SLACK_S)
                except Slow:
                    self.fail("takes longer than three normal reports")
                except Exception as error:  # noqa: BLE001: the point of the test
                    raise AssertionError(f"a traceback: {type(error).__name__}: {error}") from error
                self.assertEqual(said.count("\n"), 1, said)
                self.assertNotIn("defect", said)
                self.assertEqual([p.name for p in self.run_dir.glob("report/*.part")], [])
                if code:
                    refused += 1
                    self.assertEqual(code, 2)
                    self.assertRegex(said, r"^report: .*\.\n$")
                else:
                    made += 1
        print(f"{tried} of {MUTATIONS} damaged runs: {refused} refused, {made} reported; "
              f"a normal report takes {normal:.2f} s of CPU")
        self.assertGreater(tried, MUTATIONS // 10)
        self.assertGreater(refused, tried // 5)
        self.assertGreater(made, tried // 20)


if __name__ == "__main__":
    unittest.main()
