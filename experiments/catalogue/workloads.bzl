# SPDX-License-Identifier: Apache-2.0
"""Workloads of which several entries have one, with this or that changed."""

# Requests for keys of which a given share was asked for before, on a map that
# starts empty: LoadOrStore's own definition of reuse. The number of requests
# is drawn from one doubling above `ops` for every block; with a fixed number
# the reuse rate would set the final size, and table growth would pass for a
# threshold.
def krr(ops):
    return {
        "keys": {"stream": "krr", "reuse": 0.5, "choice": "uniform", "sharing": "private"},
        "mix": {"load_or_store": 100},
        "regime": "growth",
        "ops": ops,
        "key_type": "u64",
        "value_type": "u64",
    }

# Reads and overwrites of keys that are all present: nothing is inserted, so
# the map keeps its size and every load hits.
def present(population, reads, theta = 0.0):
    keys = {"stream": "zipf", "theta": theta} if theta else {"stream": "uniform"}
    mix = {}
    if reads > 0:
        mix["load"] = reads
    if reads < 100:
        mix["store"] = 100 - reads
    return {
        "keys": keys,
        "mix": mix,
        "population": population,
        "prefill": 1.0,
        "regime": "stationary",
        "ops": 0,
        "key_type": "u64",
        "value_type": "u64",
    }

# present at every size, share of writes in percent. `keys` is what the size is called.
def present_cells(sizes, writes):
    return [
        {
            "name": "keys_%s_writes_%d" % (keys.lower(), w),
            "title": "%s keys, %s" % (keys, "%d %% writes" % w if w else "reads only"),
            "workload": present(population, 100 - w),
        }
        for keys, population in sizes
        for w in writes
    ]

# Keys drawn uniformly from `population`, of which as many are present as the mix keeps there: inserting / (inserting +
# deleting). Loads hit as often.
def steady(population, mix):
    return {
        "keys": {"stream": "uniform"},
        "mix": mix,
        "population": population,
        "prefill": "auto",
        "regime": "stationary",
        "ops": 0,
        "key_type": "u64",
        "value_type": "u64",
    }

# New keys only. 7 071 to 14 141 of them, log-uniform: 10 000 in the geometric
# mean, jittered for the reason given at krr.
def fill(key_type):
    workload = {
        "keys": {"stream": "sequential_new"},
        "mix": {"store": 100},
        "regime": "growth",
        "ops": 7071,
        "key_type": key_type,
        "value_type": "u64",
    }
    if key_type == "string":
        workload["key_bytes"] = 32
    return workload
