"""Processes one document in its own process, with resource limits of the operating system against hostile PDFs.

The server starts workers ahead of time, so that Python and PDFium are loaded when a document arrives.
A worker receives one JSON message and two open files (document and output) over a socket pair. It sends lines of JSON
back: `{"progress": …}` while it reads, then its result. Then it exits. It also exits when the socket is closed.
"""

import json
import os
import resource
import socket
import sys
import threading
import time
import traceback

import contract_review
import document
from pdf_input import OpenPdf, RejectedDocument, check_ends
import pdf_structure
from text_layer import TextLayer

MAX_MESSAGE_BYTES = 64 * 1024  # in both directions
PROGRESS_SECONDS = 1.0


def cpu_used() -> int:
    """Seconds of processor time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime)


def set_limit(name: str, value: int) -> None:
    """Limits a resource of this process. Ignores limits that the platform does not support (RLIMIT_AS on macOS)."""
    if not hasattr(resource, name):
        return
    try:
        _, hard = resource.getrlimit(getattr(resource, name))
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(getattr(resource, name), (limit, hard))
    except (ValueError, OSError):
        pass


class Reporter:
    """Tells the server which page is done, and extends the limit of processor time by each recognized page."""

    def __init__(self, control: socket.socket, cpu_seconds: int, page_cpu_seconds: int):
        self.control, self.page_cpu_seconds = control, page_cpu_seconds
        self.cpu_limit = cpu_used() + cpu_seconds
        self.recognized, self.reported_at = 0, 0.0
        set_limit("RLIMIT_CPU", self.cpu_limit)

    def __call__(self, done: int, pages: int, recognized: int) -> None:
        if recognized > self.recognized:
            set_limit("RLIMIT_CPU", self.cpu_limit + recognized * self.page_cpu_seconds)
            self.recognized = recognized
        now = time.monotonic()
        if now - self.reported_at >= PROGRESS_SECONDS:
            self.reported_at = now
            self.send({"progress": {"done": done, "pages": pages, "recognized": recognized}})

    def send(self, message: dict) -> None:
        """Sends one line of JSON."""
        self.control.sendall(json.dumps(message).encode() + b"\n")


def process(job: dict, source, output, report: Reporter) -> dict:
    """Processes one document. Every failure that the document causes has a 4xx status."""
    try:
        check_ends(source)
        pdf = OpenPdf(source)
        ocr = document.Ocr(job["ocr"], job["ocr_processes"]) if job.get("ocr") else None
        if job["output"] == "pdf":
            layer = TextLayer(source)
            document.read(pdf, ocr, report, layer.add)
            layer.write(output)
        else:
            pages: list[document.ReadPage] = []
            document.read(pdf, ocr, report, lambda page: pages.append(contract_review.without_lines(page)))
            review = contract_review.review(pdf, pages, pdf_structure.read_structure(source))
            output.write(json.dumps(review, ensure_ascii=False).encode())
        output.flush()
        return {"status": 200, "recognized": report.recognized}
    except RejectedDocument as rejected:
        return {"status": rejected.status, "code": rejected.code, "reason": rejected.reason}
    except MemoryError:
        reason = f"reading the document needs more than {job['memory_mb']} MB of memory"
        return {"status": 422, "code": "too_complex", "reason": reason}
    except RecursionError:
        return {"status": 422, "code": "too_complex", "reason": "the document is nested too deeply"}
    except Exception:  # a bug: a 5xx, so that the job is retried; a library's words are for the log
        traceback.print_exc()
        return {"status": 500, "code": "internal", "reason": "the reference model failed; its log says where"}


def main() -> None:
    """Receives one document, processes it, and sends the result."""
    control = socket.socket(fileno=int(sys.argv[1]))
    message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 2)
    if not message:
        return
    job = json.loads(message)

    def end_with_server() -> None:
        control.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_server, daemon=True).start()
    set_limit("RLIMIT_AS", job["memory_mb"] * 1024 * 1024)
    set_limit("RLIMIT_CORE", 0)
    report = Reporter(control, job["cpu_seconds"], job["page_cpu_seconds"])
    with os.fdopen(files[0], "rb") as source, os.fdopen(files[1], "w+b") as output:
        result = process(job, source, output, report)
    report.send(result)
    # Exit without cleanup, because freeing the objects of a large document takes long.
    os._exit(0)


if __name__ == "__main__":
    main()
