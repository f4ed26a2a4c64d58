# SPDX-License-Identifier: Apache-2.0
"""The results of one run on disk: run.json, rewritten whole, and samples.jsonl, append-only.

Whatever ends the process - a kill, a full disk, a power cut - loses at most the visit under way.
"""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from experiments.orchestrator.errors import UserError

SCHEMA = 1
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
        self._file = open(path / "samples.jsonl", "ab")
        self._lock()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UserError(f"{self.path} is being written by another process; "
                            "wait for it or start a new run.") from None

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
        store = cls(path, {"schema": SCHEMA, "run": path.name, **meta})
        store.write_meta()
        _point(results / "latest", path.name)
        return store

    @classmethod
    def resume(cls, path: pathlib.Path) -> "RunStore":
        """An existing directory, its cut-off tail removed. Raises UserError."""
        meta = read_meta(path)
        samples = path / "samples.jsonl"
        samples.touch()
        store = cls(path, meta)
        cut = _trim(samples)
        if cut:
            # The line was never whole, so no sample is lost; run.json records that it happened.
            meta["cut_lines"] = meta.get("cut_lines", 0) + 1
        _point(path.parent / "latest", path.name)
        return store

    def replay(self) -> Iterator[dict[str, Any]]:
        """The complete visits on disk in order, one in memory at a time: {"visit":, "lines":, "end":}.

        Afterwards next_visit is a number that no visit has, complete or cut off. Raises UserError.
        """
        samples = self.path / "samples.jsonl"
        current: dict[str, Any] = {}
        with open(samples, "rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                    v, kind = line["v"], line["t"]
                except (ValueError, KeyError, TypeError):
                    raise UserError(f"{samples} line {number} is not a record; restore the file or "
                                    "start a new run.") from None
                self.next_visit = max(self.next_visit, v + 1)
                if kind == "visit":
                    current = {"visit": line, "lines": []}
                elif not current or current["visit"]["v"] != v:
                    raise UserError(f"{samples} line {number} belongs to visit {v}, which never began; "
                                    "restore the file or start a new run.")
                elif kind == "visit_end":
                    yield {**current, "end": line}
                    current = {}
                else:
                    current["lines"].append(line)

    def append(self, line: dict[str, Any]) -> None:
        """One line, given to the system at once; `sync` makes it last."""
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """Waits until everything appended is on the disk."""
        os.fsync(self._file.fileno())

    def write_meta(self) -> None:
        """Replaces run.json as a whole: a reader sees the old one or the new one."""
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
        draft.unlink(missing_ok=True)


def find(results: pathlib.Path, name: str) -> pathlib.Path:
    """The directory of a run given by path or by name below `results`. Raises UserError."""
    for path in (pathlib.Path(name), results / name):
        if (path / "run.json").is_file():
            return path.resolve()
    known = sorted(p.parent.name for p in results.glob("*/run.json") if p.parent.name != "latest")
    last = f"the newest is {known[-1]}" if known else f"there is none in {results}"
    raise UserError(f"no run {name!r} was found; {last}.")


def read_meta(path: pathlib.Path) -> dict[str, Any]:
    """run.json of a run. Raises UserError for one that cannot be read or is of another schema."""
    try:
        meta = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path / 'run.json'} cannot be read ({error}); its samples are untouched: "
                        "restore it or start a new run.") from None
    found = meta.get("schema") if isinstance(meta, dict) else None
    if found != SCHEMA:
        raise UserError(f"{path} has schema {found!r} and this revision works with schema {SCHEMA}; "
                        f"use revision {meta.get('revision', 'unknown') if isinstance(meta, dict) else 'unknown'}"
                        " for it, or start a new run.")
    return meta


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
