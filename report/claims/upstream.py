# SPDX-License-Identifier: Apache-2.0
"""Looks things up in the sources of the originals: Go's sync and runtime, Java's ConcurrentHashMap.

The sources are Debian's packages, unpacked by repository rules that nothing but //report/claims:record asks for.
"""

import dataclasses
import gzip
import hashlib
import pathlib
import re
import zipfile

from report.claims.recorded import HOLDS, Lookup


@dataclasses.dataclass(frozen=True)
class Package:
    """Where the files of a package are in its unpacked tree; with `archive`, inside that zip file."""

    repository: str
    root: str
    changelog: str
    archive: str = ""


def _go(version: str) -> Package:
    return Package("go_" + version.replace(".", "_"), f"usr/share/go-{version}",
                   f"usr/share/doc/golang-{version}-src/changelog.Debian.gz")


SOURCES = {
    **{f"go-{version}": _go(version) for version in ("1.19", "1.21", "1.22", "1.23", "1.24")},
    "openjdk-17": Package("openjdk_17", "", "usr/share/doc/openjdk-17-source/changelog.Debian.gz",
                          "usr/lib/jvm/openjdk-17/lib/src.zip"),
}


class Tree:
    """An unpacked package."""

    def __init__(self, package: Package, root: pathlib.Path):
        self._package, self._root = package, root

    def read(self, file: str) -> str:
        """The text of a file; raises FileNotFoundError when the package has none."""
        if self._package.archive:
            with zipfile.ZipFile(self._root / self._package.archive) as archive:
                try:
                    return archive.read(file).decode("utf-8")
                except KeyError:
                    raise FileNotFoundError(file) from None
        return (self._root / self._package.root / file).read_text(encoding="utf-8")

    def version(self) -> str:
        """Debian's version, from the changelog; of a package without one the digest of its archive."""
        path = self._root / self._package.changelog
        if not path.exists():
            return "sha256 " + hashlib.sha256((self._root / self._package.archive).read_bytes()).hexdigest()
        with gzip.open(path, "rt", encoding="utf-8") as log:
            return re.search(r"\(([^)]*)\)", log.readline()).group(1)


def without_comments(text: str) -> str:
    """Go or Java without comments: what stands there as code."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"(?m)(^|[^:\"'])//.*$", r"\1", text)


def function(text: str, name: str) -> str:
    """A top-level function, method (`Type.method`) or type (`type X`) of Go, or the methods of a name of Java.

    Raises LookupError when there is none: a lookup about nothing must not hold.
    """
    if not name:
        return text
    if name.startswith("type "):
        start = rf"^type {re.escape(name[5:])}\b"
    elif "." in name:
        receiver, method = name.split(".")
        start = rf"^func \(\w+ \*?{re.escape(receiver)}(?:\[[^]]*\])?\) {re.escape(method)}\("
    else:
        start = rf"^func {re.escape(name)}[\[(]"
    found = re.search(rf"{start}.*?^}}", text, re.MULTILINE | re.DOTALL)
    if found:
        return found.group(0)
    # Java: members are indented by four spaces.
    members = re.findall(rf"^    (?! )[^;={{}}]*\b{re.escape(name)}\([^;{{]*\{{.*?^    }}", text,
                         re.MULTILINE | re.DOTALL)
    if members:
        return "\n".join(members)
    raise LookupError(name)


def look_up(lookup: Lookup, trees: dict[str, Tree]) -> str:
    """HOLDS, or in a few words why not."""
    try:
        whole = trees[lookup.package].read(lookup.file)
        text = function(whole if lookup.comments else without_comments(whole), lookup.function)
        if lookup.verb == "same":
            other = function(without_comments(trees[lookup.other].read(lookup.file)), lookup.function)
            return HOLDS if other.split() == text.split() else "differs"
    except FileNotFoundError:
        return "no such file"
    except LookupError:
        return "no such function"
    found = len(re.findall(lookup.pattern, text, re.MULTILINE))
    if lookup.verb == "counts":
        return HOLDS if found == lookup.number else f"found {found} times"
    if lookup.verb == "has":
        return HOLDS if found else "not found"
    return "found" if found else HOLDS
