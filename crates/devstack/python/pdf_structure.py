"""What a PDF has besides its pages, read with qpdf: attached documents, XFA forms, values of form fields, annotations that are text."""

from dataclasses import dataclass, field
import re
from typing import BinaryIO

import pikepdf

MAX_FIELDS = 5000
MAX_VALUE_CHARACTERS = 20_000
HIDDEN = 2 | 32  # flags of an annotation: hidden, not shown on the screen
# One or two short pages that only say that this viewer cannot show the document.
PLACEHOLDER = re.compile(
    r"please wait|bitte warten|if this message is not eventually replaced|(?:adobe )?(?:acrobat|reader)\b|pdf[- ]?viewer"
    r"|pdf[- ]?portfolio|different (?:reader|viewer)|protected (?:pdf|document|file)|file is protected|upgrade to the latest",
    re.IGNORECASE,
)
MAX_PLACEHOLDER_WORDS = 150
MAX_PLACEHOLDER_PAGES = 2


@dataclass
class Structure:
    """What the catalog says."""

    is_portfolio: bool = False
    has_xfa: bool = False
    needs_xfa: bool = False  # the pages are built from the XFA form by a viewer that can
    attachments: int = 0
    fields: dict[int, list[tuple[str, str]]] = field(default_factory=dict)  # page from 0 -> names and values of text fields
    cut: set[int] = field(default_factory=set)  # pages from 0 of which there is more than is read

    def hidden_content(self, text: str, pages: int) -> str:
        """Why the pages are not the document, or ""."""
        is_notice = pages <= MAX_PLACEHOLDER_PAGES and len(text.split()) <= MAX_PLACEHOLDER_WORDS
        looks_like_notice = is_notice and bool(PLACEHOLDER.search(text))
        if self.is_portfolio and (is_notice or self.attachments):
            return "it is a portfolio of other documents; upload those one by one"
        if self.needs_xfa or (self.has_xfa and looks_like_notice):
            return "it is an XFA form, whose contents only Adobe's programs show; print it to a PDF and upload that"
        if looks_like_notice and (self.attachments or "please wait" in text.lower()):
            return "its page only says that another program is needed to see the document"
        return ""


def read_structure(file: BinaryIO) -> Structure:
    """Reads the structure; what qpdf cannot read counts as not there."""
    file.seek(0)
    found = Structure()
    try:
        with pikepdf.open(file, access_mode=pikepdf.AccessMode.stream) as document:
            catalog = document.Root
            found.is_portfolio = "/Collection" in catalog
            names = catalog.get("/Names")
            if isinstance(names, pikepdf.Dictionary) and "/EmbeddedFiles" in names:
                found.attachments = len(document.attachments)
            form = catalog.get("/AcroForm")
            if isinstance(form, pikepdf.Dictionary):
                found.has_xfa = "/XFA" in form
                found.needs_xfa = found.has_xfa and catalog.get("/NeedsRendering") in (True,)
            _read_fields(document, found)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # the pages count, and PDFium reads those
        pass
    return found


def _read_fields(document: pikepdf.Pdf, found: Structure) -> None:
    count = 0
    for number, page in enumerate(document.pages):
        for annotation in page.get("/Annots", []):
            name, value = _named_text(annotation) if isinstance(annotation, pikepdf.Dictionary) else ("", "")
            if not value.strip():
                continue
            if count >= MAX_FIELDS or len(value) > MAX_VALUE_CHARACTERS:
                found.cut.add(number)
            if count < MAX_FIELDS:
                found.fields.setdefault(number, []).append((name, value[:MAX_VALUE_CHARACTERS]))
                count += 1


def _named_text(annotation: pikepdf.Dictionary) -> tuple[str, str]:
    """The name and the value of a form field, or of text on the page that only other viewers than PDFium draw."""
    kind = annotation.get("/Subtype")
    if kind == "/Widget":
        kind, value, name = (_inherited(annotation, key) for key in ("/FT", "/V", "/T"))
        if kind in ("/Tx", "/Ch") and isinstance(value, pikepdf.String):
            return str(name or "field"), str(value)
    elif kind == "/FreeText" and "/AP" not in annotation and isinstance(annotation.get("/Contents"), pikepdf.String):
        flags = annotation.get("/F")
        if not (isinstance(flags, int) and flags & HIDDEN):
            return "annotation", str(annotation.Contents)
    return "", ""


def _inherited(annotation: pikepdf.Dictionary, key: str) -> object:
    node: object = annotation
    for _ in range(20):
        if not isinstance(node, pikepdf.Dictionary):
            return None
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None
