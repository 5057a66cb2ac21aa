"""Counts on the wire what one job costs from its upload to `Ready`, with one page open, on the local stack."""

from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import dataclass
import fcntl
import json
import os
from pathlib import Path
import queue
import subprocess
import threading
import time
from typing import Any

from build import ROOT, TARGET, functions
from wire import Ledger, Table, Wire

DEVSTACK = TARGET / "release" / "devstack"
UP = ROOT / ".docket" / "up"
SAMPLE = ROOT / "samples" / "contracts" / "consulting-agreement.pdf"
TENANT = "acme"
PATIENCE_SECONDS = 120
# The variables that name a service's own address (AWS SDKs and Tools Reference Guide).
SERVICES = ("DYNAMODB", "S3", "SQS", "EVENTBRIDGE", "SAGEMAKER_RUNTIME")


@dataclass(frozen=True)
class Life:
    """What one job cost."""

    ledger: Ledger
    jobs_table: str
    connections_table: str


def measure() -> Life:
    """Starts a stack, sends two jobs through it and counts the second. Raises RuntimeError, with what is wrong."""
    with stack() as running, page() as seen:
        outputs = running["outputs"]
        tables = {name: describe(running, name) for key, name in outputs.items() if key.endswith("TableName")}
        wire = Wire(running["url"], running["endpoints_url"], tables)
        try:
            for function in functions():
                redirect(running, function, wire.proxy(function))
            # The first opens connections and starts processes, which is not what a job costs.
            run_job(running, seen, "warm-up.pdf")
            wire.reset()
            run_job(running, seen, "measured.pdf")
        finally:
            wire.close()
        return Life(wire.ledger, outputs["JobsTableName"], outputs["ConnectionsTableName"])


@contextmanager
def stack() -> Iterator[dict[str, Any]]:
    """A local stack of our own, the one of `make up`. Raises RuntimeError if it cannot be had."""
    if busy():
        raise RuntimeError("a local stack is running; `make down` stops it")
    started = subprocess.run([DEVSTACK, "up"], capture_output=True, text=True)
    if started.returncode != 0:
        raise RuntimeError(f"the local stack does not start\n{started.stdout}{started.stderr}")
    try:
        yield json.loads((UP / "stack.json").read_text())
    finally:
        subprocess.run([DEVSTACK, "down"], capture_output=True)


def busy() -> bool:
    """Whether a stack of `make up` runs: its owner holds a lock."""
    try:
        with (UP / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def page() -> Iterator[queue.Queue]:
    """An open page; what it shows comes out of the queue, a line each."""
    lines: queue.Queue[str] = queue.Queue()
    process = subprocess.Popen([DEVSTACK, "watch", TENANT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def read() -> None:
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put("(the page is closed)")

    threading.Thread(target=read, daemon=True).start()
    try:
        until(lines, lambda line: line.endswith(" jobs"), "the page's first snapshot")
        yield lines
    finally:
        process.terminate()
        process.wait()


def until(lines: queue.Queue, wanted, what: str) -> str:
    """Waits for a line. Raises RuntimeError if it does not come."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    shown = []
    while True:
        try:
            line = lines.get(timeout=max(0, give_up - time.monotonic()))
        except queue.Empty:
            line = "(the page is closed)"
        shown.append(line)
        if wanted(line):
            return line
        if line == "(the page is closed)":
            raise RuntimeError("\n".join([f"{what} did not come; the page showed", *shown]))


def run_job(running: dict[str, Any], seen: queue.Queue, name: str) -> None:
    """Uploads a contract and waits until it is ready and nothing is under way any more."""
    aws(running, "s3", "cp", str(SAMPLE), f"s3://{running['outputs']['JobsBucketName']}/inbound/{TENANT}/{name}")
    line = until(seen, lambda line: name in line and any(f"  {end} " in line for end in ("Ready", "Failed")), f"the end of {name}")
    if "  Ready " not in line:
        raise RuntimeError(f"the job did not become ready: {line}")
    give_up = time.monotonic() + PATIENCE_SECONDS
    # A message stays in flight until its function has answered, so then all calls were made.
    while under_way(running):
        if time.monotonic() > give_up:
            raise RuntimeError("the queues do not become empty")
        time.sleep(0.1)


def under_way(running: dict[str, Any]) -> int:
    """How many messages wait or are being worked off."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    total = 0
    for key, url in running["outputs"].items():
        if key.endswith("QueueUrl"):
            endpoint = ["--endpoint-url", running["url"]]
            told = aws(running, "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", *names, *endpoint)
            total += sum(int(count) for count in told["Attributes"].values())
    return total


def describe(running: dict[str, Any], table: str) -> Table:
    """How a table is keyed."""
    return Table.described(aws(running, "dynamodb", "describe-table", "--table-name", table)["Table"])


def redirect(running: dict[str, Any], function: str, proxy: str) -> None:
    """Lets a function reach all services through its proxy. Nothing but its environment is changed."""
    name = f"docket-{function}"
    variables = aws(running, "lambda", "get-function-configuration", "--function-name", name)["Environment"]["Variables"]
    variables |= {f"AWS_ENDPOINT_URL_{service}": proxy for service in SERVICES}
    if "WEBSOCKET_MANAGEMENT_URL" in variables:
        variables["WEBSOCKET_MANAGEMENT_URL"] = variables["WEBSOCKET_MANAGEMENT_URL"].replace(running["url"], proxy)
    environment = json.dumps({"Variables": variables})
    aws(running, "lambda", "update-function-configuration", "--function-name", name, "--environment", environment)


def aws(running: dict[str, Any], *arguments: str) -> Any:
    """Runs the AWS CLI against the stack and answers what it says. Raises RuntimeError if it fails."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": running["url"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_PAGER": "",
    }
    command = [ROOT / ".venv" / "bin" / "python", "-m", "awscli", *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"aws {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else None
