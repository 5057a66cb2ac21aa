"""The order in which tests are tried, and what libtest says."""

import pathlib
import unittest

import trials
from trials import Test

OUTPUT = """
running 3 tests
a::first --- FAILED
..
failures:

---- a::first stdout ----
failures:
    is not the list

failures:
    a::first
    b::second

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0.00s
"""


def test(program: str, name: str) -> Test:
    return Test(program, name, pathlib.Path("."))


class TrialsTest(unittest.TestCase):
    def setUp(self):
        self.short, self.other = test("p", "short"), test("q", "other")
        self.long, self.simulation = test("p", "long"), test("simulate", "")
        taken = [(self.long, {1, 2}, 5.0), (self.short, {1}, 0.1), (self.other, {1}, 0.2), (self.simulation, {1}, 0.1)]
        self.reached = trials.Reached(taken)

    def test_failures_are_those_of_the_last_list(self):
        self.assertEqual(trials.failures(OUTPUT), ["a::first", "b::second"])
        self.assertEqual(trials.failures("error: unexpected argument"), [])

    def test_short_tests_come_first_and_the_simulation_last(self):
        batches = list(self.reached.batches(self.reached.tests[1], []))
        self.assertEqual(batches, [[self.short], [self.other], [self.long], [self.simulation]])

    def test_those_that_noticed_a_mutant_of_the_function_come_before(self):
        batches = list(self.reached.batches(self.reached.tests[1], [self.long, test("p", "reaches it not")]))
        self.assertEqual(batches, [[self.long], [self.short], [self.other], [self.simulation]])

    def test_each_test_is_tried_once(self):
        self.reached.remember("f", self.long)
        self.reached.remember("f", self.short)
        self.reached.remember("f", self.long)
        self.assertEqual(self.reached.noticed["f"], [self.long, self.short])
        batches = list(self.reached.batches(self.reached.tests[1], self.reached.noticed["f"]))
        self.assertEqual(sum(len(it) for it in batches), 4)


if __name__ == "__main__":
    unittest.main()
