"""The OCR processes of the server and the way to them: one process per core, all accepting from one Unix socket."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

NEEDED = ("rapidocr", "onnxruntime", "cv2")
MAX_PROCESSES = 8
PAGE_SECONDS = 90.0  # for one page, the wait for a free process included
QUICK_DEATH_SECONDS = 2.0
ENVIRONMENT = {
    # One thread each: more threads per engine do not pay.
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # When it is imported, onnxruntime writes a device id to the home folder and reports its use over the network.
    "ORT_DISABLE_TELEMETRY": "1",
}


def is_installed() -> bool:
    """Whether the packages of requirements-ocr.txt are there."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


class OcrPool:
    """Keeps `size` OCR processes running. They are small until their first page."""

    def __init__(self, size: int = 0):
        self.size = size or min(os.cpu_count() or 1, MAX_PROCESSES)
        # Mode 0700. The processes remove it when the server is gone, however it ended.
        self.folder = tempfile.mkdtemp(prefix="docket-ocr-")
        self.path = os.path.join(self.folder, "socket")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(256)
        for _ in range(self.size):
            threading.Thread(target=self._keep_running, daemon=True).start()

    def _keep_running(self) -> None:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ocr_engine.py")
        while True:
            started = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, script, str(self.listener.fileno()), self.folder],
                stdin=subprocess.PIPE,  # its end tells the process that the server is gone
                stdout=sys.stderr.fileno(),
                pass_fds=[self.listener.fileno()],
                env={**os.environ, **ENVIRONMENT},
            )
            status = process.wait()
            if status:
                print(f"reference_model: an OCR process ended with status {status}", file=sys.stderr)
            if time.monotonic() - started < QUICK_DEATH_SECONDS:
                time.sleep(QUICK_DEATH_SECONDS)


class OcrFailed(Exception):
    """The page was not recognized: the process ended or took too long."""


def recognize(path: str, width: int, height: int, pixels: bytes) -> dict:
    """Sends one grey picture to a free process. Returns its answer (`ocr_engine.recognize`), after one more try if need be."""
    for _ in range(2):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PAGE_SECONDS)
                connection.connect(path)
                connection.sendall(json.dumps({"width": width, "height": height}).encode() + b"\n")
                connection.sendall(pixels)
                answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            if answer:
                return json.loads(answer)
        except (OSError, ValueError):
            continue
    raise OcrFailed
