"""Makes a scan searchable: adds the recognized words to the pages as invisible text, with pikepdf (qpdf).

The pages' own contents, pictures and annotations stay as they are; compressed data is copied, not packed anew. Each word
has its middle in that of its box: its letters are stretched to its width and stand in the direction of its line, flat where that
is hardly skewed, and a blank follows it.
"""

import base64
import io
import math
from typing import BinaryIO
import zlib

import pikepdf
from pikepdf import Array, Dictionary, Name

from document import ReadPage
from pdf_input import RejectedDocument

FONT = Name("/DocketTextLayer")  # a resource name that no other program uses
LETTER_WIDTH = 0.5  # of the font size
DESCENT = 0.2  # of the font size
TEXT_HEIGHT = 0.65  # of a detected line
FLAT_SLOPE = 0.09  # 5 degrees: the end of a word of 10 letters is then a third of its height beside its place
# A TrueType font with one glyph, a box half as wide as high. PDFium drops letters of fonts whose glyphs are empty.
# Made with fontTools' FontBuilder: 1000 units per em, glyphs ".notdef" (empty) and "box" (0,-200 to 500,800). A descent of 0 makes
# poppler assume another.
BOX_FONT = zlib.decompress(base64.b64decode(
    "eNpjYGRgYOBiaGBgZlDwD9Y3chR3jGBgYNQAiiYk5yYWMPAwFAP5E4B8k/ScyjTmPMYfQP4ZIF8qIzUxJZHb2QLIXgPEZhlAAVYxRj0g+wkQq2"
    "TkllQwfgGyGBg7gARbTn5yIgMvmH8ExM9NrChgYGFgA/I5gHyFvMTcVBAPyH8Bki/ILy4BugvE/wCSZwC5FYh9xHuN4/ltvjIwM4PUoYH/Foxf"
    "mBWADGYGJqgQUA+zwn+gO6Gu+QI2CRkwgkWYgK6ByDBhGMvM+AUYCqxAFYQBiun2QAB2vQJO9Qowl8HtBvlaBEgygmkWsF4WqOsU/v+HkP8fIt"
    "nEC7EX6nugflFBRUHGLyeYX/yRgKlhg5qMBwAA/Lc3nw=="
))  # fmt: skip
# The beginning of a linearized file says how many pages it has. Larger files are not linearized: they are written twice for it,
# which takes as long as reading them.
MAX_LINEARIZED_BYTES = 100_000_000


class TextLayer:
    """Adds the words page by page, then writes the file."""

    def __init__(self, source: BinaryIO):
        source.seek(0, io.SEEK_END)
        self.linearized = source.tell() <= MAX_LINEARIZED_BYTES
        source.seek(0)
        try:
            # Mapped into memory, a file of 1 GB would be more address space than a document may have.
            self.pdf = pikepdf.open(source, access_mode=pikepdf.AccessMode.stream)
            self.page_count = len(self.pdf.pages)
        except pikepdf.PasswordError as error:
            raise RejectedDocument(400, "encrypted_pdf", "the PDF opens only with a password; upload it without one") from error
        except pikepdf.PdfError as error:
            raise _damaged() from error
        self.font: pikepdf.Object | None = None
        self.layered = 0
        self.unread: list[int] = []

    def add(self, page: ReadPage) -> None:
        """Adds the words of one page."""
        if page.number > self.page_count:
            raise _damaged()
        if page.unread:
            self.unread.append(page.number)
        target = self.pdf.pages[page.number - 1]
        operators = []
        for line in (line for line in page.lines if line["readable"]):
            for word in line["words"]:
                corners = page.corners(word)
                if not page.has_text_at(corners):
                    operators.append(_word(word["text"], corners))
        if page.unread and not page.recognized and not page.has_own_text:
            text = f"Page {page.number}: not recognized, because there is no OCR here."
            operators.append(_word(text, [page.in_user_space(x, y) for x, y in _top_line(page)]))
        if not operators:
            return
        if self.font is None:
            self.font = _font(self.pdf)
        try:
            target.add_resource(self.font, Name.Font, FONT)
            # Some producers do not restore the graphics state.
            target.contents_add(b"q", prepend=True)
            target.contents_add(b"Q BT 3 Tr\n" + b"\n".join(operators) + b"\nET")
        except (pikepdf.PdfError, TypeError, ValueError) as error:  # a page that is no dictionary, or has none where one belongs
            raise _damaged() from error
        self.layered += 1

    def write(self, output: BinaryIO) -> None:
        """Writes the file, with a line about the layer in its metadata."""
        comment = f"invisible text added to {self.layered} of {self.page_count} pages by Docket's reference model"
        if self.unread:
            numbers = ", ".join(map(str, self.unread[:200]))
            comment += f"; text that could not be read on {len(self.unread)} pages: {numbers}"
        try:
            info = self.pdf.docinfo
            info[Name("/DocketTextLayer")] = comment
            self.pdf.save(output, compress_streams=True, fix_metadata_version=False, preserve_pdfa=False, linearize=self.linearized)
        except pikepdf.PdfError as error:
            raise _damaged() from error


def _damaged() -> RejectedDocument:
    reason = "the PDF is damaged: its pages can be shown but not written; save or print it anew as a PDF and upload that"
    return RejectedDocument(400, "broken_pdf", reason)


def _word(text: str, corners: list[tuple[float, float]]) -> bytes:
    """The operators that place one word between its corners: top left, top right, bottom right, bottom left.

    The middle of the word is that of its corners. A word that is hardly skewed lies flat on it: poppler takes a letter that
    is half a point higher than the first of its word for another word.
    """
    (left, top), (right, right_top), (right_below, right_y), (left_below, left_y) = corners
    x, y = (left + right + right_below + left_below) / 4, (top + right_top + right_y + left_y) / 4
    along = _flat((right + right_below - left - left_below) / 2, (right_top + right_y - top - left_y) / 2)
    up = _flat((left + right - left_below - right_below) / 2, (top + right_top - left_y - right_y) / 2)
    # Detected lines are higher than their letters, and poppler takes a gap for a blank by its share of the size.
    up = (up[0] * TEXT_HEIGHT, up[1] * TEXT_HEIGHT)
    size = max(1.0, math.hypot(*up))
    letters = text.encode("utf-16-be", "replace")
    across = len(letters) / 2 * LETTER_WIDTH * size
    x, y = (middle - right / 2 - (0.5 - DESCENT) * above for middle, right, above in zip((x, y), along, up))
    matrix = (along[0] / across, along[1] / across, up[0] / size, up[1] / size, x, y)
    numbers = b" ".join(b"%.4f" % number for number in matrix)
    return b"%s %.2f Tf %s Tm <%s0020> Tj" % (str(FONT).encode(), size, numbers, letters.hex().encode())


def _flat(x: float, y: float) -> tuple[float, float]:
    """The vector, along an axis if it is nearly so."""
    if abs(y) <= FLAT_SLOPE * abs(x):
        return math.copysign(math.hypot(x, y), x), 0.0
    if abs(x) <= FLAT_SLOPE * abs(y):
        return 0.0, math.copysign(math.hypot(x, y), y)
    return x, y


def _top_line(page: ReadPage) -> list[tuple[float, float]]:
    left, right, top, bottom = 36.0, max(72.0, page.width - 36), page.height - 40, page.height - 48
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _font(pdf: pikepdf.Pdf) -> pikepdf.Object:
    """A composite font whose codes are UTF-16 and whose glyphs are all the box."""
    file = pdf.make_stream(BOX_FONT)
    file.Length1 = len(BOX_FONT)
    descriptor = Dictionary(
        Type=Name.FontDescriptor, FontName=Name.DocketBox, Flags=4, FontBBox=Array([0, -200, 500, 800]), ItalicAngle=0,
        Ascent=800, Descent=-200, CapHeight=800, StemV=80, FontFile2=file,
    )  # fmt: skip
    glyphs = pdf.make_stream(b"\x00\x01" * 65536)
    descendant = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.DocketBox, DW=int(LETTER_WIDTH * 1000), CIDToGIDMap=glyphs,
        CIDSystemInfo=Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
    )  # fmt: skip
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.DocketBox, Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]), ToUnicode=pdf.make_stream(_to_unicode()),
        )
    )  # fmt: skip


def _to_unicode() -> bytes:
    """Every code is its own character. A range must not cross the first byte, and a block has at most 100 ranges."""
    ranges = [b"<%02X00> <%02XFF> <%02X00>" % (high, high, high) for high in range(256) if not 0xD8 <= high <= 0xDF]
    blocks = []
    for first in range(0, len(ranges), 100):
        block = ranges[first : first + 100]
        blocks.append(b"%d beginbfrange\n%s\nendbfrange" % (len(block), b"\n".join(block)))
    return (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        b"/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        + b"\n".join(blocks)
        + b"\nendcmap CMapName currentdict /CMap defineresource pop end end"
    )
