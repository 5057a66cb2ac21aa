"""A bucket of documents that the service's stack does not create (CreateBucket false): its S3 events.

CloudFormation can set the notifications of its own buckets only. Those of others in the same bucket are kept.
"""

import json

import plan
from cli import AwsError, regional
from plan import Refusal


def wanted_rows(environment, partition):
    """The notifications that the service needs, one for each pipeline's prefix."""
    queue = f"arn:{partition}:sqs:{environment.region}:{environment.given['account']}:{environment.service_name}-uploads"
    return [
        {"Id": f"{environment.service_name}-{pipeline}", "QueueArn": queue, "Events": ["s3:ObjectCreated:*"],
         "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": table["prefix"]}]}}}
        for pipeline, table in plan.generate.read_pipelines(plan.INFRA).items()
        if not table.get("retired")
    ]  # fmt: skip


def merged(found, wanted, service_name):
    """A notification configuration with our rows instead of those of an earlier deployment."""
    kept = {name: value for name, value in found.items() if name.endswith(("Configurations", "Configuration"))}
    queue = f":{service_name}-uploads"
    rows = [row for row in kept.get("QueueConfigurations", []) if not row["QueueArn"].endswith(queue)]
    return {**kept, "QueueConfigurations": [*rows, *wanted]}


def comparable(configuration):
    """The same for equal configurations: S3 writes names of filter rules with a capital, and orders rows as it likes."""
    return sorted(json.dumps(row, sort_keys=True).lower() for rows in configuration.values() for row in (rows if isinstance(rows, list) else [rows]))


class ExistingBucket:
    """The bucket, and what a deployment does to it."""

    def __init__(self, environment, aws, say, ask):
        self.environment, self.aws, self.say, self.ask = environment, aws, say, ask
        self.bucket = ["--bucket", environment.jobs_bucket, "--expected-bucket-owner", environment.given["account"]]

    def problems(self):
        """What is wrong with the bucket, each with the command that mends it."""
        wanted, name = self.environment, self.environment.jobs_bucket
        edit = f"$EDITOR infra/environments/{wanted.name}.json   # BucketName of service"
        try:
            there = self.aws("s3api", "head-bucket", *self.bucket).get("BucketRegion") or wanted.region
        except AwsError as error:
            missing = "404" in str(error) or "Not Found" in str(error)
            yield f"bucket {name} " + ("does not exist" if missing else "belongs to another account, or these credentials may not read it"), edit
            return
        if there != wanted.region:
            yield f"bucket {name} is in {there}, and S3 sends events to queues of its own region only", edit
            return
        if (self.aws("s3api", "get-bucket-versioning", *self.bucket) or {}).get("Status") != "Enabled":
            yield f"bucket {name} keeps no versions, and a job belongs to one version of an object", f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled"

    def connect(self, partition):
        """Sends the events of uploads to the service's queue, after confirmation."""
        for text, command in self.problems():
            raise Refusal(f"{text}: {regional(command, self.environment.region)}")
        found = self.aws("s3api", "get-bucket-notification-configuration", *self.bucket) or {}
        after = merged(found, wanted_rows(self.environment, partition), self.environment.service_name)
        before = {name: value for name, value in found.items() if name in after}
        if comparable(before) == comparable(after):
            return
        self.say(f"Bucket {self.environment.jobs_bucket}: its notifications will be\n{json.dumps(after, indent=1)}")
        self.ask(f"Change the notifications of {self.environment.jobs_bucket}?")
        self.aws("s3api", "put-bucket-notification-configuration", *self.bucket, "--notification-configuration", json.dumps(after))
