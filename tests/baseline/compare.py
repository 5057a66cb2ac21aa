"""Runs Docket, the plain baseline and a durable function through the same faults, and prints the outcome of every upload.

`make compare` starts it. It prints a table to standard error and one line of JSON to standard output. Exit status: 0 if
Docket has no upload that is lost, stuck or wrong; 1 otherwise.

The endpoints' clock runs sixty times as fast as this machine's. The wall clock of the emulator and of the functions runs
normally and jumps ahead (clock.c) whenever nothing more happens by itself, until more than a day has passed.
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

import cost
from outcomes import CANCELLED, FAILED, READY, SUPERSEDED, Row, Totals, classify, sum_by_side, table
from scenarios import CANCELLED_IN_QUEUE, OUTAGE, OUTAGE_LATER, PAUSED, SCENARIOS, THROTTLED, Scenario, Uploads
from proxies import job_of
from testbed import BASELINE, DOCKET, DURABLE, RECONCILER, SIDES, TARGET, Testbed, say, step

MINUTE, HOUR = 60, 3600
# Jumps of the clock. They are short at first, when most happens. After each jump, everything that became due happens.
BEFORE_THROTTLING = [MINUTE] * 5 + [5 * MINUTE] * 11 + [10 * MINUTE] * 6
# While the function is throttled, and then while the pipeline is paused.
FOR_AN_HOUR = [10 * MINUTE] * 6
# Short again when a request without a notification becomes overdue (6 h 32 min), then past Docket's job deadline
# (job_deadline_seconds of legal-review, 23 h) of the last upload.
AFTER_THROTTLING = [20 * MINUTE] * 3 + [30 * MINUTE] * 5 + [5 * MINUTE] * 12 + [2 * HOUR] * 9
# The rate of the schedule in infra/service.yaml, in seconds.
RECONCILE_INTERVAL = 5 * MINUTE


class Comparison:
    def __init__(self, testbed: Testbed, only: str):
        self.testbed = testbed
        self.scenarios = [scenario for scenario in SCENARIOS if only in scenario.title]
        self.uploads = Uploads(testbed)
        self.reconciled_at = 0.0
        self.reconciled = 0
        # By side and job: the state, and when it was first observed. A late message may write the same state again.
        self.state_since: dict[tuple[str, str], tuple[str, float]] = {}

    def run(self) -> None:
        """Runs all scenarios, and lets more than a day pass."""
        for number, scenario in enumerate(self.scenarios):
            if scenario in (THROTTLED, PAUSED, CANCELLED_IN_QUEUE, OUTAGE, OUTAGE_LATER):
                continue
            step(scenario.title)
            self.uploads.run(number, scenario)
            self.settle()
        # A function that waits for a response would take the jump for its own running time.
        self.testbed.injector.wait_for_held_calls()
        step("two hours pass")
        self.jump(BEFORE_THROTTLING)
        if THROTTLED in self.scenarios:
            step(THROTTLED.title)
            self.uploads.run(SCENARIOS.index(THROTTLED), THROTTLED)
        self.jump(FOR_AN_HOUR)
        for side in SIDES:
            self.testbed.throttle(side, False)
        self.uploads.redeliver_events()
        self.settle()
        self.paused_hour([it for it in (PAUSED, CANCELLED_IN_QUEUE) if it in self.scenarios])
        self.outage([it for it in (OUTAGE, OUTAGE_LATER) if it in self.scenarios])
        step("a day passes")
        self.jump(AFTER_THROTTLING)

    def paused_hour(self, scenarios: list[Scenario]) -> None:
        """Uploads while everything is paused, and cancels some of it. Docket's pause ends by itself, the others' by hand."""
        if not scenarios:
            return
        step(PAUSED.title)
        self.testbed.pause(until=self.testbed.clock.now() + HOUR)
        for scenario in scenarios:
            self.uploads.run(SCENARIOS.index(scenario), scenario)
        self.settle()
        if CANCELLED_IN_QUEUE in scenarios:
            self.uploads.cancel(CANCELLED_IN_QUEUE)
        self.jump(FOR_AN_HOUR)
        for side in SIDES:
            self.testbed.throttle(side, False)

    def outage(self, scenarios: list[Scenario]) -> None:
        """An hour in which the endpoint is not in service. Some documents come at its beginning, others while it passes."""
        if OUTAGE in scenarios:
            step(OUTAGE.title)
            self.uploads.run(SCENARIOS.index(OUTAGE), OUTAGE)
            self.settle()
            self.jump([MINUTE] * 2)
        if OUTAGE_LATER in scenarios:
            step(OUTAGE_LATER.title)
            for first in range(0, len(OUTAGE_LATER.names), 2):
                self.uploads.run(SCENARIOS.index(OUTAGE_LATER), OUTAGE_LATER, slice(first, first + 2))
                self.jump([MINUTE] * 4)

    def jump(self, steps: list[int]) -> None:
        """Advances the clock step by step. After each step, waits until everything that became due has happened."""
        testbed = self.testbed
        for seconds in steps:
            testbed.clock.advance(seconds)
            testbed.injector.deliver_late()
            testbed.injector.activity.change(0)
            if testbed.clock.now() - self.reconciled_at >= RECONCILE_INTERVAL and testbed.reconcile():
                self.reconciled_at = testbed.clock.now()
                self.reconciled += 1
            self.settle()

    def settle(self) -> None:
        """Waits until nothing more happens at the current time, and records the state of every row."""
        self.testbed.settle()
        for side in SIDES:
            for row in self.rows(side):
                if self.state_since.get((side, row.job), ("", 0.0))[0] != row.state:
                    self.state_since[side, row.job] = (row.state, row.updated_at)

    def tags(self, title: str) -> list[str]:
        """The documents of a scenario."""
        return [document.tag for document in self.uploads.documents if document.scenario == title]

    def rows(self, side: str) -> list[Row]:
        """All rows of the job table."""
        return [ROWS[side](item) for item in self.testbed.rows(side)]

    def outcomes(self) -> tuple[dict[str, dict[str, Totals]], list[str]]:
        """Totals by scenario and side, and a remark for every document without the right outcome."""
        totals_by_scenario = {scenario.title: {side: Totals() for side in SIDES} for scenario in self.scenarios}
        remarks = []
        for side in SIDES:
            traffic = self.testbed.injector.traffic[side]
            rows = [replace(row, updated_at=self.state_since[side, row.job][1]) for row in self.rows(side)]
            objects = self.testbed.keys(side)
            for document in self.uploads.documents:
                mine = [row for row in rows if row.etag == document.etag]
                jobs = {row.job for row in mine}
                # Runs and results belong to a document by its job; without a record, by its tag.
                is_ours = lambda inference: job_of(inference) in jobs if jobs else traffic.tag_of.get(job_of(inference)) == document.tag
                runs = [status for inference, status in traffic.runs if is_ours(inference)]
                results = {location.split("/", 3)[3] for call, location in traffic.outputs.items() if is_ours(call.split(" ")[0])}
                uploaded_at = self.uploads.uploaded_at.get((side, document.etag))
                if uploaded_at is None:
                    remarks.append(f"{side}: {document.scenario}: {document.key}: not uploaded, because the previous version never ran")
                    continue
                outcome = classify(document, mine, runs, results, objects, uploaded_at)
                # Two versions of one key share its calls; they count for the newer one.
                calls = 0 if document.expected == SUPERSEDED else traffic.calls_for[document.tag].total()
                totals_by_scenario[document.scenario][side].add(outcome, calls)
                if outcome.problem or outcome.repeated:
                    repeated = f"{len(runs)} runs" if outcome.repeated else ""
                    remarks.append(f"{side}: {document.scenario}: {document.key}: {', '.join(filter(None, [outcome.problem, repeated]))}")
        return totals_by_scenario, remarks


def docket_row(item: dict[str, Any]) -> Row:
    """A row of Docket's job table."""
    state = item["state"]["M"]
    status = item["status"]["S"]
    known = {"Ready": READY, "Failed": FAILED, "Cancelled": CANCELLED}.get(status, "open")
    if status == "Failed" and state["cause"]["S"] == "Superseded":
        known = SUPERSEDED
    attempts = [attempt["M"] for attempt in item["attempts"]["L"]]
    output = next((attempt["output"]["S"] for attempt in attempts if attempt["n"] == state["attempt"] and "output" in attempt), None)
    etag = item["input"]["M"]["etag"]["S"].strip('"')
    return Row(item["job_id"]["S"], etag, known, output, int(item["updated_at"]["N"]) / 1000)


def baseline_row(item: dict[str, Any]) -> Row:
    """A row of the baseline's table, or of the durable function's."""
    known = {"READY": READY, "FAILED": FAILED}.get(item["status"]["S"], "open")
    output = item.get("output_location", {}).get("S", "s3://-/").split("/", 3)[3]
    return Row(item["job_id"]["S"], item.get("etag", {}).get("S", ""), known, output, int(item["updated_at"]["N"]))


ROWS = {DOCKET: docket_row, BASELINE: baseline_row, DURABLE: baseline_row}


def dead_letters(testbed: Testbed, side: str) -> int:
    """Number of messages in the dead-letter queues."""
    return sum(testbed.depth(url, include_invisible=True) for name, url in testbed.queues(side).items() if "DeadLetters" in name)


def report(comparison: Comparison, seconds: float) -> bool:
    """Prints all results. Returns whether Docket has no upload that is lost, stuck or wrong."""
    testbed = comparison.testbed
    totals_by_scenario, remarks = comparison.outcomes()
    for line in ["", *table(totals_by_scenario, SIDES), ""]:
        say(line)
    for remark in remarks:
        say(remark)
    remarks = [f"dead letters at the end: {' / '.join(str(dead_letters(testbed, side)) for side in SIDES)}"]
    calls = {side: testbed.injector.traffic[side].calls for side in SIDES}
    if comparison.reconciled:
        each = calls[DOCKET][RECONCILER] / comparison.reconciled
        often = f"{comparison.reconciled} times, directly, at most every {RECONCILE_INTERVAL // 60} min"
        remarks.append(f"Docket's reconciler was invoked {often}; {each:.0f} AWS calls each")
    else:
        remarks.append("Docket's reconciler is not deployed, so what it recovers is not recovered")
    remarks.append("the others have no schedule; no operator redrives dead letters on any side")
    remarks.append("times are those of the emulator's clock, which jumps by 1 min to 2 h: a recovery appears late by up to one jump")
    remarks.append("after a jump, a delayed message and that of the reconciler arrive together, so retries show more calls than in reality")
    remarks += [f"fault not injected: {fault}" for fault in testbed.injector.faults.unused()]
    for remark in remarks:
        say(f"remark: {remark}")
    costs = {side: cost.of_job(testbed.injector.traffic[side], comparison.tags("nothing goes wrong"), cost.PER_JOB[side]) for side in SIDES}
    for line in ["", *cost.table(costs)]:
        say(line)
    result = {"scenarios": {}, "seconds": round(seconds), "dollars_per_million_jobs": {side: round(sum(of.values()), 2) for side, of in costs.items()}}
    for title, by_side in totals_by_scenario.items():
        result["scenarios"][title] = {side: totals.summary() for side, totals in by_side.items()}
    total = sum_by_side(totals_by_scenario, SIDES)
    result |= {side: total[side].summary() for side in SIDES}
    result["faults"] = {side: {what: n for (of, what), n in sorted(testbed.injector.faults.injected.items()) if of == side} for side in SIDES}
    result["remarks"] = remarks
    print(json.dumps(result, ensure_ascii=False), flush=True)
    ours = total[DOCKET]
    return not (ours.lost or ours.stuck or ours.wrong)


def main() -> int:
    """The command line."""
    if not Path("/proc/net/tcp").exists():
        say("compare: needs Linux: the clock is changed with LD_PRELOAD, and processes are found in /proc")
        return 2
    arguments = argparse.ArgumentParser(description="Run the same faults against Docket and the baseline.")
    arguments.add_argument("--only", default="", help="run only scenarios whose title contains this text")
    arguments.add_argument("--keep", action="store_true", help="keep the logs, and the job table and calls of each side as JSON")
    options = arguments.parse_args()
    started = time.monotonic()
    TARGET.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="compare-", dir=TARGET))
    passed = False
    try:
        with contextlib.ExitStack() as stack:
            testbed = Testbed(folder, stack, step)
            testbed.start()
            comparison = Comparison(testbed, options.only)
            comparison.run()
            passed = report(comparison, time.monotonic() - started)
            for side in SIDES:
                kept = {"rows": testbed.rows(side), "calls": testbed.injector.traffic[side].calls_for}
                (folder / f"{side}.json").write_text(json.dumps(kept, indent=1))
        if passed and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"the logs are in {folder}")
    except (RuntimeError, OSError, BotoCoreError, ClientError) as error:
        say(f"compare: {error}\nthe logs are in {folder}")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
