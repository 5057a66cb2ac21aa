"""Lambda's durable executions on this machine: the local runner of AWS's testing library, on the emulator's clock.

  python service.py URL-OF-LAMBDA

Prints {"port": …} and ends when its standard input does. It takes what the functions ask of Lambda: starts of the durable
function (`Invoke` with a name), checkpoints, and answers to callbacks. The runner invokes the function at URL-OF-LAMBDA.
"""

import asyncio
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import re
import sys
import threading
import time

from aws_durable_execution_sdk_python_testing.runner import WebRunner, WebRunnerConfig
from aws_durable_execution_sdk_python_testing.web.server import WebServiceConfig

REGION, ACCOUNT = "us-east-1", "000000000000"
FUNCTION_SECONDS = 60
EXECUTION_SECONDS = 2 * 86_400  # ExecutionTimeout of the function: longer than three attempts can take
INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")

_sleep = asyncio.sleep


async def sleep_by_the_wall_clock(seconds: float, result: object = None) -> object:
    """The runner's timers: they follow the wall clock, which jumps ahead (clock.c); those of asyncio do not."""
    end = time.time() + seconds
    await _sleep(0)
    while (left := end - time.time()) > 0:
        await _sleep(min(left, 0.1))
    return result


class Front(BaseHTTPRequestHandler):
    """Starts executions, and passes on everything else to the runner's own server."""

    protocol_version = "HTTP/1.1"
    runner_port = 0
    lock = threading.Lock()
    started: dict[str, str] = {}  # ARN of each execution, by its name

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if found := INVOCATION.fullmatch(self.path):
            self.start(found[1], self.headers["x-amz-durable-execution-name"], body)
        else:
            self.answer(*self.ask(self.path, body))

    def do_GET(self) -> None:
        self.answer(*self.ask(self.path, b""))

    def start(self, function: str, name: str, body: bytes) -> None:
        """An execution of a name runs once: another start with the same input is answered like the first."""
        with self.lock:
            if name not in self.started:
                wanted = {
                    "AccountId": ACCOUNT, "FunctionName": function, "FunctionQualifier": "$LATEST", "ExecutionName": name,
                    "ExecutionTimeoutSeconds": EXECUTION_SECONDS, "ExecutionRetentionPeriodDays": 1, "Input": body.decode(),
                }  # fmt: skip
                status, said = self.ask("/start-durable-execution", json.dumps(wanted).encode())
                if status >= 300:
                    self.answer(status, said)
                    return
                self.started[name] = json.loads(said)["ExecutionArn"]
        self.answer(202, b"", {"X-Amz-Durable-Execution-Arn": self.started[name]})

    def ask(self, path: str, body: bytes) -> tuple[int, bytes]:
        """A request to the runner's server."""
        connection = HTTPConnection("127.0.0.1", self.runner_port, timeout=120)
        try:
            connection.request(self.command, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        kind = json.loads(body).get("Type", "") if status >= 400 and body[:1] == b"{" else ""
        if kind:
            self.send_header("x-amzn-errortype", kind)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def main() -> None:
    """The command line."""
    asyncio.sleep = sleep_by_the_wall_clock
    settings = WebServiceConfig(host="127.0.0.1", port=0)
    runner = WebRunner(WebRunnerConfig(web_service=settings, lambda_endpoint=sys.argv[1], local_runner_region=REGION, invocation_timeout_seconds=FUNCTION_SECONDS))
    runner.start()
    Front.runner_port = runner._server.server_address[1]
    threading.Thread(target=runner.serve_forever, daemon=True).start()
    front = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    front.daemon_threads = True
    threading.Thread(target=front.serve_forever, daemon=True).start()
    print(json.dumps({"port": front.server_port}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
