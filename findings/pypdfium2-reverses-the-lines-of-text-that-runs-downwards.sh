#!/usr/bin/env bash
# Library:   pypdfium2 5.15.2 (Python) with the PDFium that it ships. Date: 2026-11-30.
#
# Guess, written down after one page with /Rotate 90 had been seen, and before the other turns were run: the order of a page's
# lines is that of its content, whatever its /Rotate; or if the turn matters at all, 90 and 270 degrees behave alike.
#
# Behaviour: where text runs downwards on the page as shown, the last line comes first. That is so for upright text on a page
# with /Rotate 90, and for text that the content turns clockwise on a page without /Rotate, such as a wide table on a high
# page. Text that runs upwards (/Rotate 270) and text upside down keep their order.
#
# Output seen:
#   /Rotate 0    one two three
#   /Rotate 90   three two one
#   /Rotate 180  one two three
#   /Rotate 270  one two three
#   turned clockwise by the content, no /Rotate         three two one
#   turned counterclockwise by the content, no /Rotate  one two three
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pypdfium2==5.15.2

"$work/venv/bin/python" - <<'PYTHON'
import sys

import pypdfium2


def one_page(rotate, matrix):
    """A valid PDF of one square page with three lines in Helvetica."""
    content = f"q {matrix} cm BT /F1 12 Tf 20 150 Td (one) Tj 0 -20 Td (two) Tj 0 -20 Td (three) Tj ET Q"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Rotate {rotate} /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    pdf, offsets = "%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return (
        f"{pdf}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(pdf)}\n%%EOF\n"
    ).encode("ascii")


upright = "1 0 0 1 0 0"
as_described = True
for name, rotate, matrix, expected in (
    ("/Rotate 0", 0, upright, "one two three"),
    ("/Rotate 90", 90, upright, "three two one"),
    ("/Rotate 180", 180, upright, "one two three"),
    ("/Rotate 270", 270, upright, "one two three"),
    ("turned clockwise by the content, no /Rotate", 0, "0 -1 1 0 0 200", "three two one"),
    ("turned counterclockwise by the content, no /Rotate", 0, "0 1 -1 0 200 0", "one two three"),
):
    seen = " ".join(pypdfium2.PdfDocument(one_page(rotate, matrix))[0].get_textpage().get_text_range().split())
    print(f"{name:51} {seen}")
    as_described = as_described and seen == expected
sys.exit(0 if as_described else 1)
PYTHON
