"""Starts an inference for every document that is uploaded.

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
    """One message a time; what fails comes back, the rest does not."""
    failures = []
    for message in event["Records"]:
        try:
            # The s3:TestEvent that announces the notification has no records.
            for record in json.loads(message["body"]).get("Records", []):
                submit(record["s3"])
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def submit(s3):
    """Makes the job's row, calls the endpoint, notes where the output will be."""
    bucket = s3["bucket"]["name"]
    key = unquote_plus(s3["object"]["key"])
    # S3 delivers an event at least once; the sequencer is the same in every copy of it.
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
        # An earlier try did not get as far as the endpoint: go on.

    answer = sagemaker.invoke_endpoint_async(
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
            # The result may be there before we are.
            ConditionExpression="#status = :received",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": "IN_PROGRESS",
                ":received": "RECEIVED",
                ":output": answer["OutputLocation"],
                ":now": int(time.time()),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
    logger.info("job %s submitted", job_id)
