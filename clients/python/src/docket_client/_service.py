"""The requests of the HTTP API, as flows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

from ._credentials import Credentials
from ._errors import Problem, ServiceUnavailable, UploadRefused, WaitTimeout
from ._feed import FeedPage, FeedPosition, verify_page
from ._flow import MAX_ATTEMPTS, Flow, HttpRequest, HttpResponse, backoff_seconds, now, send, send_patiently, sleep
from ._result import Result
from .types import ClientConfiguration, EventPage, JobDetail, ResultView, SignedRequest

#: What a request to the feed waits for an event at most, in seconds.
MAX_EVENT_WAIT_SECONDS = 20
#: Polls of a job become rarer: the first after 0.7 s, each later one after half as much again, at most this.
MAX_POLL_SECONDS = 10.0
FINAL_STATES = frozenset({"Ready", "Failed", "Cancelled", "Erased"})
#: Sent by the HTTP client itself.
OWN_HEADERS = frozenset({"host", "content-length"})


class Service:
    """Where the service is, and who calls it."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._configuration: ClientConfiguration | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        is_repeatable: bool = False,
    ) -> Flow[Any]:
        """Sends a request and returns its JSON. GET requests, those with a key, and those that may be repeated, are sent again
        while the service does not answer."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self._url}{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        content = b"" if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        if content:
            headers["content-type"] = "application/json"
        is_repeatable = is_repeatable or method == "GET" or idempotency_key is not None
        deliver = send_patiently if is_repeatable else send
        refused: str | None = None
        while True:
            token = yield from self._token(refused)
            request = HttpRequest(method, url, {**headers, "authorization": f"Bearer {token}"}, content)
            response = yield from deliver(request)
            if response.status != 401 or refused is not None:
                return _json(response)
            refused = token

    def _token(self, refused: str | None) -> Flow[str]:
        if self._configuration is None:
            response = yield from send_patiently(HttpRequest("GET", f"{self._url}/configuration"))
            self._configuration = cast("ClientConfiguration", _json(response))
        return (yield from self._credentials.token(self._configuration, refused))

    def wait(self, job_id: str, timeout: float | None) -> Flow[JobDetail]:
        """Polls a job until it has ended."""
        end = None if timeout is None else now() + timeout
        delay = 0.7
        while True:
            detail = cast("JobDetail", (yield from self.call("GET", f"/jobs/{quote(job_id, safe='')}")))
            job = detail.get("job")
            if job is not None and job["status"] in FINAL_STATES:
                return detail
            left = delay if end is None else end - now()
            if left <= 0:
                summary = detail["explanation"]["summary"]
                raise WaitTimeout(f"job {job_id} has not ended after {timeout} s: {summary}")
            yield from sleep(min(delay, left))
            delay = min(delay * 1.5, MAX_POLL_SECONDS)

    def result(self, job_id: str, attempt: int | None, save_to: Path | None) -> Flow[Result]:
        """Downloads a result, each time with a newly signed URL."""
        path = f"/jobs/{quote(job_id, safe='')}/result"
        problem = ""
        for number in range(1, MAX_ATTEMPTS + 1):
            view = cast("ResultView", (yield from self.call("GET", path, query={"attempt": attempt})))
            request = signed(view["request"])
            response = yield from send(HttpRequest(request.method, request.url, request.headers, save_to=save_to))
            if response.is_success:
                return Result(view["name"], view["content_type"], response.body)
            problem = response.text or f"S3 answered {response.status}"
            yield from sleep(backoff_seconds(number))
        raise ServiceUnavailable(f"the result of job {job_id} was not downloaded: {problem}")

    def events(self, tenant: str | None, position: FeedPosition | None, wait: int, limit: int) -> Flow[FeedPage]:
        """The events after a position, verified."""
        query = {
            "tenant": tenant,
            "since": None if position is None else position.cursor,
            "wait": wait or None,
            "limit": limit,
        }
        page = yield from self.call("GET", "/events", query=query)
        return verify_page(cast("EventPage", page), position)


def signed(request: SignedRequest) -> HttpRequest:
    """A request to S3 that the service has signed."""
    headers = {name: value for name, value in request["headers"].items() if name.lower() not in OWN_HEADERS}
    return HttpRequest(request["method"], request["url"], headers)


def _json(response: HttpResponse) -> Any:
    if response.is_success:
        return json.loads(response.body) if response.body else None
    if response.status == 0:
        raise ServiceUnavailable(response.text)
    try:
        problem = cast("dict[str, object]", json.loads(response.body))
    except ValueError:
        problem = {}
    if not isinstance(problem.get("type"), str):
        # An answer of API Gateway or of a proxy.
        raise Problem(response.status, "", str(problem.get("message", "the service refused the request")))
    code = str(problem["type"]).rpartition(":")[2]
    raise Problem(response.status, code, str(problem.get("detail", code)))


def refused_by_s3(response: HttpResponse) -> UploadRefused:
    return UploadRefused(f"S3 answered {response.status}: {response.body_text[:500]}")
