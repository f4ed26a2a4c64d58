# SPDX-License-Identifier: Apache-2.0
"""Repository rules that unpack Debian packages of any suite and architecture, without installing them.

Both use the machine's own mirror and keyring; DEBIAN_MIRROR (the URI of a mirror) overrides the mirror. They fetch once
per output base, and again when their attributes, DEBIAN_MIRROR or debian/fetch.py change.
"""

# Debian's names of the architectures this project builds for.
_DEBIAN_ARCHITECTURES = {
    "aarch64": "arm64",
    "amd64": "amd64",
    "arm64": "arm64",
    "x86_64": "amd64",
}

def _architecture(rctx, asked):
    if asked in _DEBIAN_ARCHITECTURES:
        return _DEBIAN_ARCHITECTURES[asked]
    machine = rctx.execute(["uname", "-m"]).stdout.strip()
    if machine not in _DEBIAN_ARCHITECTURES:
        fail("This machine is '%s'; the project is built on x86_64 and aarch64 only." % machine)
    return _DEBIAN_ARCHITECTURES[machine]

def _fetch(rctx, kind, packages, architecture):
    command = [
        "/usr/bin/python3",
        rctx.path(rctx.attr._fetch),
        kind,
        "--suite=" + rctx.attr.suite,
        "--component=" + rctx.attr.component,
        "--architecture=" + architecture,
        "--into=" + str(rctx.path(".")),
    ]
    mirror = rctx.os.environ.get("DEBIAN_MIRROR", "")
    if mirror:
        command.append("--mirror=" + mirror)
    rctx.report_progress("unpacking %s of %s (%s)" % (", ".join(packages), rctx.attr.suite, architecture))
    result = rctx.execute(command + packages, timeout = 1800)
    if result.return_code != 0:
        fail("@%s: %s" % (rctx.name, result.stderr.strip() or "fetching took longer than 30 minutes; try again."))
    if bool(rctx.attr.build_file) == bool(rctx.attr.build_file_content):
        fail("@%s: give either build_file or build_file_content." % rctx.name)
    if rctx.attr.build_file:
        rctx.symlink(rctx.attr.build_file, "BUILD.bazel")
    else:
        rctx.file("BUILD.bazel", rctx.attr.build_file_content)
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)

_COMMON_ATTRS = {
    "build_file": attr.label(
        allow_single_file = True,
        doc = "The repository's BUILD file; its package is the root of the unpacked tree.",
    ),
    "build_file_content": attr.string(
        doc = "The same, in place.",
    ),
    "component": attr.string(
        default = "main",
        doc = "Component of the archive.",
    ),
    "suite": attr.string(
        mandatory = True,
        doc = "Suite by code name: bookworm, bookworm-backports, trixie, sid. It need not be configured on the machine.",
    ),
    "_fetch": attr.label(
        default = "//tools/debian:fetch.py",
    ),
}

def _debian_package_impl(rctx):
    _fetch(rctx, "binary", rctx.attr.packages, _architecture(rctx, rctx.attr.architecture))

debian_package = repository_rule(
    implementation = _debian_package_impl,
    doc = """Unpacks Debian binary packages over each other; headers are then under usr/include.

Dependencies are not followed: name every package whose files are needed.""",
    environ = ["DEBIAN_MIRROR"],
    attrs = dict(
        _COMMON_ATTRS,
        architecture = attr.string(
            default = "host",
            values = ["host"] + sorted(_DEBIAN_ARCHITECTURES.keys()),
            doc = "Architecture of the packages, by Debian's name or the kernel's; \"host\" is this machine's.",
        ),
        packages = attr.string_list(
            mandatory = True,
            allow_empty = False,
            doc = "Package names, each optionally with a version: \"libfoo-dev\", \"libfoo-dev=1.2-3\".",
        ),
    ),
)

def _debian_source_impl(rctx):
    _fetch(rctx, "source", [rctx.attr.package], _architecture(rctx, "host"))

debian_source = repository_rule(
    implementation = _debian_source_impl,
    doc = """Unpacks one Debian source package, its patches applied; the repository's root is the source's.

Build files that came with the source are removed: they would hide their folders from the repository's own.""",
    environ = ["DEBIAN_MIRROR"],
    attrs = dict(
        _COMMON_ATTRS,
        package = attr.string(
            mandatory = True,
            doc = "Name of the source package, optionally with a version: \"benchmark\", \"benchmark=1.7.1-1\".",
        ),
    ),
)
