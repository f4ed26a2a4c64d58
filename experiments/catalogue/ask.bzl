# SPDX-License-Identifier: Apache-2.0
"""What a question of a reader's own is given that does not say so itself (orchestrator/ask.py)."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FIXED_LISTS")
load("//experiments:catalogue/latency.bzl", "MORE", "RUNGS")
load("//experiments:catalogue/profiles.bzl", "PROFILES")

# Many maps are screened by short visits, one each, so that the time goes to the leading ones; an axis needs the screen of
# the other profiles.
_CELLS = dict(PROFILES["default"], budget_s = 150, seconds = 0.3, warmup_seconds = 0.1, screen_visits = 1)

ASK = {
    "cells": _CELLS,
    "arrivals": dict(_CELLS, budget_s = 300),
    "sweep": dict(PROFILES["default"], budget_s = 240),
    "baseline": "mutex_map",
    "contestants": EVERY_STRATEGY,
    "sweep_contestants": ["sync_map", "hash_trie_map", "sharded_map"],
    # A cell with arrivals.
    "rungs": dict(RUNGS, least_ms = 30, most_ms = 120),
    # One of a recording: as much of it as a visit has time for.
    "recorded": {"course": "recorded", "most_ms": 1500},
    "under_arrivals": MORE,
    "most_under_arrivals": 16,
    "excludes": COPIES_EVERYTHING + [
        {
            "strategy": name,
            "why": "its lists do not get more: with many keys an operation walks thousands of nodes",
        }
        for name in FIXED_LISTS
    ],
    "aa_visits": 2,
}
