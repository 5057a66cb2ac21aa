"""What a cold start and one job cost, against the budgets. `make bench-cold` runs it.

  python benches/cold.py                       everything
  python benches/cold.py --no-life             cold starts and zips alone, without a local stack
  python benches/cold.py --profile FUNCTION    also where that function's instructions go

Printed are, for each function, the instructions from the start of its process until its first signed AWS call is
answered over TLS (under valgrind), and the size of its zip; then the AWS calls and DynamoDB units of one job from
upload to `Ready`, counted on the wire of the local stack. Exit status: 0 if all budgets are kept, 1 if one is
missed, 2 if something could not be measured.

Needed beside what `make package` needs: valgrind and openssl. Standard library only.
"""

import argparse
import shutil
import subprocess
import sys

import build
import certificates
import cold_start
import life

INSTRUCTIONS = 6_000_000
WRITE_UNITS = 8
# So that the row itself is one write unit at each of its three writes.
ROW_BYTES = 1024
# Beside those of connection rows, which grow with the open pages.
READ_UNITS = 4
# How often one job may call what costs most, by the names that wire.py gives. Two HEADs: the output must be there,
# and the input must still be the version that was judged. An S3 call that is not named is one too many.
CALLS = {
    "S3 GetObject (ranged)": 1,
    "S3 HeadObject": 2,
    "SageMaker InvokeEndpointAsync": 1,
}


class Report:
    """Prints figures against their budgets and remembers which are missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def figure(self, what: str, value: float, limit: float) -> str:
        """A figure as text, marked if it is above its limit."""
        text = f"{value:,.1f}".removesuffix(".0")
        if value <= limit:
            return text
        self.missed.append(f"{what}: {text}, allowed {limit:,}")
        return f"{text} !"

    def line(self, what: str, value: float, limit: float) -> None:
        """A figure on a line of its own."""
        budget = "" if limit == float("inf") else f"   budget {limit:,}"
        print(f"  {what:<44}{self.figure(what, value, limit):>9}{budget}")


def cold_starts(names: list[str], zip_bytes: int, profiled: str | None, report: Report) -> None:
    """Measures every cold start. Raises RuntimeError or CalledProcessError."""
    tls = certificates.certificates(build.BENCH / "tls")
    programs = build.build(tls.root_pem)
    if tainted := build.tainted_zips(tls.root_pem):
        raise RuntimeError(f"DO NOT DEPLOY {', '.join(tainted)}: they trust the benchmark's root; `make package` makes them anew")
    folder = build.BENCH / "profiles"
    folder.mkdir(exist_ok=True)

    print("Cold start: instructions until the first signed AWS call is answered over TLS, and size of the zip")
    print(f"  {'function':<20}{'instructions':>14}{'zip bytes':>14}   first call")
    for name in names:
        zipped = build.ZIPS / f"{name}.zip"
        if not zipped.is_file():
            raise RuntimeError(f"{zipped} is not there; `make package` makes it")
        start = cold_start.measure(name, programs / name, tls, folder)
        instructions = report.figure(f"instructions of {name}", start.instructions, INSTRUCTIONS)
        size = report.figure(f"bytes of {zipped.name}", zipped.stat().st_size, zip_bytes)
        print(f"  {name:<20}{instructions:>14}{size:>14}   {start.call}", flush=True)
        if name == profiled:
            print_profile(cold_start.measure(name, programs / name, tls, folder, whole=True))
    print(f"  {'budget':<20}{INSTRUCTIONS:>14,}{zip_bytes:>14,}")


def print_profile(start: cold_start.ColdStart) -> None:
    """Where the instructions go."""
    for title, inclusive, lines in (("with all that they call", True, 40), ("by themselves", False, 12)):
        print(f"    the most expensive functions, {title} (identical ones may be folded into one name):")
        for line in cold_start.profile(start, inclusive, lines):
            print(f"    {line[:150]}")


def one_job(report: Report) -> None:
    """Measures one job's life. Raises RuntimeError."""
    measured = life.measure()
    ledger = measured.ledger
    if ledger.problems:
        raise RuntimeError("; ".join(ledger.problems))
    print("\nOne job from upload to Ready, without incident, one page open")
    total = {}
    for function, calls in sorted(ledger.calls.items()):
        print(f"  {function}")
        for call, times in sorted(calls.items()):
            print(f"    {times} x {call}")
            total[call] = total.get(call, 0) + times
    writes = sum(ledger.base_writes.values()) + sum(ledger.index_writes.values())
    of_indexes = ", ".join(f"{name} {units}" for name, units in sorted(ledger.index_writes.items()))
    print(f"  write units: {sum(ledger.base_writes.values())} of tables, and of indexes {of_indexes}")
    report.line("AWS calls", sum(total.values()), float("inf"))
    report.line("DynamoDB write units", writes, WRITE_UNITS)
    report.line("bytes of the row at Ready", ledger.row_bytes[measured.jobs_table], ROW_BYTES)
    watching = ledger.reads[measured.connections_table]
    report.line("DynamoDB read units beside connection rows", sum(ledger.reads.values()) - watching, READ_UNITS)
    report.line("DynamoDB read units of connection rows", watching, float("inf"))
    for call in sorted(CALLS.keys() | {call for call in total if call.startswith("S3 ")}):
        report.line(call, total.get(call, 0), CALLS.get(call, 0))


def main() -> int:
    """The command line."""
    names = build.functions()
    parser = argparse.ArgumentParser(description="Measure cold starts, zips and one job's life against their budgets.")
    parser.add_argument("--zip-bytes", type=int, default=4_000_000, metavar="N", help="what a zip may have (the Makefile's limit)")
    parser.add_argument("--no-life", action="store_true", help="leave the job on the local stack out")
    parser.add_argument("--profile", choices=names, metavar="FUNCTION", help="show where that function's instructions go")
    options = parser.parse_args()
    absent = [tool for tool in ("valgrind", "openssl") if not shutil.which(tool)]
    if absent:
        print(f"bench-cold: {' and '.join(absent)} must be installed", file=sys.stderr)
        return 2
    report = Report()
    try:
        cold_starts(names, options.zip_bytes, options.profile, report)
        if not options.no_life:
            one_job(report)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(f"bench-cold: {error}", file=sys.stderr)
        return 2
    for missed in report.missed:
        print(f"bench-cold: over budget: {missed}", file=sys.stderr)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
