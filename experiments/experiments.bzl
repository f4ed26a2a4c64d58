# SPDX-License-Identifier: Apache-2.0
"""What follows from a catalogue entry.

  //experiments:<name>           measures this question here and writes its paper
  //experiments:<name>_<arch>    the same question, small, on the other architecture under
                                 qemu-user: every result is checked, nothing is timed
  //experiments:all              all of them, in one run and one paper
  //experiments:wide_<arch>      all of them on the other architecture, larger values and other hashes included, which
                                 the others leave unvalidated there: their program compiles for minutes, so that it is
                                 built for the machine's own architecture only, unless this target is named

Arguments after `--` reach the program: `bazel run //experiments -- --help`.
"""

load("@host_arch//:host.bzl", "CROSS_ARCH", "HOST_ARCH")
load("//experiments/worker:layouts.bzl", "LAYOUTS", "layout_name")
load("//tools:cross.bzl", "cross_binary")

# Files of their own names: in the runfiles of one program, the workers of both
# architectures would be the same experiments/worker/worker. all.py knows the names.
_NATIVE_WORKERS = [layout_name("worker_" + HOST_ARCH, number) for number in range(1, LAYOUTS + 1)]
_WIDE_WORKERS = [layout_name("worker_wide_" + HOST_ARCH, number) for number in range(1, LAYOUTS + 1)]
_CROSS_WORKER = "worker_" + CROSS_ARCH
_CROSS_WIDE_WORKER = "worker_wide_" + CROSS_ARCH

# What was proven of the strategies, for the paper; orchestrator/proof.py reads the same, and what the harness costs
# (harness_price.json), once that was recorded.
_PROOF = [
    "//maps/blocking:figures.json",
    "//maps/memory:figures.json",
    "//maps/mutants:matrix.json",
    "//maps/verification:figures.json",
]

# What no pattern of targets builds.
_ON_DEMAND = ["manual"]

# orchestrator/contestants.py, is_wide, says so to the orchestrator.
def _is_wide(workload):
    return workload.get("value_type", "u64") != "u64" or any([workload.get(f, "mixed") != "mixed" for f in ["hash", "key_layout"]])

def experiment(question):
    """The targets of one catalogue entry: here, and on the other architecture."""
    name = question["name"]
    only = "--only=" + name
    wide = any([_is_wide(cell["workload"]) for cell in question.get("cells", [])])
    _run(name, _NATIVE_WORKERS + (_WIDE_WORKERS if wide else []), [only, "--arch=native"])
    _run(name + "_" + CROSS_ARCH, [_CROSS_WORKER], [only, "--arch=cross", "--profile=smoke"])

def experiments(questions):
    """The targets of a whole catalogue. Called once, by experiments/BUILD."""
    cross_binary(
        name = _CROSS_WORKER,
        arch = CROSS_ARCH,
        binary = "//experiments/worker",
    )
    cross_binary(
        name = _CROSS_WIDE_WORKER,
        arch = CROSS_ARCH,
        binary = "//experiments/worker:worker_wide",
        tags = _ON_DEMAND,
    )
    for worker, names in (("worker", _NATIVE_WORKERS), ("worker_wide", _WIDE_WORKERS)):
        for number, name in enumerate(names, 1):
            cross_binary(
                name = name,
                arch = HOST_ARCH,
                binary = "//experiments/worker:" + layout_name(worker, number),
            )
    _run("all", _NATIVE_WORKERS + _WIDE_WORKERS + [_CROSS_WORKER], [])

    # orchestrator/validate.py, on_demand, names it.
    _run("wide_" + CROSS_ARCH, [_CROSS_WORKER, _CROSS_WIDE_WORKER], ["--arch=cross"], tags = _ON_DEMAND)
    for question in questions:
        experiment(question)

def _run(name, workers, preset, tags = []):
    native.py_binary(
        name = name,
        srcs = ["all.py"],
        args = ["--target=" + name, "--host-arch=" + HOST_ARCH, "--cross-arch=" + CROSS_ARCH] + ["--preset=" + p for p in preset],
        data = ["catalogue.json", "//tools:run_cross.sh"] + _PROOF + native.glob(["harness_price.json"]) + workers,
        main = "all.py",
        tags = tags,
        deps = [
            "//experiments/orchestrator",
            "//report:paper",
        ],
    )
