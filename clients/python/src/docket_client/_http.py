"""What both drivers share: how a request becomes one of httpx."""

import secrets
from pathlib import Path

import httpx

from ._flow import HttpRequest, HttpResponse

#: A request for events waits up to 20 s, and API Gateway gives up after 30.
TIMEOUT = httpx.Timeout(35.0, connect=10.0)
CHUNK_BYTES = 1 << 18


def headers_of(request: HttpRequest, size: int) -> dict[str, str]:
    headers = dict(request.headers)
    if request.method in ("POST", "PUT"):
        # Without it httpx would send chunks, which S3 does not accept.
        headers["content-length"] = str(size)
    return headers


def response_of(answer: httpx.Response, body: bytes) -> HttpResponse:
    delay = answer.headers.get("retry-after", "")
    return HttpResponse(answer.status_code, body, retry_after_seconds=float(delay) if delay.isdigit() else 0.0)


def failure(error: Exception) -> HttpResponse:
    return HttpResponse(0, b"", text=f"{type(error).__name__}: {error}")


class SavedFile:
    """A file that appears under its name only once it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".docket-{secrets.token_hex(8)}.part")
        # Created anew, with the rights that any new file gets here.
        self._file = self._temporary.open("xb")

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def complete(self) -> None:
        self._file.close()
        self._temporary.replace(self._path)

    def discard(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)
