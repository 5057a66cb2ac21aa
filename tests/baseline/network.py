"""The taps of one run: what each does with what passes it, for both sides alike."""

from collections.abc import Callable
import os
from pathlib import Path
import signal
import threading
import time
from urllib.parse import unquote

from taps import JOB, Activity, Exchange, Fault, Faults, NoAnswer, Seen, Tap, job_in, job_of, notice_of, operation, tag_in

WRITES = {"dynamodb.PutItem", "dynamodb.UpdateItem"}


class Network:
    """All taps, and what they saw. `now` is the time of the emulated cloud, `ours` says whether a process is."""

    def __init__(self, aws: str, model: str, now: Callable[[], float], mark: str, sides: list[str]):
        self.aws, self.now, self.mark = aws, now, mark
        self.activity = Activity()
        self.faults = Faults(now)
        self.seen = {side: Seen() for side in sides}
        self.lock = threading.Lock()
        self.hung = 0
        self.late: list[tuple[float, Exchange]] = []
        self.on_run: dict[tuple[str, str], Callable[[], None]] = {}  # called while a document's first run goes on
        self.endpoints = ""  # known later
        self.notices = Tap(aws, self._notice, self.activity)
        self.models = {side: Tap(model, lambda exchange, side=side: self._model(side, exchange), self.activity) for side in sides}
        self.functions: list[Tap] = []

    def function(self, side: str, name: str, role: str) -> str:
        """A function's way to AWS; answers its URL. `role` is `submit` or `outcome` where faults ask for it."""
        tap = Tap(self.aws, lambda exchange: self._call(side, name, role, exchange), self.activity)
        self.functions.append(tap)
        return tap.url

    def close(self) -> None:
        """Ends all."""
        for tap in [self.notices, *self.models.values(), *self.functions]:
            tap.close()

    # ---------------------------------------------------------------- functions

    def _call(self, side: str, function: str, role: str, exchange: Exchange) -> None:
        seen = self.seen[side]
        name = operation(exchange)
        with self.lock:
            seen.calls[function] += 1
            inference = exchange.headers.get("x-amzn-sagemaker-inference-id", "")
            text = f"{unquote(exchange.path)} {inference} {exchange.body.decode(errors='replace')}"
            about = tag_in(text) or next((seen.tag_of[job] for job in JOB.findall(text) if job in seen.tag_of), None)
            # The reconciler is there for all; what it costs is told apart.
            if about and role != "reconciler":
                seen.calls_for[about][f"{function} {name}"] += 1
        if exchange.path.startswith("/endpoints/"):
            exchange.upstream = self.endpoints
            self._invoke(side, exchange)
            return
        fault = None
        job = job_in(exchange.body) if name in WRITES else None
        if job:
            with self.lock:
                tag = tag_in(exchange.body.decode()) or seen.tag_of.get(job)
                if tag:
                    seen.tag_of[job] = tag
                place = role if role != "submit" else "record" if tag in seen.accepted else "create"
            fault = self.faults.at(side, tag, place)
        self._with_fault(fault, exchange)

    def _invoke(self, side: str, exchange: Exchange) -> None:
        seen = self.seen[side]
        inference, place = (exchange.headers.get(f"x-amzn-sagemaker-{name}", "") for name in ("inference-id", "inputlocation"))
        tag = tag_in(place)
        with self.lock:
            seen.input_of[inference] = place
            tag = seen.tag_of.get(job_of(inference)) or tag
            if tag:
                seen.tag_of[job_of(inference)] = tag
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
                seen.accepted.add(tag or "")
                location = next(value for name, value in exchange.answer_headers if name.lower().endswith("outputlocation"))
                seen.outputs[f"{inference} {len(seen.outputs)}"] = location
        if fault and fault.what == "killed after the call":
            self._kill(exchange)
        if fault and fault.what == "answer of the call lost":
            raise NoAnswer

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
            raise NoAnswer

    def _hang(self, exchange: Exchange) -> None:
        """Keeps the caller waiting until it gives up. Meanwhile, others may go on."""
        self.activity.change(-1)
        with self.lock:
            self.hung += 1
        give_up = time.monotonic() + 120
        while not exchange.gone() and time.monotonic() < give_up:
            time.sleep(0.2)
        with self.lock:
            self.hung -= 1
        self.activity.change(1)
        raise NoAnswer

    def wait_for_hung(self) -> None:
        """Waits until nobody is kept waiting."""
        while self.hung:
            time.sleep(0.2)

    def _kill(self, exchange: Exchange) -> None:
        """kill -9 of the function that asks, by the other end of its connection. It must be one of ours."""
        pid = owner_of_port(exchange.client_port, self.mark)
        # None: it died meanwhile, of a fault of another document in its batch.
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        raise NoAnswer

    # ---------------------------------------------------------------- endpoints

    def _notice(self, exchange: Exchange) -> None:
        notice = notice_of(exchange)
        if notice is None:
            exchange.forward()
            return
        inference = notice["inferenceId"]
        side = next((side for side, seen in self.seen.items() if inference in seen.input_of), None)
        tag = side and self.seen[side].tag_of.get(job_of(inference))
        place = "success" if notice["invocationStatus"] == "Completed" else "error"
        fault = self.faults.at(side, tag, place) if side else None
        if fault and fault.what.endswith("lost"):
            # The endpoint is told that it was taken: so it is with a notification that SNS lost.
            answer = "<PublishResponse><PublishResult><MessageId>lost</MessageId></PublishResult></PublishResponse>"
            exchange.status, exchange.answer = 200, answer.encode()
            exchange.answer_headers = [("Content-Type", "text/xml")]
            return
        exchange.forward()
        if fault and "doubled" in fault.what:
            again = Exchange(exchange.method, exchange.path, exchange.headers, exchange.body, 0, exchange.upstream)
            again.forward()
            with self.lock:
                self.late.append((self.now() + fault.minutes * 60, again))

    def deliver_late(self) -> int:
        """Publishes what is due by now, once more; answers how many."""
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
        seen = self.seen[side]
        inference = exchange.headers.get("x-amzn-sagemaker-inference-id", "")
        with self.lock:
            tag = seen.tag_of.get(job_of(inference))
            meanwhile = self.on_run.pop((side, tag or ""), None)
        if meanwhile:
            meanwhile()
        if self.faults.at(side, tag, "model"):
            exchange.refuse(500, "InternalError", "CUDA error: device-side assert triggered")
        else:
            exchange.forward()
        with self.lock:
            seen.runs.append((inference, exchange.status))


def owner_of_port(port: int, mark: str) -> int | None:
    """The process that has a local TCP port (Linux), if `mark` is in its environment."""
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
