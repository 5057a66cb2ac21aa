#!/usr/bin/env bash
# Library:   sagemaker-inference 1.10.1 and multi-model-server 1.1.11 (Python and Java). Date: 2026-11-29.
#
# Guess, written down before it was run: SAGEMAKER_MODEL_SERVER_TIMEOUT is in seconds, as the other time limits of containers
# on SageMaker are. Its default of 60 then ends each run after a minute, and 1 ends a run of 30 s.
#
# Behaviour: it is in minutes, so the default is one hour. With 1, a run of 30 s has its result, and one of 75 s ends after
# 60 s with status 500, "Worker died." SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS is the one in seconds.
#
# Output seen (SAGEMAKER_MODEL_SERVER_TIMEOUT=1):
#   a run of 30 s: 200 after 30 s
#   a run of 75 s: 500 after 60 s: Worker died.
#
# Needs Java. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check sagemaker-inference==1.10.1 multi-model-server==1.1.11 "setuptools<81"

mkdir -p "$work/base/model/code"
cat > "$work/base/model/code/inference.py" <<'PYTHON'
import time


def model_fn(model_dir):
    return None


def input_fn(data, content_type):
    return int(bytes(data))


def predict_fn(seconds, model):
    time.sleep(seconds)
    return "done"


def output_fn(prediction, accept):
    return prediction
PYTHON

cat > "$work/probe.py" <<'PYTHON'
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

base = "http://127.0.0.1:18741"
variables = {
    **os.environ,
    "SAGEMAKER_BASE_DIR": os.path.abspath("base"),
    "SAGEMAKER_BIND_TO_PORT": "18741",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "1",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "MMS_INFERENCE_ADDRESS": base,
    "MMS_MANAGEMENT_ADDRESS": "http://127.0.0.1:18742",
}
start = "from sagemaker_inference import model_server; model_server.start_model_server()"
log = open("server.log", "w")
server = subprocess.Popen([sys.executable, "-c", start], env=variables, start_new_session=True, stdout=log, stderr=log)


def run(seconds):
    """Status, duration and reason of a run that takes this long."""
    request = urllib.request.Request(f"{base}/invocations", str(seconds).encode(), {"Content-Type": "application/x"})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            status, reason = answer.status, ""
    except urllib.error.HTTPError as error:
        status, reason = error.code, ": " + json.loads(error.read())["message"]
    took = time.monotonic() - began
    print(f"a run of {seconds} s: {status} after {took:.0f} s{reason}", flush=True)
    return status


try:
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{base}/ping", timeout=2).close()
            break
        except OSError:
            time.sleep(0.5)
    statuses = [run(30), run(75)]
finally:
    os.killpg(server.pid, signal.SIGKILL)
if statuses != [200, 500]:
    print(open("server.log").read()[-3000:], file=sys.stderr)
sys.exit(0 if statuses == [200, 500] else 1)
PYTHON
cd "$work" && PATH="$work/venv/bin:$PATH" venv/bin/python probe.py
