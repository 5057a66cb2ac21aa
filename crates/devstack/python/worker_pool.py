"""A pool of worker processes, started ahead of time. Each processes one document within time limits."""

from dataclasses import dataclass
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import BinaryIO

import model_worker


@dataclass(frozen=True)
class Limits:
    """The limits for one document."""

    memory_mb: int  # address space of the process
    cpu_seconds: int  # processor time; beyond it the document is rejected
    wall_seconds: float  # beyond it the status is 504, because the machine may just be busy


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
            )

    def run(self, job: dict, source: BinaryIO, output_file: BinaryIO, wall_seconds: float) -> dict:
        """Returns the worker's result, or an error result if the worker ended without one."""
        self.control.settimeout(wall_seconds)
        try:
            socket.send_fds(self.control, [json.dumps(job).encode()], [source.fileno(), output_file.fileno()])
            message = self.control.recv(model_worker.MAX_MESSAGE_BYTES)
            if message:
                return json.loads(message)
        except TimeoutError:
            reason = f"the document was not processed within {wall_seconds:g} s"
            return {"status": 504, "code": "timeout", "reason": reason}
        except OSError:
            pass  # the worker has ended; its exit status is the reason
        status = self.process.wait()
        if status == -signal.SIGXCPU:
            reason = f"reading the document needs more than {job['cpu_seconds']} s of processor time"
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

    def __init__(self, size: int, limits: Limits):
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
        job = {"output": output, "memory_mb": self.limits.memory_mb, "cpu_seconds": self.limits.cpu_seconds}
        try:
            return worker.run(job, source, output_file, self.limits.wall_seconds)
        finally:
            worker.end()
            self._refill()

    def _refill(self) -> None:
        with self.lock:
            if len(self.idle) < self.max_idle:
                self.idle.append(Worker())
