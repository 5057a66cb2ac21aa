"""Tests that MiniStack never outlives its keeper, nor a function's process MiniStack.

python -m unittest test_stack_process     (ministack must be installed)
"""

import base64
from collections.abc import Callable
import importlib.util
import io
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
import zipfile

HERE = Path(__file__).resolve().parent

# A custom runtime in the smallest form. It never ends by itself, and holds a pipe of ours open.
BOOTSTRAP = """#!{python}
import os, urllib.request
alive = open("{pipe}", "w")
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = urllib.request.urlopen(api + "next")
    reply = api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    urllib.request.urlopen(urllib.request.Request(reply, data=b'"done"', method="POST"))
"""


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
class StackProcess(unittest.TestCase):
    """Each test starts the stack and one function, then ends it in another way."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pipe = str(Path(folder.name, "alive"))
        os.mkfifo(self.pipe)
        # A first line of a script takes no path with a space in it, and no long one.
        self.python = str(Path(folder.name, "python"))
        os.symlink(sys.executable, self.python)
        alive = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(alive, True)
        self.alive = open(alive, "rb")
        self.addCleanup(self.alive.close)
        environment = {"PATH": os.environ["PATH"], "TMPDIR": folder.name, "HOME": folder.name}
        self.keeper = subprocess.Popen(
            [sys.executable, str(HERE / "stack_process.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.addCleanup(self.close)
        # Keeper and MiniStack hold this pipe; it must be read, or they would block.
        self.gone = threading.Thread(target=self.keeper.stderr.read, daemon=True)
        self.gone.start()
        first = json.loads(self.keeper.stdout.readline())
        self.stack, self.url = first["pid"], f"http://127.0.0.1:{first['port']}"
        self.wait_ready()
        self.start_function()

    def close(self) -> None:
        if self.keeper.poll() is None:
            self.keeper.kill()
            self.keeper.wait()
        self.gone.join(30)
        for pipe in (self.keeper.stdin, self.keeper.stdout, self.keeper.stderr):
            pipe.close()

    def wait_ready(self) -> None:
        while self.keeper.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=5):
                    return
            except urllib.error.URLError:
                threading.Event().wait(0.05)
        self.fail("MiniStack did not start")

    def call(self, path: str, body: bytes) -> bytes:
        credential = (
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
        )
        request = urllib.request.Request(
            f"{self.url}/2015-03-31/functions{path}",
            body,
            {"Authorization": credential, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def start_function(self) -> None:
        """Leaves a function's process behind, idle and warm."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, BOOTSTRAP.format(python=self.python, pipe=self.pipe))
        code = {"ZipFile": base64.b64encode(packed.getvalue()).decode()}
        role = "arn:aws:iam::000000000000:role/r"
        function = {"FunctionName": "f", "Runtime": "provided.al2023", "Handler": "x", "Role": role, "Code": code}
        self.call("", json.dumps(function).encode())
        self.assertEqual(self.call("/f/invocations", b"{}"), b'"done"')

    def ends_by(self, end: Callable[[], None], status: int) -> None:
        end()
        self.assertEqual(self.keeper.wait(30), status)
        function = threading.Thread(target=self.alive.read, daemon=True)
        function.start()
        for name, watch in (("MiniStack", self.gone), ("the function", function)):
            watch.join(30)
            self.assertFalse(watch.is_alive(), f"{name} is left")

    def test_end_of_standard_input(self) -> None:
        self.ends_by(self.keeper.stdin.close, 0)

    def test_terminated(self) -> None:
        self.ends_by(self.keeper.terminate, 0)

    def test_keeper_killed(self) -> None:
        self.ends_by(self.keeper.kill, -signal.SIGKILL)

    def test_ministack_killed(self) -> None:
        self.ends_by(lambda: os.kill(self.stack, signal.SIGKILL), 1)


if __name__ == "__main__":
    unittest.main()
