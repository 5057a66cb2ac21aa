"""Creates a Python virtual environment with exactly the packages of a requirements file.

  python3 venv.py FOLDER REQUIREMENTS [OPTIONAL]

OPTIONAL is a second requirements file, whose packages do not exist for every machine: if they cannot be installed, the
script says so and goes on without them, except in CI (the environment variable CI). Every package is pinned with its hashes. FOLDER/made-from identifies the Python and the requirements;
if they are unchanged, the script does nothing. It uses only the standard library, because it runs
before any package is installed.
"""

import hashlib
import os
from pathlib import Path
import re
import subprocess
import sys

MIN_PYTHON = (3, 10)
# The exit status after Ctrl-C, as in shells.
INTERRUPTED = 130


WITHOUT = "without the optional packages\n"


def fingerprint(*requirements: Path) -> str:
    """Identifies the Python and the requirements."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in requirements]
    return f"python {sys.version}\nrequirements {' '.join(digests)}\n"


def is_current(folder: Path, expected: str) -> bool:
    """Whether the environment exists, has this fingerprint, and works. CI does not accept one without the optional packages."""
    made_from = folder / "made-from"
    accepted = (expected,) if os.environ.get("CI") else (expected, expected + WITHOUT)
    if not made_from.is_file() or made_from.read_text() not in accepted:
        return False
    if is_moved(folder):
        return False
    return subprocess.run([folder / "bin" / "python", "-c", ""], check=False).returncode == 0


def is_moved(folder: Path) -> bool:
    """Whether the environment was made in another folder: its scripts name their Python by an absolute path."""
    first_line = (folder / "bin" / "pip").read_bytes().split(b"\n", 1)[0].decode(errors="replace")
    interpreter = Path(first_line.removeprefix("#!").strip())
    return interpreter.parent.resolve() != (folder / "bin").resolve()


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
    return install(folder, requirements)


def install(folder: Path, requirements: Path) -> int:
    """Installs packages into the environment. Returns pip's exit status."""
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--require-hashes", "--only-binary", ":all:", "-r", requirements]
    return run_quietly([*pip, *options])


def install_optional(folder: Path, requirements: Path) -> int:
    """Installs the optional packages. Returns 1 if CI needs them and they cannot be installed, and -1 without CI."""
    print(f"== installing the Python packages of {requirements} into {folder}", file=sys.stderr)
    if not install(folder, requirements):
        return 0
    print(f"== going on without the packages of {requirements}: no wheels for this machine, or no network", file=sys.stderr)
    return 1 if os.environ.get("CI") else -1


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
    folder, *files = map(Path, sys.argv[1:])
    expected = fingerprint(*files)
    if is_current(folder, expected):
        return 0
    status = create(folder, files[0])
    without = ""
    if status == 0 and len(files) > 1:
        status = install_optional(folder, files[1])
        if status == -1:
            status, without = 0, WITHOUT
    if status == 0:
        (folder / "made-from").write_text(expected + without)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nvenv: interrupted; the next run starts again", file=sys.stderr)
        sys.exit(INTERRUPTED)
