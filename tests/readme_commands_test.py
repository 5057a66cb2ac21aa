"""Runs the commands of the README's section "Use it" as they are typed, on a local stack.

Run after `make package page cli`: .venv/bin/python -m unittest tests/readme_commands_test.py
"""

import os
from pathlib import Path
import re
import subprocess
import tempfile
import unittest

ROOT = Path(__file__).resolve().parent.parent
DEVSTACK = Path(os.environ.get("CARGO_TARGET_DIR") or "target") / "release" / "devstack"


def block() -> str:
    section = (ROOT / "README.md").read_text().split("\n## Use it\n")[1].split("\n## ")[0]
    (commands,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return commands


def samples() -> list[Path]:
    return sorted(path for path in (ROOT / "samples").rglob("*") if "__pycache__" not in path.parts)


class ReadmeCommandsTest(unittest.TestCase):
    def run_script(self, script: str, home: str) -> str:
        # The password is typed by a person, and no variable of this shell may help the commands.
        env = {"HOME": home, "PATH": os.environ["PATH"], "DOCKET_PASSWORD": "docket-on-this-machine"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_commands_run_as_typed_and_leave_no_files_in_samples(self):
        if "already running" in subprocess.run(
            [DEVSTACK, "up"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout:
            self.assertNotIn("CI", os.environ, "a stack is running")
            self.skipTest("a stack is running, which this test would stop")
        before = samples()
        try:
            with tempfile.TemporaryDirectory() as home:
                # Everything is built already: the commands run without make.
                commands = block().replace("make up\n", f"{DEVSTACK} up\n").replace("make down\n", "")
                output = self.run_script(commands, home)
        finally:
            subprocess.run([DEVSTACK, "down"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        self.assertEqual(samples(), before)
        self.assertIn("signed in", output)
        documents = len(list((ROOT / "samples" / "contracts").glob("*.pdf")))
        self.assertGreaterEqual(len(re.findall(r"[Rr]eady", output)), documents, output)


if __name__ == "__main__":
    unittest.main()
