"""Tests of what the local stack adds to MiniStack's sign-in."""

import types
import unittest

import stack_sign_in


class SlowTriggers(unittest.TestCase):
    def answers(self, *answers):
        """The calls that a trigger with these answers gets, and what came of them."""
        calls = iter(answers)

        def call(claims):
            answer = next(calls)
            if isinstance(answer, Exception):
                raise answer
            return claims | answer

        cognito = types.SimpleNamespace(_apply_pretoken_trigger=call)
        stack_sign_in.repeat_slow_triggers(cognito)
        return cognito._apply_pretoken_trigger({"sub": "1"})

    def test_a_trigger_that_times_out_is_called_three_times(self) -> None:
        slow = RuntimeError("PreTokenGeneration error: Task timed out after 5.00 seconds")
        self.assertEqual(self.answers(slow, slow, {"groups": "a"}), {"sub": "1", "groups": "a"})
        with self.assertRaises(RuntimeError):
            self.answers(slow, slow, slow, {"groups": "a"})

    def test_a_trigger_that_fails_is_called_once(self) -> None:
        with self.assertRaises(ValueError):
            self.answers(ValueError("no such group"), {"groups": "a"})


if __name__ == "__main__":
    unittest.main()
