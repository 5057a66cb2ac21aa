"""Reviews one document by rules: clauses, flags, facts, summary.

Uses no language model. It finds passages but does not assess them.
"""

from pypdf import PdfReader

import contract_facts
import contract_flags
import contract_text
from contract_facts import Facts
from contract_patterns import CLAUSES
from contract_text import Section
from pdf_input import RejectedDocument, page_text, pages

MODEL = {
    "name": "reference",
    "version": "1",
    "kind": "rules",
    "note": "Stand-in for a fine-tuned language model: finds clauses with headings, key words and sentence patterns. Not legal advice.",
}
MAX_QUOTED_CHARACTERS = 600  # of a clause


def review(reader: PdfReader) -> dict:
    """Returns the review. Raises `RejectedDocument` if the pages cannot be read."""
    texts: list[str] = []
    remaining = contract_text.MAX_CHARACTERS
    for page in pages(reader):
        text = page_text(page)[:remaining] if remaining else ""
        remaining -= len(text)
        texts.append(text)
    if not texts:
        raise RejectedDocument(400, "no_pages", "the PDF has no pages")
    words = sum(len(text.split()) for text in texts)
    if not words:
        return _no_text_review(len(texts))

    lines = contract_text.lines(texts)
    all_sections = contract_text.sections(lines)
    sentences = [sentence for section in all_sections for sentence in section.sentences()]
    opening = " ".join(section.body() for section in all_sections[:4])
    facts = contract_facts.find(contract_text.join(line.text for line in lines), opening)
    clauses = _clauses(all_sections, facts)
    flags = contract_flags.flags(facts, sentences, {clause["type"] for clause in clauses})
    without_text = sum(not text.strip() for text in texts)
    if without_text:
        flags.append(contract_flags.flag("low", "document", 0, f"{without_text} of {len(texts)} pages have no readable text"))
    return {
        "document": {
            "pages": len(texts),
            "title": _title(reader, lines, facts),
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
        "summary": _summary(facts, len(texts), clauses, flags),
        "model": MODEL,
    }


def _no_text_review(count: int) -> dict:
    reason = "no readable text (scan?): run OCR first"
    return {
        "document": {"pages": count, "title": "", "words": 0, "kind": "other", "language": ""},
        "clauses": [],
        "flags": [contract_flags.flag("high", "document", 1, reason)],
        "facts": {"parties": [], "effective_date": "", "dates": [], "amounts": [], "term": "", "governing_law": ""},
        "summary": f"{count} page(s) without readable text; not reviewed.",
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


def _title(reader: PdfReader, lines: list[contract_text.Line], facts: Facts) -> str:
    """The title of the file's metadata if it is plausible, else the first plausible line."""
    try:
        stated = str((reader.metadata or {}).get("/Title") or "").strip()
    except Exception:  # ignore damaged metadata
        stated = ""
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
