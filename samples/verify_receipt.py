"""Checks a receipt of Docket without Docket: an independent verifier in about sixty lines.

  python verify_receipt.py RECEIPT KEYS [--document FILE] [--result FILE]

RECEIPT as `docket jobs receipt` saved it, KEYS as `docket receipt-keys` printed them. It needs the package cryptography.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(SystemExit):
    """Not genuine, or not the file."""

def decode(part):
    """Base64url without padding, in the only form that encodes these bytes."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", part):
        raise Refused("not base64url")
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) if len(part) % 4 != 1 else b""
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != part:
        raise Refused("not base64url")
    return data

def check_signature(jws, keys):
    """What the receipt says."""
    try:
        header, payload, signature = jws.decode("ascii").split(".")
        named = json.loads(decode(header))
        key = {key["kid"]: key for key in keys["keys"]}[named["kid"]]
        thumbprint = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": key["x"]}, separators=(",", ":"))
        if named["alg"] != "EdDSA" or decode(key["kid"]) != hashlib.sha256(thumbprint.encode()).digest():
            raise Refused("another algorithm, or a key under the id of another")
        Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(signature), f"{header}.{payload}".encode())
        return json.loads(decode(payload))
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise Refused(f"not a genuine receipt: {error!r}") from error

def check_file(content, file):
    if (len(content), hashlib.sha256(content).hexdigest()) != (file["bytes"], file.get("sha256")):
        raise Refused(f"not the file of the receipt, {file['location']}")

def main():
    parser = argparse.ArgumentParser()
    for name in ("receipt", "keys", "--document", "--result"):
        parser.add_argument(name, type=pathlib.Path)
    given = parser.parse_args()
    receipt = check_signature(given.receipt.read_bytes(), json.loads(given.keys.read_text()))
    for what in ("document", "result"):
        if path := getattr(given, what):
            check_file(path.read_bytes(), receipt[what])
    print(json.dumps(receipt, indent=2))

if __name__ == "__main__":
    main()
