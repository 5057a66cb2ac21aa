"""Runs tests with one mutant, until one of them fails.

The order saves most of the time and changes no verdict: first the tests that noticed other mutants of the same
function, then the short and special ones in batches that grow, at last the simulation. A mutant survives only when all
ran.
"""

import collections
import dataclasses
import json
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator

from instrument import Mutant

SIMULATED_HISTORIES = ("--seeds", "40", "--jobs", "40", "--workers", "1")
# A mutant runs forever if its tests use this many times the CPU time that they take without it, and some seconds. Other
# programs cannot make it look so. One that waits forever uses none: it is given up later.
LIMIT_FACTOR = 10
LIMIT_SECONDS = 5
WAITS_SECONDS = 600
MAX_TEST_SECONDS = 60
# How many seconds the tests of a program take that run together, at first; later batches are larger.
FIRST_BATCH_SECONDS = 0.3
# The tests that noticed mutants of a function last, and are tried first with its next mutant.
REMEMBERED = 6


@dataclasses.dataclass(frozen=True)
class Test:
    """One test of a program, or a program without tests: the simulation, which has no name here."""

    program: str
    name: str
    folder: pathlib.Path


@dataclasses.dataclass
class Run:
    """How tests ended. `None`: not in time."""

    passed: bool | None
    failed: list[str]


def run(tests: list[Test], seconds: float, **variables: str) -> Run:
    """Runs tests of one program that take so many seconds."""
    first = tests[0]
    arguments = ["--exact", *(it.name for it in tests), "--quiet"] if first.name else [*SIMULATED_HISTORIES]
    environment = os.environ | {
        "CARGO_MANIFEST_DIR": str(first.folder),
        "RUST_BACKTRACE": "0",
        "RUST_TEST_THREADS": "1",
        **variables,
    }
    limit = int(LIMIT_SECONDS + LIMIT_FACTOR * seconds)

    def limit_cpu() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))

    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [first.program, *arguments], env=environment, cwd=first.folder,
            stdout=output, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=limit_cpu,
        )  # fmt: skip
        try:
            code = process.wait(WAITS_SECONDS + LIMIT_FACTOR * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return Run(None, [])
        if code == -signal.SIGXCPU:
            return Run(None, [])
        output.seek(0)
        return Run(code == 0, failures(output.read().decode(errors="replace")) if code else [])


def failures(output: str) -> list[str]:
    """The names in the last list of failures that libtest prints."""
    listed = output.rpartition("\nfailures:\n")[2]
    return [line.strip() for line in listed.split("\n\n", 1)[0].splitlines() if line.startswith("    ")]


def reach(test: Test) -> tuple[Test, set[int], float]:
    """The mutants that a test reaches, and the CPU seconds it takes."""
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "reached"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = run([test], MAX_TEST_SECONDS, REACHED_MUTANTS=str(path))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if not ended.passed:
            raise SystemExit(f"{test.program} {test.name} fails without a mutant")
        lines = path.read_text().split() if path.exists() else []
        return test, {int(it) for it in lines}, seconds


class ReachedBefore:
    """What tests reached in the last run. It holds for programs that were not built anew since."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.known: dict[str, list] = json.loads(path.read_text()) if path.is_file() else {}
        self.unsaved = 0

    def reach(self, test: Test) -> tuple[Test, set[int], float]:
        key = f"{test.program} {os.stat(test.program).st_mtime_ns} {test.name}"
        if key not in self.known:
            _, mutants, seconds = reach(test)
            self.known[key] = [sorted(mutants), seconds]
            self.unsaved += 1
            if self.unsaved % 50 == 0:
                self.save()
        mutants, seconds = self.known[key]
        return test, set(mutants), seconds

    def save(self) -> None:
        self.path.write_text(json.dumps(self.known))


class Reached:
    """Which tests reach which mutants, and how long each takes."""

    def __init__(self, tests: Iterable[tuple[Test, set[int], float]]):
        self.tests: dict[int, list[Test]] = collections.defaultdict(list)
        self.seconds: dict[Test, float] = {}
        self.breadth: dict[Test, int] = {}
        self.noticed: dict[str, list[Test]] = collections.defaultdict(list)
        for test, mutants, seconds in tests:
            self.seconds[test] = seconds
            self.breadth[test] = len(mutants)
            for number in mutants:
                self.tests[number].append(test)

    def total_seconds(self) -> float:
        return sum(self.seconds.values())

    def try_mutant(self, mutant: Mutant, max_seconds: float) -> str:
        """`caught`, `hangs`, `survived`, `unreached`, or `undecided`: none of the tests of these seconds noticed it."""
        if not self.tests[mutant.number]:
            return "unreached"
        function = f"{mutant.file} {mutant.function}"
        for batch in self.batches(self.tests[mutant.number], self.noticed[function]):
            seconds = sum(self.seconds[it] for it in batch)
            max_seconds -= seconds
            if max_seconds < 0:
                return "undecided"
            ended = run(batch, seconds, ACTIVE_MUTANT=str(mutant.number))
            if ended.passed is None:
                return "hangs"
            if not ended.passed:
                first = [it for it in batch if it.name in ended.failed] or batch
                self.remember(function, first[0])
                return "caught"
        return "survived"

    def remember(self, function: str, test: Test) -> None:
        others = [it for it in self.noticed[function] if it != test]
        self.noticed[function] = [test, *others][:REMEMBERED]

    def batches(self, tests: list[Test], likely: list[Test]) -> Iterator[list[Test]]:
        """All tests once, in groups of one program."""
        first = [it for it in likely if it in tests]
        yield from by_program(first)
        left = sorted((it for it in tests if it not in first), key=self.cost)
        named = [it for it in left if it.name]
        seconds = FIRST_BATCH_SECONDS
        while named:
            length, sum_ = 0, 0.0
            while length < len(named) and (not length or sum_ + self.seconds[named[length]] <= seconds):
                sum_ += self.seconds[named[length]]
                length += 1
            yield from by_program(named[:length])
            named = named[length:]
            seconds *= 4
        yield from ([it] for it in left if not it.name)

    def cost(self, test: Test) -> float:
        """Short and special tests first."""
        return self.seconds[test] * (1 + self.breadth[test])


def by_program(tests: list[Test]) -> list[list[Test]]:
    programs: dict[str, list[Test]] = collections.defaultdict(list)
    for test in tests:
        programs[test.program].append(test)
    return list(programs.values())
