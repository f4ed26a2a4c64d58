# SPDX-License-Identifier: Apache-2.0
"""The log of histograms, read back by a decoder that shares nothing with the encoder."""

import base64
import json
import pathlib
import random
import struct
import tempfile
import unittest
import zlib

from report import hdr_log, load
from report.stats import latency


def decode(text):
    """{value: count} of a compressed V2 histogram, values as HdrHistogram's lowestEquivalentValue has them."""
    raw = base64.b64decode(text)
    cookie, length = struct.unpack(">ii", raw[:8])
    assert cookie == 0x1C849314, hex(cookie)
    plain = zlib.decompress(raw[8:8 + length])
    cookie, size, offset, digits, lowest, highest, ratio = struct.unpack(">iiiiqqd", plain[:40])
    assert (cookie, offset, digits, lowest, ratio) == (0x1C849313, 0, 2, 1, 1.0)
    assert highest >= 2 and len(plain) == 40 + size
    half = 1 << (2 * 10**digits - 1).bit_length() - 1  # sub-buckets of an octave
    counts, index, at = {}, 0, 40
    while at < len(plain):
        value = shift = 0
        for i in range(9):
            byte = plain[at]
            at += 1
            if i == 8:
                value |= byte << 56
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        number = (value >> 1) ^ -(value & 1)
        if number < 0:
            index -= number
            continue
        # As AbstractHistogram.valueFromIndex.
        bucket, sub = index // half - 1, index % half + half
        if bucket < 0:
            bucket, sub = 0, sub - half
        counts[sub << bucket] = number
        index += 1
    return counts


class HdrLog(unittest.TestCase):

    def test_counts_arrive_where_they_were(self):
        rng = random.Random(3)
        for _ in range(50):
            indices = sorted(rng.sample(range(4352), rng.randint(1, 300)))
            sparse, at, expected = [], 0, {}
            for i in indices:
                if i > at:
                    sparse.append(at - i)
                sparse.append(n := rng.choice((1, 63, 64, 127, 128, 20_000, 2**32 - 1)))
                at = i + 1
                octave = max(0, (i >> 7) - 1)
                expected[(i - (octave << 7)) << octave] = n
            self.assertEqual(decode(hdr_log.encode(sparse)), expected)
            # And the value of an index is what the report takes it for, to its resolution.
            for i, least in zip(indices, sorted(expected)):
                self.assertLessEqual(least, latency.greatest(i))
                self.assertLessEqual(latency.greatest(i) - least, least / 128)

    def test_a_known_histogram(self):
        # Of one value, 255, twice: V2 bytes written down by hand from the format's description.
        raw = base64.b64decode(hdr_log.encode([-255, 2]))
        self.assertEqual(zlib.decompress(raw[8:])[40:], bytes([0xFD, 0x03, 0x04]))

    def test_a_run(self):
        with tempfile.TemporaryDirectory() as folder:
            run = pathlib.Path(folder)
            self.write(run)
            lines = hdr_log.text(run).splitlines()
        self.assertEqual(lines[0], "#[Histogram log format version 1.3]")
        rows = [line.split(",") for line in lines if line.startswith("Tag=")]
        self.assertEqual([r[0] for r in rows], [
            "Tag=orders.q:a.cell:2:clock:::gap", "Tag=orders.q:a.cell:2:mutex_map:mutex_map:0.5:response",
            "Tag=orders.q:a.cell:2:mutex_map:mutex_map:0.5:service", "Tag=orders.q:a.cell:2:mutex_map:mutex_map:0.5:lag"])
        self.assertEqual(rows[1][1:4], ["7.000", "0.100", "1.500"])
        self.assertEqual(decode(rows[1][4]), {100: 3, 300: 1})
        self.assertEqual(decode(rows[3][4]), {0: 4})

    def test_a_run_that_is_none(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(load.ResultsError):
            hdr_log.text(pathlib.Path(folder))

    def write(self, run):
        head = {"t": "visit", "v": 7, "question": "orders q", "contestants": ["mutex_map", "null"], "workload": {},
                "cell": {"name": "a,cell"}, "threads": 2, "timed": True}
        times = {"response": [-100, 3, -177, 1], "service": [-100, 4], "lag": [4], "max": [1_500_000, 100, 0]}
        rung = {"t": "latency", "v": 7, "c": 0, "of": 0, "load": 0.5, "offered": 1, "achieved": 1, "n": 4, "ns": 10**8}
        lines = [head, {"t": "clock", "v": 7, "n": 1, "ns": 10**8, "gap": [-20, 1], "max": 20}, {**rung, **times},
                 {**rung, "load": 0.95, "saturated": 1},
                 {"t": "end", "v": 7}, {"t": "visit_end", "v": 7, "status": "ok", "seconds": 1}]
        (run / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (run / "run.json").write_text(json.dumps({"schema": 1, "run": "r", "status": "complete", "visits": 1}))


if __name__ == "__main__":
    unittest.main()
