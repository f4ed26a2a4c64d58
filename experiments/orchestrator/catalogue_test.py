# SPDX-License-Identifier: Apache-2.0
"""The catalogue is sound, and narrowing it does what the command line promises."""

import copy
import json
import unittest

from experiments.orchestrator import catalogue, conditions, contestants
from experiments.orchestrator.errors import UserError
from experiments.testing import machines, support

QUESTIONS = ["reuse_threshold", "churn", "read_dirty_internals", "churn_rounds",
             "read_share", "standard_cells", "read_heavy", "exchange", "rapid_grow", "deletes", "misses",
             "batch_init",
             "key_count", "million_strings", "skew", "hybrid",
             "value_sizes", "string_keys", "hashes",
             "shards", "memory_order", "fast_path", "home_design", "reclamation", "placement", "batcher",
             "threads",
             "order_service", "growth_stall", "deferred_rehash", "load_shapes", "reclamation_pause",
             "peers", "huge_pages", "load_batch",
             "go_shapes",
             "iteration", "reconciliation", "stock_reservation", "session_cache", "config_reload", "expensive_values",
             "tasks", "loadorstore_cost", "false_sharing", "checked_misuse", "batch_delay",
             "call_boundary", "harness_price"]
# Fields that workloads/spec.h knows; an unknown one would stop the worker.
WORKLOAD_FIELDS = {"keys", "mix", "population", "prefill", "regime", "ops", "key_type", "key_bytes", "value_type",
                   "value_bytes", "key_layout", "key_stride", "hash", "miss", "start", "scenario"}
KEY_FIELDS = {"uniform": set(), "zipf": {"theta"}, "sequential_new": set(),
              "krr": {"reuse", "choice", "sharing"}, "hot_set": {"hot_fraction", "hot_share"}}


class Entries(unittest.TestCase):

    def setUp(self):
        self.catalogue = support.real_catalogue()

    def test_is_sound(self):
        self.assertEqual(catalogue.problems(self.catalogue), [])
        self.assertEqual(self.catalogue.names(), QUESTIONS)

    def test_strategies_exist(self):
        known = set(support.generated("strategies.json"))
        for q in self.catalogue.questions:
            overrides = [o for o in q["profiles"].values() if isinstance(o, dict)]
            for entry in [q, *overrides]:
                for spec in [*entry.get("baselines", []), *entry.get("contestants", [])]:
                    if spec != catalogue.EVERY_STRATEGY:
                        self.assertIn(contestants.strategy_of(spec), known, q["name"])
            for item in q["excludes"]:
                self.assertIn(item["strategy"], known)

    def test_sweeps_screen_seven_points_over_the_whole_range(self):
        for q in self.catalogue.questions:
            if q["kind"] == "sweep":
                self.assertEqual(len(q["axis"]["values"]), 7, q["name"])
                self.assertEqual(q["axis"]["values"][0], q["axis"]["lo"])
                self.assertEqual(q["axis"]["values"][-1], q["axis"]["hi"])

    def test_workloads_have_only_fields_the_worker_knows(self):
        for profile in ("smoke", "full"):
            for q in support.narrow(profile).questions:
                for workload in _expanded(q):
                    self.assertLessEqual(set(workload), WORKLOAD_FIELDS)
                    keys = dict(workload["keys"])
                    self.assertEqual(set(keys), KEY_FIELDS[keys.pop("stream")] | {"stream"})
                    self.assertAlmostEqual(sum(workload["mix"].values()), 100)

    def test_every_profile_asks_or_says_why(self):
        smoke, full = support.narrow("smoke"), support.narrow("full")
        self.assertEqual([q["name"] for q in smoke.questions], QUESTIONS)
        self.assertEqual([q["name"] for q in full.questions], QUESTIONS)
        default = support.narrow("default")
        self.assertEqual({q["name"] for q in default.questions} | {n["question"] for n in default.not_asked},
                         set(QUESTIONS))
        for item in default.not_asked:
            self.assertIn("--only " + item["question"], item["why"])

    def test_levels_and_claims(self):
        level = self.catalogue.questions[0]["levels"][0]
        self.assertEqual((level["speedup"], level["claimed"], level["tolerance"]), (1.47, 0.83, 0.02))

    def test_problems_are_found(self):
        def broken(change):
            questions = copy.deepcopy(self.catalogue.questions)
            change(questions[0])
            return " ".join(catalogue.problems(catalogue.Catalogue(self.catalogue.profiles, questions)))

        self.assertIn("do not ascend", broken(lambda q: q["axis"]["values"].reverse()))
        self.assertIn("outside lo to hi", broken(lambda q: q["axis"].update(hi=0.5)))
        self.assertIn("malformed claim", broken(lambda q: q["claims"].append("C1")))
        self.assertIn("sums to 99", broken(lambda q: q["workload"].update(mix={"load": 99})))
        self.assertIn("lacks prose", broken(lambda q: q.pop("prose")))
        self.assertIn("unknown kind", broken(lambda q: q.update(kind="scan")))
        self.assertIn("unknown field 'thread'", broken(lambda q: q["profiles"]["smoke"].update(thread=[1])))
        self.assertIn("neither asks", broken(lambda q: q["profiles"].update(smoke=None)))
        self.assertIn("did you mean 'half'", broken(lambda q: q["threads"].append("haf")))
        self.assertIn("0 threads", broken(lambda q: q["profiles"]["smoke"].update(threads=["0"])))
        self.assertIn("write it as a word", broken(lambda q: q["threads"].append(2)))
        self.assertIn("not a contestant", broken(lambda q: q["contestants"].append("Sync Map")))

        def cell(**fields):
            return broken(lambda q: q.update(kind="cells", cells=[{"name": "x", "workload": q["workload"], **fields}]))

        self.assertIn("in its cell x only 'sink_map', which is neither", cell(only=["sink_map"]))
        self.assertIn("its cell x in the regime 'stationary', which is none", cell(regimes=["stationary"]))
        self.assertEqual(cell(only=["sync_map", "mutex_map"], regimes=["growth"]), "")

    def test_json_is_plain(self):
        json.dumps(support.generated("catalogue.json"), allow_nan=False)


def _expanded(q):
    for regime in q["regimes"]:
        if q["kind"] == "cells":
            yield from (catalogue.resolve(q, None, cell, regime) for cell in catalogue.cells_in(q, regime))
        else:
            yield from (catalogue.resolve(q, v, None, regime) for v in q["axis"]["values"])


class Resolve(unittest.TestCase):

    def setUp(self):
        self.by_name = {q["name"]: q for q in support.narrow("full").questions}

    def test_fields(self):
        reuse = catalogue.resolve(self.by_name["reuse_threshold"], 0.83, None, "reserved")
        self.assertEqual((reuse["keys"]["reuse"], reuse["regime"]), (0.83, "reserved"))
        keys = catalogue.resolve(self.by_name["key_count"], 4642.0, None, "stationary")
        self.assertEqual((keys["population"], type(keys["population"])), (4642, int))
        self.assertEqual(catalogue.resolve(self.by_name["skew"], 1.2, None, "stationary")["keys"]["theta"], 1.2)

    def test_the_rest_of_the_mix(self):
        share = self.by_name["read_share"]
        self.assertEqual(catalogue.resolve(share, 95.7, None, "stationary")["mix"], {"load": 95.7, "store": 4.3})
        self.assertEqual(catalogue.resolve(share, 100, None, "stationary")["mix"], {"load": 100})

    def test_the_entry_is_not_changed(self):
        before = copy.deepcopy(self.by_name["reuse_threshold"])
        catalogue.resolve(self.by_name["reuse_threshold"], 0.1, None, "growth")
        self.assertEqual(self.by_name["reuse_threshold"], before)

    def test_tunable(self):
        q = self.by_name["shards"]
        self.assertEqual(catalogue.fill("sharded_map:shards={}", q, 64.0), "sharded_map:shards=64")
        self.assertEqual(catalogue.fill("mutex_map", q, 64.0), "mutex_map")


class Narrow(unittest.TestCase):

    def test_only_asks_what_the_profile_would_not(self):
        asked = support.narrow(only=["skew"])
        self.assertEqual([q["name"] for q in asked.questions], ["skew"])
        self.assertEqual(len(asked.not_asked), len(QUESTIONS) - 1)

    def test_cells_that_a_profile_leaves_out_are_named(self):
        why = [s["why"] for s in support.narrow("default").skipped if s["question"] == "standard_cells"]
        self.assertTrue(any("uniform_read" in w for w in why), why)
        self.assertFalse(any("leaves out" in s["why"] for s in support.narrow("full").skipped))

    def test_what_a_profile_leaves_out_is_said_in_one_line_by_family(self):
        asked = support.narrow("hour")
        said = {q["name"]: [s["why"] for s in asked.skipped if s["question"] == q["name"] and "family" in s["why"]]
                for q in asked.questions}
        self.assertEqual(len(said["read_share"]), 1)
        self.assertRegex(said["read_share"][0], r"the profile hour leaves out [0-9]+ maps: .*[0-9]+ of the family lock")
        self.assertEqual(said["fast_path"], [])  # nobody is left out
        count = int(said["read_share"][0].split("leaves out ")[1].split()[0])
        taking = {contestants.strategy_of(c) for q in support.narrow("full", only=["read_share"], threads=["2"]).questions
                  for c in q["contestants"]}
        mine = next(q for q in asked.questions if q["name"] == "read_share")
        self.assertEqual(count, len(taking - {contestants.strategy_of(c) for c in mine["contestants"] + mine["baselines"]}))
        self.assertFalse([s for s in support.narrow("full").skipped if "leaves out" in s["why"]])

    def test_cells_have_only_those_whom_they_name(self):
        asked = support.narrow("smoke", only=["memory_order"])  # one cell, of sync_map
        q = asked.questions[0]
        self.assertEqual((q["baselines"], q["contestants"]), (["sync_map_seq_cst"], ["sync_map", "sync_map_acq_rel"]))
        why = {s["contestant"]: s["why"] for s in asked.skipped}
        self.assertIn("none of the cells", why["snapshot_map"])
        self.assertFalse(catalogue.takes_part(q, "mutex_map", "read_share_90"))
        self.assertTrue(catalogue.takes_part(q, "mutex_map", None))
        shapes = support.narrow("full", only=["go_shapes"]).questions[0]
        growing, steady = (catalogue.cells_in(shapes, regime) for regime in ("growth", "stationary"))
        self.assertIn("load_or_store_unique", growing)
        self.assertFalse(set(growing) & set(steady))
        self.assertEqual(len(growing) + len(steady), len(shapes["cells"]))

    def test_unknown_question_gets_the_nearest(self):
        with self.assertRaisesRegex(UserError, "did you mean 'reuse_threshold'"):
            support.narrow(only=["reuse_treshold"])

    def test_every_strategy_takes_part_and_the_unfit_are_skipped_with_a_reason(self):
        asked = support.narrow("full")
        reuse = asked.questions[0]
        self.assertIn("sharded_map_packed", reuse["contestants"])
        self.assertIn("unsynchronised_map", reuse["contestants"])
        self.assertNotIn("null", reuse["contestants"])
        self.assertNotIn("snapshot_map", reuse["contestants"])
        why = {s["contestant"]: s["why"] for s in asked.skipped if s["question"] == "reuse_threshold"}
        self.assertIn("copies the whole map", why["snapshot_map"])
        self.assertIn("harness", why["null"])
        self.assertIn("no map", why["line_touch"])

    def test_a_reference_takes_part_only_where_it_is_named(self):
        asked = {q["name"]: q for q in support.narrow("full").questions}
        self.assertIn("line_touch", asked["peers"]["contestants"])
        self.assertNotIn("line_touch", asked["read_share"]["contestants"])

    def test_a_strategy_that_the_question_does_not_list_joins(self):
        asked = support.narrow(only=["read_share"], strategies=["sharded_map:shards=256", "sync_map"])
        self.assertEqual(asked.questions[0]["contestants"], ["sync_map", "sharded_map:shards=256"])

    def test_unknown_strategy_and_tunable(self):
        with self.assertRaisesRegex(UserError, "did you mean 'sync_map'"):
            support.narrow(strategies=["sink_map"])
        with self.assertRaisesRegex(UserError, "unknown tunable of sharded_map"):
            support.narrow(strategies=["sharded_map:shard=3"])
        with self.assertRaisesRegex(UserError, "out of range"):
            support.narrow(strategies=["sharded_map:shards=0"])

    def test_nothing_left(self):
        with self.assertRaisesRegex(UserError, "no question is left"):
            support.narrow(only=["reuse_threshold"], strategies=["snapshot_map"])

    def threads_of(self, name, question, profile="full"):
        asked = support.narrow(profile, machine=machines.machine(name), only=[question])
        return catalogue.thread_counts(asked.questions[0]), asked

    def test_what_needs_caches_of_their_own_is_not_asked_of_threads_that_share_one(self):
        for name, counts in (("laptop", [2, 4]), ("cores2", [2]), ("vm", [2]), ("cores16", [2, 8, 16])):
            self.assertEqual(self.threads_of(name, "false_sharing")[0], counts, name)
        shared = {"files": {"0-1": {"cache/index0/level": "1", "cache/index0/type": "Data", "cache/index0/shared_cpu_list": "0-1"}}}
        for machine in (machines.machine("one_core"), machines.machine("vm", **shared)):
            asked = support.narrow("full", machine=machine)
            self.assertNotIn("false_sharing", [q["name"] for q in asked.questions])
            why, = (n["why"] for n in asked.not_asked if n["question"] == "false_sharing")
            self.assertIn("cannot be shown here with 2 threads: this process may use 1 CPU with a first-level cache of its own", why)
        asked = support.narrow("full", only=["false_sharing"], threads=["1", "4", "8"], machine=machines.machine("laptop"))
        self.assertEqual(asked.questions[0]["threads"], [4])
        self.assertTrue(any("cannot be shown here with 8 threads" in s["why"] for s in asked.skipped), asked.skipped)

    def test_words_in_place_of_maps_take_part_in_their_question_alone(self):
        asked = {q["name"]: q for q in support.narrow("full").questions}
        self.assertEqual(asked["false_sharing"]["contestants"], ["apart_64", "apart_128"])
        self.assertNotIn("apart_64", asked["read_share"]["contestants"])
        with self.assertRaisesRegex(UserError, "apart_64 takes part in no question that is asked"):
            support.narrow(only=["read_share"], strategies=["apart_64", "sync_map"])
        self.assertIn("it is not compiled for the scenario", contestants.unfit(
            support.DESCRIBED["null"], {"scenario": {"name": "tasks"}, "mix": {"load": 100}}, 2))

    def test_the_machine_decides_the_numbers_of_threads(self):
        for name, counts, sweep in (
                ("cores2", [1, 2], [1, 2, 4]), ("laptop", [1, 2, 4], [1, 2, 4, 8, 16]),
                ("server", [1, 2, 16, 32], [1, 2, 4, 8, 16, 32, 64, 128]),
                ("arm", [1, 2, 64, 128], [1, 2, 4, 8, 16, 32, 64, 128, 256]),
                ("hybrid", [1, 2, 7, 14], [1, 2, 4, 8, 14, 20, 40]), ("vm", [1, 2], [1, 2, 4]),
                ("one_core", [1, 2], [1, 2, 4])):
            self.assertEqual(self.threads_of(name, "skew")[0], counts, name)
            _, asked = self.threads_of(name, "threads")
            axis = asked.questions[0]["axis"]
            self.assertEqual((axis["values"], axis["lo"], axis["hi"]), (sweep, sweep[0], sweep[-1]), name)

    def test_the_default_asks_one_thread_and_all_cores(self):
        for name, all_cores in (("cores2", 2), ("cores16", 16), ("arm", 128)):
            asked = support.narrow(machine=machines.machine(name))
            self.assertEqual({n for q in asked.questions for n in catalogue.thread_counts(q)}, {1, all_cores})

    def test_what_does_not_exist_here_is_left_out_and_said(self):
        _, asked = self.threads_of("arm", "threads")
        self.assertEqual([s["why"] for s in asked.skipped if s["contestant"] == "all"],
                         ["not asked with smt threads: no core that this process may use has a second hardware thread"])
        one = machines.machine("vm", allowed="1")
        asked = support.narrow("full", machine=one)
        self.assertEqual(asked.questions[0]["threads"], [1])
        why = [s["why"] for s in asked.skipped if s["question"] == "reuse_threshold" and s["contestant"] == "all"]
        self.assertIn("2 threads want as many cores and this process may use 1", why[0])
        self.assertIn("half of one core is none", why[0])
        self.assertEqual(self.threads_of("vm", "read_share", "default")[0], [2])
        self.assertIn([1], [q["threads"] for q in support.narrow(machine=one).questions if q["name"] == "read_share"])

    def test_threads_replace(self):
        asked = support.narrow(only=["read_share", "threads"], threads=["4", "1"])
        self.assertEqual(asked.questions[0]["threads"], [1, 4])
        self.assertEqual(asked.questions[1]["axis"]["values"], [1, 4])
        asked = support.narrow(only=["read_share"], threads=["powers", "smt", "24"], machine=machines.machine("cores16"))
        self.assertEqual(asked.questions[0]["threads"], [1, 2, 4, 8, 16, 24, 32])
        with self.assertRaisesRegex(UserError, "--threads smt names no number of threads here: no core"):
            support.narrow(threads=["1", "smt"])
        with self.assertRaisesRegex(UserError, "2x is 384 threads here and the worker runs at most 256"):
            support.narrow(threads=["2x"], machine=machines.machine(
                "arm", online="0-191", siblings=[str(c) for c in range(192)]))

    def test_a_place_for_a_value_is_filled_by_the_questions_that_have_one(self):
        for only in (None, ["shards"], ["shards", "skew"]):
            q = next(q for q in support.narrow(only=only, strategies=["sharded_map:shards={}"]).questions if q["name"] == "shards")
            self.assertEqual(q["contestants"], ["sharded_map:shards={}"])
        with self.assertRaisesRegex(UserError, "no question that is asked fills"):
            support.narrow(only=["skew"], strategies=["sharded_map:shards={}"])

    def test_three_reasons_are_enough(self):
        with self.assertRaises(UserError) as refused:
            support.narrow("full", strategies=["unsynchronised_map"], threads=["2"])
        said = str(refused.exception)
        self.assertRegex(said, r"^no question is left to ask \(reuse_threshold: .*; churn: .*; read_dirty_internals: .*; and \d+ more\); see --list\.$")
        self.assertNotIn("standard_cells", said)

    def test_types_that_are_not_compiled(self):
        workload = {"mix": {"load": 100}, "value_type": "string"}
        self.assertEqual(contestants.unfit({"types": ["u64>u64#mixed", "u64>inline64#mixed"]}, workload, 1),
                         "it is not compiled for string values")
        self.assertEqual(contestants.unfit({"types": ["u64>u64#mixed"]}, workload, 1),
                         "it is compiled for 64-bit values and mixed keys under the study's hash only, not for string values")
        self.assertIsNone(contestants.unfit({"types": ["u64>u64#mixed", "u64>string#mixed"]}, workload, 1))

    def test_unfit(self):
        traits = {"unsupported": ["swap"], "unsupported_reason": "one word", "max_threads": 1}
        self.assertIn("swap: one word", contestants.unfit(traits, {"mix": {"swap": 100}}, 1))
        self.assertIn("1 thread ", contestants.unfit(traits, {"mix": {"load": 100}}, 2))
        self.assertIsNone(contestants.unfit(traits, {"mix": {"load": 100}}, 1))
        self.assertIn("reserve", contestants.unfit({"unsupported": ["reserve"]}, {"mix": {}, "regime": "reserved"}, 1))
        self.assertIsNone(contestants.unfit({"unsupported": ["reserve"]}, {"mix": {}, "regime": "growth"}, 1))
        self.assertIn("string keys", contestants.unfit({"key_types": ["u64"]}, {"mix": {}, "key_type": "string"}, 1))
        self.assertIn("evict", contestants.unfit({"keeps_every_key": False}, {"mix": {}}, 1))
        self.assertIsNone(contestants.unfit({"key_types": ["u64"]}, {"mix": {"load": 100}}, 1))

    def test_a_map_that_lags_is_fit_where_no_key_comes_or_goes(self):
        traits = {"linearizable": False}
        stays = {"mix": {"load": 90, "store": 10}, "regime": "stationary", "keys": {"stream": "uniform"}}
        self.assertIsNone(contestants.unfit(traits, stays, 2))
        self.assertIsNone(contestants.unfit(traits, {**stays, "regime": "growth", "mix": {"load_or_store": 100}}, 2))
        for change in ({"regime": "growth"}, {"prefill": 0.5}, {"keys": {"stream": "krr"}},
                       {"mix": {"load": 50, "store": 25, "delete": 25}}):
            self.assertIn("miss", contestants.unfit(traits, {**stays, **change}, 2), change)

    def test_contestants_round_trip(self):
        for spec in ("sync_map", "sharded_map:shards=64", "snapshot_map@batch", "mutex_map@reserve", "sharded_map:shards=4,x=1@batch@reserve",
                     "a@load_batch",
                     "sync_map@direct"):
            self.assertEqual(str(contestants.parse(spec)), spec)
        for spec in ("", "Sync", "sharded_map:", "sharded_map:shards", "a@b", "sharded_map:shards=x"):
            with self.assertRaises(UserError, msg=spec):
                contestants.parse(spec)


class ByHand(unittest.TestCase):
    """Questions in which every contestant meets itself in a loop by hand."""

    def setUp(self):
        self.asked = {q["name"]: q for q in support.narrow("full").questions}["harness_price"]

    def test_everybody_is_the_baseline_of_itself(self):
        self.assertEqual(self.asked["baselines"], [c + "@direct" for c in self.asked["contestants"]])
        self.assertIn("cache_line_map", self.asked["contestants"])
        for spec in self.asked["contestants"]:
            self.assertEqual(catalogue.rivals(self.asked, spec + "@direct"), [spec])

    def test_elsewhere_a_baseline_meets_all_others(self):
        q = {"contestants": ["a", "b", "c"], "baselines": ["b"]}
        self.assertEqual(catalogue.rivals(q, "b"), ["a", "c"])

    def test_strategies_can_be_chosen(self):
        q, = support.narrow(only=["harness_price"], strategies=["sync_map", "sharded_map:shards=64"]).questions
        self.assertEqual(q["contestants"], ["sync_map", "sharded_map:shards=64"])
        self.assertEqual(q["baselines"], ["sync_map@direct", "sharded_map:shards=64@direct"])

    def test_batches_of_loads_meet_the_same_map_key_by_key(self):
        q = {q["name"]: q for q in support.narrow("full").questions}["load_batch"]
        self.assertIn("cache_line_map@load_batch", q["contestants"])
        self.assertEqual(q["baselines"], [c.removesuffix("@load_batch") for c in q["contestants"]])
        for baseline in q["baselines"]:
            self.assertEqual(catalogue.rivals(q, baseline), [baseline + "@load_batch"])
        q, = support.narrow(only=["load_batch"], strategies=["sync_map", "mutex_map@load_batch"]).questions
        self.assertEqual(q["contestants"], ["mutex_map@load_batch", "sync_map@load_batch"])
        self.assertEqual(q["baselines"], ["mutex_map", "sync_map"])

    def test_batches_of_loads_are_of_loads_alone(self):
        loads = {"mix": {"load": 100}}
        self.assertIsNone(contestants.misplaced("a@load_batch", {}, loads, ["stationary"]))
        for other in ({"mix": {"load": 90, "store": 10}}, {**loads, "key_type": "string"}, {**loads, "hash": "std"},
                      {**loads, "value_type": "string"}):
            self.assertIn("leave @load_batch out", contestants.misplaced("a@load_batch", {}, other, ["stationary"]))
        self.assertIn("leave one of them out", contestants.misplaced("a@load_batch@direct", {}, loads, ["stationary"]))

    def test_a_loop_by_hand_has_its_limits(self):
        mix = {"mix": {"load_or_store": 50, "delete": 50}}
        self.assertIsNone(contestants.misplaced("a@direct", {}, mix, ["stationary"]))
        self.assertIn("by hand", contestants.misplaced("a@direct", {}, {"mix": {"swap": 100}}, ["stationary"]))
        self.assertIn("by hand", contestants.misplaced("a@direct", {}, {**mix, "key_type": "string"}, ["stationary"]))
        self.assertIn("leave one of them out", contestants.misplaced("a@reserve@direct", {}, mix, ["growth"]))

    def test_an_entry_has_baselines_or_is_against_itself(self):
        entry = next(q for q in support.real_catalogue().questions if q["name"] == "harness_price")
        profiles = support.real_catalogue().profiles
        for change in ({"baselines": ["mutex_map"]}, {"against": "by_foot"}):
            self.assertTrue(catalogue.problems(catalogue.Catalogue(profiles, [{**entry, **change}])), change)
        without = {name: value for name, value in entry.items() if name != "against"}
        self.assertTrue(catalogue.problems(catalogue.Catalogue(profiles, [without])))


class Calls(unittest.TestCase):
    """Cells whose operations are calls that compilers cannot look through."""

    def test_cells_say_how(self):
        q = {q["name"]: q for q in support.narrow("full").questions}["call_boundary"]
        self.assertEqual({conditions.of(q, c["name"]).get("call", "inlined") for c in q["cells"]}, {"inlined", "called"})
        inlined = [(c["workload"], c["name"].removesuffix("_inlined")) for c in q["cells"] if c["call"] == "inlined"]
        called = [(c["workload"], c["name"].removesuffix("_called")) for c in q["cells"] if c["call"] == "called"]
        self.assertEqual(inlined, called)
        self.assertEqual(conditions.of({"axis": {}}, None), {})

    def test_rounds_that_cannot_be_meant_are_refused(self):
        entry = next(q for q in support.real_catalogue().questions if q["name"] == "churn_rounds")
        profiles = support.real_catalogue().profiles
        self.assertEqual(catalogue.problems(catalogue.Catalogue(profiles, [entry])), [])
        for change in ({"regimes": ["growth"]}, {"regimes": ["stationary", "growth"]}, {"arrivals": {"course": "rungs"}}):
            self.assertTrue(any("has rounds, which go on with one map" in said for said in catalogue.problems(
                catalogue.Catalogue(profiles, [{**entry, **change}]))), change)

    def test_unknown_calls_and_strings_are_refused(self):
        entry = next(q for q in support.real_catalogue().questions if q["name"] == "call_boundary")
        profiles = support.real_catalogue().profiles
        for change in ({"call": "shouted"}, {"pages": "large"},
                       {"call": "called", "workload": {**entry["cells"][0]["workload"], "key_type": "string"}}):
            cells = [{**entry["cells"][0], **change}]
            self.assertRegex(catalogue.problems(
                catalogue.Catalogue(profiles, [{**entry, "cells": cells}]))[0], "inlined or called|asked, huge or small")


if __name__ == "__main__":
    unittest.main()
