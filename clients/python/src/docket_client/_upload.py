"""Uploads that continue where they stopped.

The idempotency key of an upload is the hash of the file's content and of everything that is said about it. A program
that uploads the same file with the same words again within 24 hours, in this process or another, gets the same upload from
the service, which knows which parts have arrived.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ._errors import Problem, ServiceUnavailable, UploadRefused
from ._flow import MAX_ATTEMPTS, FileRange, Flow, HttpRequest, HttpResponse, backoff_seconds, send, sleep
from ._service import Service, refused_by_s3, signed
from .types import MultipartUploadView, SignedParts, SignedRequest, UploadView

#: The parts that are signed with one request: few enough that no signature expires before its part is sent.
PARTS_PER_SIGNING = 8
#: How often an upload is completed. In between, parts that the service misses are sent again.
MAX_COMPLETE_ATTEMPTS = 3
READ_BYTES = 1 << 20
#: Codes of S3's answers with status 400 after which another attempt may succeed: the transfer broke off, or the credentials of
#: the service that signed have expired (Amazon S3 API reference, "Error responses").
TRANSIENT_CODES = ("RequestTimeout", "IncompleteBody", "BadDigest", "ExpiredToken")


@dataclass(frozen=True)
class FileToUpload:
    """A file, and what is said about it."""

    path: Path
    pipeline: str
    content_type: str = "application/pdf"
    name: str | None = None
    tenant: str | None = None
    reference: str | None = None
    batch: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, size: int) -> dict[str, object]:
        body: dict[str, object] = {
            "pipeline": self.pipeline,
            "name": self.name or self.path.name,
            "bytes": size,
            "content_type": self.content_type,
            "tenant": self.tenant,
            "reference": self.reference,
            "batch": self.batch,
            "tags": dict(self.tags),
        }
        return {name: value for name, value in body.items() if value not in (None, {})}


@dataclass(frozen=True)
class FileContent:
    """What a file has before it is sent."""

    sha256: str
    size: int
    #: Before it was read: what changes meanwhile is another content.
    changed_at_ns: int

    def check_unchanged(self, path: Path) -> None:
        try:
            now = path.stat()
        except OSError as error:
            raise UploadRefused(f"{path} was moved or deleted while it was uploaded: {error}") from error
        if (now.st_size, now.st_mtime_ns) != (self.size, self.changed_at_ns):
            raise UploadRefused(f"{path} changed while it was uploaded; upload it again")


def content_hash(path: Path) -> FileContent:
    """SHA-256 and size of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        changed_at_ns = os.fstat(file.fileno()).st_mtime_ns
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileContent(digest.hexdigest(), size, changed_at_ns)


def upload(service: Service, document: FileToUpload, content: FileContent, key: str | None) -> Flow[UploadView]:
    """Uploads a file, or continues its upload."""
    body = document.body(content.size)
    if key is None:
        key = hashlib.sha256(json.dumps([content.sha256, body], sort_keys=True).encode()).hexdigest()
    view = cast("UploadView", (yield from service.call("POST", "/uploads", body=body, idempotency_key=key)))
    if view.get("uploaded"):
        return view
    put = view.get("put")
    if put is not None:
        yield from _put(service, view, put, document.path, content)
        content.check_unchanged(document.path)
        return view
    path = f"/uploads/{view['job_id']}"
    for attempt in range(1, MAX_COMPLETE_ATTEMPTS + 1):
        multipart = view.get("multipart")
        if multipart is None:
            raise ServiceUnavailable("the service did not say how to upload the file")
        yield from _send_parts(service, path, document.path, content, multipart)
        content.check_unchanged(document.path)
        try:
            # Completing it again changes nothing, so it may be repeated.
            completed = yield from service.call("POST", f"{path}/complete", is_repeatable=True)
            return cast("UploadView", completed)
        except Problem as problem:
            if problem.code != "parts-missing" or attempt == MAX_COMPLETE_ATTEMPTS:
                raise
        view = cast("UploadView", (yield from service.call("GET", path)))
    raise AssertionError("unreachable")


def _may_succeed(response: HttpResponse) -> bool:
    """Whether S3 may take the same bytes at another attempt, perhaps with another signature."""
    if response.is_transient or response.status in (403, 409):
        return True
    return response.status == 400 and any(f"<Code>{code}</Code>" in response.body_text for code in TRANSIENT_CODES)


def _put(service: Service, view: UploadView, put: SignedRequest, file: Path, content: FileContent) -> Flow[None]:
    request, body = signed(put), FileRange(file, 0, content.size)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        response = yield from send(HttpRequest(request.method, request.url, request.headers, body))
        # 412: it exists. An earlier attempt has stored it, and its response was lost.
        if response.is_success or response.status == 412:
            return
        # A file that was cut off while it was sent looks like a broken connection.
        content.check_unchanged(file)
        if not _may_succeed(response):
            raise refused_by_s3(response)
        if response.status == 403 or "<Code>ExpiredToken</Code>" in response.body_text:
            # The signature has expired, or the credentials that signed: get another one.
            newer = cast("UploadView", (yield from service.call("GET", f"/uploads/{view['job_id']}")))
            request = signed(newer.get("put", put))
        if attempt < MAX_ATTEMPTS:
            yield from sleep(backoff_seconds(attempt))
    raise ServiceUnavailable("S3 did not take the file in several attempts; upload it again to continue")


def _send_parts(
    service: Service, path: str, file: Path, content: FileContent, multipart: MultipartUploadView
) -> Flow[None]:
    part_bytes, arrived = multipart["part_bytes"], set(multipart["uploaded_parts"])
    missing = [number for number in range(1, multipart["part_count"] + 1) if number not in arrived]
    for numbers in _groups(missing):
        for attempt in range(1, MAX_ATTEMPTS + 1):
            body = {"part_numbers": numbers}
            answer = yield from service.call("POST", f"{path}/parts", body=body, is_repeatable=True)
            parts = cast("SignedParts", answer)
            failed: list[int] = []
            for part in parts["parts"]:
                number, request = part["part_number"], signed(part["request"])
                offset = (number - 1) * part_bytes
                part_of_file = FileRange(file, offset, min(part_bytes, content.size - offset))
                response = yield from send(HttpRequest(request.method, request.url, request.headers, part_of_file))
                if response.is_success:
                    continue
                content.check_unchanged(file)
                if not _may_succeed(response):
                    raise refused_by_s3(response)
                failed.append(number)
            numbers = failed
            if not numbers:
                break
            if attempt < MAX_ATTEMPTS:
                yield from sleep(backoff_seconds(attempt))
        else:
            raise ServiceUnavailable("S3 did not take a part in several attempts; upload the file again to continue")


def _groups(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), PARTS_PER_SIGNING):
        yield numbers[start : start + PARTS_PER_SIGNING]
