"""Counts the instructions of a cold start: from the start of the process until the first signed call of an AWS service
has been answered over TLS.

The function runs under callgrind between two servers: a Lambda Runtime API that delivers one event (Lambda developer
guide, "Using the Lambda runtime API for custom runtimes"), and a TLS server in place of the AWS service. The count ends
where the future of the first call ends. The next request is never answered, so the function waits until it is stopped.
The keys of the handshake and hash seeds differ between runs, by less than one percent of the count.
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
import zipfile

from build import ROOT, ZIPS
from certificates import Certificates

# Under callgrind a cold start takes a second, or a minute on a very busy machine.
TIMEOUT_SECONDS = 120
# The future of an AWS call. Callgrind dumps its count whenever a function of such a name returns.
CALL = "*FluentBuilder::send*"
# The same of services that are called without an SDK client (crates/functions/src/aws/json_call.rs).
PLAIN_CALL = "*call_json*"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
# Functions that receive their event as the body of an SQS message.
QUEUE_FUNCTIONS = {"upload-trigger", "inference-success", "inference-error", "retry", "event-feed", "webhooks", "digests"}
# One event of each function, in events/<function>/.
EVENTS = {
    "upload-trigger": "put",
    "inference-success": "completed",
    "inference-error": "failed",
    "retry": "check",
    "reconciler": "schedule",
    "capacity": "schedule",
    "retention": "schedule",
    "audit-events": "entries",
    "support-api": "get-me",
    "event-feed": "job-ready",
    "events-api": "get-events",
    "webhooks": "continue",
    "digests": "continue",
    "ws-authorizer": "connect",
    "ws-connect": "connect",
    "ws-default": "sync",
    "ws-disconnect": "disconnect",
    "sign-in-groups": "id-token",
}
# Functions that call no AWS service, so that no count would end.
WITHOUT_CALLS = {"sign-in-groups"}
# The environment that infra/service.yaml sets. No function reaches any of these resources.
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
    "AWS_ENDPOINT_URL_SAGEMAKER": "https://api.sagemaker.eu-central-1.amazonaws.com",
    "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": "https://application-autoscaling.eu-central-1.amazonaws.com",
    "CHECKS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-checks-dead-letters",
    "EVENTS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-events",
    "EVENTS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-events-dead-letters",
    "WEBHOOKS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-webhooks",
    "WEBHOOKS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-webhooks-dead-letters",
    "WEBHOOK_RECEIVERS": "public",
    "DIGESTS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-digests",
    "DIGESTS_DEAD_LETTERS_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/docket-digests-dead-letters",
    "EMAIL_SENDER": "docket@example.com",
    "EMAIL_CONFIGURATION_SET": "docket",
    "HTTP_API_URL": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
    "USER_POOL_ID": "eu-central-1_EXAMPLE01",
    "COMPANY_SIGN_IN": "off",
    "RECEIPT_KEY_ID": "off",
    "EVENT_BUS": "docket",
    "SERVICE_NAME": "docket",
    "PAGE_ORIGIN": "*",
}


@dataclass(frozen=True)
class ColdStart:
    instructions: int
    call: str  # the first signed call
    profile: Path  # callgrind's file


class Progress:
    """What the two servers have received so far."""

    def __init__(self, event: bytes) -> None:
        self.event = event
        self.call: str | None = None  # the first signed call, once it is answered
        self.problem: str | None = None
        self.over = threading.Event()  # the next request has arrived, or the run has failed
        self.release = threading.Event()  # the process has ended, so that held requests can be released
        self.lock = threading.Lock()

    def holds(self) -> bool:
        """Whether this request comes after the first answered call. If so, blocks until the process has ended."""
        with self.lock:
            after = self.call is not None
        if after:
            self.over.set()
            self.release.wait(TIMEOUT_SECONDS)
        return after

    def fail(self, problem: str) -> None:
        """Ends the run with a problem."""
        self.problem = self.problem or problem
        self.over.set()


class Handler(BaseHTTPRequestHandler):
    """Common to both servers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    progress: Progress

    def log_message(self, *_) -> None:
        """Logs nothing."""

    def body(self) -> bytes:
        """The body of the request, which may be chunked."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Sends a response in one write."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()


class Runtime(Handler):
    """The Lambda Runtime API."""

    def do_GET(self) -> None:
        """The next event."""
        if self.progress.holds():
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 600_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:docket",
            "Lambda-Runtime-Trace-Id": "Root=1-67891233-abcdef012345678912345678;Sampled=0",
        }
        self.answer(200, self.progress.event, headers)

    def do_POST(self) -> None:
        """A response or an error of the function. Fails the run unless a signed call was answered before."""
        content = self.body()
        if not self.progress.holds():
            self.progress.fail(f"it called POST {self.path} before any AWS service: {content[:500].decode(errors='replace')}")
            self.answer(202, b"", {})


class Service(Handler):
    """An AWS service with a JSON protocol, DynamoDB for instance."""

    def do_POST(self) -> None:
        """Answers the first signed call with an empty result."""
        self.body()
        if self.progress.holds():
            return
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self.progress.fail(f"POST {self.path} is not signed")
            return
        target = self.headers.get("X-Amz-Target")
        if not target:
            self.progress.fail(f"POST {self.path} has no X-Amz-Target")
            return
        headers = {"Content-Type": self.headers["Content-Type"], "x-amzn-RequestId": REQUEST_ID, "x-amz-crc32": "2745614147"}
        with self.progress.lock:
            self.progress.call = target.replace("_", ".").split(".")[0] + " " + target.rpartition(".")[2]
        self.answer(200, b"{}", headers)

    def do_GET(self) -> None:
        """Fails the run: no function starts with such a call."""
        if not self.progress.holds():
            self.progress.fail(f"unexpected first call {self.command} {self.path}")

    do_HEAD = do_PUT = do_DELETE = do_GET


class Server(ThreadingHTTPServer):
    """A server on a free port. Does not wait for its threads at the end, because some hold requests."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_) -> None:
        """Ignores connections that end with the process."""


def serve(handler: type[Handler], progress: Progress, tls: Certificates | None) -> Server:
    """Starts a server."""
    server = Server(("127.0.0.1", 0), type(handler.__name__, (handler,), {"progress": progress}))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.chain, tls.key)
        # The thread of the connection makes the handshake, at its first read.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def event(name: str) -> bytes:
    """An event of a function, as Lambda delivers it. Raises KeyError for an unknown function."""
    text = (ROOT / "events" / name / f"{EVENTS[name]}.json").read_text()
    if name not in QUEUE_FUNCTIONS:
        parsed = json.loads(text)
        if authorizer := parsed.get("requestContext", {}).get("authorizer"):
            # The token of the example has expired.
            in_an_hour = int(time.time()) + 3600
            if jwt := authorizer.get("jwt"):
                jwt["claims"]["exp"] = str(in_an_hour)
            else:
                authorizer["token_expires_at"] = str(in_an_hour * 1000)
        return json.dumps(parsed).encode()
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1767607200000"}
    message = {"messageId": REQUEST_ID, "receiptHandle": "AQEB", "body": text, "attributes": attributes}
    return json.dumps({"Records": [{**message, "messageAttributes": {}, "eventSource": "aws:sqs"}]}).encode()


def task_root(folder: Path) -> Path:
    """A folder with the pipelines.toml of the zips."""
    with zipfile.ZipFile(ZIPS / "retry.zip") as archive:
        archive.extract("pipelines.toml", folder)
    return folder


def measure(name: str, program: Path, tls: Certificates, folder: Path, whole: bool = False) -> ColdStart:
    """Runs one cold start. Raises RuntimeError, with the output of the function, if it fails.

    `whole` counts until the next request: the profile is not cut into parts, which would lose the cost of the functions
    that are active at the cut.
    """
    progress = Progress(event(name))
    runtime = serve(Runtime, progress, None)
    service = serve(Service, progress, tls)
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
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE" + "A" * 800,  # similar length as in Lambda
        "AWS_ENDPOINT_URL": f"https://localhost:{service.server_port}",
        "WEBSOCKET_MANAGEMENT_URL": f"https://localhost:{service.server_port}/live",
        "LAMBDA_TASK_ROOT": str(task_root(folder)),
        "_HANDLER": "bootstrap",
    }
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    if not whole:
        command += [f"--dump-after={CALL}", f"--dump-after={PLAIN_CALL}", "--combine-dumps=yes"]
    command.append(str(program))
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
            try:
                wait(process, progress)
                # Callgrind writes its file when a signal ends the process.
                process.send_signal(signal.SIGTERM)
                process.wait(TIMEOUT_SECONDS)
            finally:
                process.kill()
                process.wait()
    finally:
        progress.release.set()
        for server in (runtime, service):
            server.shutdown()
            server.server_close()
    if progress.problem:
        raise RuntimeError(f"{name}: {progress.problem}\n{log.read_text(errors='replace')[-2000:]}")
    call = progress.call or ""
    return ColdStart(totals(profile.read_text()) if whole else cut(profile, call), call, profile)


def totals(text: str) -> int:
    """The sum of instructions in a file of callgrind."""
    return sum(int(total) for total in re.findall(r"^totals: (\d+)$", text, re.MULTILINE))


def cut(profile: Path, call: str) -> int:
    """Cuts callgrind's file at the end of the first call. Returns the instructions up to there.

    Raises RuntimeError if the end is not found.
    """
    head, *parts = re.split(r"^(?=part: \d+$)", profile.read_text(), flags=re.MULTILINE)
    # GetItem is aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder
    builder = f"::{call.rpartition(' ')[2]}FluentBuilder::send"
    ends = [index for index, part in enumerate(parts) if builder in part.partition("\nevents:")[0]]
    if not ends:
        plain = PLAIN_CALL.strip("*")
        ends = [index for index, part in enumerate(parts) if plain in part.partition("\nevents:")[0]]
    if not ends:
        raise RuntimeError(f"{profile} does not contain the end of {call}; was {builder} renamed?")
    parts = parts[: ends[-1] + 1]
    profile.write_text(head + "".join(parts))
    return totals("".join(parts))


def wait(process: subprocess.Popen, progress: Progress) -> None:
    """Waits until the run is over. Fails it if the process ends or the time is over."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not progress.over.wait(0.05):
        if process.poll() is not None:
            progress.fail(f"the process ended with status {process.returncode}")
        elif time.monotonic() > deadline:
            progress.fail(f"the process made no further request in {TIMEOUT_SECONDS} s")


# Frames that only call the next one: the entry of the program, and futures that wrap futures.
WRAPPERS = re.compile(r"PROGRAM TOTALS|below main|libc_start|:main$|lang_start|backtrace|function\.rs|Future>::poll|\{\{closure\}\}|'2$")


def profile(result: ColdStart, inclusive: bool, lines: int) -> list[str]:
    """The most expensive functions, with or without their callees. Raises CalledProcessError."""
    mode = "--inclusive=yes" if inclusive else "--inclusive=no"
    command = ["callgrind_annotate", mode, "--threshold=100", "--show-percs=no", str(result.profile)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = []
    for count, where in re.findall(r"^ *([\d,]+) +(\S.*)$", text, re.MULTILINE):
        # <file>:<function> [<program>]
        name = re.sub(r" \[[^\]]*\]$", "", where).partition(":")[2] or where
        if not WRAPPERS.search(name) and not WRAPPERS.search(where):
            rows.append(f"{count:>12}  {name}")
    return rows[:lines]
