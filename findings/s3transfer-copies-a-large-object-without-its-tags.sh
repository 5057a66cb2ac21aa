#!/usr/bin/env bash
# Library:   s3transfer 0.19.3 with boto3 1.44.8, against moto 5.2.5 (an emulator of AWS) in the same process (Python).
# Date:      2026-12-01.
#
# Guess, written down before running: the managed copy, `s3.copy`, copies an object above the multipart threshold with what it
# has below it: type, metadata and tags; or with none of them, since a multipart upload begins with nothing.
#
# Behaviour: the size decides about the tags alone. Below the threshold one CopyObject brings all. Above it, s3transfer reads type
# and metadata and gives them to CreateMultipartUpload, but it does not read the tags, and says nothing. So a rule
# that goes by a tag (retention, a hold) does not apply to the copies of large documents.
# With TaggingDirective="COPY" it copies them.
#
# Output seen:
#   below the threshold:          application/pdf, tenant=acme, hold=yes
#   above the threshold:          application/pdf, tenant=acme, no tags
#   above, TaggingDirective=COPY: application/pdf, tenant=acme, hold=yes
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check s3transfer==0.19.3 boto3==1.44.8 "moto[s3]==5.2.5"
cat > probe.py <<'PYTHON'
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from moto import mock_aws

MB = 1 << 20


@mock_aws
def main():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket="documents")
    s3.put_object(
        Bucket="documents",
        Key="a.pdf",
        Body=bytes(6 * MB),
        ContentType="application/pdf",
        Metadata={"tenant": "acme"},
        Tagging="hold=yes",
    )

    def copied(name, threshold, **extra):
        config = TransferConfig(multipart_threshold=threshold, multipart_chunksize=5 * MB)
        source = {"Bucket": "documents", "Key": "a.pdf"}
        s3.copy(source, "documents", "copy.pdf", ExtraArgs=extra, Config=config)
        head = s3.head_object(Bucket="documents", Key="copy.pdf")
        tags = [f"{tag['Key']}={tag['Value']}" for tag in s3.get_object_tagging(Bucket="documents", Key="copy.pdf")["TagSet"]]
        s3.delete_object(Bucket="documents", Key="copy.pdf")
        parts = [head["ContentType"], *(f"{key}={value}" for key, value in head["Metadata"].items()), *tags]
        print(f"{name + ':':29} {', '.join(parts)}{'' if tags else ', no tags'}")
        return parts

    without, with_tags = ["application/pdf", "tenant=acme"], ["application/pdf", "tenant=acme", "hold=yes"]
    seen = [
        copied("below the threshold", 8 * MB),
        copied("above the threshold", 5 * MB),
        copied("above, TaggingDirective=COPY", 5 * MB, TaggingDirective="COPY"),
    ]
    return seen == [with_tags, without, with_tags]


sys.exit(0 if main() else 1)
PYTHON
AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null venv/bin/python probe.py
