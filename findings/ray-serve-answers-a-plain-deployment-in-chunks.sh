#!/usr/bin/env bash
# Library:   ray[serve] 2.60.0 (Python). Date: 2026-11-29.
#
# Guess, written down before it was run: a deployment whose __call__ returns a dict is answered as JSON with a Content-Length,
# since the whole answer is known, as with a FastAPI application behind @serve.ingress.
#
# Behaviour: the dict is answered in chunks, without Content-Length. The same dict from a FastAPI route behind
# @serve.ingress has one. Clients that need the length, such as SageMaker, refuse the first.
#
# Output seen:
#   returns a dict     200 Content-Length: None   Transfer-Encoding: chunked
#   @serve.ingress     200 Content-Length: 11     Transfer-Encoding: None
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "ray[serve]==2.60.0"

cat > "$work/probe.py" <<'PYTHON'
import sys
import urllib.request

from fastapi import FastAPI
import ray
from ray import serve

routes = FastAPI()


@serve.deployment
class Plain:
    async def __call__(self, request):
        return {"pages": 1}


@serve.deployment
@serve.ingress(routes)
class Ingress:
    @routes.get("/")
    async def get(self):
        return {"pages": 1}


ray.init(include_dashboard=False, num_cpus=2, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": 18731})
serve.run(Plain.bind(), name="plain", route_prefix="/plain")
serve.run(Ingress.bind(), name="ingress", route_prefix="/ingress")
seen = []
for name, path in (("returns a dict", "plain"), ("@serve.ingress", "ingress/")):
    with urllib.request.urlopen(f"http://127.0.0.1:18731/{path}", timeout=30) as answer:
        length, coding = answer.headers["Content-Length"], answer.headers["Transfer-Encoding"]
        print(f"{name:18} {answer.status} Content-Length: {str(length):6} Transfer-Encoding: {coding}")
        seen.append((length is None, coding))
serve.shutdown()
ray.shutdown()
sys.exit(0 if seen == [(True, "chunked"), (False, None)] else 1)
PYTHON
cd "$work" && venv/bin/python probe.py 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
