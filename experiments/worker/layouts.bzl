# SPDX-License-Identifier: Apache-2.0
"""The worker in several layouts: the same objects, linked with their functions in another order each time.

How fast a function is depends on where it lies (which lines, pages and predictor slots it shares), by as much as the
differences that are measured. One binary has one layout, and would give its accidents to every visit. So the timed
worker exists in LAYOUTS layouts, with which the visits take turns, and the paper states how far they differ.

Nothing is compiled twice. The compiler gives every function a section of its own (tools/toolchains; functions of
templates have one anyway), and lld shuffles these sections by a seed: the layout's number. Sections keep their
alignment, and what the compiler took for cold stays apart from the rest, as other linkers keep it too. What runs
emulated is not timed and has one layout, by the ordinary linker.
"""

load("@host_arch//:host.bzl", "HOST_ARCH")

# Every layout has two visits in a cell with the least number of visits (report/stats/cells.py, layouts.py).
LAYOUTS = 4

def layout_name(worker, number):
    """The name of `worker` in one of the layouts 1 to LAYOUTS; the first has the plain name."""
    return worker if number == 1 else "%s_layout_%d" % (worker, number)

def layout_linkopts(number):
    """The linkopts of a layout."""
    options = [
        "-fuse-ld=lld",
        "-Wl,--shuffle-sections=.text*=%d" % number,
        "-Wl,-z,keep-text-section-prefix",
    ]
    if number > 1:
        # Five sixths of the file, and the same for all: whoever debugs or profiles takes the first layout.
        options.append("-Wl,--strip-debug")
    return select({
        "//tools/platforms:is_" + HOST_ARCH: options,
        "//conditions:default": [],
    })
