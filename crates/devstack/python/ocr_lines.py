"""What follows from recognized letters and boxes: words, quotation marks, readable or not, reading order. Pure functions."""

from collections.abc import Callable
import re
import unicodedata

MIN_LETTER_RUNS = 8  # shorter lines say nothing about their script
MIN_LETTERS_PER_RUN = 0.35  # a script that the model does not know leaves gaps: 0.05; Latin letters: 0.7 to 1.2
MAX_FOREIGN_SHARE = 0.2
MIN_BLANK_STEPS = 1.3  # from the middle of a bracket to that of the next letter; 0.9 without a blank
MIN_BLANK_WHITE = 0.25  # of a line's height; a blank that was dropped has 0.32 and more, "Covid19" up to 0.17
VIETNAMESE = range(0x1EA0, 0x1EFA)  # letters that the model knows only in part

Word = tuple[str, float, float]  # text, begin and end in the line from 0 to 1


def restore_blanks(text: str, letters: list[tuple[str, float]], white: Callable[[float, float], float]) -> str:
    """The text with the blanks that the model drops in "ValleyWater" and "Section23.2", but not in "GmbH" and "YouTube".

    `white` is the widest white between two places in the line, in line heights: the places of letters say too little.
    """
    blanks, position = [], 0
    for index, letter in enumerate(text):
        if letter.isspace():
            continue
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        is_new = letter.isdigit() or (letter.isupper() and after.islower())
        if 0 < position < len(letters) and ((before.islower() and is_new) or (before == "&" and letter.isalnum())):
            if white(letters[position - 1][1], letters[position][1]) > MIN_BLANK_WHITE:
                blanks.append(index)
        position += 1
    for index in reversed(blanks):
        text = text[:index] + " " + text[index:]
    return text


def words_of(text: str, letters: list[tuple[str, float]]) -> list[Word]:
    """Splits a line at its blanks. `letters` are those of the text without blanks, with the middle of each."""
    words: list[Word] = []
    steps = sorted(after[1] - before[1] for before, after in zip(letters, letters[1:]))
    # A little less than half a letter, so that words stay apart.
    half = steps[len(steps) // 2] * 0.4 if steps else 0.5
    position = 0
    for word in text.split():
        own = letters[position : position + len(word)]
        position += len(word)
        begin = 0
        for end in (*_lost_blanks(word, own, 2.5 * half), len(own)):
            if part := own[begin:end]:
                words.append((word[begin:end], max(0.0, part[0][1] - half), min(1.0, part[-1][1] + half)))
            begin = end
    return words


def _lost_blanks(word: str, letters: list[tuple[str, float]], step: float) -> list[int]:
    """Where a blank is missing in what was read as one word. On noisy pages the model drops it after a closing bracket.

    There is room for a blank if the next letter is much further away than letters usually are; in "(un)gültig" it is not.
    """
    return [
        index
        for index in range(1, min(len(word), len(letters)))
        if word[index - 1] in ")]" and word[index].isalnum() and letters[index][1] - letters[index - 1][1] > MIN_BLANK_STEPS * step
    ]


def repair_quotes(words: list[Word]) -> list[Word]:
    """Restores what the model cannot write: the German opening quotation mark, and the other half of mixed pairs.

    A word that ends with “ (the German closing mark) without an opening one had „ at its front if there is room
    for it, a wider gap than between other words.
    """
    gaps = sorted(after[1] - before[2] for before, after in zip(words, words[1:]))
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    repaired: list[Word] = []
    for index, (text, begin, end) in enumerate(words):
        text = re.sub(r"“([^“”\"]+)\"", r"“\1”", text)
        text = re.sub(r"\"([^“”\"]+)”", r"“\1”", text)
        closing = re.fullmatch(r"(\(?),{0,2}([^\W\d_][^“”„\"]*)([“\"]\)?[.,;:]?)", text)
        if closing:
            wide = bool(index) and begin - words[index - 1][2] > 1.35 * usual
            if closing[1] or wide:
                mark = "“" + closing[3][1:]
                text = f"{closing[1]}„{closing[2]}{mark}"
        repaired.append((text, begin, end))
    return repaired


def unify_quotes(lines: list[dict], is_noisy: bool) -> None:
    """Makes the quotation marks of a page those that they must be.

    The model reads curved double marks as straight, above all with serifs, but hardly ever straight ones as curved: so one
    that is curved says that all are. On a noisy page single marks become those that most were read as.
    """
    text = "".join(line["text"] for line in lines)
    changes: list[tuple[str, str]] = []
    if is_noisy and "'" in text and "’" in text:
        changes.append(("'", "’") if text.count("’") > text.count("'") else ("’", "'"))
    for line in lines:
        for word in line["words"]:
            for old, new in changes:
                word["text"] = word["text"].replace(old, new)
            if "”" in text:
                word["text"] = re.sub(r"\"([^“”\"]+)\"", r"“\1”", word["text"])
        line["text"] = " ".join(word["text"] for word in line["words"])


def is_readable(text: str, score: float, runs: int) -> bool:
    """Whether the line is in a script that the model reads: Latin. Other scripts come out as gaps or as guesses."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not unicodedata.name(letter, "").startswith("LATIN") or ord(letter) in VIETNAMESE for letter in letters)
    if foreign > MAX_FOREIGN_SHARE * len(letters) or (foreign and any(ord(letter) in VIETNAMESE for letter in letters)):
        return False
    if runs < MIN_LETTER_RUNS:
        return True
    return len(text.replace(" ", "")) >= MIN_LETTERS_PER_RUN * runs and score >= 0.5


def in_reading_order(lines: list[dict], width: float) -> list[dict]:
    """Sorts by rows, after turning the page straight; columns of prose one after the other.

    Pieces of one row are joined into one line, as a table's cells are.
    """
    if not lines:
        return []
    slopes = sorted(_slope(line) for line in lines if _span(line) > width * 0.15) or [0.0]
    slope = slopes[len(slopes) // 2]
    placed = []
    for line in lines:
        xs, ys = zip(*line["upright"])
        middle = sum(ys) / 4 - slope * sum(xs) / 4
        height = abs(line["upright"][3][1] - line["upright"][0][1]) or 1.0
        placed.append((middle, min(xs), max(xs), height, line))
    ordered: list[dict] = []
    for column in _columns(placed, width):
        rows: list[list] = []
        for item in sorted(column, key=lambda item: item[0]):
            if rows and item[0] - rows[-1][-1][0] < 0.5 * min(item[3], rows[-1][-1][3]):
                rows[-1].append(item)
            else:
                rows.append([item])
        for row in rows:
            pieces = [item[4] for item in sorted(row, key=lambda item: item[1])]
            ordered.append(_joined(pieces) if all(piece["readable"] for piece in pieces) else pieces[0])
            if ordered[-1] is pieces[0] and len(pieces) > 1:
                ordered += pieces[1:]
    return ordered


def _joined(pieces: list[dict]) -> dict:
    first = dict(pieces[0])
    first["text"] = " ".join(piece["text"] for piece in pieces)
    first["words"] = [word for piece in pieces for word in piece["words"]]
    first["score"] = min(piece["score"] for piece in pieces)
    return first


def _columns(placed: list[tuple], width: float) -> list[list[tuple]]:
    """One list, or two if a gutter near the middle parts lines that are each long enough to be prose."""
    for middle in (0.5, 0.47, 0.53, 0.44, 0.56):
        gutter = middle * width
        left = [item for item in placed if item[2] <= gutter]
        right = [item for item in placed if item[1] >= gutter]
        across = [item for item in placed if item[1] < gutter < item[2]]
        prose = [sum(item[2] - item[1] > 0.25 * width for item in side) for side in (left, right)]
        if min(prose) < 8 or min(prose) < 0.5 * max(len(left), len(right)) or len(across) > 0.15 * len(placed):
            continue
        top = min(item[0] for item in left + right)
        above = [item for item in across if item[0] < top]
        below = [item for item in across if item[0] >= top]
        return [above, left, right, below]
    return [placed]


def _slope(line: dict) -> float:
    (x, y), (right, right_y) = line["upright"][:2]
    return (right_y - y) / (right - x) if right > x else 0.0


def _span(line: dict) -> float:
    xs = [x for x, _ in line["upright"]]
    return max(xs) - min(xs)
