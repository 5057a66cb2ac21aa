"""Makes the zips that AWS Lambda gets: one a function, from the release binaries.

  python package.py [--binaries target/release] [--out target/lambda] [--check-bytes 4000000]

Which functions there are is read from infra/service.yaml (`Code: ../target/lambda/<function>.zip`).
Each zip holds `bootstrap`, the program, and `pipelines.toml`. The same inputs give the same
bytes: fixed times, fixed order. A zip that is newer than what it is made of is left alone.
Standard library only.
"""

import argparse
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


def package(binary: Path, out: Path) -> bool:
    """Writes one zip. False if the one that is there is new enough."""
    newest = max(binary.stat().st_mtime_ns, PIPELINES.stat().st_mtime_ns, Path(__file__).stat().st_mtime_ns)
    if out.exists() and out.stat().st_mtime_ns > newest:
        return False
    # Beside the target, then renamed: nobody ever reads half a zip.
    with tempfile.NamedTemporaryFile(dir=out.parent, suffix=".part", delete=False) as part:
        with zipfile.ZipFile(part, "w") as archive:
            entry(archive, "bootstrap", PROGRAM, binary)
            entry(archive, "pipelines.toml", TEXT, PIPELINES)
    os.chmod(part.name, 0o644)
    os.replace(part.name, out)
    return True


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the functions' zips.")
    parser.add_argument("--binaries", type=Path, default=ROOT / "target" / "release", help="folder of the programs")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "lambda", help="folder of the zips")
    parser.add_argument("--check-bytes", type=int, help="fail if a zip is larger")
    options = parser.parse_args()
    names = functions()
    if not names:
        print(f"package: {TEMPLATE} names no zip", file=sys.stderr)
        return 1
    missing = [name for name in names if not (options.binaries / name).is_file()]
    if missing:
        where = options.binaries
        print(f"package: {where} lacks {', '.join(missing)}; `make build` builds them", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    too_large = []
    for name in names:
        out = options.out / f"{name}.zip"
        made = package(options.binaries / name, out)
        size = out.stat().st_size
        if options.check_bytes and size > options.check_bytes:
            too_large.append(f"{out.name} has {size} bytes, allowed are {options.check_bytes}")
        if made or options.check_bytes:
            print(f"{size:>9} bytes  {out.name}", file=sys.stderr)
    for complaint in too_large:
        print(f"package: {complaint}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
