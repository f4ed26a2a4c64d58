# SPDX-License-Identifier: Apache-2.0
"""Single mutants as tests."""

load("@rules_cc//cc:defs.bzl", "cc_test")
load("//maps:strategies.bzl", "write_file")
load("//tools:sanitizers.bzl", "SANITIZERS", "not_under")
load(":mutants.bzl", "MUTANTS")

def _mutate_impl(ctx):
    ctx.actions.expand_template(
        template = ctx.file.header,
        output = ctx.outputs.out,
        substitutions = {ctx.attr.find: ctx.attr.replace},
    )

_mutate = rule(
    implementation = _mutate_impl,
    attrs = {
        "find": attr.string(mandatory = True),
        "header": attr.label(allow_single_file = True, mandatory = True),
        "out": attr.output(mandatory = True),
        "replace": attr.string(mandatory = True),
    },
)

_TEST = """// Generated from maps/mutants/mutants.bzl.
#include "maps/mutants/{header}"
#include "maps/strategies/{strategy}.h"
#include "maps/mutants/runner.h"

int main() {{
  return cmap::mutants::ExpectKilled<cmap::strategies::{strategy}, cmap::mutants::{part}>("{rung}");
}}
"""

# What runner.h has to compile for a rung.
_PARTS = {
    "one_thread": "kPlain",
    "whole_map": "kPlain",
    "threads": "kPlain",
    "lives": "kLives",
    "linearizability": "kLinearizability",
    "litmus": "kLinearizability",
}

def mutant_test(strategy, name):
    """A test that the mutant is found by the rung that must find it."""
    found = [m for m in MUTANTS if m.strategy == strategy and m.name == name]
    if not found or found[0].hash != "good":
        fail("%s has no mutant '%s' with the good hash" % (strategy, name))
    mutant = found[0]
    stem = "%s_%s" % (strategy, name)
    _mutate(
        name = stem + "_header",
        testonly = True,
        out = stem + ".h",
        find = mutant.find,
        header = "//" + mutant.file.replace("maps/", "maps:", 1),
        replace = mutant.replace,
    )
    write_file(
        name = stem + "_source",
        testonly = True,
        out = stem + "_test.cc",
        content = _TEST.format(
            header = stem + ".h",
            part = _PARTS[mutant.killed_by],
            rung = mutant.killed_by,
            strategy = strategy,
        ),
    )
    cc_test(
        name = stem + "_test",
        size = "medium",
        srcs = [
            stem + ".h",
            stem + "_test.cc",
        ],
        copts = ["-w"],  # wrong code may look wrong
        # A sanitizer would report some mistakes before the check does.
        target_compatible_with = not_under(*SANITIZERS),
        deps = [
            ":runner",
            "//maps:" + strategy,
        ],
    )
