"""Whether text is text: the language by its most common short words, and signs that letters were not decoded.

Works without dictionaries: between a fifth and half of the words of any real paragraph are among the few dozen
function words of its language. Ciphers, shifted codes and spaced letters have next to none.
"""

from dataclasses import dataclass
import re
import unicodedata

# The most frequent function words. Some belong to several languages; the language with the most hits counts.
FUNCTION_WORDS = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the of and to in a is that for by or be as any this not shall with on it are from at which may such an has have will if its their no other all party under agreement you we your our was he but",
        "de": "der die das und in zu den von mit ist des im für auf nicht ein eine einer dem sich werden wird oder als an nach bei durch aus kann zur zum sind über sowie auch wenn diese dieser dieses vertrag hat am bis es",
        "fr": "le la les de des du et à en un une est dans par pour que qui au aux sur ne pas ou se son sa ses avec ce cette il sont présent toute être sous leur peut plus contrat l'article d'un d'une",
        "es": "el la los las de del y a en un una es por para que se con no su sus al o como lo más este esta será parte partes contrato ser entre sin cualquier podrá",
        "it": "il lo la i gli le di del della dei delle e a in un una è per che con non si al alla da dal dalla o sono nel nella come sarà parti contratto essere ai presente",
        "nl": "de het een van en in te dat is op voor met niet zijn aan door of als bij tot uit deze die wordt worden naar ook kan partij overeenkomst",
        "pt": "o a os as de do da dos das e em um uma é para por que se com não no na ao à ou como mais seu sua pelo pela será partes contrato",
        "pl": "w i z na do nie się o od że jest przez oraz za dla lub po ze to jak być są który umowy strony umowa przy",
        "cs": "a v na se že je o s z do i pro ve k za by po od nebo podle tato této být smlouvy strany jsou není jako",
        "sk": "a v na sa že je o s z do i pre vo k za by po od alebo podľa táto tejto byť zmluvy strany sú nie ako",
        "sv": "och i att det som en på är av för med den till inte om ett har de vid eller från ska kan avtal parterna detta",
        "da": "og i at det som en på er af for med den til ikke om et har de ved eller fra skal kan aftale parterne denne dette",
        "nb": "og i at det som en på er av for med den til ikke om et har de ved eller fra skal kan avtale partene denne dette",
        "fi": "ja on ei että se tai sekä kun joka ovat mukaan sen tämä tämän sopimus sopimuksen osapuoli ole voi kanssa jos",
        "hu": "a az és hogy nem is egy van meg ez e vagy szerint felek szerződés által kell lehet illetve jelen azonban csak",
        "ro": "de și în a la cu din pe nu se că este prin pentru sau un o al ale care fi va părți contract prezentul sunt",
        "tr": "ve bir bu ile için de da olarak veya olan taraf sözleşme tarafından her en ise kadar göre sonra işbu",
        "hr": "i u je na se da za od s ne su o ili kao iz po te koji će ugovor strana strane ovog biti može",
        "lv": "un ir no ar uz par kas vai tiek pēc līdz šī šo līguma puses ja nav lai to",
        "lt": "ir yra su į iš kad arba ar dėl pagal ne šalis šios sutarties šalys už po nuo bei",
        "et": "ja on ei et või kui see ning mis poolt lepingu pool pooled selle tema kes oma võib",
        "ca": "el la els les de del i a en un una és per que amb no es o al als com aquest aquesta contracte parts",
    }.items()
}  # fmt: skip
MIN_WORDS = 15  # fewer words say nothing about the language
MIN_SHARE_OF_DOCUMENT = 0.07
MIN_SHARE_OF_PAGE = 0.10
GROUP_WORDS = 25
MAX_DARK_GROUPS = 0.35  # groups of words without one function word
MAX_UNDECODED = 0.04
MAX_SINGLE_LETTERS = 0.4
MAX_SYMBOLS = 0.3
MAX_MEAN_LETTERS = 24
_EDGES = ".,;:!?()[]\"'“”„‘’‚«»–—-/*•·§%&+"
_WORD = re.compile(r"[^\W\d_]+(?:[-'’/.][^\W\d_]+)*\Z")
NON_LATIN = ("CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW", "THAI", "DEVANAGARI", "GEORGIAN", "ARMENIAN")


@dataclass(frozen=True)
class Assessment:
    """What a text is. `words` are those with letters; `share` is that of function words."""

    words: int
    language: str  # "" if unknown
    share: float
    is_undecoded: bool  # replacement characters, private codes, single letters, no blanks
    foreign: str  # the script if it is not Latin, for example "Cyrillic"
    dark: float  # share of groups of words without a function word

    def is_doubtful(self) -> bool:
        """Whether the page may show other words than its text says. Rendering and OCR decide."""
        if self.is_undecoded:
            return True
        if self.words < MIN_WORDS or self.foreign:
            return False
        return self.share < MIN_SHARE_OF_PAGE or self.dark > MAX_DARK_GROUPS

    def is_language(self) -> bool:
        """Whether this is a text in a known language, or too short to say."""
        return not self.is_undecoded and (self.words < MIN_WORDS or self.share >= MIN_SHARE_OF_DOCUMENT)


def assess(text: str) -> Assessment:
    """Judges a text of any length; long ones by their first 200,000 characters."""
    text = unicodedata.normalize("NFKC", text[:200_000])
    visible = [character for character in text if not character.isspace()]
    undecoded = sum(unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs") or character == "\ufffd" for character in visible)
    symbols = sum(unicodedata.category(character) in ("So", "Sk", "Sm") for character in visible)
    tokens = [token.strip(_EDGES) for token in text.split()]
    tokens = [token for token in tokens if any(character.isalpha() for character in token)]
    words = [token.lower().replace("’", "'") for token in tokens]
    counts = {code: sum(word in known for word in words) for code, known in FUNCTION_WORDS.items()}
    language = max(counts, key=counts.__getitem__)
    known = FUNCTION_WORDS[language]
    groups = [words[first : first + GROUP_WORDS] for first in range(0, len(words), GROUP_WORDS)]
    groups = [group for group in groups if len(group) >= MIN_WORDS]
    dark = sum(not any(word in known for word in group) for group in groups)
    singles = sum(len(word) == 1 for word in words)
    letters = sum(len(word) for word in words)
    real = sum(bool(_WORD.match(word)) for word in words)
    is_undecoded = (
        undecoded > MAX_UNDECODED * max(len(visible), 1)
        or (len(visible) >= 40 and symbols > MAX_SYMBOLS * len(visible))
        or (len(words) >= 10 and singles > MAX_SINGLE_LETTERS * len(words))
        or (bool(words) and letters > 60 and letters > MAX_MEAN_LETTERS * len(words))
        or (len(words) >= MIN_WORDS and real < 0.5 * len(words))
    )
    foreign = _foreign_script(visible)
    share = counts[language] / len(words) if words else 0.0
    found = language if len(words) < MIN_WORDS or share >= MIN_SHARE_OF_DOCUMENT else ""
    return Assessment(
        len(words), "" if foreign else found, share, is_undecoded and not foreign, foreign, dark / len(groups) if groups else 0.0
    )


def _foreign_script(characters: list[str]) -> str:
    """The script of a fifth or more of the letters if it is not Latin."""
    letters = [character for character in characters if character.isalpha()]
    scripts: dict[str, int] = {}
    for letter in letters:
        if ord(letter) > 0x36F:
            name = unicodedata.name(letter, "").split(" ")[0]
            if name in NON_LATIN:
                scripts[name] = scripts.get(name, 0) + 1
    if not scripts or sum(scripts.values()) < 0.2 * len(letters):
        return ""
    name = max(scripts, key=scripts.__getitem__)
    return {"CJK": "Chinese, Japanese or Korean", "HIRAGANA": "Japanese", "KATAKANA": "Japanese"}.get(name, name.capitalize())


def word_pairs(text: str) -> set[tuple[str, str]]:
    """The words of the text with the words that follow them. The last one is followed by ""."""
    words = [word for token in text.split() if (word := token.strip(_EDGES).lower())]
    return set(zip(words, [*words[1:], ""]))


def is_part(line: str, pairs: set[tuple[str, str]], share: float) -> bool:
    """Whether this share of the line's words follow each other in the text with these `word_pairs`, too."""
    own = word_pairs(line)
    if len(own) > 1:
        own = {pair for pair in own if pair[1]}
        return len(own & pairs) >= share * len(own)
    return all(word in {one for one, _ in pairs} for word, _ in own)


def agreement(text: str, other: str) -> float:
    """The share of the words of `text` that `other` has too."""
    words = {word.strip(_EDGES).lower() for word in text.split()} - {""}
    others = {word.strip(_EDGES).lower() for word in other.split()}
    return len(words & others) / len(words) if words else 0.0
