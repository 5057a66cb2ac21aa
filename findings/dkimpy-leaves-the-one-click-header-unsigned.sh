#!/usr/bin/env bash
# Library:   dkimpy 1.1.8 (Python); nodemailer 10.6.1 (npm) for comparison. Date: 2026-12-01.
#
# Guess, written down before running: a digest signed by dkim.sign, without a list of headers, has a signature that covers
# List-Unsubscribe and List-Unsubscribe-Post, as RFC 8058 (section 4) demands of a mail with one-click unsubscription.
#
# Behaviour: of the two, dkimpy signs List-Unsubscribe alone. Its list is of RFC 6376, which is older than the other header.
# The signature is valid, and nothing says that a receiver must not offer one click.
# nodemailer, with DKIM on and no list either, signs both.
#
# Output seen:
#   dkimpy:     list-unsubscribe
#   nodemailer: list-unsubscribe list-unsubscribe-post
#
# Needs Node.js and openssl. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dkimpy==1.1.8
npm install --loglevel=error --no-audit --no-fund --prefix "$work" nodemailer@10.6.1 > log
openssl genrsa -traditional -out key.pem 2048 2> log

cat > send.js <<'JS'
const privateKey = require("fs").readFileSync("key.pem", "utf8");
const dkim = { domainName: "docket.example", keySelector: "mail", privateKey };
require("nodemailer").createTransport({ streamTransport: true, buffer: true, dkim }).sendMail({
  from: "digests@docket.example",
  to: "ana@acme.example",
  subject: "Ready",
  text: "One document is ready.",
  headers: { "List-Unsubscribe": "<https://docket.example/unsubscribe/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
}).then(({ message }) => process.stdout.write(message));
JS
cat > probe.py <<'PYTHON'
import re
import subprocess
import sys

import dkim

HEADERS = {
    "From": "digests@docket.example",
    "To": "ana@acme.example",
    "Subject": "Ready",
    "Date": "Fri, 02 Jan 2026 03:04:05 +0000",
    "Message-ID": "<1@docket.example>",
    "List-Unsubscribe": "<https://docket.example/unsubscribe/1>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
mail = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "\r\nOne document is ready.\r\n"
key = open("key.pem", "rb").read()
by_node = subprocess.run(["node", "send.js"], check=True, capture_output=True, timeout=60).stdout
signatures = {"dkimpy": dkim.sign(mail.encode(), b"mail", b"docket.example", key), "nodemailer": by_node}
seen = []
for name, text in signatures.items():
    covered = re.search(r"\bh=([^;]*);", text.decode()).group(1).lower()
    of_lists = [one for one in re.split(r"[\s:]+", covered) if one.startswith("list-unsubscribe")]
    print(f"{name + ':':11} {' '.join(of_lists)}")
    seen.append(of_lists)
sys.exit(0 if seen == [["list-unsubscribe"], ["list-unsubscribe", "list-unsubscribe-post"]] else 1)
PYTHON
venv/bin/python probe.py
