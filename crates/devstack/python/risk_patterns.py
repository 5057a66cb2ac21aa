"""Sentences that a reviewer would want to see: severity, clause, what it means, how it is worded.

A wording is a regular expression of whole words; ` … ` stands for up to 120 characters.
"""

import re

HIGH, MEDIUM, LOW = "high", "medium", "low"


def wording(*phrases: str) -> re.Pattern[str]:
    """One pattern that finds any of the phrases."""
    gap = r"\b.{0,120}?\b"
    return re.compile("|".join(rf"\b(?:{phrase.replace(' … ', gap)})\b" for phrase in phrases), re.IGNORECASE)


_CHANGE = "(?:increase|adjust|change|modify|raise)"
_PRICE = "(?:fees?|prices?|rates?|charges)"
_LONG = r"(?:(?:12|18|24|36)\)? months|(?:one|two|three) (?:\(\d\) )?years?)"

RISKS: list[tuple[str, str, str, re.Pattern[str]]] = [
    (
        HIGH,
        "liability_cap",
        "liability without an upper limit",
        wording(
            r"liab\w+ … (?:unlimited|without (?:any )?(?:limit|limitation|cap))",
            "unlimited liability",
            "haftet … (?:unbegrenzt|unbeschränkt für jede)",
        ),
    ),
    (
        HIGH,
        "payment",
        "one party may change the price by itself",
        wording(
            f"(?:may|right to|entitled to) … {_CHANGE} … {_PRICE} … (?:at any time|(?:sole|its) discretion)",
            f"at any time … {_CHANGE} … {_PRICE}",
        ),
    ),
    (
        MEDIUM,
        "assignment",
        "one party may assign the contract without consent",
        wording(r"(?<!neither party )(?<!no party )may assign … without … consent"),
    ),
    (
        MEDIUM,
        "termination",
        "cannot be terminated before the term ends",
        wording(
            "(?:may|can) not terminate … before",
            r"no right (?:to|of) terminat\w+ for convenience",
            "non-?cancell?able",
            "ordentliche kündigung … ausgeschlossen",
        ),
    ),
    (
        MEDIUM,
        "liability_cap",
        "liability without fault",
        wording("(?:regardless|irrespective) of (?:any )?fault", "kein verschulden trifft", "verschuldensunabhängig"),
    ),
    (
        MEDIUM,
        "indemnity",
        "broad indemnity by one side",
        wording(
            "(?:customer|client|recipient|contractor|employee|tenant) … indemnif(?:y|ies)"
            " … (?:any and all|all) (?:claims|losses)"
        ),
    ),
    (
        MEDIUM,
        "payment",
        "interest on late payment above 1 % a month",
        wording(r"(?:1\.5|2|2\.5|3) ?(?:%|per cent|percent) (?:per|a|each) month"),
    ),
    (
        MEDIUM,
        "confidentiality",
        "confidentiality without end",
        wording(r"confidential\w* … (?:perpetual|indefinitely|in perpetuity|without limit in time)"),
    ),
    (
        MEDIUM,
        "non_compete",
        "long restriction after the contract ends",
        wording(rf"{_LONG} … (?:compet\w+|solicit)", rf"(?:compet\w+|solicit) … {_LONG}"),
    ),
    (
        MEDIUM,
        "data_protection",
        "data may go to others without being asked",
        wording(
            "sub-?processors? … without … (?:prior )?(?:notice|consent|approval)",
            "transfer … any country",
        ),
    ),
    (
        LOW,
        "termination",
        "service may be suspended without notice",
        wording("suspend … (?:immediately|without (?:prior )?notice)"),
    ),
]
# A sentence on what a cap does not cover is no risk.
NOT_COVERED = wording("nothing", "not limit", "fraud", "death", "will?ful", "intent", "gross negligence", "vorsatz")

RENEWS = wording(
    r"automatic\w* … renew\w*", r"renew\w* … automatic\w*", r"(?:renew\w*|extended) … successive", r"verlängert\w*"
)
# Right after the unit of a notice's length: "(120) days before", "three months' notice".
AHEAD = re.compile(r"\w*['’]?\s+(?:written )?(?:before|prior|notice|vor|in advance)\b", re.IGNORECASE)
CONVENIENCE = wording(
    "for convenience",
    "without cause",
    "for any (?:or no )?reason",
    "at any time … notice",
    "notice … at any time",
    "either party may terminate … notice",
    r"(?:ordentlich|mit einer frist) … (?:ge)?kündig\w*",
    "notice period",
    "kündigungsfrist",
)
BLANK = re.compile(r"\[(?:●|•|\.{3}|_+|insert[^\]]{0,40}|TBD|date|amount|name)\]", re.IGNORECASE)
