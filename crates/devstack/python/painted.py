"""What a page paints besides text: pictures, and marks that may be letters, such as outlines of glyphs and small pictures."""

from collections.abc import Iterator
import ctypes
from dataclasses import dataclass, field

import pypdfium2
import pypdfium2.raw as pdfium

MAX_OBJECTS = 20_000  # of a page, those within its forms included
MAX_SEGMENTS = 50_000  # of the paths of a page
MAX_DEPTH = 60  # of forms in forms; PDFium draws fewer
MIN_MARK_POINTS = 2.5  # smaller ones are dots and rules
MAX_MARK_POINTS = 100  # of a picture of a letter or a word
STRAIGHT_SEGMENTS = 6  # of a box: moved to, five sides at most; letters such as E have more
LETTERS_A_WORD = 6
PATTERN_GREY = (191, 191, 191)  # PDFium's colour of an area that is filled with a pattern
INVISIBLE_MODES = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
WHITE = 243
OPAQUE = 250  # on average, of 255

Box = tuple[float, float, float, float]  # left, bottom, right, top
Matrix = tuple[float, float, float, float, float, float]


@dataclass
class Painted:
    """What was found on a page."""

    picture_share: float = 0.0  # of the page's area that pictures cover
    words_on_pictures: int = 0  # about how many can be seen there
    hidden_words: int = 0  # about how many are there that are not seen: invisible, white, or below a picture
    marks: int = 0
    drawing: int = 0  # equal for the same marks at the same place
    is_whole: bool = True  # False: the page has more than is examined


@dataclass
class _Picture:
    order: int  # of painting
    box: Box
    drawn: object  # PDFium's picture, or None for a pattern or a picture that lets through what is below


@dataclass
class _Found:
    pictures: list[_Picture] = field(default_factory=list)
    texts: dict[int, int] = field(default_factory=dict)  # address of a text object -> order
    marks: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # box and count
    objects: int = 0
    segments: int = 0


def examine(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, characters: int, min_share: float) -> Painted:
    """Examines a page. Words are looked at where pictures cover `min_share` of the page."""
    found = _Found()
    _walk(_children(page), (1, 0, 0, 1, 0, 0), found, 0, False)
    shown = page.get_bbox()
    for picture in found.pictures:
        picture.box = _overlap(picture.box, shown)
    area = max(1.0, (shown[2] - shown[0]) * (shown[3] - shown[1]))
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (picture.box for picture in found.pictures))
    painted = Painted(
        picture_share=min(1.0, covered / area),
        marks=sum(mark[4] for mark in found.marks),
        drawing=hash(tuple(found.marks)),
        is_whole=found.objects <= MAX_OBJECTS and found.segments <= MAX_SEGMENTS,
    )
    if painted.picture_share >= min_share:
        _count_words(page, text_page, characters, found, painted)
    return painted


def _walk(children: Iterator, to_page: Matrix, found: _Found, depth: int, is_thin: bool) -> None:
    """Adds what is painted, in its order. `is_thin`: it lets through what is below."""
    for drawn in children:
        found.objects += 1
        if found.objects > MAX_OBJECTS or found.segments > MAX_SEGMENTS:
            return
        kind = pdfium.FPDFPageObj_GetType(drawn)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            found.texts[_address(drawn)] = found.objects
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            _add_picture(found, drawn, _bounds(drawn, to_page), is_thin or bool(pdfium.FPDFPageObj_HasTransparency(drawn)))
        elif kind == pdfium.FPDF_PAGEOBJ_PATH:
            _add_path(found, drawn, to_page)
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < MAX_DEPTH:
            matrix = pdfium.FS_MATRIX()
            if pdfium.FPDFPageObj_GetMatrix(drawn, matrix):
                own = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
                is_thin_form = is_thin or bool(pdfium.FPDFPageObj_HasTransparency(drawn))
                _walk(_children_of_form(drawn), _times(own, to_page), found, depth + 1, is_thin_form)


def _children(page: pypdfium2.PdfPage) -> Iterator:
    return (pdfium.FPDFPage_GetObject(page, index) for index in range(pdfium.FPDFPage_CountObjects(page)))


def _children_of_form(form: object) -> Iterator:
    return (pdfium.FPDFFormObj_GetObject(form, index) for index in range(pdfium.FPDFFormObj_CountObjects(form)))


def _add_picture(found: _Found, drawn: object, box: Box | None, is_thin: bool) -> None:
    if box is None or max(box[2] - box[0], box[3] - box[1]) < MIN_MARK_POINTS:
        return
    found.pictures.append(_Picture(found.objects, box, None if is_thin else drawn))
    if max(box[2] - box[0], box[3] - box[1]) < MAX_MARK_POINTS:
        found.marks.append((*map(round, box), 1))


def _add_path(found: _Found, path: object, to_page: Matrix) -> None:
    box = _bounds(path, to_page)
    if box is None or max(box[2] - box[0], box[3] - box[1]) < MIN_MARK_POINTS:
        return
    if letters := _letters(found, path):
        found.marks.append((*map(round, box), letters))
    elif _fill(path) == PATTERN_GREY:
        found.pictures.append(_Picture(found.objects, box, None))


def _letters(found: _Found, path: object) -> int:
    """How many parts of a path may be letters: those with a curve, with a slope, or with more sides than a box."""
    letters = sides = 0
    is_bent, before = False, (0.0, 0.0)
    x, y = ctypes.c_float(), ctypes.c_float()
    count = pdfium.FPDFPath_CountSegments(path)
    for index in range(count):
        found.segments += 1
        if found.segments > MAX_SEGMENTS:
            break
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            letters += is_bent or sides > STRAIGHT_SEGMENTS
            is_bent, sides = False, 0
        elif kind == pdfium.FPDF_SEGMENT_BEZIERTO or (abs(point[0] - before[0]) > 0.01 and abs(point[1] - before[1]) > 0.01):
            is_bent = True
        sides += 1
        before = point
    return letters + (is_bent or sides > STRAIGHT_SEGMENTS)


def _count_words(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, characters: int, found: _Found, painted: Painted) -> None:
    red, green, blue, opacity = (ctypes.c_uint() for _ in range(4))
    opaque: dict[int, bool] = {}
    for index in range(0, characters, LETTERS_A_WORD):
        x0, y0, x1, y1 = text_page.get_charbox(index)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        around = [one for one in found.pictures if one.box[0] <= x <= one.box[2] and one.box[1] <= y <= one.box[3]]
        drawn = pdfium.FPDFText_GetTextObject(text_page, index)
        if not around or not drawn:  # PDFium adds blanks that are not drawn
            continue
        is_seen = pdfium.FPDFTextObj_GetTextRenderMode(drawn) not in INVISIBLE_MODES
        if is_seen and pdfium.FPDFText_GetFillColor(text_page, index, red, green, blue, opacity):
            is_seen = opacity.value > 0 and min(red.value, green.value, blue.value) < WHITE
        order = found.texts.get(_address(drawn), MAX_OBJECTS)
        for picture in around if is_seen else ():
            if picture.order > order and picture.drawn is not None:
                if picture.order not in opaque:
                    opaque[picture.order] = _is_opaque(page, picture.drawn)
                is_seen = is_seen and not opaque[picture.order]
        painted.words_on_pictures += is_seen
        painted.hidden_words += not is_seen


def _is_opaque(page: pypdfium2.PdfPage, picture: object) -> bool:
    """Whether the picture hides what is below; a watermark does not. PDFium draws it with one pixel per point."""
    bitmap = pdfium.FPDFImageObj_GetRenderedBitmap(page.pdf, page, picture)
    if not bitmap:
        return False
    try:
        if pdfium.FPDFBitmap_GetFormat(bitmap) != pdfium.FPDFBitmap_BGRA:
            return True
        size = pdfium.FPDFBitmap_GetStride(bitmap) * pdfium.FPDFBitmap_GetHeight(bitmap)
        opacities = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), size)[3::4]
        return sum(opacities) >= OPAQUE * len(opacities)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)


def _address(drawn) -> int:
    return ctypes.cast(drawn, ctypes.c_void_p).value or 0


def _fill(path: object) -> tuple[int, int, int]:
    red, green, blue, opacity = (ctypes.c_uint() for _ in range(4))
    pdfium.FPDFPageObj_GetFillColor(path, red, green, blue, opacity)
    return red.value, green.value, blue.value


def _bounds(drawn: object, to_page: Matrix) -> Box | None:
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(drawn, *sides):
        return None
    x0, y0, x1, y1 = (side.value for side in sides)
    a, b, c, d, e, f = to_page
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (x0, x1) for y in (y0, y1)]
    return (min(x for x, _ in corners), min(y for _, y in corners), max(x for x, _ in corners), max(y for _, y in corners))


def _times(one: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = then
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _overlap(box: Box, page: Box) -> Box:
    left, bottom, right, top = max(box[0], page[0]), max(box[1], page[1]), min(box[2], page[2]), min(box[3], page[3])
    return left, bottom, max(left, right), max(bottom, top)
