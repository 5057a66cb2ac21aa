"""Which results are taken over, and which survivors matter."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

import results
from instrument import Mutant

SOURCE = "fn f(a: u8) -> bool {\n    a < 3 && a < 9\n}\n"


def mutant(number: int, column: int) -> Mutant:
    span = {"start": {"line": 2, "column": column}, "end": {"line": 2, "column": column + 1}}
    return Mutant(number, "p", "f.rs", "replace < with <= in f", "BinaryOperator", "<=", span, "f")


class ResultsTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        (self.root / "tests" / "mutation").mkdir(parents=True)
        (self.root / "f.rs").write_text(SOURCE)
        self.accept("")
        self.mutants = [mutant(1, 7), mutant(2, 16)]

    def accept(self, text: str) -> None:
        (self.root / "tests" / "mutation" / "accepted.toml").write_text(text)

    def found(self, **by_number: str) -> results.Results:
        found = results.Results(self.root, self.root / "results.json", self.mutants, ("p",))
        found.by_number = {int(number[1:]): result for number, result in by_number.items()}
        return found

    def figures(self, found: results.Results) -> dict:
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            found.report()
        return json.loads(output.getvalue().splitlines()[-1])

    def test_survivors_matter_unless_they_are_accepted_for_a_reason(self):
        found = self.found(m1="caught", m2="survived")
        self.assertEqual(self.figures(found), {"viable": 2, "caught": 1, "survivors_that_matter": 1})
        accepted = '[[accepted]]\nfile = "f.rs"\nmutants = ["replace < with <= in f"]\nline = "a < 3 && a < 9"\n'
        self.accept(accepted + 'reason = "a is odd"\n')
        self.assertEqual(self.figures(found), {"viable": 2, "caught": 1, "survivors_that_matter": 0})
        self.accept(accepted)
        with self.assertRaises(SystemExit):
            self.figures(found)

    def test_what_was_caught_is_taken_over_while_the_file_is_the_same(self):
        self.found(m1="caught", m2="survived").write()
        self.assertEqual(self.found().of_last_run("caught"), {1: "caught"})
        (self.root / "f.rs").write_text(f"\n{SOURCE}")
        self.assertEqual(self.found().of_last_run("caught"), {})

    def test_what_is_undecided_counts_as_a_survivor(self):
        found = self.found(m1="undecided", m2="hangs")
        self.assertEqual(self.figures(found), {"viable": 2, "caught": 1, "survivors_that_matter": 1})

    def test_results_of_other_packages_stay(self):
        self.found(m1="caught").write()
        others = results.Results(self.root, self.root / "results.json", [], ("q",))
        others.write()
        self.assertEqual(len(json.loads((self.root / "results.json").read_text())), 2)


if __name__ == "__main__":
    unittest.main()
