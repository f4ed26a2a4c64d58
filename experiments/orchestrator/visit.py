# SPDX-License-Identifier: Apache-2.0
"""Makes one visit: a fresh worker process, watched until it ends.

Nothing a worker does may harm a run: a crash, a hang, half a line, an answer to another question
or no answer at all end the visit with a status; whatever lines it wrote are kept but do not count.
"""

import collections
import contextlib
import ctypes
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from experiments.orchestrator.errors import UserError

EXIT_INVALID, EXIT_REFUSED = 3, 4
_MAX_LINE = 1 << 20
_MAX_LINES = 500_000
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass
class Outcome:
    """How a visit ended. `status` as in samples.jsonl; `what` is for people; seconds of wall time."""

    status: str
    exit: int | None
    what: str
    seconds: float
    lines: list[dict[str, Any]]
    culprits: list[int] = dataclasses.field(default_factory=list)  # of an invalid visit


class _Awake:
    """Counts the time in which this process ran. Stopped (Ctrl-Z), it sees nothing of a worker that goes on."""

    LONGEST_NAP_S = 2.0  # between two looks at the clock, which come ten times a second

    def __init__(self):
        self._seconds, self._last = 0.0, time.monotonic()

    def seconds(self) -> float:
        now = time.monotonic()
        nap = now - self._last
        self._seconds += nap if nap < self.LONGEST_NAP_S else 0.1
        self._last = now
        return self._seconds


class Lie(Exception):
    """Output that a correct worker cannot produce."""


def _die_with_parent() -> None:
    """In the child: a killed orchestrator must not leave a worker behind that disturbs the next run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Checker:
    """Holds the lines of one visit against the request. `end` is required once and last."""

    def __init__(self, request: dict[str, Any]):
        self._request, self.ended, self.refused = request, False, ""
        self.invalid: list[tuple[int, str]] = []

    def take(self, text: bytes) -> dict[str, Any]:
        try:
            line = json.loads(text)
        except ValueError:
            raise Lie(f"a line that is not JSON: {text[:60].decode(errors='replace')!r}") from None
        if not isinstance(line, dict) or not isinstance(line.get("t"), str):
            raise Lie("a line that is not a record")
        if self.ended:
            raise Lie(f"a {line['t']} line after the end")
        kind = line["t"]
        if kind == "slice":
            self._slice(line)
        elif kind in ("counters", "memory", "round", "invalid", "capacity", "latency", "shape", "fill", "recorded"):
            self._contestant(line)
            if kind == "invalid":
                self.invalid.append((line["c"], str(line.get("what", "wrong results"))))
        elif kind == "refused":
            self.refused = str(line.get("why", "refused"))
        elif kind == "end":
            if line.get("visit") != self._request["visit"]:
                raise Lie(f"the end of visit {line.get('visit')!r} in visit {self._request['visit']}")
            self.ended = True
        return line

    def _contestant(self, line: dict[str, Any]) -> None:
        c = line.get("c")
        if not isinstance(c, int) or not 0 <= c < len(self._request["contestants"]):
            raise Lie(f"a {line['t']} line of contestant {c!r}")

    def _slice(self, line: dict[str, Any]) -> None:
        self._contestant(line)
        n, ns = line.get("n"), line.get("ns")
        if not isinstance(n, int) or n <= 0 or not isinstance(line.get("b"), int):
            raise Lie(f"a slice of {n!r} operations in block {line.get('b')!r}")
        if self._request["timed"]:
            if not isinstance(ns, (int, float)) or not 0 < ns < float("inf"):
                raise Lie(f"a slice that took {ns!r} ns")
        elif ns is not None:
            raise Lie("a time in an untimed visit")


def make(command: list[str], request: dict[str, Any], *, timeout_s: float,
         on_line: Callable[[dict[str, Any]], None] = lambda line: None,
         stop: Callable[[], bool] = lambda: False) -> Outcome:
    """Runs the worker on a request and returns how it ended; never raises for what the worker does.

    on_line is called with every well-formed line as it arrives (it may raise: the worker is killed
    and the exception passes through). stop is polled about ten times a second; once true, the
    worker is killed and the status is "interrupted".
    """
    clock = _Awake()
    checker, lines = _Checker(request), []
    with contextlib.ExitStack() as opened:
        try:
            stderr = opened.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(  # its own session: Ctrl-C at the terminal is for us to handle
                [*command, "--visit=-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                start_new_session=True, preexec_fn=_die_with_parent)
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"the worker {command[-1]} cannot be started ({getattr(error, 'strerror', None) or error}); "
                            "see to that and go on with --resume.") from None
        try:
            _send(process, request)
            ending = _read(process, checker, lines, on_line, stop, clock, timeout_s)
        finally:
            _kill(process)
        code = process.returncode
        seconds = clock.seconds()
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 2000))
        said = stderr.read().decode(errors="replace").strip().splitlines()

    def outcome(status: str, what: str) -> Outcome:
        return Outcome(status, code, what, seconds, lines, [c for c, _ in checker.invalid])

    if ending == "interrupted":
        return outcome("interrupted", "stopped on request")
    if ending == "hung":
        return outcome("hung", f"no end after {timeout_s:.0f} s; killed")
    if ending:
        return outcome("crashed", f"the worker's output cannot be trusted: {ending}")
    last = f": {said[-1][:300]}" if said else ""
    if checker.invalid and code == EXIT_INVALID:
        return outcome("invalid", "; ".join(
            f"{request['contestants'][c]}: {what}" for c, what in checker.invalid))
    if checker.refused and code == EXIT_REFUSED:
        return outcome("refused", checker.refused)
    if code < 0:
        return outcome("crashed", f"the worker was killed by signal {-code}{last}")
    if code > 0:
        return outcome("crashed", f"the worker failed with exit code {code}{last}")
    if checker.invalid or checker.refused or not checker.ended:
        return outcome("crashed", "the worker's output cannot be trusted: " + (
            "it reports a failure and exits with 0" if checker.invalid or checker.refused
            else "it ends without its end line"))
    return outcome("ok", "")


def _send(process: subprocess.Popen, request: dict[str, Any]) -> None:
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died first; its exit code says how
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _read(process: subprocess.Popen, checker: _Checker, lines: list, on_line: Callable,
          stop: Callable[[], bool], clock: "_Awake", timeout_s: float) -> str:
    """Reads until the output ends. Returns "", "interrupted", "hung" or what is wrong with the output."""
    buffer, fd = b"", process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while True:
            if stop():
                return "interrupted"
            if clock.seconds() > timeout_s:
                return "hung"
            if not selector.select(0.1):
                continue
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                break
            *complete, buffer = (buffer + chunk).split(b"\n")
            try:
                for text in complete:
                    if text.strip():
                        line = checker.take(text)
                        lines.append(line)
                        on_line(line)
                if len(buffer) > _MAX_LINE or len(lines) > _MAX_LINES:
                    raise Lie("more output than a visit can have")
            except Lie as lie:
                return str(lie)
    try:
        process.wait(max(0.1, timeout_s - clock.seconds()))
    except subprocess.TimeoutExpired:
        return "hung"
    # A worker that dies in the middle of a line is judged by its exit code.
    return "half a line at the end" if buffer.strip() and process.returncode == 0 else ""


def _kill(process: subprocess.Popen) -> None:
    """Ends the worker and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.stdout.close()
    process.wait()


def describe(command: list[str], timeout_s: float = 60) -> dict[str, Any]:
    """What the worker says of itself and its strategies. Raises UserError."""
    shown = command[-1]
    try:
        done = subprocess.run([*command, "--describe"], capture_output=True, timeout=timeout_s, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"the worker {shown} cannot be run ({error}); "
                        "build it with bazel build //experiments/worker.") from None
    try:
        described = json.loads(done.stdout)
        names = [s["name"] for s in described["strategies"]]
    except (ValueError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(f"the worker {shown} does not describe itself (exit code {done.returncode}"
                        f"{': ' + said[-1] if said else ''}); rebuild it.") from None
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice or described.get("schema") != 1:
        raise UserError(f"the worker {shown} is of another revision "
                        f"({'two strategies ' + twice[0] if twice else 'another schema'}); rebuild it.")
    return described


def check(command: list[str], workloads: list[dict[str, Any]], timeout_s: float = 60) -> str:
    """The first thing wrong with the workloads, in the worker's own sentence, or "". Raises UserError."""
    lines = "".join(json.dumps(workload) + "\n" for workload in workloads)
    try:
        done = subprocess.run([*command, "--check"], input=lines.encode(), capture_output=True, timeout=timeout_s,
                              check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise UserError(f"the worker {command[-1]} cannot check a workload ({error}); rebuild it.") from None
    if len(answers) != len(workloads):
        raise UserError(f"the worker {command[-1]} does not check workloads (exit code {done.returncode}); rebuild it.")
    return next((a["error"] for a in answers if "error" in a), "")
