# SPDX-License-Identifier: Apache-2.0
"""A run in one file, from which anybody's report writes the same paper.

A capsule is a tar archive (ustar) in one gzip stream that holds exactly these files in this order:

    capsule.json    {"schema": 1, "files": {name: {"bytes": size, "sha256": hash}}} of the other two
    run.json        with the command, the revision and the hashes of the worker that measured
    samples.jsonl

`write` gives the same bytes for the same run and the same zlib. `open_run` and `unpack` take a capsule for hostile:
each header must equal, to the byte, the one that `write` would have made, so that there are no other names, links,
devices or duplicates; sizes are bounded before anything is read, and what is decompressed by the sizes; nothing may
follow the end. What is not so is refused with one sentence, before the first byte is written anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from report import load, schema

VERSION = 1
MANIFEST, META, SAMPLES = "capsule.json", "run.json", "samples.jsonl"
# Bytes; a run of a million slices has samples of about 150 MB.
MOST = {MANIFEST: 4096, META: 64 << 20, SAMPLES: 4 << 30}
MOST_TIMES = 200  # that a capsule may grow by when it is unpacked; samples grow about fifteenfold
_CHUNK = 1 << 20
_BLOCK = 512  # of a tar archive
_END = bytes(2 * _BLOCK)
_GZIP = 31  # zlib's word for one gzip stream

_NAME = schema.matching("[A-Za-z0-9_.-]{1,100}", "a name of letters, digits, _, - and .")
_FILE = schema.record({"bytes": schema.whole(0), "sha256": schema.matching("[0-9a-f]{64}", "a SHA-256 in hexadecimals")})
_KIND = schema.record({
    "schema": schema.Kind(str(VERSION), lambda v: type(v) is int and v == VERSION),
    "files": schema.record({META: _FILE, SAMPLES: _FILE})})


# Writing.


def write(run_dir: pathlib.Path, out: pathlib.Path) -> None:
    """Writes the run as a capsule, whole or not at all. Linear in its size, in constant memory.

    Raises ResultsError for a run that is damaged, still being measured or does not say how it was made, and OSError
    when the disk refuses.
    """
    _check_complete(load.load(run_dir))
    if out.is_dir():
        raise load.ResultsError(f"{out} is a folder; name the file that the capsule becomes.")
    part = out.with_name(out.name + ".part")
    try:
        with open(run_dir / META, "rb") as meta, _samples(run_dir) as samples:
            files = {META: meta, SAMPLES: samples}
            sizes = {name: _digest(file) for name, file in files.items()}
            manifest = (json.dumps({"schema": VERSION, "files": sizes}, indent=1, sort_keys=True) + "\n").encode()
            with open(part, "wb") as target:
                packed = _Packed(target)
                packed.put(_header(MANIFEST, len(manifest)) + _padded(manifest))
                for name, file in files.items():
                    packed.put(_header(name, sizes[name]["bytes"]))
                    if packed.copy(file) != sizes[name]:
                        raise load.ResultsError(f"{run_dir / name} changed while it was read; is the run still being "
                                                "measured? Wait until it has ended.")
                packed.end()
        part.replace(out)
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(out)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _samples(run_dir: pathlib.Path) -> BinaryIO:
    """A run that measured nothing yet may have no samples; its capsule has none either, as an empty file."""
    path = run_dir / SAMPLES
    return open(path if path.exists() else os.devnull, "rb")  # pylint: disable=consider-using-with


def _check_complete(run: load.Run) -> None:
    """Raises ResultsError for a run that nobody could hold a paper against."""
    meta = run.meta
    if meta["status"] == "running":
        raise load.ResultsError(f"{run.path} is still being measured; wait until it has ended, or stop it.")
    timed = [w for w in meta["workers"].values() if w.get("timed")]
    lacking = ("the command that made it" if meta["command"] == "(not recorded)" else
               "the hash of its worker" if not all(w.get("layouts") for w in timed or [{}]) else "")
    if lacking:
        raise load.ResultsError(f"{run.path / META} does not record {lacking}, without which nobody can make the run "
                                "again; measure again with this revision.")
    if not _NAME.fits(meta["run"]):
        raise load.ResultsError(f"{run.path / META} has {schema.shown(meta['run'])} in the field run, where "
                                f"{_NAME.belongs} belongs; restore it or measure again.")


class _Packed:
    """The gzip stream of an archive that is being written."""

    def __init__(self, target: BinaryIO):
        self._target = target
        self._compress = zlib.compressobj(6, zlib.DEFLATED, _GZIP)  # its header holds no time and no name

    def put(self, data: bytes) -> None:
        self._target.write(self._compress.compress(data))

    def copy(self, file: BinaryIO) -> dict[str, Any]:
        """Puts a file from its beginning and says what it was."""
        file.seek(0)
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            self.put(chunk)
        self.put(bytes(-size % _BLOCK))
        return {"bytes": size, "sha256": digest.hexdigest()}

    def end(self) -> None:
        self.put(_END)
        self._target.write(self._compress.flush())


def _digest(file: BinaryIO) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _header(name: str, size: int) -> bytes:
    """The header of a plain file without owner, time or anything else that differs between two writers."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


# Reading.


@contextlib.contextmanager
def open_run(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder that holds the run of a capsule for as long as the context lasts. Raises ResultsError."""
    verify(path)
    with _writing(tempfile.gettempdir()):
        folder = tempfile.TemporaryDirectory(prefix="capsule-")  # pylint: disable=consider-using-with
    with folder as name:
        _extract(path, pathlib.Path(name))
        yield pathlib.Path(name)


def unpack(path: pathlib.Path) -> pathlib.Path:
    """The run of a capsule as a folder beside it, named as the capsule is without its last suffix.

    A folder that is there already must hold that very run; else ResultsError. Nothing is left behind by a failure.
    """
    target = path.with_suffix("") if path.suffix else path.with_name(path.name + ".run")
    declared = verify(path)
    if target.exists() or target.is_symlink():
        for name, file in declared.items():
            try:
                with open(target / name, "rb") as there:
                    same = _digest(there) == file
            except OSError:
                same = False
            if not same:
                raise load.ResultsError(f"{target}, where {path.name} would be unpacked, is there and does not hold "
                                        "this run; move it away, or give the capsule another name.")
        return target
    with _writing(target):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _extract(path, folder)
        with _writing(target):
            folder.chmod(0o755)
            folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


@contextlib.contextmanager
def _writing(where: pathlib.Path | str) -> Iterator[None]:
    """Turns an error of the system into a sentence about what was to be written."""
    try:
        yield
    except OSError as error:
        raise load.ResultsError(f"{where} cannot be written ({error.strerror}); free some space or make it writable."
                                ) from None


def verify(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Reads a capsule through and writes nothing: the files it holds, with sizes and hashes. Raises ResultsError."""
    return _read(path, lambda name, data: None)


def _extract(path: pathlib.Path, folder: pathlib.Path) -> None:
    """The files of a verified capsule in an empty folder, if the run is as `load` wants it. Raises ResultsError."""
    with contextlib.ExitStack() as stack:
        files: dict[str, BinaryIO] = {}

        def keep(name: str, data: bytes) -> None:
            with _writing(folder):
                if name not in files:
                    files[name] = stack.enter_context(open(folder / name, "xb"))
                files[name].write(data)

        _read(path, keep)
    try:
        run = load.load(folder)
        _check_complete(run)
    except load.ResultsError as error:
        # The folder is nobody's concern; what is wrong, is wrong in the capsule.
        what = str(error).replace(f"{folder}/", "").replace(str(folder), path.name)
        raise load.ResultsError(f"the run in {path} cannot be used: {what}") from None


class _Fault(Exception):
    """What is wrong with a capsule; completes "FILE ..."; no full stop."""

    def __init__(self, what: str, remedy: str = "ask for the capsule anew where it was made"):
        super().__init__(what)
        self.remedy = remedy


def _read(path: pathlib.Path, take: Callable[[str, bytes], None]) -> dict[str, dict[str, Any]]:
    """Reads a capsule and gives the bytes of its run's files to `take`. Raises ResultsError."""
    try:
        with open(path, "rb") as file:
            return _read_archive(_Unpacked(file), take)
    except FileNotFoundError:
        raise load.ResultsError(f"{path} does not exist; name a run's folder or a capsule.") from None
    except OSError as error:
        raise load.ResultsError(f"{path} cannot be read ({error.strerror}); make it readable, or copy it anew.") from None
    except _Fault as error:
        raise load.ResultsError(f"{path} {error}; {error.remedy}.") from None


def _read_archive(archive: _Unpacked, take: Callable[[str, bytes], None]) -> dict[str, dict[str, Any]]:
    size = _read_header(archive, MANIFEST)
    manifest = b"".join(_content(archive, MANIFEST, size))
    declared = _manifest(manifest)
    for name, file in declared.items():
        if _read_header(archive, name) != file["bytes"]:
            raise _Fault(f"has a {name} of another size than its {MANIFEST} says")
        digest = hashlib.sha256()
        take(name, b"")  # a file may be empty
        for chunk in _content(archive, name, file["bytes"]):
            digest.update(chunk)
            take(name, chunk)
        if digest.hexdigest() != file["sha256"]:
            raise _Fault(f"has a {name} with another hash than its {MANIFEST} says")
    end = archive.take(len(_END))
    if end[:_BLOCK].strip(b"\0"):
        _not_expected(end[:_BLOCK], None)
    if end != _END:
        raise _Fault("has other bytes behind its last file")
    archive.finish()
    return declared


def _manifest(data: bytes) -> dict[str, dict[str, Any]]:
    """What capsule.json says of the run's files, in their order. Raises _Fault."""
    try:
        value = schema.parse(data)
        found = value.get("schema") if isinstance(value, dict) else None
        if type(found) is int and found != VERSION:
            raise _Fault(f"is a capsule of schema {schema.shown(found)[11:]} and this report reads schema {VERSION}",
                         "use the revision that wrote it")
        schema.check(_KIND, value)
    except schema.Malformed as error:
        raise _Fault(f"has a {MANIFEST} that {error}") from None
    files = {name: value["files"][name] for name in (META, SAMPLES)}
    for name, file in files.items():
        _check_size(name, file["bytes"])
    return files


def _check_size(name: str, size: int) -> None:
    if size > MOST[name]:
        raise _Fault(f"has a {name} of {size} bytes, where at most {MOST[name]} belong")


def _read_header(archive: _Unpacked, name: str) -> int:
    """The size of the next file, which must be `name` and plain."""
    header = archive.take(_BLOCK)
    try:
        size = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").size
    except (tarfile.HeaderError, ValueError):
        size = -1
    if size < 0 or header != _header(name, min(size, MOST[SAMPLES])):
        _not_expected(header, name)
    _check_size(name, size)
    return size


def _not_expected(header: bytes, name: str | None) -> None:
    """Raises the _Fault that says what stands where the header of `name`, or the end, belongs."""
    where = f"where its {name} belongs" if name else "behind its last file"
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        if name == MANIFEST:
            raise _Fault("is not a capsule: it holds no archive of a run") from None
        raise _Fault(f"has no header of a file {where}" if name else f"has other bytes {where}") from None
    kind = ("a link" if member.issym() or member.islnk() else "a folder" if member.isdir() else
            "a device" if member.isdev() else "" if member.isreg() else "an extended header")
    what = f"{kind or 'a file'} named {schema.shown(member.name)[9:]}"
    if member.name == name and not kind:
        if member.size < 0 or member.size > MOST[name]:
            _check_size(name, abs(member.size))
        raise _Fault(f"has a header of {name} with an owner, a time, rights or a dialect of its own")
    raise _Fault(f"has {what} {where}")


def _content(archive: _Unpacked, name: str, size: int) -> Iterator[bytes]:
    """The bytes of a file, in pieces."""
    left = size
    while left:
        data = archive.take(min(left, _CHUNK))
        left -= len(data)
        yield data
    if archive.take(-size % _BLOCK).strip(b"\0"):
        raise _Fault(f"has other bytes than zeros behind {name}, up to the next block")


class _Unpacked:
    """The decompressed bytes of a gzip file, taken as many at a time as are asked for."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._stream = zlib.decompressobj(_GZIP)
        packed = os.fstat(file.fileno()).st_size
        if not packed:
            raise _Fault("is empty")
        self._most = MOST_TIMES * packed  # bytes that may still come

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises _Fault when there are fewer."""
        parts, left = [], size
        while left:
            data = self._more(left)
            if not data:
                raise _Fault("ends before its last file does")
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def finish(self) -> None:
        """Raises _Fault unless the file ends here."""
        if self._more(1):
            raise _Fault("has other bytes behind its last file")
        if self._stream.unused_data or self._file.read(1):
            raise _Fault("has other bytes behind its end")

    def _more(self, most: int) -> bytes:
        """At most so many bytes, none only at the end of the stream. Raises _Fault."""
        data = self._inflate(self._stream.unconsumed_tail, most)  # what is left of earlier input comes first
        while not data and not self._stream.eof:
            packed = self._file.read(_CHUNK)
            if not packed:
                raise _Fault("is cut short")
            data = self._inflate(packed, most)
        self._most -= len(data)
        if self._most < 0:
            raise _Fault(f"would be more than {MOST_TIMES} times as large when unpacked, as no run is")
        return data

    def _inflate(self, data: bytes, most: int) -> bytes:
        try:
            return self._stream.decompress(data, most)
        except zlib.error as error:
            what = "is not a capsule: it is no gzip file" if "incorrect header check" in str(error) else (
                f"is damaged ({str(error).rpartition(': ')[2]})")
            raise _Fault(what) from None
