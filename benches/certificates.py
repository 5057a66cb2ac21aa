"""Certificates of the benchmark's server, made with OpenSSL and similar to those of AWS: an RSA leaf, an intermediate and
a root of 2,048 bits each. Their verification is part of a cold start.
"""

from dataclasses import dataclass
from pathlib import Path
import subprocess

# The root is compiled in, so a new one requires a new build. It is kept until it is about to expire.
ROOT_DAYS = 365
MIN_REMAINING_SECONDS = 30 * 24 * 3600

EXTENSIONS = """
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


@dataclass(frozen=True)
class Certificates:
    root_pem: str  # the root's text, to be compiled in
    chain: Path  # leaf and intermediate, to be sent
    key: Path  # the leaf's key


def certificates(folder: Path) -> Certificates:
    """The certificates in a folder. Creates them if they are missing or expire soon. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    chain = folder / "chain.pem"
    if not (chain.is_file() and _is_valid(chain)):
        _create(folder)
    return Certificates((folder / "root.pem").read_text(), chain, folder / "leaf.key")


def _is_valid(certificate: Path) -> bool:
    command = ["openssl", "x509", "-in", certificate, "-noout", "-checkend", str(MIN_REMAINING_SECONDS)]
    return certificate.is_file() and subprocess.run(command, capture_output=True).returncode == 0


def _create(folder: Path) -> None:
    (folder / "extensions.cnf").write_text(EXTENSIONS)
    for name, signer in (("root", None), ("intermediate", "root"), ("leaf", "intermediate")):
        _openssl(folder, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
        subject = f"/CN=Docket benchmark {name}"
        _openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        sign = ["-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial"]
        if signer is None:
            sign = ["-signkey", "root.key"]
        extensions = ["-extfile", "extensions.cnf", "-extensions", name]
        validity = ["-days", str(ROOT_DAYS), "-sha256", "-out", f"{name}.pem"]
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *sign, *extensions, *validity)
    # Written last: its presence means that the others exist. Servers do not send the root.
    parts = [(folder / f"{name}.pem").read_text() for name in ("leaf", "intermediate")]
    (folder / "chain.pem").write_text("".join(parts))
    # Delete the signing keys, so that nothing else can be signed with them.
    for name in ("root", "intermediate"):
        (folder / f"{name}.key").unlink()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
