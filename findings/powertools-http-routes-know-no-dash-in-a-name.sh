#!/usr/bin/env bash
# Library:   aws-lambda-powertools 3.37.0 (Python). Date: 2026-12-01.
#
# Guess, written down before running: the route "/documents/<name>" of APIGatewayHttpResolver matches any one segment of
# a path. An HTTP API decodes the path before the function sees it (`rawPath`), so this holds for every name of a document.
#
# Behaviour: <name> matches letters, digits and a list of signs of URLs. A decoded name with "#", a section sign or an
# en dash is answered 404 Not found, and the handler does not run. Umlauts and spaces are
# matched, so tests with "Müller 2026.pdf" pass. Encoded names, as of a REST API, are matched too.
#
# Output seen:
#   200 Müller 2026.pdf
#   404 Contract #7.pdf
#   404 Terms § 7.pdf
#   404 Acme – Beta.pdf
#   200 Contract%20%237.pdf
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PYTHON'
import sys

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app = APIGatewayHttpResolver()


@app.get("/documents/<name>")
def document(name):
    return {"name": name}


def status(segment):
    path = f"/documents/{segment}"
    return app.resolve(
        {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default", "requestId": "request"},
            "isBase64Encoded": False,
        },
        {},
    )["statusCode"]


EXPECTED = {
    "M\u00fcller 2026.pdf": 200,
    "Contract #7.pdf": 404,
    "Terms \u00a7 7.pdf": 404,
    "Acme \u2013 Beta.pdf": 404,
    "Contract%20%237.pdf": 200,
}
seen = {name: status(name) for name in EXPECTED}
for name, code in seen.items():
    print(code, name)
sys.exit(0 if seen == EXPECTED else 1)
PYTHON
