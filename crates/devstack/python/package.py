"""Makes the zips that AWS Lambda gets: one a function, from the release binaries.

  python package.py [--binaries target/release] [--out target/lambda]
  python package.py --check-bytes 4000000      only looks at the zips that are there

Which functions there are is read from infra/service.yaml (`Code: ../target/lambda/<function>.zip`).
Each zip holds `bootstrap`, the program, and `pipelines.toml`. The same inputs give the same
bytes: fixed times, fixed order. A zip whose comment names the hash of the same inputs is kept; times
would not do, since Cargo puts an older program back in place without a new time.
Standard library only.
"""

import argparse
import hashlib
import os
from pathlib import Path
import re
import sys
import tempfile
import zipfile

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "infra" / "service.yaml"
PIPELINES = ROOT / "infra" / "pipelines.toml"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can name
PROGRAM, TEXT = 0o100755, 0o100644  # Lambda executes bootstrap, so its mode must say so


def functions() -> list[str]:
    """The names of the functions, in the template's order."""
    return re.findall(r"^\s+Code: \.\./target/lambda/([a-z-]+)\.zip$", TEMPLATE.read_text(), re.MULTILINE)


def entry(archive: zipfile.ZipFile, name: str, mode: int, source: Path) -> None:
    """Adds a file; its name, mode and bytes are all that counts."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, on every machine: the mode is meant
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, source.read_bytes(), compresslevel=9)


def inputs_hash(binary: Path) -> bytes:
    """What a zip's bytes follow from."""
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in (binary, PIPELINES, Path(__file__))]
    return hashlib.sha256(b"".join(parts)).hexdigest().encode()


def is_made(out: Path, inputs: bytes) -> bool:
    """Whether the zip is there, whole, and made of these inputs."""
    try:
        with zipfile.ZipFile(out) as archive:
            return archive.comment == inputs
    except (OSError, zipfile.BadZipFile):
        return False


def package(binary: Path, out: Path) -> bool:
    """Writes one zip. False if the one that is there is right; its time then says that it was looked at."""
    inputs = inputs_hash(binary)
    if is_made(out, inputs):
        os.utime(out)
        return False
    # Beside the target, then renamed: nobody ever reads half a zip.
    with tempfile.NamedTemporaryFile(dir=out.parent, suffix=".part", delete=False) as part:
        with zipfile.ZipFile(part, "w") as archive:
            archive.comment = inputs
            entry(archive, "bootstrap", PROGRAM, binary)
            entry(archive, "pipelines.toml", TEXT, PIPELINES)
    os.chmod(part.name, 0o644)
    os.replace(part.name, out)
    return True


def check(folder: Path, names: list[str], limit: int, allowed: dict[str, int] | None = None) -> int:
    """Fails if a zip is missing or larger than the limit in bytes, or than what it alone is allowed."""
    wrong = False
    for name in names:
        path = folder / f"{name}.zip"
        size = path.stat().st_size if path.is_file() else None
        most = (allowed or {}).get(name, limit)
        verdict = "is not there" if size is None else f"has {size} bytes"
        print(f"package: {path.name} {verdict}, allowed are {most}", file=sys.stderr)
        wrong |= size is None or size > most
    return 1 if wrong else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the functions' zips.")
    parser.add_argument("--binaries", type=Path, default=ROOT / "target" / "release", help="folder of the programs")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "lambda", help="folder of the zips")
    parser.add_argument("--check-bytes", type=int, help="make nothing; fail if a zip is larger")
    parser.add_argument("--allow", action="append", default=[], metavar="NAME=BYTES", help="what one function's zip may have")
    options = parser.parse_args()
    names = functions()
    if not names:
        print(f"package: {TEMPLATE} names no zip", file=sys.stderr)
        return 1
    if options.check_bytes:
        allowed = dict(one.split("=", 1) for one in options.allow)
        return check(options.out, names, options.check_bytes, {name: int(most) for name, most in allowed.items()})
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
