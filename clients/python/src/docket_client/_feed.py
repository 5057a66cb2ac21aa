"""The feed of events, verified by its chain of hashes (docs/api.md, "Events for programs")."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from ._errors import EventsMissing
from .types import EventPage, EventView


@dataclass(frozen=True)
class FeedPosition:
    """How far a program has processed the feed. Store it together with what the events caused."""

    cursor: str
    sequence: int
    hash: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "FeedPosition":
        return cls(cursor=str(value["cursor"]), sequence=int(value["sequence"]), hash=str(value["hash"]))


@dataclass(frozen=True)
class FeedPage:
    """Events that follow each other without a gap. Their hashes have been computed and compared."""

    events: list[EventView]
    #: After the last of `events`.
    position: FeedPosition
    #: Whether these are the newest events. Then the program has every event of the tenant since it began.
    is_end: bool


def next_hash(previous: str, event: EventView) -> str:
    text = f"{previous}\n{event['sequence']}\n{event['id']}\n{event['type']}\n{event['recorded_at']}"
    return hashlib.sha256(text.encode()).hexdigest()


def verify_page(page: EventPage, position: FeedPosition | None) -> FeedPage:
    """Computes the hashes of a response of `GET /events` from `position` on, or without one from its own beginning.

    Raises `EventsMissing` if an event is missing, too many, out of order or changed.
    """
    events = page["events"]
    if page["count"] != len(events):
        raise EventsMissing(page["sequence"])
    if position is None:
        sequence, chain = page["sequence"] - len(events), page["previous_hash"]
    else:
        sequence, chain = position.sequence, position.hash
    for event in events:
        sequence += 1
        chain = next_hash(chain, event)
        if (event["sequence"], event["hash"]) != (sequence, chain):
            raise EventsMissing(sequence)
        if event["id"] != f"{event['job_id']}:{event['version']}":
            raise EventsMissing(sequence)
    if (page["sequence"], page["hash"]) != (sequence, chain):
        raise EventsMissing(page["sequence"])
    is_end = sequence >= page["end_sequence"]
    if is_end and (page["end_sequence"], page["end_hash"]) != (sequence, chain):
        raise EventsMissing(page["end_sequence"])
    return FeedPage(list(events), FeedPosition(page["cursor"], sequence, chain), is_end)
