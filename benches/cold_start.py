"""Counts the instructions of a cold start: from the start of the process until the first signed call of an
AWS service has been answered over TLS and the function turns to what comes next.

The function runs under callgrind between two servers: a Lambda Runtime API that hands it one event
(Lambda developer guide, "Using the Lambda runtime API for custom runtimes"), and a TLS server that answers as
the AWS service would. What is counted ends where the future of that first call does. The request that comes
next is never answered, so the function waits and can be ended at leisure. Only the keys of the handshake and
hash seeds differ from run to run, by less than one percent.
"""

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
from pathlib import Path
import re
import signal
import ssl
import subprocess
import threading
import time

from build import ROOT
from certificates import Certificates

# Under callgrind a cold start takes a second, a minute on a machine that is very busy.
PATIENCE_SECONDS = 120
# The future of an AWS call, and its end: callgrind writes what it counted so far whenever a function of
# such a name is left.
CALL = "*FluentBuilder::send*"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
# The events that functions behind queues get as the text of a message.
QUEUED = {"upload-trigger", "inference-success", "inference-error", "retry"}
# One ordinary event of each function, of events/<function>/.
EVENTS = {
    "upload-trigger": "put",
    "inference-success": "completed",
    "inference-error": "failed",
    "retry": "check",
    "reconciler": "schedule",
    "support-api": "get-me",
    "ws-authorizer": "connect",
    "ws-connect": "connect",
    "ws-default": "sync",
    "ws-disconnect": "disconnect",
}
# The resources of infra/service.yaml by the names that config.rs reads; none of them is reached.
ENVIRONMENT = {
    "JOBS_TABLE": "docket-JobsTable-1KZ0M3W9Q2X4",
    "CONNECTIONS_TABLE": "docket-ConnectionsTable-7Y2L5C8V1B3N",
    "RECORDS_TABLE": "docket-RecordsTable-4T6R9E1W3Q5U",
    "BUCKET": "docket-jobs-123456789012-eu-central-1",
    "WEBSOCKET_CONNECT_URL": "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live",
    "USER_POOL_CLIENT_ID": "7lq3k2v9m1n8p6r4t5w0x2y3z1",
    "SIGN_IN_URL": "https://cognito-idp.eu-central-1.amazonaws.com",
    "CHECKS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-checks",
    "UPLOADS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-uploads",
    "UPLOADS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-uploads-dead-letters",
    "INFERENCE_SUCCESS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-inference-success",
    "INFERENCE_SUCCESS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-inference-success-dead-letters",
    "INFERENCE_ERROR_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-inference-error",
    "INFERENCE_ERROR_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-inference-error-dead-letters",
    "CHECKS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-checks-dead-letters",
    "EVENT_BUS": "docket",
    "SERVICE_NAME": "docket",
    "PAGE_ORIGIN": "*",
}


@dataclass(frozen=True)
class ColdStart:
    """What was counted."""

    instructions: int
    call: str  # the first signed call
    profile: Path  # callgrind's file


class Script:
    """What the two servers have seen so far."""

    def __init__(self, event: bytes) -> None:
        self.event = event
        self.call: str | None = None  # the first signed call, once it is answered
        self.problem: str | None = None
        self.over = threading.Event()  # the function turned to what comes next, or something is wrong
        self.release = threading.Event()  # the process has ended, requests need not be held any longer
        self.lock = threading.Lock()

    def holds(self) -> bool:
        """Whether this request comes after the first answered call. Then it is kept waiting until the end."""
        with self.lock:
            after = self.call is not None
        if after:
            self.over.set()
            self.release.wait(PATIENCE_SECONDS)
        return after

    def fail(self, problem: str) -> None:
        """Ends the run."""
        self.problem = self.problem or problem
        self.over.set()


class Handler(BaseHTTPRequestHandler):
    """What both servers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    script: Script

    def log_message(self, *_) -> None:
        """Nothing is logged."""

    def body(self) -> bytes:
        """The request's body; that of a request without a length is chunked."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Sends an answer in one write."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()


class Runtime(Handler):
    """The Lambda Runtime API."""

    def do_GET(self) -> None:
        """The next event."""
        if self.script.holds():
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 600_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:docket",
            "Lambda-Runtime-Trace-Id": "Root=1-67891233-abcdef012345678912345678;Sampled=0",
        }
        self.answer(200, self.script.event, headers)

    def do_POST(self) -> None:
        """An answer or an error of the function: too early, unless a signed call was answered."""
        said = self.body()
        if not self.script.holds():
            self.script.fail(f"it called no AWS service, but POST {self.path}: {said[:500].decode(errors='replace')}")
            self.answer(202, b"", {})


class Service(Handler):
    """An AWS service with a JSON protocol, DynamoDB for instance."""

    def do_POST(self) -> None:
        """Answers the first signed call that all is well and nothing was found."""
        self.body()
        if self.script.holds():
            return
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self.script.fail(f"POST {self.path} is not signed")
            return
        target = self.headers.get("X-Amz-Target")
        if not target:
            self.script.fail(f"no answer is known for POST {self.path}")
            return
        headers = {"Content-Type": self.headers["Content-Type"], "x-amzn-RequestId": REQUEST_ID, "x-amz-crc32": "2745614147"}
        with self.script.lock:
            self.script.call = target.replace("_", ".").split(".")[0] + " " + target.rpartition(".")[2]
        self.answer(200, b"{}", headers)

    def do_GET(self) -> None:
        """The first call of no function is one of these."""
        if not self.script.holds():
            self.script.fail(f"no answer is known for {self.command} {self.path}")

    do_HEAD = do_PUT = do_DELETE = do_GET


class Server(ThreadingHTTPServer):
    """A server on a free port. Waits for no thread at the end: some hold requests."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_) -> None:
        """A connection ends with its process, in the middle of a request."""


def serve(handler: type[Handler], script: Script, tls: Certificates | None) -> Server:
    """Starts a server."""
    server = Server(("127.0.0.1", 0), type(handler.__name__, (handler,), {"script": script}))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.chain, tls.key)
        # Handshakes are made by the connections' own threads, at their first read.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def event(name: str) -> bytes:
    """An ordinary event of that function. Raises KeyError for a function that this file does not know."""
    text = (ROOT / "events" / name / f"{EVENTS[name]}.json").read_text()
    if name not in QUEUED:
        parsed = json.loads(text)
        if authorizer := parsed.get("requestContext", {}).get("authorizer"):
            # The sign-in of the file is long over.
            in_an_hour = int(time.time()) + 3600
            if jwt := authorizer.get("jwt"):
                jwt["claims"]["exp"] = str(in_an_hour)
            else:
                authorizer["token_expires_at"] = str(in_an_hour * 1000)
        return json.dumps(parsed).encode()
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1767607200000"}
    message = {"messageId": REQUEST_ID, "receiptHandle": "AQEB", "body": text, "attributes": attributes}
    return json.dumps({"Records": [{**message, "messageAttributes": {}, "eventSource": "aws:sqs"}]}).encode()


def measure(name: str, program: Path, tls: Certificates, folder: Path, whole: bool = False) -> ColdStart:
    """Runs one cold start. Raises RuntimeError, with what the function said, if it does not get that far.

    `whole` counts on until the next request is made: its profile is not cut into parts, which lose the cost of
    the functions that were being called at the cut.
    """
    script = Script(event(name))
    runtime = serve(Runtime, script, None)
    service = serve(Service, script, tls)
    profile, log = folder / f"{name}.callgrind", folder / f"{name}.log"
    profile.unlink(missing_ok=True)
    environment = {
        **ENVIRONMENT,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": f"docket-{name}",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/docket/docket/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/05/[$LATEST]8476a536e9f411e8",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE" + "A" * 800,  # about as long as Lambda's
        "AWS_ENDPOINT_URL": f"https://localhost:{service.server_port}",
        "WEBSOCKET_MANAGEMENT_URL": f"https://localhost:{service.server_port}/live",
        "LAMBDA_TASK_ROOT": str(ROOT / "infra"),  # has pipelines.toml, as the zip does
        "_HANDLER": "bootstrap",
    }
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    if not whole:
        command += [f"--dump-after={CALL}", "--combine-dumps=yes"]
    command.append(str(program))
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
            try:
                wait(process, script)
                # Callgrind writes its file when a signal ends the program.
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()
                process.wait()
    finally:
        script.release.set()
        for server in (runtime, service):
            server.shutdown()
            server.server_close()
    if script.problem:
        raise RuntimeError(f"{name}: {script.problem}\n{log.read_text(errors='replace')[-2000:]}")
    call = script.call or ""
    return ColdStart(totals(profile.read_text()) if whole else cut(profile, call), call, profile)


def totals(text: str) -> int:
    """The instructions of all parts of a file of callgrind."""
    return sum(int(total) for total in re.findall(r"^totals: (\d+)$", text, re.MULTILINE))


def cut(profile: Path, call: str) -> int:
    """Cuts callgrind's file off where the first call was over, and answers the instructions until then.

    Raises RuntimeError if that point cannot be found.
    """
    head, *parts = re.split(r"^(?=part: \d+$)", profile.read_text(), flags=re.MULTILINE)
    # GetItem is aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder
    builder = f"::{call.rpartition(' ')[2]}FluentBuilder::send"
    ends = [place for place, part in enumerate(parts) if builder in part.partition("\nevents:")[0]]
    if not ends:
        raise RuntimeError(f"{profile} does not show where {call} was over; is {builder} still called so?")
    parts = parts[: ends[-1] + 1]
    profile.write_text(head + "".join(parts))
    return totals("".join(parts))


def wait(process: subprocess.Popen, script: Script) -> None:
    """Waits until the run is over; a process that ends before that is a failure."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not script.over.wait(0.05):
        if process.poll() is not None:
            script.fail(f"it ended with status {process.returncode}")
        elif time.monotonic() > give_up:
            script.fail(f"it made no further request in {PATIENCE_SECONDS} s")


# What only passes a call on: the entry of the program and futures that wrap futures.
PLUMBING = re.compile(r"PROGRAM TOTALS|below main|libc_start|:main$|lang_start|backtrace|function\.rs|Future>::poll|\{\{closure\}\}|'2$")


def profile(result: ColdStart, inclusive: bool, lines: int) -> list[str]:
    """The most expensive functions, by themselves or with all that they call. Raises CalledProcessError."""
    how = "--inclusive=yes" if inclusive else "--inclusive=no"
    command = ["callgrind_annotate", how, "--threshold=100", "--show-percs=no", str(result.profile)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = []
    for count, where in re.findall(r"^ *([\d,]+) +(\S.*)$", text, re.MULTILINE):
        # <file>:<function> [<program>]
        name = re.sub(r" \[[^\]]*\]$", "", where).partition(":")[2] or where
        if not PLUMBING.search(name) and not PLUMBING.search(where):
            rows.append(f"{count:>12}  {name}")
    return rows[:lines]
