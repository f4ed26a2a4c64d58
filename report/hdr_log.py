# SPDX-License-Identifier: Apache-2.0
"""The histograms of a run as an HdrHistogram log, which HdrHistogram's own tools read.

    bazel run //report -- results/latest --hdr-log latency.hlog

A line for each histogram: its tag is question:cell:threads:contestant:of:load:kind (kind: response, service, lag), its time the
visit's number, its value the counts in the V2 encoding, compressed. The counts have the layout of a histogram with two
significant digits and the unit 1 ns (experiments/worker/histogram.h), so nothing is lost or moved.

The format: G. Tene, HdrHistogram 2.1, AbstractHistogram.encodeIntoByteBuffer and HistogramLogWriter.
"""

from __future__ import annotations

import base64
import pathlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from report import load

COOKIE, COMPRESSED_COOKIE = 0x1C849303 | 0x10, 0x1C849304 | 0x10
DIGITS = 2
GREATEST = (1 << 40) - 1  # ns
KINDS = ("response", "service", "lag")


def _zigzag(value: int) -> bytes:
    """ZigZag LEB128 of 64 bits: seven bits a byte, the ninth byte has eight."""
    rest = (value << 1) ^ (value >> 63)
    rest &= (1 << 64) - 1
    out = bytearray()
    for _ in range(8):
        if rest < 0x80:
            out.append(rest)
            return bytes(out)
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def encode(sparse: list[int]) -> str:
    """A record's histogram in the compressed V2 encoding, base64."""
    payload = b"".join(map(_zigzag, sparse))
    plain = struct.pack(">iiiiqqd", COOKIE, len(payload), 0, DIGITS, 1, GREATEST, 1.0) + payload
    packed = zlib.compress(plain)
    return base64.b64encode(struct.pack(">ii", COMPRESSED_COOKIE, len(packed)) + packed).decode("ascii")


def _tag(*parts: Any) -> str:
    # A comma ends a tag, and a space would be hard to ask for.
    return ":".join(re.sub(r"[,\s:]+", ".", str(p)) for p in parts)


def _rows(run: load.Run, lines: Iterator[dict[str, Any]]) -> Iterator[tuple[int, str, float, float, list[int]]]:
    """(visit, tag, seconds that it lasted, greatest in ms, counts) of every histogram of visits that ended well."""
    good = {v.id: v for v in run.visits if v.ok and v.timed}
    for line in lines:
        visit = good.get(line.get("v"))
        if visit is None or line["t"] not in ("latency", "fill", "clock"):
            continue
        head = (visit.question, visit.name, visit.threads)
        if line["t"] == "clock":
            yield visit.id, _tag(*head, "clock", "", "", "gap"), line["ns"] / 1e9, line["max"] / 1e6, line["gap"]
            continue
        if "response" not in line:
            continue
        more = (visit.contestants[line["of"]], line["load"]) if line["t"] == "latency" else ("", "fill")
        for i, kind in enumerate(KINDS):
            yield (visit.id, _tag(*head, visit.contestants[line["c"]], *more, kind), line["ns"] / 1e9,
                   line["max"][i] / 1e6, line[kind])


def text(path: pathlib.Path) -> str:
    """The log of a results directory. Raises load.ResultsError."""
    run = load.load(path)
    out = ["#[Histogram log format version 1.3]\n", f"#[Run {run.meta['run']}; times are numbers of visits]\n",
           "#[StartTime: 0.000 (seconds since epoch)]\n", '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n']
    for visit, tag, seconds, greatest, counts in _rows(run, load.lines(path)):
        out.append(f"Tag={tag},{visit:.3f},{seconds:.3f},{greatest:.3f},{encode(counts)}\n")
    return "".join(out)
