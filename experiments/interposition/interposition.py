# SPDX-License-Identifier: Apache-2.0
"""Runs the client as it is and with the look-aside library preloaded, and shows what that changes.

    bazel run //experiments/interposition:measure

prints, for each way, nanoseconds per lookup of hot keys and the age of the oldest answer against its bound. Figures of
one run on whatever else the machine was doing: a demonstration, not a measurement of the study.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).absolute().parent  # not resolved: the libraries are beside it in the runfiles
WAYS = ("none", "word", "ttl:200", "ttl:20000")


def client(way: str, *arguments: str) -> dict[str, float]:
    """One run of the client; `way` is 'none' or a value of CMAP_LOOKASIDE."""
    environment = {**os.environ}
    if way != "none":
        environment["LD_PRELOAD"] = str(HERE / "liblookaside.so")
        environment["CMAP_LOOKASIDE"] = way
        # An instrumented library may be preloaded into a program that is instrumented alike.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    done = subprocess.run([str(HERE / "client"), *arguments], env=environment, capture_output=True,
                          text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"client {' '.join(arguments)} with {way}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def bound_ns(way: str) -> int:
    """How long an answer may have been out of date when the call began."""
    return int(way.removeprefix("ttl:")) * 1000 if way.startswith("ttl:") else 0


def main() -> int:
    print(f"{'way':>10} {'ns per call':>12} {'lookups asked':>14} {'oldest answer':>15} {'bound':>12}")
    for way in WAYS:
        cost = client(way, "cost", "20000000")
        age = client(way, "staleness", "1000")
        asked = "all" if age["asked"] < 0 else f"{age['asked'] / age['lookups']:.1%}"
        print(f"{way:>10} {cost['ns_per_call']:12.2f} {asked:>14} {age['oldest_ns'] / 1000:12.1f} us "
              f"{bound_ns(way) / 1000:9.0f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
