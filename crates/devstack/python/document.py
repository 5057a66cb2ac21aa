"""Reads a document page by page: its own text where that is text, else the text of the rendered page by OCR."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
import math
import threading

import pypdfium2.raw as pdfium

from language import Assessment, agreement, assess
import ocr_pool
import pdf_input

DPI = 200
MAX_PIXELS = 12_000_000  # of a rendered page; larger pages are rendered with fewer dpi
FEW_WORDS = 60  # on a page that is a picture: a stamp or a header, not its text
MIN_PICTURE_SHARE = 0.3
MIN_AGREEMENT = 0.6
MIN_UNREADABLE_SHARE = 0.12  # of a page's lines
NO_OCR = "no text and there is no OCR here"


@dataclass
class Ocr:
    """Where pages are recognized."""

    path: str  # of the Unix socket
    processes: int


@dataclass
class ReadPage:
    """What was read of a page."""

    number: int
    text: str
    unread: str = ""  # why the page, or part of it, cannot be read; "" if all was read
    lines: list[dict] = field(default_factory=list)  # what OCR found, for the text layer
    scale: float = 1.0  # pixels of the picture per point
    height: float = 0.0  # in points, as displayed
    width: float = 0.0
    text_boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    has_own_text: bool = True
    recognized: bool = False


Progress = Callable[[int, int, int], None]  # pages done, pages in all, of these recognized


def read(pdf: pdf_input.OpenPdf, ocr: Ocr | None, progress: Progress, done: Callable[[ReadPage], None]) -> None:
    """Reads all pages and hands each to `done`, in order.

    PDFium runs in this thread only. At most one page per OCR process and one more are in memory.
    """
    count, recognized = pdf.page_count, 0
    waiting: deque[tuple[ReadPage, Assessment, Future | None]] = deque()

    def finish_first() -> None:
        nonlocal recognized
        page, own, answer = waiting.popleft()
        if answer is not None:
            _use_ocr(page, own, answer)
            recognized += 1
        done(page)
        progress(page.number, count, recognized)

    processes = ocr.processes if ocr else 1
    threading.stack_size(512 * 1024)  # stacks count as address space
    with ThreadPoolExecutor(processes) as threads:
        for page in pdf.pages():
            own = assess(page.text)
            # A third of the letters without Unicode: whatever the others say, the page must be looked at.
            is_doubtful = own.is_doubtful() or page.undecoded > 0.3
            has_text = bool(page.text.strip())
            is_picture = page.picture_share >= MIN_PICTURE_SHARE and len(page.text.split()) < FEW_WORDS
            result = ReadPage(page.number, page.text, height=page.height, width=page.width, has_own_text=has_text)
            result.text_boxes = page.text_boxes
            answer = None
            if not has_text or is_picture or is_doubtful:
                if ocr is not None:
                    result.scale = _scale(page)
                    width, height, pixels = _render(page, result.scale)
                    answer = threads.submit(ocr_pool.recognize, ocr.path, width, height, pixels)
                elif not has_text:
                    result.unread = "" if _is_blank(page) else NO_OCR
                elif is_doubtful and not own.is_language():
                    result.unread, result.text = "the letters cannot be decoded and there is no OCR here", ""
                elif is_picture:
                    result.unread = "mostly a picture and there is no OCR here"
            waiting.append((result, own, answer))
            while len(waiting) > processes:
                finish_first()
        while waiting:
            finish_first()


def _use_ocr(page: ReadPage, own: Assessment, answer: Future) -> None:
    """Decides between the page's own text and what OCR read."""
    try:
        found = answer.result()
    except ocr_pool.OcrFailed:
        page.unread = "the picture could not be recognized"
        return
    page.recognized = True
    readable = [line for line in found["lines"] if line["readable"]]
    unreadable = len(found["lines"]) - len(readable)
    seen = "\n".join(line["text"] for line in readable)
    judged = assess(seen)
    if own.is_language() and not own.is_doubtful() and page.has_own_text:
        # A scan with a stamp or a header as text: keep both.
        page.lines = [line for line in readable if agreement(line["text"], page.text) < MIN_AGREEMENT]
        page.text = page.text + "\n" + "\n".join(line["text"] for line in page.lines)
    elif page.has_own_text and (agreement(page.text, seen) >= MIN_AGREEMENT and not own.is_undecoded):
        pass  # an unusual page, such as a list of parts: what it says is what it shows
    elif judged.is_language():
        page.text, page.lines = seen, readable
    else:
        page.unread, page.text = "text in no language that can be read", ""
    lines = len(found["lines"])
    if not page.unread and unreadable >= 2 and unreadable >= MIN_UNREADABLE_SHARE * lines:
        page.unread = f"{unreadable} of {lines} lines are in a script that cannot be read"
    elif not page.unread and unreadable == lines == 1:
        page.unread = "the only line is in a script that cannot be read"


def _scale(page: pdf_input.Page) -> float:
    area = max(1.0, page.width) * max(1.0, page.height)
    return min(DPI / 72, math.sqrt(MAX_PIXELS / area))


def _render(page: pdf_input.Page, scale: float) -> tuple[int, int, bytes]:
    """Width, height and grey pixels of the page as it is seen."""
    bitmap = page.pdfium_page.render(scale=scale, grayscale=True, may_draw_forms=False)
    try:
        width, height, stride = bitmap.width, bitmap.height, bitmap.stride
        rows = memoryview(bitmap.buffer).cast("B")
        if stride == width:
            return width, height, bytes(rows[: width * height])
        return width, height, b"".join(bytes(rows[row * stride : row * stride + width]) for row in range(height))
    finally:
        bitmap.close()


def _is_blank(page: pdf_input.Page) -> bool:
    """Whether nothing is drawn on the page."""
    return pdfium.FPDFPage_CountObjects(page.pdfium_page) == 0
