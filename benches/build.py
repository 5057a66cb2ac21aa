"""Builds the functions for the benchmark: as they ship, but unstripped and with a root certificate of its own.

The build has its own target folder, so that a program that trusts the benchmark's root cannot get into a zip.
Compiled dependencies are copied from the ordinary target folder, because compiling the AWS SDKs again takes minutes.
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
# Compile-time variable of crates/functions/src/aws/http.rs: the root certificates, instead of those that ship.
ROOTS_VARIABLE = "BENCH_ROOTS_PEM"
# The roots that ship. A function without them calls no service of AWS.
ROOTS = ROOT / "crates" / "functions" / "roots" / "amazon.pem"


def functions() -> list[str]:
    """The names of the functions."""
    return sorted(path.stem for path in (ROOT / "crates" / "function-binaries" / "src" / "bin").glob("*.rs"))


def build(root_pem: str) -> Path:
    """Builds all functions with a root certificate. Returns the folder of the programs.

    Raises CalledProcessError if the build fails, RuntimeError if a program does not contain the root.
    """
    BENCH.mkdir(parents=True, exist_ok=True)
    copy_dependencies(TARGET / "release", BENCH / "cargo" / "release")
    names = functions()
    roots = ROOTS.read_text()
    # --workspace as in `make build`, because other features would give other programs. The profile needs symbols, which
    # change no instruction.
    command = ["cargo", "build", "--release", "--workspace", "--target-dir", str(BENCH / "cargo")]
    command += ["--config", 'profile.release.package.function-binaries.strip="none"']
    for name in names:
        command += ["--bin", name]
    if os.environ.get("CI"):
        command.append("--locked")
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, ROOTS_VARIABLE: with_own(roots, root_pem)})
    programs = BENCH / "cargo" / "release"
    for name in names:
        program = (programs / name).read_bytes()
        if trusts(roots, program) and not trusts(root_pem, program):
            raise RuntimeError(f"{name} was built without the benchmark's root; does aws/http.rs still read {ROOTS_VARIABLE}?")
    return programs


def with_own(roots: str, root_pem: str) -> str:
    """As many roots, the last one replaced: a cold start parses all of them."""
    return roots[: roots.rindex("-----BEGIN CERTIFICATE-----")] + root_pem


def zips_with_bench_root(root_pem: str) -> list[str]:
    """Names of deployable zips whose program trusts the benchmark's root. There must be none."""
    names = []
    for path in sorted(ZIPS.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            if trusts(root_pem, archive.read("bootstrap")):
                names.append(path.name)
    return names


def trusts(root_pem: str, program: bytes) -> bool:
    """Whether a program contains the certificate, whose text is compiled in unchanged."""
    lines = root_pem.split()
    return lines[len(lines) // 2].encode() in program


def copy_dependencies(source: Path, target: Path) -> None:
    """Copies compiled dependencies that the target folder does not contain yet.

    Cargo compiles again what it cannot use, so a wrong copy costs only time.
    """
    if not (source / ".fingerprint").is_dir():
        return
    with (source / ".cargo-lock").open("a") as lock:
        # Cargo's own lock: no build may run while its results are copied.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build to finish", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        copy_units(source, target)


def copy_units(source: Path, target: Path) -> None:
    """Copies compilation units. The fingerprint of a unit is copied last, so that a partial copy is not used."""
    # The crates of this workspace are compiled here, because they change.
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
                # Keeps modification times, which Cargo compares.
                shutil.copytree(source / folder / unit, target / folder / unit, symlinks=True, dirs_exist_ok=True)
