"""A stand-in for your model: what every recipe here calls.

`read` takes the document's bytes and returns a result, or raises BadDocument with a reason for the person who uploaded
it. A comment `%sleep 40` in the document makes it take 40 seconds, to try timeouts; otherwise it takes half a second.
"""

import re
import time

USUAL_SECONDS = 0.5


class BadDocument(Exception):
    """The document is at fault. Another try gives the same answer."""


def read(document: bytes) -> dict:
    """The result for a document."""
    if b"%PDF-" not in document[:1024]:
        raise BadDocument("the file is not a PDF")
    if b"%%EOF" not in document[-1024:]:
        raise BadDocument("the PDF is cut off; upload it again")
    found = re.search(rb"^%sleep (\d+)$", document[-4096:], re.MULTILINE)
    time.sleep(int(found[1]) if found else USUAL_SECONDS)
    return {"bytes": len(document), "clauses": []}
