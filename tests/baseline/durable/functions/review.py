"""One document from its upload to its result: a durable function that waits for the endpoint's notification.

The row is for those who ask for a document; the execution's own state can only be listed by name, status and time.
"""

import os
import time

import boto3
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy, StepConfig, WaitForCallbackConfig
from aws_durable_execution_sdk_python.exceptions import CallbackExternalError, CallbackSubmitterError, CallbackTimeoutError
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from botocore.exceptions import ClientError

MAX_ATTEMPTS = 3
# The endpoint keeps a request for six hours at most, and an inference takes less than half an hour.
CALLBACK_TIMEOUT = Duration.from_minutes(390)
# More than an hour in all: an endpoint that is updated refuses calls for as long.
RETRIES = create_retry_strategy(
    RetryStrategyConfig(max_attempts=16, initial_delay=Duration.from_seconds(5), max_delay=Duration.from_minutes(10), backoff_rate=2, jitter_strategy=JitterStrategy.HALF)
)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sagemaker = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")


@durable_execution
def handler(event, context: DurableContext):
    """Tries up to three times, if another try can help."""
    with_retries = StepConfig(retry_strategy=RETRIES)
    context.step(lambda _: create(event), name="create", config=with_retries)
    reason = "unknown"
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            output = context.wait_for_callback(
                lambda callback_id, _, attempt=attempt: submit(event, callback_id, attempt),
                name=f"inference-{attempt}",
                config=WaitForCallbackConfig(timeout=CALLBACK_TIMEOUT, retry_strategy=RETRIES),
            )
            return context.step(lambda _, output=output: finish(event, "READY", output), name="ready", config=with_retries)
        except CallbackTimeoutError as error:
            # The notification may be lost and the result there.
            reason = str(error)
            if output := context.step(lambda _: find_output(event), name=f"look-{attempt}", config=with_retries):
                return context.step(lambda _, output=output: finish(event, "READY", output), name="ready", config=with_retries)
        except CallbackExternalError as error:
            reason = str(error)
            if "server error" not in reason:  # the model refused the document
                break
        except CallbackSubmitterError as error:
            reason = str(error)
            break
    return context.step(lambda _: finish(event, "FAILED", reason), name="failed", config=with_retries)


def create(event):
    """Creates the job's row, unless an earlier try did."""
    now = int(time.time())
    row = {**event, "status": "RECEIVED", "created_at": now, "updated_at": now}
    try:
        table.put_item(Item=row, ConditionExpression="attribute_not_exists(job_id)")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def submit(event, callback_id, attempt):
    """Invokes the endpoint, which carries the callback's id to its notification, and saves the location of the output."""
    response = sagemaker.invoke_endpoint_async(
        EndpointName=os.environ["ENDPOINT_NAME"],
        InputLocation=f"s3://{event['bucket']}/{event['key']}",
        ContentType="application/pdf",
        InvocationTimeoutSeconds=120,
        InferenceId=f"{event['job_id']}.a{attempt}",
        CustomAttributes=callback_id,
    )
    save(event, "IN_PROGRESS", output_location=response["OutputLocation"])


def find_output(event):
    """The location of the latest attempt's output, if it is there."""
    location = table.get_item(Key={"job_id": event["job_id"]}, ConsistentRead=True)["Item"].get("output_location")
    if not location:
        return None
    bucket, key = location.removeprefix("s3://").split("/", 1)
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return location


def finish(event, status, detail):
    """Saves how the job ended."""
    save(event, status, **{"output_location" if status == "READY" else "failure_reason": detail})
    return status


def save(event, status, **attributes):
    """Updates the row."""
    [(name, value)] = attributes.items()
    table.update_item(
        Key={"job_id": event["job_id"]},
        UpdateExpression=f"SET #status = :status, {name} = :value, updated_at = :now",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": status, ":value": value, ":now": int(time.time())},
    )
