"""The testbed of a comparison: the emulator with an adjustable clock, the reference model, both services with their
endpoints, and AWS clients."""

from collections.abc import Callable
import contextlib
import json
import mmap
import os
from pathlib import Path
import platform
import struct
import subprocess
import sys
import time
from typing import Any
import urllib.request

import botocore.session
from botocore.config import Config

from fault_injection import FaultInjector

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target"
BINARIES = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
PYTHON = ROOT / ".venv" / "bin" / "python"
DOCKET, BASELINE, DURABLE = "docket", "baseline", "durable"
SIDES = (DOCKET, BASELINE, DURABLE)
REGION, ACCOUNT = "us-east-1", "000000000000"
TIME_FACTOR = 60.0
# The default and maximum of the template.
FUNCTION_SECONDS = 60
SERVICES = ("DYNAMODB", "S3", "SQS", "EVENTBRIDGE", "SAGEMAKER_RUNTIME", "LAMBDA")
# Roles of functions, which faults distinguish.
ROLES = {
    "docket-upload-trigger": "submit",
    "docket-inference-success": "outcome",
    "docket-inference-error": "outcome",
    "baseline-submit": "submit",
    "baseline-outcome": "outcome",
    "docket-reconciler": "reconciler",
    "durable-start": "submit",
    "durable-review": "durable",
    "durable-outcome": "outcome",
}
RECONCILER = "docket-reconciler"


class Clock:
    """The emulator's wall clock: this machine's plus an offset, which is in a file that clock.c reads."""

    def __init__(self, path: Path):
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self.mapping = mmap.mmap(file.fileno(), 8)
        self.path = path

    def offset(self) -> float:
        """Offset in seconds."""
        return struct.unpack("q", self.mapping[:])[0] / 1e9

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time() + self.offset()

    def advance(self, seconds: float) -> None:
        """Moves the clock ahead."""
        self.mapping[:] = struct.pack("q", int((self.offset() + seconds) * 1e9))


class Testbed:
    """Started by `start`. Everything that it starts ends with `stack`."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, step: Callable[[str], None]):
        self.folder, self.stack, self.step = folder, stack, step
        (folder / "tmp").mkdir()
        self.clock = Clock(folder / "clock")
        self.throttled: set[str] = set()
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder / "tmp"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "LC_ALL": "C.UTF-8",
            "PYTHONUTF8": "1",
        }

    def start(self) -> None:
        """Starts everything. Raises RuntimeError with the end of the log of a process that does not start."""
        self.step("starting MiniStack and the reference model")
        library = self.folder / "clock.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library, HERE / "clock.c", "-ldl"], check=True)
        scripts = ROOT / "crates" / "devstack" / "python"
        port = self._child("ministack", [PYTHON, scripts / "stack_process.py"], {
            "LD_PRELOAD": str(library),
            "CLOCK_OFFSET_FILE": str(self.clock.path),
        })
        model = self._child("model", [PYTHON, scripts / "reference_model.py", "--port", "0", "--delay-ms", "300"], {})
        self.url = f"http://127.0.0.1:{port}"
        self._wait_for(f"{self.url}/_ministack/ready")
        self.environment["AWS_ENDPOINT_URL"] = self.url
        self.injector = FaultInjector(self.url, f"http://127.0.0.1:{model}", self.clock.now, str(self.clock.path), list(SIDES))
        self.stack.callback(self.injector.close)
        session = botocore.session.Session()
        settings = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"}, read_timeout=180)

        def client(service: str) -> Any:
            return session.create_client(
                service, REGION, endpoint_url=self.url, config=settings,
                aws_access_key_id="test", aws_secret_access_key="test",
            )

        self.s3, self.sqs, self.sns, self.dynamodb = client("s3"), client("sqs"), client("sns"), client("dynamodb")
        self.functions = client("lambda")
        self.cloudformation = client("cloudformation")

        self.step("deploying infra/service.yaml with the zips that ship, and tests/baseline/template.yaml")
        self.s3.create_bucket(Bucket="code")
        architecture = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
        site = next((TARGET / "venv-baseline" / "lib").glob("python*/site-packages"))
        # `_redirect` sets the address of each function. Until then it must not be that of AWS.
        unreachable = "http://127.0.0.1:9"
        self._aws("s3", "cp", "--recursive", "--quiet", "target/lambda", "s3://code/zips/")
        self.outputs = {
            DOCKET: self._deploy("docket", ROOT / "infra" / "service.yaml", {
                "BucketName": f"docket-jobs-{ACCOUNT}-{REGION}-an",
                "CodeBucket": "code",
                "CodePrefix": "zips/",
                "Architecture": architecture,
                "Scale": "small",
                "ExecuteApiUrl": f"{self.url}/_aws/execute-api",
                "SageMakerRuntimeUrl": unreachable,
                # The endpoints of both sides keep AWS's policies; function capacity finds none.
                "SageMakerUrl": unreachable,
                "ApplicationAutoScalingUrl": unreachable,
                "TableDeletionProtection": "false",
                "FunctionTimeoutSeconds": str(FUNCTION_SECONDS),
            }),
        }
        for side, template in ((BASELINE, HERE / "template.yaml"), (DURABLE, HERE / "durable" / "template.yaml")):
            self.outputs[side] = self._deploy(side, template, {
                "EndpointName": self.endpoint(side),
                "SageMakerRuntimeUrl": unreachable,
                "PythonPath": str(site),
            })
        executions = self._child("executions", [site.parents[2] / "bin" / "python", HERE / "durable" / "service.py", self.url], {
            "LD_PRELOAD": str(library),
            "CLOCK_OFFSET_FILE": str(self.clock.path),
        })
        self.injector.executions = f"http://127.0.0.1:{executions}"
        self.names = {}
        for side in SIDES:
            self._redirect(side)
        self._endpoints()
        # The queue for S3 events that must not reach a service directly.
        self.intercepted = self.sqs.create_queue(QueueName="intercepted")["QueueUrl"]

    # ---------------------------------------------------------------- names

    def bucket(self, side: str) -> str:
        """Name of the bucket."""
        return self.outputs[side]["JobsBucketName" if side == DOCKET else "BucketName"]

    def table(self, side: str) -> str:
        """Name of the job table."""
        return self.outputs[side]["JobsTableName" if side == DOCKET else "TableName"]

    def uploads(self, side: str) -> str:
        """URL of the queue of S3 events."""
        return self.outputs[side]["UploadsQueueUrl" if side == DOCKET else "UploadsUrl"]

    def topics(self, side: str) -> tuple[str, str]:
        """ARNs of the success and error topics."""
        prefix = "Inference" if side == DOCKET else ""
        return self.outputs[side][f"{prefix}SuccessTopicArn"], self.outputs[side][f"{prefix}ErrorTopicArn"]

    def queues(self, side: str) -> dict[str, str]:
        """URLs of all queues and dead-letter queues, by the name of the stack's output."""
        endings = ("QueueUrl", "UploadsUrl", "OutcomesUrl", "DeadLettersUrl")
        return {name: url for name, url in self.outputs[side].items() if name.endswith(endings)}

    def endpoint(self, side: str) -> str:
        """Name of the endpoint."""
        return f"{side}-legal-review"

    def submit_function(self, side: str) -> str:
        """Name of the function that receives S3 events."""
        return next(name for name in self.names[side] if ROLES.get(name) == "submit")

    # ---------------------------------------------------------------- queries

    def depth(self, url: str, include_invisible: bool = False) -> int:
        """Number of visible messages, with `include_invisible` also those in flight or delayed."""
        names = ["ApproximateNumberOfMessages"]
        if include_invisible:
            names += ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(number) for number in found.get("Attributes", {}).values())

    def endpoint_state(self, side: str) -> dict[str, Any]:
        """The state of an endpoint."""
        with urllib.request.urlopen(f"{self.injector.endpoints}/_endpoint/{self.endpoint(side)}", timeout=10) as answer:
            return json.load(answer)

    def pending_work(self) -> str | None:
        """Describes work that continues without a jump of the clock, if there is any."""
        for side in SIDES:
            state = self.endpoint_state(side)
            if state["waiting"] or state["running"]:
                return f"endpoint of {side}"
            for name, url in self.queues(side).items():
                # The messages of a throttled function stay in its queue.
                is_throttled = side in self.throttled and url == self.uploads(side)
                if "DeadLetters" not in name and not is_throttled and self.depth(url):
                    return f"{side} {name}"
        return None

    def settle(self, quiet_seconds: float = 1.3, timeout_seconds: float = 300) -> None:
        """Waits until nothing more happens at the current time. Raises RuntimeError after a timeout."""
        deadline = time.monotonic() + timeout_seconds
        what = None
        while time.monotonic() < deadline:
            # A poller sleeps for at most a second, and a new function makes its first call soon after.
            if self.injector.activity.quiet_seconds() < quiet_seconds:
                what = "calls"
            else:
                what = self.pending_work()
                if what is None and self.injector.activity.quiet_seconds() >= quiet_seconds:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"still busy after {timeout_seconds:.0f} s: {what}")

    def rows(self, side: str) -> list[dict[str, Any]]:
        """All rows of the job table."""
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            found = self.dynamodb.scan(TableName=self.table(side), ConsistentRead=True, **more)
            items += found["Items"]
            if not found.get("LastEvaluatedKey"):
                return items
            more = {"ExclusiveStartKey": found["LastEvaluatedKey"]}

    def keys(self, side: str) -> set[str]:
        """Keys of all objects of the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket(side))
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    # ---------------------------------------------------------------- actions

    def reconcile(self) -> bool:
        """Invokes Docket's reconciler as its schedule does. Returns False if it is not deployed."""
        if RECONCILER not in self.names[DOCKET]:
            return False
        answer = self.functions.invoke(FunctionName=RECONCILER, Payload=b"{}")
        if answer.get("FunctionError"):
            self.step(f"the reconciler failed: {answer['Payload'].read()[:300]!r}")
        return True

    def throttle(self, side: str, on: bool) -> None:
        """Sets the reserved concurrency of the submitting function to zero, or removes it."""
        name = self.submit_function(side)
        (self.throttled.add if on else self.throttled.discard)(side)
        if on:
            self.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        else:
            self.functions.delete_function_concurrency(FunctionName=name)

    def pause(self, until: float) -> None:
        """Pauses all work on new uploads: Docket's pipeline through its API, the others by a concurrency of zero."""
        for side in SIDES:
            if side == DOCKET:
                self._api("POST", "/pauses", {"pipeline": "legal-review", "until": round(until * 1000), "reason": "the comparison pauses"})
            else:
                self.throttle(side, True)

    def cancel(self, etag: str) -> None:
        """Cancels Docket's job of a document through the API."""
        job = next(row["job_id"]["S"] for row in self.rows(DOCKET) if row["input"]["M"]["etag"]["S"].strip('"') == etag)
        self._api("POST", f"/jobs/{job}/cancel", {"reason": "the comparison cancels"})

    def _api(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Calls the API as support: the function, with the event that the gateway makes of a request with a valid token."""
        event = json.loads((ROOT / "events" / "support-api" / "get-me.json").read_text())
        event |= {"routeKey": f"{method} /{{proxy+}}", "rawPath": path, "body": json.dumps(body)}
        event["headers"]["content-type"] = "application/json"
        event["requestContext"]["http"] |= {"method": method, "path": path}
        claims = {"cognito:groups": "[support]", "exp": str(round(self.clock.now()) + 3600)}
        event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
        answer = json.load(self.functions.invoke(FunctionName="docket-support-api", Payload=json.dumps(event))["Payload"])
        if answer.get("statusCode", 500) >= 300:
            raise RuntimeError(f"{method} {path} answered {answer}")
        return json.loads(answer["body"])

    def set_notification_queue(self, side: str, queue: str) -> None:
        """Sends the S3 events of a bucket to another queue."""
        bucket = self.bucket(side)
        found = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        found.pop("ResponseMetadata", None)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.rsplit('/', 1)[-1]}"
        for entry in found["QueueConfigurations"]:
            entry["QueueArn"] = arn
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=found)

    # ---------------------------------------------------------------- start

    def _child(self, name: str, command: list[Any], environment: dict[str, str]) -> int:
        """Starts a program that ends when its standard input closes. Returns the port that it prints."""
        process = self._spawn(name, command, environment)
        hello = process.stdout.readline()
        try:
            return json.loads(hello)["port"]
        except (ValueError, KeyError):
            raise RuntimeError(f"{name} does not start\n{self.log(name)}") from None

    def _spawn(self, name: str, command: list[Any], environment: dict[str, str]) -> subprocess.Popen:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=self.environment | environment, start_new_session=True,
            )

        def end() -> None:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        self.stack.callback(end)
        return process

    def log(self, name: str) -> str:
        """The last lines of a log."""
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:])

    def _wait_for(self, url: str) -> None:
        for _ in range(1800):  # three minutes at least
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=5).close()
                return
            time.sleep(0.1)
        raise RuntimeError(f"{url} does not answer\n{self.log('ministack')}")

    def _aws(self, *arguments: str) -> None:
        done = subprocess.run(
            [PYTHON, "-m", "awscli", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"aws {' '.join(arguments[:2])} failed\n{done.stderr}{done.stdout}")

    def _deploy(self, name: str, template: Path, parameters: dict[str, str]) -> dict[str, str]:
        packaged = str(self.folder / f"{name}.yaml")
        self._aws("cloudformation", "package", "--template-file", str(template), "--s3-bucket", "code", "--output-template-file", packaged)
        overrides = [f"{key}={value}" for key, value in parameters.items()]
        self._aws(
            "cloudformation", "deploy", "--stack-name", name, "--template-file", packaged, "--s3-bucket", "code",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--parameter-overrides", *overrides,
        )
        found = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in found}

    def _redirect(self, side: str) -> None:
        """Points every function at its own proxy. Changes only its environment."""
        pages = self.functions.get_paginator("list_functions").paginate()
        names = [found["FunctionName"] for page in pages for found in page["Functions"]]
        self.names[side] = [name for name in names if name.startswith(f"{side}-") and "-ws-" not in name]
        for name in self.names[side]:
            url = self.injector.function(side, name, ROLES.get(name, "other"))
            variables = self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            variables |= {f"AWS_ENDPOINT_URL_{service}": url for service in SERVICES}
            self.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def _endpoints(self) -> None:
        endpoints = []
        for side in SIDES:
            bucket, (success, error) = self.bucket(side), self.topics(side)
            pipeline = "legal-review/" if side == DOCKET else ""
            endpoints.append({
                "name": self.endpoint(side),
                "parameters": "infra/endpoints/legal-review.json",
                "container_url": self.injector.models[side].url,
                "output": f"s3://{bucket}/outbound/{pipeline}",
                "failure": f"s3://{bucket}/failure/{pipeline}",
                "success_topic": success,
                "error_topic": error,
            })
        program = Path(os.environ.get("DEVSTACK", BINARIES / "devstack"))
        process = self._spawn("endpoints", [program, "endpoints"], {})
        configuration = {"aws_url": self.injector.notifications.url, "time_factor": TIME_FACTOR, "endpoints": endpoints}
        process.stdin.write(json.dumps(configuration) + "\n")
        process.stdin.flush()
        hello = process.stdout.readline()
        if not hello:
            raise RuntimeError(f"the endpoints do not start\n{self.log('endpoints')}")
        self.injector.endpoints = f"http://127.0.0.1:{json.loads(hello)['port']}"


STARTED = time.monotonic()


def say(text: str) -> None:
    """Prints to standard error. Standard output contains only the result."""
    print(text, file=sys.stderr, flush=True)


def step(text: str) -> None:
    """Prints the current step and the time since the start."""
    say(f"[{time.monotonic() - STARTED:6.1f} s] {text}")
