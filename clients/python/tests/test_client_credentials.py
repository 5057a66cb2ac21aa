"""A program signs in by its client id and secret, over real HTTP. Both clients run each case."""

import asyncio
import base64
import http.server
import json
import threading
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote

from docket_client import AsyncDocket, ClientCredentials, Docket, NotSignedIn, Problem

CLIENT = ("ci:1", "a secret: 100%")


class Service(http.server.ThreadingHTTPServer):
    """The API, and the domain of its user pool with one client."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.has_domain = True
        self.lifetime_seconds = 3600
        self.failures: list[int] = []
        self.issued = 0
        #: Tokens that the API does not accept.
        self.refused: set[str] = set()
        #: The tokens of the API's requests.
        self.used: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        service = self.server
        if self.path == "/configuration":
            domain = {"url": f"{service.url}/domain", "client_id": "c", "issuer": "i", "providers": []}
            configuration = {"sign_in_url": "x", "client_id": "c", "web_socket_url": "x"}
            return self.answer(200, {**configuration, **({"company_sign_in": domain} if service.has_domain else {})})
        token = self.headers["authorization"].removeprefix("Bearer ")
        service.used.append(token)
        if token in service.refused or not token.startswith("token-"):
            return self.answer(401, {"message": "Unauthorized"})
        return self.answer(404, {"type": "urn:docket:problem:not-found", "title": "t", "status": 404, "detail": "none"})

    def do_POST(self) -> None:
        service = self.server
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        if service.failures:
            return self.answer(service.failures.pop(0), {})
        if self.path != "/domain/oauth2/token" or form != {"grant_type": ["client_credentials"]}:
            return self.answer(400, {"error": "invalid_request"})
        kind, _, encoded = self.headers["authorization"].partition(" ")
        parts = base64.b64decode(encoded).decode().split(":")
        if kind != "Basic" or tuple(map(unquote, parts)) != CLIENT:
            return self.answer(400, {"error": "invalid_client"})
        service.issued += 1
        token = f"token-{service.issued}"
        return self.answer(200, {"access_token": token, "expires_in": service.lifetime_seconds, "token_type": "Bearer"})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def ask(service: Service, credentials: ClientCredentials, is_async: bool, times: int) -> list[int]:
    """Asks for a job that does not exist. Returns the statuses."""
    statuses: list[int] = []

    async def asynchronously() -> None:
        async with AsyncDocket(service.url, credentials) as docket:
            for _ in range(times):
                try:
                    await docket.call("GET", "/jobs/none")
                except Problem as problem:
                    statuses.append(problem.status)

    if is_async:
        asyncio.run(asynchronously())
        return statuses
    with Docket(service.url, credentials) as docket:
        for _ in range(times):
            try:
                docket.call("GET", "/jobs/none")
            except Problem as problem:
                statuses.append(problem.status)
    return statuses


class ByClientCredentials(unittest.TestCase):
    def setUp(self) -> None:
        # The clients wait before they repeat a request.
        for name in ("docket_client.sync.time.sleep", "docket_client.asyncio.anyio.sleep"):
            patch = mock.patch(name)
            patch.start()
            self.addCleanup(patch.stop)

    def services(self) -> Iterator[tuple[Service, bool]]:
        for is_async in (False, True):
            with self.subTest(is_async=is_async):
                service = Service()
                thread = threading.Thread(target=service.serve_forever, args=(0.01,))
                thread.start()
                try:
                    yield service, is_async
                finally:
                    service.shutdown()
                    thread.join()
                    service.server_close()

    def test_one_token_serves_all_requests_until_shortly_before_it_expires(self) -> None:
        for service, is_async in self.services():
            credentials = ClientCredentials(*CLIENT)
            self.assertEqual(ask(service, credentials, is_async, 3), [404] * 3)
            self.assertEqual(service.used, ["token-1"] * 3)
            with mock.patch("docket_client._credentials.time.time", return_value=credentials._expires_at - 61):
                ask(service, credentials, is_async, 1)
            with mock.patch("docket_client._credentials.time.time", return_value=credentials._expires_at - 59):
                ask(service, credentials, is_async, 1)
            self.assertEqual(service.used[3:], ["token-1", "token-2"])

    def test_token_that_the_service_refuses_is_replaced_once(self) -> None:
        for service, is_async in self.services():
            service.refused = {"token-1"}
            self.assertEqual(ask(service, ClientCredentials(*CLIENT), is_async, 1), [404])
            self.assertEqual(service.used, ["token-1", "token-2"])
            service.refused = {f"token-{number}" for number in range(9)}
            self.assertEqual(ask(service, ClientCredentials(*CLIENT), is_async, 1), [401])
            self.assertEqual(service.issued, 4)

    def test_sign_in_is_repeated_while_the_domain_does_not_answer(self) -> None:
        for service, is_async in self.services():
            service.failures = [503, 429]
            self.assertEqual(ask(service, ClientCredentials(*CLIENT), is_async, 1), [404])
            self.assertEqual(service.used, ["token-1"])

    def test_refused_client_is_named_without_its_secret(self) -> None:
        for service, is_async in self.services():
            credentials = ClientCredentials("ci", "wrong-secret")
            with self.assertRaises(NotSignedIn) as caught:
                ask(service, credentials, is_async, 1)
            self.assertIn("client ci was refused: invalid_client", str(caught.exception))
            self.assertNotIn("wrong-secret", str(caught.exception) + repr(credentials))
            self.assertEqual(service.used, [])
            service.has_domain = False
            with self.assertRaisesRegex(NotSignedIn, "no clients for programs"):
                ask(service, ClientCredentials(*CLIENT), is_async, 1)


if __name__ == "__main__":
    unittest.main()
