#!/usr/bin/env bash
# Library:   pdfminer.six 20260107 and pdfplumber 0.11.10 (Python), pdfjs-dist 5.6.205 (npm), on a page of reportlab 5.1.0;
#            pypdf 7.1.1 and pypdfium2 5.15.2 for comparison. Date: 2026-12-01.
#
# Guess, written down before running: a tick (U+2713) that reportlab writes in ZapfDingbats, one of the 14 fonts that every
# reader has, is extracted as a tick, or as a placeholder where a library does not know the font. It is never a letter or a digit.
#
# Behaviour: pdfminer.six, pdfplumber and PDF.js extract the digit 3, whose code the tick has in this font. A ticked line
# of a form, "✓ months: 12", is read as "3 months: 12". pypdf and PDFium give a tick.
#
# Output seen:
#   shown:        Renewal ✓ months: 12
#   pdfminer.six: Renewal 3 months: 12
#   pdfplumber:   Renewal 3 months: 12
#   PDF.js:       Renewal 3 months: 12
#   pypdf:        Renewal ✓ months: 12
#   pypdfium2:    Renewal ✓ months: 12
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pdfminer.six==20260107 pdfplumber==0.11.10 reportlab==5.1.0 pypdf==7.1.1 pypdfium2==5.15.2
npm install --loglevel=error --no-audit --no-fund --prefix "$work" pdfjs-dist@5.6.205 > log

cat > text.mjs <<'JS'
import { readFileSync } from "node:fs";
import { getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";

const file = await getDocument({ data: new Uint8Array(readFileSync("page.pdf")), verbosity: 0 }).promise;
const { items } = await (await file.getPage(1)).getTextContent();
process.stdout.write(items.map((item) => item.str).join(""));
JS
cat > probe.py <<'PYTHON'
import subprocess
import sys

import pdfplumber
import pypdf
import pypdfium2
from pdfminer.high_level import extract_text
from reportlab.pdfgen.canvas import Canvas

PARTS = (("Helvetica", "Renewal "), ("ZapfDingbats", "\u2713"), ("Helvetica", " months: 12"))
canvas = Canvas("page.pdf")
line = canvas.beginText(72, 760)
for font, text in PARTS:
    line.setFont(font, 12)
    line.textOut(text)
canvas.drawText(line)
canvas.save()

by_pdfjs = subprocess.run(["node", "text.mjs"], check=True, capture_output=True, encoding="utf-8", timeout=60).stdout
seen = {
    "pdfminer.six": extract_text("page.pdf"),
    "pdfplumber": pdfplumber.open("page.pdf").pages[0].extract_text(),
    "PDF.js": by_pdfjs,
    "pypdf": pypdf.PdfReader("page.pdf").pages[0].extract_text(),
    "pypdfium2": pypdfium2.PdfDocument("page.pdf")[0].get_textpage().get_text_bounded(),
}
shown = "".join(text for _, text in PARTS)
print(f"shown:        {shown}")
words = {name: " ".join(text.split()) for name, text in seen.items()}
for name, text in words.items():
    print(f"{name + ':':13} {text}")
as_digit = shown.replace("\u2713", "3")
sys.exit(0 if list(words.values()) == [as_digit] * 3 + [shown] * 2 else 1)
PYTHON
PYTHONIOENCODING=utf-8 venv/bin/python probe.py
