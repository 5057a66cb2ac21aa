"""Makes a Python environment with exactly the packages of a requirements file, if it is not there yet.

  python3 venv.py FOLDER REQUIREMENTS

Every package is pinned with its hashes. FOLDER/made-from says what it was made from; when that still
fits, nothing is done. Standard library only, since it runs before anything is installed.
"""

import hashlib
from pathlib import Path
import re
import subprocess
import sys

OLDEST = (3, 10)
# What a shell says of a program that Ctrl-C ended.
INTERRUPTED = 130


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
    """Makes it anew. Answers pip's exit status."""
    print(f"== installing the Python packages of {requirements} into {folder}", file=sys.stderr)
    try:
        import ensurepip  # noqa: F401, Debian has it in a package of its own
    except ImportError:
        print("venv: this Python has no venv; on Debian or Ubuntu: apt install python3-venv", file=sys.stderr)
        return 1
    # Isolated: started in this folder, Python would take this very file for its module `venv`.
    if status := quietly([sys.executable, "-I", "-m", "venv", "--clear", folder]):
        return status
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--require-hashes", "--only-binary", ":all:", "-r", requirements]
    return quietly([*pip, *options])


def quietly(command: list) -> int:
    """Runs venv or pip, with its progress in one line of a terminal and its words only if it fails."""
    said, collected = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as run:
        for line in run.stdout or ():
            said.append(line)
            if step := progress(line, collected + 1):
                collected += 1
                show(step)
    show("")
    if run.returncode:
        sys.stderr.writelines(said)
    return run.returncode


def progress(line: str, number: int) -> str:
    """What a line of pip's means for people; nothing, for most."""
    if found := re.match(r"Collecting ([\w.-]+)", line):
        return f"package {number}: {found[1]}"
    return "unpacking" if line.startswith("Installing collected packages") else ""


def show(step: str) -> None:
    """Replaces the line of progress, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{step and '   '}{step}", end="", file=sys.stderr, flush=True)


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
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nvenv: interrupted; the next run starts this over", file=sys.stderr)
        sys.exit(INTERRUPTED)
