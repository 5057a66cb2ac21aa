#!/usr/bin/env bash
# Library:   pdfminer.six 20260107 and pypdf 7.1.1 (layout mode), on a page stamped with pikepdf 10.18.0 (Python); pdfplumber
#            0.11.10 and pypdfium2 5.15.2 for comparison. Date: 2026-12-01.
#
# Guess, written down before running: a stamp of two lines that pikepdf's add_overlay puts on a page is extracted like the rest of
# the page, with a line end between the lines.
#
# Behaviour: add_overlay puts the stamp there as a form XObject. pdfminer.six writes its characters one after the other
# without looking for lines or words, so number and date become one number. pypdf in layout mode leaves the stamp out, without
# a warning. The same libraries read the same text well when it is in the page's own content, so tests with drawn pages pass.
# pdfminer.six finds the lines with LAParams(all_texts=True).
#
# Output seen:
#   pdfminer.six      Invoice | Paid: 120026-01-2026
#   all_texts=True    Invoice | Paid: 1200 | 26-01-2026
#   pypdf, layout     Invoice
#   pdfplumber        Invoice | Paid: 1200 | 26-01-2026
#   pypdfium2         Invoice | Paid: 1200 | 26-01-2026
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pdfminer.six==20260107 pypdf==7.1.1 pikepdf==10.18.0 pdfplumber==0.11.10 pypdfium2==5.15.2
cat > probe.py <<'PYTHON'
import sys

import pdfplumber
import pikepdf
import pypdf
import pypdfium2
from pdfminer.high_level import extract_text
from pdfminer.layout import LAParams
from pikepdf import Dictionary, Name


def page_with(content):
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    page.obj.Resources = Dictionary(Font=Dictionary(F1=font))
    page.obj.Contents = pdf.make_stream(content)
    return pdf


invoice = page_with(b"BT /F1 12 Tf 72 760 Td (Invoice) Tj ET")
stamp = page_with(b"BT /F1 12 Tf 72 700 Td (Paid: 1200) Tj 0 -14 Td (26-01-2026) Tj ET")
invoice.pages[0].add_overlay(stamp.pages[0])
invoice.save("page.pdf")

texts = {
    "pdfminer.six": extract_text("page.pdf"),
    "all_texts=True": extract_text("page.pdf", laparams=LAParams(all_texts=True)),
    "pypdf, layout": pypdf.PdfReader("page.pdf").pages[0].extract_text(extraction_mode="layout"),
    "pdfplumber": pdfplumber.open("page.pdf").pages[0].extract_text(),
    "pypdfium2": pypdfium2.PdfDocument("page.pdf")[0].get_textpage().get_text_bounded(),
}
seen = {name: " | ".join(line.strip() for line in text.splitlines() if line.strip()) for name, text in texts.items()}
for name, lines in seen.items():
    print(f"{name:17} {lines}")
lines = "Invoice | Paid: 1200 | 26-01-2026"
sys.exit(0 if list(seen.values()) == ["Invoice | Paid: 120026-01-2026", lines, "Invoice", lines, lines] else 1)
PYTHON
venv/bin/python probe.py
