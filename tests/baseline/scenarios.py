"""The scenarios: documents and their faults, the same for all sides."""

from collections.abc import Callable
from dataclasses import dataclass
import hashlib
import json

from outcomes import CANCELLED, FAILED, READY, SUPERSEDED, UploadedDocument
from proxies import Fault
from testbed import DOCKET, ROOT, SIDES, Testbed

HOUR = 3600
CONTRACT = (ROOT / "samples" / "contracts" / "NDA Halden-Brightwater.pdf").read_bytes()
BROKEN = (ROOT / "samples" / "bad" / "broken.pdf").read_bytes()
NO_PDF = (ROOT / "samples" / "bad" / "not-a-pdf.pdf").read_bytes()


@dataclass(frozen=True)
class Scenario:
    """Documents with the same kind of fault. `plan` plans the faults of the document of a tag."""

    title: str
    names: list[str]  # {tag} stands for the document's tag
    body: bytes = CONTRACT
    expected: str = READY
    plan: Callable[[Testbed, str, str], None] = lambda testbed, side, tag: None
    event_copies: int = 1  # how often the S3 event arrives
    before: Callable[[Testbed, str], None] = lambda testbed, side: None
    overwritten: bool = False


def plain(count: int) -> list[str]:
    """Plain keys."""
    return ["{tag}.pdf"] * count


def faults(*wanted: tuple[str, Fault]) -> Callable[[Testbed, str, str], None]:
    """A plan with the same faults for every document. Each is a point and a fault."""

    def plan(testbed: Testbed, side: str, tag: str) -> None:
        for point, fault in wanted:
            testbed.injector.faults.add(side, tag, point, Fault(fault.what, fault.times, fault.until, fault.minutes))

    return plan


def one_each(*wanted: tuple[str, str]) -> Callable[[Testbed, str, str], None]:
    """A plan in which the first document has the first fault, the second the second, and so on."""

    def plan(testbed: Testbed, side: str, tag: str) -> None:
        point, what = wanted[int(tag.rsplit("-", 1)[-1]) % len(wanted)]
        testbed.injector.faults.add(side, tag, point, Fault(what))

    return plan


def invocations_fail(what: str, seconds: float = HOUR) -> Callable[[Testbed, str, str], None]:
    """A plan in which every invocation of the endpoint fails for some time, from the first document on."""
    until: dict[str, float] = {}

    def plan(testbed: Testbed, side: str, tag: str) -> None:
        end = until.setdefault(side, testbed.clock.now() + seconds)
        testbed.injector.faults.add(side, tag, "invoke", Fault(what, until=end))

    return plan


def send_malformed_messages(testbed: Testbed, side: str) -> None:
    """Sends malformed messages to the queue of uploads and to both topics."""
    for body in ("not JSON", json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {}}}]})):
        testbed.sqs.send_message(QueueUrl=testbed.uploads(side), MessageBody=body)
    for topic in testbed.topics(side):
        testbed.sns.publish(TopicArn=topic, Message="not JSON")


KILLS = (
    ("invoke", "killed before the call"),
    ("invoke", "killed after the call"),
    ("record", "killed before the record"),
    ("record", "killed after the record"),
    ("create", "killed after the create"),
    ("outcome", "killed before the outcome"),
    ("outcome", "killed after the outcome"),
)
LOST_RESPONSES = (
    ("create", "answer of the create lost"),
    ("record", "answer of the record lost"),
    ("outcome", "answer of the outcome lost"),
)

SCENARIOS = [
    Scenario("nothing goes wrong", plain(8)),
    Scenario("S3 event duplicated at once, and again later", plain(3), event_copies=3),
    Scenario("S3 event lost", plain(3), event_copies=0),
    Scenario("success notification lost", plain(3), plan=faults(("success", Fault("lost")))),
    Scenario("error notification lost", plain(3), BROKEN, FAILED, plan=faults(("error", Fault("lost")))),
    Scenario("success duplicated, and 2 h late", plain(3), plan=faults(("success", Fault("duplicated", minutes=120)))),
    Scenario(
        "model 5xx once; error duplicated, and 1 h late", plain(3),
        plan=faults(("model", Fault("model answers 500")), ("error", Fault("duplicated", minutes=60))),
    ),
    Scenario("model 5xx once", plain(3), plan=faults(("model", Fault("model answers 500")))),
    Scenario(
        "model 5xx once, error notification lost", plain(2),
        plan=faults(("model", Fault("model answers 500")), ("error", Fault("lost"))),
    ),
    Scenario("endpoint throttles for 5 min", plain(3), plan=invocations_fail("endpoint throttles", 300)),
    Scenario("endpoint answers 503 twice", plain(3), plan=faults(("invoke", Fault("endpoint unavailable", times=2)))),
    Scenario("function killed (-9) around a call", plain(len(KILLS)), plan=one_each(*KILLS)),
    Scenario("answer of the endpoint's call lost", plain(2), plan=faults(("invoke", Fault("answer of the call lost")))),
    Scenario("answer of a write lost", plain(len(LOST_RESPONSES)), plan=one_each(*LOST_RESPONSES)),
    Scenario("table throttles three times", plain(2), plan=faults(("create", Fault("table throttles", times=3)))),
    Scenario("overwritten while it runs", plain(3), overwritten=True),
    Scenario(
        "spaces, plus, umlauts, Greek in the key",
        ["{tag} with spaces.pdf", "{tag}+plus & more.pdf", "{tag} Müller.pdf", "{tag} συμφωνία.pdf"],
    ),
    Scenario("not a PDF", plain(2), NO_PDF, FAILED),
    Scenario("a broken PDF", plain(2), BROKEN, FAILED),
    Scenario("poison messages beside it", plain(3), before=send_malformed_messages),
    # Late, because these functions run until their timeout.
    Scenario("function times out at the call", plain(2), plan=faults(("invoke", Fault("no answer, not taken")))),
]
# In an hour of its own, so that no other scenario is throttled.
THROTTLED = Scenario("Lambda throttles the function for 1 h", plain(3), before=lambda testbed, side: testbed.throttle(side, True))
# In an hour of their own: Docket pauses the pipeline, the others have nothing but a concurrency of zero.
PAUSED = Scenario("the operator pauses for 1 h", plain(3))
CANCELLED_IN_QUEUE = Scenario("cancelled while it is paused", plain(3), expected=CANCELLED)
# Last, since the endpoint's failure concerns every document: those that it refuses at first, and those that come later.
OUT_OF_SERVICE = invocations_fail("endpoint not in service")
OUTAGE = Scenario("endpoint not in service for 1 h", plain(12), plan=OUT_OF_SERVICE)
OUTAGE_LATER = Scenario("uploaded during that hour", plain(24), plan=OUT_OF_SERVICE)
SCENARIOS += [THROTTLED, PAUSED, CANCELLED_IN_QUEUE, OUTAGE, OUTAGE_LATER]


class Uploads:
    """Uploads documents, and records when."""

    def __init__(self, testbed: Testbed):
        self.testbed = testbed
        self.documents: list[UploadedDocument] = []
        self.uploaded_at: dict[tuple[str, str], float] = {}  # by side and ETag
        self.late_events: list[tuple[str, str]] = []  # side and event: delivered once more at the end

    def run(self, number: int, scenario: Scenario, part: slice = slice(None)) -> None:
        """Uploads the documents of a scenario, or a part of them, to all sides."""
        for side in SIDES:
            scenario.before(self.testbed, side)
        for index, name in list(enumerate(scenario.names))[part]:
            tag = f"case{number:02}-{index}"
            key = "inbound/acme/" + name.format(tag=tag)
            content = stamped(scenario.body, tag)
            # The replaced version is valid, but its result must not be published.
            expected = SUPERSEDED if scenario.overwritten else scenario.expected
            self.documents.append(UploadedDocument(scenario.title, tag, key, etag(content), expected))
            newer = stamped(scenario.body, f"{tag} second version")
            if scenario.overwritten:
                self.documents.append(UploadedDocument(scenario.title, tag, key, etag(newer), READY))
            for side in SIDES:
                scenario.plan(self.testbed, side, tag)
                if scenario.overwritten:
                    self.testbed.injector.on_run[side, tag] = lambda side=side, key=key, newer=newer: self.put(side, key, newer)
                self.put_with_events(side, key, content, scenario.event_copies)

    def put_with_events(self, side: str, key: str, content: bytes, times: int) -> None:
        """Uploads an object whose S3 event arrives never, once, or twice and once more at the end."""
        if times == 1:
            self.put(side, key, content)
            return
        testbed = self.testbed
        testbed.set_notification_queue(side, testbed.intercepted)
        try:
            self.put(side, key, content)
            event = self.intercepted_event(key)
        finally:
            testbed.set_notification_queue(side, testbed.uploads(side))
        for _ in range(min(times, 2)):
            testbed.sqs.send_message(QueueUrl=testbed.uploads(side), MessageBody=event)
        if times > 2:
            self.late_events.append((side, event))

    def intercepted_event(self, key: str) -> str:
        """The S3 event of an object in the queue of intercepted events."""
        for _ in range(50):
            found = self.testbed.sqs.receive_message(QueueUrl=self.testbed.intercepted, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in found.get("Messages", []):
                self.testbed.sqs.delete_message(QueueUrl=self.testbed.intercepted, ReceiptHandle=message["ReceiptHandle"])
                if key.rsplit("/", 1)[-1] in message["Body"]:
                    return message["Body"]
        raise RuntimeError(f"S3 sent no event for {key}")

    def put(self, side: str, key: str, content: bytes) -> None:
        """Uploads an object."""
        self.uploaded_at[side, etag(content)] = self.testbed.clock.now()
        self.testbed.s3.put_object(Bucket=self.testbed.bucket(side), Key=key, Body=content, ContentType="application/pdf")

    def cancel(self, scenario: Scenario) -> None:
        """Cancels the documents of a scenario. Without a command for it, a customer can only delete the object."""
        for document in self.documents:
            if document.scenario != scenario.title:
                continue
            for side in SIDES:
                if side == DOCKET:
                    self.testbed.cancel(document.etag)
                else:
                    self.testbed.s3.delete_object(Bucket=self.testbed.bucket(side), Key=document.key)

    def redeliver_events(self) -> None:
        """Delivers the late copies of S3 events."""
        for side, event in self.late_events:
            self.testbed.sqs.send_message(QueueUrl=self.testbed.uploads(side), MessageBody=event)
        self.late_events.clear()


def stamped(body: bytes, text: str) -> bytes:
    """The document with a comment at its end, so that each has its own ETag."""
    return body + f"\n% {text}\n".encode()


def etag(content: bytes) -> str:
    """The ETag that S3 computes for an upload in one part."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
