"""Changes the code in small ways and checks whether a test notices each.

    make mutants                    all packages (hours)
    make mutants PACKAGE=jobs       one package

cargo-mutants names the mutants. A build per mutant would take days, so all of a run are built once, each behind a
switch (instrument.py), in a copy of the sources. Each test then runs once by itself, to record which mutants it
reaches; a mutant is tried with the tests that reach it, and at last with histories of the simulation. What does not
compile is no mutant. The results are in target/mutants/results.json; accepted.toml names survivors that do not matter.

The last line of standard output is one JSON object: {"viable", "caught", "survivors_that_matter"}.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

import instrument
from instrument import Mutant

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
# Their tests run against the packages' code. The test packages themselves are not mutated.
PACKAGES = ("jobs", "api", "functions", "capacity-plan")
TESTS = ("jobs", "api", "functions", "capacity-plan", "handler-tests")
SIMULATED_HISTORIES = ("--seeds", "40", "--jobs", "40", "--workers", "1")
# A mutant that takes this much longer than the tests without it runs forever.
MAX_SECONDS = 60


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def list_mutants(packages: tuple[str, ...]) -> list[Mutant]:
    command = ["cargo", "mutants", "--list", "--json", *(it for name in packages for it in ("-p", name))]
    listed = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    fields = ("package", "file", "name", "genre", "replacement", "span")
    for it in listed:
        # "crates/jobs/src/retry.rs:73:13: replace < with <= in may_retry": the place has fields of its own.
        it["name"] = it["name"].split(": ", 1)[1]
    return [Mutant(number, **{field: it[field] for field in fields}) for number, it in enumerate(listed, 1)]


def copy_sources() -> None:
    """Copies the tracked files, without touching those that are equal: cargo builds what changed."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            write(TREE / name, (ROOT / name).read_bytes(), (ROOT / name).stat().st_mode)
    # Choices between equal branches and unused code are what mutants are made of.
    manifest = (TREE / "Cargo.toml").read_text()
    write(TREE / "Cargo.toml", manifest.replace('= "deny"', '= "allow"').replace('= "warn"', '= "allow"').encode())


def write(path: pathlib.Path, content: bytes, mode: int = 0o644) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode & 0o777)


def add_switch(packages: tuple[str, ...]) -> None:
    """Makes the packages depend on the switch."""
    shutil.copytree(ROOT / "tests" / "mutation" / "switch", WORK / "switch", dirs_exist_ok=True)
    for package in packages:
        manifest = TREE / "crates" / package / "Cargo.toml"
        text = manifest.read_text().replace(
            "[dependencies]\n", f'[dependencies]\nmutation-switch.path = "{WORK / "switch"}"\n', 1
        )
        write(manifest, text.encode())


class Sources:
    """The instrumented files of a run."""

    def __init__(self, mutants: list[Mutant]):
        # All sources: a constant function that calls one which is not constant any more cannot be constant either.
        sources = (ROOT / "crates").glob("*/src/**/*.rs")
        by_file: dict[str, list[Mutant]] = {
            str(it.relative_to(ROOT)): [] for it in sources if b"const fn" in it.read_bytes()
        }
        for mutant in mutants:
            by_file.setdefault(mutant.file, []).append(mutant)
        self.files = {name: instrument.File((ROOT / name).read_bytes(), some) for name, some in by_file.items()}
        self.unplaced = {number: why for file in self.files.values() for number, why in file.unplaced.items()}
        self.left_out: set[int] = set()

    def keep_constant(self, report: dict) -> set[int]:
        """Keeps a function that a constant calls as it is. Returns its mutants, and -1 so that a next round begins."""
        called = re.match(r"cannot call non-const .*`(?:.*::)?(\w+)`", report["message"])
        if not called:
            return set()
        return {-1}.union(*(file.keep_constant(called[1]) for file in self.files.values()))

    def write(self) -> None:
        for name, file in self.files.items():
            write(TREE / name, file.render(self.left_out))


def cargo(*arguments: str) -> subprocess.CompletedProcess:
    command = ["cargo", *arguments, "--release", "--offline", "--message-format", "json"]
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True)


def messages(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def leave_out_what_does_not_compile(sources: Sources, packages: tuple[str, ...]) -> None:
    """Checks the packages until all compile. Later phases of the compiler report only when earlier ones are content."""
    arguments = [
        "check",
        "--all-features",
        "--all-targets",
        *(it for name in {*packages, *TESTS, "simulation"} for it in ("-p", name)),
    ]
    for round_ in range(40):
        sources.write()
        done = cargo(*arguments)
        if done.returncode == 0:
            return
        found: set[int] = set()
        unknown = []
        for message in messages(done):
            report = message.get("message")
            if not isinstance(report, dict) or report.get("level") != "error" or not report["spans"]:
                continue
            guilty = {it for span in report["spans"] for it in guilty_mutants(span)}
            guilty = guilty or sources.keep_constant(report) or deleted_arms(report) or returned_values(report)
            found |= guilty
            if not guilty:
                unknown.append(report["rendered"])
        new = {it for it in found - sources.left_out if it > 0}
        say(f"round {round_ + 1}: {len(new)} mutants do not compile")
        if not found - sources.left_out:
            raise SystemExit("\n".join(unknown) or done.stderr)
        sources.left_out |= new
    raise SystemExit("the instrumented sources do not compile")


def guilty_mutants(span: dict) -> list[int]:
    """The mutant around the primary span of an error, or all of that line's."""
    while span.get("expansion") and not (TREE / span["file_name"]).is_file():
        span = span["expansion"]["span"]
    path = TREE / span["file_name"]
    if not span["is_primary"] or not path.is_file():
        return []
    instrumented = path.read_bytes()
    around = instrument.mutants_at(instrumented, span["byte_start"])
    if around:
        return around[-1:]
    # The error is about a choice as a whole: in a constant, or of an unsized type.
    text = instrumented[span["byte_start"] : span["byte_end"]]
    return [int(it) for mark in instrument.MARK.finditer(text) if (it := mark[1])]


def deleted_arms(report: dict) -> set[int]:
    """The mutants without which a match is exhaustive."""
    spans = [
        span for span in report["spans"] if span["is_primary"] and (report.get("code") or {}).get("code") == "E0004"
    ]
    files = [((TREE / span["file_name"]).read_bytes(), span["byte_start"]) for span in spans]
    return {it for source, at in files for it in instrument.deleted_arms(source, at)}


def returned_values(report: dict) -> set[int]:
    """The mutants that return at the start of a function: they can decide the type of what it returns."""
    spans = [span for span in report["spans"] if span["is_primary"] and (TREE / span["file_name"]).is_file()]
    files = [((TREE / span["file_name"]).read_bytes(), span["byte_start"]) for span in spans]
    return {it for source, at in files for it in instrument.returned_values(source, at)}


def build_tests() -> list[str]:
    """The test programs, and the simulation last."""
    names = [it for name in TESTS for it in ("-p", name)]
    done = cargo("test", "--no-run", "--all-features", *names)
    if done.returncode:
        raise SystemExit(
            "\n".join(it["message"]["rendered"] for it in messages(done) if it.get("reason") == "compiler-message")
        )
    programs = [it["executable"] for it in messages(done) if it.get("executable") and it["profile"]["test"]]
    done = cargo("build", "-p", "simulation", "--bin", "simulate")
    if done.returncode:
        raise SystemExit(done.stderr)
    return [*programs, next(it["executable"] for it in messages(done) if it.get("executable"))]


Test = tuple[str, str]
"""A program and the name of one of its tests, or no name for the simulation."""


def list_tests(programs: list[str]) -> list[Test]:
    found = []
    for program in programs:
        listed = subprocess.run(
            [program, "--list", "--format", "terse"], check=True, capture_output=True, text=True, cwd=folder(program)
        )
        found += [
            (program, line.removesuffix(": test")) for line in listed.stdout.splitlines() if line.endswith(": test")
        ]
    return found


def folder(program: str) -> pathlib.Path:
    """The folder of the package in which cargo would run a test program."""
    name = pathlib.Path(program).name.rsplit("-", 1)[0]
    for package in TESTS:
        path = TREE / "crates" / package
        if name == package.replace("-", "_") or any((path / "tests" / it).exists() for it in (f"{name}.rs", name)):
            return path
    return TREE


def run(program: str, names: list[str], seconds: float, **variables: str) -> bool | None:
    """Whether the tests pass. `None`: they did not end in time."""
    arguments = ["--exact", *names, "--quiet"] if names else [*SIMULATED_HISTORIES]
    environment = os.environ | {"CARGO_MANIFEST_DIR": str(folder(program)), "RUST_BACKTRACE": "0"} | variables
    process = subprocess.Popen(
        [program, *arguments], env=environment, cwd=folder(program) if names else TREE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return None


def reach(test: Test) -> tuple[Test, set[int], float]:
    """The mutants that a test reaches, and the seconds it takes."""
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "reached"
        since = time.monotonic()
        passed = run(test[0], [test[1]] if test[1] else [], MAX_SECONDS, REACHED_MUTANTS=str(path))
        seconds = time.monotonic() - since
        if not passed:
            raise SystemExit(f"{test} fails without a mutant")
        lines = path.read_text().split() if path.exists() else []
        return test, {int(it) for it in lines}, seconds


def notices(mutant: Mutant, tests: list[Test], seconds: dict[Test, float]) -> str:
    """`caught`, `hangs`, `survived`, or `unreached`."""
    if not tests:
        return "unreached"
    by_program: dict[str, list[Test]] = collections.defaultdict(list)
    for test in tests:
        by_program[test[0]].append(test)
    for program, some in sorted(by_program.items(), key=lambda it: sum(seconds[test] for test in it[1])):
        limit = 10 + 10 * sum(seconds[test] for test in some)
        passed = run(
            program, [name for _, name in some if name], min(limit, MAX_SECONDS), ACTIVE_MUTANT=str(mutant.number)
        )
        if passed is None:
            return "hangs"
        if not passed:
            return "caught"
    return "survived"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", help="a part of the names or files of the mutants to try")
    options = parser.parse_args()
    packages = tuple(options.packages)
    mutants = list_mutants(packages)
    say(f"{len(mutants)} mutants")
    copy_sources()
    add_switch(packages)
    sources = Sources(mutants)
    leave_out_what_does_not_compile(sources, packages)
    say(f"{len(sources.left_out)} do not compile, {len(sources.unplaced)} are not tried")
    *programs, simulation = build_tests()
    tests = list_tests(programs)
    say(f"{len(tests)} tests")
    reaching: dict[int, list[Test]] = collections.defaultdict(list)
    seconds: dict[Test, float] = {}
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        for test, reached, took in pool.map(reach, [*tests, (simulation, "")]):
            seconds[test] = took
            for number in reached:
                reaching[number].append(test)
        tried = [it for it in mutants if it.number not in sources.left_out and it.number not in sources.unplaced]
        tried = [it for it in tried if not options.only or options.only in it.describe()]
        say(f"the tests take {sum(seconds.values()):.0f} s; {len(tried)} mutants are tried")
        results: dict[int, str] = {}
        trying = pool.map(lambda it: notices(it, reaching[it.number], seconds), tried)
        for number, (mutant, result) in enumerate(zip(tried, trying, strict=True), 1):
            results[mutant.number] = result
            if result not in ("caught", "hangs"):
                say(f"{result}: {mutant.describe()}")
            if number % 100 == 0:
                write_results(mutants, sources, results)
                say(f"{number} of {len(tried)}")
    return report(mutants, sources, results)


def write_results(mutants: list[Mutant], sources: Sources, results: dict[int, str]) -> list[dict]:
    def result(mutant: Mutant) -> str:
        unviable = "unviable" if mutant.number in sources.left_out else "not tried"
        return results.get(mutant.number) or sources.unplaced.get(mutant.number, unviable)

    entries = [
        {"file": it.file, "line": it.span["start"]["line"], "mutant": it.name, "result": result(it)} for it in mutants
    ]
    (WORK / "results.json").write_text(json.dumps(entries, indent=1))
    return entries


def report(mutants: list[Mutant], sources: Sources, results: dict[int, str]) -> int:
    entries = write_results(mutants, sources, results)
    say(
        ", ".join(
            f"{count} {result}" for result, count in collections.Counter(it["result"] for it in entries).most_common()
        )
    )
    survivors = [it for it in mutants if results.get(it.number) in ("survived", "unreached")]
    accepted = tomllib.loads((ROOT / "tests" / "mutation" / "accepted.toml").read_text()).get("accepted", [])
    known = {(entry["file"], entry["mutant"]) for entry in accepted}
    mattering = [it for it in survivors if (it.file, it.name) not in known]
    for mutant in mattering:
        print(mutant.describe())
    caught = len(results) - len(survivors)
    print(json.dumps({"viable": len(results), "caught": caught, "survivors_that_matter": len(mattering)}))
    return 1 if mattering else 0


if __name__ == "__main__":
    sys.exit(main())
