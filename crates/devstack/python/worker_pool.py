"""A pool of worker processes, started ahead of time. Each processes one document within time limits."""

from dataclasses import dataclass
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import BinaryIO

import model_worker
from ocr_pool import OcrPool

LOG_SECONDS = 10.0  # between two lines about the same document
# A native library ends its process so when memory runs out, or on data that it does not stand.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTRAP, signal.SIGILL)


@dataclass(frozen=True)
class DocumentLimits:
    memory_mb: int  # address space of the process
    cpu_seconds: int  # processor time; beyond it the document is rejected
    wall_seconds: float  # without a further page; beyond it the status is 504, because the machine may just be busy
    page_cpu_seconds: int = 10  # added to `cpu_seconds` for each recognized page
    total_seconds: float = 3500  # for the whole document; SageMaker gives an invocation at most an hour


def log_progress(progress: dict, seconds: float) -> None:
    """One line about a document that takes long."""
    done, pages, recognized = progress["done"], progress["pages"], progress["recognized"]
    print(f"reference_model: {done} of {pages} pages in {seconds:.0f} s, {recognized} recognized by OCR", file=sys.stderr)


class Worker:
    """A process that waits for one document."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, os.path.abspath(model_worker.__file__), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                pass_fds=[theirs.fileno()],
                # Arenas of threads would count as address space.
                env={**os.environ, "MALLOC_ARENA_MAX": "1"},
            )

    def run(self, job: dict, source: BinaryIO, output_file: BinaryIO, limits: DocumentLimits) -> dict:
        """Returns the worker's result, or an error result if the worker ended without one."""
        begun_at = logged_at = time.monotonic()
        try:
            self.control.settimeout(limits.wall_seconds)
            socket.send_fds(self.control, [json.dumps(job).encode()], [source.fileno(), output_file.fileno()])
            with self.control.makefile("rb") as incoming:
                while line := incoming.readline(model_worker.MAX_MESSAGE_BYTES):
                    message = json.loads(line)
                    now = time.monotonic()
                    if "progress" not in message:
                        return message
                    if now - begun_at > limits.total_seconds:
                        raise TimeoutError
                    if now - logged_at >= LOG_SECONDS:
                        logged_at = now
                        log_progress(message["progress"], now - begun_at)
        except TimeoutError:
            reason = f"no page was finished within {limits.wall_seconds:g} s"
            if time.monotonic() - begun_at > limits.total_seconds:
                reason = f"the document was not processed within {limits.total_seconds:g} s"
            return {"status": 504, "code": "timeout", "reason": reason}
        except OSError:
            pass  # the worker has ended; its exit status is the reason
        status = self.process.wait()
        if status == -signal.SIGXCPU:
            reason = f"reading the document needs more than {job['cpu_seconds']} s of processor time"
            return {"status": 422, "code": "too_complex", "reason": reason}
        if -status in CRASHES:
            reason = f"reading the document needs more than {job['memory_mb']} MB of memory, or it is damaged"
            return {"status": 422, "code": "too_complex", "reason": reason}
        return {"status": 500, "code": "worker_died", "reason": f"the worker ended with status {status}"}

    def end(self) -> None:
        """Closes the socket, and kills the process if it is still running."""
        self.control.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class WorkerPool:
    """Processes at most `size` documents at once and keeps up to two idle workers ready."""

    def __init__(self, size: int, limits: DocumentLimits, ocr: OcrPool | None = None):
        self.ocr = ocr
        self.slots = threading.BoundedSemaphore(size)
        self.limits = limits
        self.lock = threading.Lock()
        self.max_idle = min(size, 2)
        self.idle: list[Worker] = [Worker() for _ in range(self.max_idle)]

    def run(self, output: str, source: BinaryIO, output_file: BinaryIO) -> dict:
        """Processes one document in its own process. The caller holds a slot."""
        with self.lock:
            worker = self.idle.pop() if self.idle else None
        if worker is None or worker.process.poll() is not None:
            worker = Worker()
        limits = self.limits
        job = {"output": output, "memory_mb": limits.memory_mb, "cpu_seconds": limits.cpu_seconds}
        job |= {"page_cpu_seconds": limits.page_cpu_seconds}
        if self.ocr:
            job |= {"ocr": self.ocr.path, "ocr_processes": self.ocr.size}
        try:
            return worker.run(job, source, output_file, limits)
        finally:
            worker.end()
            self._refill()

    def _refill(self) -> None:
        with self.lock:
            if len(self.idle) < self.max_idle:
                self.idle.append(Worker())
