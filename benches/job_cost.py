"""Counts the AWS calls and DynamoDB units of a job from upload to `Ready` on the local stack, with one page open: of a job that
is sent at once, and of one that waits for its turn first.
"""

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
from cold_start import WITHOUT_CALLS
from proxies import CountingProxies, Table, Usage

DEVSTACK = TARGET / "release" / "devstack"
STACK_FOLDER = ROOT / ".docket" / "up"
SAMPLE = ROOT / "samples" / "contracts" / "consulting-agreement.pdf"
TENANT = "acme"
PIPELINE = "legal-review"
TIMEOUT_SECONDS = 120
# Put into the queue after the last line of a page.
CLOSED = "(the page is closed)"
# Services whose address the functions read from AWS_ENDPOINT_URL_<service> (AWS SDKs and Tools Reference Guide).
SERVICES = ("DYNAMODB", "S3", "SQS", "EVENTBRIDGE", "SAGEMAKER_RUNTIME")


@dataclass(frozen=True)
class JobCost:
    usage: Usage
    queued: Usage  # of a job that waited, with its release
    jobs_table: str
    connections_table: str


def measure() -> JobCost:
    """Starts a stack, runs four jobs and counts the last two. Raises RuntimeError."""
    with stack() as running, page() as seen:
        outputs = running["outputs"]
        tables = {name: describe(running, name) for key, name in outputs.items() if key.endswith("TableName")}
        proxies = CountingProxies(running["url"], running["endpoints_url"], tables)
        try:
            # Function `capacity` starts an instance. From then on it does nothing: what a schedule calls is not part of a job, and
            # would change the window.
            run_job(running, seen, "first.pdf")
            aws(running, "lambda", "put-function-concurrency", "--function-name", "docket-capacity", "--reserved-concurrent-executions", "0")
            for function in sorted(set(functions()) - WITHOUT_CALLS):
                redirect(running, function, proxies.proxy(function))
            # The next job starts the processes and opens connections, which is not part of the cost of a job.
            run_job(running, seen, "warm-up.pdf")
            proxies.reset()
            run_job(running, seen, "measured.pdf")
            usage = proxies.usage
            fill_window(running)
            proxies.reset()
            run_queued_job(running, seen, "queued.pdf")
        finally:
            proxies.close()
        return JobCost(usage, proxies.usage, outputs["JobsTableName"], outputs["ConnectionsTableName"])


@contextmanager
def stack() -> Iterator[dict[str, Any]]:
    """Starts the local stack of `make up`. Raises RuntimeError if it does not start."""
    if is_stack_running():
        raise RuntimeError("a local stack is already running; `make down` stops it")
    started = subprocess.run([DEVSTACK, "up"], capture_output=True, text=True)
    if started.returncode != 0:
        raise RuntimeError(f"the local stack does not start\n{started.stdout}{started.stderr}")
    try:
        yield json.loads((STACK_FOLDER / "stack.json").read_text())
    finally:
        subprocess.run([DEVSTACK, "down"], capture_output=True)


def is_stack_running() -> bool:
    """Whether a stack of `make up` is running: it holds a lock."""
    try:
        with (STACK_FOLDER / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def page() -> Iterator[queue.Queue]:
    """Opens a page. The lines that it prints arrive in the queue."""
    lines: queue.Queue[str] = queue.Queue()
    process = subprocess.Popen([DEVSTACK, "watch", TENANT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def read() -> None:
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(CLOSED)

    threading.Thread(target=read, daemon=True).start()
    try:
        until(lines, lambda line: line.endswith(" jobs"), "the page's first snapshot")
        yield lines
    finally:
        process.terminate()
        process.wait()


def until(lines: queue.Queue, wanted, what: str) -> str:
    """Waits for a line. Raises RuntimeError if it does not arrive in time."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    shown = []
    while True:
        try:
            line = lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        shown.append(line or f"(nothing else within {TIMEOUT_SECONDS} s)")
        if line and wanted(line):
            return line
        if line in (None, CLOSED):
            raise RuntimeError("\n".join([f"{what} did not arrive; the page printed", *shown]))


def run_job(running: dict[str, Any], seen: queue.Queue, name: str) -> None:
    """Uploads a contract and waits until its job is `Ready` and all queues are empty."""
    upload(running, name)
    wait_for_end(running, seen, name)


def run_queued_job(running: dict[str, Any], seen: queue.Queue, name: str) -> None:
    """The same while the window is full: its job waits, and is released."""
    upload(running, name)
    until(seen, lambda line: name in line and "  Queued " in line, f"the queueing of {name}")
    release = json.dumps({"release": PIPELINE})
    aws(running, "sqs", "send-message", "--queue-url", running["outputs"]["ChecksQueueUrl"], "--message-body", release, "--endpoint-url", running["url"])
    wait_for_end(running, seen, name)


def upload(running: dict[str, Any], name: str) -> None:
    """Uploads a contract."""
    aws(running, "s3", "cp", str(SAMPLE), f"s3://{running['outputs']['JobsBucketName']}/inbound/{TENANT}/{name}")


def fill_window(running: dict[str, Any]) -> None:
    """Writes what function `capacity` writes when the window of the pipeline is full (crates/jobs/src/window.rs)."""
    until = int((time.time() + 600) * 1000)
    line = f">{PIPELINE}\tfull\t{until}\t4\t540"
    item = {"pk": {"S": "pauses"}, "sk": {"S": "now"}, "body": {"S": line}, "revision": {"N": "1000"}, "expires_at": {"N": str(until // 1000)}}
    aws(running, "dynamodb", "put-item", "--table-name", running["outputs"]["RecordsTableName"], "--item", json.dumps(item))


def wait_for_end(running: dict[str, Any], seen: queue.Queue, name: str) -> None:
    """Waits until the job is `Ready` and all queues are empty."""
    line = until(seen, lambda line: name in line and any(f"  {end} " in line for end in ("Ready", "Failed")), f"the end of {name}")
    if "  Ready " not in line:
        raise RuntimeError(f"the job did not become ready: {line}")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    # A message is in flight until its function has returned, so with empty queues all calls were made.
    while messages(running):
        if time.monotonic() > deadline:
            raise RuntimeError("the queues do not become empty")
        time.sleep(0.1)


def messages(running: dict[str, Any]) -> int:
    """Number of messages in all queues, those in flight included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    total = 0
    for key, url in running["outputs"].items():
        if key.endswith("QueueUrl"):
            endpoint = ["--endpoint-url", running["url"]]
            found = aws(running, "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", *names, *endpoint)
            total += sum(int(count) for count in found["Attributes"].values())
    return total


def describe(running: dict[str, Any], table: str) -> Table:
    """The key schema of a table and its indexes."""
    return Table.described(aws(running, "dynamodb", "describe-table", "--table-name", table)["Table"])


def redirect(running: dict[str, Any], function: str, proxy: str) -> None:
    """Points a function at its proxy for all services. Changes only its environment."""
    name = f"docket-{function}"
    variables = aws(running, "lambda", "get-function-configuration", "--function-name", name)["Environment"]["Variables"]
    variables |= {f"AWS_ENDPOINT_URL_{service}": proxy for service in SERVICES}
    if "WEBSOCKET_MANAGEMENT_URL" in variables:
        variables["WEBSOCKET_MANAGEMENT_URL"] = variables["WEBSOCKET_MANAGEMENT_URL"].replace(running["url"], proxy)
    environment = json.dumps({"Variables": variables})
    aws(running, "lambda", "update-function-configuration", "--function-name", name, "--environment", environment)


def aws(running: dict[str, Any], *arguments: str) -> Any:
    """Runs the AWS CLI against the stack and returns its JSON output. Raises RuntimeError if it fails."""
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
