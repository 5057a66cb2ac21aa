"""Opens an untrusted PDF.

pypdf reads the file. Cheap checks come first and give a clear reason: pypdf would try to repair a
truncated upload and return half of the contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import logging
import os
import re
from typing import BinaryIO

from pypdf import PageObject, PdfReader
from pypdf.errors import LimitReachedError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

# pypdf's warnings about repairs concern the customer's file, not this program.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

HEAD_BYTES = 1024  # `%PDF-` must be within these; readers accept some bytes before it
TAIL_BYTES = 4096  # the last `startxref` must be within these; the standard says 1024
MAX_PAGES = 20_000
MAX_PAGE_TREE_DEPTH = 100
# The keys a page may inherit from the nodes above it (ISO 32000-1, table 30).
INHERITABLE = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")


class RejectedDocument(Exception):
    """The document cannot be processed; a retry would fail too.

    `status` is the HTTP status (4xx), `code` is for programs, `reason` for people.
    """

    def __init__(self, status: int, code: str, reason: str):
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason


@dataclass(frozen=True)
class Layout:
    """The structure of the file."""

    size: int
    base: int  # bytes before `%PDF-` if the file's offsets start there, else 0
    startxref: int  # the offset in the file, without `base`
    xref_is_stream: bool


@dataclass(frozen=True)
class Page:
    """One page, including inherited entries."""

    number: int  # from 1
    reference: IndirectObject
    content: PageObject


class _Reader(PdfReader):
    """Rejects encrypted files; pypdf would try an empty password first."""

    @property
    def is_encrypted(self) -> bool:
        if "/Encrypt" in self.trailer:
            raise RejectedDocument(400, "encrypted_pdf", "the PDF is encrypted; upload it without a password")
        return False


def read_layout(file: BinaryIO) -> Layout:
    """Finds the header, the end and the newest cross-reference section, or rejects the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    header = head.find(b"%PDF-")
    if not head:
        raise RejectedDocument(400, "empty", "the document is empty (0 bytes)")
    if header < 0:
        raise RejectedDocument(400, "not_a_pdf", f"not a PDF: no %PDF- within the first {HEAD_BYTES} bytes")

    file.seek(max(0, size - TAIL_BYTES))
    found = re.findall(rb"startxref\s+(\d{1,15})", file.read(TAIL_BYTES))
    if not found:
        raise RejectedDocument(400, "broken_pdf", "broken PDF: no startxref at the end; the file may be truncated")
    startxref = int(found[-1])
    for base in dict.fromkeys((0, header)):
        file.seek(base + startxref)
        section = file.read(32).lstrip() if base + startxref < size else b""
        if section.startswith(b"xref"):
            return Layout(size, base, startxref, False)
        if re.match(rb"\d+\s+\d+\s+obj", section):
            return Layout(size, base, startxref, True)
    raise RejectedDocument(400, "broken_pdf", f"broken PDF: no cross-reference table at byte {startxref}, the offset that startxref gives")


def open_pdf(file: BinaryIO) -> PdfReader:
    """Opens a file that passed `read_layout`. Reads its tables but no pages."""
    file.seek(0)
    try:
        reader = _Reader(file, strict=False)
        catalog = reader.root_object
    except (MemoryError, RejectedDocument):
        raise
    except Exception as error:  # damaged files can make pypdf raise any exception
        raise RejectedDocument(400, "broken_pdf", f"broken PDF: {describe(error)}") from error
    if "/Root" not in reader.trailer or "/Pages" not in catalog:
        raise RejectedDocument(400, "broken_pdf", "broken PDF: the catalog has no page tree")
    return reader


def pages(reader: PdfReader) -> Iterator[Page]:
    """Iterates over the pages in order.

    Does not use pypdf's list of pages, which is built as a whole: a tree of a few hundred bytes can
    contain a page a million times. Visits each node once, and rejects loops and trees that are too
    deep or have too many pages. Drops cached objects after each page, so that the memory use is that
    of the largest page.
    """
    root = reader.root_object.raw_get("/Pages")
    stack: list[tuple[object, int, dict]] = [(root, 0, {})]
    seen: set[int] = set()
    number = 0
    while stack:
        node_ref, depth, inherited = stack.pop()
        if not isinstance(node_ref, IndirectObject):
            raise RejectedDocument(400, "broken_pdf", "broken PDF: a page is not an indirect object")
        if node_ref.idnum in seen:
            raise RejectedDocument(400, "broken_pdf", "broken PDF: the page tree contains a page twice or has a loop")
        if depth > MAX_PAGE_TREE_DEPTH:
            raise RejectedDocument(400, "broken_pdf", f"the page tree is deeper than {MAX_PAGE_TREE_DEPTH} levels")
        seen.add(node_ref.idnum)
        try:
            node = node_ref.get_object()
        except MemoryError:
            raise
        except Exception as error:
            raise RejectedDocument(400, "broken_pdf", f"broken PDF: {describe(error)}") from error
        if not isinstance(node, DictionaryObject):
            raise RejectedDocument(400, "broken_pdf", "broken PDF: a page is missing")
        entries = inherited | {key: node.raw_get(key) for key in INHERITABLE if key in node}
        if "/Kids" in node:
            kids = node["/Kids"]
            if not isinstance(kids, ArrayObject) or len(kids) > MAX_PAGES:
                raise RejectedDocument(400, "too_many_pages", f"more than {MAX_PAGES} pages in one node of the page tree")
            stack.extend((kid, depth + 1, entries) for kid in reversed(kids))
            continue
        number += 1
        if number > MAX_PAGES:
            raise RejectedDocument(400, "too_many_pages", f"more than {MAX_PAGES} pages")
        content = PageObject(reader, node_ref)
        for key, value in entries.items():
            content[NameObject(key)] = value
        yield Page(number, node_ref, content)
        forget_streams(reader)


def forget_streams(reader: PdfReader) -> None:
    """Removes stream objects (images, fonts, page contents) from pypdf's cache."""
    cache = reader.resolved_objects
    for key in [key for key, value in cache.items() if isinstance(value, StreamObject)]:
        del cache[key]


def page_text(page: Page) -> str:
    """The page's text, or "" if there is none or it cannot be decoded."""
    try:
        return page.content.extract_text() or ""
    except MemoryError:
        raise
    except LimitReachedError as error:  # pypdf's own limits, for example for unpacked streams
        raise RejectedDocument(422, "too_complex", f"page {page.number}: {describe(error)}") from error
    except RecursionError as error:
        raise RejectedDocument(422, "too_complex", f"page {page.number} is nested too deeply") from error
    except Exception:  # one invalid font must not fail the whole document
        return ""


def images(page: Page) -> list[tuple[int, int]]:
    """Width and height in pixels of the page's own images."""
    found = []
    try:
        resources = page.content.get("/Resources")
        drawables = resources.get_object().get("/XObject") if resources is not None else None
        for name in drawables.get_object() if drawables is not None else {}:
            drawable = drawables.get_object()[name]
            if drawable.get("/Subtype") == "/Image":
                found.append((int(drawable.get("/Width", 0)), int(drawable.get("/Height", 0))))
    except MemoryError:
        raise
    except Exception:  # the resources are damaged, so the images are unknown
        pass
    return found


def describe(error: BaseException) -> str:
    """An exception as a short single line for an error response."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
