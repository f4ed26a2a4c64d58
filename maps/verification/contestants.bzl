# SPDX-License-Identifier: Apache-2.0
"""What follows for linearizability from each line of maps/strategies.bzl.

  :<name>_contestant                       registers the strategy (contestant.h)
  :<name>_linearizability_test             its histories in the normal suite
  :<name>_linearizability_test_<arch>      the same on the other architecture, emulated, for a few of them
  :litmus_test                             the litmus patterns, quick, for every strategy and the controls
  :campaign                                many histories and litmus rounds of every strategy, and figures.json
  :figures_test                            whether figures.json has them all
"""

load("@host_arch//:host.bzl", "CROSS_ARCH")
load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//maps:strategies.bzl", "STRATEGIES", "followed", "where", "write_file")
load("//tools:cross.bzl", "cross_test")
load("//tools:sanitizers.bzl", "SANITIZERS", "not_under")

# A lock, a read/dirty map and a trie: emulated histories say whether the code of the other architecture is right, not
# whether its memory order is (the emulator inherits that of this machine), so a few will do.
_EMULATED = ["mutex_map", "sync_map", "hash_trie_map"]

_SOURCE = """// Generated from maps/strategies.bzl.
#include "maps/strategies/{name}.h"
#include "maps/verification/contestant.h"

[[maybe_unused]] static const bool kRegistered =
    cmap::verification::RegisterContestant<cmap::strategies::{name}>();
"""

def declare_contestants():
    """Declares the targets above. Called once, by maps/verification/BUILD."""
    for s in STRATEGIES:
        source = s.name + "_contestant.cc"
        write_file(
            name = s.name + "_contestant_source",
            testonly = True,
            out = source,
            content = _SOURCE.format(name = s.name),
        )
        cc_library(
            name = s.name + "_contestant",
            testonly = True,
            srcs = [source],
            target_compatible_with = where(s, [], ["//tools/platforms:incompatible"]),
            deps = [":verify", "//maps:" + s.name],
            alwayslink = True,
        )
        test = s.name + "_linearizability_test"
        cc_test(
            name = test,
            size = "medium",
            tags = ["linearizability"],
            target_compatible_with = followed(s) + where(s, [], ["//tools/platforms:incompatible"]),
            deps = [":" + s.name + "_contestant", ":contestant_main"],
        )
        if s.name in _EMULATED and CROSS_ARCH in s.architectures:
            cross_test(
                name = test + "_" + CROSS_ARCH,
                size = "medium",
                env = {"CMAP_TEST_SHARE": "0.1"},
                tags = ["linearizability"],
                test = ":" + test,
            )

    contestants = []
    for s in STRATEGIES:
        contestants = contestants + where(s, [":" + s.name + "_contestant"], [])
    cc_binary(
        name = "campaign",
        testonly = True,
        srcs = ["campaign.cc"],
        tags = ["manual"],
        deps = contestants + [":controls", ":verify", "@nlohmann_json//:json"],
    )
    # All in one program, which costs only its linking. Alone on the machine: a thread that does not run has an empty
    # store buffer. Not under sanitizers, which order what they follow.
    cc_test(
        name = "litmus_test",
        size = "medium",
        srcs = ["litmus_test.cc"],
        tags = ["exclusive", "linearizability"],
        target_compatible_with = not_under(*SANITIZERS),
        deps = contestants + [":controls", ":verify", "@com_google_googletest//:gtest_main"],
    )
    native.py_test(
        name = "figures_test",
        size = "small",
        srcs = ["figures_test.py"],
        args = [s.name for s in STRATEGIES],
        data = ["figures.json"],
    )
