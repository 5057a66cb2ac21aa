"""Extracts the facts of a contract: parties, dates, amounts, term, governing law."""

from dataclasses import dataclass, field
import re

from contract_patterns import AMOUNT, COUNTRIES, DATE, KINDS, NUMBER_WORDS, SPAN

_DAYS = {"day": 1, "tag": 1, "week": 7, "woche": 7, "month": 30, "monat": 30, "year": 365, "jahr": 365}
_LAW = re.compile(
    r"governed by(?:,? and construed (?:in accordance with|under),?)?(?: and interpreted under)? (?:the )?"
    r"(?:substantive )?(?:laws? of |law of )?(?:the )?(?P<en>[A-Z]\w*(?:(?: of| and)?(?: the)? [A-Z]\w*){0,5})"
    r"|(?P<de>deutsches Recht|Recht der [A-ZÄÖÜ]\w+(?: [A-ZÄÖÜ]\w+)?)",
)
# The end of "Alpha GmbH, a company registered in …, (“Supplier”)".
_ROLE = re.compile(
    r"\((?:the |each a |hereinafter |nachfolgend |im Folgenden |\s)*[“„\"'‘](?P<role>[A-ZÄÖÜ][\w äöüß-]{2,30})[”“\"'’]\)"
)
# Other terms that are defined in the same way but are not parties.
_NOT_A_PARTY = re.compile(
    r"\b(Agreement|Services?|Date|Term|Information|Data|Purpose|Software|Premises|Vertrag|Mietsache|Mietobjekt|Order)\b"
)
_OPENING = re.compile(r"\b(?:between|zwischen)\b", re.IGNORECASE)
_IN_NAMES = frozenset("of und and for de van von mbh plc eg s.r.o. a.s. & + co.".split())
# Precedes the duration of the contract itself.
_TERM = re.compile(
    r"(?:(?:initial |fixed |subscription )*term (?:of|is|shall be)|remains? in (?:full )?(?:force|effect) for"
    r"|for a (?:fixed )?(?:period|term) of|für die Dauer von|feste Laufzeit von|Mietdauer beträgt)"
    r"\W{1,3}(?:the )?(?:a period of )?",
    re.IGNORECASE,
)
# Precedes the effective date, the most reliable first.
_EFFECTIVE = (
    r"effective (?:date )?(?:as of |on |from |is )?|made on |dated (?:as of )?|as of ",
    r"(?:commences?|starts?|begins?) on |beginnt am ",
    r"from |ab dem |vom ",
)


@dataclass
class Facts:
    """The facts that were found; the others are empty."""

    kind: str = "other"
    kind_name: str = "Contract"
    parties: list[dict] = field(default_factory=list)  # name, role, country
    effective: str = ""
    dates: list[str] = field(default_factory=list)
    amounts: list[str] = field(default_factory=list)
    term: str = ""
    law: str = ""
    language: str = "en"


def find(text: str, opening: str) -> Facts:
    """Extracts the facts from continuous text. `opening` is its first part without headings."""
    facts = Facts(language=language(text))
    top = text[:1500]
    for kind, name, pattern in KINDS:
        if pattern.search(top):
            facts.kind, facts.kind_name = kind, name
            break
    facts.parties = _parties(opening)
    facts.dates = _unique(DATE.findall(text))[:12]
    facts.amounts = _unique(re.sub(r"([€$£]) ", r"\1", match.group().strip()) for match in AMOUNT.finditer(text))[:12]
    for words in _EFFECTIVE:
        hit = re.search(rf"\b(?:{words})(?:the )?({DATE.pattern})", text, re.IGNORECASE)
        if hit:
            facts.effective = hit[1]
            break
    facts.term = _term(text)
    law = _LAW.search(text)
    facts.law = (law["en"] or law["de"]).rstrip(".") if law else ""
    return facts


def language(text: str) -> str:
    """ "de" or "en", by the most common short words."""
    words = re.findall(r"[a-zäöüß]+", text[:50_000].lower())
    german = sum(word in {"der", "die", "und", "das", "ist", "nicht", "von", "mit"} for word in words)
    english = sum(word in {"the", "and", "of", "is", "not", "to", "with", "by"} for word in words)
    return "de" if german > english else "en"


def days(span: re.Match[str]) -> int:
    """A match of SPAN in days, with 30 days per month and 365 per year."""
    return count(span) * _DAYS[span[4].lower()]


def count(span: re.Match[str]) -> int:
    """The number in a match of SPAN."""
    figure = span[1] or span[2]
    return int(figure) if figure else NUMBER_WORDS[span[3].lower()]


def country(text: str) -> str:
    """The first known country in the text, or ""."""
    hits = [(match.start(), name) for name, pattern in COUNTRIES if (match := pattern.search(text))]
    return min(hits)[1] if hits else ""


def _parties(text: str) -> list[dict]:
    """The names before "(“Role”)", after the first "between" if there is one."""
    opening = _OPENING.search(text)
    begin = opening.end() if opening else 0
    found: list[dict] = []
    for match in _ROLE.finditer(text, begin, begin + 2000):
        part = text[begin : match.start()].strip(" ,.;:")
        begin = match.end()
        name = _name(part.split(",")[0])
        if (
            len(name) > 3
            and not _NOT_A_PARTY.search(match["role"])
            and all(match["role"] != party["role"] for party in found)
        ):
            found.append({"name": name, "role": match["role"], "country": country(part)})
    return found[:6]


def _name(words: str) -> str:
    """The capitalized words at the end: "is pleased to offer Ms. Zoë Lindqvist" returns the last three."""
    kept: list[str] = []
    for word in reversed(words.split()):
        if not (word[0].isupper() or word[0].isdigit() or word.lower() in _IN_NAMES):
            break
        kept.insert(0, word)
    while kept and kept[0].islower():
        kept.pop(0)
    return " ".join(kept)


def _term(text: str) -> str:
    for match in _TERM.finditer(text):
        span = SPAN.match(text, match.end())
        if span and days(span) >= 60:
            unit = {"tag": "day", "woche": "week", "monat": "month", "jahr": "year"}.get(
                span[4].lower(), span[4].lower()
            )
            number = count(span)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return ""


def _unique(values) -> list[str]:
    return list(dict.fromkeys(values))
