"""Starts a durable execution for every uploaded document.

Trigger: the queue of S3 events. An execution is not started by the queue itself, because it would then end with the
message's 15 minutes.
"""

import hashlib
import json
import logging
import os
from urllib.parse import unquote_plus

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

functions = boto3.client("lambda")


def handler(event, context):
    """Handles messages one by one. Only failed messages are delivered again."""
    failures = []
    for message in event["Records"]:
        try:
            # S3 sends an s3:TestEvent without records when notifications are configured.
            for record in json.loads(message["body"]).get("Records", []):
                start(record["s3"])
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def start(s3):
    """Starts the execution, whose name makes a second copy of the event harmless."""
    bucket = s3["bucket"]["name"]
    key = unquote_plus(s3["object"]["key"])
    # S3 delivers an event at least once. All copies have the same sequencer.
    job_id = hashlib.sha256(f"{bucket}/{key}/{s3['object']['sequencer']}".encode()).hexdigest()[:32]
    functions.invoke(
        FunctionName=os.environ["REVIEW_FUNCTION"],
        InvocationType="Event",
        DurableExecutionName=job_id,
        Payload=json.dumps({"job_id": job_id, "bucket": bucket, "key": key, "etag": s3["object"]["eTag"]}),
    )
    logger.info("execution %s started", job_id)
