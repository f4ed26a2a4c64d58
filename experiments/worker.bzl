# SPDX-License-Identifier: Apache-2.0
"""The worker's registration of strategies, from the list in //maps:strategies.bzl.

One generated file and library per strategy: a change in one strategy recompiles one small file.
"""

load("@rules_cc//cc:defs.bzl", "cc_library")
load("//maps:strategies.bzl", "STRATEGIES", "where", "write_file")

_REGISTRATION = """// Generated from maps/strategies.bzl.
#include <cstdint>
#include <string>

#include "experiments/worker/contestant_for.h"
#include "maps/strategies/{name}.h"

[[maybe_unused]] static const bool kRegistered =
    cmap::experiments::Register<cmap::strategies::{name}, std::uint64_t>() |
    cmap::experiments::Register<cmap::strategies::{name}, std::string>();
"""

def strategy_registrations(name):
    """Declares the library `name`: whatever links it knows every strategy.

    Args:
      name: the library; its parts are <name>_<strategy>.
    """
    parts = []
    for s in STRATEGIES:
        part = "%s_%s" % (name, s.name)
        write_file(
            name = part + "_source",
            out = part + ".cc",
            content = _REGISTRATION.format(name = s.name),
        )
        cc_library(
            name = part,
            srcs = [part + ".cc"],
            target_compatible_with = where(s, [], ["//tools/platforms:incompatible"]),
            deps = [":contestant_for", "//maps:" + s.name],
            alwayslink = True,
        )
        parts = parts + where(s, [":" + part], [])
    cc_library(
        name = name,
        deps = parts,
    )
