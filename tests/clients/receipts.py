"""Checks that samples/verify_receipt.py accepts a receipt with its files, and refuses every mutation of them.

  python receipts.py RECEIPT KEYS DOCUMENT RESULT [SEED]

It prints the seed of the mutations. Ends with an error if one is accepted.
"""

import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "samples"))
from verify_receipt import Refused, check_file, check_signature

MUTATIONS = 1_000


def mutated(original, random_source):
    """Other bytes: one changed, added, removed or doubled, two exchanged, or the end cut off."""
    while True:
        changed = bytearray(original)
        at = random_source.randrange(len(changed))
        match random_source.randrange(6):
            case 0:
                changed[at] ^= 1 << random_source.randrange(8)
            case 1:
                changed.insert(at, random_source.randrange(256))
            case 2:
                del changed[at]
            case 3:
                changed.insert(at, changed[at])
            case 4:
                changed[0], changed[at] = changed[at], changed[0]
            case _:
                del changed[at:]
        if changed != original:
            return bytes(changed)


def is_accepted(check, *arguments):
    try:
        check(*arguments)
    except Refused:
        return False
    return True


def main():
    jws, keys, document, result = (pathlib.Path(path).read_bytes() for path in sys.argv[1:5])
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}", flush=True)
    keys = json.loads(keys)
    receipt = check_signature(jws, keys)
    check_file(document, receipt["document"])
    check_file(result, receipt["result"])
    random_source = random.Random(seed)
    for number in range(MUTATIONS):
        changed = mutated(jws, random_source)
        assert not is_accepted(check_signature, changed, keys), (number, changed)
        for content, file in ((document, receipt["document"]), (result, receipt["result"])):
            changed = mutated(content, random_source)
            assert not is_accepted(check_file, changed, file), (number, file["location"])
    print(f"{MUTATIONS} mutations each of receipt, document and result refused")


if __name__ == "__main__":
    main()
