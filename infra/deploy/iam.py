"""The IAM policies that a deployment of an environment needs, from infra/policies."""

import json

import plan


def policies(environment):
    """The IAM policies for this environment, by name: of the operator, and of the role that CloudFormation acts with."""
    partition = next((name for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if environment.region.startswith(start)), "aws")
    values = {
        "<account>": environment.given["account"], "<region>": environment.region, "<partition>": partition,
        "<service>": environment.service_name, "<code bucket>": environment.code_bucket,
        "<jobs bucket>": environment.jobs_bucket,
    }  # fmt: skip
    found = {}
    for path in sorted((plan.INFRA / "policies").glob("*.json")):
        text = path.read_text()
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        document = json.loads(text)
        if not environment.creates_bucket and path.stem == "deployer":
            actions = ["s3:GetBucketNotification", "s3:GetBucketVersioning", "s3:PutBucketNotification"]
            document["Statement"].append({"Sid": "ExistingBucket", "Effect": "Allow", "Action": actions, "Resource": [f"arn:{partition}:s3:::{environment.jobs_bucket}"]})
        if (key := environment.given["service"].get("KeyArn")) and path.stem in ("deployer", "prover"):
            document["Statement"].append({"Sid": "Key", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [key]})
        found[f"{environment.service_name}-{path.stem}"] = json.dumps(document, indent=2) + "\n"
    if key:
        # DynamoDB developer guide, "DynamoDB encryption at rest usage notes"; Lambda and SQS check the key when they are connected.
        actions = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": [key]}]}
        found[f"{environment.service_name}-cloudformation-key"] = json.dumps(document, indent=2) + "\n"
    return found
