# SPDX-License-Identifier: Apache-2.0
"""Which map for a workload that is described or recorded, from a finished run; and what a trace of map operations
really is: how often keys come back, how they are asked for, when and how large."""

import argparse
import json
import os
import shlex
import subprocess
import sys

from tools.arguments import Parser, named
from tools.trace import answer, beyond, replay

_PROFILER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "profile_trace")


class AdviseError(Exception):
    """One sentence that names the thing and the remedy."""


def profile(traces, flags=(), normalised=None):
    """The figures of the traces, which follow each other, as profile_trace prints them."""
    command = [_PROFILER, *flags]
    if normalised:
        command.append(f"--normalised={normalised}")
    try:
        done = subprocess.run([*command, *traces], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        raise AdviseError(f"{_PROFILER} cannot be run ({error}); start this with: bazel run //tools:advise") from error
    if done.returncode < 0:
        raise AdviseError(f"reading the trace was ended by signal {-done.returncode}; was there too little memory? "
                          "Follow fewer keys: --max-keys 1000000")
    if done.returncode != 0:
        raise AdviseError(done.stderr.decode("utf-8", "replace").strip())
    return json.loads(done.stdout)


def _printable(text):
    """Names of files may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _number(value):
    """Whole numbers with separators, others to three digits."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"


def _percent(value):
    return f"{100 * value:.2f}".rstrip("0").rstrip(".") + " %"


def _with_error(figure, show):
    """A figure, with its interval if it is an estimate."""
    if "unknown" in figure:
        return f"not known: {figure['unknown']}"
    text = show(figure["value"])
    if figure["low"] == figure["high"]:
        return text
    return f"{text}  ({show(figure['low'])} to {show(figure['high'])})"


def _bytes(sizes):
    if "unknown" in sizes:
        return f"not known: {sizes['unknown']}"
    return (f"mean {_number(sizes['mean'])}, median {_number(sizes['p50'])}, 99th percentile {_number(sizes['p99'])}, "
            f"largest {_number(sizes['max'])}")


def _seconds(value):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 1:
            return f"{value * scale:.4g} {unit}"
    return f"{value * 1e9:.4g} ns"


def _assumptions(result):
    """What had to be assumed about the trace, and what its figures are of."""
    lines = []
    if not result["has_operations"]:
        lines.append("This format tells no operations: each request is taken for a LoadOrStore (get, and on a miss "
                     "store), so the key reuse rate is its hit rate in a map that keeps everything.")
    if result["has_clients"]:
        lines.append("Clients stand for threads: a replay gives each client's operations to one thread.")
    else:
        lines.append("The trace tells no threads: a replay deals operations to threads by a hash of the key.")
    recorded = result["recorded"]
    if recorded:
        of = f" of {_number(recorded['of_operations'])} operations" if "of_operations" in recorded else ""
        lines.append(f"A recording of {_percent(recorded['rate'])} of the {recorded['of']}{of}.")
    if result["sample"] < 1:
        lines.append(f"Figures of single keys are estimates from {_percent(result['sample'])} of the keys "
                     f"({_number(result['followed_keys'])} of them), with intervals of about 95 %.")
    elif recorded:
        lines.append("Figures with an interval, of about 95 %, are estimates from the recording.")
    return lines


def _cache_line(locality):
    """Sizes of an LRU cache and the share of requests that it would answer."""
    if "unknown" in locality:
        return f"not known: {locality['unknown']}"
    curve = locality["lru"]
    if not curve:
        return "no key is asked for twice"
    most = max(point["hit_rate"]["value"] for point in curve)
    parts = []
    for share in (0.5, 0.9, 0.99):
        point = next(p for p in curve if p["hit_rate"]["value"] >= share * most)
        part = f"{_number(point['entries'])} for {_percent(point['hit_rate']['value'])}"
        if part not in parts:
            parts.append(part)
    return "entries needed: " + ", ".join(parts) + " of the requests"


def _growth_line(growth):
    if "unknown" in growth:
        return f"not known: {growth['unknown']}"
    last = growth[-1]
    half = min(growth, key=lambda p: abs(p["operation"] - last["operation"] / 2))
    new = 1 - half["distinct"] / last["distinct"] if last["distinct"] else 0
    peak = max(point["present"] for point in growth)
    return (f"{_percent(new)} of the keys are new in the second half; entries present at the end "
            f"{_number(last['present'])}, at most {_number(peak)}")


def _arrival_lines(arrivals, recorded):
    if "unknown" in arrivals:
        return [f"not known: {arrivals['unknown']}"]
    windows = arrivals["windows"]
    if not windows:
        return [f"{_seconds(arrivals['seconds'])}; too few operations, or too coarse a clock, to tell bursts"]
    # The shortest windows, the longest, and one in the middle.
    chosen = sorted({0, len(windows) // 2, len(windows) - 1})
    parts = [f"{windows[i]['index_of_dispersion']:.3g} in windows of {_seconds(windows[i]['seconds'])}" for i in chosen]
    return [f"{_seconds(arrivals['seconds'])}; index of dispersion {', '.join(parts)}",
            "(1: independent arrivals; above: bursts; below: evenly spaced)" +
            ("; of the recorded part, whose distance from 1 is smaller than the whole's" if recorded else "")]


def describe(traces, result):
    """The report as text."""
    figures = result["figures"]
    names = _printable(traces[0]) + (f" and {len(traces) - 1} more" if len(traces) > 1 else "")
    lines = [f"{names}: taken for {result['format']}, {_number(result['operations'])} operations", ""]
    lines += _assumptions(result)
    lines.append("")
    shares = sorted(figures["shares"].items(), key=lambda item: -item[1])
    hits = "look-ups that find" if "unknown" in figures["hit_rate"] or not figures["hit_rate"]["told"] else \
        "look-ups that found"
    rows = [
        ("key reuse rate", _with_error(figures["reuse_rate"], _percent)),
        ("distinct keys", _with_error(figures["distinct"], _number)),
        ("operations", ", ".join(f"{name} {_percent(share)}" for name, share in shares)),
        ("reads, deletes", f"{_percent(figures['read_share'])}, {_percent(figures['delete_share'])}"),
        (hits, _with_error(figures["hit_rate"], _percent)),
        ("entropy", _with_error(figures["entropy_1024"], lambda v: f"{v:.2f} bits") + " of 10 (1024 buckets of keys)"),
        ("top 100 keys", _with_error(figures["top100_share"], _percent) + " of the operations"),
        ("locality (LRU)", _cache_line(figures["locality"])),
        ("growth", _growth_line(figures["growth"])),
    ]
    for i, line in enumerate(_arrival_lines(figures["arrivals"], result["recorded"])):
        rows.append(("arrivals" if i == 0 else "", line))
    rows += [("key bytes", _bytes(figures["key_bytes"])), ("value bytes", _bytes(figures["value_bytes"]))]
    lines += [f"  {name:<20} {text}" for name, text in rows]
    return "\n".join(lines)


def _write(path, text):
    """Whole or not at all."""
    partial = path + ".partial"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError as error:
        raise AdviseError(f"{path} cannot be written ({error.strerror}); name another file") from error


def _told(result, described):
    """What the trace tells, less what the reader's own fields contradict."""
    fields = answer.of_trace(result)
    if "reads" in described:
        fields.pop("reuse", None)
        fields.pop("deletes", None)
    if "reuse" in described:
        fields.pop("reads", None)
        fields.pop("deletes", None)
    return fields


def _answer(args, described, left_out, recording=""):
    """Says which map, and measures the point if that is wanted."""
    found, said, analysis = answer.answer(args.run or "latest", described, args.constraints, left_out, recording)
    _print(args, answer.as_json(found, said), answer.as_text(found, said, analysis))
    if args.html:
        _write(args.html, answer.as_page(found, said, analysis))
    if args.picture:
        _write(args.picture, answer.as_picture(found, said, analysis, _asked(args)))
    if args.measure:
        print(f"\nmeasuring: {said.measure}", flush=True)
        answer.run_measurement(said.measure)


def _replayed(args, result, described, compact):
    """Measures the trace itself; returns (what that leaves out, the hash of the trace)."""
    cells, operations = replay.cells(_printable(os.path.basename(args.traces[0])), result, described, compact)
    asked = compact + ".json"
    _write(asked, json.dumps(cells, indent=1) + "\n")
    command = f"bazel run //experiments -- --ask {shlex.quote(os.path.abspath(asked))}"
    aside = args.json == "-"  # standard output is for the data
    print(f"replaying the first {_number(operations)} of {_number(result['operations'])} operations: {command}", flush=True,
          file=sys.stderr if aside else sys.stdout)
    answer.await_measurement(command, aside)
    return beyond.of_replay(result, operations, replay.without_times(result)), replay.hash_of(compact)


def _asked(args):
    """The command that asks this, without where its answer is written."""
    words = [*args.traces]
    for name in ("describe", "constraints", "run", "sample"):
        value = getattr(args, name)
        words += [f"--{name}", value] if value else []
    words += ["--replay"] * args.replay
    return "bazel run //tools:advise -- " + shlex.join(words)


def _print(args, data, text):
    """The data or the text on standard output, the data also in a file."""
    if args.json == "-":
        sys.stdout.write(data)
        return
    print(text)
    if args.json:
        _write(args.json, data)


_EXAMPLES = """\
examples:
  bazel run //tools:advise -- trace.csv.gz                          what is it?
  bazel run //tools:advise -- --describe 'reads=95 keys=1e6 threads=16 value=64 staleness=0'
  bazel run //tools:advise -- --describe 'reads=95 keys=1e6' --constraints memory=2GiB,range=snapshot --run monday.capsule
  bazel run //tools:advise -- trace.csv.gz --run latest --describe threads=8     which map for this trace?
  bazel run //tools:advise -- trace.csv.gz --replay                 the same, by replaying it
  bazel run //tools:advise -- --describe 'reuse=83% threads=2' --measure        measure the very point

"""


def _arguments(argv):
    parser = Parser(
        prog="advise", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + (answer.fields_help() if {"-h", "--help"} & set(argv) else ""))  # which takes a second
    parser.add_argument("traces", type=named, metavar="TRACE", nargs="*",
                        help="trace file, or several that follow each other; - is standard input. Formats, gzip and "
                        "zstandard included, are recognised by content; tools/trace/README.md lists them")
    which = parser.add_argument_group("which map?")
    which.add_argument("--describe", type=named, metavar="FIELDS", help="the workload, as below; of a trace, what it does not tell "
                       "or what shall be otherwise")
    which.add_argument("--constraints", type=named, metavar="LIST", help="what the map must be, as below, separated by commas")
    which.add_argument("--run", type=named, metavar="RUN", help="the run that answers: its folder, its name in results/, or a capsule "
                       "(default: latest); with a trace, asks which map at all")
    which.add_argument("--measure", action="store_true", help="say the answer and then measure the point itself")
    which.add_argument("--replay", action="store_true", help="measure the trace itself before answering: its operations in "
                       "their order, from an empty map, against all maps that are fit; and, where it has times, when they came, for "
                       "response times")
    which.add_argument("--html", type=named, metavar="FILE", help="write the answer as a page as well")
    which.add_argument("--picture", type=named, metavar="FILE", help="draw the command and its answer as an SVG file as well")
    parser.add_argument("--sample", type=named, metavar="RATE", help="follow this share of the keys only, e.g. 0.01: less memory, "
                        "and estimates with intervals")
    parser.add_argument("--max-keys", type=named, metavar="N", help="follow no more keys than this: beyond, samples are taken "
                        "(default 10000000, 60 bytes each)")
    parser.add_argument("--format", type=named, metavar="NAME", help="take the trace for this format")
    parser.add_argument("--columns", type=named, metavar="PARAMETERS", help="where CSV or binary records hold what, as libCacheSim "
                        "is told: time-col=2,obj-id-col=5,obj-size-col=4,delimiter=,,has-header")
    parser.add_argument("--ignore-times", action="store_true", help="keep the order of the lines, whatever their times")
    parser.add_argument("--json", type=named, metavar="FILE", help="write all figures, or the answer, there; - prints them instead of "
                        "the text")
    parser.add_argument("--normalised", type=named, metavar="FILE", help="write the trace in its compact form (FORMAT.md)")
    args = parser.parse_args(argv)
    asked = any((args.describe, args.constraints, args.run, args.measure, args.html, args.picture, args.replay))
    if args.replay and (not args.traces or args.run or args.measure):
        parser.error("--replay measures a trace and answers from that; name one, and leave out --run and --measure")
    if not args.traces and not args.describe:
        parser.error("there is neither a trace nor a description; name a file, or write --describe 'reads=95 keys=1e6'")
    return args, asked


def main(argv):
    args, asked = _arguments(argv)
    try:
        # bazel run starts programs in a folder of its own; paths are the caller's.
        os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
        flags = [f"--{name}={value}" for name, value in (
            ("sample", args.sample), ("max-keys", args.max_keys), ("format", args.format), ("columns", args.columns),
        ) if value is not None]
        if args.ignore_times:
            flags.append("--ignore-times")
        described, left_out = answer.parse_description(args.describe) if args.describe else {}, []
        recording = ""
        if args.traces:
            compact = replay.place_for(args.traces[0], answer.workspace()) if args.replay else args.normalised
            result = profile(args.traces, flags, compact)
            if not asked:
                _print(args, json.dumps(result, indent=1) + "\n", describe(args.traces, result))
                return 0
            described = {**_told(result, described), **described}
            left_out = beyond.left_out(result, described)
            if args.replay:
                left_out, recording = _replayed(args, result, described, compact)
            if args.json != "-":
                print(describe(args.traces, result) + "\n\nTaken for "
                      + " ".join(f"{name}={value}" for name, value in described.items()) + "\n")
        _answer(args, described, left_out, recording)
    except (AdviseError, answer.AnswerError, replay.ReplayError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
