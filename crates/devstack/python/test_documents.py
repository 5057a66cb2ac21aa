"""Tests of what is read, what is flagged as unreadable, and of the OCR, over HTTP and on the pure parts.

The tests of recognition need the packages of requirements-ocr.txt. They are skipped without them, except in CI.
"""

import io
import json
import os
import unittest

import pikepdf
import pypdf
import pypdfium2

from hostile_pdfs import one_page, pdf, stream
from language import assess
import ocr_lines
import ocr_pool
from test_reference_model import RunningModel, SAMPLES

CONTRACT = (
    "SERVICE AGREEMENT",
    "between Alder Ltd (Customer) and Birch GmbH (Supplier)",
    "1. Term. This Agreement runs for 12 months from 1 January 2026.",
    "2. Termination. Either party may terminate with 30 days notice.",
    "3. Liability. The liability of the Supplier is limited to EUR 10,000.",
    "4. Governing law. This Agreement is governed by the laws of Germany.",
)
FRENCH = (
    "CONTRAT DE PRESTATION DE SERVICES",
    "entre la société Alder SARL et la société Birch, ci-après le prestataire",
    "1. Durée. Le présent contrat est conclu pour une durée de douze mois.",
    "2. Le prix est de 10 000 EUR par an et il est payé dans les trente jours.",
)


def contract(lines: tuple[str, ...] = CONTRACT, font: bytes = b"Helvetica", spread: float = 0) -> bytes:
    """A one-page PDF with these lines."""
    shown = b" T* ".join(b"(%s) Tj" % line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") for line in lines)
    text = b"BT /F1 11 Tf %.1f Tc 60 780 Td 16 TL %s ET" % (spread, shown)
    resources = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /%s >> >> >>" % font
    return pdf(one_page(stream(text), resources))


def scan_of(document: bytes, number: int = 0, turned: int = 0, rotate: int = 0, offset: int = 0) -> tuple[bytes, list]:
    """A page as a scan, and its words with boxes in the user space of the upright page.

    The picture is turned counterclockwise by `turned`; `rotate` is the page's /Rotate; `offset` moves the crop box.
    """
    with pypdfium2.PdfDocument(document) as source:
        page = source[number]
        width, height = page.get_size()
        picture = page.render(scale=200 / 72, grayscale=True).to_pil().rotate(turned, expand=True)
        words = words_of_pdfium(page)
    result = pikepdf.new()
    wide, high = (height, width) if turned % 180 else (width, height)
    result.add_blank_page(page_size=(wide, high))
    target = result.pages[0]
    image = pikepdf.Stream(result, picture.tobytes())
    image.Type, image.Subtype, image.ColorSpace = pikepdf.Name.XObject, pikepdf.Name.Image, pikepdf.Name.DeviceGray
    image.Width, image.Height, image.BitsPerComponent = picture.width, picture.height, 8
    target.add_resource(image, pikepdf.Name.XObject, pikepdf.Name.Im0)
    target.contents_add(b"%f 0 0 %f %d %d cm /Im0 Do" % (wide, high, offset, offset))  # does not restore its matrix
    target.MediaBox = pikepdf.Array([offset - 20, offset - 30, offset + wide + 10, offset + high + 5])
    target.CropBox = pikepdf.Array([offset, offset, offset + wide, offset + high])
    target.Rotate = rotate
    out = io.BytesIO()
    result.save(out)
    return out.getvalue(), words


def words_of_pdfium(page: pypdfium2.PdfPage) -> list[tuple[str, tuple]]:
    """Words with their boxes in user space, by PDFium."""
    text_page = page.get_textpage()
    words, letters = [], []
    count = text_page.count_chars()
    for index in range(count + 1):
        letter = text_page.get_text_range(index, 1) if index < count else " "
        if letter.strip():
            letters.append((letter, text_page.get_charbox(index)))
        elif letters:
            boxes = [box for _, box in letters]
            box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
            words.append(("".join(letter for letter, _ in letters), box))
            letters = []
    return words


def words_of_pypdf(data: bytes) -> list[tuple[str, tuple]]:
    """Words with their boxes in user space, by pypdf: each word of the layer is one text operator."""
    words = []

    def operator(name: bytes, operands: list, matrix: list, text_matrix: list) -> None:
        if name == b"Tj":
            a, b, c, d, x, y = text_matrix
            word = bytes(operands[0].original_bytes).decode("utf-16-be").rstrip(" ")
            size = operator.size
            along, up = len(word) * 0.5 * size, 0.3 * size  # 0.3: the middle between descent and ascent
            centre = (x + a * along / 2 + c * up, y + b * along / 2 + d * up)
            words.append((word, (*centre, *centre)))
        elif name == b"Tf":
            operator.size = float(operands[1])

    operator.size = 1.0
    reader = pypdf.PdfReader(io.BytesIO(data))
    reader.pages[0].extract_text(visitor_operand_before=operator)
    return words


class ReadDocumentsTest(unittest.TestCase):
    """Documents that need no OCR, or are as unreadable with it; tried with and without it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.models = [RunningModel("--no-ocr")]
        if ocr_pool.is_installed():
            cls.models.append(RunningModel())
        for model in cls.models:
            cls.addClassCleanup(model.end)

    def reviews(self, document: bytes) -> list[dict]:
        answers = []
        for model in self.models:
            status, body = model.post(document)
            self.assertEqual(status, 200, body)
            answers.append(json.loads(body))
        return answers

    def assert_unreadable(self, document: bytes) -> None:
        for review in self.reviews(document):
            serious = [flag["reason"] for flag in review["flags"] if flag["severity"] == "high"]
            self.assertEqual(len(serious), 1, review["flags"])
            self.assertRegex(serious[0], "^cannot be (read|reviewed): ")
            self.assert_nothing_missing(review)

    def assert_nothing_missing(self, review: dict) -> None:
        for flag in review["flags"]:
            self.assertNotRegex(flag["reason"], "^no ")

    def assert_whole(self, document: bytes) -> None:
        for review in self.reviews(document):
            found = {clause["type"] for clause in review["clauses"]}
            self.assertLessEqual({"term", "termination", "liability_cap", "governing_law"}, found)
            self.assertFalse([flag for flag in review["flags"] if flag["severity"] == "high"])

    def test_bytes_after_the_end_and_wrong_offsets_do_not_matter(self) -> None:
        whole = contract()
        for changed in (
            whole + bytes(5000),
            whole + b"\r\n" * 70_000,
            whole + b"<html>a proxy's words</html>",
            whole + bytes(3 << 20),
            whole.replace(b"\n", b"\r\n"),
            whole.replace(b"%PDF", b"%!junk\n%PDF", 1),
            whole.replace(b"startxref\n", b"startxref\n9"),
            whole[: whole.rindex(b"startxref")] + b"startxref\n0\n%%EOF\n",
            whole[: whole.rindex(b"%%EOF")],
        ):
            self.assert_whole(changed)

    def test_document_that_is_cut_off_is_rejected(self) -> None:
        whole = contract()
        for cut in (whole[: len(whole) // 2], whole[: whole.index(b"xref")], whole + whole[8 : len(whole) // 2]):
            for model in self.models:
                status, body = model.post(cut)
                self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "broken_pdf"))
                self.assertIn("upload it again", json.loads(body)["error"]["reason"])

    def test_owners_password_is_no_obstacle_but_the_users_is(self) -> None:
        for revision in (2, 3, 4, 6):
            with pikepdf.open(io.BytesIO(contract())) as document:
                open_to_all, closed = io.BytesIO(), io.BytesIO()
                weak = {"aes": False, "metadata": False} if revision < 4 else {}
                document.save(open_to_all, encryption=pikepdf.Encryption(owner="secret", user="", R=revision, **weak))
                document.save(closed, encryption=pikepdf.Encryption(owner="secret", user="word", R=revision, **weak))
            self.assert_whole(open_to_all.getvalue())
            for accept in ("application/json", "application/pdf"):
                status, body = self.models[0].post(closed.getvalue(), accept)
                self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "encrypted_pdf"))
            self.assertEqual(self.models[0].post(open_to_all.getvalue(), "application/pdf")[0], 200)

    def test_pages_named_twice_or_direct_are_read(self) -> None:
        whole = contract()
        objects = one_page(whole[whole.index(b"4 0 obj") + 8 : whole.index(b"endobj", whole.index(b"4 0 obj"))])
        twice = objects | {2: objects[2].replace(b"[3 0 R]", b"[3 0 R 3 0 R]").replace(b"/Count 1", b"/Count 2")}
        direct = objects | {2: objects[2].replace(b"3 0 R", objects[3].replace(b"/Parent 2 0 R", b""))}
        for changed in (pdf(twice), pdf(direct)):
            self.assert_whole(changed)
            self.assertEqual(self.models[0].post(changed, "application/pdf")[0], 200)

    def test_letters_that_are_no_text_are_flagged(self) -> None:
        def shifted(by: int) -> tuple[str, ...]:
            return tuple("".join(chr((ord(letter) - 32 + by) % 95 + 32) for letter in line) for line in CONTRACT)

        def swapped(line: str) -> str:
            return "".join(chr((ord(x) - 97 + 13) % 26 + 97) if x.islower() else chr((ord(x) - 65 + 13) % 26 + 65) if x.isupper() else x for x in line)

        self.assert_unreadable(contract(shifted(-5)))
        self.assert_unreadable(contract(shifted(29)))
        self.assert_unreadable(contract(tuple(swapped(line) for line in CONTRACT)))
        self.assert_unreadable(contract(CONTRACT, font=b"Symbol"))
        self.assert_unreadable(contract(CONTRACT, font=b"ZapfDingbats"))

    def test_foreign_languages_are_not_said_to_lack_clauses(self) -> None:
        self.assert_unreadable(contract(FRENCH * 3))

    def test_placeholders_are_flagged(self) -> None:
        notice = contract(("Please wait...", "If this message is not eventually replaced by the proper contents", "your PDF viewer may not be able to display it."))
        portfolio = contract(("For the best experience, open this PDF portfolio in", "Acrobat X or Adobe Reader X, or later."))
        with pikepdf.open(io.BytesIO(notice)) as document:
            document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array(), XFA=document.make_stream(b"<xdp/>"))
            xfa = io.BytesIO()
            document.save(xfa)
        with pikepdf.open(io.BytesIO(portfolio)) as document:
            document.attachments["contract.pdf"] = contract()
            document.Root.Collection = pikepdf.Dictionary(View=pikepdf.Name.T)
            collection = io.BytesIO()
            document.save(collection)
        for placeholder in (notice, xfa.getvalue(), collection.getvalue()):
            self.assert_unreadable(placeholder)

    def test_values_of_form_fields_are_part_of_the_text(self) -> None:
        lines = (*CONTRACT[:4], "3. Liability. The liability of the Supplier is limited to EUR", CONTRACT[5])
        for appearance in (True, False):
            with pikepdf.open(io.BytesIO(contract(lines))) as document:
                page = document.pages[0]
                widget = pikepdf.Dictionary(
                    Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T="cap", V="99,000,000",
                    Rect=[400, 710, 560, 730], DA="/Helv 10 Tf 0 g", F=4,
                )  # fmt: skip
                if appearance:
                    look = document.make_stream(b"/Tx BMC BT /F1 10 Tf 2 4 Td (99,000,000) Tj ET EMC")
                    look.Type, look.Subtype, look.BBox, look.Resources = pikepdf.Name.XObject, pikepdf.Name.Form, pikepdf.Array([0, 0, 160, 20]), page.Resources
                    widget.AP = pikepdf.Dictionary(N=look)
                widget = document.make_indirect(widget)
                page.Annots = pikepdf.Array([widget])
                document.Root.AcroForm = pikepdf.Dictionary(Fields=[widget], DA="/Helv 10 Tf 0 g")
                out = io.BytesIO()
                document.save(out)
            for review in self.reviews(out.getvalue()):
                self.assertIn("99,000,000", json.dumps(review))

    def test_valid_oddities_are_read(self) -> None:
        import zlib

        content = contract()
        text = content[content.index(b"BT ") : content.index(b" ET") + 3]
        self.assert_whole(pdf(one_page(stream(zlib.compress(text), b"/Filter /Fl"))))
        self.assert_whole(pdf(one_page(stream(b"0." + b"0" * 90 + b"1 0 0 rg " + text))))

    def test_reasons_are_words_for_people(self) -> None:
        for document in (b"%PDF-1.4\n" + bytes(range(256)) * 20 + b"startxref\n9\n%%EOF", contract().replace(b"/Pages 2 0 R", b"/Pages 9 0 R").replace(b"/Type /Pages", b"/Type /Other")):
            for accept in ("application/json", "application/pdf"):
                status, body = self.models[0].post(document, accept)
                if status != 200:
                    reason = json.loads(body)["error"]["reason"]
                    self.assertNotRegex(reason, r"(?i)error|exception|pdfium|qpdf|/\w+|NoneType")


class JudgementTest(unittest.TestCase):
    """The pure parts."""

    def test_scripts_that_the_models_cannot_read_are_noticed(self) -> None:
        # Text, score and number of letters as the models gave them for lines of Russian, Greek and Vietnamese.
        for text, score, runs in (
            ("     1     ", 0.926, 52),
            ("παροσα σμβαση αρχει την 1 αρτου 2026 και ισχει για δδεα", 0.878, 60),
            ("Hp đồng này có hiu lc tù ngày 1 tháng 3 năm 2026 và kéo dài mưi hai", 0.986, 60),
            ("甲方和乙方同意本合同", 0.99, 20),
        ):
            self.assertFalse(ocr_lines.is_readable(text, score, runs), text)
        for text, score, runs in (
            ("Umowa zostaje zawarta na okres dwunastu miesięcy, łącznie źle śnięty.", 0.996, 60),
            ("Sözleşme İstanbul'da yürürlüğe girer", 0.99, 33),
            ("Termination ........ 12", 0.95, 14),
            ("7", 0.9, 1),
            ("", 0.0, 3),
        ):
            self.assertTrue(ocr_lines.is_readable(text, score, runs), text)

    def test_quotation_marks_that_the_model_cannot_write_are_restored(self) -> None:
        for read, expected in (("(Kundin“)", "(„Kundin“)"), ("(,Kundin“)", "(„Kundin“)"), ('(“Supplier")', "(“Supplier”)"), ("“Term”", "“Term”")):
            words = [("die", 0.0, 0.1), (read, 0.13, 0.3), ("liefert", 0.33, 0.5), ("am", 0.53, 0.6)]
            self.assertEqual(ocr_lines.repair_quotes(words)[1][0], expected)

    def test_blank_that_was_dropped_after_a_bracket_is_restored_where_there_is_room_for_it(self) -> None:
        def letters(text: str, wide: int) -> list[tuple[str, float]]:
            """Evenly spaced letters, with half a letter more before the one at `wide`."""
            return [(letter, (index + 0.5 * (index >= wide)) / len(text)) for index, letter in enumerate(text)]

        def words(text: str, wide: int) -> list[str]:
            return [word for word, _, _ in ocr_lines.words_of(text, letters(text.replace(" ", ""), wide))]

        self.assertEqual(words("(30)Tagen ab", 4), ["(30)", "Tagen", "ab"])
        self.assertEqual(words("(un)gültig ab", 10), ["(un)gültig", "ab"])
        self.assertEqual(words("Nr. 3)b) ab", 7), ["Nr.", "3)b)", "ab"])

    def test_language_of_texts(self) -> None:
        for text, language in ((" ".join(CONTRACT), "en"), (" ".join(FRENCH), "fr")):
            judged = assess(text)
            self.assertEqual(judged.language, language)
            self.assertFalse(judged.is_doubtful())
        self.assertTrue(assess("T h i s A g r e e m e n t r u n s f o r t w e l v e m o n t h s").is_doubtful())
        self.assertEqual(assess("Настоящий договор вступает в силу").foreign, "Cyrillic")

    def test_reading_order_of_skewed_rows_and_columns(self) -> None:
        def line(text: str, x: float, y: float, width: float) -> dict:
            slope = 0.03
            corners = [[x, y + slope * x], [x + width, y + slope * (x + width)]]
            corners += [[x + width, y + 30 + slope * (x + width)], [x, y + 30 + slope * x]]
            return {"text": text, "score": 1.0, "readable": True, "words": [{"text": text}], "upright": corners}

        table = [line(f"{row}{cell}", 100 + 500 * cell, 100 + 40 * row, 250) for cell in range(3) for row in range(4)]
        ordered = ocr_lines.in_reading_order(table, 1654)
        self.assertEqual([one["text"] for one in ordered], ["00 01 02", "10 11 12", "20 21 22", "30 31 32"])
        columns = [line(f"{side}{row}", 100 + 780 * side, 200 + 40 * row, 640) for row in range(12) for side in range(2)]
        ordered = ocr_lines.in_reading_order([line("title", 300, 100, 1000), *columns], 1654)
        self.assertEqual([one["text"] for one in ordered[:3]], ["title", "00", "01"])
        self.assertEqual(ordered[13]["text"], "10")


@unittest.skipUnless(ocr_pool.is_installed() or os.environ.get("CI"), "requirements-ocr.txt is not installed")
class RecognitionTest(unittest.TestCase):
    """OCR of real pictures."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = RunningModel()
        cls.addClassCleanup(cls.model.end)

    def searchable(self, document: bytes) -> bytes:
        status, body = self.model.post(document, "application/pdf")
        self.assertEqual(status, 200, body[:300])
        return body

    def test_words_of_turned_pages_lie_in_their_boxes_in_two_extractors(self) -> None:
        source = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        for turned, rotate, offset in ((0, 0, 0), (90, 0, 0), (180, 0, 30), (270, 0, 0), (0, 90, 40), (90, 90, 0), (270, 180, 10)):
            with self.subTest(turned=turned, rotate=rotate):
                document, words = scan_of(source, turned=turned, rotate=rotate, offset=offset)
                answer = self.searchable(document)
                with pypdfium2.PdfDocument(source) as upright:
                    width, height = upright[0].get_size()
                with pypdfium2.PdfDocument(answer) as result:
                    by_pdfium = words_of_pdfium(result[0])
                for name, found in (("PDFium", by_pdfium), ("pypdf", words_of_pypdf(answer))):
                    placed = [(text, self.upright((box[0] + box[2]) / 2 - offset, (box[1] + box[3]) / 2 - offset, turned, width, height)) for text, box in found]
                    inside = sum(any(text == word and box[0] - 1 <= x <= box[2] + 1 and box[1] - 1 <= y <= box[3] + 1 for text, (x, y) in placed) for word, box in words)
                    self.assertGreaterEqual(inside, 0.98 * len(words), name)

    @staticmethod
    def upright(x: float, y: float, turned: int, width: float, height: float) -> tuple[float, float]:
        """A point of the turned page on the upright one."""
        return {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[turned]

    def test_original_page_stays_as_it_is(self) -> None:
        document, _ = scan_of((SAMPLES / "contracts/consulting-agreement.pdf").read_bytes())
        answer = self.searchable(document)
        with pikepdf.open(io.BytesIO(document)) as before, pikepdf.open(io.BytesIO(answer)) as after:
            old, new = (one.pages[0].Resources.XObject.Im0.read_raw_bytes() for one in (before, after))
            self.assertEqual(old, new)
        with pypdfium2.PdfDocument(document) as before, pypdfium2.PdfDocument(answer) as after:
            old, new = (one[0].render(scale=1).to_pil().tobytes() for one in (before, after))
            self.assertEqual(old, new, "the words are invisible")
        self.assertEqual(len(self.searchable(answer)), len(self.searchable(self.searchable(answer))), "a second layer adds nothing")

    def test_scanned_contract_is_reviewed(self) -> None:
        source = (SAMPLES / "contracts/consulting-agreement.pdf").read_bytes()
        status, by_text = self.model.post(source)
        status, by_ocr = self.model.post(scan_of(source, turned=180)[0])
        expected, found = json.loads(by_text), json.loads(by_ocr)
        self.assertEqual({clause["type"] for clause in expected["clauses"]}, {clause["type"] for clause in found["clauses"]})
        self.assertEqual(expected["facts"]["amounts"], found["facts"]["amounts"])
        self.assertIn("read by OCR: page 1", json.dumps(found["flags"]))

    def test_letters_that_show_other_words_than_their_codes_are_read_from_the_picture(self) -> None:
        """The font's ToUnicode map lies, as with shifted subsets; the page shows the contract."""
        ranges = b"1 beginbfrange\n<20> <7A> <0025>\nendbfrange"
        cmap = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange <00> <FF> endcodespacerange " + ranges + b" endcmap end end"
        with pikepdf.open(io.BytesIO(contract())) as document:
            document.pages[0].Resources.Font.F1.ToUnicode = document.make_stream(cmap)
            out = io.BytesIO()
            document.save(out)
        for spread in (out.getvalue(), contract(spread=9)):
            status, body = self.model.post(spread)
            review = json.loads(body)
            self.assertIn("termination", {clause["type"] for clause in review["clauses"]}, review["flags"])

    def test_lines_in_another_script_are_flagged_and_the_others_reviewed(self) -> None:
        with pikepdf.open(io.BytesIO(contract())) as document:
            page = document.pages[0]
            font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Symbol)
            page.add_resource(font, pikepdf.Name.Font, pikepdf.Name.F9)
            greek = b"(h parousa sumbash arcizei thn prwth Martiou kai iscuei gia dwdeka mhnes) Tj T* "
            page.contents_add(b"BT /F9 11 Tf 60 500 Td 16 TL " + 4 * greek + b"ET")
            out = io.BytesIO()
            document.save(out)
        scan, _ = scan_of(out.getvalue())
        review = json.loads(self.model.post(scan)[1])
        self.assertIn("termination", {clause["type"] for clause in review["clauses"]})
        serious = [flag["reason"] for flag in review["flags"] if flag["severity"] == "high"]
        self.assertEqual(serious, ["cannot be read: page 1: 4 of 10 lines are in a script that cannot be read"])
        self.assertNotIn('"no clause', json.dumps(review["flags"]))
        with pypdfium2.PdfDocument(self.searchable(scan)) as answer:
            text = answer[0].get_textpage().get_text_range()
        self.assertIn("Termination.", text)
        self.assertFalse([letter for letter in text if "\u0370" <= letter <= "\u03ff"], "nothing is guessed")

    def test_blank_page_is_fine_and_a_stamp_does_not_hide_a_scan(self) -> None:
        document, _ = scan_of((SAMPLES / "contracts/consulting-agreement.pdf").read_bytes())
        with pikepdf.open(io.BytesIO(document)) as changed:
            page = changed.pages[0]
            font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
            page.add_resource(font, pikepdf.Name.Font, pikepdf.Name.F9)
            page.contents_add(b"q", prepend=True)
            page.contents_add(b"Q BT /F9 7 Tf 20 825 Td (Envelope ID: 7C1D-44) Tj ET")
            changed.add_blank_page()
            out = io.BytesIO()
            changed.save(out)
        review = json.loads(self.model.post(out.getvalue())[1])
        self.assertIn("liability_cap", json.dumps(review["flags"]))
        self.assertNotIn("cannot be", json.dumps(review["flags"]))
        self.assertEqual(self.model.post(out.getvalue(), "application/pdf")[0], 200)


if __name__ == "__main__":
    unittest.main()
