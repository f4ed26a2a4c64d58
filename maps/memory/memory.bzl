# SPDX-License-Identifier: Apache-2.0
"""The memory profile's registration of strategies, from the list in //maps:strategies.bzl."""

load("@rules_cc//cc:defs.bzl", "cc_library")
load("//maps:strategies.bzl", "STRATEGIES", "where", "write_file")

_REGISTRATION = """// Generated from maps/strategies.bzl.
#include "maps/memory/subject.h"
#include "maps/strategies/{name}.h"

[[maybe_unused]] static const bool kRegistered =
    cmap::memory::Register<cmap::strategies::{name}>();
"""

def strategy_subjects(name):
    """Declares the library `name`: whatever links it knows every strategy.

    Args:
      name: the library; its parts are <name>_<strategy>.
    """
    parts = []
    for s in STRATEGIES:
        part = name + "_" + s.name
        write_file(
            name = part + "_source",
            out = part + ".cc",
            content = _REGISTRATION.format(name = s.name),
        )
        cc_library(
            name = part,
            srcs = [part + ".cc"],
            target_compatible_with = where(s, [], ["//tools/platforms:incompatible"]),
            deps = [":subject", "//maps:" + s.name],
            alwayslink = True,
        )
        parts = parts + where(s, [":" + part], [])
    cc_library(
        name = name,
        deps = parts,
    )
