# SPDX-License-Identifier: Apache-2.0
"""Compiles programs that hold a mutant, and runs them."""

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

from maps.mutants.catalogue import BadMutant, digest, sources

_FLAGS = ["-std=c++20", "-O1", "-w", "-pthread"]
BUILDS = {
    "native": [],
    "asan": ["-g1", "-fsanitize=address"],
    "tsan": ["-g1", "-fsanitize=thread"],
}
_GTEST = "/usr/src/googletest/googletest"  # package googletest

_SANITIZER_EXIT = 97
_ENVIRONMENT = {
    "ASAN_OPTIONS": f"exitcode={_SANITIZER_EXIT}:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"exitcode={_SANITIZER_EXIT}",
    "TSAN_OPTIONS": f"halt_on_error=1:exitcode={_SANITIZER_EXIT}",
}

_running: set[subprocess.Popen] = set()  # programs with mutants, which may hang


def stop(*_) -> None:
    """A signal handler. What is done is kept; what runs is ended with all that it started."""
    print("stopped; the same command goes on from here", flush=True)
    for process in list(_running):
        os.killpg(process.pid, signal.SIGKILL)
    os._exit(130)


class Builder:
    """Compiles, with what all programs share compiled once and kept in `work`."""

    def __init__(self, root: pathlib.Path, work: pathlib.Path, compiler: str, jobs: int):
        self._root = root
        self._work = work
        self._compiler = compiler
        self._jobs = jobs
        self._lock = threading.Lock()
        self._shared: dict[str, list[str]] = {}

    def program(self, build: str, folder: pathlib.Path, source: str) -> pathlib.Path:
        """A program of one build from the text of its main file."""
        text = folder / "main.cc"
        text.write_text(source)
        target = folder / build
        common = self._common(build)
        self._run([*BUILDS[build], f"-I{folder}", str(text), *common, "-o", str(target)])
        return target

    def unit_test(self, folder: pathlib.Path, header: str, test: str) -> pathlib.Path:
        """A unit test that sees the changed header before all others."""
        target = folder / "own_test"
        sees = [f"-I{folder}", f"-I{_GTEST}/include", "-include", header]
        with self._lock:
            gtest = [
                self._object("native", f"{_GTEST}/src/{name}.cc")
                for name in ("gtest-all", "gtest_main")
            ]
        self._run([*sees, test, *self._common("native"), *gtest, "-o", str(target)])
        return target

    def _run(self, arguments: list[str]) -> None:
        command = [self._compiler, *_FLAGS, f"-I{self._root}", *arguments]
        done = subprocess.run(command, cwd=self._root, capture_output=True, text=True)
        if done.returncode != 0:
            raise BadMutant("does not compile:\n" + done.stderr[:3000])

    def prepare(self) -> None:
        """Compiles what all need. Throws BadMutant when it does not compile."""
        self._common("native")

    def _common(self, build: str) -> list[str]:
        """Object files of the conformance kit and, for native programs, of the recorder."""
        with self._lock:
            if build not in self._shared:
                folders = ["maps/testing"] + ["maps/verification"] * (build == "native")
                files = [
                    f"{folder}/{file.name}"
                    for folder in folders
                    for file in sorted((self._root / folder).glob("*.cc"))
                    if not file.name.endswith("_test.cc") and file.name != "campaign.cc"
                ]
                with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
                    objects = pool.map(lambda file: self._object(build, file), files)
                    self._shared[build] = list(objects)
            return self._shared[build]

    def _object(self, build: str, source: str) -> str:
        """Compiled, unless it is there from an earlier run with the same sources."""
        stamp = self._compiler
        if not source.startswith("/"):
            stamp += digest(sources([source], self._root), self._root)
        folder = self._work / build
        folder.mkdir(exist_ok=True)
        target = folder / (re.sub(r"\W", "_", source) + ".o")
        said = target.with_suffix(".stamp")
        if not (target.exists() and said.exists() and said.read_text() == stamp):
            said.unlink(missing_ok=True)
            extra = [f"-I{_GTEST}", f"-I{_GTEST}/include"] if source.startswith("/") else []
            self._run([*BUILDS[build], *extra, "-c", source, "-o", str(target)])
            said.write_text(stamp)
        return str(target)


def watch(program: pathlib.Path, arguments: list[str], seconds: float, scale: float) -> dict:
    """Runs a rung. What came of it, and which check was at work:

    {"outcome": survived, killed, crashed, hung or reported, "by": "reservation"}
    """
    environment = dict(os.environ, CMAP_TEST_SCALE=str(scale), **_ENVIRONMENT)
    command = [str(program), *arguments]
    if "tsan" in program.name and sys.platform == "linux":
        command = ["setarch", "-R", *command]  # where addresses vary by more than it knows
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        _running.add(process)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        _running.discard(process)
        out.seek(0)
        return judge(code, out.read(), " ".join(command))


def judge(code: int | None, text: str, command: str) -> dict:
    """From how a program ended, None if it had to be ended, and what it printed."""
    announced = re.findall(r"^check .*: (\w+)$|^\[ RUN      \] (\S+)$", text, re.MULTILINE)
    by = "".join(announced[-1]) if announced else ""
    if code == 0:
        return {"outcome": "survived", "by": ""}
    if code is None:
        return {"outcome": "hung", "by": by}
    if code < 0:
        return {"outcome": "crashed", "by": by}
    if code == _SANITIZER_EXIT:
        kind = re.search(r"^SUMMARY: \w+Sanitizer: (data race|[\w-]+)", text, re.MULTILINE)
        if "LeakSanitizer: detected" in text:
            return {"outcome": "reported", "by": "leak"}
        return {"outcome": "reported", "by": f"{kind.group(1) if kind else 'report'} in {by}"}
    failed = re.search(r"^\[  FAILED  \] ([\w/]+\.\w+)", text, re.MULTILINE)
    if failed:
        return {"outcome": "killed", "by": failed.group(1)}
    if re.search(r"^killed ", text, re.MULTILINE):
        return {"outcome": "killed", "by": by}
    raise BadMutant(f"{command} ended with {code}:\n{text[-1000:]}")
