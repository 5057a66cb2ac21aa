"""Measures how soon a queued job is released when an attempt ends. `make bench-release` runs it.

It starts a local stack, lets function `capacity` start an instance, and stops that function, so that nothing but the ends of
attempts asks for releases. Then it fills the window of a pipeline, uploads DOCUMENTS contracts, which all wait, and releases
the first. From then on each end of an attempt (`closed_at` in its row) frees the place of the next start (`at`), in
the order of the rows' times. Both are written by the functions on one machine's clock.

Prints one line of JSON: milliseconds from an end to the start that it made possible. There is no budget and no assertion:
a loaded machine is slow. Exit status 2 if something could not be measured. Standard library only.
"""

import json
import queue
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from job_cost import PIPELINE, SAMPLE, TENANT, aws, fill_window, page, run_job, stack

DOCUMENTS = 220
WINDOW = 4
TIMEOUT_SECONDS = 900


def main() -> int:
    """The command line."""
    try:
        with stack() as running, page() as seen:
            rows = run(running, seen)
        print(json.dumps(figures(rows)), flush=True)
    except RuntimeError as error:
        print(f"bench-release: {error}", file=sys.stderr)
        return 2
    return 0


def run(running: dict[str, Any], seen: queue.Queue) -> list[dict[str, Any]]:
    """Lets all documents wait and be released. Returns their rows. Raises RuntimeError."""
    run_job(running, seen, "warm-up.pdf")
    aws(running, "lambda", "put-function-concurrency", "--function-name", "docket-capacity", "--reserved-concurrent-executions", "0")
    outputs = running["outputs"]
    fill_window(running)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(DOCUMENTS):
            shutil.copy(SAMPLE, Path(folder, f"queued-{number:03}.pdf"))
        aws(running, "s3", "cp", "--recursive", "--quiet", folder, f"s3://{outputs['JobsBucketName']}/inbound/{TENANT}/")
    wait(running, "Queued", DOCUMENTS)
    release = json.dumps({"release": PIPELINE})
    aws(running, "sqs", "send-message", "--queue-url", outputs["ChecksQueueUrl"], "--message-body", release, "--endpoint-url", running["url"])
    return wait(running, "Ready", DOCUMENTS)


def wait(running: dict[str, Any], status: str, count: int) -> list[dict[str, Any]]:
    """Waits until so many of the documents have the status. Returns their rows. Raises RuntimeError."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    values = json.dumps({":status": {"S": status}, ":key": {"S": f"inbound/{TENANT}/queued-"}})
    while True:
        found = aws(running, "dynamodb", "scan", "--table-name", running["outputs"]["JobsTableName"], "--filter-expression", "#status = :status AND begins_with(#input.#key, :key)",
                    "--expression-attribute-names", json.dumps({"#status": "status", "#input": "input", "#key": "key"}), "--expression-attribute-values", values)  # fmt: skip
        if len(found["Items"]) >= count:
            return found["Items"]
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(found['Items'])} of {count} documents are {status}")
        time.sleep(2)


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How long after each end the next start was."""
    attempts = [attempt["M"] for row in rows for attempt in row["attempts"]["L"]]
    starts = sorted(int(attempt["at"]["N"]) for attempt in attempts)
    ends = sorted(int(attempt["closed_at"]["N"]) for attempt in attempts)
    # The first release starts as many as the window has places for. Each end makes one more start possible.
    waits = sorted(start - end for end, start in zip(ends, starts[WINDOW:]))
    if waits[0] < 0:
        raise RuntimeError("a job started before an attempt had ended: something else released it")
    percentile = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))]  # noqa: E731
    return {"releases": len(waits), "p50_ms": percentile(0.5), "p90_ms": percentile(0.9), "p99_ms": percentile(0.99), "max_ms": waits[-1]}


if __name__ == "__main__":
    sys.exit(main())
