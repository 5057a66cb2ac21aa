"""Runs the same faults against Docket and against the plain baseline, and prints what became of every upload.

`make compare` starts it. The table goes to standard error, one line of JSON to standard output. Exit status: 0 if
Docket lost nothing, left nothing open and says nothing wrong; 1 otherwise.

Time: the endpoints' clock runs sixty times as fast as this machine's. The emulated cloud's and the functions' wall
clock runs as usual and jumps ahead (clock.c) whenever nothing more happens by itself, until a day and more is over.
"""

import argparse
import contextlib
from dataclasses import replace
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from count import FAILED, READY, SUPERSEDED, Row, Tally, judge, sums, table
from scenarios import SCENARIOS, THROTTLED, Uploads
from taps import job_of
from world import BASELINE, DOCKET, RECONCILER, SIDES, TARGET, World, say, step

MINUTE, HOUR = 60, 3600
# Jumps of the clock. Short ones first, where most happens; each is followed by whatever became due.
UNTIL_THROTTLED = [MINUTE] * 5 + [5 * MINUTE] * 11 + [10 * MINUTE] * 6
WHILE_THROTTLED = [10 * MINUTE] * 6
# Small ones again about when a request that nobody has heard of is overdue (6 h 32 min), then past Docket's own bound
# (job_deadline_seconds of legal-review, 23 h) for the last upload too.
TO_THE_END = [20 * MINUTE] * 3 + [30 * MINUTE] * 5 + [5 * MINUTE] * 12 + [2 * HOUR] * 9
# The rate of the schedule in infra/service.yaml.
RECONCILE_EVERY = 5 * MINUTE


class Comparison:
    """One run."""

    def __init__(self, world: World, only: str):
        self.world = world
        self.scenarios = [scenario for scenario in SCENARIOS if only in scenario.title]
        self.uploads = Uploads(world)
        self.reconciled_at = 0.0
        self.reconciled = 0
        # By side and job: the state, and when it was first seen in it. A late message may write the same once more.
        self.since: dict[tuple[str, str], tuple[str, float]] = {}

    def run(self) -> None:
        """All scenarios, and all the time that they may take."""
        for number, scenario in enumerate(self.scenarios):
            if scenario is THROTTLED:
                continue
            step(scenario.title)
            self.uploads.run(number, scenario)
            self.settle()
        # A function that waits for an answer would take a jump for its own slowness.
        self.world.network.wait_for_hung()
        step("two hours pass")
        self.jump(UNTIL_THROTTLED)
        if THROTTLED in self.scenarios:
            step(THROTTLED.title)
            self.uploads.run(len(SCENARIOS) - 1, THROTTLED)
        self.jump(WHILE_THROTTLED)
        for side in SIDES:
            self.world.throttle(side, False)
        self.uploads.announce_later()
        step("a day passes")
        self.jump(TO_THE_END)

    def jump(self, steps: list[int]) -> None:
        """Puts the clock forward step by step, and lets happen what became due."""
        world = self.world
        for seconds in steps:
            world.clock.put_forward(seconds)
            world.network.deliver_late()
            world.network.activity.change(0)
            if world.clock.now() - self.reconciled_at >= RECONCILE_EVERY and world.reconcile():
                self.reconciled_at = world.clock.now()
                self.reconciled += 1
            self.settle()

    def settle(self) -> None:
        """Waits until nothing more happens at this time, and looks at every row."""
        self.world.settle()
        for side in SIDES:
            for row in self.rows(side):
                if self.since.get((side, row.job), ("", 0.0))[0] != row.state:
                    self.since[side, row.job] = (row.state, row.updated_at)

    def rows(self, side: str) -> list[Row]:
        """All jobs."""
        return [ROWS[side](item) for item in self.world.rows(side)]

    def tallies(self) -> tuple[dict[str, dict[str, Tally]], list[str]]:
        """What became of everything, and a line for every document that did not end right."""
        tallies = {scenario.title: {side: Tally() for side in SIDES} for scenario in self.scenarios}
        remarks = []
        for side in SIDES:
            seen = self.world.network.seen[side]
            rows = [replace(row, updated_at=self.since[side, row.job][1]) for row in self.rows(side)]
            objects = self.world.keys(side)
            for document in self.uploads.documents:
                mine = [row for row in rows if row.etag == document.etag]
                jobs = {row.job for row in mine}
                # Runs and results are known by the job; without a record of it, by the document's name.
                of_us = lambda inference: job_of(inference) in jobs if jobs else seen.tag_of.get(job_of(inference)) == document.tag
                runs = [status for inference, status in seen.runs if of_us(inference)]
                results = {location.split("/", 3)[3] for call, location in seen.outputs.items() if of_us(call.split(" ")[0])}
                uploaded_at = self.uploads.at.get((side, document.etag))
                if uploaded_at is None:
                    remarks.append(f"{side}: {document.scenario}: {document.key}: never uploaded, since the version before it never ran")
                    continue
                fate = judge(document, mine, runs, results, objects, uploaded_at)
                # Two documents of one key share its calls.
                calls = 0 if document.expected == SUPERSEDED else seen.calls_for[document.tag].total()
                tallies[document.scenario][side].add(fate, calls)
                if fate.why or fate.doubled:
                    twice = f"{len(runs)} runs" if fate.doubled else ""
                    remarks.append(f"{side}: {document.scenario}: {document.key}: {', '.join(filter(None, [fate.why, twice]))}")
        return tallies, remarks


def docket_row(item: dict[str, Any]) -> Row:
    """From Docket's job table."""
    state = item["state"]["M"]
    status = item["status"]["S"]
    known = {"Ready": READY, "Failed": FAILED}.get(status, "open")
    if status == "Failed" and state["cause"]["S"] == "Superseded":
        known = SUPERSEDED
    attempts = [attempt["M"] for attempt in item["attempts"]["L"]]
    output = next((attempt["out"]["S"] for attempt in attempts if attempt["n"] == state["attempt"] and "out" in attempt), None)
    etag = item["input"]["M"]["etag"]["S"].strip('"')
    return Row(item["job_id"]["S"], etag, known, output, int(item["updated_at"]["N"]) / 1000)


def baseline_row(item: dict[str, Any]) -> Row:
    """From the baseline's."""
    known = {"READY": READY, "FAILED": FAILED}.get(item["status"]["S"], "open")
    output = item.get("output_location", {}).get("S", "s3://-/").split("/", 3)[3]
    return Row(item["job_id"]["S"], item.get("etag", {}).get("S", ""), known, output, int(item["updated_at"]["N"]))


ROWS = {DOCKET: docket_row, BASELINE: baseline_row}


def left_over(world: World, side: str) -> int:
    """Messages that are left in queues of dead letters."""
    return sum(world.depth(url, hidden=True) for name, url in world.queues(side).items() if "DeadLetters" in name)


def report(comparison: Comparison, seconds: float) -> bool:
    """Prints all; whether Docket did as it promises."""
    world = comparison.world
    tallies, remarks = comparison.tallies()
    for line in ["", *table(tallies, SIDES), ""]:
        say(line)
    for remark in remarks:
        say(remark)
    notes = [f"dead letters that are left: {left_over(world, DOCKET)} / {left_over(world, BASELINE)}"]
    calls = {side: world.network.seen[side].calls for side in SIDES}
    if comparison.reconciled:
        each = calls[DOCKET][RECONCILER] / comparison.reconciled
        often = f"{comparison.reconciled} times, directly, at most every {RECONCILE_EVERY // 60} min"
        notes.append(f"Docket's reconciler was called {often}; {each:.0f} calls of AWS each")
    else:
        notes.append("Docket's reconciler is not deployed: nothing that it would repair is repaired")
    notes.append("the baseline has no schedule; nobody works off dead letters on either side")
    notes.append("times are of the cloud's clock, which jumps by 1 min to 2 h: a repair shows late by up to that much")
    notes.append("a jump makes a delayed message and the reconciler's meet, so retries show more calls than they cost in life")
    notes += [f"did not happen: {fault}" for fault in world.network.faults.unspent()]
    for note in notes:
        say(f"note: {note}")
    result = {"scenarios": {}, "seconds": round(seconds)}
    for title, by_side in tallies.items():
        result["scenarios"][title] = {side: tally.summary() for side, tally in by_side.items()}
    total = sums(tallies, SIDES)
    result |= {side: total[side].summary() for side in SIDES}
    result["faults"] = {side: {what: n for (of, what), n in sorted(world.network.faults.struck.items()) if of == side} for side in SIDES}
    result["remarks"] = remarks
    print(json.dumps(result, ensure_ascii=False), flush=True)
    ours = total[DOCKET]
    return not (ours.lost or ours.stuck or ours.wrong)


def main() -> int:
    """The command line."""
    if not Path("/proc/net/tcp").exists():
        say("compare: needs Linux: the clock is moved with LD_PRELOAD, and functions are found by /proc to be killed")
        return 2
    arguments = argparse.ArgumentParser(description="Run the same faults against Docket and the baseline.")
    arguments.add_argument("--only", default="", help="only scenarios with this in their title")
    arguments.add_argument("--keep", action="store_true", help="keep the logs, and of each side the job table and the calls as JSON")
    options = arguments.parse_args()
    started = time.monotonic()
    TARGET.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="compare-", dir=TARGET))
    right = False
    try:
        with contextlib.ExitStack() as stack:
            world = World(folder, stack, step)
            world.start()
            comparison = Comparison(world, options.only)
            comparison.run()
            right = report(comparison, time.monotonic() - started)
            for side in SIDES:
                kept = {"rows": world.rows(side), "calls": world.network.seen[side].calls_for}
                (folder / f"{side}.json").write_text(json.dumps(kept, indent=1))
        if right and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"the logs are in {folder}")
    except (RuntimeError, OSError, BotoCoreError, ClientError) as error:
        say(f"compare: {error}\nthe logs are in {folder}")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
