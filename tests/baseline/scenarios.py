"""What goes wrong: the same for both sides, document by document."""

from collections.abc import Callable
from dataclasses import dataclass
import hashlib
import json

from count import FAILED, READY, SUPERSEDED, Document
from taps import Fault
from world import ROOT, SIDES, World

HOUR = 3600
CONTRACT = (ROOT / "samples" / "contracts" / "NDA Halden-Brightwater.pdf").read_bytes()
BROKEN = (ROOT / "samples" / "bad" / "broken.pdf").read_bytes()
NO_PDF = (ROOT / "samples" / "bad" / "not-a-pdf.pdf").read_bytes()


@dataclass(frozen=True)
class Scenario:
    """Documents that share a fate. `plan` says what goes wrong with the document of a tag."""

    title: str
    names: list[str]  # {tag} stands for the document's tag
    body: bytes = CONTRACT
    expected: str = READY
    plan: Callable[[World, str, str], None] = lambda world, side, tag: None
    announced: int = 1  # how often S3 announces each; 1 is by S3 itself
    before: Callable[[World, str], None] = lambda world, side: None
    overwritten: bool = False


def plain(count: int) -> list[str]:
    """Keys with nothing remarkable."""
    return ["{tag}.pdf"] * count


def faults(*wanted: tuple[str, Fault]) -> Callable[[World, str, str], None]:
    """A plan with the same faults for every document, each a place and a fault of its own."""

    def plan(world: World, side: str, tag: str) -> None:
        for place, fault in wanted:
            world.network.faults.add(side, tag, place, Fault(fault.what, fault.times, fault.until, fault.minutes))

    return plan


def one_each(*wanted: tuple[str, str]) -> Callable[[World, str, str], None]:
    """A plan in which the first document has the first fault, the second the second, and so on."""

    def plan(world: World, side: str, tag: str) -> None:
        place, what = wanted[int(tag.rsplit("-", 1)[-1]) % len(wanted)]
        world.network.faults.add(side, tag, place, Fault(what))

    return plan


def for_an_hour(what: str, seconds: float = HOUR) -> Callable[[World, str, str], None]:
    """A plan in which every call of the endpoint goes wrong for some time from now on."""

    def plan(world: World, side: str, tag: str) -> None:
        world.network.faults.add(side, tag, "invoke", Fault(what, until=world.clock.now() + seconds))

    return plan


def poison(world: World, side: str) -> None:
    """Messages that nobody can understand, in the queue of uploads and on both topics."""
    for body in ("not JSON", json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {}}}]})):
        world.sqs.send_message(QueueUrl=world.uploads(side), MessageBody=body)
    for topic in world.topics(side):
        world.sns.publish(TopicArn=topic, Message="not JSON")


KILLS = (
    ("invoke", "killed before the call"),
    ("invoke", "killed after the call"),
    ("record", "killed before the record"),
    ("record", "killed after the record"),
    ("create", "killed after the create"),
    ("outcome", "killed before the outcome"),
    ("outcome", "killed after the outcome"),
)
LOST_ANSWERS = (
    ("create", "answer of the create lost"),
    ("record", "answer of the record lost"),
    ("outcome", "answer of the outcome lost"),
)

SCENARIOS = [
    Scenario("nothing goes wrong", plain(8)),
    Scenario("S3 event doubled at once, and again later", plain(3), announced=3),
    Scenario("S3 event lost", plain(3), announced=0),
    Scenario("success notification lost", plain(3), plan=faults(("success", Fault("lost")))),
    Scenario("error notification lost", plain(3), BROKEN, FAILED, plan=faults(("error", Fault("lost")))),
    Scenario("success doubled, and 2 h late", plain(3), plan=faults(("success", Fault("doubled", minutes=120)))),
    Scenario(
        "model 5xx once; error doubled, and 1 h late", plain(3),
        plan=faults(("model", Fault("model answers 500")), ("error", Fault("doubled", minutes=60))),
    ),
    Scenario("model 5xx once", plain(3), plan=faults(("model", Fault("model answers 500")))),
    Scenario(
        "model 5xx once, error notification lost", plain(2),
        plan=faults(("model", Fault("model answers 500")), ("error", Fault("lost"))),
    ),
    Scenario("endpoint throttles for 5 min", plain(3), plan=for_an_hour("endpoint throttles", 300)),
    Scenario("endpoint answers 503 twice", plain(3), plan=faults(("invoke", Fault("endpoint unavailable", times=2)))),
    Scenario("endpoint not in service for 1 h", plain(3), plan=for_an_hour("endpoint not in service")),
    Scenario("function killed (-9) around a call", plain(len(KILLS)), plan=one_each(*KILLS)),
    Scenario("answer of the endpoint's call lost", plain(2), plan=faults(("invoke", Fault("answer of the call lost")))),
    Scenario("answer of a write lost", plain(len(LOST_ANSWERS)), plan=one_each(*LOST_ANSWERS)),
    Scenario("table throttles three times", plain(2), plan=faults(("create", Fault("table throttles", times=3)))),
    Scenario("overwritten while it runs", plain(3), overwritten=True),
    Scenario(
        "spaces, plus, umlauts, Greek in the key",
        ["{tag} with spaces.pdf", "{tag}+plus & more.pdf", "{tag} Müller.pdf", "{tag} συμφωνία.pdf"],
    ),
    Scenario("not a PDF", plain(2), NO_PDF, FAILED),
    Scenario("a broken PDF", plain(2), BROKEN, FAILED),
    Scenario("poison messages beside it", plain(3), before=poison),
    # Last, because these functions hang for as long as they may.
    Scenario("function times out at the call", plain(2), plan=faults(("invoke", Fault("no answer, not taken")))),
]
# In an hour of its own: others must not be throttled with it.
THROTTLED = Scenario("Lambda throttles the function for 1 h", plain(3), before=lambda world, side: world.throttle(side, True))
SCENARIOS.append(THROTTLED)


class Uploads:
    """Puts documents in, and remembers when."""

    def __init__(self, world: World):
        self.world = world
        self.documents: list[Document] = []
        self.at: dict[tuple[str, str], float] = {}  # by side and entity tag
        self.later: list[tuple[str, str]] = []  # side, event: announced once more in the end

    def run(self, number: int, scenario: Scenario) -> None:
        """All documents of a scenario, on both sides."""
        for side in SIDES:
            scenario.before(self.world, side)
        for index, name in enumerate(scenario.names):
            tag = f"case{number:02}-{index}"
            key = "inbound/acme/" + name.format(tag=tag)
            content = stamped(scenario.body, tag)
            # What is replaced was not wrong, but its result must not be announced any more.
            expected = SUPERSEDED if scenario.overwritten else scenario.expected
            self.documents.append(Document(scenario.title, tag, key, etag(content), expected))
            newer = stamped(scenario.body, f"{tag} second version")
            if scenario.overwritten:
                self.documents.append(Document(scenario.title, tag, key, etag(newer), READY))
            for side in SIDES:
                scenario.plan(self.world, side, tag)
                if scenario.overwritten:
                    self.world.network.on_run[side, tag] = lambda side=side, key=key, newer=newer: self.put(side, key, newer)
                self.announce(side, key, content, scenario.announced)

    def announce(self, side: str, key: str, content: bytes, times: int) -> None:
        """Puts an object whose S3 event arrives so many times: not at all, once, or twice and later again."""
        if times == 1:
            self.put(side, key, content)
            return
        world = self.world
        world.announce_to(side, world.aside)
        try:
            self.put(side, key, content)
            event = self.received(key)
        finally:
            world.announce_to(side, world.uploads(side))
        for _ in range(min(times, 2)):
            world.sqs.send_message(QueueUrl=world.uploads(side), MessageBody=event)
        if times > 2:
            self.later.append((side, event))

    def received(self, key: str) -> str:
        """The event of an object in the queue aside."""
        for _ in range(50):
            found = self.world.sqs.receive_message(QueueUrl=self.world.aside, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in found.get("Messages", []):
                self.world.sqs.delete_message(QueueUrl=self.world.aside, ReceiptHandle=message["ReceiptHandle"])
                if key.rsplit("/", 1)[-1] in message["Body"]:
                    return message["Body"]
        raise RuntimeError(f"S3 did not announce {key}")

    def put(self, side: str, key: str, content: bytes) -> None:
        """An upload."""
        self.at[side, etag(content)] = self.world.clock.now()
        self.world.s3.put_object(Bucket=self.world.bucket(side), Key=key, Body=content, ContentType="application/pdf")

    def announce_later(self) -> None:
        """The events that come once more when all is over."""
        for side, event in self.later:
            self.world.sqs.send_message(QueueUrl=self.world.uploads(side), MessageBody=event)
        self.later.clear()


def stamped(body: bytes, text: str) -> bytes:
    """The same document with a comment at its end, so that each has an entity tag of its own."""
    return body + f"\n% {text}\n".encode()


def etag(content: bytes) -> str:
    """As S3 makes it for an upload in one part."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
