#!/usr/bin/env bash
# Library:   litserve 0.2.19 (Python). Date: 2026-11-29.
#
# Guess, written down before it was run: on SIGTERM the server answers the running request, then its main process ends.
# The documentation of LitServer.run says "SIGTERM: Graceful shutdown in Docker/Kubernetes", and has a timeout of 30 s for it.
#
# Behaviour: the main process has no handler for SIGTERM and ends at once. Its children live on and answer the request.
# In a container they do not: a container ends with its main process, and the running request is cut off.
# With `signal.signal(signal.SIGTERM, signal.default_int_handler)` before `run` the main process waits for the request:
# the shutdown in good order belongs to KeyboardInterrupt.
#
# Output seen:
#   without a handler: the main process ended before the answer
#   with a handler:    the main process ended after the answer
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check litserve==0.2.19

cat > "$work/server.py" <<'PYTHON'
import signal
import sys
import time

import litserve


class Slow(litserve.LitAPI):
    def setup(self, device):
        pass

    def predict(self, request):
        time.sleep(3)
        return request


if __name__ == "__main__":
    if sys.argv[2] == "handler":
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = litserve.LitServer(Slow(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
PYTHON

cat > "$work/probe.py" <<'PYTHON'
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request


def order(port, option):
    """Which came first: the answer, or the end of the main process."""
    base = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, "server.py", str(port), option], start_new_session=True, **quiet)
    events = []
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{base}/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        request = urllib.request.Request(f"{base}/predict", b"{}", {"Content-Type": "application/json"})

        def answer():
            urllib.request.urlopen(request, timeout=30).read()
            events.append("answer")

        client = threading.Thread(target=answer)
        client.start()
        time.sleep(1)
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        events.append("end")
        client.join(30)
    finally:
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return events


without, with_handler = order(18721, "none"), order(18722, "handler")
words = {("end", "answer"): "before", ("answer", "end"): "after"}
print("without a handler: the main process ended", words.get(tuple(without), "?"), "the answer", flush=True)
print("with a handler:    the main process ended", words.get(tuple(with_handler), "?"), "the answer", flush=True)
sys.exit(0 if without == ["end", "answer"] and with_handler == ["answer", "end"] else 1)
PYTHON
cd "$work" && venv/bin/python probe.py
