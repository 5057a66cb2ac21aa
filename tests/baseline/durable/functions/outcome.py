"""Tells a durable execution how its inference ended.

Trigger: the queue of the endpoint's success and error topics.
"""

import json
import logging

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

functions = boto3.client("lambda")
# The callback has ended: the notification came twice or late.
ENDED = ("CallbackTimeoutException", "InvalidParameterValueException", "ResourceNotFoundException")


def handler(event, context):
    """Handles messages one by one. Only failed messages are delivered again."""
    failures = []
    for message in event["Records"]:
        try:
            notification = json.loads(json.loads(message["body"])["Message"])
            # Endpoints send it when they are created or scaled.
            if notification["eventName"] != "TestNotification":
                answer(notification)
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def answer(notification):
    """Completes the callback. The first answer counts."""
    callback = notification["requestParameters"]["customAttributes"]
    try:
        if notification["invocationStatus"] == "Completed":
            location = notification["responseParameters"]["outputLocation"]
            functions.send_durable_execution_callback_success(CallbackId=callback, Result=location)
        else:
            reason = notification.get("failureReason", "unknown")
            functions.send_durable_execution_callback_failure(CallbackId=callback, Error={"ErrorType": "InferenceFailed", "ErrorMessage": reason})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ENDED:
            raise
        logger.info("callback of %s has ended: %s", notification["inferenceId"], error)
