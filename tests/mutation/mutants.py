"""Changes the code in small ways and checks whether a test notices each.

    make mutants                            all packages (hours)
    make mutants PACKAGE=jobs               one package
    make mutants PACKAGE="jobs --survivors" what no test noticed in the last run, after new tests

cargo-mutants names the mutants. A build per mutant would take days, so all of a run are built once, each behind a
switch (instrument.py), in a copy of the sources. Each test then runs once by itself, to record which mutants it
reaches; a mutant is tried with the tests that reach it, and at last with histories of the simulation (trials.py). What
does not compile is no mutant. The results are in target/mutants/results.json, also while the run lasts; accepted.toml
names survivors that do not matter, each with the reason (results.py).

The last line of standard output is one JSON object: {"viable", "caught", "survivors_that_matter"}.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Collection

import instrument
import results
import trials
from instrument import Mutant
from trials import Test

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
# Their tests run against the packages' code. The test packages themselves are not mutated.
PACKAGES = ("jobs", "api", "functions", "capacity-plan")
TESTS = ("jobs", "api", "functions", "capacity-plan", "handler-tests")
BUILD = ("test", "--no-run", "--all-features", *(it for name in TESTS for it in ("-p", name)))


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def list_mutants(packages: tuple[str, ...]) -> list[Mutant]:
    command = ["cargo", "mutants", "--list", "--json", *(it for name in packages for it in ("-p", name))]
    listed = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    fields = ("package", "file", "name", "genre", "replacement", "span")
    for it in listed:
        # "crates/jobs/src/retry.rs:73:13: replace < with <= in may_retry": the place has fields of its own.
        it["name"] = it["name"].split(": ", 1)[1]
        it["in"] = (it["function"] or {}).get("function_name", "")
    return [
        Mutant(number, **{field: it[field] for field in fields}, function=it["in"])
        for number, it in enumerate(listed, 1)
    ]


def copy_sources(packages: tuple[str, ...], instrumented: Collection[str]) -> None:
    """Copies the tracked files but the instrumented ones. Equal ones are not touched: cargo builds what changed."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    manifests = {f"crates/{package}/Cargo.toml" for package in packages}
    for name in tracked.decode().split("\0"):
        if not name or name in instrumented or not (ROOT / name).is_file():
            continue
        content = (ROOT / name).read_bytes()
        if name == "Cargo.toml":
            content = for_mutants(content.decode()).encode()
        elif name in manifests:
            content = with_switch(content.decode()).encode()
        write(TREE / name, content, (ROOT / name).stat().st_mode)
    shutil.copytree(ROOT / "tests" / "mutation" / "switch", WORK / "switch", dirs_exist_ok=True)


def for_mutants(manifest: str) -> str:
    # Choices between equal branches and unused code are what mutants are made of.
    manifest = manifest.replace('= "deny"', '= "allow"').replace('= "warn"', '= "allow"')
    # The build runs for an hour, so its size does not matter, and the next run reuses most of it. Only the tests of `jobs`
    # and of the simulation are bound by computation, so only these are optimized.
    levels = dict.fromkeys((*PACKAGES, "testkit", "simulation"), 0) | {"jobs": 1, "simulation": 1}
    for package, level in levels.items():
        section = f"[profile.release.package.{package}]\n"
        manifest = manifest.replace(f"{section}opt-level = 3\n", section)
        if section not in manifest:
            manifest += f"\n{section}"
        settings = f"opt-level = {level}\ncodegen-units = 16\nincremental = true\n"
        manifest = manifest.replace(section, section + settings)
    return manifest


def with_switch(manifest: str) -> str:
    """The manifest of a package that depends on the switch."""
    return manifest.replace("[dependencies]\n", f'[dependencies]\nmutation-switch.path = "{WORK / "switch"}"\n', 1)


def write(path: pathlib.Path, content: bytes, mode: int = 0o644) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode & 0o777)


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
        # Functions that constants call, as the last run of the same packages found: a next one finds what that one built.
        self.path = WORK / f"constant-{'+'.join(sorted({it.package for it in mutants}))}.json"
        self.constant: list[str] = json.loads(self.path.read_text()) if self.path.is_file() else []
        for name in self.constant:
            self.left_out |= self.keep_constant(name)

    def keep_constant(self, name: str) -> set[int]:
        return set().union(*(file.keep_constant(name) for file in self.files.values()))

    def keep_called(self, report: dict) -> set[int]:
        """Keeps a function that a constant calls as it is. Returns its mutants, and -1 so that a next round begins."""
        called = re.match(r"cannot call non-const .*`(?:.*::)?(\w+)`", report["message"])
        if not called:
            return set()
        self.constant.append(called[1])
        self.path.write_text(json.dumps(self.constant))
        return {-1} | self.keep_constant(called[1])

    def write(self) -> None:
        for name, file in self.files.items():
            write(TREE / name, file.render(self.left_out))


def cargo(*arguments: str) -> subprocess.CompletedProcess:
    command = ["cargo", *arguments, "--release", "--offline", "--message-format", "json"]
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True)


def messages(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def leave_out_what_does_not_compile(sources: Sources) -> None:
    """Builds until all compiles. Later phases of the compiler report only when earlier ones are content."""
    for round_ in range(40):
        sources.write()
        done = cargo(*BUILD)
        if done.returncode == 0:
            return
        found: set[int] = set()
        unknown = []
        for message in messages(done):
            report = message.get("message")
            if not isinstance(report, dict) or report.get("level") != "error" or not report["spans"]:
                continue
            guilty = {it for span in report["spans"] for it in guilty_mutants(span)}
            guilty = guilty or sources.keep_called(report) or deleted_arms(report) or returned_values(report)
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
    done = cargo(*BUILD)
    return [it["executable"] for it in messages(done) if it.get("executable") and it["profile"]["test"]]


def build_simulation() -> str:
    done = cargo("build", "--all-features", "-p", "simulation", "--bin", "simulate")
    if done.returncode:
        raise SystemExit(done.stderr)
    return next(it["executable"] for it in messages(done) if it.get("executable"))


def list_tests(programs: list[str]) -> list[Test]:
    found = []
    for program in programs:
        listed = subprocess.run(
            [program, "--list", "--format", "terse"], check=True, capture_output=True, text=True, cwd=folder(program)
        )
        found += [
            Test(program, line.removesuffix(": test"), folder(program))
            for line in listed.stdout.splitlines()
            if line.endswith(": test")
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", help="a part of the names or files of the mutants to try")
    parser.add_argument(
        "--survivors", action="store_true", help="only what the last run did not notice, or files that changed since"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=float("inf"),
        help="of tests per mutant, without the simulation: what these do not notice is undecided",
    )
    options = parser.parse_args()
    packages = tuple(options.packages)
    mutants = list_mutants(packages)
    say(f"{len(mutants)} mutants")
    sources = Sources(mutants)
    copy_sources(packages, sources.files.keys())
    found = results.Results(ROOT, WORK / "results.json", mutants, packages)
    is_continued = options.survivors or options.only
    if is_continued:
        sources.left_out |= found.of_last_run("unviable").keys()
        found.by_number = found.of_last_run(*results.NOTICED)
    leave_out_what_does_not_compile(sources)
    found.untried = sources.unplaced | dict.fromkeys(sources.left_out, "unviable")
    found.write()
    say(f"{len(sources.left_out)} do not compile, {len(sources.unplaced)} are not tried")
    tests = list_tests(build_tests())
    say(f"{len(tests)} tests")
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        before = trials.ReachedBefore(WORK / "reached.json")
        if options.seconds == float("inf"):
            tests.append(Test(build_simulation(), "", TREE))
        reached = trials.Reached(pool.map(before.reach, tests))
        before.save()
        tried = [it for it in mutants if it.number not in found.untried]
        tried = [it for it in tried if not options.only or options.only in it.describe()]
        if options.survivors:
            tried = [it for it in tried if it.number not in found.by_number]
        say(f"the tests take {reached.total_seconds():.0f} s; {len(tried)} mutants are tried")
        trying = pool.map(lambda it: reached.try_mutant(it, options.seconds), tried)
        for number, (mutant, result) in enumerate(zip(tried, trying, strict=True), 1):
            found.by_number[mutant.number] = result
            if result not in results.NOTICED:
                say(f"{result}: {mutant.describe()}")
            if number % 20 == 0:
                found.write()
            if number % 100 == 0:
                say(f"{number} of {len(tried)}")
    return found.report()


if __name__ == "__main__":
    sys.exit(main())
