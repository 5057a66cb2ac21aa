"""Starts worker processes ahead of need, hands each one document, ends those that take too long."""

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
    """What one document may cost."""

    memory_mb: int  # address space of the process
    cpu_seconds: int  # processor time; past it the document is refused
    wall_seconds: float  # past it the answer is 504: the machine may just have been busy


class Worker:
    """A process that waits for its one job."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, os.path.abspath(model_worker.__file__), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                pass_fds=[theirs.fileno()],
            )

    def run(self, job: dict, source: BinaryIO, answer: BinaryIO, wall_seconds: float) -> dict:
        """The worker's result, or one that says how the worker ended without any."""
        self.control.settimeout(wall_seconds)
        try:
            socket.send_fds(self.control, [json.dumps(job).encode()], [source.fileno(), answer.fileno()])
            reply = self.control.recv(model_worker.MAX_MESSAGE)
            if reply:
                return json.loads(reply)
        except TimeoutError:
            reason = f"the document was not done within {wall_seconds:g} s"
            return {"status": 504, "code": "timeout", "reason": reason}
        except OSError:
            pass  # the worker is gone: its exit status says why
        status = self.process.wait()
        if status == -signal.SIGXCPU:
            reason = f"reading the document takes more than {job['cpu_seconds']} s of processor time"
            return {"status": 422, "code": "too_complex", "reason": reason}
        return {"status": 500, "code": "worker_died", "reason": f"the worker ended with status {status}"}

    def end(self) -> None:
        """Frees everything; kills the process if it still runs."""
        self.control.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Pool:
    """At most `size` documents at once; up to two idle processes wait for the next."""

    def __init__(self, size: int, limits: Limits):
        self.slots = threading.BoundedSemaphore(size)
        self.limits = limits
        self.lock = threading.Lock()
        self.target = min(size, 2)
        self.spares: list[Worker] = [Worker() for _ in range(self.target)]

    def run(self, output: str, source: BinaryIO, answer: BinaryIO) -> dict:
        """Does one document in a process of its own. The caller holds a slot."""
        with self.lock:
            worker = self.spares.pop() if self.spares else None
        if worker is None or worker.process.poll() is not None:
            worker = Worker()
        job = {"output": output, "memory_mb": self.limits.memory_mb, "cpu_seconds": self.limits.cpu_seconds}
        try:
            return worker.run(job, source, answer, self.limits.wall_seconds)
        finally:
            worker.end()
            self._refill()

    def _refill(self) -> None:
        with self.lock:
            if len(self.spares) < self.target:
                self.spares.append(Worker())
