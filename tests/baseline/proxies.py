"""Proxies at every point where something can fail. They count the traffic and inject the planned faults.

  functions ──[one per function]──▶ emulator, endpoints   throttled, refused, killed, no response
  endpoints ──[one for all]──▶ SNS, S3 of the emulator    notifications lost, duplicated, late
  endpoints ──[one per side]──▶ model                     5xx

A tag in its key identifies a document: `case04-2` is the third of scenario 4. Hexadecimal ids cannot contain a tag.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import re
import select
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

TAG = re.compile(r"case\d\d-\d+")
# Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the proxy sets itself.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length", "date", "server"}


@dataclass
class Exchange:
    """A request and its response."""

    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes
    client_port: int
    upstream: str = ""
    is_disconnected: Callable[[], bool] = lambda: False  # whether the caller has closed the connection
    status: int = 0
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response: bytes = b""

    def forward(self) -> None:
        """Sends the request to the service."""
        connection = HTTPConnection(urlsplit(self.upstream).netloc, timeout=300)
        try:
            headers = {name: value for name, value in self.headers.items() if name not in HOP_BY_HOP}
            connection.request(self.method, self.path, self.body, headers)
            response = connection.getresponse()
            self.response = response.read()
            self.status, self.response_headers = response.status, response.getheaders()
        finally:
            connection.close()

    def refuse(self, status: int, kind: str, message: str) -> None:
        """Sets the error response of an AWS service with a JSON protocol."""
        self.status = status
        self.response_headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-errortype", kind)]
        self.response = json.dumps({"__type": kind, "message": message}).encode()


class NoResponse(Exception):
    """The connection is closed without a response."""


class Proxy:
    """A server that passes every exchange to `work`, which must set a status or raise NoResponse."""

    def __init__(self, upstream: str, work: Callable[[Exchange], None], activity: "Activity"):
        def handle(request: "Handler") -> None:
            request.exchange(upstream, work, activity)

        methods = {f"do_{method}": handle for method in ("GET", "PUT", "POST", "HEAD", "DELETE")}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("ProxyHandler", (Handler,), methods))
        self.server.daemon_threads, self.server.block_on_close = True, False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()


class Activity:
    """Open requests of all proxies."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = 0
        self.last = time.monotonic()

    def change(self, by: int) -> None:
        """Counts a request that has arrived (1) or ended (-1)."""
        with self.lock:
            self.open += by
            self.last = time.monotonic()

    def quiet_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is open."""
        with self.lock:
            return 0.0 if self.open else time.monotonic() - self.last


class Handler(BaseHTTPRequestHandler):
    """The HTTP server of a proxy."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def exchange(self, upstream: str, work: Callable[[Exchange], None], activity: Activity) -> None:
        """Handles one request."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = self.body(headers)
        except (EOFError, OSError):
            self.close_connection = True
            return
        exchange = Exchange(self.command, self.path, headers, body, self.client_address[1], upstream, self.is_disconnected)
        # Pings of the model repeat while an endpoint starts, and are not counted.
        counted = self.path != "/ping"
        if counted:
            activity.change(1)
        try:
            work(exchange)
        except (NoResponse, OSError, HTTPException):
            self.close_connection = True
            return
        finally:
            if counted:
                activity.change(-1)
        self.send_response_only(exchange.status)
        length = None
        for name, value in exchange.response_headers:
            if name.lower() == "content-length":
                length = value
            elif name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        # A response to HEAD states the length of the body that it does not contain.
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(exchange.response)))
        self.end_headers()
        self.wfile.write(exchange.response)

    def is_disconnected(self) -> bool:
        """Whether the caller has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def body(self, headers: dict[str, str]) -> bytes:
        """The body of the request, which may be chunked. EOFError if the client was killed while it sent it."""
        if headers.get("transfer-encoding", "").lower() != "chunked":
            length = int(headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise EOFError
            return body
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@dataclass
class Fault:
    """A fault at one point for one document: a number of times, or until a time."""

    what: str
    times: int = 1
    until: float | None = None
    minutes: float = 0.0  # delay of a late notification


class PlannedFaults:
    """Planned faults by side, document and point. Counts those that were injected, so that unused ones are reported."""

    def __init__(self, now: Callable[[], float]):
        self.now = now
        self.lock = threading.Lock()
        self.plan: dict[tuple[str, str, str], deque[Fault]] = defaultdict(deque)
        self.injected: Counter[tuple[str, str]] = Counter()  # by side and fault

    def add(self, side: str, tag: str, point: str, fault: Fault) -> None:
        """Plans a fault after those of the same point."""
        self.plan[side, tag, point].append(fault)

    def at(self, side: str, tag: str | None, point: str) -> Fault | None:
        """The fault to inject now, if any."""
        with self.lock:
            planned = self.plan.get((side, tag or "", point))
            while planned:
                fault = planned[0]
                if fault.until is not None and self.now() >= fault.until or fault.times <= 0:
                    planned.popleft()
                    continue
                if fault.until is None:
                    fault.times -= 1
                self.injected[side, fault.what] += 1
                return fault
        return None

    def unused(self) -> list[str]:
        """Faults that were planned and not injected."""
        left = []
        for (side, tag, point), planned in self.plan.items():
            left += [f"{side} {tag} {point}: {fault.what}" for fault in planned if fault.until is None and fault.times > 0]
        return left


@dataclass
class Traffic:
    """The traffic of one side."""

    calls: Counter[str] = field(default_factory=Counter)  # by function
    # Calls about a document, by tag, then by function and operation.
    calls_for: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tag_of: dict[str, str] = field(default_factory=dict)  # job -> document
    accepted: set[str] = field(default_factory=set)  # tags of documents that the endpoint accepted
    input_of: dict[str, str] = field(default_factory=dict)  # inference id -> InputLocation
    outputs: dict[str, str] = field(default_factory=dict)  # inference id and number of the call -> OutputLocation
    runs: list[tuple[str, int]] = field(default_factory=list)  # inference id, status of the model's answer
    # Operations of durable executions, and bytes that they stored, by tag.
    durable_operations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    durable_bytes: Counter[str] = field(default_factory=Counter)


def tag_in(text: str) -> str | None:
    """The tag in a text."""
    found = TAG.search(text)
    return found.group() if found else None


def job_of(inference_id: str) -> str:
    """The job of an inference id. Docket's end with the attempt: `<job>.a1`."""
    return inference_id.split(".a")[0]


# Job ids of both sides.
JOB = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")


def job_in(body: bytes) -> str | None:
    """The job whose row a `PutItem` or `UpdateItem` writes."""
    request = json.loads(body)
    return (request.get("Key") or request.get("Item") or {}).get("job_id", {}).get("S")


# Paths of Lambda's API that the durable function and those around it use.
LAMBDA = {"/invocations": "Invoke", "/checkpoint": "CheckpointDurableExecution", "/state": "GetDurableExecutionState", "/succeed": "SendCallbackSuccess", "/fail": "SendCallbackFailure"}


def operation(exchange: Exchange) -> str:
    """Such as `dynamodb.UpdateItem`, `s3.GET`, `sagemaker.POST`, `lambda.Invoke`."""
    path = urlsplit(exchange.path).path
    for ending, name in LAMBDA.items():
        if path.startswith(("/2015-03-31/", "/2025-12-01/")) and path.endswith(ending):
            return f"lambda.{name}"
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", exchange.headers.get("authorization", ""))
    service = scope.group(1) if scope else "unknown"
    target = exchange.headers.get("x-amz-target", "")
    return f"{service}.{target.rsplit('.', 1)[-1] or exchange.method}"


def notification_of(exchange: Exchange) -> dict | None:
    """The notification in an `sns.Publish`."""
    if exchange.method != "POST" or b"Action=Publish" not in exchange.body:
        return None
    form = parse_qs(exchange.body.decode())
    try:
        notification = json.loads(form["Message"][0])
    except (KeyError, ValueError):
        return None
    return notification if "inferenceId" in notification else None
