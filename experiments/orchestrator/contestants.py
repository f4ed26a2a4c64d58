# SPDX-License-Identifier: Apache-2.0
"""Contestants: strategies as they are entered in a comparison, and what they are fit for.

A contestant is written `name[:tunable=value[,tunable=value]][@batch][@load_batch][@reserve][@direct]`, for
instance `sharded_map:shards=256` or `snapshot_map@batch`. `{}` as a value is filled from a tunable axis.
"""

import dataclasses
import re
from typing import Any

from experiments.orchestrator.errors import UserError, unknown

_FORM = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(:(?P<tunables>[^@]+))?"
                   r"(?P<batch>@batch)?(?P<load_batch>@load_batch)?(?P<reserve>@reserve)?(?P<direct>@direct)?")
LOAD_BATCH = "@load_batch"  # loads handed to the map sixteen at a time
DIRECT = "@direct"  # the strategy in a loop by hand, which tells what the harness costs
_BY_HAND = frozenset({"load", "store", "load_or_store", "delete"})  # what that loop plays
_TUNABLE = re.compile(r"(?P<name>[a-z][a-z0-9_]*)=(?P<value>-?[0-9]+|\{\})")


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A parsed contestant. `tunables` keeps the order written."""

    name: str
    tunables: tuple[tuple[str, str], ...] = ()
    batch: bool = False
    load_batch: bool = False
    reserve: bool = False
    direct: bool = False

    def __str__(self) -> str:
        tail = ",".join(f"{name}={value}" for name, value in self.tunables)
        return self.name + (f":{tail}" if tail else "") + ("@batch" if self.batch else "") + (
            LOAD_BATCH if self.load_batch else "") + ("@reserve" if self.reserve else "") + (DIRECT if self.direct else "")


def parse(spec: str) -> Contestant:
    """Reads a contestant. Raises UserError."""
    form = _FORM.fullmatch(spec)
    if not form:
        raise UserError(f"{spec!r} is not a contestant; write name[:tunable=value,...][@batch][@load_batch][@reserve][@direct], "
                        "for instance sharded_map:shards=64.")
    tunables = []
    for part in (form["tunables"] or "").split(",") if form["tunables"] else ():
        tunable = _TUNABLE.fullmatch(part)
        if not tunable:
            raise UserError(f"{part!r} in {spec!r} is not a tunable; write tunable=integer.")
        if tunable["name"] in dict(tunables):
            raise UserError(f"{spec!r} gives {tunable['name']} twice; leave one out.")
        tunables.append((tunable["name"], tunable["value"]))
    return Contestant(form["name"], tuple(tunables), *(form[mode] is not None for mode in (
        "batch", "load_batch", "reserve", "direct")))


def strategy_of(spec: str) -> str:
    """The strategy's name in a contestant that is known to be well-formed."""
    return re.split("[:@]", spec, maxsplit=1)[0]


def check(spec: str, strategies: dict[str, dict[str, Any]]) -> None:
    """Raises UserError unless the strategy and its tunables exist and are in range.

    `strategies`: name -> what the worker's --describe says of it.
    """
    contestant = parse(spec)
    if contestant.name not in strategies:
        raise unknown("strategy", contestant.name, strategies)
    known = {t["name"]: t for t in strategies[contestant.name].get("tunables", ())}
    for name, value in contestant.tunables:
        if name not in known:
            raise unknown(f"tunable of {contestant.name}", name, known)
        low, high = known[name]["min"], known[name]["max"]
        if value != "{}" and not low <= int(value) <= high:
            raise UserError(f"{name}={value} of {contestant.name} is out of range; "
                            f"give {low} to {high}.")


def misplaced(spec: str, traits: dict[str, Any], workload: dict[str, Any], regimes: list[str]) -> str | None:
    """Why @batch, @load_batch, @reserve or @direct mean nothing here, or None when they do or are not there."""
    contestant, unsupported = parse(spec), traits.get("unsupported", ())
    if contestant.direct and (contestant.batch or contestant.load_batch or contestant.reserve):
        return "@direct is a loop by hand, without batches and reserved room; leave one of them out"
    if contestant.direct and (not set(workload.get("mix", ())) <= _BY_HAND
                              or any(workload.get(f, "u64") != "u64" for f in ("key_type", "value_type"))
                              or workload.get("key_layout", "mixed") != "mixed"):
        return "@direct is a loop by hand over mixed integer keys that loads, stores and deletes; leave @direct out"
    if contestant.batch and workload.get("value_type", "u64") != "u64":
        return "@batch lays out the values of all batches beforehand, which is for 64-bit ones; leave @batch out"
    if contestant.batch and not workload.get("mix", {}).get("store"):
        return "@batch applies runs of stores together, and nothing is stored here; leave @batch out"
    if contestant.load_batch and (set(workload.get("mix", ())) != {"load"} or is_wide(workload)
                                  or workload.get("key_type", "u64") != "u64"):
        return ("@load_batch hands loads to the map together, of integer keys, with 64-bit values, under the study's hash "
                "and where all operations are loads; leave @load_batch out")
    if contestant.reserve and all(regime == "stationary" for regime in regimes):
        return "@reserve makes room in an empty map, and no map starts empty here; leave @reserve out"
    for asked, op, mode in ((contestant.batch, "store_batch", "@batch"), (contestant.reserve, "reserve", "@reserve")):
        if asked and op in unsupported:
            return f"it does not support {op}; leave {mode} out"
    return None


def _loads_of_changing_keys(workload: dict[str, Any]) -> bool:
    mix = workload.get("mix", {})
    stays = (workload.get("regime", "stationary") == "stationary" and workload.get("prefill", "auto") in ("auto", 1)
             and workload.get("keys", {}).get("stream") != "krr"
             and not any("delete" in op for op in mix))
    return "load" in mix and not stays


def types_of(workload: dict[str, Any]) -> str:
    """The types that a workload needs, as in the worker's own description (worker/types.h): u64>u64#mixed, and
    u64@laid_out>u64#mixed with keys that are not mixed."""
    value = workload.get("value_type", "u64")
    hash_name = workload.get("hash", "mixed")
    laid_out = "@laid_out" if workload.get("key_layout", "mixed") != "mixed" else ""
    return (f"{workload.get('key_type', 'u64')}{laid_out}>{value}{workload['value_bytes'] if value == 'inline' else ''}"
            f"#{'std' if hash_name == 'identity' else hash_name}")


def is_wide(workload: dict[str, Any]) -> bool:
    """Whether the wide worker measures it: values other than words, another hash than the study's, or keys not mixed."""
    return workload.get("value_type", "u64") != "u64" or any(workload.get(f, "mixed") != "mixed" for f in ("hash", "key_layout"))


def is_reference(traits: dict[str, Any]) -> bool:
    """Whether the strategy is no map: it finds nothing, and only tells what maps can be held against."""
    return not traits.get("returns_results", True)


def thread_limit(traits: dict[str, Any], threads: int) -> str | None:
    """The limit that so many threads would break, in words, or None."""
    limit = traits.get("max_threads", 0)
    return f"it is limited to {limit} thread{'s' if limit > 1 else ''}" if limit and threads > limit else None


def _not_compiled(traits: dict[str, Any], workload: dict[str, Any]) -> str:
    value, length = workload.get("value_type", "u64"), workload.get("value_bytes")
    asked = [] if value == "u64" else [f"{value} values" + (f" of {length} bytes" if value == "inline" else "")]
    asked += [f"the hash {workload['hash']}"] if workload.get("hash", "mixed") != "mixed" else []
    asked += [f"{workload['key_layout'].replace('_', ' ')} keys"] if workload.get("key_layout", "mixed") != "mixed" else []
    asked += [f"{workload['key_type']} keys"] if workload.get("key_type", "u64") != "u64" else []
    if not any(">u64#mixed" not in t for t in traits["types"]):
        return f"it is compiled for 64-bit values and mixed keys under the study's hash only, not for {' with '.join(asked)}"
    return f"it is not compiled for {' with '.join(asked)}"


def unfit(traits: dict[str, Any], workload: dict[str, Any], threads: int) -> str | None:
    """Why the strategy with these traits cannot run the workload, or None when it can, as a reference can play every tape
    of operations that it has."""
    scenario = workload.get("scenario", {}).get("name")
    if scenario and scenario not in traits.get("scenarios", ()):
        return f"it is not compiled for the scenario {scenario.replace('_', ' ')}, or lacks an operation of it"
    if is_reference(traits):
        lacks = not scenario and set(traits.get("unsupported", ())) & set(workload.get("mix", ()))
        return traits.get("unsupported_reason") or "it is no map" if lacks else None
    if not traits.get("keeps_every_key", True):
        return "it may evict keys, so its results cannot be held against a complete map's"
    key_type, types = workload.get("key_type", "u64"), types_of(workload)
    if is_wide(workload) and types not in traits.get("types", (types,)):
        return _not_compiled(traits, workload)
    if key_type not in traits.get("key_types", (key_type,)):
        return f"it does not take {key_type} keys"
    if not traits.get("linearizable", True) and _loads_of_changing_keys(workload):
        return "it may miss the latest stores, so its loads of keys that come and go cannot be checked"
    needed = set(workload.get("mix", ())) | ({"reserve"} if workload.get("regime") == "reserved" else set())
    missing = sorted(set(traits.get("unsupported", ())) & needed)
    if missing:
        reason = traits.get("unsupported_reason") or "its design has no atomic form of it"
        return f"it does not support {', '.join(missing)}: {reason}"
    limit = thread_limit(traits, threads)
    return f"{limit} and the question needs {threads}" if limit else None
