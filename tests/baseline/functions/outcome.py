"""Records how an inference ended.

Trigger: the queue of the endpoint's success and error topics.
"""

import json
import logging
import os
import time

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    """Handles messages one by one. Only failed messages are delivered again."""
    failures = []
    for message in event["Records"]:
        try:
            notification = json.loads(json.loads(message["body"])["Message"])
            # Endpoints send it when they are created or scaled.
            if notification["eventName"] != "TestNotification":
                record_outcome(notification)
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def record_outcome(notification):
    """Saves READY with the location of the output, or FAILED with the reason."""
    job_id = notification["inferenceId"]
    now = int(time.time())
    if notification["invocationStatus"] == "Completed":
        update = "SET #status = :status, output_location = :detail, updated_at = :now"
        values = {
            ":status": "READY",
            ":detail": notification["responseParameters"]["outputLocation"],
            ":now": now,
        }
    else:
        update = "SET #status = :status, failure_reason = :detail, updated_at = :now"
        values = {":status": "FAILED", ":detail": notification.get("failureReason", "unknown"), ":now": now}
    table.update_item(
        Key={"job_id": job_id},
        UpdateExpression=update,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=values,
    )
    logger.info("job %s is %s", job_id, values[":status"])
