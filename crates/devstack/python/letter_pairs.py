"""Passages whose letters are not those of words: fonts that give other letters than they show, for a clause or for a page.

Of two letters that stand side by side in running text, 95 of 100 are common pairs in every language of `language`. Of
shifted or shuffled letters it is 35 to 70. Lists of names are like running text; lists of part numbers may be mistaken.
"""

import re
import unicodedata

# After each letter, those that make up a five-hundredth of all pairs in any of 22 European languages, without accents.
COMMON_PAIRS = {
    "a": "abcdefghijklmnopqrstuvwyz", "b": "aeiloruy", "c": "acehijkorstuz", "d": "aeilnorstuyz", "e": "abcdefghijklmnprstuvxyz",
    "f": "aefiou", "g": "aeginorstuy", "h": "adeilortvy", "i": "abcdefgijklmnopqrstuvxyz", "j": "aeilosu", "k": "aeiklorstuy",
    "l": "adeghijklmnostuvyz", "m": "abeilmnopsu", "n": "acdeghijklmnostuvyz", "o": "abcdeghijklmnoprstuvwz", "p": "aceiloprtu",
    "q": "u", "r": "acdeghijklmnorstuvwyz", "s": "acehijklnopstuyz", "t": "aehimnorstuxyz", "u": "abcdefghijklmnoprstuyz",
    "v": "aeinory", "w": "aehinoy", "x": "ei", "y": "abceiklmopstuw", "z": "aeimnotuvwyz",
}  # fmt: skip
MIN_PAIRS = 30  # about eight words
MIN_COMMON = 0.7
MIN_SPACED_LETTERS = 40  # "T h i s  A g r e e m e n t"; a title may be set so
MIN_DISTINCT_SPACED = 8
MAX_WORD_LETTERS = 50  # longer: the blanks are missing
_ADDRESS = re.compile(r"://|@\w|\bwww\.")  # of a page or a mailbox
_FOLDED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ð": "d"})
_PUNCTUATION = frozenset(".,;:!?()[]\"'“”„‘’‚«»‹›–—-/&%§@#+*_=€$£¥°…·•●■□▪☐☑☒✓✔")
_BRACKETS = frozenset("()[]")  # "[*]" is a blank to fill in
_EDGES = "".join(_PUNCTUATION)


def odd_passages(text: str, known: frozenset[str]) -> list[str]:
    """The passages that are hardly words. None of them has a word of `known`, the function words of the text's language."""
    tokens = text.split()
    found = _improbable(tokens, known)
    found += _spaced(tokens)
    found += [token for token in tokens if len(token) > MAX_WORD_LETTERS and token.isalpha()]
    return found


def _improbable(tokens: list[str], known: frozenset[str]) -> list[str]:
    """Passages of at least MIN_PAIRS pairs of which too few are common."""
    bad: list[tuple[int, int]] = []  # first token and the one after the last
    counts = [_pairs(token) for token in tokens]
    first = pairs = common = 0
    for last, token in enumerate(tokens):
        if token.strip(_EDGES).lower() in known:
            first, pairs, common = last + 1, 0, 0
            continue
        pairs, common = pairs + counts[last][0], common + counts[last][1]
        while pairs - counts[first][0] >= MIN_PAIRS:
            pairs, common, first = pairs - counts[first][0], common - counts[first][1], first + 1
        if pairs >= MIN_PAIRS and common < MIN_COMMON * pairs:
            if bad and first <= bad[-1][1]:
                bad[-1] = (bad[-1][0], last + 1)
            else:
                bad.append((first, last + 1))
    return [" ".join(tokens[begin:end]) for begin, end in bad]


def _pairs(token: str) -> tuple[int, int]:
    """How many pairs of neighbours say something about the letters, and how many of these are common."""
    if _ADDRESS.search(token):
        return 0, 0
    if token.isascii() and token.isalpha():
        letters = token.lower()
    else:
        has_letters = any(character.isalpha() for character in token)
        split = unicodedata.normalize("NFKD", (token.strip(_EDGES) if has_letters else token).lower())
        letters = "".join(character for character in split if not unicodedata.combining(character)).translate(_FOLDED)
    pairs = common = 0
    for one, other in zip(letters, letters[1:]):
        if one in COMMON_PAIRS and other in COMMON_PAIRS:
            pairs += 1
            common += other in COMMON_PAIRS[one]
        elif one in _PUNCTUATION or other in _PUNCTUATION:
            pairs += one != other and one in _PUNCTUATION and other in _PUNCTUATION and not _BRACKETS & {one, other}
        else:
            pairs += not (one.isdigit() and other.isdigit())
    return pairs, common


def _spaced(tokens: list[str]) -> list[str]:
    """Passages of single letters."""
    found: list[str] = []
    run: list[str] = []
    for token in [*tokens, ""]:
        if len(token) == 1 and token.isalpha():
            run.append(token)
            continue
        if len(run) >= MIN_SPACED_LETTERS and len(set(run)) >= MIN_DISTINCT_SPACED:
            found.append(" ".join(run))
        run = []
    return found
