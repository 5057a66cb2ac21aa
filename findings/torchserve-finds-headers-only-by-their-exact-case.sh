#!/usr/bin/env bash
# Library:   torchserve 0.12.0 (Python and Java). Date: 2026-11-30.
#
# Guess, written down before it was run, as a handler that relied on it: `context.get_request_header(0, "Content-Type")` has
# the media type however the client writes the name of the header, since names are case-insensitive (RFC 9110, section 5.1).
#
# Behaviour: names are compared as they were sent. A client that sends `content-type`, as many libraries do, has no media type
# for such a handler, and a handler that refuses other types refuses every document of that client.
# `context.get_all_request_header(0)` has the names as sent.
#
# Output seen:
#   sent as Content-Type: application/pdf
#   sent as content-type: None
#
# Needs Java. An empty module stands for PyTorch, which the worker imports. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
export TMPDIR="$work"
server=""
trap '[ -z "$server" ] || kill -KILL -- "-$server" 2> /dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torchserve==0.12.0 torch-model-archiver==0.12.0 pyyaml==6.0.4 "setuptools<81"
mkdir "$work/torch"
echo 'class Tensor: ...' > "$work/torch/__init__.py"
cat > "$work/handler.py" <<'PYTHON'
def handle(data, context):
    return None if data is None else [str(context.get_request_header(0, "Content-Type"))]
PYTHON
cat > "$work/config.properties" <<'PROPERTIES'
inference_address=http://127.0.0.1:18731
management_address=http://127.0.0.1:18732
metrics_address=http://127.0.0.1:18733
disable_token_authorization=true
default_workers_per_model=1
PROPERTIES
cd "$work"
export PATH="$work/venv/bin:$PATH" PYTHONPATH="$work"
torch-model-archiver --model-name model --version 1.0 --handler handler.py --export-path "$work"
setsid timeout 150 torchserve --start --foreground --ncs --model-store "$work" --models model=model.mar --ts-config config.properties > server.log 2>&1 &
server=$!
disown

cat > probe.py <<'PYTHON'
import http.client
import sys
import time


def answer(name):
    """What the handler says about a request whose header has this name; None without a worker."""
    connection = http.client.HTTPConnection("127.0.0.1", 18731, timeout=10)
    connection.putrequest("POST", "/invocations")
    connection.putheader(name, "application/pdf")
    connection.putheader("Content-Length", "5")
    connection.endheaders(b"%PDF-")
    response = connection.getresponse()
    text = response.read().decode()
    return text if response.status == 200 else None


for _ in range(100):
    try:
        if answer("Content-Type") is not None:
            break
    except OSError:
        pass
    time.sleep(1)
seen = {name: answer(name) for name in ("Content-Type", "content-type")}
for name, text in seen.items():
    print(f"sent as {name}: {text}")
sys.exit(0 if list(seen.values()) == ["application/pdf", "None"] else 1)
PYTHON
python3 probe.py
