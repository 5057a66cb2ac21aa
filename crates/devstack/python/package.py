"""Creates the zips for AWS Lambda: one per function, from the release binaries.

  python package.py [--binaries target/release] [--out target/lambda]
  python package.py --check-bytes 4000000      only checks the existing zips

There is a function for each program in crates/function-binaries/src/bin. Each zip holds `bootstrap`, the program,
`pipelines.toml` without its comments, which each cold start would read, and the licence notices of the crates in the program (supply-chain/notices.py). The same inputs give
the same bytes: fixed times, fixed order. A zip whose comment has the hash of
the same inputs is kept; times would not do, since Cargo restores an older program without a new time.
Standard library only.
"""

import argparse
import hashlib
import os
from pathlib import Path
import re
import sys
import tempfile
import tomllib
import zipfile

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / "crates" / "function-binaries" / "src" / "bin"
PIPELINES = ROOT / "infra" / "pipelines.toml"
NOTICES = ROOT / "crates" / "function-binaries" / "THIRD-PARTY-NOTICES"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can name
PROGRAM, TEXT = 0o100755, 0o100644  # Lambda executes bootstrap, so its mode must say so


def functions() -> list[str]:
    """The names of the functions."""
    return sorted(path.stem for path in PROGRAMS.glob("*.rs"))


def without_comments(toml: str) -> str:
    """The same settings without comments and empty lines. Raises ValueError for a comment that it cannot tell from a value."""
    lines = [re.sub(r"\s+#[^\"']*$", "", line) for line in toml.splitlines() if not re.match(r"\s*(#|$)", line)]
    short = "\n".join(lines) + "\n"
    if tomllib.loads(short) != tomllib.loads(toml):
        raise ValueError(f"{PIPELINES}: move the comments at the ends of lines to lines of their own")
    return short


def entry(archive: zipfile.ZipFile, name: str, mode: int, content: bytes) -> None:
    """Adds a file with a fixed time and creator."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, on every machine: the mode counts
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content, compresslevel=9)


def inputs_hash(binary: Path) -> bytes:
    """The hash of everything that determines a zip's bytes."""
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in (binary, PIPELINES, NOTICES, Path(__file__))]
    return hashlib.sha256(b"".join(parts)).hexdigest().encode()


def is_made(out: Path, inputs: bytes) -> bool:
    """Whether the zip exists, is complete, and was made from these inputs."""
    try:
        with zipfile.ZipFile(out) as archive:
            return archive.comment == inputs
    except (OSError, zipfile.BadZipFile):
        return False


def package(binary: Path, out: Path) -> bool:
    """Writes one zip. Returns False, and only updates its time, if the existing one is up to date."""
    inputs = inputs_hash(binary)
    if is_made(out, inputs):
        os.utime(out)
        return False
    # Beside the target, then renamed, so that a reader never sees an incomplete zip.
    with tempfile.NamedTemporaryFile(dir=out.parent, suffix=".part", delete=False) as part:
        with zipfile.ZipFile(part, "w") as archive:
            archive.comment = inputs
            entry(archive, "bootstrap", PROGRAM, binary.read_bytes())
            entry(archive, "pipelines.toml", TEXT, without_comments(PIPELINES.read_text()).encode())
            entry(archive, NOTICES.name, TEXT, NOTICES.read_bytes())
    os.chmod(part.name, 0o644)
    os.replace(part.name, out)
    return True


def check(folder: Path, names: list[str], limit: int, allowed: dict[str, int] | None = None) -> int:
    """Fails if a zip is missing, or larger than its own limit or the common one, in bytes."""
    wrong = False
    for name in names:
        path = folder / f"{name}.zip"
        size = path.stat().st_size if path.is_file() else None
        maximum = (allowed or {}).get(name, limit)
        state = "is missing" if size is None else f"has {size} bytes"
        print(f"package: {path.name} {state}, the limit is {maximum}", file=sys.stderr)
        wrong |= size is None or size > maximum
    return 1 if wrong else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Creates the functions' zips.")
    parser.add_argument("--binaries", type=Path, default=ROOT / "target" / "release", help="folder of the programs")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "lambda", help="folder of the zips")
    parser.add_argument("--check-bytes", type=int, help="create nothing; fail if a zip is larger")
    parser.add_argument("--allow", action="append", default=[], metavar="NAME=BYTES", help="limit for one function's zip")
    options = parser.parse_args()
    names = functions()
    if not names:
        print(f"package: {PROGRAMS} has no program", file=sys.stderr)
        return 1
    if options.check_bytes:
        allowed = dict(one.split("=", 1) for one in options.allow)
        return check(options.out, names, options.check_bytes, {name: int(maximum) for name, maximum in allowed.items()})
    missing = [name for name in names if not (options.binaries / name).is_file()]
    if missing:
        where = options.binaries
        print(f"package: {where} lacks {', '.join(missing)}; `make build` builds them", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        out = options.out / f"{name}.zip"
        if package(options.binaries / name, out):
            print(f"{out.stat().st_size:>9} bytes  {out.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
