"""Recognizes the text of page pictures with RapidOCR, in a process of its own and with one thread.

  python ocr_engine.py SOCKET FOLDER

SOCKET is the number of an inherited listening Unix socket; FOLDER has its path and is removed with the parent's end.

Several of these processes accept from one socket, so a page goes to whichever is free. A connection carries one
picture: a line of JSON (`width`, `height`), then the grey pixels. The answer is one JSON object (see `recognize`).
The engine is loaded with the first picture. The process ends when it was idle for a while or has grown, and with
its parent; the pool starts another.
"""

import functools
import json
import os
import resource
import shutil
import socket
import sys
import threading

from ocr_lines import in_reading_order, is_readable, repair_quotes, restore_blanks, unify_quotes, words_of

MAX_PIXELS = 16_000_000  # of one picture; A3 at 200 dpi has 7.7 million
IDLE_SECONDS = 60.0
MAX_RESIDENT_MB = 900  # most grow to 650 within ten pages and stay there
DETECTION_SCALE = 0.55  # lines are found at 110 dpi and read at 200: a quarter of the time, the same lines
UPRIGHT_SCORE = 0.9  # of the longest lines; upside down they score about 0.65
ORIENTATION_LINES = 5
MIN_LINE_SCORE = 0.5
MAX_NOISE = 6.0
OUTSIDE = 0.12  # of a line's height, above and below: parts of other lines
SURE_SCORE = 0.97
SURE_DENSITY = 1.5  # letters per line height; Latin text has 2 to 3


class Engine:
    """The two models. Options of one call stay for later calls, so each model has its own RapidOCR."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        common = {
            "Global.log_level": "error",
            # It turns upright full-width lines upside down; `orientation` does its work per page.
            "Global.use_cls": False,
            "Global.text_score": 0.0,
            "Global.min_side_len": 1,
            "Global.max_side_len": 100_000,  # this module scales
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self.detector = RapidOCR(
            params={**common, "Global.use_rec": False, "Det.limit_side_len": 100_000, "Det.limit_type": "max"}
        )
        self.recognizer = RapidOCR(params={**common, "Global.use_det": False, "Rec.rec_batch_num": 1})

    def quads(self, picture) -> list:
        """The four corners of each line, clockwise from the top left of the text."""
        import cv2
        import numpy

        small = cv2.resize(picture, None, fx=DETECTION_SCALE, fy=DETECTION_SCALE, interpolation=cv2.INTER_AREA)
        if min(small.shape[:2]) < 32:
            return []
        found = self.detector(small)
        if found.boxes is None or not len(found.boxes):
            return []
        scale = (picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0])
        return [rectangle(numpy.asarray(box, dtype="float32") * scale) for box in found.boxes]

    def read(self, crop) -> tuple[str, float, list[tuple[str, float]]]:
        """The text of one line, its score, and its letters with their places from 0 (left) to 1."""
        answer = self.recognizer(crop, return_word_box=True)
        if not answer.txts or not answer.txts[0]:
            return "", 0.0, []
        info = answer.word_results[0]
        letters = [letter for word in info.words for letter in word]
        columns = [(column + 0.5) / info.line_txt_len for word in info.word_cols for column in word]
        return answer.txts[0], float(answer.scores[0]), list(zip(letters, columns))


def sides(quad) -> tuple[float, float]:
    """Width and height of a quadrilateral."""
    import numpy

    return float(numpy.linalg.norm(quad[1] - quad[0])), float(numpy.linalg.norm(quad[3] - quad[0]))


def rectangle(quad):
    """The rectangle in the place of a detected quadrilateral, whose corners are rounded.

    Straightened in perspective, a skewed line that is a pixel higher on the left would be stretched there, and its words
    would be half a letter height beside their place.
    """
    import numpy

    along = (quad[1] - quad[0] + quad[2] - quad[3]) / 2
    width = numpy.linalg.norm(along)
    height = numpy.linalg.norm(quad[3] - quad[0] + quad[2] - quad[1]) / 2
    down = numpy.array([-along[1], along[0]]) * (height / width)
    corners = numpy.array([-along - down, along - down, along + down, down - along]) / 2
    return (quad.mean(axis=0) + corners).astype("float32")


def cut(picture, quad):
    """The picture inside the rectangle, straightened."""
    import cv2
    import numpy

    width, height = (max(1, round(side)) for side in sides(quad))
    target = numpy.array([[0, 0], [width, 0], [0, height]], dtype="float32")
    matrix = cv2.getAffineTransform(numpy.ascontiguousarray(quad[[0, 1, 3]]), target)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def ink_of(crop):
    """The picture of a line with 1 where there is ink, else 0."""
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    _, ink = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    return 1 - ink if ink.mean() > 0.5 else ink  # white on black


def columns_of(ink) -> list[tuple[int, int]]:
    """Where columns with ink begin and end, in pixels."""
    import numpy

    columns = ink.any(axis=0).astype(numpy.int8)
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], columns, [0])))).tolist()
    return list(zip(edges[::2], edges[1::2]))


def white(crop, begin: float, end: float) -> float:
    """The widest white between two places in a line, both from 0 (left) to 1, in line heights."""
    ink = ink_of(crop)
    height, width = ink.shape
    outside = round(height * OUTSIDE)
    inked = columns_of(ink[outside : height - outside, round(begin * width) : round(end * width)])
    return max((after - before for (_, before), (after, _) in zip(inked, inked[1:])), default=0) / height


def letter_runs(crop) -> int:
    """How many separate pieces of ink stand side by side, each at least a third of the line high.

    About the number of letters, whatever the script; rules, dots and scribbles count little.
    """
    import numpy

    ink = ink_of(crop)
    runs = 0
    for first, last in columns_of(ink):
        rows = numpy.flatnonzero(ink[:, first:last].any(axis=1))
        runs += rows[-1] - rows[0] >= crop.shape[0] * 0.3
    return int(runs)


def noise(grey) -> float:
    """The standard deviation of the noise in grey levels: 0 for clean pages and JPEGs, 10 and more for bad scans."""
    import cv2
    import numpy

    # Twice the second derivative in both directions: letters hardly count, because most of a page is paper.
    kernel = numpy.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=numpy.float32)
    rough = numpy.abs(cv2.filter2D(grey[::2].astype(numpy.float32), -1, kernel))
    return float(numpy.median(rough)) / 0.6745 / 6


def recognize(engine: Engine, grey) -> dict:
    """Returns `lines` in reading order and `turned`, the degrees by which the page lies on its side.

    A line has `text`, `score`, `readable`, and `words`; a word has `text` and `quad`, the corners in pixels of the
    picture as it came, clockwise from the top left of the text.
    """
    import cv2
    import numpy

    is_noisy = noise(grey) > MAX_NOISE
    if is_noisy:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    original = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    picture, quarter_turns = original, 0
    quads = engine.quads(picture)
    lengths = [sides(quad) for quad in quads]
    lying = sum(height for width, height in lengths if height > 1.5 * width)
    standing = sum(width for width, height in lengths if width > 1.5 * height)
    if lying > standing:
        picture, quarter_turns = numpy.ascontiguousarray(numpy.rot90(original)), 1
        quads = engine.quads(picture)
    readings: dict[int, tuple] = {}
    if quads and upside_down(engine, picture, quads, readings):
        readings = {}
        quarter_turns = (quarter_turns + 2) % 4
        picture = numpy.ascontiguousarray(numpy.rot90(original, quarter_turns))
        quads = engine.quads(picture)

    typical = float(numpy.median([min(sides(quad)) for quad in quads])) if quads else 0.0
    lines = []
    for index, quad in enumerate(quads):
        width, height = sides(quad)
        if height > 3 * width and height > 3 * typical:  # a line that runs downwards, such as a stamp in the margin
            quad = numpy.ascontiguousarray(numpy.roll(quad, -1, axis=0))
            readings.pop(index, None)
        crop = cut(picture, quad)
        text, score, letters = readings.get(index) or engine.read(crop)
        # Lines that are dense with letters and sure need no count of what was not read.
        runs = 0 if score > SURE_SCORE and len(text) > SURE_DENSITY * width / height else letter_runs(crop)
        line = {
            "text": text,
            "score": round(score, 3),
            "readable": is_readable(text, score, runs),
            "words": [],
            "upright": quad.tolist(),
        }
        if not text.strip() or score < MIN_LINE_SCORE:
            if line["readable"]:
                continue  # a rule, a scribble, a speck
            line["text"] = ""
        line["text"] = restore_blanks(line["text"], letters, functools.partial(white, crop))
        for word, begin, end in repair_quotes(words_of(line["text"], letters)):
            left, right = (quad[0] + (quad[1] - quad[0]) * part for part in (begin, end))
            right_below, left_below = (quad[3] + (quad[2] - quad[3]) * part for part in (end, begin))
            corners = (turned_back(point, quarter_turns, grey.shape) for point in (left, right, right_below, left_below))
            line["words"].append({"text": word, "quad": [list(map(float, corner)) for corner in corners]})
        line["text"] = " ".join(word["text"] for word in line["words"])
        lines.append(line)
    unify_quotes(lines, is_noisy)
    ordered = in_reading_order(lines, picture.shape[1])
    for line in ordered:
        del line["upright"]
    return {"lines": ordered, "turned": (360 - 90 * quarter_turns) % 360}


def upside_down(engine: Engine, picture, quads: list, readings: dict[int, tuple]) -> bool:
    """Whether the longest lines read better when turned by 180 degrees. Keeps what was read in `readings`."""
    import numpy

    longest = sorted(range(len(quads)), key=lambda index: -max(sides(quads[index])))[:ORIENTATION_LINES]
    crops = [cut(picture, quads[index]) for index in longest]
    readings |= {index: engine.read(crop) for index, crop in zip(longest, crops)}
    upright = numpy.mean([reading[1] for reading in readings.values()])
    if upright >= UPRIGHT_SCORE:
        return False
    turned = [engine.read(numpy.ascontiguousarray(numpy.rot90(crop, 2)))[1] for crop in crops]
    return bool(numpy.mean(turned) > upright + 0.05)


def turned_back(point, quarter_turns: int, shape: tuple[int, int]) -> tuple[float, float]:
    """A point of the picture that numpy.rot90 turned, in the picture before."""
    x, y = float(point[0]), float(point[1])
    height, width = shape
    return ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[quarter_turns]


def serve(connection: socket.socket, engine: Engine) -> None:
    """Answers one connection."""
    import numpy

    with connection, connection.makefile("rb") as incoming:
        head = json.loads(incoming.readline(200) or b"{}")
        width, height = int(head.get("width", 0)), int(head.get("height", 0))
        if not 0 < width * height <= MAX_PIXELS:
            return
        pixels = incoming.read(width * height)
        if len(pixels) == width * height:
            grey = numpy.frombuffer(pixels, dtype=numpy.uint8).reshape(height, width)
            connection.sendall(json.dumps(recognize(engine, grey)).encode())


def end_with_parent() -> None:
    """Ends the process at the end of standard input."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Serves pictures until idle."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    listener = socket.socket(fileno=int(sys.argv[1]))
    engine = None
    while True:
        # Without an engine the process is small and may wait for ever.
        listener.settimeout(IDLE_SECONDS if engine else None)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        connection.setblocking(True)
        try:
            engine = engine or Engine()
            serve(connection, engine)
        except (OSError, ValueError) as error:
            print(f"ocr_engine: {type(error).__name__}: {error}", file=sys.stderr)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1024)
        if resident > MAX_RESIDENT_MB:
            return


if __name__ == "__main__":
    main()
