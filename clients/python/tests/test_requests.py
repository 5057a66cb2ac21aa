"""How the client repeats, resumes and signs in, over a service in memory. Both clients run each case."""

import asyncio
import hashlib
import importlib
import json
import os
import pathlib
import tempfile
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

import httpx
from docket_client import (
    AsyncDocket,
    Docket,
    NotSignedIn,
    Password,
    Problem,
    ServiceUnavailable,
    Token,
    UploadRefused,
    WaitTimeout,
)
from docket_client.types import UploadView

URL = "https://docket.example"
PART_BYTES = 10


class FakeService:
    """Multipart uploads and tokens, as the service and S3 treat them."""

    def __init__(self) -> None:
        self.uploads: dict[str, dict[str, Any]] = {}
        self.arrived: dict[int, bytes] = {}
        self.requests: list[str] = []
        #: How often each part, or the single upload, fails and how; 0 for no response. A text is S3's code of a 400.
        self.failures: dict[int, list[int | str]] = {}
        self.completed = False
        self.valid_token = "first"
        #: How the user pool fails: types of its errors.
        self.sign_in_failures: list[str] = []
        self.result_failures: list[int] = []
        #: The states of the job, one for each request; the last one stays.
        self.job_states = ["Ready"]
        #: How the service itself fails, by path.
        self.api_failures: dict[str, list[int]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append(f"{request.method} {path}")
        body = request.read()
        if path == "/configuration":
            return httpx.Response(
                200, json={"sign_in_url": f"{URL}/cognito", "client_id": "c", "web_socket_url": "wss://x"}
            )
        if path == "/cognito":
            return self.sign_in(json.loads(body))
        if path.startswith("/s3/part/"):
            return self.put(int(path.rpartition("/")[2]), request, body)
        if path == "/s3/result":
            status = self.result_failures.pop(0) if self.result_failures else 200
            if status == 0:
                raise httpx.ReadError("connection reset")
            return httpx.Response(status, content=b'{"kind":"rules"}')
        if request.headers.get("authorization") != f"Bearer {self.valid_token}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        return self.api(request, path, json.loads(body or b"{}"))

    def sign_in(self, body: dict[str, Any]) -> httpx.Response:
        if self.sign_in_failures:
            kind = self.sign_in_failures.pop(0)
            return httpx.Response(400, json={"__type": kind, "message": "Rate exceeded"})
        given = body["AuthParameters"]
        if body["AuthFlow"] == "USER_PASSWORD_AUTH" and given["PASSWORD"] != "right":
            return httpx.Response(400, json={"__type": "NotAuthorizedException", "message": "Incorrect password."})
        result = {"IdToken": self.valid_token, "ExpiresIn": 3600, "RefreshToken": "r"}
        return httpx.Response(200, json={"AuthenticationResult": result})

    def put(self, number: int, request: httpx.Request, body: bytes) -> httpx.Response:
        waiting = self.failures.get(number, [])
        if waiting:
            status = waiting.pop(0)
            if status == 0:
                raise httpx.ConnectError("unreachable")
            if isinstance(status, str):
                return httpx.Response(400, text=f"<Error><Code>{status}</Code></Error>")
            return httpx.Response(status, text="<Code>No</Code>")
        assert int(request.headers["content-length"]) == len(body), "no chunked encoding"
        assert number not in self.arrived, "a part that had arrived was sent again"
        self.arrived[number] = body
        return httpx.Response(200)

    def view(self, key: str) -> dict[str, Any]:
        count = -(-int(self.uploads[key]["bytes"]) // PART_BYTES)
        view: dict[str, Any] = {"job_id": "j1", "uploaded": self.completed, **self.uploads[key]}
        if count > 1:
            view["multipart"] = {
                "part_bytes": PART_BYTES,
                "part_count": count,
                "uploaded_parts": sorted(self.arrived),
            }
        else:
            view["put"] = self.signed("/s3/part/1", "PUT")
        return view

    @staticmethod
    def signed(path: str, method: str) -> dict[str, Any]:
        return {"method": method, "url": f"{URL}{path}?signature=x", "headers": {"Host": "x"}, "expires_at": 1}

    def api(self, request: httpx.Request, path: str, body: dict[str, Any]) -> httpx.Response:
        waiting = self.api_failures.get(path, [])
        if waiting:
            return httpx.Response(waiting.pop(0), json={"message": "Service Unavailable"}, headers={"retry-after": "2"})
        if (request.method, path) == ("POST", "/uploads"):
            key = request.headers["idempotency-key"]
            assert self.uploads.setdefault(key, body) == body
            return httpx.Response(201, json=self.view(key))
        if path == "/uploads/j1/parts":
            numbers = body["part_numbers"]
            parts = [{"part_number": n, "request": self.signed(f"/s3/part/{n}", "PUT")} for n in numbers]
            return httpx.Response(200, json={"parts": parts})
        if path == "/uploads/j1/complete":
            self.completed = True
            return httpx.Response(200, json={"job_id": "j1"})
        if path == "/uploads/j1":
            return httpx.Response(200, json=self.view(next(iter(self.uploads))))
        if path == "/jobs/j1/result":
            view = {"request": self.signed("/s3/result", "GET"), "name": "a.json", "content_type": "application/json"}
            return httpx.Response(200, json={**view, "bytes": 16})
        if path == "/jobs/j1":
            state = self.job_states.pop(0) if len(self.job_states) > 1 else self.job_states[0]
            return httpx.Response(200, json={"job": {"status": state}, "explanation": {"summary": "it waits"}})
        problem = {"type": "urn:docket:problem:not-found", "title": "t", "status": 404, "detail": "there is no such job"}
        return httpx.Response(404, json=problem)


Case = Callable[["Both"], None]


class Both:
    """One of the two clients, called in the same way."""

    def __init__(self, service: FakeService, credentials: Any, is_async: bool) -> None:
        self._is_async = is_async
        transport = httpx.MockTransport(service)
        self._sync = Docket(URL, credentials, http=httpx.Client(transport=transport))
        self._async = AsyncDocket(URL, credentials, http=httpx.AsyncClient(transport=transport))

    def call(self, name: str, *args: Any, **named: Any) -> Any:
        if not self._is_async:
            return getattr(self._sync, name)(*args, **named)
        return asyncio.run(getattr(self._async, name)(*args, **named))


async def no_sleep(_: float) -> None:
    return None


class FakeClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.seconds += seconds


class Requests(unittest.TestCase):
    def setUp(self) -> None:
        for patch in (mock.patch("docket_client.sync.time.sleep"), mock.patch("anyio.sleep", no_sleep)):
            patch.start()
            self.addCleanup(patch.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "nda.pdf"
        self.file.write_bytes(b"%PDF" + bytes(range(60)))

    def clients(self, credentials: Any = "first") -> list[tuple[FakeService, Both]]:
        services = [FakeService(), FakeService()]
        return [(service, Both(service, credentials, is_async)) for service, is_async in zip(services, (False, True))]

    def upload(self, client: Both, **named: Any) -> UploadView:
        view: UploadView = client.call("upload", self.file, pipeline="legal-review", **named)
        return view

    def test_interrupted_upload_continues_with_the_missing_parts(self) -> None:
        for service, client in self.clients():
            service.failures = {4: [0] * 5, 2: [500, 403]}
            service.api_failures = {"/uploads": [503], "/uploads/j1/parts": [502], "/uploads/j1/complete": [504, 429]}
            with self.assertRaises(ServiceUnavailable):
                self.upload(client)
            self.assertFalse(service.completed)
            # The fake refuses parts that it has; the key is the same, also in another process.
            self.assertEqual(self.upload(client)["job_id"], "j1")
            self.assertEqual(b"".join(data for _, data in sorted(service.arrived.items())), self.file.read_bytes())
            self.assertEqual(len(service.uploads), 1)
            before = len(service.requests)
            self.upload(client)
            self.assertEqual(service.requests[before:], ["POST /uploads"], "there is nothing left to send")
            self.assertNotEqual(*self.keys_with({}, {"reference": "another"}))
            self.assertNotEqual(*self.keys_with({}, {"key": "my own"}))

    def keys_with(self, *variants: dict[str, Any]) -> list[str]:
        keys: list[str] = []
        for variant in variants:
            service, client = self.clients()[0]
            self.upload(client, **variant)
            keys += service.uploads
        return keys

    def test_small_file_is_sent_whole_and_again_if_the_response_was_lost(self) -> None:
        self.file.write_bytes(b"%PDF")
        for service, client in self.clients():
            service.failures = {1: [0, 503, 403, 412]}
            self.assertEqual(self.upload(client)["job_id"], "j1")
            self.assertEqual(service.arrived, {}, "412: it is there")

    def test_file_that_s3_refuses_or_that_changes_is_an_error(self) -> None:
        for service, client in self.clients():
            service.failures = {3: [400]}
            with self.assertRaisesRegex(UploadRefused, "S3 answered 400"):
                self.upload(client)
            put = service.put

            def change(number: int, request: httpx.Request, body: bytes, put: Any = put) -> httpx.Response:
                self.file.touch()
                answer: httpx.Response = put(number, request, body)
                return answer

            with mock.patch.object(service, "put", change), self.assertRaisesRegex(UploadRefused, "changed"):
                self.upload(client)
            self.assertFalse(service.completed)

    def test_transfer_that_s3_broke_off_is_repeated_and_an_expired_signature_replaced(self) -> None:
        # Amazon S3 API reference, "Error responses": a slow connection, and the credentials that signed.
        for service, client in self.clients():
            service.failures = {2: ["RequestTimeout", "ExpiredToken", "IncompleteBody"]}
            self.assertEqual(self.upload(client)["job_id"], "j1")
            self.assertEqual(b"".join(data for _, data in sorted(service.arrived.items())), self.file.read_bytes())
        self.file.write_bytes(b"%PDF")
        for service, client in self.clients():
            service.failures = {1: ["RequestTimeout", "ExpiredToken"]}
            self.upload(client)
            self.assertEqual(service.arrived, {1: b"%PDF"})
            self.assertEqual(service.requests.count("GET /uploads/j1"), 1, "signed again")

    def test_file_that_is_cut_off_or_gone_while_it_is_sent_is_no_broken_connection(self) -> None:
        for content in (b"%PDF", self.file.read_bytes()):
            for change in (lambda: self.file.write_bytes(b""), self.file.unlink):
                for service, client in self.clients():
                    self.file.write_bytes(content)

                    def put(*_: Any, change: Callable[[], object] = change) -> httpx.Response:
                        change()
                        raise httpx.LocalProtocolError("Too little data for declared Content-Length")

                    with mock.patch.object(service, "put", put), self.assertRaisesRegex(UploadRefused, "nda.pdf"):
                        self.upload(client)
                    self.assertEqual(sum("/s3/part/" in line for line in service.requests), 1)

    def test_file_that_changes_while_its_hash_is_computed_is_refused(self) -> None:
        content_hash: Any = importlib.import_module("docket_client._upload").content_hash

        def change(path: pathlib.Path) -> Any:
            found = content_hash(path)
            os.utime(path, ns=(0, 0))
            return found

        for service, client in self.clients():
            self.file.touch()
            patch = mock.patch("docket_client._upload.content_hash", change)
            with patch, self.assertRaisesRegex(UploadRefused, "changed"):
                self.upload(client)
            self.assertFalse(service.completed)

    def test_wait_looks_once_more_when_its_time_is_over(self) -> None:
        for service, client in self.clients():
            times = FakeClock()
            with (
                mock.patch("docket_client._service.now", times.now),
                mock.patch("docket_client.sync.time.sleep", times.sleep),
                mock.patch("anyio.sleep", times.sleep_async),
            ):
                service.job_states = ["InProgress"]
                with self.assertRaisesRegex(WaitTimeout, "it waits"):
                    client.call("wait", "j1", timeout=25)
                self.assertEqual(times.seconds, 25)
                before = len(service.requests)
                service.job_states = ["InProgress"] * (before - 1 - service.requests.index("GET /jobs/j1")) + ["Ready"]
                self.assertEqual(client.call("wait", "j1", timeout=25)["job"]["status"], "Ready")

    def test_busy_user_pool_does_not_refuse_the_credentials(self) -> None:
        for service, client in self.clients(Password("a@b.c", "right")):
            service.sign_in_failures = ["TooManyRequestsException", "com.amazonaws#InternalErrorException"]
            self.assertEqual(client.call("call", "GET", "/jobs/j1")["job"]["status"], "Ready")
        for service, client in self.clients(Password("a@b.c", "right")):
            service.sign_in_failures = ["TooManyRequestsException"] * 99
            with self.assertRaisesRegex(ServiceUnavailable, "Rate exceeded"):
                client.call("call", "GET", "/jobs/j1")

    def test_saved_result_can_be_read_like_any_new_file_whatever_its_name(self) -> None:
        other = self.folder / "other"
        other.write_bytes(b"")
        # 250 bytes of the 255 that file systems take.
        target = self.folder / ("\N{PAGE FACING UP}" * 62 + ".j")
        for _, client in self.clients():
            client.call("save_result", "j1", target)
            self.assertEqual(target.stat().st_mode, other.stat().st_mode)

    def test_expired_token_is_replaced_once_and_a_refused_sign_in_is_an_error(self) -> None:
        for service, client in self.clients(Password("a@b.c", "right")):
            service.valid_token = "first"
            with self.assertRaises(Problem) as caught:
                client.call("call", "GET", "/jobs/none")
            self.assertEqual((caught.exception.status, caught.exception.code), (404, "not-found"))
            service.valid_token = "second"
            with self.assertRaises(Problem) as caught:
                client.call("call", "GET", "/jobs/none")
            self.assertEqual(caught.exception.status, 404, "signed in again")
        for _, client in self.clients(Password("a@b.c", "wrong")):
            with self.assertRaisesRegex(NotSignedIn, "Incorrect password"):
                client.call("call", "GET", "/jobs/none")
        for _, client in self.clients(Token(lambda: "old")):
            with self.assertRaises(NotSignedIn):
                client.call("call", "GET", "/jobs/none")

    def test_result_is_downloaded_again_after_a_failure_and_saved_only_whole(self) -> None:
        for service, client in self.clients():
            service.result_failures = [503, 0, 403]
            result = client.call("result", "j1")
            self.assertEqual((result.json(), result.name), ({"kind": "rules"}, "a.json"))
            target = self.folder / "a.json"
            client.call("save_result", "j1", target)
            self.assertEqual(target.read_bytes(), result.content)
            service.result_failures = [503] * 5
            with self.assertRaises(ServiceUnavailable):
                client.call("save_result", "j1", target)
            self.assertEqual(hashlib.sha256(target.read_bytes()).digest(), hashlib.sha256(result.content).digest())
            self.assertEqual({file.name for file in self.folder.iterdir()}, {"nda.pdf", "a.json"})
            target.unlink()


if __name__ == "__main__":
    unittest.main()
