#!/usr/bin/env bash
# Tool:      MiniStack 1.5.33 (an emulator of AWS, from PyPI), asked with boto3 1.43.106. Date: 2026-11-29.
#
# Guess, written down before running: GetObject with `VersionId` honors `Range` and the `response-*` parameters as
# GetObject without it does (S3 API reference, GetObject).
#
# Behaviour: with a version it ignores both and says nothing: 200 with the whole object, its stored type, and no
# Content-Disposition. Without a version it answers 206 with the range, and what the parameters say.
#
# Output seen:
#   current version: 206, 4 bytes, text/plain, attachment
#   named version:   200, 10 bytes, application/pdf, None
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
server=
finish() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port TMPDIR=$work \
    "$work/venv/bin/ministack" > "$work/log" 2>&1 &
server=$!

PORT=$port "$work/venv/bin/python" - <<'PYTHON'
import os
import socket
import sys
import time

import boto3

port = int(os.environ["PORT"])
deadline = time.monotonic() + 60
while True:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit("MiniStack did not start")
        time.sleep(0.2)

s3 = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="eu-central-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
s3.create_bucket(Bucket="example", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
s3.put_bucket_versioning(Bucket="example", VersioningConfiguration={"Status": "Enabled"})
version = s3.put_object(Bucket="example", Key="a.pdf", Body=b"0123456789", ContentType="application/pdf")["VersionId"]


def get(name, **which):
    found = s3.get_object(
        Bucket="example",
        Key="a.pdf",
        Range="bytes=2-5",
        ResponseContentType="text/plain",
        ResponseContentDisposition="attachment",
        **which,
    )
    seen = (found["ResponseMetadata"]["HTTPStatusCode"], len(found["Body"].read()), found["ContentType"], found.get("ContentDisposition"))
    print(f"{name} {seen[0]}, {seen[1]} bytes, {seen[2]}, {seen[3]}")
    return seen


current = get("current version:")
named = get("named version:  ", VersionId=version)
as_described = current == (206, 4, "text/plain", "attachment") and named == (200, 10, "application/pdf", None)
sys.exit(0 if as_described else 1)
PYTHON
