"""Splits the text of pages into sections with headings, and sections into sentences."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import re
import unicodedata

from contract_patterns import CLAUSES

MAX_CHARACTERS = 4_000_000  # of a document; a 1,000-page contract has about 3 million
MAX_LINE_CHARACTERS = 4_000  # longer lines are split

# "7.", "7.2", "§ 4", "Article IX", "Section 3.1:" before a heading or a paragraph.
_NUMBER = re.compile(
    r"^(?:§+\s*\d{1,3}[a-z]?|(?:article|section|clause|annex|schedule|artikel|ziffer)\s+(?:\d{1,3}(?:\.\d{1,2})?|[IVXLC]{1,6}|[A-Z])\b"
    r"|\d{1,2}(?:\.\d{1,2}){0,2}\.?|[IVXLC]{1,5}\.|\([a-z]\))(?=[\s.:)])[\s.:)–—-]*",
    re.IGNORECASE,
)
_SMALL = frozenset("and or of the to for in on with by a an und der die das des von zum zur".split())
_WHOLE = re.compile(r"\b(agreement|contract|\w*vertrag\w*)$|^(nachtrag|amendment)\b", re.IGNORECASE)
_VERB = re.compile(r"\b(shall|may|must|will|is|are|has|have|kann|wird|ist|sind|hat)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[a-zäöüß0-9)”\"%])[.;]\s+(?=[A-ZÄÖÜ§(„“\"]|\d{1,2}\.\d{1,2} )")


@dataclass(frozen=True)
class Line:
    """One line of a page."""

    page: int
    text: str


@dataclass
class Section:
    """A heading ("" before the first one) and the lines below it."""

    page: int
    heading: str
    lines: list[Line]

    def body(self) -> str:
        """The text below the heading as one paragraph, with hyphenated words joined."""
        return join(line.text for line in self.lines)

    def sentences(self) -> list[tuple[int, str]]:
        """The sentences, each with the page on which it starts."""
        found: list[tuple[int, str]] = []
        text, starts = "", []
        for line in self.lines:
            starts.append((len(text), line.page))
            text = join((text, line.text)) if text else line.text
        begin = 0
        for end in [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text)]:
            sentence = text[begin:end].strip()
            if sentence:
                found.append((max((page for start, page in starts if start <= begin), default=self.page), sentence))
            begin = end
        return found


def join(parts: Iterable[str]) -> str:
    """Joins lines: "termi-" + "nation" becomes one word, "non-" + "Exclusive" keeps its hyphen."""
    text = ""
    for part in parts:
        if text.endswith("-") and part[:1].islower() and text[-2:-1].isalpha():
            text = text[:-1] + part
        else:
            text = f"{text} {part}" if text else part
    return text


def lines(page_texts: list[str]) -> list[Line]:
    """All lines except page numbers and lines that recur on most pages."""
    cleaned: list[Line] = []
    for number, text in enumerate(page_texts, 1):
        for raw in (piece for line in text.splitlines() for piece in _pieces(line)):
            # NFKC splits ligatures such as "ﬁ" into letters.
            line = " ".join(unicodedata.normalize("NFKC", raw).replace("\u00ad", "").replace("\u2010", "-").split())
            if line:
                cleaned.append(Line(number, line))
    if len(page_texts) >= 3:
        pages_with = Counter(shape for shape, _ in {(_shape(line.text), line.page) for line in cleaned})
        cleaned = [
            line for line in cleaned if pages_with[_shape(line.text)] * 2 <= len(page_texts) or len(line.text) > 120
        ]
    return [
        line
        for line in cleaned
        if not re.fullmatch(
            r"(?:(?:page|seite)\s*)?[-–]?\s*\d{1,4}(?:\s*(?:/|of|von)\s*\d{1,4})?\s*[-–]?", line.text, re.IGNORECASE
        )
    ]


def _pieces(line: str) -> Iterator[str]:
    """The line, split at blanks if it is too long."""
    while len(line) > MAX_LINE_CHARACTERS:
        end = line.rfind(" ", 1, MAX_LINE_CHARACTERS)
        end = end if end > 0 else MAX_LINE_CHARACTERS
        yield line[:end]
        line = line[end:]
    yield line


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", text)


def sections(all_lines: list[Line]) -> list[Section]:
    """Splits the lines at headings."""
    found = [Section(1, "", [])]
    for position, line in enumerate(all_lines):
        following = all_lines[position + 1].text if position + 1 < len(all_lines) else ""
        split = heading(line.text, following)
        if position == 0 and split is None and _is_title(line.text):
            split = line.text, ""  # the title of the document
        if split is None:
            found[-1].lines.append(line)
            continue
        title, rest = split
        found.append(Section(line.page, title, [Line(line.page, rest)] if rest else []))
    return [section for section in found if section.heading or section.lines]


def heading(text: str, following: str = "") -> tuple[str, str] | None:
    """Returns the heading and the rest of its line, or None if the line is body text.

    Accepts "7. Termination", "TERMINATION", "§ 4 Kündigung", "7. Termination. Either party …",
    and "Termination" alone if it is a clause type.
    """
    number = _NUMBER.match(text)
    bare = text[number.end() :] if number else text
    if not bare:
        return None
    run_in = re.match(r"([A-ZÄÖÜ][^.:;]{2,60})[.:]\s+(\S.*)", bare)
    if number and run_in and _is_title(run_in[1]):
        return run_in[1], run_in[2]
    bare = bare.rstrip(":")
    if len(bare) > 90 or bare.endswith((".", ",", ";")):
        return None
    if number and _is_title(bare) and not (following[:1].islower() and not bare.isupper()):
        return bare, ""
    if not number and sum(map(str.isalpha, bare)) >= 4 and bare.isupper() and len(bare.split()) <= 10:
        return bare, ""
    if not number and _is_title(bare) and len(bare.split()) <= 6 and clause_types(bare) and not following[:1].islower():
        return bare, ""
    return None


def _is_title(text: str) -> bool:
    """Whether the text looks like a heading: capitalized words, or a few words without a verb."""
    words = text.split()
    if not words or len(words) > 10 or not words[0][:1].isupper():
        return False
    long = [word for word in words if word.lower() not in _SMALL and word[:1].isalpha()]
    if all(word[:1].isupper() for word in long):
        return True
    return len(words) <= 6 and not _VERB.search(text)


def clause_types(title: str) -> list[str]:
    """The clause types of a heading; none for the title of the document."""
    if _WHOLE.search(title):
        return []
    return [kind for kind, (in_heading, _) in CLAUSES.items() if in_heading.search(title)]
