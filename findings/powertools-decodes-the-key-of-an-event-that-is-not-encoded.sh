#!/usr/bin/env bash
# Library:   aws-lambda-powertools 3.37.0 (Python). Date: 2026-12-01.
#
# Guess, written down before running: S3 sends keys URL-encoded in its own notifications, and as they are through EventBridge
# (Amazon S3 user guide). So S3EventBridgeNotificationEvent, made for the second kind, gives the key as sent, as the
# model of the same event in the library's parser does; and S3Event, made for the first kind, gives it decoded wherever it gives it.
#
# Behaviour: the EventBridge class decodes a key that is not encoded. "A+B.pdf" becomes "A B.pdf", and the object of that name
# does not exist, or is another one. The parser's model of the event has the key as sent. With the notifications it is the other
# way round: `S3Event.object_key` is decoded, while `object.key` of each record, needed when there are several, is not.
#
# Output seen:
#   EventBridge, sent "DPA_Stadtwerke+Meteor.pdf"
#     data class                    "DPA_Stadtwerke Meteor.pdf"
#     parser                        "DPA_Stadtwerke+Meteor.pdf"
#   notification, sent "DPA_Stadtwerke%2BMeteor.pdf"
#     data class, object_key        "DPA_Stadtwerke+Meteor.pdf"
#     data class, record's key      "DPA_Stadtwerke%2BMeteor.pdf"
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "aws-lambda-powertools[parser]==3.37.0"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from aws_lambda_powertools.utilities.data_classes import S3Event, S3EventBridgeNotificationEvent
from aws_lambda_powertools.utilities.parser.models import S3EventNotificationEventBridgeModel

KEY, ENCODED = "DPA_Stadtwerke+Meteor.pdf", "DPA_Stadtwerke%2BMeteor.pdf"
through_event_bridge = {
    "version": "0",
    "id": "event",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2026-01-02T03:04:05Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:s3:::inbox"],
    "detail": {
        "version": "0",
        "bucket": {"name": "inbox"},
        "object": {"key": KEY, "size": 12, "etag": "tag", "version-id": "version", "sequencer": "0055AED6DCD90281E5"},
        "request-id": "request",
        "requester": "111122223333",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    },
}
notification = {"Records": [{
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "eu-central-1",
    "eventTime": "2026-01-02T03:04:05.678Z",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "inbox"}, "object": {"key": ENCODED, "size": 12, "eTag": "tag"}},
}]}
data_class = S3EventBridgeNotificationEvent(through_event_bridge).detail.object.key
parser = S3EventNotificationEventBridgeModel.model_validate(through_event_bridge).detail.object.key
event = S3Event(notification)
first, of_record = event.object_key, next(event.records).s3.get_object.key
print(f'EventBridge, sent "{KEY}"')
print(f'  data class                    "{data_class}"')
print(f'  parser                        "{parser}"')
print(f'notification, sent "{ENCODED}"')
print(f'  data class, object_key        "{first}"')
print(f'  data class, record\'s key      "{of_record}"')
sys.exit(0 if [data_class, parser, first, of_record] == [KEY.replace("+", " "), KEY, KEY, ENCODED] else 1)
PYTHON
