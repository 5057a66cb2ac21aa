"""A game day: breaks a deployed service on purpose, in a tenant of its own, and says which guarantees it kept.

About 100 documents are uploaded while one thing or another does not work. How each must end is known before. Afterwards
everything is as before: faults are undone even if the run is killed (the next one begins with that), and the tenant's
documents, jobs and messages are deleted. docs/deploy.md, A game day.
"""

import collections
import dataclasses
import json
import pathlib
import tempfile
import time
import uuid

import hosting
import plan
from cli import AwsError
from faults import GameDayFaults, UndoLog
from plan import Refusal
from guarantees import Guarantees
from settings import SettingsCheck
from unknowns import Unknowns
from witness import TENANT, Witness

# The namespace of crates/jobs/src/id.rs; tests/job_ids.json has ids that both must compute.
JOB_IDS = uuid.UUID(int=0x15A2_116A_A04C_5400_987C_C411_1802_E71E)
FINAL = ("Ready", "Failed", "Cancelled", "Erased")
MAX_DOLLARS = 15.0
MAX_KEYS = 100  # of BatchGetItem
RECEIVES_OF_OTHERS = 3  # how often a message of another tenant may be received; five make it a dead letter
PAST = "1767607442118"


@dataclasses.dataclass
class Pace:
    """How long things take, in seconds."""

    poll: float = 10.0
    hold: float = 60.0  # how long a fault stays at least
    limit: float = 3300.0  # for everything: less than an hour with the deletion
    quiet: float = 30.0  # how long to look for what must not come
    max_wait: float = 120.0  # how long to wait for what must come after the last job has ended
    pushes: float = 120.0  # the same for pushes
    hasten: bool = False  # makes checks of withheld results due at once, instead of waiting 10 to 26 minutes for them


@dataclasses.dataclass
class TestDocument:
    """A version of an object, and how its job must end."""

    case: str
    key: str
    status: str = "Ready"
    cause: str = None
    attempts: int = 1
    version: str = None
    job: str = None
    row: dict = None

    @property
    def ended(self):
        return bool(self.row) and self.row["status"]["S"] in FINAL

    def end(self):
        """How the job ended, in words."""
        if not self.row:
            return "has no job"
        failure = self.row["state"]["M"]
        cause = f" ({failure['cause']['S']}: {failure.get('detail', {}).get('S', '')})" if "cause" in failure else ""
        return f"is {self.row['status']['S']}{cause} after {len(self.row['attempts']['L'])} attempts"

    @property
    def as_expected(self):
        if not self.ended or self.row["status"]["S"] != self.status:
            return False
        return self.cause in (None, self.row["state"]["M"].get("cause", {}).get("S"))


# How many documents per case, and how each ends. `overwritten` counts its first versions; each has a second.
CASES = {"plain": 30, "uploads off": 10, "controller silent": 10, "withheld": 15, "duplicated": 10, "throttled": 10, "overwritten": 5, "broken": 3, "cancelled": 2}


class Prove(Witness):
    """One game day."""

    def __init__(self, environment, aws, say, ask, sleep=time.sleep, clock=time.time, page=None, folder=None, pace=None, cases=None):
        self.environment, self.aws, self.say, self.ask, self.sleep, self.clock, self.page = environment, aws, say, ask, sleep, clock, page
        self.pace, self.cases = pace or Pace(), cases or CASES
        folder = folder or plan.ROOT / "target" / "deploy" / environment.name
        self.undo_log = UndoLog(folder / "prove-undo.json", aws, say)
        self.faults = GameDayFaults(aws, self.undo_log, environment.service_name, self.pace, sleep)
        self.documents, self.pushed, self.others_saw, self.events, self.remarks = [], {}, [], set(), []

    # ---------------------------------------------------------------- the whole

    def run(self):
        """Raises Refusal unless all guarantees were kept."""
        wanted = self.environment
        if self.undo_log.commands():
            self.say("An earlier run was cut short: undoing its faults first")
            self.undo_log.undo()
        self.outputs = self.aws("cloudformation", "describe-stacks", "--stack-name", wanted.service_name)["Stacks"][0]["Outputs"]
        self.outputs = {row["OutputKey"]: row["OutputValue"] for row in self.outputs}
        wrong = SettingsCheck(wanted, self.aws, self.outputs).wrong()
        for text in wrong:
            self.say(f"  WRONG SETTING: {text}")
        if wrong:
            raise Refusal(f"{len(wrong)} settings are not those of the templates; `make deploy` sets them. Nothing was tried.")
        self.confirm()
        self.prefix = plan.pipelines()[wanted.probe]["InputPrefix"]
        self.began, self.name = self.clock(), f"{int(self.clock() * 1000):x}"
        unknowns = Unknowns(self)
        try:
            self.play()
            unknowns.look()
            broken = Guarantees(self).report()
        finally:
            self.say("Undoing the faults, deleting what was made")
            self.undo_log.undo()
            self.clean_up()
        self.say("What docs/deploy.md calls untested, and what was seen:")
        for question, answer in unknowns.answers():
            self.say(f"  {question}: {answer}")
        if broken:
            raise Refusal(f"{broken} {'guarantee was' if broken == 1 else 'guarantees were'} broken")

    def confirm(self):
        """Says what it will cost at most, and asks."""
        pipeline = self.environment.probe
        if not pipeline:
            raise Refusal("no pipeline to prove: `probe` of the environment is null, or there is no endpoint")
        parameters = self.environment.endpoint_parameters(pipeline)
        parameters |= hosting.PriceList().fill(parameters, self.environment.region)[0]
        prices = [float(parameters.get(key) or 0) for key in ("InstanceHourPrice", "SecondInstanceHourPrice", "ThirdInstanceHourPrice")]
        most = int(parameters.get("MaxInstances", 1)) * max(prices) * (self.pace.limit / 3600 + 0.5)
        if most > MAX_DOLLARS:
            raise Refusal(f"MaxInstances x price x 1.4 h is ${most:.2f}, above the limit of ${MAX_DOLLARS:.2f}: lower MaxInstances of {pipeline} for the game day")
        total = sum(self.cases.values()) + self.cases["overwritten"]
        self.say(f"A game day with {total} documents of tenant {TENANT} through {pipeline}: at most {self.pace.limit / 60:.0f} minutes and ${most:.2f}, mostly for instances. Alarms will ring.")
        self.ask("Break things now?")

    # ---------------------------------------------------------------- the game

    def play(self):
        self.document = (plan.ROOT / "samples" / "contracts" / "consulting-agreement.pdf").read_bytes()
        self.listen()
        self.open_pages()
        with self.faults.throttled("capacity"):
            with self.faults.mapping_off("upload-trigger"):
                self.upload("uploads off")
                self.hold("uploads arrive while the mapping of upload-trigger is off")
            self.upload("controller silent")
            self.upload("plain")
            self.upload("broken", b"This is no PDF.\n", status="Failed", cause="InvalidInput")
            self.send_malformed()
            self.hold("the controller is silent")
            # The endpoint has instances from here on, so that notifications come soon.
            self.until("an instance is in service and its first document ready", lambda: self.ready("controller silent", "plain"))
        with self.faults.mapping_off("inference-success"):
            for case in ("withheld", "duplicated", "overwritten", "cancelled"):
                self.upload(case, status="Cancelled" if case == "cancelled" else "Ready")
            self.until("their jobs are open", lambda: all(one.row for one in self.of("withheld", "duplicated", "overwritten", "cancelled")))
            self.overwrite()
            self.cancel()
            self.withhold()
        with self.faults.throttled("inference-success"):
            self.upload("throttled")
            self.hold("inference-success is throttled")
        if self.pace.hasten:
            self.hasten()
        self.until("every job has ended", lambda: all(one.ended for one in self.documents), fails=False)
        self.repeat_events()
        self.read_pages()

    def of(self, *cases):
        return [one for one in self.documents if one.case in cases]

    def ready(self, *cases):
        return any(one.ended for one in self.of(*cases))

    def hold(self, why):
        """Leaves a fault in force for a while."""
        self.say(f"  {self.elapsed()}: {why}")
        self.sleep(self.pace.hold)

    def elapsed(self):
        return f"minute {(self.clock() - self.began) / 60:.0f}"

    def until(self, what, holds, fails=True):
        """Looks at the jobs again and again until the condition holds, or the time is over."""
        self.say(f"  {self.elapsed()}: waiting until {what}")
        while True:
            self.read_jobs()
            if holds():
                return
            if self.clock() - self.began > self.pace.limit:
                if fails:
                    raise Refusal(f"not within {self.pace.limit / 60:.0f} minutes: {what}")
                return
            self.sleep(self.pace.poll)

    def upload(self, case, content=None, status="Ready", cause=None, count=None):
        """Uploads the documents of a case in one call, and records how each must end."""
        first = len(self.of(case))
        keys = [f"{self.prefix}{TENANT}/{self.name}-{case.replace(' ', '-')}-{number:03}.pdf" for number in range(first, first + (count or self.cases[case]))]
        if keys:
            self.put(keys, content or self.document)
        self.documents += [TestDocument(case, key, status, cause, job=job_id(self.outputs["JobsBucketName"], key)) for key in keys]

    def put(self, keys, content):
        with tempfile.TemporaryDirectory() as folder:
            for key in keys:
                (pathlib.Path(folder) / key.rsplit("/", 1)[1]).write_bytes(content)
            self.aws("s3", "cp", "--recursive", "--quiet", "--content-type", "application/pdf", folder, f"s3://{self.outputs['JobsBucketName']}/{self.prefix}{TENANT}/")

    def overwrite(self):
        """Puts other bytes at the same keys: the first versions are superseded, the second ones count."""
        firsts = self.of("overwritten")
        known = {one["Key"] for one in self.versions()}
        assert known >= {one.key for one in firsts}
        self.put([one.key for one in firsts], self.document + b"\n% second version\n")
        latest = {one["Key"]: one["VersionId"] for one in self.versions() if one["IsLatest"]}
        for one in firsts:
            one.status, one.cause = "Failed", "Superseded"
            self.documents.append(TestDocument("overwritten", one.key, job=job_id(self.outputs["JobsBucketName"], one.key, latest[one.key])))

    def cancel(self):
        """Cancels open jobs as support, with a reason."""
        for one in self.of("cancelled"):
            status, body = self.api("POST", f"/jobs/{one.job}/cancel", {"reason": f"game day {self.name}"}, groups="[support]")
            if status != 200:
                self.remarks.append(f"cancel was answered with {status}: {body}")

    def withhold(self):
        """Takes the notifications of the cases out of their queue: some are deleted, some sent once more."""
        queue = self.outputs["InferenceSuccessQueueUrl"]
        withheld, duplicated = ({one.job for one in self.of(case)} for case in ("withheld", "duplicated"))
        missing = withheld | duplicated
        while missing and self.clock() - self.began < self.pace.limit:
            got = self.aws("sqs", "receive-message", "--queue-url", queue, "--max-number-of-messages", "10", "--visibility-timeout", "20",
                           "--attribute-names", "ApproximateReceiveCount", "--wait-time-seconds", "5") or {}  # fmt: skip
            for message in got.get("Messages", []):
                job = notified(message["Body"])
                if job in withheld:
                    self.aws("sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])
                elif job in duplicated & missing:
                    self.aws("sqs", "send-message", "--queue-url", queue, "--message-body", message["Body"])
                elif job not in duplicated and int(message["Attributes"]["ApproximateReceiveCount"]) >= RECEIVES_OF_OTHERS:
                    self.remarks.append("other tenants' notifications waited too long; the queue was not held any longer")
                    return
                missing.discard(job)
        self.say(f"  {self.elapsed()}: {len(withheld - missing)} notifications withheld, {len(duplicated - missing)} duplicated")

    def send_malformed(self):
        """Sends a message that cannot be parsed."""
        self.malformed = f"game day {self.name}: not an event"
        self.aws("sqs", "send-message", "--queue-url", self.outputs["UploadsQueueUrl"], "--message-body", self.malformed)

    def hasten(self):
        """Makes the checks of the withheld jobs due, and runs the reconciler."""
        for one in self.of("withheld"):
            try:
                self.aws("dynamodb", "update-item", "--table-name", self.outputs["JobsTableName"], "--key", json.dumps({"job_id": {"S": one.job}}),
                         "--update-expression", "SET next_check_at = :past", "--condition-expression", "attribute_exists(next_check_at)",
                         "--expression-attribute-values", json.dumps({":past": {"N": PAST}}))  # fmt: skip
            except AwsError as error:
                if "ConditionalCheckFailed" not in str(error):
                    raise
        self.reconciled = self.invoke(self.outputs["ReconcilerFunctionName"], {})

    def repeat_events(self):
        """Sends S3's events of jobs that have ended once more: they must change nothing."""
        self.read_jobs()
        self.before = {one.job: one.row["version"]["N"] for one in self.of("duplicated") if one.ended}
        for one in self.of("duplicated"):
            if one.row:
                self.aws("sqs", "send-message", "--queue-url", self.outputs["UploadsQueueUrl"], "--message-body", json.dumps(self.s3_event(one)))
        self.sleep(self.pace.quiet)
        self.wait_until_read(self.outputs["UploadsQueueUrl"])
        self.read_jobs()

    def wait_until_read(self, queue):
        """Waits until a queue is empty: a function that is slow today may still read what was sent. A busy service's is never empty."""
        names, end = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"), self.clock() + self.pace.max_wait
        while self.clock() < end:
            found = self.aws("sqs", "get-queue-attributes", "--queue-url", queue, "--attribute-names", *names)["Attributes"]
            if not any(int(found[name]) for name in names):
                return
            self.sleep(self.pace.poll)

    def s3_event(self, one):
        object_ = {"key": one.key, "size": len(self.document), "eTag": one.row["input"]["M"]["etag"]["S"], "versionId": one.row["input"]["M"]["version"]["S"], "sequencer": "0055AED6DCD90281E5"}
        return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": self.environment.region, "eventTime": "2026-01-05T10:14:01.000Z", "eventName": "ObjectCreated:Put",
                             "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": self.outputs["JobsBucketName"]}, "object": object_}}]}  # fmt: skip

    # ---------------------------------------------------------------- what there is

    def read_jobs(self):
        """Reads the row of every document, and what was pushed meanwhile."""
        table = self.outputs["JobsTableName"]
        rows = {}
        ids = sorted({one.job for one in self.documents if not one.ended or one.case == "duplicated"})
        for first in range(0, len(ids), MAX_KEYS):
            asked = {table: {"Keys": [{"job_id": {"S": job}} for job in ids[first : first + MAX_KEYS]], "ConsistentRead": True}}
            found = self.aws("dynamodb", "batch-get-item", "--request-items", json.dumps(asked))
            rows |= {row["job_id"]["S"]: row for row in found["Responses"].get(table, [])}
        for one in self.documents:
            one.row = rows.get(one.job, one.row)
        self.read_pages()

    def environment_endpoint(self):
        """The name of the endpoint that is proved."""
        return plan.pipelines()[self.environment.probe]["EndpointName"]

    def counts(self):
        """How many documents of each case ended how."""
        return collections.Counter((one.case, one.row["status"]["S"] if one.row else "no job") for one in self.documents)


def job_id(bucket, key, version=None):
    """The id of the job of an object, or of a later version of it."""
    first = uuid.uuid5(JOB_IDS, f"{bucket}/{key}")
    return str(uuid.uuid5(first, version) if version else first)


def notified(body):
    """The job that a message of queue inference-success is about, or None."""
    try:
        found = json.loads(body)
        found = json.loads(found["Message"]) if "Message" in found else found
        return found["inferenceId"].rsplit(".a", 1)[0]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
