"""Builds the functions for the benchmark: the programs that ship, plus one root certificate, unstripped.

They are built in a target folder of their own, so that a program that trusts the benchmark's root can never
get into a zip. Compiled dependencies are copied there from the ordinary target folder: they are the same, and
compiling the AWS SDKs again would take minutes.
"""

import fcntl
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import zipfile

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
BENCH = TARGET / "bench"
ZIPS = ROOT / "target" / "lambda"
# The variable that crates/functions/src/aws/http.rs takes a further root from, when it is compiled.
VARIABLE = "BENCH_ROOT_PEM"


def functions() -> list[str]:
    """The names of the functions."""
    return sorted(path.stem for path in (ROOT / "crates" / "functions" / "src" / "bin").glob("*.rs"))


def build(root_pem: str) -> Path:
    """Builds all functions with that root and answers the folder of the programs.

    Raises CalledProcessError if the build fails, RuntimeError if the root is not in a program.
    """
    BENCH.mkdir(parents=True, exist_ok=True)
    seed(TARGET / "release", BENCH / "cargo" / "release")
    names = functions()
    # --workspace as in `make build`: other features would be other programs. Symbols change no instruction,
    # and the profile needs them.
    command = ["cargo", "build", "--release", "--workspace", "--target-dir", str(BENCH / "cargo")]
    command += ["--config", 'profile.release.package.functions.strip="none"']
    for name in names:
        command += ["--bin", name]
    if os.environ.get("CI"):
        command.append("--locked")
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, VARIABLE: root_pem})
    programs = BENCH / "cargo" / "release"
    for name in names:
        if not trusts(root_pem, (programs / name).read_bytes()):
            raise RuntimeError(f"{name} was built without the benchmark's root; does aws/http.rs still read {VARIABLE}?")
    return programs


def tainted_zips(root_pem: str) -> list[str]:
    """The deployable zips whose program trusts the benchmark's root. Must be empty."""
    tainted = []
    for path in sorted(ZIPS.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            if trusts(root_pem, archive.read("bootstrap")):
                tainted.append(path.name)
    return tainted


def trusts(root_pem: str, program: bytes) -> bool:
    """Whether a program holds that certificate: the text is compiled in as it is."""
    lines = root_pem.split()
    return lines[len(lines) // 2].encode() in program


def seed(source: Path, target: Path) -> None:
    """Copies compiled dependencies that the target folder does not have yet.

    What Cargo cannot use it compiles anew, so a wrong guess here costs time and nothing else.
    """
    if not (source / ".fingerprint").is_dir():
        return
    with (source / ".cargo-lock").open("a") as lock:
        # Cargo's own lock: no build may be half done while its results are copied.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build to finish", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        copy_units(source, target)


def copy_units(source: Path, target: Path) -> None:
    """The copying of `seed`. A unit's results come first and its fingerprint last, so that no half of one counts."""
    # Our own crates change; they are compiled here. Tests and programs have no name of a registry crate.
    own = {path.parent.name for path in ROOT.glob("crates/*/Cargo.toml")} | {"scenarios"}
    units = {}
    for unit in (source / ".fingerprint").iterdir():
        name, _, digest = unit.name.rpartition("-")
        if name not in own and not (target / ".fingerprint" / unit.name).exists():
            units[digest] = unit.name
    for folder in ("deps", "build", ".fingerprint"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for file in (source / "deps").iterdir():
        digest = re.search(r"-([0-9a-f]{16})(\.|$)", file.name)
        if digest and digest[1] in units:
            shutil.copy2(file, target / "deps" / file.name)
    for unit in units.values():
        for folder in ("build", ".fingerprint"):
            if (source / folder / unit).is_dir():
                # Times are kept: Cargo compares them.
                shutil.copytree(source / folder / unit, target / folder / unit, symlinks=True, dirs_exist_ok=True)
