#!/usr/bin/env bash
# Tool:      MiniStack 1.5.33 (an emulator of AWS, from PyPI), asked with boto3 1.43.106. Date: 2026-11-29.
#
# Guess, written down before running: a mail sent with SES v2's SendEmail and Content.Simple is stored with the headers that
# it was given (SES API v2 reference, Message), as it is with its subject and bodies, so that a test can read
# List-Unsubscribe from it.
#
# Behaviour: the call succeeds, and the stored mail has subject, bodies and recipients, but no headers. A test of one-click
# unsubscribe (RFC 8058) finds none; one that only looks for a success passes with headers that no one will ever see.
#
# Output seen:
#   the call answers with a message id
#   stored: subject 'Ready', text 'One document is ready.', headers: none
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ministack==1.5.33 boto3==1.43.106
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env -i PATH="$PATH" HOME="$folder" TMPDIR="$folder" GATEWAY_PORT="$port" BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 \
  IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 "$folder/venv/bin/python" -m ministack >"$folder/log" 2>&1 &
pid=$!
cat >"$folder/look.py" <<'PYTHON'
import json, sys, time, urllib.request
import boto3

url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(url + "/_ministack/ready")
        break
    except OSError:
        time.sleep(0.1)
keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1", "endpoint_url": url}
ses = boto3.client("sesv2", **keys)
ses.create_email_identity(EmailIdentity="docket.example")
sent = ses.send_email(
    FromEmailAddress="digests@docket.example",
    Destination={"ToAddresses": ["ana@acme.example"]},
    Content={"Simple": {
        "Subject": {"Data": "Ready"},
        "Body": {"Text": {"Data": "One document is ready."}},
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://docket.example/unsubscribe/1>"}],
    }},
)
print("the call answers with a message id" if sent["MessageId"] else "no message id")
stored = json.load(urllib.request.urlopen(url + "/_ministack/ses/messages"))["messages"]
[mail] = [mail for mails in stored.values() for mail in mails]
kept = "unsubscribe" in json.dumps(mail)
print(f"stored: subject {mail['Subject']!r}, text {mail['BodyText']!r}, headers: {'kept' if kept else 'none'}")
sys.exit(1 if kept or mail["Subject"] != "Ready" else 0)
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$port"
