# SPDX-License-Identifier: Apache-2.0
"""The questions of the study, one entry each, and how long each profile works on them.

An entry says what is varied (`axis`, or a list of named `cells`), what stays
fixed (`workload`), who competes (`contestants` against each of `baselines`),
which published claims the answer decides, and what each profile asks of it.
Effects are always contestant against baseline.

To add a question: add an entry to the file of its theme in catalogue/ and run
`bazel test //experiments/...`; the target //experiments:<name>, its form for
the other architecture and its section of the paper follow from it.

Fields of `axis`: `field` is a path into the workload ("keys.reuse",
"population", "keys.theta", "miss"), "mix.load" (the remainder of the mix goes to the
operation `rest`, or with "*" to all others in proportion), "threads" (its values are words, like `threads` of the others), or
"tunable:<name>" (replaces {} in the contestant). `values` are the seven screening
points of a sweep, or all values of a discrete axis.

A cell may restrict itself: `only` names those who take part in it, `regimes` some of the
question's regimes. It may state conditions (orchestrator/conditions.py): how its operations
are called (`call`), what pages memory has (`pages`).

Instead of having `baselines` a question may be `against` "by_hand": every contestant
meets itself in a loop written by hand (@direct). Its `reasons` say, by contestant, why the
harness costs one more than the bound where it does. Or "one_by_one": every contestant, which
is written with @load_batch, meets itself without.

`side_by_side` puts a table of each map's times in all cells into the paper, where they say what a size costs.

`apart` keeps a question to numbers of threads that share no core's cache, as far as the machine says. `control` says what
must show before it can tell anything there: that in `cell` a is at least `least` times as fast as b.

`rounds` makes its visits so many blocks on the same maps, after each of which these say what memory they hold: for what
drifts. Stationary regimes only.

`counts` turns what maps count by themselves into figures of the paper: by the name of a figure, the counter that it is an
operation. For stationary regimes.

`absolute` makes a figure of the time that an operation of each contestant takes on its thread (operation_ns), for what is
claimed in nanoseconds. Such times drift with the machine by some per cent, and maps are not compared by them.

`arrivals` makes a question one of latency (catalogue/latency.bzl); `most_visits` bounds the visits of a pair.

A profile is a dictionary of overrides, or a string: the reason why that
profile does not ask the question.
"""

load("//experiments:catalogue/ask.bzl", "ASK")
load("//experiments:catalogue/entries.bzl", "ENTRIES")
load("//experiments:catalogue/filling.bzl", "FILLING")
load("//experiments:catalogue/go_shapes.bzl", "GO_SHAPES")
load("//experiments:catalogue/harness.bzl", "HARNESS")
load("//experiments:catalogue/keys.bzl", "KEYS")
load("//experiments:catalogue/latency.bzl", "LATENCY")
load("//experiments:catalogue/mixes.bzl", "MIXES")
load("//experiments:catalogue/peers.bzl", "PEERS_IN_USE")
load("//experiments:catalogue/profiles.bzl", "PROFILES")
load("//experiments:catalogue/reuse.bzl", "REUSE")
load("//experiments:catalogue/scenarios.bzl", "SCENARIOS")
load("//experiments:catalogue/structure.bzl", "STRUCTURE")
load("//experiments:catalogue/threads.bzl", "THREADS")

# What an entry need not say when there is none: contestants kept out, required gains, published claims.
_NONE = {"excludes": [], "levels": [], "claims": []}

# In the order of the paper, which is also the order in which a budget serves them.
QUESTIONS = [
    dict(_NONE, **entry)
    for entry in REUSE + MIXES + FILLING + KEYS + ENTRIES + STRUCTURE + THREADS + LATENCY + PEERS_IN_USE + GO_SHAPES +
                 SCENARIOS + HARNESS
]

CATALOGUE = {"schema": 1, "profiles": PROFILES, "questions": QUESTIONS, "ask": ASK}
