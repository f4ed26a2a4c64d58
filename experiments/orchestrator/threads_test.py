# SPDX-License-Identifier: Apache-2.0
"""Words for numbers of threads, and what follows from the numbers."""

import unittest

from experiments.orchestrator import threads
from experiments.orchestrator.errors import UserError
from experiments.testing import support
from experiments.testing.machines import machine


class Words(unittest.TestCase):

    def test_check(self):
        self.assertEqual([threads.check(w) for w in ("1", " 024", "256", "half", "all", "powers", "smt", "2x")],
                         ["1", "24", "256", "half", "all", "powers", "smt", "2x"])
        for word, what in (("al", "did you mean 'all'"), ("0", "from 1 to 256"), ("257", "from 1 to 256"),
                           ("-1", "write a number"), ("pwers", "did you mean 'powers'"), ("\u0662", "no number of threads")):
            with self.assertRaisesRegex(UserError, what):
                threads.check(word)

    def test_numbers_without_a_core_each_are_for_who_asks(self):
        two = support.TWO_CORES
        self.assertEqual(threads.resolve(["1", "8"], two)[0], [1])
        self.assertEqual(threads.resolve(["1", "8"], two, anything=True), ([1, 8], []))

    def test_words_that_name_the_same_are_one(self):
        self.assertEqual(threads.resolve(["1", "half", "2", "all", "powers"], support.TWO_CORES), ([1, 2], []))

    def test_a_core_with_two_threads_is_asked_with_both(self):
        self.assertEqual(threads.resolve(["all"], machine("one_core"))[0], [1, 2])
        self.assertEqual(threads.resolve(["all"], machine("vm", allowed="0"))[0], [1])

    def test_names(self):
        laptop = machine("laptop")
        self.assertEqual([threads.name(n, laptop) for n in (1, 2, 3, 4, 5, 8, 9)],
                         ["", "half the cores", "", "all cores", "SMT", "SMT", "oversubscribed"])
        self.assertEqual([threads.name(n, machine("one_core")) for n in (1, 2, 4)], ["", "SMT", "oversubscribed"])
        self.assertEqual(threads.name(2, support.TWO_CORES), "all cores")
        self.assertEqual(threads.name(4, machine("server", allowed="0-3")), "all cores")


class Rules(unittest.TestCase):

    def setUp(self):
        self.lengths = support.real_catalogue().profiles["default"]["slice_ms"]

    def test_slices_grow_by_doublings(self):
        self.assertEqual([threads.slice_ms(self.lengths, n, False) for n in (1, 2, 3, 4, 7, 8, 16, 128)],
                         [10, 20, 20, 30, 30, 40, 40, 40])
        self.assertEqual(threads.slice_ms(self.lengths, 4, True), 200)

    def test_a_block_stays_short(self):
        for slice_ms, contestants in ((1, 4), (10, 4), (20, 4), (30, 4), (40, 3), (200, 2)):
            self.assertEqual(threads.team(slice_ms), contestants)


if __name__ == "__main__":
    unittest.main()
