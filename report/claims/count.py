# SPDX-License-Identifier: Apache-2.0
"""Counts the ledger's rows by kind of evidence and verdict, for a run or without one.

    tools/bazel run //report/claims:count -- results/latest
"""

import json
import os
import pathlib
import sys

from report import claims
from report.claims.model import VERDICTS
from tools.arguments import Parser, named


def table(entries: list) -> str:
    """The counts as lines of text; verdicts that no row has are left out."""
    counts = claims.tally(entries)
    verdicts = [v for v in VERDICTS if counts["all"][v]]
    width = max(map(len, counts)) + 2
    lines = [" " * width + "  ".join(verdicts) + "  rows"]
    for kind, row in counts.items():
        lines.append(kind.ljust(width) + "  ".join(str(row[v]).rjust(len(v)) for v in verdicts)
                     + str(sum(row.values())).rjust(6))
    return "\n".join(lines)


def main(given: list[str]) -> int:
    parser = Parser(prog="count", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("run", metavar="RUN", nargs="?", type=named, help="a run's directory or its verdicts.json; nothing "
                        "for what needs no run")
    run = parser.parse_args(given).run
    if run is None:
        print(table(claims.evaluate({})))
        return 0
    # `bazel run` starts programs elsewhere; names are relative to where it was called.
    path = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), run)
    path = path / "report/verdicts.json" if path.is_dir() else path
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["claims"]
        print(table(entries))
    except (OSError, ValueError, LookupError, TypeError) as error:
        print(f"{path} is no verdicts.json of this revision ({error!r}); write the run's paper anew.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
