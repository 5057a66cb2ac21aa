#!/usr/bin/env bash
# Tool:      s3cmd 2.4.0, against MiniStack 1.5.33 (an emulator of AWS); both from PyPI. Date: 2026-11-30.
#
# Guess, written down before running: `s3cmd modify --add-header=…` changes an object's metadata and exits with 0, as on
# any bucket. If it cannot, it exits with another status and the object is as before.
#
# Behaviour: on a bucket without ACLs, the default of S3 since April 2023 (Object Ownership "bucket owner enforced"),
# it copies the object onto itself with the new metadata, then writes the ACL back that it has read, and fails there:
# AccessControlListNotSupported, which S3 documents for PutObjectAcl on such a bucket. The metadata is changed all the
# same, and a versioned bucket has a version more. A script that tries again on failure makes a version each time.
# s3cmd passes over servers that know no ACLs (501), but not over this. With --acl-private, which then sends nothing
# about an ACL, it exits with 0.
#
# Output seen:
#   modify:               exit 1, colour=green, 2 versions
#   modify again:         exit 1, colour=blue, 3 versions
#   modify --acl-private: exit 0, colour=red, 4 versions
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
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106 s3cmd==2.4.0

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port TMPDIR=$work \
    "$work/venv/bin/ministack" > "$work/log" 2>&1 &
server=$!

PORT=$port "$work/venv/bin/python" - <<'PYTHON'
import os
import pathlib
import socket
import subprocess
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
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
s3.create_bucket(Bucket="example", ObjectOwnership="BucketOwnerEnforced")
s3.put_bucket_versioning(Bucket="example", VersioningConfiguration={"Status": "Enabled"})
s3.put_object(Bucket="example", Key="a.pdf", Body=b"0123456789", ContentType="application/pdf")


def modify(colour, *options):
    host = f"127.0.0.1:{port}"
    connection = [f"--host={host}", f"--host-bucket={host}", "--no-ssl", "--access_key=test", "--secret_key=test"]
    header = f"--add-header=x-amz-meta-colour:{colour}"
    program = pathlib.Path(sys.executable).with_name("s3cmd")
    command = [program, "modify", f"--config={os.devnull}", *connection, header, *options, "s3://example/a.pdf"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = s3.head_object(Bucket="example", Key="a.pdf")["Metadata"].get("colour")
    versions = len(s3.list_object_versions(Bucket="example", Prefix="a.pdf")["Versions"])
    return done.returncode, found, versions


seen = {"modify": modify("green"), "modify again": modify("blue"), "modify --acl-private": modify("red", "--acl-private")}
for name, (status, colour, versions) in seen.items():
    print(f"{name + ':':<21} exit {status}, colour={colour}, {versions} versions")
first, second, third = seen.values()
fails = first[0] != 0 and second[0] != 0 and third[0] == 0
changes = [first[1:], second[1:], third[1:]] == [("green", 2), ("blue", 3), ("red", 4)]
sys.exit(0 if fails and changes else 1)
PYTHON
