# SPDX-License-Identifier: Apache-2.0
"""Command line of the report: from a results directory or a capsule to the paper, from several to one page."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import pathlib
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from report import analyse, capsule, compare, gallery, hdr_log, load, price, render
from report.compare import say, tails


@contextlib.contextmanager
def _composed(run_dir: pathlib.Path | str) -> Iterator[render.Paper]:
    """The paper of a run. Raises load.ResultsError."""
    with load.uncollected():
        analysis = analyse.analyse(load.load(run_dir))
        gc.freeze()  # none of it is garbage before the paper is done, and drawing makes much
    try:
        yield render.compose(analysis)
    finally:
        gc.unfreeze()


def build(run_dir: pathlib.Path | str) -> pathlib.Path:
    """Writes report/index.html and report/verdicts.json; returns the paper.

    A capsule is first unpacked into a folder beside it, see capsule.unpack.

    Raises load.ResultsError with one sentence when the run cannot be read, and
    OSError when the disk refuses. A run without a single visit gives a paper
    that says so.
    """
    run_dir = pathlib.Path(run_dir)
    if run_dir.is_file():
        run_dir = capsule.unpack(run_dir)
    with _composed(run_dir) as paper:
        out = run_dir / "report"
        try:
            out.mkdir(exist_ok=True)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(out)) from None
        _replace(out / "verdicts.json", json.dumps(
            paper.conclusions, indent=1, sort_keys=True) + "\n")
        page = render.render(paper)
    for name in render.BESIDE:
        if name in page.beside:
            _replace(out / name, page.beside[name])
        else:  # of an earlier, larger paper
            (out / name).unlink(missing_ok=True)
    _replace(out / "index.html", page.html)
    return out / "index.html"


def build_comparison(runs: list[pathlib.Path], out: pathlib.Path | None = None, *,
                     below: pathlib.Path | None = None) -> tuple[pathlib.Path, str]:
    """Writes index.html and compare.json about several runs; returns the page and what it says in a sentence.

    runs: folders and capsules; out: the folder of the page, by default one named after the runs, beside the first or
    `below`

    Raises load.ResultsError and OSError as build does; then nothing is written.
    """
    found = compare.read(runs)
    files = compare.write(found)
    out = out or compare.place_for(runs, below)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from None
    for name, text in files.items():
        _replace(out / name, text)
    return out / "index.html", f"{say.totals(found)} {tails.totals(found)}".rstrip()


# What a defect raises; what the run or the disk is to blame for has errors of its own.
UNFORESEEN = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError,
              ValueError)


def unforeseen(error: BaseException) -> str:
    """Where the report failed, in a few words instead of a traceback."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return (f"the paper cannot be made of this run ({type(error).__name__} in {pathlib.Path(at.filename).name}, "
            f"line {at.lineno})")


def _replace(path: pathlib.Path, text: str) -> None:
    """Writes a file so that a reader sees the old or the new one whole."""
    temporary = path.with_suffix(path.suffix + ".part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def figures(run_dir: pathlib.Path | str) -> dict[str, str]:
    """All figures of a run as SVG documents, by name."""
    with _composed(run_dir) as paper:
        chooser = gallery.chooser_plate(paper)
        return {p.name: gallery.standalone(p.svg) for p in [*([chooser] if chooser else []), *paper.plates()] if p.svg}


def write_gallery(run_dir: pathlib.Path | str, folder: pathlib.Path) -> pathlib.Path:
    """A folder of the run's main figures with a page about them; returns the page. An earlier one is replaced.

    Raises load.ResultsError with one sentence when the run cannot be read or the folder holds something else."""
    with _composed(run_dir) as paper:
        made = gallery.files(paper)
    stale = [path for path in gallery.check(folder) if path.name not in made]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
    for name, text in made.items():
        _replace(folder / name, text)
    for path in stale:
        path.unlink(missing_ok=True)
    return folder / "README.md"


def recorded_price(run_dir: pathlib.Path | str) -> str:
    """What the harness costs by this run, as the file that later runs carry along."""
    run = load.load(run_dir)
    try:
        found = price.record(run.meta, price.rows(analyse.analyse(run).prices))
    except ValueError as error:
        raise load.ResultsError(f"{error}.") from None
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _resolve(path: str) -> pathlib.Path:
    """Relative to where the user stands, also under `bazel run`."""
    return pathlib.Path(
        os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd()), path)


def _named(text: str) -> str:
    """A name or a path, which an unset variable of the shell is not."""
    if not text.strip():
        raise argparse.ArgumentTypeError("what is given is empty; name a results directory, a figure or a file")
    return text


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise load.ResultsError(f"{message}; see --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="report", description="Writes the paper of a run, RUN/report/index.html and RUN/report/verdicts.json; "
        "packs a run into a capsule, one file from which anybody's report writes the same paper; or holds several runs "
        "against one another on one page. RUN is a results directory, or a capsule, which is unpacked beside itself.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""examples:
  bazel run //report -- results/latest
  python3 -m report results/latest
  python3 -m report --figure list results/latest
  python3 -m report --figure fig-winners results/latest winners.svg
  bazel run //report -- results/latest --capsule monday.capsule
  bazel run //report -- monday.capsule                 # the same paper, anywhere: monday/report/index.html
  bazel run //report -- results/latest --gallery docs/gallery
  python3 -m report --harness-price results/latest experiments/harness_price.json
  bazel run //report -- results/latest --hdr-log latency.hlog
  bazel run //report -- --compare results/latest monday.capsule colleague.capsule""")
    parser.add_argument("--figure", type=_named, metavar="NAME", help="write one figure as "
                        "an SVG file to OUT instead; 'list' names them all")
    parser.add_argument("--capsule", type=_named, metavar="FILE", help="write the run, with its command and the hash "
                        "of its worker, as one file instead; the same run gives the same bytes")
    parser.add_argument("--gallery", type=_named, metavar="DIR", help="write the main figures as SVG files and a page "
                        "about them into a folder instead")
    parser.add_argument("--harness-price", action="store_true", help="write what the harness costs each contestant, by "
                        "this run, to OUT instead: the papers of later runs show it")
    parser.add_argument("--hdr-log", type=_named, metavar="FILE", help="write the histograms of latency as a log of "
                        "HdrHistogram (V2), which its tools read, instead")
    parser.add_argument("--compare", type=_named, nargs="+", metavar="RUN", help="write one page about 2 to 26 runs "
                        "instead, results directories or capsules: what agrees, what differs, and how far runs move "
                        "an effect; compare.json beside it has the numbers")
    parser.add_argument("--out", type=_named, metavar="DIR", dest="out_dir", help="folder of the page of --compare "
                        "(default: compare-NAMES beside the first run)")
    parser.add_argument("run", type=_named, metavar="RUN", nargs="?", help="a results directory, or a capsule")
    parser.add_argument("out", type=_named, metavar="OUT", nargs="?",
                        help="file for --figure and --harness-price")
    return parser


def _check(args: argparse.Namespace) -> None:
    """Raises ResultsError for arguments that do not go together."""
    asked = [f"--{name}" for name in ("figure", "capsule", "gallery", "hdr-log", "compare", "harness-price")
             if getattr(args, name.replace("-", "_"))]
    if len(asked) > 1:
        raise load.ResultsError(f"{' and '.join(asked)} are different commands; give one of them.")
    if args.run is None and not args.compare:
        raise load.ResultsError("no run is named; give a results directory, such as results/latest, or a capsule.")
    if args.run is not None and args.compare:
        raise load.ResultsError(f"{args.run} stands before --compare; name all runs after it.")
    if args.out is not None and not (args.figure or args.harness_price):
        raise load.ResultsError(f"{args.out} stands after the run, and only --figure and --harness-price write there; leave "
                                "it out.")
    if args.out_dir and not args.compare:
        raise load.ResultsError("--out belongs to --compare; the paper of a run is in its own folder.")


def _say(text: str) -> None:
    """A line on standard output. Raises ResultsError when it cannot be written."""
    try:
        # What the terminal cannot show is escaped.
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(errors="backslashreplace")
        print(text, flush=True)
    except (OSError, ValueError, AttributeError) as error:
        sys.stdout = None  # or the interpreter tries once more
        raise load.ResultsError(f"standard output cannot be written ({getattr(error, 'strerror', None) or error}); it "
                                f"would have said: {text}.") from None


def main(argv: list[str] | None = None) -> int:
    """Exit status 0, or 2 after one sentence on stderr."""
    try:
        args = _parser().parse_args(argv)
        _check(args)
        if args.compare:
            page, totals = build_comparison([_resolve(r) for r in args.compare],
                                            _resolve(args.out_dir) if args.out_dir else None)
            _say(f"{page}\n{totals}")
            return 0
        if args.capsule:
            capsule.write(_resolve(args.run), _resolve(args.capsule))
            _say(str(_resolve(args.capsule)))
            return 0
        if args.hdr_log:
            run = _resolve(args.run)
            _replace(_resolve(args.hdr_log), hdr_log.text(capsule.unpack(run) if run.is_file() else run))
            _say(str(_resolve(args.hdr_log)))
            return 0
        if args.gallery:
            _say(str(write_gallery(_resolve(args.run), _resolve(args.gallery))))
            return 0
        if args.harness_price:
            if args.out is None:
                raise load.ResultsError("--harness-price needs a file to write to; give OUT after RUN.")
            _replace(_resolve(args.out), recorded_price(_resolve(args.run)))
            return 0
        if args.figure is None:
            _say(str(build(_resolve(args.run))))
            return 0
        known = figures(_resolve(args.run))
        if args.figure == "list":
            _say("\n".join(known))
            return 0
        if args.figure not in known:
            raise load.ResultsError(
                f"there is no figure {args.figure!r} in this run; it has "
                + (", ".join(known) or "none") + ".")
        if args.out is None:
            raise load.ResultsError(
                "--figure needs a file to write to; give OUT after RUN.")
        _replace(_resolve(args.out), known[args.figure])
        return 0
    except load.ResultsError as error:
        print(f"report: {error}", file=sys.stderr)
    except UNFORESEEN as error:
        print(f"report: {unforeseen(error)}; the samples are untouched. This is a defect of the report: keep the run "
              "and say where it failed.", file=sys.stderr)
    except OSError as error:
        print(f"report: {error.filename or 'a file'} cannot be written "
              f"({error.strerror}); free space or choose another place.",
              file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
