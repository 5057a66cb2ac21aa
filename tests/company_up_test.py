"""`make up COMPANY=1` as a person uses it: what it prints is all that a sign-in by the company needs, on the page, on the
command line and for a program.

Run after `make package page cli company-modules`: .venv/bin/python -m unittest tests/company_up_test.py
"""

import http.cookiejar
import os
from pathlib import Path
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Generous: it ends a test that fails.
WAIT_SECONDS = 120


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def sign_in(address: str, user: str, end: str) -> str:
    """What a browser does with the address of a sign-in: redirects, cookies, and the provider's form. Returns the address
    below `end` to which it is sent at last, which is not opened."""
    opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    data = None
    for _ in range(12):
        try:
            with opener.open(address, data, timeout=WAIT_SECONDS) as page:
                assert "<form" in page.read().decode(), address
                data = urllib.parse.urlencode({"user": user}).encode()
        except urllib.error.HTTPError as answer:
            location = answer.headers["Location"]
            assert location, f"{address}: {answer.code} {answer.read().decode()}"
            address, data = urllib.parse.urljoin(address, location), None
            if address.startswith(end):
                return address
    raise AssertionError(f"no end of redirects: {address}")


class CompanyUpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("node") or not (ROOT / "crates/devstack/company/node_modules").is_dir():
            assert "CI" not in os.environ, "CI needs Node and `make company-modules`"
            raise unittest.SkipTest("the company's provider needs Node and `make company-modules`")
        done = subprocess.run([PROGRAMS / "devstack", "up", "--company"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if "already running" in done.stdout:
            assert "CI" not in os.environ, "a stack is running"
            raise unittest.SkipTest("a stack is running, which this test would stop")
        cls.addClassCleanup(cls.stop)
        assert done.returncode == 0, done.stdout
        cls.printed = done.stdout

    @classmethod
    def stop(cls):
        """The provider ends with the stack."""
        (port,) = re.findall(r'^issuer = "http://127.0.0.1:(\d+)"$', (ROOT / ".docket/up/sign-in.toml").read_text(), re.MULTILINE)
        socket.create_connection(("127.0.0.1", int(port)), WAIT_SECONDS).close()
        subprocess.run([PROGRAMS / "devstack", "down"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        try:
            socket.create_connection(("127.0.0.1", int(port)), WAIT_SECONDS).close()
        except ConnectionRefusedError:
            return
        raise AssertionError("the company's provider still runs")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)

    def found(self, pattern: str) -> tuple[str, ...]:
        match = re.search(pattern, self.printed, re.MULTILINE)
        self.assertIsNotNone(match, self.printed)
        return match.groups()

    def environment(self, **more: str) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": f"{self.home}:{os.environ['PATH']}", "DOCKET_KEYRING": "off", **more}

    def docket(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [PROGRAMS / "docket", *arguments],
            cwd=ROOT,
            env=self.environment(DOCKET_API=self.found(r"^  HTTP API +(\S+)$")[0]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def start_login(self, command: str, **environment: str) -> subprocess.Popen:
        """Runs a login as it is printed, with a keyboard of its own."""
        login = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=self.environment(**environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.addCleanup(login.wait)
        self.addCleanup(login.kill)
        self.addCleanup(login.stdout.close)
        self.addCleanup(login.stdin.close)
        return login

    def test_login_in_the_browser_and_sign_out(self):
        (command,) = self.found(r"^  (\S+ login --api \S+ --company)$")
        for name in ("xdg-open", "open"):
            opener = self.home / name
            opener.write_text('#!/bin/sh\nprintf %s "$1" > "$HOME/opening" && mv "$HOME/opening" "$HOME/opened"\n')
            opener.chmod(0o755)
        login = self.start_login(command, DISPLAY=":0")
        end = time.monotonic() + WAIT_SECONDS
        while not (self.home / "opened").exists():
            self.assertIsNone(login.poll(), "it has opened no browser")
            self.assertLess(time.monotonic(), end, "no browser was opened")
            time.sleep(0.05)
        callback = sign_in((self.home / "opened").read_text(), "rita", "http://127.0.0.1:18457/callback?")
        with urllib.request.urlopen(callback, timeout=WAIT_SECONDS) as page:
            self.assertIn("You are signed in", page.read().decode())
        output = login.stdout.read()
        self.assertEqual(login.wait(), 0, output)
        self.assertIn("signed in", output)
        self.assertIn("rita@acme.example", self.docket("whoami"))
        self.docket("jobs", "list")
        self.docket("logout")
        self.assertIn("docket login", self.docket("jobs", "list", code=3))

    def test_code_is_pasted_from_a_browser_on_another_machine(self):
        (command,) = self.found(r"^  (\S+ login --api \S+ --company --paste)$")
        login = self.start_login(command)
        address = next(line.strip() for line in login.stdout if line.startswith("http"))
        page = self.found(r"^  web app +(\S+)/$")[0]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(sign_in(address, "hana", f"{page}/sign-in/code?")).query)
        login.stdin.write(f"{query['code'][0]}#{query['state'][0]}\n")
        login.stdin.flush()
        output = login.stdout.read()
        self.assertEqual(login.wait(), 0, output)
        self.assertIn("as hana@acme.example (support; all tenants)", output)
        self.assertIn("hana@acme.example", self.docket("audit"))

    def test_program_signs_in_as_printed(self):
        (command,) = self.found(r"^  (DOCKET_CLIENT_ID=.*)$")
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        client_id, secret = self.found(r"client id (\S+), secret (\S+)$")
        self.assertIn(client_id, command)
        self.assertIn(secret, command)

    def test_page_signs_in_with_the_company(self):
        if not (ROOT / "web/node_modules").is_dir() or not Path(CHROMIUM).is_file():
            self.assertNotIn("CI", os.environ, "CI needs Chromium and `make web`")
            self.skipTest("the page's test needs Chromium and `make web`")
        (page,) = self.found(r"^  web app +(\S+)$")
        (company,) = self.found(r"choose `Sign in with (.+)` on the web app")
        env = {**os.environ, "PAGE_URL": page, "PAGE_COMPANY": company}
        done = subprocess.run(
            ["node", "scripts/run.mjs", "--test", "e2e", "company-stack.test"], cwd=ROOT / "web", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("# SKIP", done.stdout)

    def test_second_up_prints_the_same(self):
        again = subprocess.run([PROGRAMS / "devstack", "up", "--company"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        self.assertIn(self.printed[self.printed.index("  web app"):], again.stdout)


if __name__ == "__main__":
    unittest.main()
