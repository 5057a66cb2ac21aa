"""Flags: passages that a reviewer should check first. Each rule examines sentences or missing clauses.

A flag has the clause, the page and the quoted words.
"""

from collections.abc import Callable, Iterator

from contract_facts import Facts, country, days
from contract_patterns import EXPECTED, SPAN
from risk_patterns import BEFORE_NOTICE, BLANK, CONVENIENCE, EXCEPTION, HIGH, LOW, MEDIUM, RENEWS, RISKS

Sentences = list[tuple[int, str]]  # page, sentence
FlagRule = Callable[[Facts, Sentences], Iterator[dict]]


def flag(severity: str, clause: str, page: int, reason: str) -> dict:
    """A flag in the result. Page 0: something is missing from the whole document."""
    return {"severity": severity, "clause": clause, "page": page, "reason": reason}


def _by_sentence(facts: Facts, sentences: Sentences) -> Iterator[dict]:
    for severity, clause, reason, pattern in RISKS:
        for page, sentence in sentences:
            if pattern.search(sentence) and not (clause == "liability_cap" and EXCEPTION.search(sentence)):
                yield flag(severity, clause, page, f"{reason}: “{quote(sentence)}”")
                break


def _renewal(facts: Facts, sentences: Sentences) -> Iterator[dict]:
    for position, (page, sentence) in enumerate(sentences):
        if not RENEWS.search(sentence):
            continue
        context = sentence + " " + (sentences[position + 1][1] if position + 1 < len(sentences) else "")
        notices = [days(span) for span in SPAN.finditer(context) if BEFORE_NOTICE.match(context, span.end())]
        notice = min(notices, default=0)
        if not notice:
            yield flag(MEDIUM, "auto_renewal", page, f"renews automatically: “{quote(sentence)}”")
        elif notice >= 75:
            yield flag(
                HIGH,
                "auto_renewal",
                page,
                f"renews automatically unless notice is given about {notice} days in advance, which is easy to miss: “{quote(sentence)}”",
            )
        elif notice < 30:
            yield flag(
                HIGH,
                "auto_renewal",
                page,
                f"renews automatically, with a notice period of only {notice} days: “{quote(sentence)}”",
            )
        else:
            yield flag(LOW, "auto_renewal", page, f"renews automatically unless notice is given {notice} days in advance")
        return


def _convenience(facts: Facts, sentences: Sentences) -> Iterator[dict]:
    if facts.kind in ("services", "subscription", "supply") and not any(
        CONVENIENCE.search(text) for _, text in sentences
    ):
        yield flag(
            MEDIUM, "termination", 0, "no termination for convenience: a party can terminate only after a breach by the other"
        )


def _law(facts: Facts, sentences: Sentences) -> Iterator[dict]:
    law, seats = country(facts.law), {party["country"] for party in facts.parties} - {""}
    if law and seats and law not in seats:
        page = next((page for page, text in sentences if facts.law in text), 0)
        yield flag(
            MEDIUM,
            "governing_law",
            page,
            f"foreign governing law: {facts.law}, but the parties are based in {', '.join(sorted(seats))}",
        )


def _blanks(facts: Facts, sentences: Sentences) -> Iterator[dict]:
    found = [(page, hit.group()) for page, text in sentences for hit in BLANK.finditer(text)]
    if found:
        yield flag(LOW, "document", found[0][0], f"unfilled blanks: {', '.join(hit for _, hit in found[:5])}")


RULES: tuple[FlagRule, ...] = (_by_sentence, _renewal, _convenience, _law, _blanks)


def flags(facts: Facts, sentences: Sentences, found_types: set[str], is_whole: bool) -> list[dict]:
    """All flags, by severity, then by page. Of a contract that was not read as a whole, nothing is said to be missing."""
    found = [found_flag for rule in RULES if is_whole or rule is not _convenience for found_flag in rule(facts, sentences)]
    for kind in EXPECTED[facts.kind] if is_whole else ():
        if kind not in found_types:
            severity = HIGH if kind == "liability_cap" else MEDIUM
            reason = (
                "no limitation of liability: liability is uncapped"
                if kind == "liability_cap"
                else f"no clause on {kind.replace('_', ' ')}"
            )
            if not any(one["clause"] == kind and one["severity"] == HIGH for one in found):
                found.append(flag(severity, kind, 0, reason))
    order = {HIGH: 0, MEDIUM: 1, LOW: 2}
    return sorted(found, key=lambda one: (order[one["severity"]], one["page"]))


def quote(sentence: str, limit: int = 160) -> str:
    """The sentence, shortened at a word boundary."""
    return sentence if len(sentence) <= limit else sentence[:limit].rsplit(" ", 1)[0] + " …"
