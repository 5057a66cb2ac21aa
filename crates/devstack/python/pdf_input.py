"""Opens an untrusted PDF and reads its pages with PDFium, the library of Chrome: what a browser opens is read.

Cheap checks come first and give a clear reason: PDFium repairs a truncated upload and would return half of the contract.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
import math
import os
import re
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

import painted
from painted import Painted

HEAD_BYTES = 1024  # `%PDF-` must be within these; readers accept some bytes before it
CHUNK_BYTES = 1 << 20
MAX_PAGES = 20_000
MAX_PAGE_CHARACTERS = 200_000
MAX_KEPT_BYTES = 100_000_000  # read of a document before it is opened anew
MIN_PICTURE_SHARE = 0.3  # of a page that is a picture
SAMPLED_LETTERS = 8  # one of these is examined
MIN_UNDECODED_RUN = 20  # letters that stand together; bullets and formulas are shorter
_OBJECT = re.compile(rb"\d\s+\d{1,5}\s+obj\b")
_PROTECTED = {
    pdfium.FPDF_ERR_PASSWORD: "the PDF opens only with a password; upload it without one",
    # A certificate's or a vendor's encryption.
    pdfium.FPDF_ERR_SECURITY: "the PDF is protected for certain readers or programs; open it with one of these and upload a copy without protection",
}
_SAVE_ANEW = "save or print it anew as a PDF and upload that"


class RejectedDocument(Exception):
    """The document cannot be processed; a retry would fail too.

    `status` is the HTTP status (4xx), `code` is for programs, `reason` for people.
    """

    def __init__(self, status: int, code: str, reason: str):
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason


@dataclass
class InputPage:
    """One page as it is seen, with form fields and annotations that have an appearance."""

    number: int  # from 1
    pdfium_page: pypdfium2.PdfPage
    width: float  # in points, as displayed
    height: float
    text: str
    undecoded: float  # share of letters whose font does not say what they are
    is_part_undecoded: bool  # many such letters stand together
    is_cut: bool  # it has more text than is read
    painted: Painted
    turn: int  # degrees clockwise by which the page is shown turned
    box: tuple[float, float, float, float]  # what is shown of the page, in user space, as PDFium understands it
    text_boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # left, bottom, right, top in user space


def check_ends(file: BinaryIO) -> None:
    """Rejects what is empty, not a PDF, or cut off. Padding and other bytes after the end are allowed."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise RejectedDocument(400, "empty", "the document is empty (0 bytes)")
    if b"%PDF-" not in head:
        raise RejectedDocument(400, "not_a_pdf", f"not a PDF: no %PDF- within the first {HEAD_BYTES} bytes")
    # From the end backwards: the end of the file's structure comes before any object, unless the file is cut off.
    end, after = size, b""
    while end > 0:
        begin = max(0, end - CHUNK_BYTES)
        file.seek(begin)
        data = file.read(end - begin) + after
        last = max(data.rfind(b"startxref"), data.rfind(b"%%EOF"), data.rfind(b"trailer"))
        objects = list(_OBJECT.finditer(data, max(last, 0)))
        if objects or (begin == 0 and last < 0):
            raise RejectedDocument(400, "broken_pdf", "the PDF is cut off: its end is missing; upload it again")
        if last >= 0:
            return
        end, after = begin, data[:32]


class _CountingFile:
    """The file as PDFium reads it, with the number of bytes that were read."""

    def __init__(self, file: BinaryIO):
        self.file, self.bytes_read = file, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.bytes_read += len(data)
        return data

    def readinto(self, buffer) -> int:
        count = self.file.readinto(buffer)  # type: ignore[attr-defined]
        self.bytes_read += count
        return count


class OpenPdf:
    """A file that passed `check_ends`, opened. A file that only its owner's password protects opens without one.

    PDFium keeps all that it has read of a document, pictures included. So the document is opened anew when that is much.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self._open()
        self.page_count = len(self.pdfium)
        if self.page_count == 0:
            raise RejectedDocument(400, "no_pages", "the PDF has no pages")
        if self.page_count > MAX_PAGES:
            raise RejectedDocument(400, "too_many_pages", f"the PDF has more than {MAX_PAGES} pages")

    def _open(self) -> None:
        self.file.seek(0)
        self.counted = _CountingFile(self.file)
        try:
            self.pdfium = pypdfium2.PdfDocument(self.counted)
        except pypdfium2.PdfiumError as error:
            if reason := _PROTECTED.get(getattr(error, "err_code", None)):
                raise RejectedDocument(400, "encrypted_pdf", reason) from error
            raise RejectedDocument(400, "broken_pdf", f"the PDF is damaged and cannot be opened; {_SAVE_ANEW}") from error
        if pdfium.FPDF_GetFormType(self.pdfium) == pdfium.FORMTYPE_ACRO_FORM:
            self.pdfium.init_forms()  # draws the values of fields that have no appearance
        self.opening_bytes = self.counted.bytes_read

    def title(self) -> str:
        """The title in the file's metadata, or ""."""
        try:
            return self.pdfium.get_metadata_value("Title").strip()
        except (pypdfium2.PdfiumError, UnicodeError):
            return ""

    def pages(self) -> Iterator[InputPage]:
        """Reads the pages in order, one at a time. A page is closed when the next one is asked for."""
        for index in range(self.page_count):
            if self.counted.bytes_read > self.opening_bytes + MAX_KEPT_BYTES:
                self.pdfium.close()
                self._open()
            page = self._page(index)
            if pdfium.FPDFPage_GetAnnotCount(page) > 0:
                # Form fields and annotations become part of the page, so that text and picture have them. Only in memory.
                if pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) == pdfium.FLATTEN_SUCCESS:
                    page.close()
                    page = self._page(index)
            try:
                yield _read(page, index + 1)
            finally:
                page.close()

    def _page(self, index: int) -> pypdfium2.PdfPage:
        try:
            return self.pdfium[index]
        except pypdfium2.PdfiumError as error:
            reason = f"the PDF is damaged: page {index + 1} of {self.page_count} cannot be opened; {_SAVE_ANEW}"
            raise RejectedDocument(400, "broken_pdf", reason) from error


def _read(page: pypdfium2.PdfPage, number: int) -> InputPage:
    width, height = page.get_size()
    turn = 90 * pdfium.FPDFPage_GetRotation(page)
    text_page = page.get_textpage()
    try:
        angle = _usual_angle(text_page)
        if (angle - turn) % 360 == 270:
            # PDFium reverses the lines of text that runs downwards on the page as shown; so it is read upright.
            text_page.close()
            page.set_rotation(angle)
            text_page = page.get_textpage()
            page.set_rotation(turn)
        characters = max(0, text_page.count_chars())
        count = min(characters, MAX_PAGE_CHARACTERS)
        text = text_page.get_text_range(0, count) if count else ""
        undecoded, is_part_undecoded = _undecoded(text_page, count)
        boxes = [text_page.get_rect(index) for index in range(min(text_page.count_rects(), 5000))] if count else []
        found = painted.examine(page, text_page, count, MIN_PICTURE_SHARE)
    finally:
        text_page.close()
    # PDFium joins "AB-" and "1234" of two lines and leaves a noncharacter where the hyphen was.
    text = text.replace("\r\n", "\n").replace("\ufffe", "-\n").replace("\x02", "-\n").replace("\0", "\ufffd")
    return InputPage(
        number, page, width, height, text, undecoded, is_part_undecoded, characters > count, found,
        turn, page.get_bbox(), boxes,
    )  # fmt: skip


def _usual_angle(text_page: pypdfium2.PdfTextPage) -> int:
    """The direction of most of the text in degrees from the left to the right counterclockwise, to a quarter turn."""
    count = max(0, text_page.count_chars())
    sample = range(0, count, max(1, count // 100))
    angles = Counter(-90 * round(math.degrees(pdfium.FPDFText_GetCharAngle(text_page, index)) / 90) % 360 for index in sample)
    return max(angles, key=angles.__getitem__, default=0)


def _undecoded(text_page: pypdfium2.PdfTextPage, count: int) -> tuple[float, bool]:
    """The share of letters whose font does not say what they are, and whether so many stand together that they are words."""

    def is_undecoded(index: int) -> bool:
        return pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1

    def is_letter(index: int) -> bool:
        return not chr(pdfium.FPDFText_GetUnicode(text_page, index) & 0xFFFF).isspace()

    sample = range(0, count, SAMPLED_LETTERS)
    errors = [index for index in sample if is_undecoded(index)]
    after = 0
    for index in errors:
        if index < after:
            continue
        after, letters = index, 0
        while after < count and (is_undecoded(after) or (after + 1 < count and is_undecoded(after + 1))):
            letters += is_letter(after)
            after += 1
        if letters >= MIN_UNDECODED_RUN:
            return len(errors) / len(sample), True
    return len(errors) / len(sample) if sample else 0.0, False
