"""The table of mistakes that a wrong setting makes is complete: a test of crates/simulation compares its names with the code.

The mistakes are planted by the scenario tests (tests/local_game_day.py).
Run: .venv/bin/python -m unittest tests/planted_mistakes_test.py
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from planted_mistakes import MISTAKES  # noqa: E402  found by the line above
from templates import ROOT  # noqa: E402


class Planted(unittest.TestCase):
    def setUp(self):
        self.table = json.loads((ROOT / "tests" / "planted_by_configuration.json").read_text())
        self.planted = [f"{check}: {expected}" for check, expected, _ in MISTAKES]

    def test_each_mistake_of_the_configuration_is_planted(self):
        self.assertEqual({by for by in self.table.values() if by} - set(self.planted), set())

    def test_what_is_planted_has_a_name_of_its_own(self):
        self.assertEqual(len(set(self.planted)), len(self.planted))

    def test_the_numbers_are_documented(self):
        by_configuration = sum(by is not None for by in self.table.values())
        guide = (ROOT / "docs" / "deploy.md").read_text()
        self.assertIn(f"{len(MISTAKES)} wrong settings and grants", guide)
        self.assertIn(f"{by_configuration} of the simulation's {len(self.table)} mistakes", guide)


if __name__ == "__main__":
    unittest.main()
