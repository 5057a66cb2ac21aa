"""Checks the model servers of samples/model-servers with `docket model check`, and prints what it says about each.

Each folder there has two scripts: `default.sh` starts the server as one writes it first, `serve.sh` is the recipe. The
recipe must pass; the other must fail exactly the checks that docs/models.md names. The servers are installed from the
package index into target/model-servers, with pinned versions, and listen on 127.0.0.1 only.

Run: make model-check-servers, or tests/model_servers.py litserve ray-serve. Takes about ten minutes, and needs Java for
sagemaker-inference and torchserve. Outside CI: it needs a package index. Standard library only.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import itertools
import json
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess
import sys

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "samples" / "model-servers"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "model-servers"
DOCKET = TARGET / "release" / "docket"
SAMPLE = ROOT / "samples" / "contracts" / "consulting-agreement.pdf"
LONG_SECONDS = 65  # longer than the timeouts of these servers
# The servers share the processor, and each has processes of its own.
AT_ONCE = 3
FIRST_PORT = 18100  # a server may also use the ports 1,000 and 2,000 above its own

# The checks that `default.sh` fails.
EXPECTED = {
    "bentoml": {"ping", "a document"},
    "fastapi-uvicorn": {"ping during a run"},
    "flask-gunicorn": {"a long run", "ping during a run"},
    "litserve": {"a document"},
    "mlflow": {"a document"},
    "mlserver": {"ping", "a document"},
    "ray-serve": {"ping", "Content-Length"},
    "sagemaker-inference": {"the largest document"},
    "torchserve": {"the largest document"},
}


def environment(name: str) -> Path:
    """A virtual environment with the server, made anew if its requirements changed."""
    requirements = RECIPES / name / "requirements.txt"
    folder = WORK / name
    made_for = folder / "made-for.txt"
    if not made_for.exists() or made_for.read_text() != requirements.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]
        subprocess.run(pip, check=True)
        made_for.write_text(requirements.read_text())
    return folder


def check(name: str, script: str, port: int, long_document: Path) -> dict:
    """Starts a server, checks it, ends it. The report."""
    log = WORK / f"{name}-{script}.log"
    variables = {
        **os.environ,
        "PATH": f"{environment(name) / 'bin'}:{os.environ['PATH']}",
        "PORT": str(port),
        "PYTHONPATH": str(RECIPES),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with log.open("w") as output:
        server = subprocess.Popen(
            ["bash", script],
            cwd=RECIPES / name,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        command = [DOCKET, "--json", "model", "check", f"http://127.0.0.1:{port}", "--wait", "180", "--concurrency", "4"]
        command += ["--long-input", long_document, "--pid", str(server.pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    finally:
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        server.wait()
    if not done.stdout:
        raise SystemExit(f"{name} {script}: {done.stderr}The server's output is in {log}")
    return json.loads(done.stdout)


def free_ports() -> Iterator[int]:
    """Ports on which nothing listens: an earlier server that is still there would answer in the new one's place."""
    for port in itertools.count(FIRST_PORT):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                yield port


def checks_of(report: dict, status: str) -> set[str]:
    return {checked["check"] for checked in report["checks"] if checked["status"] == status}


def try_server(name: str, port: int, long_document: Path) -> list[str]:
    """Checks both scripts of a server. What is not as expected."""
    problems = []
    for script, expected in (("default.sh", EXPECTED[name]), ("serve.sh", set())):
        report = check(name, script, port, long_document)
        failed, warned = checks_of(report, "fail"), checks_of(report, "warn")
        lines = [f"{name} {script}: fails {sorted(failed) or 'nothing'}, warns of {sorted(warned) or 'nothing'}"]
        for checked in report["checks"]:
            if checked["status"] in ("fail", "warn"):
                job = checked.get("job", {}).get("text", "")
                lines.append(f"    {checked['status']}  {checked['check']}: {checked['seen']} -> {job}")
        print("\n".join(lines), flush=True)
        if failed != expected:
            problems.append(f"{name} {script} fails {sorted(failed)}, expected {sorted(expected)}")
    return problems


def main() -> int:
    names = sys.argv[1:] or sorted(EXPECTED)
    unknown = set(names) - set(EXPECTED)
    if unknown:
        print(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(sorted(EXPECTED))}", file=sys.stderr)
        return 2
    WORK.mkdir(parents=True, exist_ok=True)
    long_document = WORK / "long.pdf"
    # A comment after the end of a PDF, which contract_model.py reads.
    long_document.write_bytes(SAMPLE.read_bytes() + f"\n%sleep {LONG_SECONDS}\n%%EOF\n".encode())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(try_server, name, port, long_document) for name, port in zip(names, free_ports())]
        problems = [problem for one in running for problem in one.result()]
    print("\n".join(problems) or "all as expected", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
