"""`make conformance`: the ports' conformance suite against other emulators, as a second opinion on MiniStack and on us.

Two known differences are theirs. moto leaves out the first key after a KeyMarker that does not exist
(findings/moto-list-object-versions-leaves-out-a-key.sh): part `folders` fails. dynalite has DynamoDB only, and lacks
ReturnValuesOnConditionCheckFailure: parts `job_store` and `key_value_store` fail. Both are installed into
target/emulators. Exit status 1 if other parts fail, or these no longer do.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
EMULATORS = ROOT / "target" / "emulators"
DYNALITE = "dynalite@4.0.0"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(url, program):
    for _ in range(300):
        try:
            urllib.request.urlopen(url)
        except urllib.error.HTTPError:
            return
        except OSError:
            if program.poll() is not None:
                raise SystemExit(f"{program.args[0]} ended with {program.returncode}") from None
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def suite(name, command, **variables):
    """Runs the suite against an emulator that a command starts. `{port}` in it is a free one."""
    port = str(free_port())
    program = subprocess.Popen([part.replace("{port}", port) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(url, program)
        print(f"== {name}", flush=True)
        test = ["cargo", "test", "--release", "--workspace", "--all-features", "--test", "scenarios", "--", "--ignored", "--nocapture", "another_emulator"]
        return subprocess.run(test, cwd=ROOT, env={**os.environ, "RUST_BACKTRACE": "0", "EMULATOR_URL": url, **variables}).returncode
    finally:
        program.terminate()
        program.wait()


def main():
    """Installs the emulators and runs the suite against each."""
    python = EMULATORS / "venv" / "bin" / "python"
    venv = ROOT / "crates" / "devstack" / "python" / "venv.py"
    EMULATORS.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, venv, python.parent.parent, ROOT / "tests" / "emulators" / "requirements.txt"], check=True)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", EMULATORS, DYNALITE], check=True)
    failed = suite("moto", [str(python.with_name("moto_server")), "-H", "127.0.0.1", "-p", "{port}"], FAILING="folders")
    dynalite = EMULATORS / "node_modules" / ".bin" / "dynalite"
    failed |= suite("dynalite", [str(dynalite), "--host", "127.0.0.1", "--port", "{port}", "--createTableMs", "0"], DYNAMODB_ONLY="1", FAILING="job_store key_value_store")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
