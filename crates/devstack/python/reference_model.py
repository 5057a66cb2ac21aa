"""The reference model: a stand-in for the fine-tuned contract model, with SageMaker's container contract.

It reads the PDF's text, recognizes the text of scanned pages (OCR, if the packages of requirements-ocr.txt are
installed), and finds clauses, risks and facts with headings, key words and
sentence patterns in English and German. It is not a language model and assesses nothing;
its results say so (`model.kind` is "rules"). With it the whole service runs on any machine,
with results that differ from document to document.

Contract (SageMaker developer guide, "Use Your Own Inference Code with Hosting Services"):

  GET  /ping         200, also while invocations run
  POST /invocations  Content-Type application/pdf, Content-Length required
       Accept: application/json   clauses, flags, facts and a summary
       Accept: application/pdf    the same pages with the recognized words as invisible text (see text_layer.py)

Responses have a Content-Length, as SageMaker requires. Errors are JSON:
`{"error": {"status", "code", "reason"}}`. 400: broken, encrypted, empty or not a PDF;
406: unsupported Accept; 408: incomplete body; 411: no Content-Length; 413: more than
--max-bytes, sent without reading the body; 415: unsupported Content-Type; 422: too much memory
or processor time; 500: a bug; 503: no free worker in time; 504: too slow.

The body goes to an unlinked temporary file (TMPDIR) and is never held in memory as a whole.

`--min-durations FILE` imitates a slower model: FILE is a JSON object of milliseconds by the SHA-256 of the document, in
hexadecimal digits. The response to such a document comes this long after its request, or later if processing takes
longer. Other documents are not delayed.

`--port 0` uses any free port. The first line on standard output is `{"port": …, "pid": …}`.
The server ends at the end of standard input.
On SIGTERM it accepts no more connections, answers what it has received, and ends, after 25 s at the latest: SageMaker
kills a container 30 s after SIGTERM.
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

import ocr_pool
from ocr_pool import OcrPool
from worker_pool import DocumentLimits, WorkerPool

CHUNK_BYTES = 1024 * 1024  # read from a client at a time
IDLE_TIMEOUT_SECONDS = 30.0  # connections that neither send nor receive for this long are closed
# A rejected client may still be sending. The server reads on for a moment, so that the client
# gets the response instead of a connection reset.
LINGER_BYTES = 64 * CHUNK_BYTES
LINGER_SECONDS = 2.0
STOP_SECONDS = 25.0  # for running requests after SIGTERM

JSON, PDF = "application/json", "application/pdf"


class RejectedRequest(Exception):
    """A request that gets an error response before its document is processed."""

    def __init__(self, status: int, code: str, reason: str):
        super().__init__(reason)
        self.result = {"status": status, "code": code, "reason": reason}


class RequestHandler(BaseHTTPRequestHandler):
    """Handles one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "docket-reference-model"
    timeout = IDLE_TIMEOUT_SECONDS
    disable_nagle_algorithm = True
    server: "ModelServer"

    def do_GET(self) -> None:
        if self.path != "/ping":
            return self.send_failure({"status": 404, "code": "not_found", "reason": "the paths are /ping and /invocations"})
        self.respond(200, JSON, b"{}")

    def handle_one_request(self) -> None:
        """Counts a request as running from its first line on: "100 Continue" is an answer that is kept."""
        self.is_running = False
        try:
            super().handle_one_request()
        finally:
            if self.is_running:
                self.server.count_running(-1)

    def parse_request(self) -> bool:
        self.is_running = True
        self.server.count_running(1)
        return super().parse_request()

    def do_POST(self) -> None:
        self.unread = -1  # bytes of the body that are not read yet; -1: unknown
        try:
            output, length = self.check_headers()
            self.invoke(output, length)
        except RejectedRequest as rejected:
            self.send_failure(rejected.result)

    def handle_expect_100(self) -> bool:
        """Checks the headers before the client sends its body (which it may still do after a rejection)."""
        if self.command == "POST":
            try:
                self.unread = -1
                self.check_headers()
            except RejectedRequest as rejected:
                self.send_failure(rejected.result)
                return False
        return super().handle_expect_100()

    def check_headers(self) -> tuple[str, int]:
        """Validates the headers. Returns the output format and the length of the body."""
        if self.path != "/invocations":
            raise RejectedRequest(404, "not_found", "the paths are /ping and /invocations")
        if self.headers.get("Transfer-Encoding") or not (self.headers.get("Content-Length") or "").isdigit():
            raise RejectedRequest(411, "length_required", "Content-Length is required")
        length = int(self.headers["Content-Length"])
        if length > self.server.max_bytes:
            raise RejectedRequest(413, "too_large", f"{length} bytes; the maximum is {self.server.max_bytes}")
        if self.headers.get_content_type() != PDF or "Content-Type" not in self.headers:
            raise RejectedRequest(415, "wrong_type", f"Content-Type must be {PDF}")
        accept = self.headers.get("Accept") or "*/*"
        accepted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
        for media_type in accepted:
            if media_type in (JSON, "*/*", "application/*"):
                return "json", length
            if media_type == PDF:
                return "pdf", length
        raise RejectedRequest(406, "not_acceptable", f"Accept must be {JSON} or {PDF}")

    def invoke(self, output: str, length: int) -> None:
        """Reads the body, processes the document, sends the response."""
        started_at = time.monotonic()
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output_file:
            digest, result = self.process(output, length, source, output_file)
            # Without a slot, so that the wait does not delay other documents.
            respond_at = started_at + self.server.min_durations.get(digest, 0) / 1000
            time.sleep(max(0.0, respond_at - time.monotonic()))
            if result["status"] != 200:
                self.send_failure(result)
            elif output == "json":
                self.respond(200, JSON, b"", [output_file])
            else:
                self.respond(200, PDF, b"", [output_file])

    def process(self, output: str, length: int, source: BinaryIO, output_file: BinaryIO) -> tuple[str, dict]:
        """Receives and processes the document in a slot. Returns the digest of `receive` and the result."""
        pool = self.server.pool
        if not pool.slots.acquire(timeout=pool.limits.wall_seconds):
            raise RejectedRequest(503, "busy", "all workers are busy")
        try:
            digest = self.receive(source, length)
            time.sleep(self.server.delay_seconds)
            return digest, pool.run(output, source, output_file)
        finally:
            pool.slots.release()

    def receive(self, file: BinaryIO, length: int) -> str:
        """Copies exactly `length` bytes of the body to `file`. Returns their SHA-256 if `--min-durations` is used."""
        self.unread = length
        digest = hashlib.sha256()
        while self.unread:
            try:
                chunk = self.rfile.read(min(CHUNK_BYTES, self.unread))
            except TimeoutError:
                chunk = b""
            if not chunk:
                received = length - self.unread
                raise RejectedRequest(408, "body_incomplete", f"received only {received} of {length} bytes")
            file.write(chunk)
            if self.server.min_durations:
                digest.update(chunk)
            self.unread -= len(chunk)
        file.flush()
        return digest.hexdigest()

    def send_failure(self, result: dict) -> None:
        """Sends an error as JSON. Closes the connection if the body was not read to its end."""
        self.close_connection = self.close_connection or getattr(self, "unread", 0) != 0
        self.respond(result["status"], JSON, json.dumps({"error": result}).encode())
        if self.close_connection:
            self.linger()

    def respond(self, status: int, content_type: str, body: bytes, files: list[BinaryIO] | None = None) -> None:
        """Sends a response: `body`, then the contents of `files`."""
        length = len(body) + sum(file.seek(0, os.SEEK_END) for file in files or [])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        for file in files or []:
            self.connection.sendfile(file, 0)

    def linger(self) -> None:
        """Discards more of the body, so that the client can read the response."""
        try:
            self.connection.shutdown(1)  # SHUT_WR
            self.connection.settimeout(0.2)
            deadline, discarded = time.monotonic() + LINGER_SECONDS, 0
            while discarded < LINGER_BYTES and time.monotonic() < deadline:
                chunk = self.connection.recv(CHUNK_BYTES)
                if not chunk:
                    return
                discarded += len(chunk)
        except OSError:
            pass

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Logs invocations, but not pings."""
        if self.command == "POST":
            bytes_in = self.headers.get("Content-Length", "?")
            print(f"reference_model: {self.path} {bytes_in} bytes -> {int(code)}", file=sys.stderr)  # type: ignore[call-overload]

    def log_message(self, format: str, *args: object) -> None:
        """Does not log other events of a connection."""


class ModelServer(ThreadingHTTPServer):
    """The server with its worker pool and options."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], pool: WorkerPool, max_bytes: int, delay_seconds: float, min_durations: dict[str, int]
    ):
        super().__init__(address, RequestHandler)
        self.pool, self.max_bytes = pool, max_bytes
        self.delay_seconds, self.min_durations = delay_seconds, min_durations
        self.running, self.running_changed = 0, threading.Condition()

    def count_running(self, change: int) -> None:
        """Counts the requests that have begun and have no response yet."""
        with self.running_changed:
            self.running += change
            self.running_changed.notify_all()

    def stop(self) -> None:
        """Ends the process when the running requests have their responses."""
        self.shutdown()
        self.socket.close()
        with self.running_changed:
            self.running_changed.wait_for(lambda: self.running == 0, STOP_SECONDS)
        os._exit(0)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores closed connections; prints all other errors, which are bugs."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def end_with_parent() -> None:
    """Ends the process at the end of standard input. The workers and OCR processes end when their pipes are closed."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description="Docket's reference model, a stand-in for the fine-tuned model.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1; 0.0.0.0 in a container)")
    parser.add_argument("--port", type=int, default=8080, help="0: any free port (default 8080)")
    parser.add_argument("--workers", type=int, default=2, help="concurrent documents (default 2)")
    parser.add_argument("--max-bytes", type=int, default=1 << 30, help="larger documents get 413 (default 1 GiB)")
    parser.add_argument("--delay-ms", type=int, default=0, help="delay per document, to imitate a GPU")
    parser.add_argument("--min-durations", metavar="FILE", help="JSON file: minimum ms by SHA-256 of the document")
    parser.add_argument("--memory-mb", type=int, default=768, help="address space per document (default 768)")
    parser.add_argument("--cpu-seconds", type=int, default=40, help="processor time per document (default 40)")
    parser.add_argument("--wall-seconds", type=float, default=110, help="time for the next page (default 110)")
    parser.add_argument("--total-seconds", type=float, default=3500, help="total time per document (default 3500)")
    parser.add_argument("--page-cpu-seconds", type=int, default=10, help="more processor time for each recognized page (default 10)")
    parser.add_argument("--ocr-processes", type=int, default=0, help="pages recognized at once (default: one per core)")
    parser.add_argument("--no-ocr", action="store_true", help="recognize nothing, as without the packages")
    parser.add_argument("--keep-running", action="store_true", help="do not end at the end of standard input")
    return parser.parse_args()


def main() -> None:
    """Runs the server."""
    options = parse_arguments()
    limits = DocumentLimits(options.memory_mb, options.cpu_seconds, options.wall_seconds, options.page_cpu_seconds, options.total_seconds)
    ocr = OcrPool(options.ocr_processes) if ocr_pool.is_installed() and not options.no_ocr else None
    if ocr is None:
        print("reference_model: no OCR here: scanned pages are not read", file=sys.stderr)
    min_durations = {}
    if options.min_durations:
        with open(options.min_durations, encoding="utf-8") as file:
            min_durations = json.load(file)
    pool = WorkerPool(options.workers, limits, ocr)
    server = ModelServer((options.host, options.port), pool, options.max_bytes, options.delay_ms / 1000, min_durations)
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    # In a thread: `stop` waits for the loop of `serve_forever`, which the handler interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    if not options.keep_running:
        threading.Thread(target=end_with_parent, daemon=True).start()
    print(json.dumps({"port": server.server_address[1], "pid": os.getpid()}), flush=True)
    server.serve_forever()
    threading.Event().wait()  # `stop` ends the process


if __name__ == "__main__":
    main()
