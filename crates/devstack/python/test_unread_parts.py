"""Tests that nothing is said to be missing from a contract of which a part cannot be read, and that ordinary pages need no OCR.

With OCR the clauses are found, or the page is flagged; without OCR it is flagged. The tests with OCR need the packages of
requirements-ocr.txt.
"""

import io
import json
from unittest import mock
import unittest

import pikepdf
from pikepdf import Array, Dictionary, Name
import pypdfium2

import contract_review
import contract_text
import document
from hostile_pdfs import one_page, pdf, stream
import ocr_pool
from partly_read_pdfs import CLAUSES, GOOD, UNREAD, annotation, changed, image, outlined, shifted_clause
import pdf_input
import pdf_structure
from test_documents import CONTRACT, contract
from test_reference_model import RunningModel, SAMPLES


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
                if name == "symbols":  # the page shows symbols
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
            review = self.review(self.blind, annotation(with_look))
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
        self.assertEqual(serious(review), ["cannot be read: page 1: form fields or annotations with more text than is read"])


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
                        self.assertTrue(left <= x0 <= right and bottom <= y0 <= top, "the annotation is on what is shown of the page")

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
