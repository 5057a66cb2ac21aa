"""Hand-made PDFs for tests: small valid ones, and small ones that are expensive to read."""

import functools
import zlib


def pdf(objects: dict[int, bytes], xref_stream: bool = False, extra: bytes = b"") -> bytes:
    """A file with these objects; object 1 is the catalog."""
    out = bytearray(b"%PDF-1.5\n")
    offsets = {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 2
    if xref_stream:
        offsets[size - 1] = start
        rows = b"".join(
            bytes([number in offsets]) + offsets.get(number, 0).to_bytes(4, "big") + b"\0" for number in range(size)
        )
        out += b"%d 0 obj\n<< /Type /XRef /Size %d /W [1 4 1] /Root 1 0 R %s /Length %d >>\nstream\n" % (
            size - 1,
            size,
            extra,
            len(rows),
        )
        out += rows + b"\nendstream\nendobj\n"
    else:
        out += b"xref\n0 %d\n" % size
        for number in range(size):
            out += b"%010d %05d %s \n" % (
                offsets.get(number, 0),
                0 if number in offsets else 65535,
                b"n" if number in offsets else b"f",
            )
        out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (size, extra)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, head: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)


def one_page(
    contents: bytes, resources: bytes = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
) -> dict[int, bytes]:
    """A catalog, a page tree and one page with object 4 as its content."""
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 595 842] >>",
        3: b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources %s >>" % resources,
        4: contents,
    }


def scan(xref_stream: bool) -> bytes:
    """Two pages with one image each. Resources and media box are inherited; one page has a content array."""
    pixels = stream(
        bytes(64), b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8"
    )
    return pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] /MediaBox [0 0 300 400] /Resources 5 0 R >>",
            3: b"<< /Type /Page /Parent 2 0 R /Contents [6 0 R 6 0 R] >>",
            4: b"<< /Type /Page /Parent 2 0 R /Contents 6 0 R >>",
            5: b"<< /XObject << /Im0 7 0 R >> >>",
            6: stream(b"2 0 0 2 0 0 cm /Im0 Do"),  # does not restore its matrix, as some producers do
            7: pixels,
        },
        xref_stream,
    )


@functools.cache
def slow_page() -> bytes:
    """A page whose content takes minutes to process: sixty MB of compressed operators."""
    return pdf(one_page(stream(zlib.compress(b"BT /F1 9 Tf (a) Tj ET\n" * 2_700_000), b"/Filter /FlateDecode")))


def bombs() -> dict[str, bytes]:
    """Small documents that are expensive to read."""
    inflated = zlib.compress(bytes(1 << 28), 9)
    found = {
        "unpacks to a quarter GB": pdf(one_page(stream(inflated, b"/Filter /FlateDecode"))),
        "unpacks twice": pdf(one_page(stream(zlib.compress(inflated, 9), b"/Filter [/FlateDecode /FlateDecode]"))),
        "sixty MB of operators": slow_page(),
        "the same page a million times": pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R >>",
                2: b"<< /Type /Pages /Count 1000000 /Kids [%s] >>" % (b"3 0 R " * 1_000_000),
                3: b"<< /Type /Page >>",
            }
        ),
        "page tree in a circle": pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R >>",
                2: b"<< /Type /Pages /Count 9 /Kids [3 0 R] >>",
                3: b"<< /Type /Pages /Count 9 /Kids [2 0 R] >>",
            }
        ),
        "deep page tree": pdf(
            {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
            | {n: b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (n + 1) for n in range(2, 5000)}
            | {5000: b"<< /Type /Page >>"}
        ),
        "deep array": pdf(
            one_page(stream(b"")) | {2: b"<< /Type /Pages /Count 1 /Kids " + b"[" * 100_000 + b"]" * 100_000 + b" >>"}
        ),
        "length that is its own": pdf(one_page(b"<< /Length 4 0 R >>\nstream\nx\nendstream")),
        "table in a circle": pdf(one_page(stream(b"")), extra=b"/Prev 0"),
    }
    # Each form draws the next one ten times: 10^9 drawings.
    forms = {
        n: stream(
            b"/F Do " * 10,
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F %d 0 R >> >>" % (n + 1),
        )
        for n in range(5, 14)
    }
    forms[14] = stream(b"BT /F1 9 Tf (a) Tj ET", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << >>")
    found["forms that draw forms"] = pdf(one_page(stream(b"/F Do"), b"<< /XObject << /F 5 0 R >> >>") | forms)
    return found
