# SPDX-License-Identifier: Apache-2.0
"""Programs of the other architecture: as files (cross_binary) and as tests under qemu-user (cross_test).

    load("@host_arch//:host.bzl", "CROSS_ARCH")
    load("//tools:cross.bzl", "cross_binary", "cross_test")

    cc_test(name = "x_test", ...)
    cross_test(name = "x_cross_test", test = ":x_test")                   # x_test of CROSS_ARCH, under qemu-user
    cross_binary(name = "worker_aarch64", binary = ":worker", arch = "aarch64")  # usable in `data`

Both work with either architecture on either machine; for the machine's own one the program runs natively.
"""

load("@host_arch//:host.bzl", "CROSS_ARCH", "HOST_ARCH")
load("//tools:sanitizers.bzl", "not_under")

_ARCHITECTURES = ["x86_64", "aarch64"]

def _arch_transition_impl(settings, attr):
    platforms = settings["//command_line_option:platforms"]
    named = [arch for arch in _ARCHITECTURES if str(platforms[-1:]).find("tools/platforms:" + arch) >= 0]
    current = named[0] if named else HOST_ARCH
    if attr.arch == current:
        # Already there: the same configuration again, so that nothing is built twice.
        return settings

    # (--cpu stays: with toolchains resolved by platform it names the output folder and nothing else.)
    return {"//command_line_option:platforms": ["//tools/platforms:" + attr.arch]}

_arch_transition = transition(
    implementation = _arch_transition_impl,
    inputs = ["//command_line_option:platforms"],
    outputs = ["//command_line_option:platforms"],
)

_ARCH_ATTR = attr.string(
    default = CROSS_ARCH,
    values = _ARCHITECTURES,
    doc = "Architecture to build for; by default the one this machine is not.",
)

_ALLOWLIST = attr.label(default = "@bazel_tools//tools/allowlists/function_transition_allowlist")

def _cross_binary_impl(ctx):
    # An attribute with a Starlark transition is a list, of one here.
    target = ctx.attr.binary[0]
    executable = target[DefaultInfo].files_to_run.executable
    output = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = output, target_file = executable, is_executable = True)

    # The program's data, but not the program: its path among the runfiles is that of the same program built for this
    # machine, and whatever uses both would get only one of them.
    runfiles = target[DefaultInfo].default_runfiles.files.to_list()
    return [DefaultInfo(
        executable = output,
        files = depset([output]),
        runfiles = ctx.runfiles([output] + [f for f in runfiles if f != executable]),
    )]

cross_binary = rule(
    implementation = _cross_binary_impl,
    doc = """The program `binary`, built for `arch`, as a file of this target's name with the program's runfiles.""",
    executable = True,
    attrs = {
        "arch": _ARCH_ATTR,
        "binary": attr.label(
            mandatory = True,
            executable = True,
            cfg = _arch_transition,
            doc = "A cc_binary or cc_test.",
        ),
        "_allowlist_function_transition": _ALLOWLIST,
    },
)

_RUN = """#!/bin/bash
exec {runner} {arch} {program} "$@"
"""

def _cross_test_impl(ctx):
    target = ctx.attr.test[0]
    executable = target[DefaultInfo].files_to_run.executable
    script = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(script, _RUN.format(
        arch = ctx.attr.arch,
        program = executable.short_path,
        runner = ctx.executable._runner.short_path,
    ), is_executable = True)
    runfiles = ctx.runfiles([executable]).merge(target[DefaultInfo].default_runfiles)
    runfiles = runfiles.merge(ctx.attr._runner[DefaultInfo].default_runfiles)
    return [
        DefaultInfo(executable = script, runfiles = runfiles),
        testing.TestEnvironment(ctx.attr.env),
    ]

_cross_test = rule(
    implementation = _cross_test_impl,
    test = True,
    attrs = {
        "arch": _ARCH_ATTR,
        "env": attr.string_dict(doc = "Environment of the test."),
        "test": attr.label(
            mandatory = True,
            executable = True,
            cfg = _arch_transition,
            doc = "The cc_test whose program is run.",
        ),
        "_allowlist_function_transition": _ALLOWLIST,
        "_runner": attr.label(
            default = "//tools:run_cross",
            executable = True,
            cfg = "target",
        ),
    },
)

def cross_test(name, test, arch = CROSS_ARCH, **kwargs):
    """Runs a cc_test of this build as a program of another architecture, under qemu-user.

    The exit code is the program's, `--test_arg` and `--test_filter` reach it, and so do `args` and `env`.

    Sanitizers: with --config=asan leaks are not looked for (run_cross.sh says why). With --config=tsan the target is
    incompatible, hence skipped by `//...`: ThreadSanitizer's memory layout cannot be had under qemu-user.

    Args:
      name: name of the test.
      test: the cc_test.
      arch: "x86_64" or "aarch64".
      **kwargs: what every test has (args, size, timeout, shard_count, flaky, tags, visibility) and env.
    """
    if "target_compatible_with" not in kwargs:
        kwargs["target_compatible_with"] = not_under("thread") if arch != HOST_ARCH else []
    _cross_test(
        name = name,
        arch = arch,
        test = test,
        **kwargs
    )
