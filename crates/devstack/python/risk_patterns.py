"""Patterns of risky sentences: severity, clause, reason, pattern.

A phrase is a regular expression of whole words; ` … ` matches up to 120 characters.
"""

import re

HIGH, MEDIUM, LOW = "high", "medium", "low"


def any_phrase(*phrases: str) -> re.Pattern[str]:
    """A pattern that matches any of the phrases."""
    gap = r"\b.{0,120}?\b"
    return re.compile("|".join(rf"\b(?:{phrase.replace(' … ', gap)})\b" for phrase in phrases), re.IGNORECASE)


_CHANGE = "(?:increase|adjust|change|modify|raise)"
_PRICE = "(?:fees?|prices?|rates?|charges)"
_LONG = r"(?:(?:12|18|24|36)\)? months|(?:one|two|three) (?:\(\d\) )?years?)"

RISKS: list[tuple[str, str, str, re.Pattern[str]]] = [
    (
        HIGH,
        "liability_cap",
        "unlimited liability",
        any_phrase(
            r"liab\w+ … (?:unlimited|without (?:any )?(?:limit|limitation|cap))",
            "unlimited liability",
            "haftet … (?:unbegrenzt|unbeschränkt für jede)",
        ),
    ),
    (
        HIGH,
        "payment",
        "one party may change the price unilaterally",
        any_phrase(
            f"(?:may|right to|entitled to) … {_CHANGE} … {_PRICE} … (?:at any time|(?:sole|its) discretion)",
            f"at any time … {_CHANGE} … {_PRICE}",
        ),
    ),
    (
        MEDIUM,
        "assignment",
        "one party may assign the contract without consent",
        any_phrase(r"(?<!neither party )(?<!no party )may assign … without … consent"),
    ),
    (
        MEDIUM,
        "termination",
        "cannot be terminated before the term ends",
        any_phrase(
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
        any_phrase("(?:regardless|irrespective) of (?:any )?fault", "kein verschulden trifft", "verschuldensunabhängig"),
    ),
    (
        MEDIUM,
        "indemnity",
        "broad one-sided indemnity",
        any_phrase(
            "(?:customer|client|recipient|contractor|employee|tenant) … indemnif(?:y|ies)"
            " … (?:any and all|all) (?:claims|losses)"
        ),
    ),
    (
        MEDIUM,
        "payment",
        "late payment interest above 1 % per month",
        any_phrase(r"(?:1\.5|2|2\.5|3) ?(?:%|per cent|percent) (?:per|a|each) month"),
    ),
    (
        MEDIUM,
        "confidentiality",
        "unlimited confidentiality period",
        any_phrase(r"confidential\w* … (?:perpetual|indefinitely|in perpetuity|without limit in time)"),
    ),
    (
        MEDIUM,
        "non_compete",
        "long restriction after the end of the contract",
        any_phrase(rf"{_LONG} … (?:compet\w+|solicit)", rf"(?:compet\w+|solicit) … {_LONG}"),
    ),
    (
        MEDIUM,
        "data_protection",
        "data may be passed on without consent",
        any_phrase(
            "sub-?processors? … without … (?:prior )?(?:notice|consent|approval)",
            "transfer … any country",
        ),
    ),
    (
        LOW,
        "termination",
        "service may be suspended without notice",
        any_phrase("suspend … (?:immediately|without (?:prior )?notice)"),
    ),
]
# A sentence about exceptions from a liability cap is not a risk.
EXCEPTION = any_phrase("nothing", "not limit", "fraud", "death", "will?ful", "intent", "gross negligence", "vorsatz")

RENEWS = any_phrase(
    r"automatic\w* … renew\w*", r"renew\w* … automatic\w*", r"(?:renew\w*|extended) … successive", r"verlängert\w*"
)
# Follows the unit of a notice period: "(120) days before", "three months' notice".
BEFORE_NOTICE = re.compile(r"\w*['’]?\s+(?:written )?(?:before|prior|notice|vor|in advance)\b", re.IGNORECASE)
CONVENIENCE = any_phrase(
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
