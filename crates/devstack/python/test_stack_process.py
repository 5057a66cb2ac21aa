"""Tests that MiniStack never outlives its keeper, nor a function's process MiniStack, that it listens on loopback
addresses only, and of the patch for CORS.

python -m unittest test_stack_process     (ministack must be installed)
"""

import base64
from collections.abc import Callable
import importlib.util
import io
import ipaddress
import json
import os
from pathlib import Path
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request
import zipfile

from waiting import WAIT_SECONDS, until

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


class Stack(unittest.TestCase):
    """Starts MiniStack for each test."""

    settings: dict[str, str] = {}

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
        environment = {"PATH": os.environ["PATH"], "TMPDIR": folder.name, "HOME": folder.name, **self.settings}
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

    def close(self) -> None:
        if self.keeper.poll() is None:
            self.keeper.kill()
            self.keeper.wait()
        self.gone.join(WAIT_SECONDS)
        for pipe in (self.keeper.stdin, self.keeper.stdout, self.keeper.stderr):
            pipe.close()

    def wait_ready(self) -> None:
        def ready() -> bool:
            self.assertIsNone(self.keeper.poll(), "MiniStack ended before it was ready")
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=WAIT_SECONDS):
                    return True
            except urllib.error.URLError:
                return False

        until("MiniStack is ready", ready)

    def call(self, service: str, path: str, body: bytes, kind: str = "application/json") -> bytes:
        credential = (
            f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
        request = urllib.request.Request(self.url + path, body, {"Authorization": credential, "Content-Type": kind})
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return answer.read()


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
class StackProcess(Stack):
    """Each test starts the stack and one function, then ends it in a different way."""

    def setUp(self) -> None:
        super().setUp()
        self.start_function()

    def start_function(self) -> None:
        """Starts a function's process, which then is idle and warm."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, BOOTSTRAP.format(python=self.python, pipe=self.pipe))
        code = {"ZipFile": base64.b64encode(packed.getvalue()).decode()}
        role = "arn:aws:iam::000000000000:role/r"
        function = {"FunctionName": "f", "Runtime": "provided.al2023", "Handler": "x", "Role": role, "Code": code}
        functions = "/2015-03-31/functions"
        self.call("lambda", functions, json.dumps(function).encode())
        self.assertEqual(self.call("lambda", f"{functions}/f/invocations", b"{}"), b'"done"')

    def ends_by(self, end: Callable[[], None], status: int) -> None:
        end()
        self.assertEqual(self.keeper.wait(WAIT_SECONDS), status)
        function = threading.Thread(target=self.alive.read, daemon=True)
        function.start()
        for name, watch in (("MiniStack", self.gone), ("the function", function)):
            watch.join(WAIT_SECONDS)
            self.assertFalse(watch.is_alive(), f"{name} is left")

    def test_end_of_standard_input_stops_everything(self) -> None:
        self.ends_by(self.keeper.stdin.close, 0)

    def test_sigterm_stops_everything(self) -> None:
        self.ends_by(self.keeper.terminate, 0)

    def test_killing_the_keeper_stops_everything(self) -> None:
        self.ends_by(self.keeper.kill, -signal.SIGKILL)

    def test_killing_ministack_stops_everything(self) -> None:
        self.ends_by(lambda: os.kill(self.stack, signal.SIGKILL), 1)


def listening(session: int) -> set[tuple[str, int]]:
    """Addresses and ports on which the processes of a session listen, IPv4 and IPv6 (Linux's /proc)."""
    inodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # Field 6 of stat; the command, field 2, is in parentheses and may contain blanks.
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            inodes |= {re.sub(r"\D", "", os.readlink(file)) for file in (process / "fd").iterdir()}
        except OSError:
            continue  # ended meanwhile
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                # Each word of 32 bits is in the machine's byte order.
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
@unittest.skipUnless(sys.platform == "linux", "needs Linux's /proc")
class Listeners(Stack):
    """MiniStack has listeners besides its HTTP port (MQTT, SFTP), and some would bind every address."""

    def test_every_listener_is_on_a_loopback_address(self) -> None:
        found = listening(self.stack)
        self.assertIn(("127.0.0.1", int(self.url.rpartition(":")[2])), found)
        outside = {address for address, _ in found if not ipaddress.ip_address(address).is_loopback}
        self.assertEqual(outside, set(), f"listeners: {sorted(found)}")


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
class Cors(Stack):
    """CorsConfiguration of HTTP APIs in templates, which MiniStack itself ignores."""

    def deploy(self, action: str, origin: str) -> str:
        """Creates or updates a stack with an API for pages of one origin, and returns the API's id."""
        cors = {"AllowOrigins": [origin], "AllowMethods": ["GET"], "AllowHeaders": ["authorization"], "MaxAge": 60}
        api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "a", "ProtocolType": "HTTP", "CorsConfiguration": cors}}
        template = {"Resources": {"Api": api}, "Outputs": {"Id": {"Value": {"Ref": "Api"}}}}
        self.form({"Action": action, "StackName": "s", "TemplateBody": json.dumps(template)})

        def settled() -> str | None:
            said = self.form({"Action": "DescribeStacks", "StackName": "s"})
            return None if "_IN_PROGRESS<" in said else said

        said = until(f"{action} has ended", settled)
        self.assertIn(f"{action.upper().removesuffix('STACK')}_COMPLETE<", said)
        return re.search("<OutputValue>(.+?)<", said)[1]

    def form(self, fields: dict) -> str:
        body = urllib.parse.urlencode(fields).encode()
        return self.call("cloudformation", "/", body, "application/x-www-form-urlencoded").decode()

    def preflight(self, api: str, origin: str) -> tuple:
        """The answer to a browser's preflight request: status, origin, headers."""
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        request = urllib.request.Request(f"{self.url}/_aws/execute-api/{api}/x", headers=headers, method="OPTIONS")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
                headers = answer.headers
                return answer.status, headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Headers"]
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code, None, None

    def test_preflight_requests_are_answered_as_the_template_says_also_after_an_update(self) -> None:
        first, second = "http://127.0.0.1:1", "http://127.0.0.1:2"
        api = self.deploy("CreateStack", first)
        self.assertEqual(self.preflight(api, first), (204, first, "authorization"))
        self.assertEqual(self.preflight(api, second), (403, None, None))
        self.assertEqual(self.deploy("UpdateStack", second), api)
        self.assertEqual(self.preflight(api, second), (204, second, "authorization"))
        self.assertEqual(self.preflight(api, first), (403, None, None))


if __name__ == "__main__":
    unittest.main()
