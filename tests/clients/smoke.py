"""Uses a client that openapi-python-client made of docs/openapi.json: what a customer's program does.

  python smoke.py API_URL DOCUMENT.pdf    a customer's token: TOKEN in the environment

Generates the client, uploads the document, waits for its result, finds it by its reference, and reads the errors of the
service and of API Gateway. Ends with an error if anything is not as the OpenAPI document says.
"""

import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

WAIT_SECONDS = 120
OPENAPI = pathlib.Path(__file__).parents[2] / "docs" / "openapi.json"


def generate(folder):
    """The generated package."""
    config = pathlib.Path(folder) / "config.yml"
    config.write_text("post_hooks: []\n")  # formatting, which needs a tool more
    target = pathlib.Path(folder) / "docket_client"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", OPENAPI, "--meta", "none"]
    made = subprocess.run([*command, "--config", config, "--output-path", target], capture_output=True, text=True)
    assert made.returncode == 0 and "WARNING" not in made.stdout, made.stdout + made.stderr
    sys.path.insert(0, folder)
    return importlib.import_module("docket_client")


def operation(tag, name):
    return importlib.import_module(f"docket_client.api.{tag}.{name}").sync_detailed


def upload(client, models, document):
    """Creates an upload, twice with the same key, and sends the file. Returns the job's id and the reference."""
    reference = f"INV/{uuid.uuid4()}"
    tags = models.NewUploadTags()
    tags["matter"] = "47-11"
    new = models.NewUpload(
        pipeline="legal-review", name=document.name, bytes_=document.stat().st_size,
        content_type="application/pdf", reference=reference, tags=tags)
    key = str(uuid.uuid4())
    create = operation("uploads", "create_upload")
    first = create(client=client, body=new, idempotency_key=key)
    assert first.status_code == 201, first
    again = create(client=client, body=new, idempotency_key=key)
    assert again.parsed.job_id == first.parsed.job_id, again
    new.reference = "another"
    refused = create(client=client, body=new, idempotency_key=key)
    assert refused.status_code == 422, refused
    assert refused.parsed.type_ == "urn:docket:problem:idempotency-key-reused", refused
    put = again.parsed.put
    headers = {name: value for name, value in put.headers.to_dict().items() if name not in ("host", "content-length")}
    request = urllib.request.Request(put.url, document.read_bytes(), headers, method=put.method)
    urllib.request.urlopen(request, timeout=30).close()
    return first.parsed.job_id, reference


def wait(client, job_id):
    """The job's detail once it is final; every answer on the way must be readable."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        shown = operation("jobs", "get_job")(client=client, job_id=job_id)
        assert shown.status_code == 200, shown
        job = shown.parsed.job
        if job and job.status in ("Ready", "Failed", "Cancelled"):
            return shown.parsed
        time.sleep(0.5)
    raise SystemExit(f"job {job_id} is not final")


def main():
    url, document = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        package = generate(folder)
        models = importlib.import_module("docket_client.models")
        client = package.AuthenticatedClient(base_url=url, token=os.environ["TOKEN"])
        caller = operation("account", "get_me")(client=client).parsed
        assert "legal-review" in [pipeline.name for pipeline in caller.pipelines], caller
        configuration = operation("account", "get_configuration")(client=package.Client(base_url=url))
        assert configuration.parsed.sign_in_url, configuration

        job_id, reference = upload(client, models, document)
        detail = wait(client, job_id)
        assert detail.job.status == "Ready", detail
        assert detail.job.reference == reference and detail.job.tags["matter"] == "47-11", detail
        assert detail.attempts[0].attempt == 1 and detail.explanation.timeline, detail
        result = operation("jobs", "get_result")(client=client, job_id=job_id).parsed
        with urllib.request.urlopen(result.request.url, timeout=30) as answer:
            assert len(answer.read()) == result.bytes_
        for query in ({"reference": reference}, {"find": reference}):
            page = operation("jobs", "list_jobs")(client=client, **query).parsed
            assert [job.id for job in page.jobs] == [job_id], (query, page)
        assert operation("jobs", "get_summary")(client=client).parsed.at > 0

        unknown = operation("jobs", "get_job")(client=client, job_id=str(uuid.uuid4()))
        assert (unknown.status_code, type(unknown.parsed).__name__) == (404, "Problem"), unknown
        bad = operation("jobs", "list_jobs")(client=client, limit=101)
        assert (bad.status_code, bad.parsed.type_) == (400, "urn:docket:problem:bad-request"), bad
        # API Gateway's own answer.
        stranger = package.AuthenticatedClient(base_url=url, token="not-a-token")
        refused = operation("jobs", "get_job")(client=stranger, job_id=job_id)
        assert (refused.status_code, type(refused.parsed).__name__) == (401, "GatewayError"), refused
        forbidden = operation("repair", "list_quarantine")(client=client)
        assert (forbidden.status_code, type(forbidden.parsed).__name__) == (403, "Problem"), forbidden
    print(f"job {job_id} is ready")


if __name__ == "__main__":
    main()
