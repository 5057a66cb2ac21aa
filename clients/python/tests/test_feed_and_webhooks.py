"""Verification of the feed and of webhooks, without a service.

Run, in clients/python: PYTHONPATH=src ../../target/venv-clients/bin/python -m unittest discover -s tests
"""

import copy
import datetime
import json
import unittest

import standardwebhooks
from docket_client import EventsMissing, FeedPosition, WebhookVerificationError, verify_page, verify_webhook
from docket_client._feed import next_hash
from docket_client.types import EventPage, EventView

FIRST_HASH = "0" * 64
JOB = "6d0ad460-5c6b-5e5f-9a0b-6f0b0c0d0e0f"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def events(count: int, previous: str = FIRST_HASH, first: int = 1) -> list[EventView]:
    made: list[EventView] = []
    for sequence in range(first, first + count):
        event: EventView = {
            "sequence": sequence,
            "id": f"{JOB}:{sequence}",
            "type": "job.ready",
            "job_id": JOB,
            "version": sequence,
            "recorded_at": 1_767_607_442_118 + sequence,
            "hash": "",
        }
        event["hash"] = previous = next_hash(previous, event)
        made.append(event)
    return made


def page(listed: list[EventView], end: EventView, previous: str = FIRST_HASH) -> EventPage:
    last = listed[-1]
    return {
        "tenant": "acme",
        "events": listed,
        "count": len(listed),
        "previous_hash": previous,
        "sequence": last["sequence"],
        "hash": last["hash"],
        "end_sequence": end["sequence"],
        "end_hash": end["hash"],
        "cursor": f"c{last['sequence']}",
    }


class Feed(unittest.TestCase):
    def test_hash_is_the_documented_one(self) -> None:
        event: EventView = {
            "sequence": 1,
            "id": f"{JOB}:3",
            "type": "job.ready",
            "job_id": JOB,
            "version": 3,
            "recorded_at": 1_767_607_442_118,
            "hash": "",
        }
        # As `printf '…' | sha256sum` prints it.
        self.assertEqual(
            next_hash(FIRST_HASH, event), "df588c24205440384df7999b92724a7625d6fdca5339ef80937e50e1d8b7ad2f"
        )

    def test_pages_follow_each_other_up_to_the_end(self) -> None:
        all_events = events(7)
        first = verify_page(page(all_events[:4], all_events[-1]), None)
        self.assertFalse(first.is_end)
        rest = page(all_events[4:], all_events[-1], all_events[3]["hash"])
        second = verify_page(rest, FeedPosition.from_json(json.loads(json.dumps(first.position.to_json()))))
        self.assertTrue(second.is_end)
        self.assertEqual(second.position, FeedPosition("c7", 7, all_events[-1]["hash"]))

    def test_every_lost_added_moved_or_changed_event_is_noticed(self) -> None:
        all_events = events(9)
        position = FeedPosition("c0", 0, FIRST_HASH)
        honest = page(all_events, all_events[-1])
        verify_page(honest, position)
        broken: list[EventPage] = []
        for index in range(9):
            lost = copy.deepcopy(honest)
            del lost["events"][index]
            broken.append(lost)
            counted = copy.deepcopy(lost)
            counted["count"] -= 1
            broken.append(counted)
            twice = copy.deepcopy(counted)
            twice["events"].insert(index, twice["events"][index - 1])
            twice["count"] += 1
            broken.append(twice)
            for name, value in (("type", "job.failed"), ("id", f"{JOB}:99"), ("version", 99), ("recorded_at", 1)):
                changed = copy.deepcopy(honest)
                changed["events"][index][name] = value  # type: ignore[literal-required]
                broken.append(changed)
        for name, value in (("hash", FIRST_HASH), ("end_hash", FIRST_HASH), ("sequence", 10), ("end_sequence", 8)):
            changed = copy.deepcopy(honest)
            changed[name] = value  # type: ignore[literal-required]
            broken.append(changed)
        for one in broken:
            with self.assertRaises(EventsMissing):
                verify_page(one, position)
        # A whole chain that was computed anew is not the one that the program has seen.
        with self.assertRaises(EventsMissing):
            verify_page(page(events(3, "1" * 64), all_events[-1], "1" * 64), position)


class Webhooks(unittest.TestCase):
    def test_signed_request_is_read_and_every_other_refused(self) -> None:
        body = json.dumps({"type": "job.ready", "timestamp": "2026-01-07T09:04:03Z", "data": {"tenant": "acme"}})
        sent_at = datetime.datetime.now(tz=datetime.timezone.utc)

        def headers(at: datetime.datetime) -> dict[str, str]:
            signature = standardwebhooks.Webhook(SECRET).sign("id", at, body)
            return {"Webhook-Id": "id", "Webhook-Timestamp": str(int(at.timestamp())), "Webhook-Signature": signature}

        event = verify_webhook(SECRET, headers(sent_at), body.encode())
        self.assertEqual((event["type"], event["data"].get("tenant")), ("job.ready", "acme"))
        old = sent_at - datetime.timedelta(minutes=6)
        for secret, given, text in (
            ("whsec_c2Vjb25k", headers(sent_at), body),
            (SECRET, headers(old), body),
            (SECRET, headers(sent_at), body.replace("acme", "evil")),
            (SECRET, {}, body),
        ):
            with self.assertRaises(WebhookVerificationError):
                verify_webhook(secret, given, text.encode())


if __name__ == "__main__":
    unittest.main()
