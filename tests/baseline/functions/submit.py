"""Starts an inference for every uploaded document.

Trigger: the queue of S3 events.
"""

import hashlib
import json
import logging
import os
import time
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sagemaker = boto3.client("sagemaker-runtime")


def handler(event, context):
    """Handles messages one by one. Only failed messages are delivered again."""
    failures = []
    for message in event["Records"]:
        try:
            # S3 sends an s3:TestEvent without records when notifications are configured.
            for record in json.loads(message["body"]).get("Records", []):
                submit(record["s3"])
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def submit(s3):
    """Creates the job's row, invokes the endpoint, and saves the location of the output."""
    bucket = s3["bucket"]["name"]
    key = unquote_plus(s3["object"]["key"])
    # S3 delivers an event at least once. All copies have the same sequencer.
    name = f"{bucket}/{key}/{s3['object']['sequencer']}"
    job_id = hashlib.sha256(name.encode()).hexdigest()[:32]
    now = int(time.time())
    try:
        table.put_item(
            Item={
                "job_id": job_id,
                "status": "RECEIVED",
                "bucket": bucket,
                "key": key,
                "etag": s3["object"]["eTag"],
                "created_at": now,
                "updated_at": now,
            },
            ConditionExpression="attribute_not_exists(job_id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        row = table.get_item(Key={"job_id": job_id}, ConsistentRead=True)["Item"]
        if row["status"] != "RECEIVED":
            logger.info("job %s is submitted already", job_id)
            return
        # An earlier try did not reach the endpoint: continue.

    response = sagemaker.invoke_endpoint_async(
        EndpointName=os.environ["ENDPOINT_NAME"],
        InputLocation=f"s3://{bucket}/{key}",
        ContentType="application/pdf",
        InvocationTimeoutSeconds=120,
        InferenceId=job_id,
    )
    try:
        table.update_item(
            Key={"job_id": job_id},
            UpdateExpression="SET #status = :status, output_location = :output, updated_at = :now",
            # The result may be recorded already.
            ConditionExpression="#status = :received",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": "IN_PROGRESS",
                ":received": "RECEIVED",
                ":output": response["OutputLocation"],
                ":now": int(time.time()),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
    logger.info("job %s submitted", job_id)
