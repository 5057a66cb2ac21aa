"""The proxies of one run, and the faults that they inject on both sides."""

from collections.abc import Callable
import json
import os
from pathlib import Path
import signal
import threading
import time
from urllib.parse import unquote

from proxies import JOB, Activity, Exchange, Fault, NoResponse, PlannedFaults, Proxy, Traffic, job_in, job_of, notification_of, operation, tag_in

WRITES = {"dynamodb.PutItem", "dynamodb.UpdateItem"}


class FaultInjector:
    """All proxies and their traffic. `now` is the emulator's time. `mark` is in the environment of the functions' processes."""

    def __init__(self, aws: str, model: str, now: Callable[[], float], mark: str, sides: list[str]):
        self.aws, self.now, self.mark = aws, now, mark
        self.activity = Activity()
        self.faults = PlannedFaults(now)
        self.traffic = {side: Traffic() for side in sides}
        self.lock = threading.Lock()
        self.held_calls = 0
        self.late: list[tuple[float, Exchange]] = []
        self.on_run: dict[tuple[str, str], Callable[[], None]] = {}  # called during the first run of a document
        self.endpoints = ""  # set when the endpoints have started
        self.executions = ""  # set when the service of durable executions has started
        self.notifications = Proxy(aws, self._notification, self.activity)
        self.models = {side: Proxy(model, lambda exchange, side=side: self._model(side, exchange), self.activity) for side in sides}
        self.functions: list[Proxy] = []

    def function(self, side: str, name: str, role: str) -> str:
        """Starts the proxy of a function. Returns its URL. Faults distinguish the roles `submit` and `outcome`."""
        proxy = Proxy(self.aws, lambda exchange: self._call(side, name, role, exchange), self.activity)
        self.functions.append(proxy)
        return proxy.url

    def close(self) -> None:
        """Stops all proxies."""
        for proxy in [self.notifications, *self.models.values(), *self.functions]:
            proxy.close()

    # ---------------------------------------------------------------- functions

    def _call(self, side: str, function: str, role: str, exchange: Exchange) -> None:
        traffic = self.traffic[side]
        name = operation(exchange)
        with self.lock:
            traffic.calls[function] += 1
            inference = exchange.headers.get("x-amzn-sagemaker-inference-id", "")
            text = f"{unquote(exchange.path)} {inference} {exchange.body.decode(errors='replace')}"
            # Durable executions and callbacks are named in paths.
            names = [*JOB.findall(text), *map(unquote, exchange.path.split("/"))]
            about = tag_in(text) or next((traffic.tag_of[one] for one in names if one in traffic.tag_of), None)
            # The calls of the reconciler are reported separately.
            if about and role != "reconciler":
                traffic.calls_for[about][f"{function} {name}"] += 1
        if exchange.path.startswith("/endpoints/"):
            exchange.upstream = self.endpoints
            self._invoke(side, exchange)
            return
        fault = None
        if name.startswith("lambda."):
            exchange.upstream = self.executions
            exchange.forward()
            self._record_durable(traffic, name, about, exchange)
            return
        job = job_in(exchange.body) if name in WRITES else None
        if job:
            with self.lock:
                tag = tag_in(exchange.body.decode()) or traffic.tag_of.get(job)
                if tag:
                    traffic.tag_of[job] = tag
                point = point_of_write(role, exchange.body, is_accepted=tag in traffic.accepted)
            fault = self.faults.at(side, tag, point)
        self._with_fault(fault, exchange)

    def _record_durable(self, traffic: Traffic, name: str, tag: str | None, exchange: Exchange) -> None:
        """Counts what Lambda bills of a durable execution: its start, each operation once, and the bytes that are stored."""
        if name not in ("lambda.Invoke", "lambda.CheckpointDurableExecution") or not tag:
            return
        with self.lock:
            if name == "lambda.Invoke":
                for header, value in exchange.response_headers:
                    if header.lower() == "x-amz-durable-execution-arn":
                        traffic.tag_of[value] = tag
                traffic.durable_operations[tag].add("start")
                traffic.durable_bytes[tag] += len(exchange.body)
                return
            for update in json.loads(exchange.body).get("Updates", []):
                traffic.durable_operations[tag].add(update["Id"])
                traffic.durable_bytes[tag] += len(json.dumps(update))

    def _invoke(self, side: str, exchange: Exchange) -> None:
        traffic = self.traffic[side]
        inference, location = (exchange.headers.get(f"x-amzn-sagemaker-{name}", "") for name in ("inference-id", "inputlocation"))
        tag = tag_in(location)
        with self.lock:
            traffic.input_of[inference] = location
            if callback := exchange.headers.get("x-amzn-sagemaker-custom-attributes"):
                traffic.tag_of[callback] = tag or ""
            tag = traffic.tag_of.get(job_of(inference)) or tag
            if tag:
                traffic.tag_of[job_of(inference)] = tag
        fault = self.faults.at(side, tag, "invoke")
        if fault and fault.what == "endpoint throttles":
            exchange.refuse(400, "ThrottlingException", "Rate exceeded")
            return
        if fault and fault.what == "endpoint not in service":
            exchange.refuse(400, "ValidationError", "Endpoint is not in service. Wait until its status is InService.")
            return
        if fault and fault.what == "endpoint unavailable":
            exchange.refuse(503, "ServiceUnavailable", "The service is currently unavailable.")
            return
        if fault and fault.what == "no answer, not taken":
            self._hang(exchange)
        if fault and fault.what == "killed before the call":
            self._kill(exchange)
        exchange.forward()
        if exchange.status == 202:
            with self.lock:
                traffic.accepted.add(tag or "")
                output = next(value for name, value in exchange.response_headers if name.lower().endswith("outputlocation"))
                traffic.outputs[f"{inference} {len(traffic.outputs)}"] = output
        if fault and fault.what == "killed after the call":
            self._kill(exchange)
        if fault and fault.what == "answer of the call lost":
            raise NoResponse

    def _with_fault(self, fault: Fault | None, exchange: Exchange) -> None:
        what = fault.what if fault else ""
        if what == "table throttles":
            exchange.refuse(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "Rate exceeded")
            return
        if what.startswith("killed before"):
            self._kill(exchange)
        exchange.forward()
        if what.startswith("killed after"):
            self._kill(exchange)
        if what.startswith("answer of"):
            raise NoResponse

    def _hang(self, exchange: Exchange) -> None:
        """Holds the call until the caller closes the connection. A held call does not count as activity."""
        self.activity.change(-1)
        with self.lock:
            self.held_calls += 1
        deadline = time.monotonic() + 120
        while not exchange.is_disconnected() and time.monotonic() < deadline:
            time.sleep(0.2)
        with self.lock:
            self.held_calls -= 1
        self.activity.change(1)
        raise NoResponse

    def wait_for_held_calls(self) -> None:
        """Waits until no call is held."""
        while self.held_calls:
            time.sleep(0.2)

    def _kill(self, exchange: Exchange) -> None:
        """kill -9 of the calling function, found by its end of the connection. It must be one of this run."""
        pid = owner_of_port(exchange.client_port, self.mark)
        # None: it has ended meanwhile, by a fault of another document in its batch.
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        raise NoResponse

    # ---------------------------------------------------------------- endpoints

    def _notification(self, exchange: Exchange) -> None:
        notification = notification_of(exchange)
        if notification is None:
            exchange.forward()
            return
        inference = notification["inferenceId"]
        side = next((side for side, traffic in self.traffic.items() if inference in traffic.input_of), None)
        tag = side and self.traffic[side].tag_of.get(job_of(inference))
        point = "success" if notification["invocationStatus"] == "Completed" else "error"
        fault = self.faults.at(side, tag, point) if side else None
        if fault and fault.what.endswith("lost"):
            # The endpoint receives a success response, as for a notification that SNS lost.
            answer = "<PublishResponse><PublishResult><MessageId>lost</MessageId></PublishResult></PublishResponse>"
            exchange.status, exchange.response = 200, answer.encode()
            exchange.response_headers = [("Content-Type", "text/xml")]
            return
        exchange.forward()
        if fault and "duplicated" in fault.what:
            again = Exchange(exchange.method, exchange.path, exchange.headers, exchange.body, 0, exchange.upstream)
            again.forward()
            with self.lock:
                self.late.append((self.now() + fault.minutes * 60, again))

    def deliver_late(self) -> int:
        """Publishes the late notifications that are due. Returns their number."""
        with self.lock:
            due = [exchange for at, exchange in self.late if at <= self.now()]
            self.late = [(at, exchange) for at, exchange in self.late if at > self.now()]
        for exchange in due:
            exchange.forward()
        return len(due)

    def _model(self, side: str, exchange: Exchange) -> None:
        if exchange.method != "POST":
            exchange.forward()
            return
        traffic = self.traffic[side]
        inference = exchange.headers.get("x-amzn-sagemaker-inference-id", "")
        with self.lock:
            tag = traffic.tag_of.get(job_of(inference))
            meanwhile = self.on_run.pop((side, tag or ""), None)
        if meanwhile:
            meanwhile()
        if self.faults.at(side, tag, "model"):
            exchange.refuse(500, "InternalError", "CUDA error: device-side assert triggered")
        else:
            exchange.forward()
        with self.lock:
            traffic.runs.append((inference, exchange.status))


def point_of_write(role: str, body: bytes, is_accepted: bool) -> str:
    """At which point a write of a job's row is. The durable function writes at all of them."""
    is_end = role == "outcome" or role == "durable" and (b'"READY"' in body or b'"FAILED"' in body)
    if is_end or role not in ("submit", "durable"):
        return "outcome" if is_end else role
    return "record" if is_accepted else "create"


def owner_of_port(port: int, mark: str) -> int | None:
    """The process that holds a local TCP port (Linux), if `mark` is in its environment."""
    wanted = f"0100007F:{port:04X}"
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1] == wanted:
            sockets.add(f"socket:[{columns[9]}]")
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if mark.encode() not in (folder / "environ").read_bytes():
                continue
            if any(os.readlink(handle) in sockets for handle in (folder / "fd").iterdir()):
                return int(folder.name)
        except OSError:
            continue
    return None
