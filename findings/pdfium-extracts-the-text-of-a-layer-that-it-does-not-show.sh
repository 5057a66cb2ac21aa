#!/usr/bin/env bash
# Library:   pypdfium2 5.15.2 (Python) with the PDFium that it ships, and pdfjs-dist 5.6.205 (npm), on a page made with
#            pikepdf 10.18.0; PyMuPDF 1.26.6 for comparison. Date: 2026-12-01.
#
# Guess, written down before running: an engine that does not draw a layer (optional content) that is off does not extract
# its text either, since both go by the same page; or if text is taken from the content as it is, all engines do so alike.
#
# Behaviour: PDFium and PDF.js extract the text of a layer that is off, between the text that is shown. PDFium's rendering of the
# page is, pixel by pixel, that of the page without it. MuPDF extracts what is shown. So a model that reads text by PDFium reads
# a clause that no reader of the document sees, and a page with PDF.js finds words that are not there to be marked.
#
# Output seen:
#   PDFium draws:   the same with and without the layer
#   PDFium's text:  Term: 48 months. Term: 12 months.
#   PDF.js's text:  Term: 48 months. Term: 12 months.
#   MuPDF's text:   Term: 48 months.
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pypdfium2==5.15.2 pikepdf==10.18.0 pymupdf==1.26.6 pillow==13.0.0
npm install --loglevel=error --no-audit --no-fund --prefix "$work" pdfjs-dist@5.6.205 > log

cat > text.mjs <<'JS'
import { readFileSync } from "node:fs";
import { getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";

const file = await getDocument({ data: new Uint8Array(readFileSync("layer.pdf")), verbosity: 0 }).promise;
const { items } = await (await file.getPage(1)).getTextContent();
process.stdout.write(items.map((item) => item.str).join(" "));
JS
cat > probe.py <<'PYTHON'
import subprocess
import sys

import pikepdf
import pymupdf
import pypdfium2
from pikepdf import Array, Dictionary, Name

SHOWN = b"BT /F1 12 Tf 72 700 Td (Term: 48 months.) Tj ET"
LAYER = b" /OC /Draft BDC BT /F1 12 Tf 72 680 Td (Term: 12 months.) Tj ET EMC"


def write(name, content):
    pdf = pikepdf.new()
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="Draft"))
    page = pdf.add_blank_page(page_size=(595, 842)).obj
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    page.Resources = Dictionary(Font=Dictionary(F1=font), Properties=Dictionary(Draft=layer))
    page.Contents = pdf.make_stream(content)
    pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer]), Order=Array([layer])))
    pdf.save(name)


def drawn(name):
    return pypdfium2.PdfDocument(name)[0].render(scale=2).to_pil().tobytes()


write("layer.pdf", SHOWN + LAYER)
write("without.pdf", SHOWN)
same = drawn("layer.pdf") == drawn("without.pdf")
texts = {
    "PDFium": pypdfium2.PdfDocument("layer.pdf")[0].get_textpage().get_text_bounded(),
    "PDF.js": subprocess.run(["node", "text.mjs"], check=True, capture_output=True, text=True, timeout=60).stdout,
    "MuPDF": pymupdf.open("layer.pdf")[0].get_text(),
}
words = {name: " ".join(text.split()) for name, text in texts.items()}
print("PDFium draws:  ", "the same with and without the layer" if same else "the layer")
for name, text in words.items():
    print(f"{name + chr(39) + 's text:':15} {text}")
both, one = "Term: 48 months. Term: 12 months.", "Term: 48 months."
sys.exit(0 if same and list(words.values()) == [both, both, one] else 1)
PYTHON
venv/bin/python probe.py
