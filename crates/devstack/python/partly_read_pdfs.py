"""PDFs for tests: a contract whose clauses on liability and governing law are on the page, but not as text."""

import ctypes
import io

import pikepdf
from pikepdf import Array, Dictionary, Name
import pypdfium2
import pypdfium2.raw as pdfium

from hostile_pdfs import one_page, pdf, stream
from test_documents import CONTRACT, contract

GOOD = (
    "SERVICE AGREEMENT",
    "between Alder Ltd (Customer) and Birch GmbH (Supplier)",
    "1. Term. This Agreement runs for 12 months from 1 January 2026 and ends without notice.",
    "2. Termination. Either party may terminate this Agreement with a notice of 30 days.",
    "3. Fees. The Customer pays EUR 4,000 for each month, within 30 days of the invoice. The invoice",
    "names the days on which the Supplier worked and the persons who did the work. It is sent to the",
    "address that the Customer states, and it is due even if the Customer did not use the services.",
    "4. Confidentiality. Each party keeps the information of the other party secret and uses it only",
    "for this Agreement. It may be passed on to advisers who are bound to secrecy by their profession.",
    "5. Assignment. Neither party may assign this Agreement without the consent of the other party.",
)
FULL = (
    *GOOD,
    "The liability insurance is a matter of the Supplier. The total of the fees under this Agreement",
    "is limited to EUR 10,000 for each of the years. Germany is the place at which the laws of the",
    "Customer are governed by a notice to the Supplier, as this Agreement is limited to the matter.",
)
CLAUSES = (
    "6. Liability. The total liability of the Supplier under this Agreement is limited to EUR 10,000.",
    "7. Governing law. This Agreement is governed by the laws of Germany.",
)
HEADER = "Alder Ltd and Birch GmbH, Service Agreement of 1 January 2026, for the eyes of the parties and of their advisers only, file 4711, page 1 of 1"
WIDTH, HEIGHT = 595, 842
HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def rendered(data: bytes, scale: float = 200 / 72) -> tuple[int, int, bytes]:
    """Width, height and grey pixels of the first page."""
    with pypdfium2.PdfDocument(data) as source:
        page = source[0]
        bitmap = page.render(scale=scale, grayscale=True)
        rows = memoryview(bitmap.buffer).cast("B")
        lines = [bytes(rows[y * bitmap.stride : y * bitmap.stride + bitmap.width]) for y in range(bitmap.height)]
        return bitmap.width, bitmap.height, b"".join(lines)


def changed(data: bytes, change) -> bytes:
    """The PDF after `change(document, first page)`."""
    with pikepdf.open(io.BytesIO(data)) as opened:
        change(opened, opened.pages[0])
        out = io.BytesIO()
        opened.save(out)
    return out.getvalue()


def image(opened: pikepdf.Pdf, width: int, height: int, pixels: bytes) -> pikepdf.Stream:
    made = opened.make_stream(pixels)
    made.Type, made.Subtype, made.ColorSpace = Name.XObject, Name.Image, Name.DeviceGray
    made.Width, made.Height, made.BitsPerComponent = width, height, 8
    return made


def form(opened: pikepdf.Pdf, content: bytes, matrix: tuple = (1, 0, 0, 1, 0, 0), **xobjects) -> pikepdf.Stream:
    made = opened.make_stream(content)
    made.Type, made.Subtype, made.BBox, made.Matrix = Name.XObject, Name.Form, Array([-3000, -3000, 3000, 3000]), Array(list(matrix))
    made.Resources = Dictionary(XObject=Dictionary(**xobjects))
    return made


def shift(text: str, by: int = 3) -> str:
    """The text with its letters moved in the alphabet, as fonts of a subset with a wrong table give it."""
    return "".join(chr((ord(x) - base + by) % 26 + base) if x.isalpha() and x.isascii() and (base := 97 if x.islower() else 65) else x for x in text)


def with_font(lines: tuple[str, ...], font: bytes, codes: bytes, extra: dict[int, bytes] | None = None, glyph: bytes = b"/F2 11 Tf") -> bytes:
    """The good lines and below them codes in a second font."""
    def escaped(line: str) -> bytes:
        return line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")

    shown = b" T* ".join(b"(%s) Tj" % escaped(line) for line in lines)
    text = b"BT /F1 11 Tf 60 780 Td 16 TL %s T* %s <%s> Tj ET" % (shown, glyph, codes.hex().encode())
    resources = b"<< /Font << /F1 %s /F2 %s >> >>" % (HELVETICA, font)
    return pdf(one_page(stream(text), resources) | (extra or {}))


def shifted_clause() -> bytes:
    """The last two lines' letters are moved by three, while the glyphs are right: the font's table of letters lies."""
    moved = bytes(ord(shift(chr(code))) for code in range(32, 127))
    cmap = b"".join(b"<%02X> <%04X>\n" % (code, moved[code - 32]) for code in range(32, 127) if chr(code).isalpha())
    table = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange <00> <FF> endcodespacerange %d beginbfchar\n%s endbfchar endcmap end end"
    font = HELVETICA.replace(b">>", b"/ToUnicode 9 0 R >>")
    return with_font(GOOD, font, "  ".join(CLAUSES).encode()[:95], {9: stream(table % (cmap.count(b"\n"), cmap))})


def type3_clause() -> bytes:
    """The clause on liability in a Type3 font whose glyphs have names such as /g12 and no table of letters."""
    outlines = _outlines()
    letters = sorted(set(CLAUSES[0]))
    glyphs = {}
    for number, letter in enumerate(letters):
        width, path = outlines[letter]
        glyphs[20 + number] = stream(b"%.3f 0 d0 %s f" % (width, path))
    procs = b" ".join(b"/g%d %d 0 R" % (number, 20 + number) for number in range(len(letters)))
    names = b" ".join(b"/g%d" % number for number in range(len(letters)))
    widths = b" ".join(b"%.3f" % outlines[letter][0] for letter in letters)
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 -0.3 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 33 /LastChar %d /Widths [%s]"
        b" /CharProcs << %s >> /Encoding << /Type /Encoding /Differences [33 %s] >> >>"
    ) % (32 + len(letters), widths, procs, names)
    return with_font(GOOD, font, bytes(33 + letters.index(letter) for letter in CLAUSES[0]), glyphs)


def private_clause() -> bytes:
    """The clause in codes for private use."""
    table = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange <00> <FF> endcodespacerange"
        b" 1 beginbfrange <20> <7A> <E020> endbfrange endcmap end end"
    )
    return with_font(GOOD, HELVETICA.replace(b">>", b"/ToUnicode 9 0 R >>"), CLAUSES[0].encode(), {9: stream(table)})


def _outlines() -> dict[str, tuple[float, bytes]]:
    """Width and path of Helvetica's glyphs, as PDFium substitutes them, for a size of 1."""
    with pypdfium2.PdfDocument(contract(CONTRACT)) as source:
        page = source[0]
        text_page = page.get_textpage()
        font = pdfium.FPDFTextObj_GetFont(pdfium.FPDFText_GetTextObject(text_page, 0))
        found, width, x, y = {}, ctypes.c_float(), ctypes.c_float(), ctypes.c_float()
        for letter in map(chr, range(32, 127)):
            pdfium.FPDFFont_GetGlyphWidth(font, ord(letter), 1.0, width)
            path, operators, points = pdfium.FPDFFont_GetGlyphPath(font, ord(letter), 1.0), [], []
            for index in range(max(0, pdfium.FPDFGlyphPath_CountGlyphSegments(path)) if path and letter != " " else 0):
                segment = pdfium.FPDFGlyphPath_GetGlyphPathSegment(path, index)
                pdfium.FPDFPathSegment_GetPoint(segment, x, y)
                points.append(b"%.4f %.4f" % (x.value, y.value))
                kind = pdfium.FPDFPathSegment_GetType(segment)
                if kind != pdfium.FPDF_SEGMENT_BEZIERTO or len(points) == 3:
                    operators.append(b" ".join(points) + {0: b" l", 1: b" c", 2: b" m"}[kind])
                    points = []
            found[letter] = (width.value, b" ".join(operators))
        return found


def outlined(lines: tuple[str, ...], top: float, size: float = 11, in_one: bool = False) -> bytes:
    """Operators that fill the glyphs of the lines as paths, each glyph or all as one path."""
    glyphs, drawn = _outlines(), []
    for row, line in enumerate(lines):
        x = 60.0
        for letter in line:
            width, path = glyphs[letter]
            if path:
                drawn.append(b"q %.3f 0 0 %.3f %.3f %.3f cm %s f Q" % (size, size, x, top - 16 * row, path))
            x += width * size
    return b"\n".join(drawn)


def with_outlines(text: tuple[str, ...], lines: tuple[str, ...], top: float) -> bytes:
    return changed(contract(text), lambda _, page: page.contents_add(b"q " + outlined(lines, top) + b" Q"))


def scanned(header: tuple[str, ...], lines: tuple[str, ...], place) -> bytes:
    """A page with a header as text, and a picture of the lines placed by `place(document, page, width, height, pixels)`."""
    picture = rendered(contract(("", "", *lines)))
    return changed(contract(header), lambda opened, page: place(opened, page, *picture))


def nested(opened, page, width, height, pixels) -> None:
    """Form in form in form, scaled and moved on the way."""
    inner = form(opened, b"q 119 0 0 168.4 0 0 cm /Im Do Q", (1, 0, 0, 1, 7, 9), Im=image(opened, width, height, pixels))
    middle = form(opened, b"q 5 0 0 5 -35 -45 cm /A Do Q", A=inner)
    page.add_resource(form(opened, b"/B Do", B=middle), Name.XObject, Name.Scan)
    page.contents_add(b"q /Scan Do Q", prepend=True)


def strips(opened, page, width, height, pixels) -> None:
    """One picture for each row of pixels or two."""
    count = 842
    for index in range(count):
        first, last = height * index // count, height * (index + 1) // count
        name = Name(f"/S{index}")
        page.add_resource(image(opened, width, last - first, pixels[first * width : last * width]), Name.XObject, name)
        page.contents_add(b"q 595 0 0 1 0 %d cm %s Do Q" % (count - 1 - index, str(name).encode()))


def pattern(opened, page, width, height, pixels) -> None:
    """The page filled with a pattern that is the picture."""
    tile = opened.make_stream(b"q 595 0 0 842 0 0 cm /Im Do Q")
    tile.Type, tile.PatternType, tile.PaintType, tile.TilingType = Name.Pattern, 1, 1, 1
    tile.BBox, tile.XStep, tile.YStep = Array([0, 0, 595, 842]), 595, 842
    tile.Resources = Dictionary(XObject=Dictionary(Im=image(opened, width, height, pixels)))
    page.add_resource(tile, Name.Pattern, Name.P1)
    page.contents_add(b"q /Pattern cs /P1 scn 0 0 595 842 re f Q", prepend=True)


def stamped(opened, page, width, height, pixels) -> None:
    """The picture as the look of a stamp."""
    look = form(opened, b"q 595 0 0 842 0 0 cm /Im Do Q", Im=image(opened, width, height, pixels))
    look.BBox = Array([0, 0, 595, 842])
    annotation = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=[0, 0, 595, 842], F=4, AP=Dictionary(N=look))
    page.Annots = Array([opened.make_indirect(annotation)])


def with_layer(operators: bytes, before: bool = False, layer: tuple[str, ...] = GOOD) -> bytes:
    """A scan of the whole contract with a layer of text that lacks clauses. The operators make the text invisible."""
    def place(opened, page, width, height, pixels) -> None:
        page.add_resource(image(opened, width, height, pixels), Name.XObject, Name.Im)
        page.contents_add(b"q %s" % operators, prepend=True)
        page.contents_add(b"Q")
        page.contents_add(b"q 595 0 0 842 0 0 cm /Im Do Q", prepend=not before)

    return scanned(layer, GOOD + CLAUSES, place)


def annotation(with_look: bool) -> bytes:
    """The clauses as an annotation on the page."""
    def add(opened, page) -> None:
        text = " ".join(CLAUSES)
        made = Dictionary(Type=Name.Annot, Subtype=Name.FreeText, Rect=[60, 300, 560, 500], F=4, DA="/F1 10 Tf 0 g", Contents=text)
        if with_look:
            look = opened.make_stream(b"BT /F1 8 Tf 2 80 Td 12 TL (%s) Tj T* (%s) Tj ET" % tuple(line.encode() for line in CLAUSES))
            look.Type, look.Subtype, look.BBox, look.Resources = Name.XObject, Name.Form, Array([0, 0, 500, 200]), page.Resources
            made.AP = Dictionary(N=look)
        page.Annots = Array([opened.make_indirect(made)])

    return changed(contract(GOOD), add)


UNREAD = {
    "letters of one clause are moved": shifted_clause,
    "Type3 font without a table of letters": type3_clause,
    "private codes": private_clause,
    "symbols": lambda: with_font(GOOD, HELVETICA.replace(b"Helvetica", b"ZapfDingbats"), CLAUSES[0].encode()),
    "clauses as outlines": lambda: with_outlines(GOOD, CLAUSES, 500),
    "clauses as outlines among the same words": lambda: with_outlines(FULL, CLAUSES, 440),
    "body as outlines below a header": lambda: with_outlines((HEADER[:90],), GOOD + CLAUSES, 700),
    "one line as outlines on a short page": lambda: with_outlines(CONTRACT[:4], CLAUSES[:1], 600),
    "scan in nested forms": lambda: scanned((HEADER[:90],), GOOD + CLAUSES, nested),
    "scan in strips": lambda: scanned((HEADER[:90],), GOOD + CLAUSES, strips),
    "scan as a pattern": lambda: scanned((HEADER[:90],), GOOD + CLAUSES, pattern),
    "scan as a stamp": lambda: scanned((HEADER[:90],), GOOD + CLAUSES, stamped),
    "invisible text over a scan": lambda: with_layer(b"3 Tr"),
    "white text over a scan": lambda: with_layer(b"1 g"),
    "text below a scan": lambda: with_layer(b"", before=True),
}  # fmt: skip
