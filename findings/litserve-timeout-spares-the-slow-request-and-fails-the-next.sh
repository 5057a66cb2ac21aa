#!/usr/bin/env bash
# Library:   litserve 0.2.19 (Python). Date: 2026-12-01.
#
# Guess, written down before running: with LitServer(timeout=1), "Request timeout in seconds", a request whose predict takes
# 4 s is answered 504 after about 1 s.
#
# Behaviour: the time is compared once, when a worker takes the request from the queue. A prediction that runs is never timed
# out: it is answered 200 after 4 s. A quick request behind it is answered 504, and not after 1 s, but when the slow one is
# done. So one long document fails the short ones behind it, and a model that hangs is never reported.
#
# Output seen:
#   slow, alone:       200 after 4 s
#   slow, with others: 200 after 4 s
#   quick, behind it:  504 after 3 s
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check litserve==0.2.19

cat > "$work/server.py" <<'PYTHON'
import sys
import time

import litserve


class Model(litserve.LitAPI):
    def setup(self, device):
        pass

    def predict(self, request):
        time.sleep(request["seconds"])
        return {"done": True}


if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", timeout=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
PYTHON

cat > "$work/probe.py" <<'PYTHON'
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
base = f"http://127.0.0.1:{port}"
log = open("server.log", "w")
server = subprocess.Popen([sys.executable, "server.py", str(port)], start_new_session=True, stdout=log, stderr=log)
seen = dict.fromkeys(("slow, alone:", "slow, with others:", "quick, behind it:"))


def ask(name, seconds):
    body = json.dumps({"seconds": seconds}).encode()
    request = urllib.request.Request(f"{base}/predict", body, {"Content-Type": "application/json"})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    seen[name] = (status, time.monotonic() - began)


try:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{base}/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.25)
    ask("slow, alone:", 4)
    slow = threading.Thread(target=ask, args=("slow, with others:", 4))
    quick = threading.Thread(target=ask, args=("quick, behind it:", 0))
    slow.start()
    time.sleep(0.7)
    quick.start()
    slow.join()
    quick.join()
finally:
    os.killpg(server.pid, signal.SIGKILL)
for name, (status, took) in seen.items():
    print(f"{name:18} {status} after {took:.0f} s")
statuses = [status for status, _ in seen.values()]
sys.exit(0 if statuses == [200, 200, 504] and seen["quick, behind it:"][1] > 2 else 1)
PYTHON
cd "$work" && venv/bin/python probe.py || { cat server.log >&2; exit 1; }
