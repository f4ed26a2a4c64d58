# SPDX-License-Identifier: Apache-2.0
"""The profiles: how long a run is, and how long it works on one visit."""

# How long slices last, from the milliseconds of one thread: as much again for every doubling of the threads, up to
# eight threads and for all numbers beyond. Under contention a thread has its turn more rarely the more threads there
# are, and a slice should see every thread have many. Threads that share a CPU wait for whole quanta of the scheduler.
def _slices(one_thread_ms):
    return {
        "doublings": [one_thread_ms * i for i in [1, 2, 3, 4]],
        "oversubscribed": 20 * one_thread_ms,
    }

# What every question gets from a profile. Times in seconds.
PROFILES = {
    # The whole pipe, report and other architecture included, in 90 s. Its
    # numbers are too few to decide anything and the paper says so.
    "smoke": {
        "budget_s": 90,
        "seconds": 0.05,
        "warmup_seconds": 0.02,
        "slice_ms": _slices(1),
        "screen_visits": 1,
        "cell_visits": 1,
        "pair_visits": 0,
        "level_visits": 0,
        "gate_wait_s": 0,
    },
    # Ten minutes: fewer questions, answered properly.
    "default": {
        "budget_s": 600,
        "seconds": 0.6,
        "warmup_seconds": 0.2,
        "slice_ms": _slices(10),
        "screen_visits": 3,
        "cell_visits": 60,
        "pair_visits": 60,
        "level_visits": 80,
        "gate_wait_s": 2,
    },
    # An hour: every question, its main contestants.
    "hour": {
        "budget_s": 3600,
        "seconds": 0.6,
        "warmup_seconds": 0.2,
        "slice_ms": _slices(10),
        "screen_visits": 3,
        "cell_visits": 60,
        "pair_visits": 60,
        "level_visits": 80,
        "gate_wait_s": 5,
    },
    # Everything, for as long as it takes.
    "full": {
        "budget_s": 6 * 3600,
        "seconds": 0.6,
        "warmup_seconds": 0.2,
        "slice_ms": _slices(10),
        "screen_visits": 3,
        "cell_visits": 60,
        "pair_visits": 60,
        "level_visits": 100,
        "gate_wait_s": 30,
    },
}
