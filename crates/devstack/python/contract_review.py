"""Reviews one document by rules: clauses, flags, facts, summary.

Uses no language model. It finds passages but does not assess them.
"""

import contract_facts
import contract_flags
import contract_text
from contract_facts import Facts
from contract_patterns import CLAUSES
from contract_text import Section
from document import ReadPage
from language import assess
from pdf_input import OpenPdf
from pdf_structure import Structure

MODEL = {
    "name": "reference",
    "version": "1",
    "kind": "rules",
    "disclaimer": "Stand-in for a fine-tuned language model: finds clauses with headings, key words and sentence patterns. Not legal advice.",
}
MAX_QUOTED_CHARACTERS = 600  # of a clause
MIN_WORDS_OF_CONTRACT = 30


def review(pdf: OpenPdf, pages: list[ReadPage], structure: Structure) -> dict:
    """Returns the review. What cannot be read is flagged, and then nothing is said to be missing."""
    for page in pages:
        values = structure.fields.get(page.number - 1, [])
        missing = [f"{name}: {value}" for name, value in values if _squeezed(value) not in _squeezed(page.text)]
        page.text = "\n".join([page.text, *missing]) if missing else page.text
        if page.number - 1 in structure.cut and not page.unread:
            page.unread = "form fields or annotations with more text than is read"
    texts, remaining = [], contract_text.MAX_CHARACTERS
    for page in pages:
        texts.append(page.text[:remaining])
        remaining -= len(texts[-1])
        if len(texts[-1]) < len(page.text) and not page.unread:
            page.unread = f"only the first {contract_text.MAX_CHARACTERS:,} letters of a document are read"
    whole = "\n".join(texts)
    if reason := unreadable(whole, pages, structure):
        return _unread_review(len(pages), reason)

    lines = contract_text.lines(texts)
    all_sections = contract_text.sections(lines)
    sentences = [sentence for section in all_sections for sentence in section.sentences()]
    opening = " ".join(section.body() for section in all_sections[:4])
    facts = contract_facts.find(contract_text.join(line.text for line in lines), opening)
    clauses = _clauses(all_sections, facts)
    words = len(whole.split())
    gaps = _gaps(pages, words, assess(whole).language)
    flags = gaps + contract_flags.flags(facts, sentences, {clause["type"] for clause in clauses}, is_whole=not gaps)
    recognized = [page.number for page in pages if page.recognized and page.text.strip()]
    if recognized:
        flags.append(contract_flags.flag("low", "document", recognized[0], f"read by OCR: {_numbers(recognized)}; check figures and names against the scan"))
    return {
        "document": {
            "pages": len(pages),
            "title": _title(pdf, lines, facts),
            "words": words,
            "kind": facts.kind,
            "language": facts.language,
        },
        "clauses": clauses,
        "flags": flags,
        "facts": {
            "parties": facts.parties,
            "effective_date": facts.effective,
            "dates": facts.dates,
            "amounts": facts.amounts,
            "term": facts.term,
            "governing_law": facts.law,
        },
        "summary": _summary(facts, len(pages), clauses, flags),
        "model": MODEL,
    }


def unreadable(whole: str, pages: list[ReadPage], structure: Structure) -> str:
    """Why nothing of the document can be reviewed, or ""."""
    if reason := structure.hidden_content(whole, len(pages)):
        return reason
    unread = [page for page in pages if page.unread]
    read = [page for page in pages if page.text.strip()]  # pages of which a part is unread included
    if unread and not read:
        return f"{_numbers([page.number for page in unread])}: {unread[0].unread}"
    if not read:
        return "its pages are blank" if all(not page.text.strip() for page in pages) else ""
    judged = assess("\n".join(page.text for page in read))
    if judged.foreign:
        return f"its text is {judged.foreign}; only English and German contracts are reviewed"
    if not judged.is_language():
        return "its letters do not form words of a known language; the fonts may lack the key to them"
    return ""


def _gaps(pages: list[ReadPage], words: int, language: str) -> list[dict]:
    """Flags for what was not read or not understood. With any of them, no clause is said to be missing."""
    found = []
    by_reason: dict[str, list[int]] = {}
    for page in pages:
        if page.unread:
            by_reason.setdefault(page.unread, []).append(page.number)
    for reason, numbers in by_reason.items():
        found.append(contract_flags.flag("high", "document", numbers[0], f"cannot be read: {_numbers(numbers)}: {reason}"))
    if found:
        return found
    if language not in ("en", "de", ""):
        found.append(contract_flags.flag("high", "document", 1, "cannot be reviewed: only English and German contracts are; this is another language"))
    elif words < MIN_WORDS_OF_CONTRACT:
        found.append(contract_flags.flag("high", "document", 1, f"cannot be reviewed: only {words} words could be read, too few for a contract"))
    return found


def _numbers(numbers: list[int]) -> str:
    """ "page 3" or "pages 1, 2, 5" or "12 pages, first 3"."""
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    return f"pages {', '.join(map(str, numbers))}" if len(numbers) <= 8 else f"{len(numbers)} pages, the first is {numbers[0]}"


def _squeezed(text: str) -> str:
    return "".join(text.split())


def without_lines(page: ReadPage) -> ReadPage:
    """The page without the places of its words, which a review does not need."""
    page.lines, page.text_boxes = [], []
    return page


def _unread_review(count: int, reason: str) -> dict:
    return {
        "document": {"pages": count, "title": "", "words": 0, "kind": "other", "language": ""},
        "clauses": [],
        "flags": [contract_flags.flag("high", "document", 1, f"cannot be read: {reason}")],
        "facts": {"parties": [], "effective_date": "", "dates": [], "amounts": [], "term": "", "governing_law": ""},
        "summary": f"{count} page{'' if count == 1 else 's'} that cannot be read; not reviewed.",
        "model": MODEL,
    }


def _clauses(all_sections: list[Section], facts: Facts) -> list[dict]:
    """Finds clauses by headings, and the remaining types by sentences."""
    found: list[dict] = []
    if facts.parties:
        names = " and ".join(f"{party['name']} ({party['role']})" for party in facts.parties)
        found.append(_clause("parties", "", 1, names, 0.8))
    for section in all_sections:
        body = section.body()
        if not section.heading or len(body.split()) < 5:
            continue
        for kind in contract_text.clause_types(section.heading):
            if kind == "parties" and facts.parties:
                continue
            confirmed = CLAUSES[kind][1].search(body)
            found.append(_clause(kind, section.heading, section.page, body, 0.95 if confirmed else 0.75))
    found_types = {clause["type"] for clause in found}
    for kind, (_, in_sentence) in CLAUSES.items():
        if kind in found_types:
            continue
        for section in all_sections:
            hit = next(((page, text) for page, text in section.sentences() if in_sentence.search(text)), None)
            if hit:
                found.append(_clause(kind, section.heading, hit[0], hit[1], 0.6))
                break
    return sorted(found, key=lambda clause: (clause["page"], list(CLAUSES).index(clause["type"])))


def _clause(kind: str, title: str, page: int, text: str, confidence: float) -> dict:
    quoted = contract_flags.quote(text, MAX_QUOTED_CHARACTERS)
    return {"type": kind, "title": title, "page": page, "text": quoted, "confidence": confidence}


def _title(pdf: OpenPdf, lines: list[contract_text.Line], facts: Facts) -> str:
    """The title of the file's metadata if it is plausible, else the first plausible line."""
    stated = pdf.title()
    if (
        6 <= len(stated) <= 120
        and " " in stated
        and not stated.lower().endswith((".doc", ".docx", ".odt", ".tex", ".pdf"))
    ):
        return stated
    for line in lines[:12]:
        if (
            6 <= len(line.text) <= 100
            and sum(map(str.isalpha, line.text)) > len(line.text) / 2
            and not line.text.endswith((",", ";"))
        ):
            return line.text
    return facts.kind_name


def _summary(facts: Facts, pages_count: int, clauses: list[dict], flags: list[dict]) -> str:
    parts = [facts.kind_name]
    if facts.parties:
        parts[0] += " between " + " and ".join(f"{party['name']} ({party['role']})" for party in facts.parties[:3])
    parts[0] += f", {pages_count} page{'s' if pages_count > 1 else ''}."
    if facts.effective:
        parts.append(f"Effective {facts.effective}.")
    if facts.term:
        parts.append(f"Term: {facts.term}.")
    if facts.amounts:
        parts.append(f"Amounts: {'; '.join(facts.amounts[:4])}.")
    if facts.law:
        parts.append(f"Governing law: {facts.law}.")
    high = sum(flag["severity"] == "high" for flag in flags)
    types = len({clause["type"] for clause in clauses})
    flagged = f"{len(flags)} flag{'' if len(flags) == 1 else 's'}" if flags else "no flags"
    parts.append(f"{types} types of clauses; {flagged}{f', {high} with high severity' if high else ''}.")
    return " ".join(parts)
