"""Tests that nothing is said to be missing from a contract of which a part cannot be read, and that ordinary pages need no OCR.

Every document is a contract whose clauses on liability and governing law are on the page, but not as text. With OCR they
are found, or the page is flagged; without OCR it is flagged. The tests with OCR need the packages of requirements-ocr.txt.
"""

import ctypes
import io
import json
from unittest import mock
import unittest

import pikepdf
from pikepdf import Array, Dictionary, Name
import pypdfium2
import pypdfium2.raw as pdfium

import contract_review
import contract_text
import document
from hostile_pdfs import one_page, pdf, stream
import ocr_pool
import pdf_input
import pdf_structure
from test_documents import CONTRACT, contract
from test_reference_model import RunningModel, SAMPLES

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
    note = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=[0, 0, 595, 842], F=4, AP=Dictionary(N=look))
    page.Annots = Array([opened.make_indirect(note)])


def with_layer(operators: bytes, before: bool = False, layer: tuple[str, ...] = GOOD) -> bytes:
    """A scan of the whole contract with a layer of text that lacks clauses. The operators make the text invisible."""
    def place(opened, page, width, height, pixels) -> None:
        page.add_resource(image(opened, width, height, pixels), Name.XObject, Name.Im)
        page.contents_add(b"q %s" % operators, prepend=True)
        page.contents_add(b"Q")
        page.contents_add(b"q 595 0 0 842 0 0 cm /Im Do Q", prepend=not before)

    return scanned(layer, GOOD + CLAUSES, place)


def note(with_look: bool) -> bytes:
    """The clauses as a note on the page."""
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


def serious(review: dict) -> list[str]:
    return [flag["reason"] for flag in review["flags"] if flag["severity"] == "high"]


class UnreadPartsTest(unittest.TestCase):
    """Parts that are seen but are no text."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.blind = RunningModel("--no-ocr")
        cls.addClassCleanup(cls.blind.end)

    def review(self, model: RunningModel, data: bytes) -> dict:
        status, body = model.post(data)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def test_without_ocr_the_page_is_flagged_and_nothing_is_said_to_be_missing(self) -> None:
        for name, make in UNREAD.items():
            with self.subTest(name):
                review = self.review(self.blind, make())
                self.assertRegex("\n".join(serious(review)), "^cannot be read: page 1: .*no OCR here$")
                self.assertFalse([flag for flag in review["flags"] if flag["reason"].startswith("no ")])

    @unittest.skipUnless(ocr_pool.is_installed(), "requirements-ocr.txt is not installed")
    def test_with_ocr_the_clauses_are_found(self) -> None:
        model = RunningModel()
        self.addCleanup(model.end)
        for name, make in UNREAD.items():
            with self.subTest(name):
                review = self.review(model, make())
                if name == "symbols":  # nobody can read them
                    self.assertRegex("\n".join(serious(review)), "^cannot be read: page 1: some of the letters cannot be decoded, and")
                    self.assertNotIn('"no ', json.dumps(review["flags"]))
                    continue
                self.assertIn("liability_cap", {clause["type"] for clause in review["clauses"]})
                self.assertFalse([flag for flag in review["flags"] if flag["reason"].startswith(("no limitation", "cannot"))], review["flags"])
                self.assertIn("read by OCR: page 1", json.dumps(review["flags"]))

    @unittest.skipUnless(ocr_pool.is_installed(), "requirements-ocr.txt is not installed")
    def test_ocr_makes_the_words_of_an_undecodable_clause_searchable_once(self) -> None:
        model = RunningModel()
        self.addCleanup(model.end)
        status, once = model.post(shifted_clause(), "application/pdf")
        self.assertEqual(status, 200, once)
        status, twice = model.post(once, "application/pdf")
        for data in (once, twice):
            with pypdfium2.PdfDocument(data) as opened:
                text = opened[0].get_textpage().get_text_range()
            self.assertEqual(text.count("liability"), 1, text)
            self.assertEqual(text.count("Confidentiality"), 1)

    def test_notes_are_part_of_the_text(self) -> None:
        for with_look in (True, False):
            review = self.review(self.blind, note(with_look))
            self.assertLessEqual({"liability_cap", "governing_law"}, {clause["type"] for clause in review["clauses"]})
            self.assertEqual(serious(review), [])

    def test_a_page_with_more_letters_than_are_read_is_flagged(self) -> None:
        filler = "The parties agree that the schedule of the works is as follows and that it is part of this Agreement. " * 3
        lines = [*GOOD, *[filler] * (pdf_input.MAX_PAGE_CHARACTERS // len(filler) + 5), *CLAUSES]
        shown = b" T* ".join(b"(%s) Tj" % line.encode().replace(b"(", b"\\(").replace(b")", b"\\)") for line in lines)
        data = pdf(one_page(stream(b"BT /F1 1 Tf 60 780 Td 1 TL %s ET" % shown)))
        review = self.review(self.blind, data)
        self.assertEqual(serious(review), ["cannot be read: page 1: only the first 200,000 letters of a page are read"])
        self.assertNotIn('"no ', json.dumps(review["flags"]))

    def test_a_document_with_more_letters_than_are_read_is_flagged(self) -> None:
        file = io.BytesIO(contract(GOOD + CLAUSES))
        opened, pages = pdf_input.OpenPdf(file), []
        document.read(opened, None, lambda *_: None, pages.append)
        with mock.patch.object(contract_text, "MAX_CHARACTERS", 700):
            review = contract_review.review(opened, pages, pdf_structure.Structure())
        self.assertEqual(serious(review), ["cannot be read: page 1: only the first 700 letters of a document are read"])
        self.assertNotIn('"no ', json.dumps(review["flags"]))

    def test_a_line_of_any_length_is_read_to_its_end(self) -> None:
        filler = "The parties agree on the schedule of the works in the annex. " * 200
        found = contract_text.lines([f"{filler}{CLAUSES[0]}", "two", "three"])
        self.assertTrue(found[-3].text.endswith("EUR 10,000."), found[-3])
        self.assertEqual("".join(line.text for line in found if line.page == 1).replace(" ", ""), f"{filler}{CLAUSES[0]}".replace(" ", ""))

    def test_a_form_field_with_more_text_than_is_read_is_flagged(self) -> None:
        def add(opened, page) -> None:
            value = "The Supplier works on the days that the annex names. " * 500 + CLAUSES[0]
            field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="more", V=value, Rect=[60, 400, 560, 420], DA="/Helv 10 Tf 0 g", F=4)
            field = opened.make_indirect(field)
            page.Annots, opened.Root.AcroForm = Array([field]), Dictionary(Fields=[field], DA="/Helv 10 Tf 0 g")

        review = self.review(self.blind, changed(contract(GOOD), add))
        self.assertEqual(serious(review), ["cannot be read: page 1: form fields or notes with more text than is read"])


class OrdinaryPagesTest(unittest.TestCase):
    """Pages that need no OCR: it would make good contracts slow, and flagged where it is not installed."""

    def must_be_seen(self, data: bytes) -> list[int]:
        opened, drawings = pdf_input.OpenPdf(io.BytesIO(data)), set()
        return [page.number for page in opened.pages() if document.judge(page, drawings).must_be_seen()]

    def test_no_page_of_the_samples_that_is_text_is_recognized(self) -> None:
        names = [path for path in sorted((SAMPLES / "contracts").glob("*.pdf")) if "(scan)" not in path.name]
        self.assertGreaterEqual(len(names), 8)
        for path in names:
            self.assertEqual(self.must_be_seen(path.read_bytes()), [], path.name)

    def test_rules_boxes_logos_backgrounds_and_lists_are_no_pictures_of_text(self) -> None:
        ruled = b"0.5 w " + b" ".join(b"60 %d 400 12 re S 60 %d m 500 %d l S" % (y, y, y) for y in range(100, 700, 14))
        dots = b" ".join(b"%d 400 m %d.5 400.5 %d.7 401 %d 401 c f" % (x, x, x, x) for x in range(60, 500, 3))
        logo = outlined(("ALDER & BIRCH",), 800)

        def background(opened, page) -> None:
            page.add_resource(image(opened, 8, 8, bytes([250] * 64)), Name.XObject, Name.Im)
            page.contents_add(b"q 595 0 0 842 0 0 cm /Im Do Q", prepend=True)

        def watermark(is_masked: bool):
            def add(opened, page) -> None:
                made = image(opened, 60, 80, bytes([255, 200] * 2400))
                if is_masked:
                    made.SMask = image(opened, 60, 80, bytes([0, 40] * 2400))
                page.add_resource(made, Name.XObject, Name.Im)
                page.add_resource(Dictionary(ca=1 if is_masked else 0.3), Name.ExtGState, Name.G)
                page.contents_add(b"q /G gs 595 0 0 842 0 0 cm /Im Do Q")

            return add

        for data in (
            changed(contract(GOOD), watermark(True)),
            changed(contract(GOOD), watermark(False)),
            changed(contract(GOOD), lambda _, page: page.contents_add(ruled)),
            changed(contract(CONTRACT[:3]), lambda _, page: page.contents_add(ruled)),
            changed(contract(GOOD), lambda _, page: page.contents_add(dots)),
            changed(contract(CONTRACT[:3]), lambda _, page: page.contents_add(logo)),
            changed(contract(GOOD), background),
            contract(("Place, date" + "\xa0" * 60 + "Signature" + "\xa0" * 40, *GOOD)),  # Helvetica's own encoding has no such blank
            contract((*GOOD, "Annex 1. Persons: " + "Anna Kowalska, Jürgen Groß, Zoë Lindqvist, Petr Chytil, Manfred Schwarz, Wolfgang Pfitzner,")),
            contract((*GOOD, "GmbH, AG, KfW, B2B, 24/7, ISO 9001, DIN EN 60529, IP67, RAL 9005, USt-IdNr. DE 123 456 789, HRB 4711")),
        ):
            self.assertEqual(self.must_be_seen(data), [])

    def test_a_drawing_on_every_page_is_recognized_once(self) -> None:
        letterhead = changed(contract(GOOD), lambda _, page: page.contents_add(outlined(("ALDER AND BIRCH, SOLICITORS AND NOTARIES PUBLIC,", "12 HARBOUR ROAD, LEEDS, REGISTERED IN ENGLAND"), 820)))
        with pikepdf.open(io.BytesIO(letterhead)) as opened:
            opened.pages.extend([opened.pages[0]] * 2)
            out = io.BytesIO()
            opened.save(out)
        self.assertEqual(self.must_be_seen(out.getvalue()), [1])


class OddPagesTest(unittest.TestCase):
    """Pages as PDFium shows them although they are not as the standard says."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = RunningModel("--no-ocr")
        cls.addClassCleanup(cls.model.end)

    def test_odd_turns_and_boxes_get_a_text_layer(self) -> None:
        blank = changed(contract(("x",)), lambda _, page: page.obj.__setitem__("/Contents", page.obj.Contents))
        for key, value in (
            ("/Rotate", Name.X), ("/Rotate", pikepdf.String("90")), ("/Rotate", 45), ("/Rotate", -90), ("/Rotate", 90.0), ("/Rotate", Array([90])),
            ("/CropBox", Array([0, 0, 100])), ("/CropBox", Name.X), ("/CropBox", Array([Name.A, 0, 1, 1])), ("/CropBox", Array([-50, -50, 9999, 9999])),
            ("/CropBox", Array([700, 0, 900, 300])), ("/MediaBox", Array([0, 0, 1])), ("/MediaBox", Array([595, 842, 0, 0])), ("/MediaBox", Name.X), ("/MediaBox", Array([0, 0, 595.28, 841.89])),
            ("/UserUnit", 2), ("/Resources", Name.X), ("/Contents", 3),
        ):  # fmt: skip
            with self.subTest(key=key, value=repr(value)):
                def odd(opened, page, key=key, value=value) -> None:
                    page.Contents = opened.make_stream(b"0 0 5 5 re f")
                    page.obj[key] = opened.make_indirect(value) if isinstance(value, Array) else value

                status, body = self.model.post(changed(blank, odd), "application/pdf")
                self.assertEqual(status, 200, body)
                with pypdfium2.PdfDocument(body) as answer:
                    page = answer[0]
                    text_page = page.get_textpage()
                    if key == "/Contents":
                        continue  # nothing is drawn there
                    self.assertIn("not recognized", text_page.get_text_range())
                    left, bottom, right, top = page.get_bbox()
                    x0, y0, x1, y1 = text_page.get_charbox(0)
                    if right - left > 100:
                        self.assertTrue(left <= x0 <= right and bottom <= y0 <= top, "the note is on what is shown of the page")

    def test_inherited_turn_is_the_pages(self) -> None:
        def turned(opened, page) -> None:
            page.Contents = opened.make_stream(b"0 0 5 5 re f")
            opened.Root.Pages.Rotate = 90

        status, body = self.model.post(changed(contract(("x",)), turned), "application/pdf")
        self.assertEqual(status, 200, body)
        with pypdfium2.PdfDocument(body) as answer:
            x0, y0, x1, y1 = answer[0].get_textpage().get_charbox(0)
        self.assertLess(x0, 60, "the top of the page as shown is its left side")

    def test_lines_are_read_in_their_order_however_the_page_is_turned(self) -> None:
        for rotate in (0, 90, 180, 270):
            for matrix in (b"1 0 0 1 0 0", b"0 1 -1 0 842 0", b"-1 0 0 -1 842 842", b"0 -1 1 0 0 842"):
                def turn(opened, page, rotate=rotate, matrix=matrix) -> None:
                    page.Rotate, page.MediaBox = rotate, Array([0, 0, 842, 842])
                    page.contents_add(b"q %s cm" % matrix, prepend=True)
                    page.contents_add(b"Q")

                with self.subTest(rotate=rotate, matrix=matrix):
                    page = next(pdf_input.OpenPdf(io.BytesIO(changed(contract(CONTRACT), turn))).pages())
                    self.assertEqual(page.text.splitlines(), list(CONTRACT))
                    self.assertEqual(page.turn, rotate)

    def test_protection_for_certain_readers_is_called_so(self) -> None:
        for encryption in (
            b"<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s4 /V 2 /Length 128 /Recipients [<00>] >>",
            b"<< /Filter /FOPN_foweb /V 1 /VEID (x) >>",
            b"<< /Filter /EBX_HANDLER /V 1 >>",
        ):
            data = pdf(one_page(stream(b"BT /F1 9 Tf (a) Tj ET")), extra=b"/Encrypt %s /ID [<00> <00>]" % encryption)
            for accept in ("application/json", "application/pdf"):
                status, body = self.model.post(data, accept)
                error = json.loads(body)["error"]
                self.assertEqual((status, error["code"]), (400, "encrypted_pdf"))
                self.assertIn("protected for certain readers", error["reason"])


if __name__ == "__main__":
    unittest.main()
