"""How tests wait for another process: one limit, and a failure that says what was missing."""

from collections.abc import Callable
import time
from typing import TypeVar

# Generous: it ends a test that fails, and measures nothing.
WAIT_SECONDS = 180

T = TypeVar("T")


def until(what: str, ask: Callable[[], T]) -> T:
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + WAIT_SECONDS
    while not (answer := ask()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {WAIT_SECONDS} s: {what}")
        time.sleep(0.05)
    return answer
