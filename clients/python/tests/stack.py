"""Uses the package against a running stack: what a customer's program does. Not a unit test; a scenario runs it.

  python stack.py API_URL DOCUMENT.pdf EMAIL PASSWORD    a reviewer of one tenant

Runs the lines of README.md as they stand, continues an interrupted upload in parts, and uses both clients.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from unittest import mock

import httpx

FOLDER = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(FOLDER / "src"))

from docket_client import AsyncDocket, Docket, Password, Problem, ServiceUnavailable, Token, WaitTimeout  # noqa: E402

#: More than can be uploaded as a whole.
LARGE_BYTES = 105 * 1024 * 1024


class FailsAfter(httpx.HTTPTransport):
    """A network that breaks for good after so many uploaded parts."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            if self.sent >= self.parts:
                raise httpx.ConnectError("the network is gone", request=request)
            self.sent += 1
        return super().handle_request(request)


def readme_runs(url: str, document: pathlib.Path, email: str, password: str, folder: pathlib.Path) -> None:
    text = (FOLDER / "README.md").read_text()
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    shutil.copy(document, folder / "nda.pdf")
    environment = {"DOCKET_API": url, "DOCKET_EMAIL": email, "DOCKET_PASSWORD": password}
    environment = {**os.environ, **environment, "PYTHONPATH": str(FOLDER / "src")}
    command = [sys.executable, "-W", "error", "-c", found.group(1)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready" in done.stdout and "kind" in done.stdout, done.stdout


def interrupted_upload_continues(url: str, credentials: Password, folder: pathlib.Path) -> None:
    large = folder / "large.pdf"
    with large.open("wb") as file:
        file.write(b"%PDF-1.7\n" + os.urandom(1024))
        file.truncate(LARGE_BYTES)
    broken = FailsAfter(3)
    with Docket(url, credentials, http=httpx.Client(transport=broken, timeout=60)) as docket:
        with mock.patch("docket_client.sync.time.sleep"), contextlib.suppress(ServiceUnavailable):
            docket.upload(large, pipeline="ocr-batch")
            raise AssertionError("the upload did not notice that the network is gone")
    counting = FailsAfter(1_000)
    with Docket(url, credentials, http=httpx.Client(transport=counting, timeout=60)) as docket:
        done = docket.upload(large, pipeline="ocr-batch")
        parts = docket.call("GET", f"/uploads/{done['job_id']}") if not done.get("uploaded") else done
        total = -(-LARGE_BYTES // parts["multipart"]["part_bytes"]) if parts.get("multipart") else None
        assert 0 < counting.sent and (total is None or counting.sent == total - 3), (counting.sent, total)
        again = docket.upload(large, pipeline="ocr-batch")
        assert again["job_id"] == done["job_id"] and again.get("uploaded"), again
        docket.call("POST", f"/jobs/{done['job_id']}/cancel", body={"reason": "only a test of the upload"})


async def asynchronously(url: str, document: pathlib.Path, credentials: Password, folder: pathlib.Path) -> None:
    async with AsyncDocket(url, credentials) as docket:
        start = None
        async for page in docket.events():
            start = page.position
        assert start is not None
        references = [f"async-{number}" for number in range(3)]
        uploads = await asyncio.gather(
            *(docket.upload(document, pipeline="legal-review", reference=one) for one in references)
        )
        jobs = {upload["job_id"] for upload in uploads}
        assert len(jobs) == 3, "another reference is another document"
        try:
            await docket.wait(uploads[0]["job_id"], timeout=0.0)
        except WaitTimeout:
            pass
        waited = await asyncio.gather(*(docket.wait(job_id) for job_id in jobs))
        assert all(detail["job"]["status"] == "Ready" for detail in waited if "job" in detail), waited
        seen: set[str] = set()
        while not jobs <= seen:
            page = await docket.next_events(start)
            seen |= {event["job_id"] for event in page.events}
            start = page.position
        job_id = uploads[0]["job_id"]
        await docket.save_result(job_id, folder / "result.json")
        result = await docket.result(job_id)
        assert (folder / "result.json").read_bytes() == result.content and result.json(), result.name
    async with AsyncDocket(url, Token("not-a-token")) as stranger:
        try:
            await stranger.call("GET", "/me")
            raise AssertionError("a stranger was let in")
        except Exception as error:
            assert type(error).__name__ in ("NotSignedIn", "Problem"), error


def main() -> None:
    url, document, email, password = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    credentials = Password(email, password)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        readme_runs(url, document, email, password, folder)
        print("the lines of README.md run")
        interrupted_upload_continues(url, credentials, folder)
        print("an interrupted upload continues")
        asyncio.run(asynchronously(url, document, credentials, folder))
        print("both clients work")
    with Docket(url, credentials) as docket:
        try:
            docket.wait("00000000-0000-0000-0000-000000000000")
            raise AssertionError("there is no such job")
        except Problem as problem:
            assert (problem.status, problem.code) == (404, "not-found"), problem


if __name__ == "__main__":
    main()
