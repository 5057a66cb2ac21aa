#!/usr/bin/env bash
# Tool:      moto 5.2.5 (an emulator of AWS, from PyPI), asked in this process with boto3 1.43.106. Date: 2026-11-29.
#
# Guess, written down before running: ListObjectVersions with a `KeyMarker` lists what comes after that key, whether an
# object has this key or not (S3 API reference: "Specifies the key to start with when listing objects in a bucket").
#
# Behaviour: it leaves out the first key after the marker if no object has the marker as its key. ListObjectsV2 with
# `StartAfter` does not. A program that continues a listing after a key that was deleted meanwhile misses one.
#
# Output seen:
#   ListObjectVersions after b:   ['c']
#   ListObjectVersions after bb:  []
#   ListObjectsV2 after bb:       ['c']
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[s3]==5.2.5' boto3==1.43.106

AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test "$work/venv/bin/python" - <<'PYTHON'
import sys

import boto3
from moto import mock_aws

with mock_aws():
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="example")
    s3.put_bucket_versioning(Bucket="example", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b", "c"):
        s3.put_object(Bucket="example", Key=key, Body=b"x")

    def versions(after):
        return [one["Key"] for one in s3.list_object_versions(Bucket="example", KeyMarker=after).get("Versions", [])]

    seen = [versions("b"), versions("bb"), [one["Key"] for one in s3.list_objects_v2(Bucket="example", StartAfter="bb").get("Contents", [])]]

print(f"ListObjectVersions after b:   {seen[0]}\nListObjectVersions after bb:  {seen[1]}\nListObjectsV2 after bb:       {seen[2]}")
sys.exit(0 if seen == [["c"], [], ["c"]] else 1)
PYTHON
