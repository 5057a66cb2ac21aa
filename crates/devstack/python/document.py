"""Reads a document page by page: its own text where that is text, else the text of the rendered page by OCR."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
import math
import threading

import pypdfium2.raw as pdfium

from language import FUNCTION_WORDS, Assessment, agreement, assess, is_part, word_pairs
from letter_pairs import odd_passages
import ocr_pool
import pdf_input

DPI = 200
MAX_PIXELS = 12_000_000  # of a rendered page; larger pages are rendered with fewer dpi
FEW_WORDS = 60  # on a page or a picture: a stamp or a header, not its text
FEW_MARKS = 20  # outlines or small pictures on a page of few words; a logo has fewer
MANY_MARKS = 60  # on a page with more words: about twelve words
MIN_HIDDEN_WORDS = 4
MIN_AGREEMENT = 0.6  # of the words of a page
SAME_LINE = 0.8  # of the words that follow each other in a line
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
    turn: int = 0  # degrees clockwise by which it is displayed turned
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # what is displayed of it, in user space
    text_boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    has_own_text: bool = True
    recognized: bool = False

    def in_user_space(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page as displayed (in points, origin at the bottom left) in the page's user space."""
        x0, y0, x1, y1 = self.box
        return {0: (x0 + x, y0 + y), 90: (x1 - y, y0 + x), 180: (x1 - x, y1 - y), 270: (x0 + y, y1 - x)}[self.turn]

    def corners(self, word: dict) -> list[tuple[float, float]]:
        """The corners of a recognized word in user space: top left, top right, bottom right, bottom left."""
        return [self.in_user_space(x / self.scale, self.height - y / self.scale) for x, y in word["quad"]]

    def has_text_at(self, corners: list[tuple[float, float]]) -> bool:
        """Whether the page's own text lies in the middle between these corners."""
        x, y = sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4
        return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in self.text_boxes)

    def is_text_at(self, line: dict) -> bool:
        """Whether most words of a recognized line lie on the page's own text."""
        on_text = sum(self.has_text_at(self.corners(word)) for word in line["words"])
        return 2 * on_text > len(line["words"])


Progress = Callable[[int, int, int], None]  # pages done, pages in all, of these recognized


def read(pdf: pdf_input.OpenPdf, ocr: Ocr | None, progress: Progress, done: Callable[[ReadPage], None]) -> None:
    """Reads all pages and hands each to `done`, in order.

    PDFium runs in this thread only. At most one page per OCR process and one more are in memory.
    """
    count, recognized = pdf.page_count, 0
    waiting: deque[tuple[ReadPage, Judgement, Future | None]] = deque()

    def finish_first() -> None:
        nonlocal recognized
        page, own, answer = waiting.popleft()
        if answer is not None:
            _use_ocr(page, own, answer)
            recognized += 1
        done(page)
        progress(page.number, count, recognized)

    processes = ocr.processes if ocr else 1
    drawings: set[int] = set()  # such as a letterhead: what is seen on one page need not be read on all
    threading.stack_size(512 * 1024)  # stacks count as address space
    with ThreadPoolExecutor(processes) as threads:
        for page in pdf.pages():
            own = judge(page, drawings)
            result = ReadPage(page.number, page.text, height=page.height, width=page.width, has_own_text=own.has_text)
            result.text_boxes, result.turn, result.box = page.text_boxes, page.turn, page.box
            if page.is_cut:
                result.unread = f"only the first {pdf_input.MAX_PAGE_CHARACTERS:,} letters of a page are read"
            answer = None
            if ocr is not None and own.must_be_seen():
                result.scale = _scale(page)
                width, height, pixels = _render(page, result.scale)
                answer = threads.submit(ocr_pool.recognize, ocr.path, width, height, pixels)
            elif own.must_be_seen():
                _use_no_ocr(result, own, _is_blank(page))
            waiting.append((result, own, answer))
            while len(waiting) > processes:
                finish_first()
        while waiting:
            finish_first()


@dataclass
class Judgement:
    """What the page's own text is, and whether the page shows more."""

    assessment: Assessment
    has_text: bool
    odd_passages: list[str]  # that are hardly words
    is_doubtful: bool  # as a whole
    is_part_undecoded: bool
    is_hidden: bool  # the text over a picture is not seen, as in a scan that was recognized before
    is_picture: bool  # pictures or drawings that may be text

    def must_be_seen(self) -> bool:
        """Whether only rendering and OCR tell what the page says."""
        return not self.has_text or self.is_doubtful or self.is_partly_doubtful() or self.is_hidden or self.is_picture

    def is_partly_doubtful(self) -> bool:
        """Whether some passages may show other words than their letters say."""
        return self.is_part_undecoded or bool(self.odd_passages)


def judge(page: pdf_input.InputPage, drawings: set[int]) -> Judgement:
    """Judges a page. `drawings` are those of the pages before."""
    own = assess(page.text)
    words, found = len(page.text.split()), page.painted
    is_picture = found.picture_share >= pdf_input.MIN_PICTURE_SHARE and found.words_on_pictures < FEW_WORDS
    if found.marks >= (FEW_MARKS if words < FEW_WORDS else MANY_MARKS) and found.drawing not in drawings:
        drawings.add(found.drawing)
        is_picture = True
    return Judgement(
        own,
        has_text=bool(page.text.strip()),
        odd_passages=[] if own.foreign else odd_passages(page.text, FUNCTION_WORDS[own.language or "en"]),
        # A third of the letters without Unicode: whatever the others say, the page must be looked at.
        is_doubtful=own.is_doubtful() or page.undecoded > 0.3,
        is_part_undecoded=page.is_part_undecoded,
        is_hidden=found.hidden_words > max(MIN_HIDDEN_WORDS, found.words_on_pictures),
        is_picture=is_picture or not found.is_whole,
    )


def _use_no_ocr(page: ReadPage, own: Judgement, is_blank: bool) -> None:
    """Says what cannot be known of a page that must be seen."""
    if not own.has_text:
        page.unread = "" if is_blank else NO_OCR
    elif own.is_doubtful and not own.assessment.is_language():
        page.unread, page.text = "the letters cannot be decoded and there is no OCR here", ""
    elif own.is_partly_doubtful():
        page.unread = "some of the letters cannot be decoded and there is no OCR here"
    elif own.is_hidden:
        page.unread = "a picture with invisible text, which may say something else, and there is no OCR here"
    elif own.is_picture:
        page.unread = "pictures or drawings, which may be text, and there is no OCR here"


def _use_ocr(page: ReadPage, own: Judgement, answer: Future) -> None:
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
    pairs = word_pairs(page.text)
    more = [line for line in readable if not is_part(line["text"], pairs, SAME_LINE)]
    is_text = own.has_text and own.assessment.is_language() and not own.is_doubtful and not own.is_hidden
    if is_text and (not own.is_partly_doubtful() or _is_foreign("".join(own.odd_passages))):
        # A scan with a stamp or a header as text: keep both.
        page.lines = [line for line in more if not page.is_text_at(line)]
        page.text = "\n".join([page.text, *(line["text"] for line in page.lines)])
        page.recognized = bool(page.lines)
    elif own.has_text and not own.is_hidden and _is_confirmed(page.text, own, seen):
        page.recognized = False  # an unusual page, such as a list of parts: what it says is what it shows
    elif judged.is_language():
        page.text = seen
        # Where the own text says something else, the words of the picture are added to it, not left out.
        page.lines, page.text_boxes = more, []
        missing = sum(len(part.split()) for part in own.odd_passages)
        if own.is_partly_doubtful() and (unreadable or 2 * sum(len(line["words"]) for line in more) < missing):
            page.unread = page.unread or "some of the letters cannot be decoded, and the picture does not show what they are"
    else:
        page.unread, page.text = "text in no language that can be read", ""
    lines = len(found["lines"])
    if not page.unread and unreadable >= 2 and unreadable >= MIN_UNREADABLE_SHARE * lines:
        page.unread = f"{unreadable} of {lines} lines are in a script that cannot be read"
    elif not page.unread and unreadable == lines == 1:
        page.unread = "the only line is in a script that cannot be read"


def _is_confirmed(text: str, own: Judgement, seen: str) -> bool:
    """Whether OCR saw the page's own text, each doubtful passage of it included."""
    if own.assessment.is_undecoded or own.is_part_undecoded:
        return False
    return all(agreement(part, seen) >= MIN_AGREEMENT for part in (text, *own.odd_passages))


def _is_foreign(letters: str) -> bool:
    return bool(assess(letters).foreign)


def _scale(page: pdf_input.InputPage) -> float:
    area = max(1.0, page.width) * max(1.0, page.height)
    return min(DPI / 72, math.sqrt(MAX_PIXELS / area))


def _render(page: pdf_input.InputPage, scale: float) -> tuple[int, int, bytes]:
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


def _is_blank(page: pdf_input.InputPage) -> bool:
    """Whether nothing is drawn on the page."""
    return pdfium.FPDFPage_CountObjects(page.pdfium_page) == 0
