"""How the client repeats, resumes and signs in, over a service in memory. Both clients run each case."""

import asyncio
import hashlib
import json
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
        #: How often each part, or the single upload, fails and how; 0 for no response.
        self.failures: dict[int, list[int]] = {}
        self.completed = False
        self.valid_token = "first"
        self.result_failures: list[int] = []
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
