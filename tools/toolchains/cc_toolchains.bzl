# SPDX-License-Identifier: Apache-2.0
"""C++ toolchains over Debian's compilers: {gcc, clang} x {x86_64, aarch64}, native or cross alike.

Debian installs the compiler of an architecture as <triple>-g++ whether it is native or not, so the two architectures
differ by the triple only. The built-in include directories are asked of the compiler itself.
"""

_ARCHITECTURES = {
    "aarch64": "aarch64-linux-gnu",
    "x86_64": "x86_64-linux-gnu",
}

_TOOLS = ["ar", "cpp", "dwp", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]

_TOOLCHAIN = """
cc_toolchain_config(
    name = "{name}_config",
    abi_libc_version = "glibc",
    abi_version = "gnu",
    compile_flags = {compile_flags},
    compiler = "{compiler}",
    cpu = "{arch}",
    cxx_builtin_include_directories = {include_directories},
    cxx_flags = ["-std=c++20"],
    dbg_compile_flags = ["-g"],
    host_system_name = "{host}",
    link_flags = {link_flags}{more_link_flags},
    link_libs = ["-lstdc++", "-lm"],
    # Measurements come from optimised builds only; -g costs no time in them and gives symbols to stack traces.
    opt_compile_flags = [
        "{optimisation}",
        # For whoever reports it: no predefined macro tells.
        "-DCMAP_OPTIMISATION=\\"{optimisation}\\"",
        "-g1",
        "-DNDEBUG",
        "-ffunction-sections",
        "-fdata-sections",
    ],
    opt_link_flags = ["-Wl,--gc-sections"],
    coverage_compile_flags = ["--coverage"],
    coverage_link_flags = ["--coverage"],
    supports_start_end_lib = False,
    target_libc = "glibc",
    target_system_name = "{triple}",
    tool_paths = {tool_paths},
    toolchain_identifier = "{name}",
    unfiltered_compile_flags = {unfiltered_compile_flags},
)

cc_toolchain(
    name = "{name}",
    all_files = ":empty",
    ar_files = ":empty",
    as_files = ":empty",
    compiler_files = ":{compiler_files}",
    dwp_files = ":empty",
    linker_files = ":{compiler_files}",
    objcopy_files = ":empty",
    strip_files = ":empty",
    supports_param_files = 1,
    toolchain_config = ":{name}_config",
    toolchain_identifier = "{name}",
)

toolchain(
    name = "{compiler}_{nearness}_toolchain",
    exec_compatible_with = ["@platforms//cpu:{host}", "@platforms//os:linux"],
    target_compatible_with = ["@platforms//cpu:{arch}", "@platforms//os:linux"],
    toolchain = ":{name}",
    toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
)
"""

# Without it, the driver named clang (not clang++) leaves out the C++ half of the sanitizers' run-time library. That of
# ThreadSanitizer has little but an operator new, with which no program can have its own.
_CLANG_LINK_FLAGS = """ + select({
        "@//tools:thread_sanitizer": [],
        "//conditions:default": ["-fsanitize-link-c++-runtime"],
    })"""

# Runs in the place of a compiler that is not installed, so that only builds that want it fail, and say why.
_ABSENT = """#!/bin/sh
echo "{program} is not installed; as root, run: apt-get install {package}" >&2
exit 1
"""

def _include_directories(rctx, command):
    """The directories the compiler searches by itself, for C and for C++."""
    found = []
    for language in ["c", "c++"]:
        result = rctx.execute(command + ["-E", "-x", language, "-", "-v"], environment = {"LC_ALL": "C"})
        text = result.stderr
        start = text.find("#include <...> search starts here:")
        end = text.find("End of search list.")
        if result.return_code != 0 or start < 0 or end < 0:
            fail("@%s: '%s -E -v' does not list its include directories: %s" % (
                rctx.name,
                " ".join(command),
                text.strip(),
            ))
        for line in text[start:end].split("\n")[1:]:
            directory = line.strip()
            if not directory:
                continue

            # Bazel wants the paths without ".."; it compares them with dependency files, where a header may be named
            # by way of a symbolic link or by what the link points to.
            for option in ["--no-symlinks", "--physical"]:
                path = rctx.execute(["realpath", "-m", option, directory]).stdout.strip()
                if path and path not in found:
                    found.append(path)
    return found

def _toolchain(rctx, compiler, arch, host):
    triple = _ARCHITECTURES[arch]
    name = compiler + "_" + arch
    tools = {tool: "/usr/bin/%s-%s" % (triple, tool) for tool in _TOOLS}
    tools["llvm-cov"] = "/usr/bin/llvm-cov"
    no_prefixes = ["-no-canonical-prefixes"]
    target = []
    link_flags = ["-Wl,-z,relro,-z,now"]
    if compiler == "gcc":
        program = "/usr/bin/%s-gcc" % triple
        package = "g++" if arch == host else "g++-" + triple.replace("_", "-")
        no_prefixes.append("-fno-canonical-system-headers")
    else:
        program = "/usr/bin/clang"
        package = "clang"
        target = ["--target=" + triple]
        link_flags += target
    directories = []
    compiler_files = "empty"
    if rctx.path(program).exists:
        directories = _include_directories(rctx, [program] + target + no_prefixes)
        tools["gcc"] = program
    else:
        rctx.file("absent/" + name, _ABSENT.format(program = program, package = package), executable = True)
        tools["gcc"] = "absent/" + name
        compiler_files = "absent"
    return _TOOLCHAIN.format(
        arch = arch,
        compile_flags = target + ["-fno-omit-frame-pointer"],
        compiler = compiler,
        compiler_files = compiler_files,
        host = host,
        include_directories = directories,
        link_flags = link_flags,
        more_link_flags = _CLANG_LINK_FLAGS if compiler == "clang" else "",
        name = name,
        nearness = "native" if arch == host else "cross",
        # What runs emulated is never timed, and compiles a fifth faster so.
        optimisation = "-O2" if arch == host else "-O1",
        tool_paths = tools,
        triple = triple,
        unfiltered_compile_flags = no_prefixes + [
            # The same input gives the same object file.
            "-Wno-builtin-macro-redefined",
            "-D__DATE__=\"redacted\"",
            "-D__TIME__=\"redacted\"",
            "-D__TIMESTAMP__=\"redacted\"",
        ],
    )

def _cc_toolchains_impl(rctx):
    host = rctx.execute(["uname", "-m"]).stdout.strip()
    if host not in _ARCHITECTURES:
        fail("This machine is '%s'; the project is built on x86_64 and aarch64 only." % host)
    build = [
        "load(\"@bazel_tools//tools/cpp:unix_cc_toolchain_config.bzl\", \"cc_toolchain_config\")",
        "load(\"@rules_cc//cc:defs.bzl\", \"cc_toolchain\")",
        "package(default_visibility = [\"//visibility:public\"])",
        "filegroup(name = \"empty\")",
        "filegroup(name = \"absent\", srcs = glob([\"absent/*\"], allow_empty = True))",
    ]
    for compiler in ["gcc", "clang"]:
        for arch in _ARCHITECTURES:
            build.append(_toolchain(rctx, compiler, arch, host))
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    rctx.file("BUILD", "\n".join(build))

cc_toolchains = repository_rule(
    implementation = _cc_toolchains_impl,
    doc = """Toolchains {gcc,clang}_{native,cross}_toolchain: for this machine's architecture, and for the other one.

A compiler that is not installed is replaced by a program that says which package to install.""",
    # Looked at again whenever Bazel's server starts: compilers come and go with the system's packages.
    local = True,
    configure = True,
)
