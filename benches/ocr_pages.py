"""Pages of invented contracts in five languages, as a scanner would see them, with the place of every word.

The pages follow from a seed. Needs Pillow, NumPy, and the fonts of Debian's fonts-liberation and fonts-dejavu-core.
"""

from dataclasses import dataclass
import math
from pathlib import Path
import random

import numpy
from PIL import Image, ImageDraw, ImageFilter, ImageFont

DPI = 200
WIDTH, HEIGHT = 1654, 2339  # A4
OVERSAMPLING = 3  # letters are drawn larger and then reduced: a scanner knows no hinting
FONTS = Path("/usr/share/fonts/truetype")
FACES = (
    "liberation/LiberationSerif-Regular.ttf",
    "liberation/LiberationSans-Regular.ttf",
    "dejavu/DejaVuSerif.ttf",
    "dejavu/DejaVuSans.ttf",
)
SKEW_DEGREES = 1.5
NOISE = 18  # standard deviation of the grey levels
KINDS = ("clean", "skewed", "noisy")

# language -> (tesseract's name, clauses). The braces take a name, an amount, a number or a date.
CLAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "en": ("eng", (
        "{n}. Term. This Agreement starts on {date} and continues for {m} months, unless it is terminated earlier under Section {n}.2.",
        "{n}.1 {name} (“Supplier”) shall deliver the goods listed in Annex {n} to {name} (“Customer”) within {m} days after each order.",
        "Invoices are payable within thirty (30) days; late amounts bear interest at {p} % per year. The price is {money}, excluding VAT.",
        "{n}.3 The total liability of either party, whether in contract, tort (including negligence) or otherwise, is limited to {money}.",
        "Neither party may assign this Agreement without the other party's prior written consent, which shall not be unreasonably withheld.",
        "{n}. Confidentiality. Each party keeps the other's information secret and uses it only for the Purpose (as defined in Section {n}.1).",
        "Either party may terminate this Agreement with ninety (90) days' written notice to the address below: {name}, {m} Harbour Road, Leeds LS{n} 4QT.",
        "{n}.4 This Agreement is governed by the laws of England & Wales; the courts of London have non-exclusive jurisdiction.",
        "Force majeure: no party is responsible for delay caused by flood, war, strike or other events beyond its reasonable control.",
    )),
    "de": ("deu", (
        "{n}. Laufzeit. Dieser Vertrag beginnt am {date} und läuft {m} Monate, sofern er nicht nach Ziffer {n}.2 früher gekündigt wird.",
        "{n}.1 Die {name} (nachfolgend „Lieferant“) liefert der {name} („Kundin“) die in Anlage {n} genannten Geräte binnen {m} Tagen.",
        "Rechnungen sind innerhalb von dreißig (30) Tagen fällig; der Verzugszins beträgt {p} % pro Jahr. Der Preis beträgt {money} zzgl. USt.",
        "{n}.3 Die Haftung für leichte Fahrlässigkeit ist auf {money} begrenzt; für Vorsatz und grobe Fahrlässigkeit haften beide Parteien unbeschränkt.",
        "Änderungen und Ergänzungen bedürfen der Schriftform. Mündliche Nebenabreden bestehen nicht; dies gilt auch für diese Klausel.",
        "{n}. Geheimhaltung. Jede Partei behandelt die Unterlagen der anderen vertraulich (siehe Anlage {n}, Seite {m}).",
        "Die ordentliche Kündigung ist mit einer Frist von drei Monaten zum Quartalsende möglich: {name}, Möhlstraße {m}, 39104 Magdeburg.",
        "{n}.4 Es gilt deutsches Recht unter Ausschluss des UN-Kaufrechts; ausschließlicher Gerichtsstand ist Köln.",
        "Höhere Gewalt: Ereignisse wie Überschwemmung, Krieg oder Streik befreien für ihre Dauer von der Leistungspflicht.",
    )),
    "fr": ("fra", (
        "{n}. Durée. Le présent contrat prend effet le {date} pour une durée de {m} mois, sauf résiliation anticipée selon l'article {n}.2.",
        "{n}.1 La société {name} (le « Fournisseur ») livre à {name} (le « Client ») les matériels énumérés à l'annexe {n} sous {m} jours.",
        "Les factures sont payables à trente (30) jours ; tout retard porte intérêt au taux de {p} % par an. Le prix est de {money} hors taxes.",
        "{n}.3 La responsabilité totale de chaque partie, quelle qu'en soit la cause, est limitée à {money}, sauf faute lourde ou dol.",
        "Aucune des parties ne peut céder le contrat sans l'accord préalable et écrit de l'autre, qui ne saurait être refusé sans motif.",
        "{n}. Confidentialité. Chaque partie s'engage à ne pas divulguer les informations reçues (voir l'annexe {n}, page {m}).",
        "Chacune des parties peut résilier le contrat avec un préavis de trois mois, adressé à {name}, {m} rue de l'Évêché, 69002 Lyon.",
        "{n}.4 Le contrat est soumis au droit français ; les tribunaux de Nîmes sont seuls compétents, y compris en référé.",
        "Force majeure : aucune partie n'est tenue pour responsable d'un retard dû à une inondation, une guerre, une grève ou un événement imprévisible.",
    )),
    "es": ("spa", (
        "{n}. Duración. El presente contrato entra en vigor el {date} y tendrá una duración de {m} meses, salvo resolución anticipada (cláusula {n}.2).",
        "{n}.1 La sociedad {name} («Proveedor») entregará a {name} («Cliente») los equipos del anexo {n} en un plazo de {m} días.",
        "Las facturas se pagarán a treinta (30) días; la mora devengará un interés del {p} % anual. El precio es de {money}, IVA no incluido.",
        "{n}.3 La responsabilidad total de cada parte, cualquiera que sea su causa, se limita a {money}, excepto en caso de dolo o culpa grave.",
        "Ninguna de las partes podrá ceder el contrato sin el consentimiento previo y por escrito de la otra, que no se denegará sin razón.",
        "{n}. Confidencialidad. Cada parte mantendrá en secreto la información recibida según el anexo {n}, página {m}, durante cinco años.",
        "Cualquiera de las partes podrá resolver el contrato con un preaviso de tres meses: {name}, calle de Núñez {m}, 28015 Madrid.",
        "{n}.4 El contrato se rige por la ley española; los juzgados de A Coruña serán los únicos competentes, también en apelación.",
        "Fuerza mayor: ninguna parte responderá de los retrasos debidos a inundación, guerra, huelga u otros sucesos ajenos a su control.",
    )),
    "it": ("ita", (
        "{n}. Durata. Il presente contratto decorre dal {date} e ha una durata di {m} mesi, salvo recesso anticipato ai sensi dell'articolo {n}.2.",
        "{n}.1 La società {name} (il «Fornitore») consegna a {name} (il «Cliente») le apparecchiature dell'allegato {n} entro {m} giorni.",
        "Le fatture sono pagabili entro trenta (30) giorni; in caso di ritardo decorre un interesse del {p} % annuo. Il prezzo è di {money}, IVA esclusa.",
        "{n}.3 La responsabilità complessiva di ciascuna parte, qualunque ne sia la causa, è limitata a {money}, salvo dolo o colpa grave.",
        "Nessuna delle parti può cedere il contratto senza il previo consenso scritto dell'altra, che non sarà negato senza giustificato motivo.",
        "{n}. Riservatezza. Ciascuna parte s'impegna a non divulgare le informazioni ricevute (si veda l'allegato {n}, pagina {m}) né i prezzi.",
        "Ciascuna parte può recedere dal contratto con un preavviso di tre mesi, indirizzato a {name}, via dell'Università {m}, 40126 Bologna.",
        "{n}.4 Il contratto è regolato dalla legge italiana; il foro di Forlì è competente in via esclusiva, più eventuali oneri.",
        "Forza maggiore: nessuna parte risponde dei ritardi dovuti ad alluvione, guerra, sciopero o altri eventi al di fuori del suo controllo.",
    )),
}  # fmt: skip
NAMES = (
    "Aurelia Pumpenbau GmbH", "Calder Valley Water plc", "Halden & Söhne KG", "Société Générale d'Équipement S.A.S.", "Núñez-Ortega S.L.",
    "Brightwater Ltd.", "O'Connor & Wright LLP", "Officine Forlì S.r.l.", "Kessler Maschinenbau AG", "Papeterie Lefèvre SARL",
)  # fmt: skip
MONTHS = {
    "en": "January March May August October December".split(),
    "de": "Januar März Mai August Oktober Dezember".split(),
    "fr": "janvier février mai août octobre décembre".split(),
    "es": "enero marzo mayo agosto octubre diciembre".split(),
    "it": "gennaio marzo maggio agosto ottobre dicembre".split(),
}


@dataclass(frozen=True)
class Word:
    """A word of a page and its box in pixels: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class ContractPage:
    """A clean grey picture and its words."""

    language: str
    picture: Image.Image
    words: list[Word]


def missing_fonts() -> list[str]:
    """The font files that are not on this machine."""
    return [face for face in FACES if not (FONTS / face).is_file()]


def draw(language: str, seed: int) -> ContractPage:
    """One page of a contract."""
    chance = random.Random(f"{language} {seed}")
    size = chance.choice((8.5, 9, 9.5, 10, 10.5))
    scale = DPI * OVERSAMPLING / 72
    face = FONTS / FACES[seed % len(FACES)]
    font = ImageFont.truetype(face, round(size * scale))
    picture = Image.new("L", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING), 255)
    pen = ImageDraw.Draw(picture)
    left, right, y = 60 * scale, 535 * scale, 60 * scale
    space, leading = font.getlength(" "), size * 1.32 * scale
    words: list[Word] = []
    while y < 760 * scale:
        x = left
        for word in _clause(language, chance).split():
            width = font.getlength(word)
            if x + width > right:
                x, y = left, y + leading
            if y > 780 * scale:
                break
            pen.text((x, y), word, font=font, fill=25)
            box = pen.textbbox((x, y), word, font=font)
            words.append(Word(word, tuple(side / OVERSAMPLING for side in box)))
            x += width + space
        y += leading * 1.5
    return ContractPage(language, picture.reduce(OVERSAMPLING), words)


def _clause(language: str, chance: random.Random) -> str:
    number = f"{chance.randint(1, 950):,}"
    amount = f"{number},{chance.randint(0, 999):03}.{chance.randint(0, 99):02}"
    day, month, year = chance.randint(1, 28), chance.choice(MONTHS[language]), chance.randint(2021, 2032)
    if language == "en":
        money = chance.choice((f"€{amount}", f"£{amount}", f"USD {amount}"))
        date = f"{day} {month} {year}"
    else:
        money = amount.replace(",", "_").replace(".", ",").replace("_", ".") + chance.choice((" EUR", " €"))
        date = {"de": f"{day}. {month} {year}", "es": f"{day} de {month} de {year}"}.get(language, f"{day} {month} {year}")
    text = chance.choice(CLAUSES[language][1])
    while "{name}" in text:
        text = text.replace("{name}", chance.choice(NAMES), 1)
    values = {"n": chance.randint(1, 24), "m": chance.randint(2, 99), "money": money, "date": date}
    return text.format(**values, p=f"{chance.randint(2, 14)}{'.' if language == 'en' else ','}{chance.randint(1, 9)}")


def scanned(page: ContractPage, kind: str, seed: int) -> Image.Image:
    """The page as a scanner delivers it: clean, skewed or noisy."""
    if kind == "skewed":
        return page.picture.rotate(_skew(kind, seed), Image.Resampling.BICUBIC, fillcolor=255)
    if kind == "noisy":
        paper = page.picture.filter(ImageFilter.GaussianBlur(0.7)).point(lambda level: 30 + level * 205 // 255)
        noise = numpy.random.default_rng(seed).normal(0, NOISE, (paper.height, paper.width))
        return Image.fromarray((numpy.asarray(paper) + noise).clip(0, 255).astype("uint8"))
    return page.picture


def upright(point: tuple[float, float], kind: str, seed: int, turned: int) -> tuple[float, float]:
    """A point of the scanned and then turned picture on the page as it was drawn. `turned` is counterclockwise, as in Pillow."""
    x, y = point
    x, y = {0: (x, y), 90: (WIDTH - y, x), 180: (WIDTH - x, HEIGHT - y), 270: (y, HEIGHT - x)}[turned]
    angle = math.radians(_skew(kind, seed))
    right, down = x - WIDTH / 2, y - HEIGHT / 2
    return (
        WIDTH / 2 + right * math.cos(angle) - down * math.sin(angle),
        HEIGHT / 2 + right * math.sin(angle) + down * math.cos(angle),
    )


def _skew(kind: str, seed: int) -> float:
    if kind != "skewed":
        return 0.0
    return SKEW_DEGREES if seed % 2 else -SKEW_DEGREES
