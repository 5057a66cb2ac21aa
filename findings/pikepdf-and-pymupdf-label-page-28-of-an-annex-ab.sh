#!/usr/bin/env bash
# Library:   pikepdf 10.18.0 and PyMuPDF 1.26.6 (Python); pypdf 7.1.1 and pypdfium2 5.15.2 for comparison. Date: 2026-12-01.
#
# Guess, written down before running: the labels of pages with letters go on after Z as the PDF format says (ISO 32000-1,
# table 159: "AA to ZZ for the next 26", so AA, BB, CC), and all libraries give page 28 the same label, BB.
#
# Behaviour: pikepdf and PyMuPDF count as the columns of a spreadsheet do (AA, AB, AC), so page 28 is AB. They have
# a page BB too: the 54th, which for pypdf, PDFium and the viewers built on it is BBB. A note "see page BB" that one program
# writes leads to another page in the next one.
#
# Output seen:
#   page        1    27   28   54
#   pypdf       A    AA   BB   BBB
#   pypdfium2   A    AA   BB   BBB
#   pikepdf     A    AA   AB   BB
#   PyMuPDF     A    AA   AB   BB
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pikepdf==10.18.0 pymupdf==1.26.6 pypdf==7.1.1 pypdfium2==5.15.2
cat > probe.py <<'PYTHON'
import sys

import pikepdf
import pymupdf
import pypdf
import pypdfium2

PAGES = (1, 27, 28, 54)
pdf = pikepdf.new()
for _ in range(max(PAGES)):
    pdf.add_blank_page()
pdf.Root.PageLabels = pikepdf.Dictionary(Nums=[0, pikepdf.Dictionary(S=pikepdf.Name.A)])
pdf.save("annex.pdf")

by_pypdf = pypdf.PdfReader("annex.pdf").page_labels
by_pdfium = pypdfium2.PdfDocument("annex.pdf")
by_pikepdf = pikepdf.open("annex.pdf")
by_mupdf = pymupdf.open("annex.pdf")
seen = {
    "pypdf": [by_pypdf[page - 1] for page in PAGES],
    "pypdfium2": [by_pdfium.get_page_label(page - 1) for page in PAGES],
    "pikepdf": [by_pikepdf.pages[page - 1].label for page in PAGES],
    "PyMuPDF": [by_mupdf[page - 1].get_label() for page in PAGES],
}
for name, labels in (("page", PAGES), *seen.items()):
    print(f"{name:12}" + "".join(f"{label!s:5}" for label in labels).rstrip())
by_format, by_column = ["A", "AA", "BB", "BBB"], ["A", "AA", "AB", "BB"]
sys.exit(0 if list(seen.values()) == [by_format, by_format, by_column, by_column] else 1)
PYTHON
venv/bin/python probe.py
