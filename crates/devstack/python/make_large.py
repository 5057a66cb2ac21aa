"""Creates large, valid PDFs of an exact size for tests and demos.

  python make_large.py --kind contract --bytes 26000000 OUT   a contract with photographs
  python make_large.py --kind batch --bytes 1073741824 OUT    a scan batch, about 490 pages

The file is written as a stream with a few MB of memory. The images are noise that does not
compress; the same arguments give the same bytes.
Standard library only.
"""

import argparse
import random
import sys
from typing import BinaryIO

WIDTH, HEIGHT = 1240, 1754  # pixels: A4 at 150 dpi, 8-bit gray, 2.2 MB per page
NOISE = random.Random(2026).randbytes(WIDTH * HEIGHT + 65_536)

TITLE = "Equipment Supply and Installation Agreement"
CLAUSES = [
    ("Parties", "This Agreement is made on 2 June 2026 between Aurelia Pumpenbau GmbH, Magdeburg, Germany (\"Supplier\") and Calder Valley Water plc, Halifax, England (\"Client\"). The photographs in the exhibits show the sites as they are on that day."),
    ("1. Scope", "Supplier delivers and installs eleven pump sets at the sites shown in the exhibits, connects them to the existing pipework, and takes part in the tests. Client clears the sites and provides power."),
    ("2. Price and payment", "Client pays EUR 1,860,000 in total: thirty percent on order, fifty percent on delivery, twenty percent on acceptance. Invoices are due within thirty (30) days."),
    ("3. Term", "This Agreement starts on the date above and has a term of eighteen (18) months. Sections 5 and 6 continue after its end."),
    ("4. Warranty", "Supplier warrants that the pump sets reach the stated flow at the stated power for twenty-four months after acceptance, and repairs or replaces what does not."),
    ("5. Confidentiality", "Each party shall keep the drawings, prices and site details of the other confidential and use them only for this Agreement, and for five years after it."),
    ("6. Limitation of liability", "The total liability of each party is limited to EUR 2,500,000, except for death, personal injury and intent."),
    ("7. Indemnity", "Supplier shall indemnify Client against claims of third parties that arise from defective pump sets or from work on the sites."),
    ("8. Force majeure", "A party is not responsible for delay caused by events beyond its reasonable control, such as flood, war or strike, as long as they last."),
    ("9. Termination", "Client may terminate this Agreement for convenience with sixty (60) days' written notice and pays for what was delivered. Either party may terminate it for a material breach that is not cured within thirty (30) days."),
    ("10. Assignment", "Neither party may assign this Agreement without the prior written consent of the other."),
    ("11. Governing law", "This Agreement is governed by the laws of Germany. The courts of Magdeburg have jurisdiction."),
]  # fmt: skip


class PdfWriter:
    """Writes a PDF: keeps the offset of each object and the pages."""

    def __init__(self, out: BinaryIO):
        self.out, self.position = out, 0
        self.offsets: dict[int, int] = {}
        self.pages: list[int] = []
        self.next_number = 4  # 1 catalog, 2 page tree, 3 font
        self.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def write(self, data: bytes | memoryview) -> None:
        self.out.write(data)
        self.position += len(data)

    def add(self, head: bytes, stream: bytes | memoryview | None = None, number: int = 0) -> int:
        """Writes an object and returns its number."""
        if not number:
            number, self.next_number = self.next_number, self.next_number + 1
        self.offsets[number] = self.position
        self.write(b"%d 0 obj\n" % number)
        if stream is None:
            self.write(head)
        else:
            self.write(b"<< %s /Length %d >>\nstream\n" % (head, len(stream)))
            self.write(stream)
            self.write(b"\nendstream")
        self.write(b"\nendobj\n")
        return number

    def page(self, resources: bytes, content: bytes) -> None:
        contents = self.add(b"", content)
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %d 0 R >>"
        self.pages.append(self.add(page % (resources, contents)))

    def image_page(self, height: int) -> None:
        """Adds a page with one gray image of `height` rows of noise."""
        start = (len(self.pages) * 131) % 65_536  # a different image on every page
        pixels = memoryview(NOISE)[start : start + WIDTH * height]
        head = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
        image = self.add(head % (WIDTH, height), pixels)
        scale = 842 * height // HEIGHT or 1
        self.page(b"/XObject << /Im0 %d 0 R >>" % image, b"q 595 0 0 %d 0 %d cm /Im0 Do Q" % (scale, 842 - scale))

    def tail(self, title: str) -> bytes:
        """The page tree, cross-reference table and end for the current state."""
        copy = PdfWriter.__new__(PdfWriter)
        copy.out, copy.position, copy.offsets, copy.next_number = (
            _MemoryFile(),
            self.position,
            dict(self.offsets),
            self.next_number,
        )
        kids = b" ".join(b"%d 0 R" % page for page in self.pages)
        copy.add(b"<< /Type /Catalog /Pages 2 0 R >>", number=1)
        copy.add(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(self.pages), kids), number=2)
        copy.add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>", number=3)
        info = copy.add(b"<< /Title (%s) /Producer (Docket make_large.py) >>" % title.encode())
        start = copy.position
        copy.write(b"xref\n0 %d\n0000000000 65535 f \n" % copy.next_number)
        for number in range(1, copy.next_number):
            copy.write(b"%010d 00000 n \n" % copy.offsets[number])
        copy.write(
            b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
            % (copy.next_number, info, start)
        )
        return bytes(copy.out.data)


class _MemoryFile:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        self.data += data


def text_pages(pdf: PdfWriter) -> None:
    """Adds the text of the contract, about a page and a half."""
    lines: list[tuple[int, str]] = [(18, TITLE), (10, "")]
    for heading, body in CLAUSES:
        lines.append((13, heading))
        row = ""
        for word in body.split():
            if len(row) + len(word) > 88:
                lines.append((10, row))
                row = ""
            row = f"{row} {word}".strip()
        lines += [(10, row), (10, "")]
    for first in range(0, len(lines), 42):
        content = b"BT 60 780 Td 16 TL\n"
        for size, words in lines[first : first + 42]:
            escaped = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")
            content += b"/F1 %d Tf (%s) Tj T*\n" % (size, escaped)
        pdf.page(b"/Font << /F1 3 0 R >>", content + b"ET")


def make(kind: str, size: int, out: BinaryIO) -> int:
    """Writes a file of exactly `size` bytes and returns the number of pages. Raises ValueError if `size` is too small."""
    pdf = PdfWriter(out)
    title = TITLE if kind == "contract" else "Scan batch"
    if kind == "contract":
        text_pages(pdf)
    while True:
        # 1,000: the objects of one more page, their entries in the table, and a margin.
        available = size - pdf.position - len(pdf.tail(title)) - 1000
        if available < WIDTH:
            break
        pdf.image_page(min(HEIGHT, available // WIDTH))
        if available // WIDTH <= HEIGHT:
            break
    remaining = size - pdf.position - len(pdf.tail(title))
    if remaining < 16 or not pdf.pages:
        raise ValueError(f"{size} bytes are not enough for a {kind}")
    # Comments fill the remaining bytes. The first one moves the table, whose offset may then have one more digit.
    pdf.write(b"%" + b" " * (remaining - 10) + b"\n")
    remaining = size - pdf.position - len(pdf.tail(title))
    pdf.write(b"%" + b" " * (remaining - 2) + b"\n")
    pdf.write(pdf.tail(title))
    assert pdf.position == size, (pdf.position, size)
    return len(pdf.pages)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Create a large PDF of an exact size.")
    parser.add_argument("--kind", choices=("contract", "batch"), required=True)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("out")
    options = parser.parse_args()
    try:
        with open(options.out, "wb", buffering=1 << 20) as out:
            pages = make(options.kind, options.bytes, out)
    except ValueError as error:
        print(f"make_large: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {options.bytes} bytes, {pages} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
