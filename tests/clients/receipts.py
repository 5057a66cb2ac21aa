"""Checks that samples/verify_receipt.py accepts a receipt and its files, and refuses 1,000 mutations of each.

  python receipts.py RECEIPT KEYS DOCUMENT RESULT
"""

import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "samples"))

import verify_receipt  # noqa: E402  found by the line above

MUTATIONS = 1_000


def mutated(original, source):
    """Other bytes: one changed, added, removed or doubled, two exchanged, or the end cut off."""
    while True:
        content = bytearray(original)
        at = source.randrange(len(content))
        kind = source.randrange(6)
        if kind == 0:
            content[at] ^= 1 << source.randrange(8)
        elif kind == 1:
            content.insert(at, source.randrange(256))
        elif kind == 2:
            del content[at]
        elif kind == 3:
            content.insert(at, content[at])
        elif kind == 4:
            content[0], content[at] = content[at], content[0]
        else:
            del content[at:]
        if content != original:
            return bytes(content)


def is_refused(check, *arguments):
    try:
        check(*arguments)
    except verify_receipt.Refused:
        return True
    return False


def main():
    jws, keys, document, result = (pathlib.Path(path).read_bytes() for path in sys.argv[1:5])
    keys = json.loads(keys)
    receipt = verify_receipt.check_signature(jws, keys)
    verify_receipt.check_file(document, receipt["document"])
    verify_receipt.check_file(result, receipt["result"])
    for seed in range(MUTATIONS):
        source = random.Random(seed)
        changed = mutated(jws, source)
        assert is_refused(verify_receipt.check_signature, changed, keys), (seed, changed)
        for content, file in ((document, receipt["document"]), (result, receipt["result"])):
            assert is_refused(verify_receipt.check_file, mutated(content, source), file), seed
    assert is_refused(verify_receipt.check_signature, jws + b"\n", keys)
    print(f"{3 * MUTATIONS} mutations refused; job {receipt['job_id']}")


if __name__ == "__main__":
    main()
