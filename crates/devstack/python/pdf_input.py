"""Opening a PDF that nobody vouches for.

pypdf does the reading. In front of it stand checks that are cheap and give a reason in
words; pypdf would try to repair a truncated upload and answer half a contract.
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

# The repairs that pypdf reports are about the customer's file, not about this program.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

HEAD_BYTES = 1024  # where `%PDF-` must stand; readers accept some bytes before it
TAIL_BYTES = 4096  # where the last `startxref` must stand; the standard says 1024
MAX_PAGES = 20_000
MAX_PAGE_TREE_DEPTH = 100
# The keys a page may inherit from the nodes above it (ISO 32000-1, table 30).
INHERITABLE = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")


class Refusal(Exception):
    """The document cannot be processed, and will not be by another try.

    `status` is the HTTP status to answer (4xx), `code` a word for programs.
    """

    def __init__(self, status: int, code: str, reason: str):
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason


@dataclass(frozen=True)
class Layout:
    """Where things are in the file."""

    size: int
    base: int  # bytes before `%PDF-` if the file's own offsets count from there, else 0
    startxref: int  # the offset that the file states, without `base`
    xref_is_stream: bool


@dataclass(frozen=True)
class Page:
    """One page, with what it inherits filled in."""

    number: int  # from 1
    reference: IndirectObject
    content: PageObject


class _Reader(PdfReader):
    """Refuses at the first sight of encryption; pypdf would try an empty password first."""

    @property
    def is_encrypted(self) -> bool:
        if "/Encrypt" in self.trailer:
            raise Refusal(400, "encrypted_pdf", "the PDF is encrypted; upload it without protection")
        return False


def layout(file: BinaryIO) -> Layout:
    """Finds header, end and newest cross-reference section, or refuses the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    header = head.find(b"%PDF-")
    if not head:
        raise Refusal(400, "empty", "the document is empty (0 bytes)")
    if header < 0:
        raise Refusal(400, "not_a_pdf", f"not a PDF: no %PDF- within the first {HEAD_BYTES} bytes")

    file.seek(max(0, size - TAIL_BYTES))
    found = re.findall(rb"startxref\s+(\d{1,15})", file.read(TAIL_BYTES))
    if not found:
        raise Refusal(400, "broken_pdf", "broken PDF: it has no end (no startxref); was the upload cut off?")
    startxref = int(found[-1])
    for base in dict.fromkeys((0, header)):
        file.seek(base + startxref)
        section = file.read(32).lstrip() if base + startxref < size else b""
        if section.startswith(b"xref"):
            return Layout(size, base, startxref, False)
        if re.match(rb"\d+\s+\d+\s+obj", section):
            return Layout(size, base, startxref, True)
    raise Refusal(400, "broken_pdf", f"broken PDF: no cross-reference table at byte {startxref}, where it says one is")


def open_pdf(file: BinaryIO) -> PdfReader:
    """A reader for a file that passed `layout`. Reads tables, no pages."""
    file.seek(0)
    try:
        reader = _Reader(file, strict=False)
        catalog = reader.root_object
    except (MemoryError, Refusal):
        raise
    except Exception as error:  # pypdf raises whatever a damaged file leads it into
        raise Refusal(400, "broken_pdf", f"broken PDF: {describe(error)}") from error
    if "/Root" not in reader.trailer or "/Pages" not in catalog:
        raise Refusal(400, "broken_pdf", "broken PDF: its catalog names no pages")
    return reader


def pages(reader: PdfReader) -> Iterator[Page]:
    """Walks the page tree in order.

    Own code because pypdf builds the whole list first: a tree can name a page a million
    times in a few hundred bytes. Each node is visited once; loops, depth and count are refused.
    Objects read for a page are forgotten after it, so memory is that of the largest page.
    """
    root = reader.root_object.raw_get("/Pages")
    stack: list[tuple[object, int, dict]] = [(root, 0, {})]
    seen: set[int] = set()
    number = 0
    while stack:
        node_ref, depth, inherited = stack.pop()
        if not isinstance(node_ref, IndirectObject):
            raise Refusal(400, "broken_pdf", "broken PDF: a page is not an object of its own")
        if node_ref.idnum in seen:
            raise Refusal(400, "broken_pdf", "broken PDF: its page tree names the same page twice or runs in a circle")
        if depth > MAX_PAGE_TREE_DEPTH:
            raise Refusal(400, "broken_pdf", f"the page tree is deeper than {MAX_PAGE_TREE_DEPTH} levels")
        seen.add(node_ref.idnum)
        try:
            node = node_ref.get_object()
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal(400, "broken_pdf", f"broken PDF: {describe(error)}") from error
        if not isinstance(node, DictionaryObject):
            raise Refusal(400, "broken_pdf", "broken PDF: a page is missing")
        here = inherited | {key: node.raw_get(key) for key in INHERITABLE if key in node}
        if "/Kids" in node:
            kids = node["/Kids"]
            if not isinstance(kids, ArrayObject) or len(kids) > MAX_PAGES:
                raise Refusal(400, "too_many_pages", f"more than {MAX_PAGES} pages in one node of the page tree")
            stack.extend((kid, depth + 1, here) for kid in reversed(kids))
            continue
        number += 1
        if number > MAX_PAGES:
            raise Refusal(400, "too_many_pages", f"more than {MAX_PAGES} pages")
        content = PageObject(reader, node_ref)
        for key, value in here.items():
            content[NameObject(key)] = value
        yield Page(number, node_ref, content)
        forget_streams(reader)


def forget_streams(reader: PdfReader) -> None:
    """Drops what pypdf caches of stream objects: images, fonts, page contents."""
    cache = reader.resolved_objects
    for key in [key for key, value in cache.items() if isinstance(value, StreamObject)]:
        del cache[key]


def page_text(page: Page) -> str:
    """The page's text, or "" where the page has none or it cannot be decoded."""
    try:
        return page.content.extract_text() or ""
    except MemoryError:
        raise
    except LimitReachedError as error:  # pypdf's own bounds, e.g. on what a stream unpacks to
        raise Refusal(422, "too_complex", f"page {page.number}: {describe(error)}") from error
    except RecursionError as error:
        raise Refusal(422, "too_complex", f"page {page.number} is nested too deeply") from error
    except Exception:  # one odd font must not cost the whole document
        return ""


def images(page: Page) -> list[tuple[int, int]]:
    """Width and height in pixels of the images that the page draws directly."""
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
    except Exception:  # a page whose resources are damaged has no images we could name
        pass
    return found


def describe(error: BaseException) -> str:
    """An exception as a short single line, safe to send back."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
