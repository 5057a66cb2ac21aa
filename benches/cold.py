"""Measures cold starts and the cost of one job against their budgets. `make bench-cold` runs it.

  python benches/cold.py                       everything
  python benches/cold.py --no-job              only cold starts and zips, without a local stack
  python benches/cold.py --profile FUNCTION    also a profile of that function

For each function it prints the instructions from the start of its process until its first signed AWS call is answered
over TLS (under valgrind), and the size of its zip. Then it prints the AWS calls and DynamoDB capacity units of one job
from upload to `Ready`, counted by proxies on the local stack, and what a job costs that waits for its turn. Exit status: 0 if all budgets are met, 1 if one is
exceeded, 2 if something could not be measured.

Needs valgrind and openssl, besides what `make package` needs. Standard library only.
"""

import argparse
import shutil
import subprocess
import sys

import build
import certificates
import cold_start
import job_cost
from proxies import Usage

MAX_INSTRUCTIONS = 6_000_000
# Of functions that are on no job's way and whose callers do not wait for a start, or seldom (ADR 6).
MAX_INSTRUCTIONS_OF_OTHERS = 6_500_000
OTHERS = {"digests", "events-api"}
# 9 of the job's row and index entries, 1 of its event in the tenant's feed (ADR 24).
MAX_WRITE_UNITS = 10
# More, if it waits for its turn (ADR 33).
MAX_WRITE_UNITS_OF_QUEUE = 3
# One write unit, so that each of the three writes of the row costs one.
MAX_ROW_BYTES = 1024
# Without those of connection rows, which grow with the number of open pages.
MAX_READ_UNITS = 4
# Limits for the expensive calls of one job, by the names of proxies.py. Two GETs of first bytes: of the input, and of the
# output, which must exist and may say its pages. A HEAD of the input, which must still be the same version. An S3 operation
# that is not listed must not be called.
MAX_CALLS = {
    "S3 GetObject (ranged)": 2,
    "S3 HeadObject": 1,
    "SageMaker InvokeEndpointAsync": 1,
}


class Report:
    """Prints figures with their budgets and records those that are exceeded."""

    def __init__(self) -> None:
        self.exceeded: list[str] = []

    def figure(self, what: str, value: float, limit: float) -> str:
        """Formats a figure, with a mark if it exceeds its limit."""
        text = f"{value:,.1f}".removesuffix(".0")
        if value <= limit:
            return text
        self.exceeded.append(f"{what}: {text}, limit {limit:,}")
        return f"{text} !"

    def line(self, what: str, value: float, limit: float) -> None:
        """Prints a figure on its own line."""
        budget = "" if limit == float("inf") else f"   budget {limit:,}"
        print(f"  {what:<44}{self.figure(what, value, limit):>9}{budget}")


def cold_starts(names: list[str], zip_bytes: int, zip_limits: dict[str, int], profiled: str | None, report: Report) -> None:
    """Measures every cold start. Raises RuntimeError or CalledProcessError."""
    tls = certificates.certificates(build.BENCH / "tls")
    programs = build.build(tls.root_pem)
    if unsafe := build.zips_with_bench_root(tls.root_pem):
        raise RuntimeError(f"DO NOT DEPLOY {', '.join(unsafe)}: they trust the benchmark's root certificate; `make package` builds them again")
    folder = build.BENCH / "profiles"
    folder.mkdir(exist_ok=True)

    print("Cold start: instructions until the first signed AWS call is answered over TLS, and size of the zip")
    print(f"  {'function':<20}{'instructions':>14}{'zip bytes':>14}   first call")
    for name in names:
        zipped = build.ZIPS / f"{name}.zip"
        if not zipped.is_file():
            raise RuntimeError(f"{zipped} does not exist; `make package` builds it")
        start = cold_start.measure(name, programs / name, tls, folder)
        limit = MAX_INSTRUCTIONS_OF_OTHERS if name in OTHERS else MAX_INSTRUCTIONS
        instructions = report.figure(f"instructions of {name}", start.instructions, limit)
        size = report.figure(f"bytes of {zipped.name}", zipped.stat().st_size, zip_limits.get(name, zip_bytes))
        print(f"  {name:<20}{instructions:>14}{size:>14}   {start.call}", flush=True)
        if name == profiled:
            print_profile(cold_start.measure(name, programs / name, tls, folder, whole=True))
    print(f"  {'budget':<20}{MAX_INSTRUCTIONS:>14,}{zip_bytes:>14,}")


def print_profile(start: cold_start.ColdStart) -> None:
    """Prints the functions that take most instructions."""
    for title, inclusive, lines in (("including callees", True, 40), ("excluding callees", False, 12)):
        print(f"    the most expensive functions, {title} (identical functions may be merged under one name):")
        for line in cold_start.profile(start, inclusive, lines):
            print(f"    {line[:150]}")


def one_job(report: Report) -> None:
    """Measures the cost of one job. Raises RuntimeError."""
    measured = job_cost.measure()
    usage = measured.usage
    if usage.problems:
        raise RuntimeError("; ".join(usage.problems))
    print("\nOne job from upload to Ready, without faults, one page open")
    total = print_calls(usage)
    writes = write_units(usage)
    index_text = ", ".join(f"{name} {units}" for name, units in sorted(usage.index_writes.items()))
    print(f"  write units: {sum(usage.table_writes.values())} of tables, and of indexes {index_text}")
    report.line("AWS calls", sum(total.values()), float("inf"))
    report.line("DynamoDB write units", writes, MAX_WRITE_UNITS)
    report.line("bytes of the row at Ready", usage.row_bytes[measured.jobs_table], MAX_ROW_BYTES)
    watching = usage.reads[measured.connections_table]
    report.line("DynamoDB read units without connection rows", sum(usage.reads.values()) - watching, MAX_READ_UNITS)
    report.line("DynamoDB read units of connection rows", watching, float("inf"))
    for call in sorted(MAX_CALLS.keys() | {call for call in total if call.startswith("S3 ")}):
        report.line(call, total.get(call, 0), MAX_CALLS.get(call, 0))

    queued = measured.queued
    if queued.problems:
        raise RuntimeError("; ".join(queued.problems))
    print("\nOne job that waits for its turn, with the release of it alone")
    waited = print_calls(queued)
    report.line("AWS calls", sum(waited.values()), float("inf"))
    report.line("DynamoDB write units", write_units(queued), writes + MAX_WRITE_UNITS_OF_QUEUE)
    read = sum(queued.reads.values()) - queued.reads[measured.connections_table]
    report.line("DynamoDB read units without connection rows", read, float("inf"))
    for call, limit in sorted(MAX_CALLS.items()):
        report.line(call, waited.get(call, 0), limit + (call == "S3 GetObject (ranged)"))  # the input again, before the call


def print_calls(usage: Usage) -> dict[str, int]:
    """Prints the calls of each function. Returns their sum by call."""
    total: dict[str, int] = {}
    for function, calls in sorted(usage.calls.items()):
        print(f"  {function}")
        for call, times in sorted(calls.items()):
            print(f"    {times} x {call}")
            total[call] = total.get(call, 0) + times
    return total


def write_units(usage: Usage) -> float:
    """Of tables and indexes."""
    return sum(usage.table_writes.values()) + sum(usage.index_writes.values())


def main() -> int:
    """The command line."""
    names = [name for name in build.functions() if name not in cold_start.WITHOUT_CALLS]
    parser = argparse.ArgumentParser(description="Measure cold starts, zips and the cost of one job against their budgets.")
    parser.add_argument("--zip-bytes", type=int, default=4_000_000, metavar="N", help="maximum size of a zip (the limit in the Makefile)")
    parser.add_argument("--allow", action="append", default=[], metavar="NAME=BYTES", help="limit for one function's zip")
    parser.add_argument("--no-job", action="store_true", help="skip the job on the local stack")
    parser.add_argument("--profile", choices=names, metavar="FUNCTION", help="print a profile of that function")
    options = parser.parse_args()
    missing = [tool for tool in ("valgrind", "openssl") if not shutil.which(tool)]
    if missing:
        print(f"bench-cold: {' and '.join(missing)} must be installed", file=sys.stderr)
        return 2
    report = Report()
    try:
        limits = dict(one.split("=", 1) for one in options.allow)
        limits = {name: int(limit) for name, limit in limits.items()}
        cold_starts(names, options.zip_bytes, limits, options.profile, report)
        if not options.no_job:
            one_job(report)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(f"bench-cold: {error}", file=sys.stderr)
        return 2
    for exceeded in report.exceeded:
        print(f"bench-cold: over budget: {exceeded}", file=sys.stderr)
    return 1 if report.exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
