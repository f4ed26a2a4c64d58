# SPDX-License-Identifier: Apache-2.0
"""The results of one run on disk: run.json, rewritten whole, and samples.jsonl, append-only.

Whatever ends the process - a kill, a full disk, a power cut - loses at most the visit under way.
"""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from experiments.orchestrator.errors import DiskError, UserError
from report import schema

SCHEMA = schema.VERSION
_ANY_RECORD = schema.record({"v": schema.whole()})
# Below the first, a run does not start; below the second, it stops.
FREE_TO_START = 256 << 20
FREE_TO_GO_ON = 64 << 20


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def free_bytes(path: pathlib.Path) -> int:
    """Space left for us where `path` is."""
    return shutil.disk_usage(path).free


class RunStore:
    """One results directory, held by one process at a time."""

    def __init__(self, path: pathlib.Path, meta: dict[str, Any]):
        """Use create or resume."""
        self.path, self.meta = path, meta
        self.next_visit = 1  # number of the next visit; none is ever used twice
        self._samples = path / "samples.jsonl"
        with disk(f"{self._samples} cannot be written"):
            self._file = open(self._samples, "ab", buffering=0)
        self._lock()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise UserError(f"{self.path} is being written by another process; "
                            "wait for it or start a new run.") from None
        except OSError as error:  # a file system without locks: two writers must not be possible unnoticed
            self._file.close()
            raise UserError(f"{self._samples} cannot be locked ({error.strerror}); give an --out on another file "
                            "system.") from None

    @classmethod
    def create(cls, results: pathlib.Path, meta: dict[str, Any]) -> "RunStore":
        """A new directory below `results`, named by the time. Raises UserError."""
        try:
            results.mkdir(parents=True, exist_ok=True)
            free = free_bytes(results)
            if free < FREE_TO_START:
                raise UserError(f"{results} has {free >> 20} MiB free and a run wants "
                                f"{FREE_TO_START >> 20}; free some, or give another --out.")
            path = _fresh(results)
        except OSError as error:
            raise UserError(f"cannot write to {results} ({error.strerror}); give another --out.") from None
        store = cls(path, {"schema": SCHEMA, "run": path.name, "visits": 0, **meta})
        store.write_meta()
        _point(results / "latest", path.name)
        return store

    @classmethod
    def resume(cls, path: pathlib.Path) -> "RunStore":
        """An existing directory, its cut-off tail removed. Raises UserError."""
        meta = read_meta(path, schema.TO_RESUME)
        samples = path / "samples.jsonl"
        if not samples.exists() and schema.visits_made(meta):
            raise UserError(schema.shortfall(samples, 0, meta))
        for q in meta["questions"]:
            needed = {"cells"} if q["kind"] == "cells" else {"axis", "workload"}
            if not all(q.get(field) for field in needed) or not all("workload" in c for c in q.get("cells", ())):
                raise UserError(f"{path / 'run.json'} lacks {' or '.join(sorted(needed))} in the question {q['name']}; "
                                "restore it or start a new run.")
        store = cls(path, meta)
        with disk(f"{samples} cannot be mended"):
            cut = _trim(samples)
        if cut:
            # The line was never whole, so no sample is lost; run.json records that it happened.
            meta["cut_lines"] = meta.get("cut_lines", 0) + 1
        return store

    def replay(self) -> Iterator[dict[str, Any]]:
        """The complete visits on disk in order, one in memory at a time: {"visit":, "lines":, "end":}.

        Afterwards next_visit is a number that no visit has, complete or cut off. Raises UserError, also when there are
        fewer visits than run.json counts.
        """
        samples = self._samples
        current: dict[str, Any] = {}
        ended = 0
        with disk(f"{samples} cannot be read"), open(samples, "rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = _record(text)
                except schema.Malformed as error:
                    raise UserError(f"{samples} line {number} {error}; restore the file or "
                                    "start a new run.") from None
                v, kind = line["v"], line["t"]
                self.next_visit = max(self.next_visit, v + 1)
                if kind == "visit":
                    current = {"visit": line, "lines": []}
                elif not current or current["visit"]["v"] != v:
                    raise UserError(f"{samples} line {number} belongs to visit {v}, which never began; "
                                    "restore the file or start a new run.")
                elif kind == "visit_end":
                    ended += 1
                    if any(c >= len(current["visit"]["contestants"]) for c in line.get("culprits", ())):
                        raise UserError(f"{samples} line {number} has culprits that visit {v} does not have; restore "
                                        "the file or start a new run.")
                    yield {**current, "end": line}
                    current = {}
                else:
                    current["lines"].append(line)
        if ended < schema.visits_made(self.meta):
            raise UserError(schema.shortfall(samples, ended, self.meta))
        self.meta["visits"] = ended

    def append(self, line: dict[str, Any]) -> None:
        """One line, given to the system at once; `sync` makes it last. Raises DiskError."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with disk(f"{self._samples} cannot be written"):
            while data:  # a disk that is almost full takes a part
                data = data[self._file.write(data):]
        self.meta["visits"] = self.meta.get("visits", 0) + (line.get("t") == "visit_end")

    def sync(self) -> None:
        """Waits until everything appended is on the disk. Raises DiskError."""
        with disk(f"{self._samples} cannot be written"):
            os.fsync(self._file.fileno())

    def check_place(self) -> None:
        """Raises DiskError when the files of the run are no longer where they were begun."""
        with disk(f"{self._samples} is gone"):
            if not os.path.samestat(os.stat(self._samples), os.fstat(self._file.fileno())):
                raise FileNotFoundError(errno.ENOENT, "another file is in its place")

    def write_meta(self) -> None:
        """Replaces run.json as a whole: a reader sees the old one or the new one. Raises DiskError."""
        with disk(f"{self.path / 'run.json'} cannot be written"):
            write_json(self.path / "run.json", self.meta)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def write_json(path: pathlib.Path, content: Any) -> None:
    """Atomically replaces a file by the content as JSON."""
    draft = path.with_name(path.name + ".draft")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def find(results: pathlib.Path, name: str) -> pathlib.Path:
    """The directory of a run given by path or by name below `results`. Raises UserError."""
    for path in (pathlib.Path(name), results / name):
        if (path / "run.json").is_file():
            return path.resolve()
    if not name.strip():
        raise UserError("no run is named; give its time or its folder, or latest.")
    known = sorted(p.parent.name for p in results.glob("*/run.json") if p.parent.name != "latest")
    last = f"the newest is {known[-1]}" if known else f"there is none in {results}"
    raise UserError(f"no run {name!r} was found; {last}.")


def read_meta(path: pathlib.Path, kind: schema.Record = schema.RUN) -> dict[str, Any]:
    """run.json of a run. Raises UserError for one that cannot be read or is of another schema."""
    file = path / "run.json"
    try:
        meta = schema.parse(file.read_bytes())
        found = meta.get("schema") if isinstance(meta, dict) else None
        if type(found) is int and found != SCHEMA:
            raise UserError(f"{path} has schema {schema.cut(str(found))} and this revision works with schema {SCHEMA}; "
                            f"use revision {schema.cut(str(meta.get('revision', 'unknown')))} for it, or start a new "
                            "run.")
        schema.check_run(meta, kind)
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); its samples are untouched: make it readable, or "
                        "start a new run.") from None
    except schema.Malformed as error:
        raise UserError(f"{file} {error}; its samples are untouched: restore it or start a new run.") from None
    return meta


@contextlib.contextmanager
def disk(what: str) -> Iterator[None]:
    """Turns an error of the system into a DiskError: "`what` (No space left on device); ..."."""
    try:
        yield
    except OSError as error:
        remedy = ("free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else
                  "raise the limit (ulimit -f)" if error.errno == errno.EFBIG else
                  "raise the limit (ulimit -n)" if error.errno in (errno.EMFILE, errno.ENFILE) else
                  "put it back" if error.errno == errno.ENOENT else
                  "make it writable for you" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else
                  "look at the disk")
        raise DiskError(f"{what} ({error.strerror}); {remedy}, then go on with --resume, or start a new run "
                        "elsewhere with --out.") from None


def _record(text: bytes) -> dict[str, Any]:
    """A line of samples.jsonl. Raises schema.Malformed."""
    line = schema.parse(text)
    if not isinstance(line, dict) or not isinstance(line.get("t"), str):
        raise schema.Malformed(f"is {schema.shown(line)}, where a record belongs")
    schema.check(schema.LINES.get(line["t"], _ANY_RECORD), line)
    if line["t"] == "visit":
        schema.check(schema.VISIT_TO_RESUME[line["timed"]], line)
    return line


def _fresh(results: pathlib.Path) -> pathlib.Path:
    stem = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    for suffix in ["", *(f"_{i}" for i in range(2, 100))]:
        path = results / (stem + suffix)
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise UserError(f"{results} already has a hundred runs of this second; try again.")


def _point(link: pathlib.Path, target: str) -> None:
    """Makes `link` a symbolic link to `target`; a link is a convenience, so failing is no error."""
    draft = link.with_name(f".latest.{os.getpid()}")
    with contextlib.suppress(OSError):
        draft.symlink_to(target)
        os.replace(draft, link)
    with contextlib.suppress(OSError):
        draft.unlink()


def _trim(samples: pathlib.Path) -> bool:
    """Removes half a line from the end. Whether there was one."""
    data = samples.read_bytes()
    keep = data.rfind(b"\n") + 1
    if keep == len(data):
        return False
    os.truncate(samples, keep)
    return True
