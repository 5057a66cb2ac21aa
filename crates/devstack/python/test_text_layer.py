"""Tests of where text_layer.py and ocr_engine.py place the words of skewed pages, and of what ocr_lines.py restores."""

import io
import math
import shutil
import subprocess
import unittest

import pikepdf
import pypdfium2

from document import ReadPage
from ocr_lines import restore_blanks, unify_quotes
import ocr_pool
from text_layer import TextLayer

WIDTH, HEIGHT = 595.0, 842.0
WORDS = ("Überschwemmung,", "in", "der", "Geschäftsführer", "ist", "a", "Rechtsanwaltsgesellschaft", "€", "Ende.")
LETTER, BLANK, LINE = 5.5, 2.5, 13.0  # widths and height in points
Word = tuple[str, float, float]  # text and the middle in points of the page as displayed


def skewed_page(degrees: float) -> tuple[list[dict], list[Word]]:
    """Recognized lines that rise by `degrees`, and the middles of their words."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    lines, middles = [], []
    for number in range(20):
        x, words = 80.0, []
        for text in (f"{number}.", *WORDS):
            right, y = x + LETTER * len(text), 150 + 16.0 * number
            corners = ((x, y), (right, y), (right, y + LINE), (x, y + LINE))
            turned = [[300 + (x - 300) * cos + (y - 300) * sin, 300 - (x - 300) * sin + (y - 300) * cos] for x, y in corners]
            words.append({"text": text, "quad": turned})
            middle_x, middle_y = (sum(corner[axis] for corner in turned) / 4 for axis in (0, 1))
            middles.append((text, middle_x, HEIGHT - middle_y))
            x = right + BLANK
        lines.append({"text": " ".join(word["text"] for word in words), "readable": True, "words": words})
    return lines, middles


def searchable(lines: list[dict], rotate: int = 0) -> bytes:
    """A page that is displayed turned by `rotate`, with these lines as its text layer."""
    document = pikepdf.new()
    box = (WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH)
    document.add_blank_page(page_size=box)
    document.pages[0].Rotate = rotate
    source, answer = io.BytesIO(), io.BytesIO()
    document.save(source)
    page = ReadPage(1, "", lines=lines, height=HEIGHT, width=WIDTH, turn=rotate, box=(0.0, 0.0, *box), recognized=True)
    layer = TextLayer(source)
    layer.add(page)
    layer.write(answer)
    return answer.getvalue()


def letters_by_word(data: bytes) -> list[tuple[str, list[tuple[float, float]]]]:
    """The words of a page with the middle of each letter in user space, by PDFium."""
    words: list[tuple[str, list[tuple[float, float]]]] = []
    with pypdfium2.PdfDocument(data) as document:
        text_page = document[0].get_textpage()
        text, middles = "", []
        for index in range(text_page.count_chars() + 1):
            letter = text_page.get_text_range(index, 1) if index < text_page.count_chars() else " "
            if letter.strip():
                left, bottom, right, top = text_page.get_charbox(index, loose=True)
                text, middles = text + letter, [*middles, ((left + right) / 2, (bottom + top) / 2)]
            elif text:
                words.append((text, middles))
                text, middles = "", []
    return words


class TextLayerTest(unittest.TestCase):
    """The words of a skewed page, without OCR."""

    def test_middles_of_skewed_words_are_those_of_their_boxes_however_the_page_is_turned(self) -> None:
        for degrees in (-3.0, -1.5, 0.0, 1.5, 3.0, 20.0):
            lines, expected = skewed_page(degrees)
            for rotate in (0, 90, 180, 270):
                with self.subTest(degrees=degrees, rotate=rotate):
                    to_user_space = ReadPage(1, "", turn=rotate, box=(0.0, 0.0, *((WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH)))).in_user_space
                    found = letters_by_word(searchable(lines, rotate))
                    self.assertEqual([text for text, _ in found], [text for text, _, _ in expected])
                    for (text, middles), (_, x, y) in zip(found, expected):
                        wanted = to_user_space(x, y)
                        for axis in (0, 1):
                            self.assertAlmostEqual((middles[0][axis] + middles[-1][axis]) / 2, wanted[axis], delta=0.3, msg=text)

    def test_letters_of_a_word_that_is_hardly_skewed_stand_at_one_height(self) -> None:
        """Where they differ by half a point, poppler finds two words."""
        for rotate in (0, 90, 180, 270):
            across = 1 if rotate % 180 == 0 else 0
            for text, middles in letters_by_word(searchable(skewed_page(1.5)[0], rotate)):
                heights = [middle[across] for middle in middles]
                self.assertLess(max(heights) - min(heights), 0.1, text)

    def test_words_that_are_turned_further_keep_their_direction(self) -> None:
        text, middles = next(word for word in letters_by_word(searchable(skewed_page(20)[0])) if word[0] == WORDS[0])
        (x, y), (right, above) = middles[0], middles[-1]
        self.assertAlmostEqual(math.degrees(math.atan2(above - y, right - x)), 20, delta=0.5)

    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_poppler_finds_each_skewed_word_as_one(self) -> None:
        lines, expected = skewed_page(1.5)
        page = subprocess.run(["pdftotext", "-", "-"], input=searchable(lines), capture_output=True, check=True).stdout.decode()
        self.assertEqual(sorted(page.split()), sorted(text for text, _, _ in expected))


@unittest.skipUnless(ocr_pool.is_installed(), "requirements-ocr.txt is not installed")
class RectangleTest(unittest.TestCase):
    """The picture of a line."""

    def test_uneven_corners_move_no_letter_along_the_line(self) -> None:
        """The detector rounds corners; a skewed line is then a pixel or two higher at one end."""
        import numpy

        from ocr_engine import cut, rectangle

        slope, marks = 0.026, [200 + 100 * number for number in range(12)]
        picture = numpy.full((200, 1500, 3), 255, dtype="uint8")
        for mark in marks:
            picture[:, mark - 2 : mark + 2] = 0
        for left, right in ((36, 36), (38, 36), (36, 40)):
            quad = numpy.array([[150, 80], [1350, 80 + slope * 1200], [1350, 80 + slope * 1200 + right], [148, 80 + left]], dtype="float32")
            quad = rectangle(quad)
            crop = cut(picture, quad)
            row = crop[crop.shape[0] // 2, :, 0] < 128
            edges = numpy.flatnonzero(numpy.diff(row.astype(int)))
            middles = (edges[::2] + edges[1::2] + 1) / 2 / crop.shape[1]
            placed = (quad[0] + quad[3])[0] / 2 + middles * (quad[1] - quad[0])[0]
            self.assertEqual(len(placed), len(marks))
            self.assertLess(abs(placed - marks).max(), 2, (left, right))


    def test_white_between_letters_is_measured_in_line_heights(self) -> None:
        import numpy

        from ocr_engine import white

        crop = numpy.full((40, 400, 3), 255, dtype="uint8")
        for left in (100, 130, 170):
            crop[10:30, left : left + 20] = 0
        crop[:3] = 0  # the foot of the line above
        self.assertAlmostEqual(white(crop, 110 / 400, 140 / 400), 10 / 40, delta=0.03)
        self.assertAlmostEqual(white(crop, 110 / 400, 180 / 400), 20 / 40, delta=0.03)
        self.assertEqual(white(crop, 101 / 400, 119 / 400), 0)


class LinesTest(unittest.TestCase):
    """What is restored in a line."""

    def test_blanks_that_were_dropped_are_restored_where_there_is_white(self) -> None:
        def restored(text: str, wide: str) -> str:
            """With white before each letter of `wide`."""
            letters = [(letter, float(index)) for index, letter in enumerate(text.replace(" ", ""))]
            return restore_blanks(text, letters, lambda _, after: 0.32 if letters[int(after)][0] in wide else 0.17)

        self.assertEqual(restored("under Section23.2. of", "2"), "under Section 23.2. of")
        self.assertEqual(restored("Calder ValleyWater &Söhne", "WS"), "Calder Valley Water & Söhne")
        self.assertEqual(restored("YouTube GmbH Covid19 R&D", ""), "YouTube GmbH Covid19 R&D")
        self.assertEqual(restored("der GmbH", "H"), "der GmbH")
        self.assertEqual(restored("ValleyWater", ""), "ValleyWater")

    def test_straight_quotation_marks_become_curved_where_one_was_read_as_curved(self) -> None:
        def unified(text: str, is_noisy: bool = False) -> str:
            line = {"text": text, "words": [{"text": word} for word in text.split()]}
            unify_quotes([line], is_noisy)
            return line["text"]

        self.assertEqual(unified('(“Term”) ("Supplier") ("Customer")'), "(“Term”) (“Supplier”) (“Customer”)")
        self.assertEqual(unified('("Supplier") the party\'s'), '("Supplier") the party\'s')
        self.assertEqual(unified('„Kunde“ "Lieferant"'), '„Kunde“ "Lieferant"')
        self.assertEqual(unified("party's party’s one’s"), "party's party’s one’s")
        self.assertEqual(unified("party's party’s one’s", is_noisy=True), "party’s party’s one’s")


if __name__ == "__main__":
    unittest.main()
