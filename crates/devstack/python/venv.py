"""Creates a Python virtual environment with exactly the packages of a requirements file.

  python3 venv.py FOLDER REQUIREMENTS

Every package is pinned with its hashes. FOLDER/made-from identifies the Python and the requirements;
if they are unchanged, the script does nothing. It uses only the standard library, because it runs
before any package is installed.
"""

import hashlib
from pathlib import Path
import re
import subprocess
import sys

MIN_PYTHON = (3, 10)
# The exit status after Ctrl-C, as in shells.
INTERRUPTED = 130


def fingerprint(requirements: Path) -> str:
    """Identifies the Python and the requirements."""
    return f"python {sys.version}\nrequirements {hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"


def is_current(folder: Path, expected: str) -> bool:
    """Whether the environment exists, has this fingerprint, and works."""
    made_from = folder / "made-from"
    if not made_from.is_file() or made_from.read_text() != expected:
        return False
    return subprocess.run([folder / "bin" / "python", "-c", ""], check=False).returncode == 0


def create(folder: Path, requirements: Path) -> int:
    """Creates the environment. Returns pip's exit status."""
    print(f"== installing the Python packages of {requirements} into {folder}", file=sys.stderr)
    try:
        import ensurepip  # noqa: F401, a separate package on Debian
    except ImportError:
        print("venv: this Python has no venv; on Debian or Ubuntu: apt install python3-venv", file=sys.stderr)
        return 1
    # Isolated mode, because Python would otherwise import this file as the module `venv`.
    if status := run_quietly([sys.executable, "-I", "-m", "venv", "--clear", folder]):
        return status
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--require-hashes", "--only-binary", ":all:", "-r", requirements]
    return run_quietly([*pip, *options])


def run_quietly(command: list) -> int:
    """Runs venv or pip: shows the progress on a terminal, and the output only if the command fails."""
    output, collected = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as run:
        for line in run.stdout or ():
            output.append(line)
            if step := progress(line, collected + 1):
                collected += 1
                show_progress(step)
    show_progress("")
    if run.returncode:
        sys.stderr.writelines(output)
    return run.returncode


def progress(line: str, number: int) -> str:
    """The progress message for a line of pip's output; empty for most lines."""
    if found := re.match(r"Collecting ([\w.-]+)", line):
        return f"package {number}: {found[1]}"
    return "unpacking" if line.startswith("Installing collected packages") else ""


def show_progress(step: str) -> None:
    """Replaces the progress line if standard error is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{step and '   '}{step}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Runs the command line."""
    if sys.version_info < MIN_PYTHON:
        print(f"venv: Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer is required; this is {sys.version}", file=sys.stderr)
        return 1
    folder, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    expected = fingerprint(requirements)
    if is_current(folder, expected):
        return 0
    status = create(folder, requirements)
    if status == 0:
        (folder / "made-from").write_text(expected)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nvenv: interrupted; the next run starts again", file=sys.stderr)
        sys.exit(INTERRUPTED)
