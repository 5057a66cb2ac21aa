#!/usr/bin/env bash
# Library:   the CloudEvents SDKs for Python (cloudevents 2.2.0, PyPI) and for JavaScript (cloudevents 10.0.0, npm).
# Date:      2026-12-01.
#
# Guess, written down before running: an event that one SDK writes in HTTP's binary mode (attributes as headers), the other
# reads with the same subject.
#
# Behaviour: the subject, here a document's name, arrives as another one both ways. The HTTP binding has spaces, double quotes,
# percent signs and all beyond ASCII percent-encoded in headers (section 3.1.3.2). The SDK for Python does so and decodes what it
# reads; the one for JavaScript does neither. Names without such characters, as tests have them, arrive unchanged.
# In structured mode (all in JSON) both agree.
#
# Output seen:
#   Python -> JavaScript, binary      "Contract 2026.pdf"    arrives as "Contract%202026.pdf"
#   Python -> JavaScript, structured  "Contract 2026.pdf"    arrives as "Contract 2026.pdf"
#   JavaScript -> Python, binary      "Contract%202026.pdf"  arrives as "Contract 2026.pdf"
#   JavaScript -> Python, structured  "Contract%202026.pdf"  arrives as "Contract%202026.pdf"
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cloudevents==2.2.0
npm install --loglevel=error --no-audit --no-fund --prefix "$work" cloudevents@10.0.0 > log

cat > peer.js <<'JS'
// Reads messages of the other SDK, and writes one of its own in each mode: JSON on standard input and output.
const { CloudEvent, HTTP } = require("cloudevents");

const { messages, subject } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const event = new CloudEvent({ id: "1", source: "/docket", type: "JobReady", subject, data: { pages: 3 } });
const written = [HTTP.binary(event), HTTP.structured(event)];
console.log(JSON.stringify({ read: messages.map((message) => HTTP.toEvent(message).subject), written }));
JS
cat > probe.py <<'PYTHON'
import json
import subprocess
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

TO_JS, TO_PYTHON = "Contract 2026.pdf", "Contract%202026.pdf"
attributes = {"id": "1", "source": "/docket", "type": "JobReady", "specversion": "1.0", "subject": TO_JS}
event = CloudEvent({**attributes, "datacontenttype": "application/json"}, {"pages": 3})
messages = [
    {"headers": dict(message.headers), "body": message.body.decode()}
    for message in (to_binary_event(event), to_structured_event(event))
]
request = json.dumps({"messages": messages, "subject": TO_PYTHON})
peer = json.loads(subprocess.run(["node", "peer.js"], input=request, check=True, capture_output=True, text=True, timeout=60).stdout)
read = [
    from_http_event(HTTPMessage(headers=message["headers"], body=message["body"].encode())).get_subject()
    for message in peer["written"]
]
for way, sent, received in (("Python -> JavaScript", TO_JS, peer["read"]), ("JavaScript -> Python", TO_PYTHON, read)):
    for mode, name in zip(("binary", "structured"), received):
        quoted = f'"{sent}"'
        print(f'{way + ", " + mode:33} {quoted:22} arrives as "{name}"')
sys.exit(0 if peer["read"] == ["Contract%202026.pdf", TO_JS] and read == ["Contract 2026.pdf", TO_PYTHON] else 1)
PYTHON
venv/bin/python probe.py
