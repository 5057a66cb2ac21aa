"""Mutants in small sources: what is rendered, and whose code is at an offset."""

import unittest

import instrument

SOURCE = b"""\
const fn allows(left: u32, used: u32) -> bool {
    left > 0 && used < 3
}

fn name(kind: u8) -> &'static str {
    match kind {
        1 => "one",
        n if n > 1 => "more",
        _ => "none",
    }
}

fn again(run: Run, next: Option<u8>) -> Run {
    if run.ends
        && let Some(number) = next
    {
        return Run { number, ends: number > 2, ..run };
    }
    Run { ends: true, ..run }
}
"""


def mutant(number: int, genre: str, at: str, replacement: str = "") -> instrument.Mutant:
    """A mutant whose place is the first occurrence of a text."""

    def position(offset: int) -> dict:
        before = SOURCE[:offset].decode()
        return {"line": before.count("\n") + 1, "column": offset - (before.rfind("\n") + 1) + 1}

    start = SOURCE.index(at.encode())
    span = {"start": position(start), "end": position(start + len(at))}
    return instrument.Mutant(number, "p", "f.rs", "", genre, replacement, span)


def rendered(*mutants: instrument.Mutant, left_out: set[int] = frozenset()) -> str:
    return instrument.File(SOURCE, list(mutants)).render(set(left_out)).decode()


class InstrumentTest(unittest.TestCase):
    def test_without_mutants_only_constant_functions_change(self):
        self.assertEqual(rendered(), SOURCE.decode().replace("const fn", " fn"))

    def test_operator_is_chosen_at_run_time(self):
        text = rendered(mutant(7, "BinaryOperator", "<", "<="))
        self.assertIn("if mutation_switch::is_active(7) { used <= 3 }/*7>*/ else { used < 3 }", text)

    def test_left_side_of_a_logical_operator_stands_once(self):
        text = rendered(mutant(1, "BinaryOperator", "&&", "||"), mutant(2, "BinaryOperator", ">", "=="))
        self.assertEqual(text.count("left > 0"), 1)
        self.assertIn("left || (used < 3)", text)

    def test_function_returns_the_value_of_an_active_mutant(self):
        text = rendered(mutant(3, "FnValue", "left > 0", "true"))
        self.assertIn("{/*<3*/if mutation_switch::is_active(3) { return true; }/*3>*/", text)

    def test_arm_and_guard_of_a_match(self):
        text = rendered(mutant(4, "MatchArm", "1 =>"), mutant(5, "MatchArmGuard", "n > 1", "true"))
        self.assertIn("1/*<4*/ if !mutation_switch::is_active(4) /*4>*/ =>", text)
        self.assertIn("n if (/*<5*/if mutation_switch::is_active(5) { true }/*5>*/ else { n > 1 })", text)

    def test_field_keeps_the_value_of_the_struct_that_is_copied(self):
        field, operation = mutant(8, "StructField", "number, ends"), mutant(9, "BinaryOperator", "> 2", "==")
        text = rendered(field, operation)
        self.assertIn("if mutation_switch::is_active(8) { Run { ends: number > 2, ..run } }", rendered(field))
        self.assertIn("else { Run { number, ends: number > 2, ..run } }", rendered(field))
        self.assertEqual(text.count("number == 2"), 2)

    def test_condition_that_matches_a_pattern_has_no_other_operator(self):
        some = mutant(10, "BinaryOperator", "&& let", "||")
        self.assertEqual(instrument.File(SOURCE, [some]).unplaced, {10: "unviable"})

    def test_mutant_that_does_not_compile_is_left_out(self):
        some = mutant(6, "BinaryOperator", "<", "<=")
        self.assertEqual(rendered(some, left_out={6}), rendered())

    def test_mutant_of_an_error_is_the_innermost_around_it(self):
        text = rendered(mutant(1, "BinaryOperator", "&&", "||"), mutant(2, "BinaryOperator", "<", ">")).encode()
        self.assertEqual(instrument.mutants_at(text, text.index(b"used > 3")), [1, 2])
        self.assertEqual(instrument.mutants_at(text, text.index(b"match kind")), [])


if __name__ == "__main__":
    unittest.main()
