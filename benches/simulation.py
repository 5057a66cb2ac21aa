"""Compares the speed of the fault simulation with that of an earlier build, side by side.

python benches/simulation.py target/release/simulate BASE [--seeds 200] [--jobs 60] [--rounds 5]

Both programs run the same histories in turn, in one process each. The reports must be equal except for the time:
otherwise the histories are not the same, and the comparison means nothing. Speeds are jobs per second of processor
time (user and system), the median of the rounds: on a shared machine the wall clock mostly shows what else runs.
The last line is one JSON object.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys


def run(program: str, seeds: int, jobs: int) -> tuple[str, float]:
    """What the program reports, without its time, and the jobs per second of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "--seeds", str(seeds), "--jobs", str(jobs), "--workers", "1"]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return "\n".join(line for line in report.splitlines() if not line.startswith("time")), seeds * jobs / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("base")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    speeds = {options.base: [], options.program: []}
    for number in range(options.rounds):
        reports = []
        for program, found in speeds.items():
            report, speed = run(program, options.seeds, options.jobs)
            reports.append(report)
            found.append(speed)
        if reports[0] != reports[1]:
            print("the two programs do not run the same histories", file=sys.stderr)
            return 1
        print(f"round {number + 1}: {' and '.join(f'{found[-1]:.0f}' for found in speeds.values())} jobs/s", file=sys.stderr)
    base, now = (statistics.median(found) for found in speeds.values())
    print(json.dumps({"jobs_per_s": round(now), "base_jobs_per_s": round(base), "ratio": round(now / base, 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
