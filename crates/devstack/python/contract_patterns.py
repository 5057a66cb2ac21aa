"""The patterns of the reference model: headings and sentences of clauses, kinds of contracts, dates, amounts.

English and German. Headings are matched against a heading without its number; bodies
against one sentence. All patterns ignore case and are linear: no nested repetition.
"""

import re


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


# type -> (pattern for headings, pattern for sentences), in the usual order of a contract.
CLAUSES: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "parties": (
        _any(r"^(the )?(contracting )?parties\b", r"\bvertragsparteien\b"),
        _any(r"\b(is|are) (made|entered into)\b.{0,60}\b(between|by and between)\b", r"^between\b", r"^zwischen\b"),
    ),
    "term": (
        _any(
            r"\b(?<!key )(?<!other )(?<!general )term\b(?!s)",
            r"\bduration\b",
            r"\bcommencement\b",
            r"\b(miet|vertrags)dauer\b",
            r"\blaufzeit\b",
            r"\bmietzeit\b",
        ),
        _any(
            r"\b(initial |fixed )?term (of|is|shall be) ",
            r"\b(remains?|continues?) in (full )?(force|effect) (for|until)\b",
            r"\b(employment|tenancy|lease|agreement) (starts|begins|commences|will begin)\b",
            r"\bläuft (bis|auf)\b",
            r"\bendet am\b",
        ),
    ),
    "auto_renewal": (
        _any(r"\brenewal\b", r"\bverlängerung\b"),
        _any(
            r"\brenews? automatically\b",
            r"\bautomatic(ally)? (be )?(renew|extend)",
            r"\bsuccessive (renewal )?(periods|terms)\b",
            r"\bverlängert (sich|er sich|es sich)\b",
        ),
    ),
    "payment": (
        _any(
            r"\bpayment\b",
            r"\bfees\b",
            r"\bcharges\b",
            r"\bprices?\b",
            r"\bcompensation\b",
            r"\bsalary\b",
            r"\bremuneration\b",
            r"\brent\b",
            r"\bmiete\b",
            r"\bmietzins\b",
            r"\bvergütung\b",
            r"\bzahlung",
            r"\binvoic",
        ),
        _any(
            r"\binvoices? (is|are|shall be) (due|payable)\b",
            r"\bshall pay\b.{0,80}\b(fee|price|amount|rent|salary|sum)",
            r"\b(annual |gross )?salary (is|of)\b",
            r"\bmonthly rent\b",
            r"\bmiete beträgt\b",
        ),
    ),
    "termination": (
        _any(r"\bterminat", r"\bnotice period\b", r"\bkündigung"),
        _any(
            r"\b(may|can) terminate\b",
            r"\bterminated? (this agreement|the agreement|by either)\b",
            r"\b(ordentlich|außerordentlich|fristlos)\w* (ge)?künd",
            r"\bkann\b.{0,80}\bkündigen\b",
        ),
    ),
    "confidentiality": (
        _any(r"\bconfidential", r"\bnon-?disclosure\b", r"\bvertraulich", r"\bgeheimhaltung\b", r"\bverschwiegenheit"),
        _any(
            r"\bkeep\b.{0,60}\bconfidential\b",
            r"\bconfidential information\b.{0,120}\b(shall|must|will) not\b",
            r"\bvertraulich (zu )?behandeln\b",
        ),
    ),
    "data_protection": (
        _any(
            r"\bdata protection\b",
            r"\bpersonal data\b",
            r"\bprivacy\b",
            r"\bsub-?processors?\b",
            r"\bdata subject",
            r"\bdatenschutz\b",
        ),
        _any(r"\bprocess(es)? personal data\b", r"\bGDPR\b", r"\bDSGVO\b", r"\bpersonenbezogene[nr]? daten\b"),
    ),
    "intellectual_property": (
        _any(r"\bintellectual property\b", r"\bownership\b", r"\blicen[sc]e\b", r"\binventions\b", r"\bwork product\b"),
        _any(r"\b(all|any) (right|rights), title and interest\b", r"\bgrants\b.{0,60}\blicen[sc]e\b"),
    ),
    "liability_cap": (
        _any(r"\b(limitation|limits?|exclusion) (of|on) liability\b", r"^liability\b", r"\bhaftung"),
        _any(
            r"\b(aggregate|total|maximum|entire) liability\b",
            r"\bliability\b.{0,80}\b(shall|will|does|is) not exceed",
            r"\bliability\b.{0,60}\b(limited|capped|unlimited)\b",
            r"\bhaftet (nur|höchstens|unbeschränkt|unbegrenzt)\b",
        ),
    ),
    "indemnity": (
        _any(r"\bindemni", r"\bfreistellung\b"),
        _any(r"\bindemnif(y|ies|ied)\b", r"\bhold harmless\b", r"\bstellt\b.{0,80}\bfrei\b"),
    ),
    "warranty": (
        _any(r"\bwarrant(y|ies)\b", r"\bgewährleistung\b", r"\bservice levels?\b"),
        _any(r"\bwarrants? that\b", r"\bprovided\b.{0,20}\bas is\b"),
    ),
    "assignment": (
        _any(r"\bassignment\b", r"\bsub-?contract", r"\babtretung\b", r"\bsublet", r"\buntervermietung\b"),
        _any(r"\b(may|shall) (not )?assign\b", r"\buntervermiet"),
    ),
    "non_compete": (
        _any(r"\bnon-?compet", r"\bnon-?solicit", r"\bwettbewerbsverbot\b", r"\brestrictive covenants?\b"),
        _any(r"\b(shall|will) not\b.{0,80}\b(compete|solicit)\b"),
    ),
    "force_majeure": (
        _any(r"\bforce majeure\b", r"\bhöhere gewalt\b"),
        _any(
            r"\bforce majeure\b", r"\bevents? beyond (its|their|the) (reasonable )?control\b", r"\bhöhere[rn]? gewalt\b"
        ),
    ),
    "governing_law": (
        _any(
            r"\bgoverning law\b",
            r"\bapplicable law\b",
            r"\bjurisdiction\b",
            r"\bdisputes?\b",
            r"\barbitration\b",
            r"\banwendbares recht\b",
            r"\bgerichtsstand\b",
        ),
        _any(
            r"\bgoverned by\b.{0,60}\blaws?\b",
            r"\bgilt deutsches recht\b",
            r"\bgilt das recht\b",
            r"\bes gilt\b.{0,40}\brecht\b",
        ),
    ),
}

# The kind of contract, by words near the start. The first match counts.
KINDS: list[tuple[str, str, re.Pattern[str]]] = [
    ("nda", "Non-disclosure agreement", _any(r"\bnon-?disclosure agreement\b", r"\bconfidentiality agreement\b")),
    ("dpa", "Data processing agreement", _any(r"\bdata processing (agreement|addendum)\b", r"\bauftragsverarbeitung")),
    (
        "employment",
        "Employment contract",
        _any(r"\bemployment (agreement|contract)\b", r"\boffer of employment\b", r"\barbeitsvertrag\b"),
    ),
    ("lease", "Lease", _any(r"\blease\b", r"\btenancy agreement\b", r"\bmietvertrag")),
    (
        "subscription",
        "Subscription agreement",
        _any(r"\bsubscription (services )?agreement\b", r"\bsoftware as a service\b", r"\bSaaS\b"),
    ),
    (
        "services",
        "Services agreement",
        _any(r"\bservices? agreement\b", r"\bconsult(ing|ancy) agreement\b", r"\bdienstleistungsvertrag\b"),
    ),
    (
        "supply",
        "Supply agreement",
        _any(r"\b(supply|purchase|distribution|framework)\b.{0,30}\bagreement\b", r"\b(liefer|kauf|rahmen)vertrag\b"),
    ),
]

# Clauses whose absence is flagged, by kind of contract.
EXPECTED: dict[str, tuple[str, ...]] = {
    "nda": ("governing_law", "term"),
    "dpa": ("data_protection", "confidentiality", "termination"),
    "employment": ("payment", "termination", "confidentiality"),
    "lease": ("payment", "termination"),
    "subscription": ("liability_cap", "termination", "confidentiality", "data_protection", "governing_law"),
    "services": ("liability_cap", "termination", "confidentiality", "governing_law"),
    "supply": ("liability_cap", "termination", "confidentiality", "governing_law", "force_majeure"),
    "other": ("termination", "governing_law"),
}

# country -> words that refer to it or to its law
COUNTRIES: list[tuple[str, re.Pattern[str]]] = [
    ("Germany", _any(r"\bgerman(y)?\b", r"\bdeutsch(es|land)\b", r"\bBundesrepublik\b", r"\bGmbH\b")),
    ("Austria", _any(r"\baustria", r"\bösterreich")),
    ("Switzerland", _any(r"\bswitzerland\b", r"\bswiss\b", r"\bschweiz")),
    ("France", _any(r"\bfrance\b", r"\bfrench\b")),
    ("Ireland", _any(r"\bireland\b", r"\birish\b")),
    ("Netherlands", _any(r"\bnetherlands\b", r"\bdutch\b")),
    ("England and Wales", _any(r"\bengland\b", r"\benglish\b", r"\bunited kingdom\b", r"\blondon\b")),
    ("Norway", _any(r"\bnorway\b", r"\bnorwegian\b")),
    ("Poland", _any(r"\bpoland\b", r"\bpolish\b")),
    ("Türkiye", _any(r"\btürkiye\b", r"\bturkey\b")),
    ("Czechia", _any(r"\bczech", r"\bs\.r\.o\.")),
    ("Singapore", _any(r"\bsingapore\b")),
    (
        "United States",
        _any(
            r"\bdelaware\b",
            r"\bnew york\b",
            r"\bcalifornia\b",
            r"\btexas\b",
            r"\bunited states\b",
            r"\bU\.S\.",
            r"\bmassachusetts\b",
            r"\bwashington\b",
        ),
    ),
]

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember)"
)
DATE = re.compile(
    rf"\b(?:\d{{1,2}}\.? {_MONTH} \d{{4}}|{_MONTH} \d{{1,2}}, \d{{4}}|\d{{4}}-\d\d-\d\d|\d\d\.\d\d\.\d{{4}})\b"
)
AMOUNT = re.compile(
    r"(?:\b(?:EUR|USD|GBP|CHF)|[€$£])\s?\d[\d.,]*\d(?:\s(?:million|Mio))?|\b\d[\d.,]*\d\s?(?:€|EUR|Euro|USD|CHF)(?!\w)"
)
NUMBER_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "",
            "one ein eine einen",
            "two zwei",
            "three drei",
            "four vier",
            "five fünf",
            "six sechs",
            "seven sieben",
            "eight acht",
            "nine neun",
            "ten zehn",
            "eleven elf",
            "twelve zwölf",
        )
    )
    for word in words.split()
} | {"fourteen": 14, "fifteen": 15, "eighteen": 18, "thirty": 30, "sixty": 60, "ninety": 90}
# "thirty (30) days", "24 months", "drei Monate": groups 1 and 2 a figure, 3 a word, 4 the unit.
SPAN = re.compile(
    rf"\b(?:[\w-]+ ?\((\d{{1,3}})\)|(\d{{1,3}})|({'|'.join(NUMBER_WORDS)}))[\s-]"
    r"(?:(?:full|calendar|business|consecutive|further)\s)?(day|week|month|year|tag|woche|monat|jahr)",
    re.IGNORECASE,
)
