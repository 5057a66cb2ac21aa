"""Rules for the build that no other tool checks.

  python3 .ci/rules.py features    each third-party crate has the same features whichever member is selected
  python3 .ci/rules.py glibc       the C library that the shipped programs need

Standard library only.
"""

import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = Path(__file__).resolve().parent.parent
ZIPS = ROOT / "target" / "lambda"
# The version of Amazon Linux 2023, on which `provided.al2023` runs.
NEWEST_GLIBC = (2, 34)


def features() -> list[str]:
    """Third-party crates that `cargo test -p <member>` compiles again, with other features than the whole workspace."""

    def resolved(*selection: str) -> set[str]:
        tree = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p} [{f}]", "-e", "normal,build,dev"]
        listed = subprocess.run([*tree, *selection], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        # Members stand there with their paths.
        return {line.removesuffix(" (*)") for line in listed.splitlines() if "(/" not in line}

    metadata = ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]
    listed = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    members = [package["name"] for package in json.loads(listed)["packages"] if package["name"] != "workspace-hack"]
    whole = resolved("--workspace") | resolved("--workspace", "--all-features")
    return [
        f"-p {member}: {crate} is built with other features for the workspace; crates/workspace-hack/Cargo.toml must name them"
        for member in members
        for crate in sorted(resolved("-p", member) - whole)
    ]


def glibc() -> list[str]:
    """Programs that need a newer C library than Lambda has."""
    if not shutil.which("objdump"):
        if os.environ.get("CI"):
            return ["objdump is not installed"]
        print("skipped: the C library that the programs need (objdump of binutils is not installed)", file=sys.stderr)
        return []
    zips = sorted(ZIPS.glob("*.zip"))
    complaints = [] if zips else [f"{ZIPS} has no zips"]
    for path in zips:
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(path) as archive:
                program = archive.extract("bootstrap", folder)
            symbols = subprocess.run(["objdump", "-T", program], check=True, capture_output=True, text=True).stdout
        versions = [tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", symbols)]
        newest = max(versions, default=(0,))
        if not versions or newest > NEWEST_GLIBC:
            name = ".".join(map(str, newest))
            complaints.append(f"{path.name} needs GLIBC {name}, Lambda has {'.'.join(map(str, NEWEST_GLIBC))}")
    return complaints


def main() -> int:
    """The command line."""
    rules = {"features": features, "glibc": glibc}
    if len(sys.argv) != 2 or sys.argv[1] not in rules:
        print(__doc__, file=sys.stderr)
        return 2
    complaints = rules[sys.argv[1]]()
    for complaint in complaints:
        print(f"rules: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
