"""The blocking client."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from . import _upload
from ._credentials import Credentials, Token
from ._feed import FeedPage, FeedPosition
from ._flow import Delay, FileRange, Flow, HttpRequest, HttpResponse
from ._http import CHUNK_BYTES, TIMEOUT, SavedFile, failure, headers_of, response_of
from ._result import Result
from ._service import MAX_EVENT_WAIT_SECONDS, Service
from .types import JobDetail, UploadView

T = TypeVar("T")


class Docket:
    """A client of one service. Not for several threads at once: give each its own."""

    def __init__(self, url: str, credentials: Credentials | str, *, http: httpx.Client | None = None) -> None:
        """`url` is the service's HTTP API. `credentials` is a `ClientCredentials`, a `Password`, a `Token`,
        or an ID token."""
        self._service = Service(url, Token(credentials) if isinstance(credentials, str) else credentials)
        self._http = http or httpx.Client(timeout=TIMEOUT)

    def __enter__(self) -> "Docket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload(
        self,
        path: Path | str,
        *,
        pipeline: str,
        content_type: str = "application/pdf",
        name: str | None = None,
        tenant: str | None = None,
        reference: str | None = None,
        batch: str | None = None,
        tags: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> UploadView:
        """Uploads a file. `job_id` of the answer names its job.

        Call it again after any error: it continues, and the same file with the same words is never uploaded twice within
        24 hours. To process the same file once more on purpose, give an idempotency `key` of your own.
        """
        document = _upload.FileToUpload(
            Path(path), pipeline, content_type, name, tenant, reference, batch, dict(tags or {})
        )
        content = _upload.content_hash(document.path)
        return self._run(_upload.upload(self._service, document, content, key))

    def wait(self, job_id: str, *, timeout: float | None = None) -> JobDetail:
        """Waits until a job has ended: `["job"]["status"]` is then `Ready`, `Failed`, `Cancelled` or `Erased`.

        Raises `WaitTimeout` after `timeout` seconds. The job goes on.
        """
        return self._run(self._service.wait(job_id, timeout))

    def result(self, job_id: str, *, attempt: int | None = None) -> Result:
        """The result of a ready job, or of an earlier attempt."""
        return self._run(self._service.result(job_id, attempt, None))

    def save_result(self, job_id: str, path: Path | str, *, attempt: int | None = None) -> None:
        """Downloads a result into a file, which is replaced only by a complete one."""
        self._run(self._service.result(job_id, attempt, Path(path)))

    def events(
        self, position: FeedPosition | None = None, *, tenant: str | None = None, limit: int = 100
    ) -> Iterator[FeedPage]:
        """The pages of the feed after a position, up to its end. Store each page's `position` once you have processed it.

        Raises `EventsMissing` if an event is missing or changed.
        """
        while True:
            page = self._run(self._service.events(tenant, position, 0, limit))
            yield page
            if page.is_end:
                return
            position = page.position

    def next_events(
        self, position: FeedPosition | None, *, tenant: str | None = None, wait: int = MAX_EVENT_WAIT_SECONDS
    ) -> FeedPage:
        """The next events after a position. Waits for one up to `wait` seconds, 20 at most; there may be none then."""
        return self._run(self._service.events(tenant, position, wait, 100))

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Any other request of docs/api.md. Its types are in `docket_client.types`."""
        return self._run(self._service.call(method, path, query=query, body=body, idempotency_key=idempotency_key))

    def _run(self, flow: Flow[T]) -> T:
        response: HttpResponse | None = None
        while True:
            try:
                step = flow.send(response)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Delay):
                time.sleep(step.seconds)
                response = None
            else:
                response = self._send(step)

    def _send(self, request: HttpRequest) -> HttpResponse:
        body, size = request.body, 0
        content: bytes | Iterator[bytes]
        if isinstance(body, FileRange):
            content, size = _chunks(body), body.size
        else:
            content, size = body, len(body)
        try:
            with self._http.stream(
                request.method, request.url, headers=headers_of(request, size), content=content
            ) as answer:
                if request.save_to is None or not answer.is_success:
                    return response_of(answer, answer.read())
                saved = SavedFile(request.save_to)
                try:
                    for chunk in answer.iter_bytes(CHUNK_BYTES):
                        saved.write(chunk)
                except BaseException:
                    saved.discard()
                    raise
                saved.complete()
                return response_of(answer, b"")
        except httpx.TransportError as error:
            return failure(error)


def _chunks(body: FileRange) -> Iterator[bytes]:
    with body.path.open("rb") as file:
        file.seek(body.offset)
        left = body.size
        while left > 0:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
