# SPDX-License-Identifier: Apache-2.0
"""Windows of a visit become numbers over visits: slopes that were put in, what an event costs, and that none happened."""

import random
import types
import unittest

from report import conclude, pauses, quantities, reclamation
from report.claims import measured
from report.claims.model import CONTRADICTED, NOT_ASKED, SUPPORTED, Evidence
from report.stats import latency

QUESTION = {"name": "reclamation_pause"}


def windows(rng, slope=0.9, events=(20, 40), count=60, borne=True):
    out = []
    for _ in range(count):
        n = rng.randint(*events)
        pause = rng.uniform(1000, 3000)
        out.append({"due": 20_000, "events": n, "pause": round(n * pause) if n else 0,
                    "p99": round(400 + slope * pause + 2 * n + rng.gauss(0, 40)) if borne else None})
    return out


def line(contestant, of, found, load=0.5):
    events = sum(w["events"] for w in found)
    return {"t": "latency", "c": contestant, "of": of, "load": load, "offered": 2e6, "achieved": 2e6, "n": 1_200_000,
            "ns": 600_000_000, "response": [1], "service": [1], "lag": [1], "max": [1, 1, 1], "window": 10_000_000,
            "windows": found, "reclaimed": {"events": events, "freed": 64 * events,
                                            "with_ns": 2200.0 if events else None, "without_ns": 200.0,
                                            "p99_ns": 3500 if events else None}}


def visit(number, slope=0.9, **more):
    rng = random.Random(number)
    lines = [line(0, 0, windows(rng, events=(0, 0))), line(1, 1, windows(rng, slope, **more)),
             line(1, 0, windows(rng, -5.0)),  # at half of another's capacity: not what is asked
             line(2, 0, windows(rng))]  # the control
    return types.SimpleNamespace(question="reclamation_pause", name="updates", axis=None, regime="stationary", threads=1,
                                 contestants=["mutex_map", "sync_map", "null"], oversubscribed=False, amounts={}, purpose="cell",
                                 latency=latency.read(lines))


def rows(visits):
    return {(r["contestant"], r["metric"]): r for r in quantities.rows(quantities.summarise(visits), conclude.rounded)}


def said(visits):
    analysis = types.SimpleNamespace(run=types.SimpleNamespace(visits=visits), used=lambda v: True)
    return pauses.sentences(analysis, QUESTION)


class Reclamation(unittest.TestCase):

    def test_slopes_are_over_visits(self):
        found = rows([visit(i) for i in range(8)])
        slope = found["sync_map", "slope_of_p99_on_pause"]
        self.assertLess(slope["low"], 0.9)
        self.assertGreater(slope["high"], 0.9)
        self.assertLess(slope["high"] - slope["low"], 0.05)
        self.assertEqual(slope["visits"], 8)
        self.assertAlmostEqual(found["sync_map", "slope_of_p99_on_events"]["value"], 2, delta=0.6)
        self.assertGreater(found["sync_map", "explained"]["value"], 0.95)
        self.assertEqual({c for c, _ in found}, {"mutex_map", "sync_map"})

    def test_negative_slopes_stay_so(self):
        slope = rows([visit(i, -0.5) for i in range(3)])["sync_map", "slope_of_p99_on_pause"]
        self.assertLess(slope["high"], -0.3)

    def test_what_an_event_costs(self):
        found = rows([visit(1), visit(2)])
        self.assertEqual(found["sync_map", "retire_us"]["value"], 2.0)
        self.assertEqual(found["sync_map", "p99_us"]["value"], 3.5)
        self.assertAlmostEqual(found["sync_map", "events_per_s"]["value"], 3000, delta=300)
        self.assertEqual([m for c, m in found if c == "mutex_map"], ["events_per_s"])
        self.assertEqual(found["mutex_map", "events_per_s"]["value"], 0)

    def test_rules_read_them(self):
        rule = measured.Amount("reclamation_pause", None, "sync_map", 0.78, 0.96, metric="slope_of_p99_on_pause")
        for slope, verdict in ((0.87, SUPPORTED), (0.1, CONTRADICTED), (-0.9, CONTRADICTED)):
            found = list(rows([visit(i, slope) for i in range(8)]).values())
            self.assertEqual(rule.decide(Evidence({"quantities": found}, {}, {})).verdict, verdict, slope)
        found = list(rows([visit(i, borne=False) for i in range(8)]).values())
        self.assertEqual(rule.decide(Evidence({"quantities": found}, {}, {})).verdict, NOT_ASKED)

    def test_sentences(self):
        mutex, sync = said([visit(i) for i in range(5)])
        self.assertIn("mutex_map: no event happened in 5 visits", mutex)
        self.assertIn("sync_map: 5 fits of 5 visits, each of 60 windows", sync)
        self.assertRegex(sync, r"variance inflation of the two regressors is 1\.\d\d at most")
        self.assertRegex(sync, r"they are not normal in \d")
        self.assertIn("no window could be regressed", said([visit(1, borne=False)])[1])
        self.assertIn("no window could be regressed", said([visit(1, events=(30, 30))])[1])

    def test_visits_without_windows_say_nothing(self):
        plain = visit(1)
        plain.latency.rungs = [latency.Rung(1, 1, 0.5, 1, 1, "saturated")]
        self.assertEqual(reclamation.amounts(plain), {})
        plain.latency = None
        self.assertEqual(reclamation.amounts(plain), {})
        self.assertEqual(said([plain]), [])


if __name__ == "__main__":
    unittest.main()
