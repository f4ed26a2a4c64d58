# SPDX-License-Identifier: Apache-2.0
"""Targets that a sanitizer cannot check."""

# Each has a config_setting in BUILD and a constraint in platforms/BUILD.
SANITIZERS = ["address", "thread", "undefined"]

def not_under(*sanitizers):
    """The target_compatible_with of a target that is skipped under some sanitizers.

    Args:
      *sanitizers: of SANITIZERS.

    Returns:
      A list, to which others may be added.
    """
    result = []

    # A select() of its own for each, as a build may have two of them.
    for name in sanitizers:
        result = result + select({
            "//tools:%s_sanitizer" % name: ["//tools/platforms:not_under_" + name],
            "//conditions:default": [],
        })
    return result
