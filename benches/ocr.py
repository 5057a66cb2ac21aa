"""Compares the reference model's OCR with tesseract on generated contract pages, and measures large batches.

  python benches/ocr.py [--pages 10] [--kinds clean skewed noisy] [--batches 100 1000]

Every page is a scan at 200 dpi: clean, skewed or noisy, each upright, turned by 90, 180 and 270 degrees, and turned with a
/Rotate that shows it upright (see ocr_pages.py). A word counts as found if it is read exactly, punctuation and case included,
and as in its box if its centre lies there. The model gets PDFs over HTTP as from SageMaker.
The last line of output is JSON. Needs Linux and these Debian packages:
  tesseract-ocr tesseract-ocr-deu tesseract-ocr-fra tesseract-ocr-spa tesseract-ocr-ita poppler-utils fonts-liberation fonts-dejavu-core
"""

import argparse
from collections import Counter, defaultdict
import html
import io
import json
import os
from pathlib import Path
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import ocr_pages
import ocr_process_tree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crates" / "devstack" / "python"))
PACKAGES = (
    "tesseract-ocr tesseract-ocr-deu tesseract-ocr-fra tesseract-ocr-spa tesseract-ocr-ita poppler-utils"
    " fonts-liberation fonts-dejavu-core"
)
TURNS = (90, 180, 270)
Points = list[tuple[str, float, float]]  # words with their centres in pixels of the picture


def missing() -> str:
    """What is not installed, as a sentence, or ""."""
    import ocr_pool

    if not ocr_pool.is_installed():
        return "the OCR is not installed: make venv"
    langs = ""
    if shutil.which("tesseract"):
        langs = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True).stdout
    lacking = {code for code, _ in ocr_pages.CLAUSES.values()} - set(langs.split())
    if lacking or not shutil.which("pdftotext") or ocr_pages.missing_fonts():
        return f"not everything to compare with is installed: apt install {PACKAGES}"
    return ""


def as_pdf(pictures: list, rotate: int = 0) -> bytes:
    """A scan: one page per picture, each a JPEG at 200 dpi. `rotate` is the pages' /Rotate."""
    out = io.BytesIO()
    pictures[0].save(out, "PDF", save_all=True, append_images=pictures[1:], resolution=ocr_pages.DPI, quality=92)
    if not rotate:
        return out.getvalue()
    import pikepdf

    with pikepdf.open(out) as document:
        for page in document.pages:
            page.Rotate = rotate
        turned = io.BytesIO()
        document.save(turned)
    return turned.getvalue()


def found(words: list[ocr_pages.Word], text: str) -> int:
    """How many of the words the text has, each as often as the page."""
    return (Counter(word.text for word in words) & Counter(text.split())).total()


def tesseract(picture, language: str) -> tuple[str, float]:
    """The text that tesseract reads, and its processor time in seconds."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        picture.save(file, "PNG", dpi=(ocr_pages.DPI, ocr_pages.DPI))
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["tesseract", file.name, "-", "-l", language]
        run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return run.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pdfium_words(data: bytes) -> Points:
    """The words of a page by PDFium, which gives their places on the page before its /Rotate."""
    import pypdfium2

    with pypdfium2.PdfDocument(data) as document:
        page = document[0]
        height, scale = page.get_mediabox()[3], ocr_pages.DPI / 72
        text_page = page.get_textpage()
        words, letters = [], []
        for index in range(text_page.count_chars() + 1):
            letter = text_page.get_text_range(index, 1) if index < text_page.count_chars() else " "
            if letter.strip():
                letters.append((letter, text_page.get_charbox(index, loose=True)))
            elif letters:
                # The word may run in any direction.
                ends = (letters[0][1], letters[-1][1])
                x, y = (sum(box[side] + box[side + 2] for box in ends) / 4 for side in (0, 1))
                text = "".join(letter for letter, _ in letters)
                words.append((text, x * scale, (height - y) * scale))
                letters = []
    return words


def poppler_words(data: bytes, rotate: int, size: tuple[int, int]) -> Points:
    """The words of a page by poppler, which gives their places on the page as it is shown. `size` is that of the picture."""
    page = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()
    scale, (width, height) = ocr_pages.DPI / 72, size
    words = []
    for box in re.finditer(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', page):
        x0, y0, x1, y1 = (float(side) * scale for side in box.groups()[:4])
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        x, y = {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[rotate]
        words.append((html.unescape(box[5]), x, y))
    return words


def in_box(words: list[ocr_pages.Word], placed: Points, text: str) -> tuple[int, int]:
    """Of the words that were read: how many an extractor finds as words in their boxes, and how many there are. `text` is what was read."""
    inside = total = 0
    by_text, read = defaultdict(list), set(text.split())
    for one, x, y in placed:
        by_text[one].append((x, y))
    for word in words:
        if word.text not in read:
            continue
        total += 1
        left, top, right, bottom = word.box
        inside += any(left <= x <= right and top <= y <= bottom for x, y in by_text[word.text])
    return inside, total


class OcrModel:
    """The running reference model."""

    def __init__(self, processes: int = 0) -> None:
        import test_reference_model

        options = ("--wall-seconds", "600", "--total-seconds", "20000", "--ocr-processes", str(processes))
        self.running = test_reference_model.RunningModel(*options, stderr=sys.stderr.fileno())
        self.pid = self.running.process.pid

    def searchable(self, data: bytes) -> bytes:
        """The PDF with its text layer."""
        connection = self.running.connect()
        connection.timeout = 20_000
        connection.request("POST", "/invocations", data, {"Content-Type": "application/pdf", "Accept": "application/pdf"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"the model answered {response.status}: {body[:300]!r}")
        connection.close()
        return body


def text_of(data: bytes, number: int) -> str:
    """The text of a page, as PDFium gives it."""
    import pypdfium2

    with pypdfium2.PdfDocument(data) as document:
        return document[number].get_textpage().get_text_range().replace("\ufffe", "-\n")


def accuracy(model: OcrModel, pages: list[ocr_pages.ContractPage], kinds: list[str]) -> dict:
    """Reads all pages in these kinds and all turns; upright ones by tesseract, too. Prints a table and returns the shares."""
    ours, theirs, totals = Counter(), Counter(), Counter()
    boxes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    our_cpu = their_cpu = 0.0
    for kind in kinds:
        for seed, page in enumerate(pages):
            shown = TURNS[seed % len(TURNS)]  # a page that lies on its side in the file and is shown upright
            for name, turned, rotate in ((kind, 0, 0), *((f"{kind} turned {turn}", turn, 0) for turn in TURNS), (f"{kind} /Rotate", shown, shown)):
                picture = ocr_pages.scanned(page, kind, seed)
                picture = picture.rotate(turned, expand=True) if turned else picture
                before = ocr_process_tree.cpu_seconds(model.pid)
                answer = model.searchable(as_pdf([picture], rotate))
                spent = ocr_process_tree.cpu_seconds(model.pid) - before
                read = text_of(answer, 0)
                keys = (name,) if turned else (name, f"{kind} {page.language}")
                for key in keys:
                    totals[key] += len(page.words)
                    ours[key] += found(page.words, read)
                if not turned:
                    text, cpu = tesseract(picture, ocr_pages.CLAUSES[page.language][0])
                    our_cpu, their_cpu = our_cpu + spent, their_cpu + cpu
                    for key in keys:
                        theirs[key] += found(page.words, text)
                for extractor, placed in (("PDFium", pdfium_words(answer)), ("poppler", poppler_words(answer, rotate, picture.size))):
                    placed = [(text, *ocr_pages.upright((x, y), kind, seed, turned)) for text, x, y in placed]
                    inside, total = in_box(page.words, placed, read)
                    counted = boxes[f"{name} {extractor}"]
                    counted[0], counted[1] = counted[0] + inside, counted[1] + total
    share = {key: round(100 * ours[key] / totals[key], 2) for key in totals}
    share_tesseract = {key: round(100 * theirs[key] / totals[key], 2) for key in theirs}
    placed_share = {key: round(100 * inside / max(1, total), 2) for key, (inside, total) in boxes.items()}
    for key in totals:
        in_boxes = " ".join(f"{name} {placed_share[f'{key} {name}']:6.2f} %" for name in ("PDFium", "poppler") if f"{key} {name}" in boxes)
        print(f"{key:17} {share[key]:6.2f} %   tesseract {share_tesseract.get(key, '-'):>6}   in their boxes: {in_boxes or '-'}")
    count = 2 * len(pages) * len(kinds)  # upright and with a /Rotate
    print(f"processor time a page: {our_cpu / count:.2f} s, tesseract {their_cpu / count:.2f} s")
    turned = [key for key in share if "turned" in key or "/Rotate" in key]
    return {
        "words_found": {kind: share[kind] for kind in kinds},
        "words_found_tesseract": {kind: share_tesseract[kind] for kind in kinds},
        "words_found_turned": {key: share[key] for key in turned},
        "cpu_ratio_to_tesseract": round(our_cpu / their_cpu, 2),
        "words_in_box": {key: placed_share[key] for key in sorted(placed_share)},
        "words_in_box_least": min(placed_share.values()),
    }


def batch(pages: list[ocr_pages.ContractPage], count: int, processes: int) -> tuple[int, float, float]:
    """Reads a batch of `count` scanned pages with a model of its own. Returns peak MB, seconds, and cores used."""
    model = OcrModel(processes)
    data = as_pdf([pages[number % len(pages)].picture for number in range(count)])
    sampler = ocr_process_tree.MemorySampler(model.pid)
    begun = time.monotonic()
    answer = model.searchable(data)
    seconds = time.monotonic() - begun
    cpu = ocr_process_tree.cpu_seconds(model.pid)
    peak = sampler.stop()
    last = pages[(count - 1) % len(pages)]
    if found(last.words, text_of(answer, count - 1)) < 0.9 * len(last.words):
        raise RuntimeError("the last page of the batch has not got its words")
    model.running.end()
    return peak, seconds, cpu / seconds


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Compare the OCR with tesseract and measure batches.")
    parser.add_argument("--pages", type=int, default=10, help="pages per language (default 10)")
    parser.add_argument("--kinds", nargs="+", choices=ocr_pages.KINDS, default=ocr_pages.KINDS, help="kinds of pages (default all)")
    parser.add_argument("--batches", type=int, nargs="*", default=[100, 1000], help="pages of batches (default 100 1000)")
    parser.add_argument("--processes", type=int, default=0, help="OCR processes for batches (default: one per core)")
    options = parser.parse_args()
    if reason := missing():
        print(f"bench-ocr: {reason}", file=sys.stderr)
        return 1
    pages = [ocr_pages.draw(language, seed) for language in ocr_pages.CLAUSES for seed in range(options.pages)]
    model = OcrModel()
    model.searchable(as_pdf([pages[0].picture, pages[0].picture]))  # loads the engines
    result = {"pages": len(pages) * len(options.kinds) * (len(TURNS) + 2), **accuracy(model, pages, options.kinds)}
    model.running.end()
    for count in options.batches:
        peak, seconds, cores = batch(pages, count, options.processes)
        print(f"a batch of {count} pages: peak {peak} MB, {seconds:.0f} s, {cores:.2f} cores")
        result[f"peak_mb_{count}_pages"] = peak
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
