# SPDX-License-Identifier: Apache-2.0
"""The command line of the experiments."""

import argparse
import contextlib
import dataclasses
import difflib
import os
import pathlib
import platform
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from experiments.orchestrator import (ask, catalogue, contestants, environment, flames, plan, proof, session, store, topology,
                                      validate, visit)
from experiments.orchestrator import threads as threads_lib
from experiments.orchestrator.errors import DiskError, UserError, plural, unknown
from experiments.orchestrator.progress import Progress, Voice, duration

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
PROFILES = ("smoke", "default", "hour", "full")

_ABOUT = """\
Measures concurrent maps against each other and writes a paper about it.

Each question of the catalogue varies one thing (key reuse, share of reads, ...) and asks where
the ranking of the maps flips. Samples go to results/<time>/samples.jsonl at the end of each visit;
at the end the paper is written to results/<time>/report/index.html and its path is printed.
"""
_EXAMPLES = """\
examples:
  all                                       ten minutes, the main questions
  all --profile smoke                       the whole pipe in a minute and a half, too few numbers to decide anything
  all --profile hour                        every question, its main contestants
  all --profile full --budget 8h            every question, every map, overnight
  all --only reuse_threshold --budget 20m   one question, thoroughly
  all --only shards --strategies sharded_map --threads 2
  all --only read_share --threads powers,all   one question on 1, 2, 4, ... and all cores
  all --ask 'keys=zipf:0.99 population=1M mix=load:90,store:10 key=string:32'   your own cell: which map leads?
  all --ask 'population=10k mix=load:90,store:10' --sweep mix.load=50..100   where do maps cross over?
  all --ask cells.json --budget 10m         several cells, as in the catalogue
  all --list                                the questions, the fields of a cell and the strategies
  all --profile-cells flames --strategies sync_map,mutex_map   where the time of a hot cell goes, as flame graphs
  all --resume                              goes on with the newest run after an interruption
  all --resume 20260115T100000Z --budget 10m   ten more minutes for an older one
  all --report-only latest                  writes the paper of a run again
  all --report-only monday.capsule          writes the paper of a run that somebody packed into one file
  all --compare 20260115T100000Z latest other.capsule   one page: what agrees, what differs, machines side by side

Ctrl-C stops cleanly and still writes the paper; a second one stops at once. At most the visit
under way is lost.
A terminal that hangs up, or a program behind a pipe that ends, stops what is shown, not what is measured.
exit code: 0 done; 1 a strategy returned wrong results or failed, the run ended before it was done (the disk was
full), nothing could be validated, or the paper could not be written; 2 the command cannot be done as given;
130 or 143 stopped by Ctrl-C or SIGTERM.
"""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What a run is made with. Commands are None when they were not built into the target.

    native: a command for each layout of the worker; wide: of the one that measures larger values and other hashes
    cross_wide: the same program for the other architecture, in the target that is built on demand
    """

    catalogue: pathlib.Path
    native: list[list[str]] | None
    cross: list[str] | None
    cross_arch: str
    workspace: pathlib.Path
    proof: pathlib.Path  # where the files of proof.py are, if anywhere
    build_report: Callable[[pathlib.Path], pathlib.Path]
    wide: list[list[str]] = dataclasses.field(default_factory=list)
    cross_wide: list[str] | None = None
    world: session.World = session.World()
    compare_runs: Callable[[list[pathlib.Path], pathlib.Path], tuple[pathlib.Path, str]] | None = None


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence, with the nearest flag when one is misspelt."""

    def error(self, message: str) -> NoReturn:
        found = re.match(r"unrecognized arguments: (\S+)", message)
        if found:
            flags = [f for a in self._actions for f in a.option_strings]
            near = difflib.get_close_matches(found[1].split("=")[0], flags, n=1)
            raise UserError(f"unknown argument {found[1]!r}" +
                            (f"; did you mean {near[0]}?" if near else "; see --help."))
        raise UserError(f"{message}; see --help.")


def parse_duration(text: str) -> float:
    """Seconds from 90s, 20m, 1h30m or a bare number of seconds."""
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not text.strip() or not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 20m or 1h30m")
    hours, minutes, seconds = (float(g or 0) for g in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all; write 90s, 20m or 1h30m")
    return total


def _names(text: str) -> list[str]:
    names = list(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing; separate names with commas")
    return names


def _strategies(text: str) -> list[str]:
    """Contestants separated by commas; a comma before tunable= belongs to the contestant."""
    return _names(text) if ":" not in text else list(dict.fromkeys(
        re.sub(r"\s*([,:=@])\s*", r"\1", s.strip()) for s in re.split(r",(?!\s*[a-z0-9_]+\s*=)", text) if s.strip()))


def _named(text: str) -> str:
    """A name or a path, which an unset variable of the shell is not."""
    if not text.strip():
        raise argparse.ArgumentTypeError("what is given is empty; give a name, or leave the option out")
    return text


def _threads(text: str) -> list[str]:
    return [threads_lib.check(word) for word in _names(text)]


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) >= 1 << 53:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; give a whole number from 0 to 2^53 - 1")
    return int(text)


def label(name: str) -> str:
    """How a target is written so that Bazel takes it for no pattern."""
    return "//experiments" if name == "all" else f"//experiments:{name}"


def parser(name: str = "all") -> argparse.ArgumentParser:
    """The parser of the command `name`."""
    p = _Parser(prog=f"bazel run {label(name)} --", description=_ABOUT,
                epilog=_EXAMPLES.replace("  all", "  bazel run //experiments --"),
                formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("--profile", type=_named, default=None, metavar="|".join(PROFILES),
                   help="how much to ask and for how long (default: default)")
    p.add_argument("--budget", type=parse_duration, metavar="TIME",
                   help="time for everything, the paper included: 90s, 20m, 1h30m (default: the profile's)")
    p.add_argument("--only", type=_names, metavar="Q1,Q2", help="only these questions")
    p.add_argument("--ask", type=_named, action="append", metavar="CELL|FILE",
                   help="a cell of your own, as 'FIELD=VALUE ...' (see --list) or a JSON file of cells; every map that is "
                   "fit is put to it and ranked, or those of --strategies, of which the first is the baseline")
    p.add_argument("--sweep", type=_named, metavar="FIELD=LOW..HIGH",
                   help="varies one field of the cell that is asked and looks for crossovers")
    p.add_argument("--strategies", type=_strategies, metavar="S1,S2",
                   help="only these contestants beside the baselines, as name[:tunable=value][@batch][@load_batch][@reserve][@direct]; "
                   "one that a question does not list joins it")
    p.add_argument("--threads", type=_threads, metavar="1,all",
                   help="numbers of threads instead of the questions' own: numbers, half or all (of the physical "
                   "cores), powers (1, 2, 4, ... cores), smt (every hardware thread), 2x (twice as many)")
    p.add_argument("--pin", choices=(topology.COMPACT, topology.SPREAD), default=None,
                   help="compact: fill one NUMA node after another; spread: take the nodes in turn "
                   "(default: compact; always one thread per physical core first)")
    p.add_argument("--seed", type=_seed, default=None, help="of everything random (default: 1)")
    p.add_argument("--out", type=_named, metavar="DIR", help="where runs are kept (default: results/ in the workspace)")
    p.add_argument("--arch", choices=("both", "native", "cross"), default=None,
                   help="cross: only validate on the other architecture, emulated and untimed (default: both; with --ask "
                   "native)")
    p.add_argument("--visit-timeout", type=parse_duration, metavar="TIME",
                   help="after this a visit is taken to hang (default: from its size)")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list questions and strategies, and stop")
    what.add_argument("--resume", type=_named, nargs="?", const="latest", metavar="RUN",
                      help="go on with a run, by default the newest; asks what it asked")
    what.add_argument("--report-only", type=_named, metavar="RUN", help="only write the paper of a run, or of a capsule "
                      "(bazel run //report -- RUN --capsule FILE packs one)")
    what.add_argument("--profile-cells", type=_named, metavar="DIR", help="only draw, of one cell, where each map's time goes: "
                      f"flame graphs in DIR, by perf; of the first cell of --only or --ask (default: {flames.QUESTION}, {flames.CELL})")
    what.add_argument("--compare", type=_named, nargs="+", metavar="RUN",
                      help="only hold several runs against one another on one page; names, folders or capsules")
    return p


def main(argv: list[str], tools: Tools, *, name: str = "all", preset: Sequence[str] = (), out=None) -> int:
    """Runs the command. Returns the exit code; never raises for what the caller did wrong.

    name: the Bazel target it is run as; preset: arguments that the target fixes
    """
    started = tools.world.clock()
    _hold_standard_files()
    out, err = Voice(out or sys.stdout), Voice(sys.stderr)
    try:
        args = parser(name).parse_args(argv)
        if not (args.resume or args.report_only or args.compare):  # which ask what the run asked
            args = _with_preset(args, name, preset, argv)
        command = shlex.join(["bazel", "run", label(name), *(["--", *argv] if argv else [])])
        # Bytes of a file name that are no UTF-8 are shown as such.
        command = command.encode("utf-8", "backslashreplace").decode()
        code, measured = _main(args, command, tools, started, out)
    except KeyboardInterrupt:  # before anything was measured
        return 128 + signal.SIGINT
    except UserError as error:
        print(f"experiments: {error}", file=err)
        return EXIT_FAILED if isinstance(error, DiskError) else EXIT_USAGE
    out.flush()
    if out.broken:
        print(f"experiments: standard output could not be written ({out.broken})"
              + (f"; what was measured is in {measured}." if measured else "; give it another place."), file=err)
        return code or (EXIT_OK if measured else EXIT_FAILED)
    return code


def _hold_standard_files() -> None:
    """Opens those of the descriptors 0 to 2 that the caller closed, or a file of the run would take their place."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR)
        while null < 3:
            null = os.dup(null)
        os.close(null)


def _with_preset(args: argparse.Namespace, name: str, preset: Sequence[str], argv: list[str]) -> argparse.Namespace:
    """The arguments with those that the target fixes. Raises UserError when they contradict one another."""
    fixed = parser(name).parse_args(list(preset))
    unset = parser(name).parse_args([])
    for field, value in vars(fixed).items():
        given = getattr(args, field)
        if value != getattr(unset, field) and given not in (value, getattr(unset, field)):
            def words(v: Any) -> str:
                return ",".join(v) if isinstance(v, list) else str(v)
            raise UserError(f"//experiments:{name} fixes --{field} {words(value)}, so --{field} {words(given)} "
                            "contradicts it; run //experiments to choose.")
    return parser(name).parse_args([*preset, *argv])


def _main(args: argparse.Namespace, command: str, tools: Tools, started: float,
          out: Voice) -> tuple[int, pathlib.Path | None]:
    """(exit code, the run whose paper was to be written, if any)."""
    results = _results(args, tools)
    if args.compare:
        return _compare([_run_or_capsule(results, name) for name in args.compare], results, tools, out), None
    if args.report_only:
        path = _run_or_capsule(results, args.report_only)
        if not path.is_file():
            store.read_meta(path)
        return _report(path, tools, out), path
    known = catalogue.load(tools.catalogue)
    if args.profile and args.profile not in PROFILES:
        raise unknown("profile", args.profile, PROFILES)
    _check_questions(args.only, known)
    if args.sweep and not args.ask:
        raise UserError("--sweep varies a field of a cell, and none is asked; give one with --ask.")
    for flag in ("only", "resume", "list"):
        if args.ask and getattr(args, flag):
            raise UserError(f"--ask is a question of its own, so --{flag} does not go with it; leave one out.")
    if args.profile_cells and not args.ask:
        args.only = args.only or [flames.QUESTION]
    args.arch = args.arch or ("native" if args.ask or args.profile_cells else "both")
    native, cross = _workers(args, tools, out)
    if args.list:
        _list(known, native or cross, out)
        return EXIT_OK, None
    if args.ask or args.resume or _asks_wide(args, known):
        if native and tools.wide:
            native.widen(tools.wide, _describe(tools.wide))
        if cross and tools.cross_wide:
            cross.widen([tools.cross_wide], visit.describe(tools.cross_wide))
    if args.ask:
        worker = native or cross
        if not native and not cross.wide and any(map(contestants.is_wide, ask.workloads(args.ask))):
            raise UserError(f"this cannot be validated here, as {validate.on_demand(shlex.split(command)[4:], cross.arch)}.")
        asked = ask.build(known, args.ask, args.sweep, args.strategies, worker.strategies())
        wrong = visit.check(worker.commands[0], asked.workloads)
        if wrong:
            raise UserError(wrong)
        known, args.strategies, args.profile = asked.catalogue, None, args.profile or ask.PROFILE
    machine = tools.world.machine()
    if args.profile_cells:
        return _profile_cells(args, known, native, machine, out), None
    stop = session.Stop()
    stop.install()
    if args.resume:
        run = _resume(args, results, native, machine, out)
    else:
        run = _create(args, command, tools, results, known, native, cross, machine)
    with contextlib.closing(run):
        return _measure(args, run, known, native, cross, machine, tools, stop, started, out)


def _asks_wide(args: argparse.Namespace, known: catalogue.Catalogue) -> bool:
    """Whether some question that is to be asked is the wide worker's; its program is large, and is not read for nothing."""
    profile = args.profile or "default"
    asked = [q for q in known.questions
             if (q["name"] in args.only if args.only else isinstance(q["profiles"][profile], dict))]
    return any(contestants.is_wide(w) for q in asked for w in catalogue.workloads(q))


def _measure(args: argparse.Namespace, run: store.RunStore, known: catalogue.Catalogue, native: session.Worker | None,
             cross: session.Worker | None, machine: topology.Machine, tools: Tools, stop: session.Stop,
             started: float, out: Voice) -> tuple[int, pathlib.Path]:
    """Measures, says what came out and writes the paper."""
    meta = run.meta
    profile = meta["settings"]
    known = known if args.ask else ask.again(known, meta["questions"])
    smoke = _smoke(known, meta, cross, machine) if cross else None
    progress = Progress(out, shutil.get_terminal_size((100, 24)).columns)
    budget = meta["budget_s"]
    progress.say(f"{run.path.name}: {plural(len(meta['questions']), 'question')} in {duration(budget)}, profile "
                 f"{meta['profile']}, seed {meta['seed']}; samples go to {run.path}")
    for item in meta["not_asked"]:
        progress.say(f"  not asked: {item['question']}: {item['why']}")
    sitting = session.Session(
        run, profile, native, cross, smoke, machine,
        session.Limits(budget, meta.get("elapsed_s", 0.0) if args.resume else 0.0, args.visit_timeout),
        progress, stop, started=started, world=tools.world)
    for sentence in () if args.resume else sitting.prospect():
        progress.say(f"  {sentence}")
    status = sitting.measure()
    _summary(sitting, status, progress)
    run.close()
    code = _report(run.path, tools, out)
    if sitting.failure:
        # Once more at the end, where it is read.
        print(f"experiments: {sitting.failure.rstrip('.')}.", file=Voice(sys.stderr))
        code = EXIT_FAILED
    if stop.signal is not None:
        return 128 + stop.signal, run.path
    if meta["withheld"] or sitting.gave_up():
        progress.say("FAILED: " + "; ".join(
            [f"{name} returned wrong results" for name in dict.fromkeys(w["strategy"] for w in meta["withheld"])] +
            [f"{w.contestant} kept failing in {w.question}" for w in sitting.gave_up()]))
        return EXIT_FAILED, run.path
    return code, run.path


def _results(args: argparse.Namespace, tools: Tools) -> pathlib.Path:
    if not args.out:
        return tools.workspace / "results"
    # bazel run changes directory; what the caller typed is relative to where it was typed.
    return pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ".")) / args.out


def _profile_cells(args: argparse.Namespace, known: catalogue.Catalogue, native: session.Worker | None,
                   machine: topology.Machine, out: Voice) -> int:
    if native is None:
        raise UserError("flame graphs are of this machine's own program, and --arch cross leaves it out; leave --arch out.")
    profile = args.profile or "default"
    asked = catalogue.narrow(known, profile, only=args.only, strategies=args.strategies, threads=args.threads, machine=machine,
                             described=native.strategies())
    place = flames.choose(asked, native.strategies())
    print(place.title, file=out)
    flames.draw(place, native, machine, known.profiles[profile],
                pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ".")) / args.profile_cells,
                lambda sentence: print(f"  {sentence}", file=out, flush=True))
    return EXIT_OK


def _run_or_capsule(results: pathlib.Path, name: str) -> pathlib.Path:
    """A run by name or folder, or the file that one was packed into. Raises UserError."""
    here = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."), name)
    return here if here.is_file() or (here / "run.json").is_file() else store.find(results, name)


def _compare(runs: list[pathlib.Path], results: pathlib.Path, tools: Tools, out: Voice) -> int:
    """Writes the page about several runs below `results`."""
    try:
        page, totals = tools.compare_runs(runs, results)
    except Exception as error:  # whatever it is, no run is touched
        if type(error).__name__ == "ResultsError":
            raise UserError(str(error)) from None
        why = (f"{error.filename or results}: {error.strerror}" if isinstance(error, OSError) else
               f"{type(error).__name__}: {error}")
        print(f"experiments: the comparison could not be written ({why}); the runs are as they were.",
              file=Voice(sys.stderr))
        return EXIT_FAILED
    print(f"{totals}\ncomparison: {page}", file=out, flush=True)
    return EXIT_OK


def _check_questions(only: list[str] | None, known: catalogue.Catalogue) -> None:
    for question in only or ():
        if question not in known.names():
            raise unknown("question", question, known.names())


def _workers(args: argparse.Namespace, tools: Tools, out: Any) -> tuple[session.Worker | None, session.Worker | None]:
    """The workers that this run uses, asked to describe themselves."""
    native = cross = None
    if args.arch in ("both", "native"):
        if not tools.native:
            raise UserError("this target has no native worker; run //experiments, or give --arch cross.")
        native = session.Worker(platform.machine(), tools.native, True, _describe(tools.native))
    if args.arch in ("both", "cross") and tools.cross and not args.list:
        if environment.emulator(tools.cross_arch):
            cross = session.Worker(tools.cross_arch, [tools.cross], False, visit.describe(tools.cross))
        elif args.arch == "cross":
            raise UserError(f"qemu-{tools.cross_arch} is not installed; install the package qemu-user "
                            "(tools/bazel does).")
        else:
            print(f"qemu-{tools.cross_arch} is not installed: nothing is validated on {tools.cross_arch}.",
                  file=out)
    if args.arch == "cross" and not args.list and not cross:
        raise UserError("this target has no worker for another architecture; run //experiments.")
    return native, cross


def _describe(layouts: list[list[str]]) -> dict[str, Any]:
    """What all layouts of the worker say of themselves."""
    first, *others = [visit.describe(command) for command in layouts]
    for command, other in zip(layouts[1:], others):
        if {**other, **{k: first.get(k) for k in ("clock", "fresh_page")}} != first:  # which are measured each time
            raise UserError(f"the worker {command[-1]} is of another build than {layouts[0][-1]}, of which it should "
                            "be another layout; rebuild both with bazel build //experiments:all.")
    return first


def _create(args: argparse.Namespace, command: str, tools: Tools, results: pathlib.Path,
            known: catalogue.Catalogue, native: session.Worker | None, cross: session.Worker | None,
            machine: topology.Machine) -> store.RunStore:
    profile = args.profile or "default"
    settings = known.profiles[profile]
    described = (native or cross).strategies()
    asked = catalogue.narrow(known, profile, only=args.only, strategies=args.strategies, threads=args.threads,
                             machine=machine, described=described)
    counts = sorted({1} | {n for q in asked.questions for n in catalogue.thread_counts(q)})  # 1: the harness's price
    head, dirty = environment.revision(tools.workspace)
    workers = {}
    for worker in filter(None, (native, cross)):
        workers[worker.arch] = {"timed": worker.timed, "layouts": worker.hashes(),
                                "describe": worker.describe}
        if worker.wide:
            workers[worker.arch]["wide"] = worker.wide_hashes()
        if not worker.timed:
            workers[worker.arch]["emulator"] = environment.emulator_version(
                environment.emulator(worker.arch) or worker.commands[0])
    return store.RunStore.create(results, {
        "command": command, "profile": profile, "settings": settings, "budget_s": args.budget or settings["budget_s"],
        "seed": 1 if args.seed is None else args.seed, "revision": head, "dirty": dirty,
        "pin": args.pin or topology.COMPACT, "cpus": machine.order(args.pin or topology.COMPACT),
        "threads": {str(n): threads_lib.name(n, machine) for n in counts},
        "started": tools.world.now(), "finished": None, "status": "running", "note": "",
        "environment": environment.environment(machine), "workers": workers,
        "questions": asked.questions, "not_asked": asked.not_asked,
        "skipped": asked.skipped + plan.absences(asked.questions, described),
        "withheld": [], "rules": session.rules(settings, counts, machine), "proof": proof.read(tools.proof)})


def _resume(args: argparse.Namespace, results: pathlib.Path, native: session.Worker | None,
            machine: topology.Machine, out: Voice) -> store.RunStore:
    for flag in ("profile", "only", "strategies", "threads", "pin", "seed"):
        if getattr(args, flag) is not None:
            raise UserError(f"--resume asks what the run asked; --{flag} belongs to a new run.")
    run = store.RunStore.resume(store.find(results, args.resume))
    if native:
        was = run.meta["workers"].get(native.arch, {})
        if was.get("layouts") != native.hashes() or was.get("wide", native.wide_hashes()) != native.wide_hashes():
            run.close()
            raise UserError(f"the worker has changed since {run.path.name} was begun, and numbers of two "
                            "workers do not mix; start a new run, or check out its revision "
                            f"{run.meta.get('revision', 'unknown')[:12]}.")
    pin = run.meta.setdefault("pin", topology.COMPACT)
    if machine.order(pin) != run.meta.get("cpus", machine.order(pin)):
        run.close()
        raise UserError(f"{run.path.name} was measured on the CPUs {topology.list_of(run.meta['cpus'])} and this "
                        f"process may use {topology.list_of(machine.order())}; give it the same ones, or start a "
                        "new run.")
    if args.budget:
        run.meta["budget_s"] = run.meta.get("elapsed_s", 0.0) + args.budget
    elif run.meta.get("elapsed_s", 0.0) >= 0.95 * run.meta["budget_s"] or run.meta["status"] == "complete":
        print(f"{run.path.name} is {run.meta['status'].replace('_', ' ')} and has used "
              f"{duration(run.meta.get('elapsed_s', 0.0))} of its {duration(run.meta['budget_s'])}; "
              "--budget 10m adds ten minutes.", file=out)
    run.meta["sittings"] = [*run.meta.get("sittings", []), {
        "resumed": store.now(), "lost_lines": run.meta.get("cut_lines", 0)}]
    return run


def _smoke(known: catalogue.Catalogue, meta: dict[str, Any], cross: session.Worker,
           machine: topology.Machine) -> catalogue.Asked | None:
    names = [q["name"] for q in meta["questions"] if q["name"] in known.names()]
    try:
        return catalogue.narrow(known, "smoke", only=names, strategies=None, threads=None,
                                machine=machine, described=cross.strategies())
    except UserError:
        return None  # nothing in it fits this machine


def _summary(sitting: session.Session, status: str, progress: Progress) -> None:
    lines = [sitting.sentence(goal) for goal, verdict, _ in sitting.planner.goals() if verdict != "undecided"]
    total = sitting.planner.goal_count()
    progress.say(f"{status.replace('_', ' ')} after {duration(sitting.elapsed())}: "
                 f"{len(lines)} of {plural(total, 'verdict')} decided" + (":" if lines else "."))
    for line in lines:
        progress.say("  " + line)


def _report(path: pathlib.Path, tools: Tools, out: Any) -> int:
    """Writes the paper. Its failure loses nothing: it can be written again from what is on disk."""
    print("writing the paper ...", file=out, flush=True)
    try:
        page = tools.build_report(path)
    except Exception as error:  # whatever it is, the samples are safe and the reader must know
        if path.is_file() and type(error).__name__ == "ResultsError":  # a capsule that is none: no samples are at stake
            raise UserError(str(error)) from None
        why = (f"{error.filename or path}: {error.strerror}" if isinstance(error, OSError) else
               str(error).rstrip(".") if type(error).__name__ == "ResultsError" else f"{type(error).__name__}: {error}")
        print(f"experiments: the paper could not be written ({why}); the samples "
              f"are as they were, in {path}: see to it and try --report-only {path.name}.", file=Voice(sys.stderr))
        return EXIT_FAILED
    print(f"paper: {page}", file=out, flush=True)
    return EXIT_OK


def _list(known: catalogue.Catalogue, worker: session.Worker, out: Any) -> None:
    print("questions (* asked by the default profile):", file=out)
    for q in known.questions:
        mark = " " if isinstance(q["profiles"]["default"], str) else "*"
        over = ", ".join(c["name"] for c in q["cells"]) if q["kind"] == "cells" else (
            ", ".join(q["axis"]["values"]) + " threads" if q["axis"]["field"] == "threads" else
            f"{q['axis']['name']} {q['axis']['lo']:g} to {q['axis']['hi']:g}{q['axis']['unit']}")
        print(f"{mark} {q['name']:<16} {q['title']}\n  {'':<16} {over}; {', '.join(q['contestants'])} "
              f"against {', '.join(q['baselines']) or catalogue.AGAINST_ITSELF[q['against']][2]}", file=out)
    print("\nfields of a cell (--ask):", file=out)
    for field, form, doc in ask.rows():
        print(f"  {field:<11} {form}\n  {'':<11} {doc}", file=out)
    print(f"  --sweep varies {', '.join(ask.sweeps())}, as FIELD=LOW..HIGH or FIELD=VALUE,VALUE,...", file=out)
    print("\nstrategies:", file=out)
    for name, traits in worker.strategies().items():
        tunables = "".join(f" [{t['name']}={t['default']}, {t['min']} to {t['max']}]"
                           for t in traits.get("tunables", ()))
        print(f"  {name:<20} {traits.get('summary', '')}{tunables}", file=out)
