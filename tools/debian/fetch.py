# SPDX-License-Identifier: Apache-2.0
"""Unpacks Debian packages of any suite and architecture into a folder, changing nothing on the system.

Runs apt with lists, state and cache of its own inside the folder (removed afterwards), so it needs no root, and what it
unpacks cannot conflict with what is installed. Mirror and keyring come from the machine's own apt configuration; a
suite that is not configured (backports, a newer release) is looked for on the mirror that serves the configured one.

Called by the repository rules in debian.bzl, with the system's Python and its standard library only.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

# What a machine that does not name its release by code name may call it.
_RELEASE_CLASSES = ("stable", "oldstable", "oldoldstable", "testing", "unstable")


class FetchError(Exception):
    """Says in one sentence what could not be had, and what to do."""


@dataclass(frozen=True)
class Archive:
    """One configured archive: where it is and the options its entry carries (signed-by, trusted)."""

    uri: str
    release: str
    entry: str = ""  # "file:line" (one-line format) or "file:stanza" (deb822), as apt prints it.
    options: dict = field(default_factory=dict)


def parse_index_targets(text):
    """Archives in `apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(SOURCESENTRY)'`, without repeats, in order."""
    archives = []
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) != 3 or not parts[0]:
            continue
        archive = Archive(uri=parts[0].rstrip("/"), release=parts[1].rstrip("/"), entry=parts[2])
        if archive not in archives:
            archives.append(archive)
    return archives


def choose_archive(archives, suite, codename):
    """The archive to ask for `suite`: the one configured for it, else the one that serves this machine's release."""
    for wanted in (suite, codename, f"{codename}-updates", *_RELEASE_CLASSES):
        for archive in archives:
            if archive.release == wanted:
                return archive
    raise FetchError(
        f"apt on this machine is not configured for '{suite}' or for its own release '{codename}'; "
        "set DEBIAN_MIRROR to the URI of a Debian mirror")


def entry_options(text, number, deb822):
    """Options `signed-by` and `trusted` of the entry `number` (1-based) of a sources file: a line, or a stanza."""
    options = {}
    if not deb822:
        lines = text.splitlines()
        line = lines[number - 1] if 0 < number <= len(lines) else ""
        match = re.match(r"\s*deb(?:-src)?\s+\[([^\]]*)\]", line)
        for word in match.group(1).split() if match else ():
            key, _, value = word.partition("=")
            if key.lower() in ("signed-by", "trusted"):
                options[key.lower()] = value
        return options
    stanzas = [s for s in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text) if re.search(r"^[^#\s]", s, re.MULTILINE)]
    stanza = stanzas[number - 1] if 0 < number <= len(stanzas) else ""
    key = None
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            if key in options:
                # A key written into the entry itself: " ." stands for an empty line.
                options[key] += "\n" + ("" if line.strip() == "." else line.strip())
            continue
        key, _, value = line.partition(":")
        key = key.strip().lower()
        if key in ("signed-by", "trusted"):
            options[key] = value.strip()
    return options


def source_line(kind, archive, suite, component, key_file):
    """The one-line apt entry that asks `archive` for `suite`; an embedded key is referred to as `key_file`."""
    options = []
    signed_by = archive.options.get("signed-by", "").strip()
    if "BEGIN PGP" in signed_by:
        options.append(f"signed-by={key_file}")
    elif signed_by:
        options.append("signed-by=" + ",".join(signed_by.replace(",", " ").split()))
    if archive.options.get("trusted", "").lower() == "yes":
        options.append("trusted=yes")
    brackets = f" [{' '.join(options)}]" if options else ""
    return f"{kind}{brackets} {archive.uri} {suite} {component}\n"


def apt_complaint(output):
    """The lines in which apt says what went wrong, as one line; its last words if there is none."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line[2:].strip() for line in lines if line.startswith("E:")]
    return "; ".join(dict.fromkeys(errors[:3])) or (lines[-1] if lines else "apt said nothing")


def _run(command, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise FetchError(f"'{command[0]}' is not installed; run tools/bazel once, it sets the machine up") from None
    return done.returncode, done.stdout


def _codename():
    with open("/etc/os-release", encoding="utf-8") as release:
        match = re.search(r'^VERSION_CODENAME="?([\w-]+)', release.read(), re.MULTILINE)
    return match.group(1) if match else "stable"


def _machine_archive(suite):
    code, output = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(SOURCESENTRY)",
                         "Identifier: Packages"], cwd="/")
    if code != 0:
        raise FetchError(f"apt-get indextargets failed: {apt_complaint(output)}; mend /etc/apt")
    archive = choose_archive(parse_index_targets(output), suite, _codename())
    path, _, number = archive.entry.rpartition(":")
    try:
        with open(path, encoding="utf-8", errors="replace") as entries:
            text = entries.read()
    except OSError:
        return archive
    options = entry_options(text, int(number), deb822=path.endswith(".sources"))
    return Archive(archive.uri, archive.release, archive.entry, options)


class PrivateApt:
    """An apt that keeps everything under `root` and knows one suite of one archive for one architecture."""

    def __init__(self, root, kind, archive, suite, component, architecture):
        for folder in ("lists/partial", "cache/archives/partial", "state", "parts"):
            os.makedirs(os.path.join(root, folder))
        key_file = os.path.join(root, "archive-key.asc")
        if "BEGIN PGP" in archive.options.get("signed-by", ""):
            with open(key_file, "w", encoding="utf-8") as key:
                key.write(archive.options["signed-by"].strip() + "\n")
        with open(os.path.join(root, "sources.list"), "w", encoding="utf-8") as sources:
            sources.write(source_line(kind, archive, suite, component, key_file))
        open(os.path.join(root, "status"), "w", encoding="utf-8").close()
        settings = {
            "Dir::Etc::sourcelist": os.path.join(root, "sources.list"),
            "Dir::Etc::sourceparts": os.path.join(root, "parts"),
            "Dir::Etc::preferencesparts": os.path.join(root, "parts"),
            "Dir::Etc::preferences": "/dev/null",
            "Dir::State": os.path.join(root, "state"),
            "Dir::State::lists": os.path.join(root, "lists"),
            "Dir::State::status": os.path.join(root, "status"),
            "Dir::Cache": os.path.join(root, "cache"),
            "APT::Architecture": architecture,
            "APT::Default-Release": suite,
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            # The folder may be one that apt's own user cannot enter (below /root): download as who we are.
            "APT::Sandbox::User": "root",
        }
        self._root = root
        self._options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        # A list: "#clear" would be the only way to shorten it otherwise.
        self._options += ["-o", f"APT::Architectures::={architecture}"]
        # Hooks of the machine's configuration that would touch the system (PackageKit, AppStream) stay out.
        self._config = os.path.join(root, "apt.conf")
        with open(self._config, "w", encoding="utf-8") as config:
            config.write("#clear APT::Architectures;\n#clear APT::Update::Post-Invoke;\n"
                         "#clear APT::Update::Post-Invoke-Success;\n")

    def __call__(self, *words):
        """Runs apt-get with `words`; returns its exit code and output."""
        return _run(["apt-get", "-q", "-c", self._config, *self._options, *words], cwd=self._root)

    def files(self, suffix):
        """Names of the downloaded files ending in `suffix`, sorted."""
        return sorted(name for name in os.listdir(self._root) if name.endswith(suffix))

    def path(self, name):
        """Full path of a downloaded file."""
        return os.path.join(self._root, name)


def fetch(kind, suite, component, architecture, packages, into, mirror=None):
    """Unpacks `packages` into `into`. kind: "binary" (all of them, over each other) or "source" (exactly one).

    Raises FetchError, with one sentence, when a package cannot be had.
    """
    into = os.path.abspath(into)
    what = f"{' '.join(packages)} ({suite}, {architecture if kind == 'binary' else 'source'})"
    archive = Archive(uri=mirror.rstrip("/"), release=suite) if mirror else _machine_archive(suite)
    root = os.path.join(into, ".apt")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    try:
        apt = PrivateApt(root, "deb" if kind == "binary" else "deb-src", archive, suite, component, architecture)
        # apt exits with 0 when a list could not be had ("W:"), so what counts is the error mode.
        code, output = apt("-o", "APT::Update::Error-Mode=any", "update")
        if code != 0:
            raise FetchError(
                f"{what}: cannot read suite '{suite}' of {archive.uri}: {apt_complaint(output)}; check the suite's name "
                "and that the machine reaches its mirror, or name another in DEBIAN_MIRROR")
        download = ["download"] if kind == "binary" else ["source", "--only-source", "--download-only"]
        code, output = apt(*download, *packages)
        if code != 0:
            raise FetchError(f"{what}: {apt_complaint(output)}; check the package's name, version and suite in WORKSPACE")
        if kind == "binary":
            _unpack_binaries(apt, into)
        else:
            _unpack_source(apt, into)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _unpack_binaries(apt, into):
    for name in apt.files(".deb"):
        code, output = _run(["dpkg-deb", "-x", apt.path(name), into], cwd=into)
        if code != 0:
            raise FetchError(f"{name} could not be unpacked: {apt_complaint(output)}; is the disk full?")


def _unpack_source(apt, into):
    dsc = apt.files(".dsc")
    if len(dsc) != 1:
        raise FetchError(f"expected one source package, apt fetched {len(dsc)}; name exactly one")
    # dpkg-source also applies the package's patches.
    code, output = _run(["dpkg-source", "--no-check", "-x", apt.path(dsc[0]), apt.path("unpacked")], cwd=into)
    if code != 0:
        raise FetchError(f"{dsc[0]} could not be unpacked: {apt_complaint(output)}; "
                         "run tools/bazel once, it installs dpkg-dev, patch and xz-utils")
    for name in os.listdir(apt.path("unpacked")):
        os.rename(os.path.join(apt.path("unpacked"), name), os.path.join(into, name))
    # Build files of the package's own would hide parts of the tree from ours.
    for folder, _, names in os.walk(into):
        for name in names:
            if name in ("BUILD", "BUILD.bazel", "WORKSPACE", "WORKSPACE.bazel"):
                os.remove(os.path.join(folder, name))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("binary", "source"))
    parser.add_argument("--suite", required=True)
    parser.add_argument("--component", default="main")
    parser.add_argument("--architecture", required=True, help="Debian's name: amd64, arm64")
    parser.add_argument("--into", required=True)
    parser.add_argument("--mirror", default="")
    parser.add_argument("packages", nargs="+", help="name or name=version")
    args = parser.parse_args(argv)
    try:
        fetch(args.kind, args.suite, args.component, args.architecture, args.packages, args.into, args.mirror or None)
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
