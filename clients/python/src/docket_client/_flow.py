"""What the client does, without input and output.

A flow is a generator. It yields what is to be done (`HttpRequest`, `Delay`) and gets the `HttpResponse`. `sync.py` and
`asyncio.py` do these things, each in its own way, so that every rule of the protocol is written once.
"""

import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from ._errors import ServiceUnavailable

T = TypeVar("T")

#: How often a request is sent that may be repeated, the first time included.
MAX_ATTEMPTS = 5
#: A longer `Retry-After`, such as of a limit for a day, is an error.
MAX_RETRY_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class FileRange:
    """A part of a file, as the body of a request."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class HttpRequest:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | FileRange = b""
    #: Where the body of a successful response is written to, instead of into memory.
    save_to: Path | None = None


@dataclass(frozen=True)
class HttpResponse:
    """`status` is 0 if there was no response, and `text` says why."""

    status: int
    body: bytes
    text: str = ""
    retry_after_seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def body_text(self) -> str:
        """The beginning of the body, for error documents."""
        return self.body[:4096].decode(errors="replace")

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == 0 or self.status in (408, 429) or self.status >= 500


@dataclass(frozen=True)
class Delay:
    seconds: float


Flow: TypeAlias = Generator[HttpRequest | Delay, HttpResponse | None, T]


def send(request: HttpRequest) -> Flow[HttpResponse]:
    """Sends a request once."""
    response = yield request
    assert response is not None, "a request gets a response"
    return response


def sleep(seconds: float) -> Flow[None]:
    yield Delay(seconds)


def backoff_seconds(attempt: int, at_least: float = 0.0) -> float:
    """0.5 s, 1 s, 2 s … up to 10 s, varied so that clients do not repeat in step."""
    delay: float = min(0.5 * 2.0 ** (attempt - 1), 10.0)
    return max(at_least, delay * random.uniform(0.75, 1.25))


def send_patiently(request: HttpRequest) -> Flow[HttpResponse]:
    """Sends a request that may be repeated until there is an answer other than "later"."""
    response = HttpResponse(0, b"")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        response = yield from send(request)
        if not response.is_transient or response.retry_after_seconds > MAX_RETRY_AFTER_SECONDS:
            return response
        if attempt < MAX_ATTEMPTS:
            yield from sleep(backoff_seconds(attempt, response.retry_after_seconds))
    raise ServiceUnavailable(f"{request.method} {request.url.partition('?')[0]}: {response.text or response.status}")


def now() -> float:
    """Seconds of a clock that never goes back."""
    return time.monotonic()
