# SPDX-License-Identifier: Apache-2.0
"""What a mutant is: one mistake, planted in one header by replacing text."""

def mutant(name, strategy, file, find, replace, what, killed_by = None, survives = None, hash = "good"):
    """One mistake.

    Args:
      name: what it is called, unique among the mutants of its strategy.
      strategy: the strategy of maps/strategies.bzl that is run with it.
      file: the header it is planted in, from maps/ on.
      find: the text that is replaced; occurs exactly once in the file.
      replace: what stands there instead.
      what: the mistake, in one sentence.
      killed_by: the rung that must find it (RUNGS in mutants.bzl).
      survives: instead of killed_by, why no rung here can find it.
      hash: the hash function of the keys: "good", "truncated" or "constant" as in the conformance kit.

    Returns:
      A struct with these fields.
    """
    if (killed_by == None) == (survives == None):
        fail("%s: give killed_by or survives" % name)
    return struct(
        name = name,
        strategy = strategy,
        file = file,
        find = find,
        replace = replace,
        what = what,
        killed_by = killed_by or "",
        survives = survives or "",
        hash = hash,
    )
