"""Makes a scan searchable: appends invisible text to the original file.

PDF allows appended changes (ISO 32000-1, 7.5.6, incremental updates). So the original, up to 1 GB,
is neither copied nor held in memory: this module only writes the bytes that follow it.

A real OCR model would write the recognized text here. The reference model has no OCR: a page
without text gets one line that says so and describes the page's images. Pages with text are
unchanged.
"""

from io import BytesIO
from typing import BinaryIO

from pypdf import PdfReader
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    TextStringObject,
)

from pdf_input import Layout, Page, RejectedDocument, describe, images, page_text, pages

FONT = "/DocketTextLayer"  # a resource name that no other program uses


class IncrementalUpdate:
    """The appended objects and their offsets."""

    def __init__(self, layout: Layout, reader: PdfReader, out: BinaryIO):
        self.layout, self.reader, self.out = layout, reader, out
        self.offsets: dict[int, tuple[int, int]] = {}  # number -> (offset, generation)
        self.next_number = max(int(reader.trailer["/Size"]), _highest(reader) + 1)
        self.out.write(b"\n")  # the original may end without a newline

    def position(self) -> int:
        """The offset of the next byte, relative to the original's base."""
        return self.layout.size + self.out.tell() - self.layout.base

    def add(self, value: PdfObject | bytes) -> IndirectObject:
        """Appends a new object; bytes become a stream."""
        reference = IndirectObject(self.next_number, 0, self.reader)
        self.next_number += 1
        self.put(reference, value)
        return reference

    def put(self, reference: IndirectObject, value: PdfObject | bytes) -> None:
        """Appends an object. If its number exists, this version replaces the earlier one."""
        self.offsets[reference.idnum] = (self.position(), reference.generation)
        self.out.write(b"%d %d obj\n" % (reference.idnum, reference.generation))
        if isinstance(value, bytes):
            self.out.write(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(value), value))
        else:
            buffer = BytesIO()
            value.write_to_stream(buffer)
            self.out.write(buffer.getvalue())
        self.out.write(b"\nendobj\n")

    def finish(self, info: IndirectObject) -> None:
        """Writes the cross-reference section, in the original's format, and the end."""
        trailer = DictionaryObject()
        for key in ("/Root", "/ID"):
            if key in self.reader.trailer:
                trailer[NameObject(key)] = self.reader.trailer.raw_get(key)
        trailer[NameObject("/Info")] = info
        trailer[NameObject("/Prev")] = NumberObject(self.layout.startxref)
        start = self.position()
        if self.layout.xref_is_stream:
            self._xref_stream(trailer, start)
        else:
            self._xref_table(trailer)
        self.out.write(b"startxref\n%d\n%%%%EOF\n" % start)

    def _runs(self) -> list[list[int]]:
        runs: list[list[int]] = []
        for number in sorted(self.offsets):
            if runs and runs[-1][-1] + 1 == number:
                runs[-1].append(number)
            else:
                runs.append([number])
        return runs

    def _xref_table(self, trailer: DictionaryObject) -> None:
        # The standard does not require this entry (the head of the free list) here, but some readers do.
        self.out.write(b"xref\n0 1\n0000000000 65535 f \n")
        for run in self._runs():
            self.out.write(b"%d %d\n" % (run[0], len(run)))
            for number in run:
                self.out.write(b"%010d %05d n \n" % self.offsets[number])
        trailer[NameObject("/Size")] = NumberObject(self.next_number)
        self.out.write(b"trailer\n")
        trailer.write_to_stream(self.out)
        self.out.write(b"\n")

    def _xref_stream(self, trailer: DictionaryObject, start: int) -> None:
        own = self.next_number
        self.next_number += 1
        self.offsets[own] = (start, 0)
        runs = self._runs()
        body = b"".join(
            b"\x01" + self.offsets[number][0].to_bytes(5, "big") + self.offsets[number][1].to_bytes(2, "big")
            for run in runs
            for number in run
        )
        trailer[NameObject("/Type")] = NameObject("/XRef")
        trailer[NameObject("/Size")] = NumberObject(self.next_number)
        trailer[NameObject("/W")] = ArrayObject([NumberObject(1), NumberObject(5), NumberObject(2)])
        trailer[NameObject("/Index")] = ArrayObject([NumberObject(part) for run in runs for part in (run[0], len(run))])
        trailer[NameObject("/Length")] = NumberObject(len(body))
        self.out.write(b"%d 0 obj\n" % own)
        trailer.write_to_stream(self.out)
        self.out.write(b"\nstream\n" + body + b"\nendstream\nendobj\n")


def add_text_layer(layout: Layout, reader: PdfReader, out: BinaryIO) -> dict:
    """Writes the bytes that follow the original to `out`; returns the numbers of pages.

    `out` must be empty. Raises `RejectedDocument` for a document whose pages cannot be read.
    """
    try:
        return _add(layout, reader, out)
    except (MemoryError, RejectedDocument):
        raise
    except Exception as error:  # an unexpected object type can occur almost anywhere
        raise RejectedDocument(400, "broken_pdf", f"broken PDF: {describe(error)}") from error


def _add(layout: Layout, reader: PdfReader, out: BinaryIO) -> dict:
    update = IncrementalUpdate(layout, reader, out)
    font = before = None
    count = layered = 0
    for page in pages(reader):
        count += 1
        if page_text(page).strip():
            continue
        if font is None:
            font = update.add(
                DictionaryObject(
                    {
                        NameObject("/Type"): NameObject("/Font"),
                        NameObject("/Subtype"): NameObject("/Type1"),
                        NameObject("/BaseFont"): NameObject("/Helvetica"),
                        NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
                    }
                )
            )
            before = update.add(b"q")  # the Q of the text layer restores the graphics state
        text = update.add(_invisible_text(_placeholder(page), page))
        update.put(page.reference, _with_layer(page, font, before, text))
        layered += 1
    if count == 0:
        raise RejectedDocument(400, "no_pages", "the PDF has no pages")
    comment = f"invisible text added to {layered} of {count} pages by Docket's reference model, which does no OCR"
    info = DictionaryObject()
    old = reader.trailer.get("/Info")
    old = old.get_object() if old is not None else None
    if isinstance(old, DictionaryObject):
        for key in old:
            info[NameObject(key)] = old.raw_get(key)
    info[NameObject("/DocketTextLayer")] = TextStringObject(comment)
    update.finish(update.add(info))
    return {"pages": count, "layered": layered}


def _with_layer(page: Page, font: IndirectObject, before: IndirectObject, text: IndirectObject) -> DictionaryObject:
    """The page's dictionary with the added font and content streams."""
    original = page.reference.get_object()
    changed = DictionaryObject({NameObject(key): original.raw_get(key) for key in original})
    resources = DictionaryObject()
    inherited = page.content.get("/Resources")
    inherited = inherited.get_object() if inherited is not None else None
    if isinstance(inherited, DictionaryObject):
        for key in inherited:
            resources[NameObject(key)] = inherited.raw_get(key)
    fonts = DictionaryObject()
    present = resources.get("/Font")
    present = present.get_object() if present is not None else None
    if isinstance(present, DictionaryObject):
        for key in present:
            fonts[NameObject(key)] = present.raw_get(key)
    fonts[NameObject(FONT)] = font
    resources[NameObject("/Font")] = fonts
    changed[NameObject("/Resources")] = resources

    old = changed.raw_get("/Contents") if "/Contents" in changed else None
    resolved = old.get_object() if old is not None else None
    parts = list(resolved) if isinstance(resolved, ArrayObject) else [old] if resolved is not None else []
    changed[NameObject("/Contents")] = ArrayObject([before, *parts, text])
    return changed


def _placeholder(page: Page) -> str:
    sizes = ", ".join(f"{width} x {height} pixels" for width, height in images(page)[:4])
    content = f"image of {sizes}" if sizes else "no image"
    return f"Page {page.number}: {content}. The reference model does no OCR; a real model would add the recognized text here."


def _invisible_text(line: str, page: Page) -> bytes:
    """A content stream that shows `line` near the top left corner in text render mode 3."""
    try:
        left, _, _, top = (float(side) for side in page.content["/MediaBox"])
    except Exception:  # invalid media box: readers then assume US Letter
        left, top = 0.0, 792.0
    escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    x, y = FloatObject(left + 36), FloatObject(top - 48)
    return f"Q BT 3 Tr {FONT} 8 Tf 1 0 0 1 {x} {y} Tm ({escaped}) Tj ET".encode("latin-1", "replace")


def _highest(reader: PdfReader) -> int:
    """The highest object number in use: some files have a /Size that is too small."""
    numbers = [number for table in reader.xref.values() for number in table]
    return max([*numbers, *reader.xref_objStm], default=0)
