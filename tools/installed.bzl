# SPDX-License-Identifier: Apache-2.0
"""Repository rules over what Debian packages have installed on this machine."""

_INSTALL_HINT = "run tools/bazel once, it installs what is missing."

def _entries(rctx, folder, package):
    """Paths in `folder`, which Debian's `package` installs; fails with the remedy when it is not there."""
    path = rctx.path(folder)
    if not path.exists:
        fail("@%s: there is no %s (package %s); %s" % (rctx.name, folder, package, _INSTALL_HINT))
    return path.readdir()

# The packaged rules_cc imports this name from @bazel_tools, which has it only from Bazel 5 on.
_CPP_TOOLCHAIN_IMPORT = ", \"use_cpp_toolchain\")"
_CPP_TOOLCHAIN_USE = "use_cpp_toolchain()"

def _installed_rules_cc_impl(rctx):
    folder = "/usr/share/bazel/rules/cc"
    impl = "cc/private/rules_impl"
    for base, mended in [
        (folder, "cc"),
        (folder + "/cc", "private"),
        (folder + "/cc/private", "rules_impl"),
    ]:
        for entry in _entries(rctx, base, "bazel-rules-cc"):
            if entry.basename != mended:
                rctx.symlink(entry, str(entry)[len(folder) + 1:])
    for entry in _entries(rctx, folder + "/" + impl, "bazel-rules-cc"):
        if entry.basename not in ["cc_flags_supplier.bzl", "compiler_flag.bzl"]:
            rctx.symlink(entry, impl + "/" + entry.basename)
            continue
        text = rctx.read(entry)
        text = text.replace(_CPP_TOOLCHAIN_IMPORT, ")")
        text = text.replace(_CPP_TOOLCHAIN_USE, "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        rctx.file(impl + "/" + entry.basename, text, executable = False)

installed_rules_cc = repository_rule(
    implementation = _installed_rules_cc_impl,
    doc = "The rules_cc of package bazel-rules-cc, mended so that it loads on the Bazel of package bazel-bootstrap.",
    local = True,
)

def _stub_repository_impl(rctx):
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    rctx.file("BUILD", "".join([
        "filegroup(name = \"%s\", visibility = [\"//visibility:public\"])\n" % name
        for name in rctx.attr.filegroups
    ]))

stub_repository = repository_rule(
    implementation = _stub_repository_impl,
    doc = "Empty filegroups in the place of a repository that Bazel refers to but this project has no use for.",
    attrs = {
        "filegroups": attr.string_list(mandatory = True, doc = "Names of the filegroups."),
    },
)

def _installed_googletest_impl(rctx):
    folder = "/usr/src/googletest"
    for entry in _entries(rctx, folder, "googletest"):
        rctx.symlink(entry, entry.basename)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

installed_googletest = repository_rule(
    implementation = _installed_googletest_impl,
    doc = "The sources of GoogleTest and GoogleMock from package googletest, built like any other target.",
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True, doc = "The repository's BUILD file."),
    },
)

def _host_arch_impl(rctx):
    machine = rctx.execute(["uname", "-m"]).stdout.strip()
    other = {"aarch64": "x86_64", "x86_64": "aarch64"}
    if machine not in other:
        fail("This machine is '%s'; the project is built on x86_64 and aarch64 only." % machine)
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    rctx.file("BUILD", "exports_files([\"host.bzl\"])\n")
    rctx.file("host.bzl", "\n".join([
        "\"\"\"The architecture of this machine, and the other one.\"\"\"",
        "HOST_ARCH = \"%s\"" % machine,
        "CROSS_ARCH = \"%s\"" % other[machine],
        "",
    ]))

host_arch = repository_rule(
    implementation = _host_arch_impl,
    doc = "host.bzl with HOST_ARCH and CROSS_ARCH, each \"x86_64\" or \"aarch64\".",
    local = True,
)
