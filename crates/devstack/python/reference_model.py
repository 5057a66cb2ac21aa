"""A stand-in for the fine-tuned contract model, with SageMaker's container contract.

It reads the PDF's text for real and finds clauses, risks and facts with headings, key words
and sentence patterns in English and German. It is no language model, it judges nothing, and
its answers say so (`model.kind` is "rules"). Its use: the whole path can run on any machine,
with answers that differ from document to document.

Contract (SageMaker developer guide, "Use Your Own Inference Code with Hosting Services"):

  GET  /ping         200, also while invocations run
  POST /invocations  Content-Type application/pdf, Content-Length required
       Accept: application/json   clauses, flags, facts and a summary
       Accept: application/pdf    the same PDF with an invisible text layer (see text_layer.py)

Answers bear Content-Length, as SageMaker demands. Errors are JSON:
`{"error": {"status", "code", "reason"}}`. 400 broken, encrypted, empty or not a PDF;
406 another Accept; 408 the body stopped coming; 411 no Content-Length; 413 more than
--max-bytes, answered without reading the body; 415 another Content-Type; 422 too much memory
or processor time; 500 a bug; 503 no free worker in time; 504 too slow.

The body goes to an unlinked temporary file (TMPDIR), never to memory as a whole.

With `--takes FILE` it answers as late as a larger model would: FILE is a JSON object of milliseconds by the SHA-256 of
the document, in hexadecimal digits. Such a document is answered so long after its request came, or later if the work
takes longer; others as soon as they are done.

With `--port 0` a free port is taken. The first line on standard output is
`{"port": …, "pid": …}`. The end of standard input ends the server.
"""

import argparse
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import os
import signal
import sys
import tempfile
import threading
import time
from typing import BinaryIO

from worker_pool import Limits, Pool

CHUNK = 1024 * 1024  # bytes read from a client at a time
IDLE_SECONDS = 30.0  # a client that sends or takes nothing for so long is dropped
# A refused client may still be sending. Reading on for a moment lets it see the answer
# instead of a reset connection.
LINGER_BYTES = 64 * CHUNK
LINGER_SECONDS = 2.0

JSON, PDF = "application/json", "application/pdf"


class Refused(Exception):
    """A request that is answered with an error before any work is done."""

    def __init__(self, status: int, code: str, reason: str):
        super().__init__(reason)
        self.result = {"status": status, "code": code, "reason": reason}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "docket-reference-model"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        if self.path != "/ping":
            return self.refuse({"status": 404, "code": "no_such_path", "reason": "there is /ping and /invocations"})
        self.answer(200, JSON, b"{}")

    def do_POST(self) -> None:
        self.unread = -1  # bytes of the body that are still to come; -1: unknown
        try:
            output, length = self.check()
            self.invoke(output, length)
        except Refused as refused:
            self.refuse(refused.result)

    def handle_expect_100(self) -> bool:
        """Refuses by the headers alone, before the client sends its body (which it may do all the same)."""
        if self.command == "POST":
            try:
                self.unread = -1
                self.check()
            except Refused as refused:
                self.refuse(refused.result)
                return False
        return super().handle_expect_100()

    def check(self) -> tuple[str, int]:
        """What is wanted and how many bytes come, from the headers."""
        if self.path != "/invocations":
            raise Refused(404, "no_such_path", "there is /ping and /invocations")
        if self.headers.get("Transfer-Encoding") or not (self.headers.get("Content-Length") or "").isdigit():
            raise Refused(411, "length_required", "Content-Length is required")
        length = int(self.headers["Content-Length"])
        if length > self.server.max_bytes:
            raise Refused(413, "too_large", f"{length} bytes; this model takes at most {self.server.max_bytes}")
        if self.headers.get_content_type() != PDF or "Content-Type" not in self.headers:
            raise Refused(415, "wrong_type", f"Content-Type must be {PDF}")
        accept = self.headers.get("Accept") or "*/*"
        wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
        for kind in wanted:
            if kind in (JSON, "*/*", "application/*"):
                return "json", length
            if kind == PDF:
                return "pdf", length
        raise Refused(406, "not_acceptable", f"Accept must be {JSON} or {PDF}")

    def invoke(self, output: str, length: int) -> None:
        """Takes the body, does the work, answers."""
        began = time.monotonic()
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as answer:
            digest, result = self.work(output, length, source, answer)
            # A larger model would have its own machine, so nobody else waits meanwhile.
            until = began + self.server.takes.get(digest, 0) / 1000
            time.sleep(max(0.0, until - time.monotonic()))
            if result["status"] != 200:
                self.refuse(result)
            elif output == "json":
                self.answer(200, JSON, b"", [answer])
            else:
                self.answer(200, PDF, b"", [source, answer])

    def work(self, output: str, length: int, source: BinaryIO, answer: BinaryIO) -> tuple[str, dict]:
        """What `receive` says of the document, and the result, within a slot."""
        pool = self.server.pool
        if not pool.slots.acquire(timeout=pool.limits.wall_seconds):
            raise Refused(503, "busy", "no worker became free in time")
        try:
            digest = self.receive(source, length)
            time.sleep(self.server.delay_seconds)
            return digest, pool.run(output, source, answer)
        finally:
            pool.slots.release()

    def receive(self, file: BinaryIO, length: int) -> str:
        """Copies exactly `length` bytes of the body to `file`. Their SHA-256, if anybody asks by it."""
        self.unread = length
        digest = hashlib.sha256()
        while self.unread:
            try:
                chunk = self.rfile.read(min(CHUNK, self.unread))
            except TimeoutError:
                chunk = b""
            if not chunk:
                got = length - self.unread
                raise Refused(408, "body_incomplete", f"the body ended or stopped after {got} of {length} bytes")
            file.write(chunk)
            if self.server.takes:
                digest.update(chunk)
            self.unread -= len(chunk)
        file.flush()
        return digest.hexdigest()

    def refuse(self, result: dict) -> None:
        """An error as JSON; the connection is closed if its body was not read to the end."""
        self.close_connection = self.close_connection or getattr(self, "unread", 0) != 0
        self.answer(result["status"], JSON, json.dumps({"error": result}).encode())
        if self.close_connection:
            self.linger()

    def answer(self, status: int, kind: str, body: bytes, files: list[BinaryIO] | None = None) -> None:
        """Sends an answer of bytes, or of whole files one after another."""
        length = len(body) + sum(file.seek(0, os.SEEK_END) for file in files or [])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        for file in files or []:
            self.connection.sendfile(file, 0)

    def linger(self) -> None:
        """Reads and drops a little more, so that the client gets to read the answer."""
        try:
            self.connection.shutdown(1)  # SHUT_WR
            self.connection.settimeout(0.2)
            until, dropped = time.monotonic() + LINGER_SECONDS, 0
            while dropped < LINGER_BYTES and time.monotonic() < until:
                chunk = self.connection.recv(CHUNK)
                if not chunk:
                    return
                dropped += len(chunk)
        except OSError:
            pass

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """One line a document; pings are not worth one."""
        if self.command == "POST":
            bytes_in = self.headers.get("Content-Length", "?")
            print(f"reference_model: {self.path} {bytes_in} bytes -> {int(code)}", file=sys.stderr)  # type: ignore[call-overload]

    def log_message(self, format: str, *args: object) -> None:
        """A connection's end and the like: of no use."""


class Server(ThreadingHTTPServer):
    """The listening socket and what all connections share."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, pool: Pool, max_bytes: int, delay_seconds: float, takes: dict[str, int]):
        super().__init__(("127.0.0.1", port), Handler)
        self.pool, self.max_bytes, self.delay_seconds, self.takes = pool, max_bytes, delay_seconds, takes

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is a bug and is shown."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def end_with_parent() -> None:
    """Ends the process at the end of standard input. Workers see their sockets close and follow."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Docket's reference model: a stand-in for the real one.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default 8080)")
    parser.add_argument("--workers", type=int, default=2, help="documents at once (default 2)")
    parser.add_argument("--max-bytes", type=int, default=1 << 30, help="larger documents get 413 (default 1 GiB)")
    parser.add_argument("--delay-ms", type=int, default=0, help="wait before each document, as a GPU's time")
    parser.add_argument("--takes", metavar="FILE", help="how late to answer, in ms by SHA-256 of the document")
    parser.add_argument("--memory-mb", type=int, default=768, help="address space of one document (default 768)")
    parser.add_argument("--cpu-seconds", type=int, default=40, help="processor time of one document (default 40)")
    parser.add_argument("--wall-seconds", type=float, default=110, help="time of one document (default 110)")
    parser.add_argument("--keep-running", action="store_true", help="do not end at the end of standard input")
    return parser.parse_args()


def main() -> None:
    """Serves until told to stop."""
    options = arguments()
    limits = Limits(options.memory_mb, options.cpu_seconds, options.wall_seconds)
    takes = {}
    if options.takes:
        with open(options.takes, encoding="utf-8") as file:
            takes = json.load(file)
    pool = Pool(options.workers, limits)
    server = Server(options.port, pool, options.max_bytes, options.delay_ms / 1000, takes)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if not options.keep_running:
        threading.Thread(target=end_with_parent, daemon=True).start()
    print(json.dumps({"port": server.server_address[1], "pid": os.getpid()}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
