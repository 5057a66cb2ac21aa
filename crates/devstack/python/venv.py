"""Makes a Python environment with exactly the packages of a requirements file, if it is not there yet.

  python3 venv.py FOLDER REQUIREMENTS

Every package is pinned with its hashes. FOLDER/made-from says what it was made from; when that still
fits, nothing is done. Standard library only, since it runs before anything is installed.
"""

import hashlib
from pathlib import Path
import subprocess
import sys

OLDEST = (3, 10)


def fingerprint(requirements: Path) -> str:
    """What an environment is made from."""
    return f"python {sys.version}\nrequirements {hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"


def is_made(folder: Path, wanted: str) -> bool:
    """Whether it is there, from the same requirements and Python, and runs."""
    mark = folder / "made-from"
    if not mark.is_file() or mark.read_text() != wanted:
        return False
    return subprocess.run([folder / "bin" / "python", "-c", ""], check=False).returncode == 0


def make(folder: Path, requirements: Path) -> int:
    """Makes it anew; pip's words go to standard error. Answers pip's exit status."""
    print(f"installing {requirements} into {folder}", file=sys.stderr)
    try:
        import ensurepip  # noqa: F401, Debian has it in a package of its own
    except ImportError:
        print("venv: this Python has no venv; on Debian or Ubuntu: apt install python3-venv", file=sys.stderr)
        return 1
    created = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], stdout=sys.stderr, check=False)
    if created.returncode:
        return created.returncode
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--require-hashes", "--only-binary", ":all:", "-r", requirements]
    return subprocess.run([*pip, *options], stdout=sys.stderr, check=False).returncode


def main() -> int:
    """The command line."""
    if sys.version_info < OLDEST:
        print(f"venv: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version}", file=sys.stderr)
        return 1
    folder, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = fingerprint(requirements)
    if is_made(folder, wanted):
        return 0
    status = make(folder, requirements)
    if status == 0:
        (folder / "made-from").write_text(wanted)
    return status


if __name__ == "__main__":
    sys.exit(main())
