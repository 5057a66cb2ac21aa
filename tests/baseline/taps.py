"""Proxies at every place where something can go wrong: they count what passes, and do what the plan of faults says.

  functions ──[calls: one a function]──▶ emulator, endpoints     throttled, refused, killed, unanswered
  endpoints ──[notices]──▶ SNS, S3 of the emulator               notifications lost, doubled, late
  endpoints ──[model: one a side]──▶ model                       answers 5xx, or keeps one waiting

A document is known by the tag in its key, which every place sees or is told: `case04-2` is the third of scenario 4. No
hexadecimal id can look like that.
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
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length", "date", "server"}


@dataclass
class Exchange:
    """A request, and the answer once there is one."""

    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes
    client_port: int
    upstream: str = ""
    gone: Callable[[], bool] = lambda: False  # whether the caller has hung up
    status: int = 0
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    answer: bytes = b""

    def forward(self) -> None:
        """Asks the service itself."""
        connection = HTTPConnection(urlsplit(self.upstream).netloc, timeout=300)
        try:
            headers = {name: value for name, value in self.headers.items() if name not in HOP}
            connection.request(self.method, self.path, self.body, headers)
            response = connection.getresponse()
            self.answer = response.read()
            self.status, self.answer_headers = response.status, response.getheaders()
        finally:
            connection.close()

    def refuse(self, status: int, kind: str, message: str) -> None:
        """Answers as an AWS service that speaks JSON does."""
        self.status = status
        self.answer_headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-errortype", kind)]
        self.answer = json.dumps({"__type": kind, "message": message}).encode()


class NoAnswer(Exception):
    """The connection is closed without an answer."""


class Tap:
    """A server that gives every exchange to `work`, which must set a status or raise NoAnswer."""

    def __init__(self, upstream: str, work: Callable[[Exchange], None], activity: "Activity"):
        def handle(request: "Handler") -> None:
            request.exchange(upstream, work, activity)

        methods = {f"do_{method}": handle for method in ("GET", "PUT", "POST", "HEAD", "DELETE")}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Tapped", (Handler,), methods))
        self.server.daemon_threads, self.server.block_on_close = True, False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()


class Activity:
    """Whether anything passes, over all taps."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = 0
        self.last = time.monotonic()

    def change(self, by: int) -> None:
        """A request came or was answered."""
        with self.lock:
            self.open += by
            self.last = time.monotonic()

    def quiet_seconds(self) -> float:
        """Since when nothing has passed; 0 while something does."""
        with self.lock:
            return 0.0 if self.open else time.monotonic() - self.last


class Handler(BaseHTTPRequestHandler):
    """HTTP on the caller's side."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def exchange(self, upstream: str, work: Callable[[Exchange], None], activity: Activity) -> None:
        """One request and its answer."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.command, self.path, headers, self.body(headers), self.client_address[1], upstream, self.gone)
        # Pings of the model go on for as long as an endpoint starts, and say nothing.
        counted = self.path != "/ping"
        if counted:
            activity.change(1)
        try:
            work(exchange)
        except (NoAnswer, OSError, HTTPException):
            self.close_connection = True
            return
        finally:
            if counted:
                activity.change(-1)
        self.send_response_only(exchange.status)
        length = None
        for name, value in exchange.answer_headers:
            if name.lower() == "content-length":
                length = value
            elif name.lower() not in HOP:
                self.send_header(name, value)
        # An answer to HEAD tells the length of what it does not send.
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(exchange.answer)))
        self.end_headers()
        self.wfile.write(exchange.answer)

    def gone(self) -> bool:
        """Whether the caller has hung up."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def body(self, headers: dict[str, str]) -> bytes:
        """The request's body, whichever way it is framed."""
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@dataclass
class Fault:
    """Something that goes wrong at a place, for one document: so many times, or until a time."""

    what: str
    times: int = 1
    until: float | None = None
    minutes: float = 0.0  # of a late notification: how late


class Faults:
    """The plan, by side, document and place. What struck is counted, so that a fault that never did shows."""

    def __init__(self, now: Callable[[], float]):
        self.now = now
        self.lock = threading.Lock()
        self.plan: dict[tuple[str, str, str], deque[Fault]] = defaultdict(deque)
        self.struck: Counter[tuple[str, str]] = Counter()  # by side and what

    def add(self, side: str, tag: str, place: str, fault: Fault) -> None:
        """Plans one, after those of the same place."""
        self.plan[side, tag, place].append(fault)

    def at(self, side: str, tag: str | None, place: str) -> Fault | None:
        """The fault that strikes now, if one does."""
        with self.lock:
            planned = self.plan.get((side, tag or "", place))
            while planned:
                fault = planned[0]
                if fault.until is not None and self.now() >= fault.until or fault.times <= 0:
                    planned.popleft()
                    continue
                if fault.until is None:
                    fault.times -= 1
                self.struck[side, fault.what] += 1
                return fault
        return None

    def unspent(self) -> list[str]:
        """Faults that were planned and did not strike."""
        left = []
        for (side, tag, place), planned in self.plan.items():
            left += [f"{side} {tag} {place}: {fault.what}" for fault in planned if fault.until is None and fault.times > 0]
        return left


@dataclass
class Seen:
    """What passed on one side."""

    calls: Counter[str] = field(default_factory=Counter)  # by function
    # By document and by function and operation, as far as a call is about a document.
    calls_for: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tag_of: dict[str, str] = field(default_factory=dict)  # job -> document
    accepted: set[str] = field(default_factory=set)  # documents that the endpoint was given
    input_of: dict[str, str] = field(default_factory=dict)  # inference id -> InputLocation
    outputs: dict[str, str] = field(default_factory=dict)  # inference id and number of the call -> OutputLocation
    runs: list[tuple[str, int]] = field(default_factory=list)  # inference id, status of the model's answer


def tag_in(text: str) -> str | None:
    """The document that a text speaks of."""
    found = TAG.search(text)
    return found.group() if found else None


def job_of(inference_id: str) -> str:
    """Docket numbers its attempts: `<job>.a1`."""
    return inference_id.split(".a")[0]


# How both sides name a job.
JOB = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")


def job_in(body: bytes) -> str | None:
    """The job whose row a `PutItem` or `UpdateItem` writes."""
    asked = json.loads(body)
    return (asked.get("Key") or asked.get("Item") or {}).get("job_id", {}).get("S")


def operation(exchange: Exchange) -> str:
    """Such as `dynamodb.UpdateItem`, `s3.GET`, `sagemaker.POST`."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", exchange.headers.get("authorization", ""))
    service = scope.group(1) if scope else "unknown"
    target = exchange.headers.get("x-amz-target", "")
    return f"{service}.{target.rsplit('.', 1)[-1] or exchange.method}"


def notice_of(exchange: Exchange) -> dict | None:
    """The notification in an `sns.Publish`."""
    if exchange.method != "POST" or b"Action=Publish" not in exchange.body:
        return None
    form = parse_qs(exchange.body.decode())
    try:
        notice = json.loads(form["Message"][0])
    except (KeyError, ValueError):
        return None
    return notice if "inferenceId" in notice else None
