"""Uses a client that a generator made of docs/openapi.json: what a customer's program does.

  python smoke.py GENERATOR API_URL DOCUMENT.pdf    GENERATOR of generated.py; a customer's token: TOKEN in the environment

Generates the client, uploads the document, waits for its result, finds it by its reference, and reads the errors of the
service and of API Gateway. Ends with an error if anything is not as the OpenAPI document says.
"""

import os
import pathlib
import sys
import tempfile
import time
import urllib.request
import uuid

from generated import CLIENTS

WAIT_SECONDS = 120


def upload(call, document):
    """Creates an upload, twice with the same key, and sends the file. Returns the job's id and the reference."""
    reference = f"INV/{uuid.uuid4()}"
    new = {
        "pipeline": "legal-review", "name": document.name, "bytes": document.stat().st_size,
        "content_type": "application/pdf", "reference": reference, "tags": {"matter": "47-11"},
    }  # fmt: skip
    key = str(uuid.uuid4())
    first = call("uploads", "create_upload", body=("NewUpload", new), idempotency_key=key)
    assert (first.status, first.kind) == (201, "UploadView"), first
    again = call("uploads", "create_upload", body=("NewUpload", new), idempotency_key=key)
    assert again.json["job_id"] == first.json["job_id"], again
    refused = call("uploads", "create_upload", body=("NewUpload", {**new, "reference": "another"}), idempotency_key=key)
    assert (refused.status, refused.kind) == (422, "Problem"), refused
    assert refused.json["type"] == "urn:docket:problem:idempotency-key-reused", refused
    put = again.json["put"]
    headers = {name: value for name, value in put["headers"].items() if name not in ("host", "content-length")}
    request = urllib.request.Request(put["url"], document.read_bytes(), headers, method=put["method"])
    urllib.request.urlopen(request, timeout=30).close()
    return first.json["job_id"], reference


def wait(call, job_id):
    """The job's detail once it is final; every answer on the way must be readable."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        shown = call("jobs", "get_job", job_id=job_id)
        assert (shown.status, shown.kind) == (200, "JobDetail"), shown
        if shown.json.get("job", {}).get("status") in ("Ready", "Failed", "Cancelled"):
            return shown.json
        time.sleep(0.5)
    raise SystemExit(f"job {job_id} is not final")


def check_problems(call, stranger, job_id):
    """The errors of the service, and API Gateway's own answer to a token that it does not know."""
    unknown = call("jobs", "get_job", job_id=str(uuid.uuid4()))
    assert (unknown.status, unknown.kind) == (404, "Problem"), unknown
    bad = call("jobs", "list_jobs", cursor="of-another-service")
    assert (bad.status, bad.json["type"]) == (400, "urn:docket:problem:bad-cursor"), bad
    forbidden = call("repair", "list_quarantine")
    assert (forbidden.status, forbidden.kind) == (403, "Problem"), forbidden
    refused = stranger("jobs", "get_job", job_id=job_id)
    assert (refused.status, refused.kind) == (401, "GatewayError"), refused


def main():
    generator, url, document = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        client = CLIENTS[generator](folder)
        call, stranger = client.connect(url, os.environ["TOKEN"]), client.connect(url, "not-a-token")
        caller = call("account", "get_me").json
        assert "legal-review" in [pipeline["name"] for pipeline in caller["pipelines"]], caller
        assert call("account", "get_configuration").json["sign_in_url"]

        job_id, reference = upload(call, document)
        detail = wait(call, job_id)
        job = detail["job"]
        assert job["status"] == "Ready", detail
        assert job["reference"] == reference and job["tags"] == {"matter": "47-11"}, detail
        assert detail["attempts"][0]["attempt"] == 1 and detail["explanation"]["timeline"], detail
        result = call("jobs", "get_result", job_id=job_id).json
        with urllib.request.urlopen(result["request"]["url"], timeout=30) as answer:
            assert len(answer.read()) == result["bytes"]
        for query in ({"reference": reference}, {"find": reference}):
            page = call("jobs", "list_jobs", **query).json
            assert [job["id"] for job in page["jobs"]] == [job_id], (query, page)
        assert call("jobs", "get_summary").json["at"] > 0
        check_problems(call, stranger, job_id)
    print(f"job {job_id} is ready")


if __name__ == "__main__":
    main()
