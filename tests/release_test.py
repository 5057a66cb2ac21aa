"""Tests of releases: the same inputs give the same bytes, and a release deploys without the rest of the repository.

That two builds of one commit give the same programs takes half an hour; docs/deploy.md says how to repeat that.
Run: .venv/bin/python -m unittest tests/release_test.py
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "supply-chain"))

import release  # noqa: E402  a program's folder, no package

# A program for x86-64, as far as its header says.
PROGRAM = b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little")
TIME = 1_700_000_000


class Releases(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.binaries, self.page = self.folder / "binaries", self.folder / "page"
        (self.page / "assets").mkdir(parents=True)
        (self.page / "index.html").write_text("<!doctype html>")
        (self.page / "assets" / "a.js").write_text("1")
        self.binaries.mkdir()
        for name in (*release.package.functions(), "docket"):
            (self.binaries / name).write_bytes(PROGRAM + name.encode())

    def made(self, where, umask=0o022):
        """A release's folder and its archive."""
        before = os.umask(umask)
        try:
            folder = self.folder / where / "docket-1.2.3-x86_64"
            release.assemble(folder, release.described("1.2.3", self.binaries), self.binaries, self.page)
            release.seal(folder)
            return folder, release.archive(folder, TIME)
        finally:
            os.umask(before)

    def deploy(self, folder, *arguments):
        """Runs the release's own program, where there is no compiler and no repository."""
        return subprocess.run([sys.executable, "-B", folder / "infra" / "deploy", *arguments], cwd=self.folder, env={"PATH": "/nonexistent"}, capture_output=True, text=True)

    def test_other_processors_are_built_for_where_the_toolchain_is_there(self):
        answers = {"-vV": "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu", "--print": str(self.folder / "lib")}
        with mock.patch.object(release, "output", lambda *command: answers[command[1]]), mock.patch.object(release.shutil, "which", lambda name: name == "aarch64-linux-gnu-gcc" or None):
            self.assertEqual(release.processors(), ["x86_64"])
            (self.folder / "lib").mkdir()
            self.assertEqual(release.processors(), ["x86_64", "arm64"])
            with mock.patch.object(release, "run") as ran:
                self.assertEqual(release.build_programs(self.folder, "arm64"), self.folder / "aarch64-unknown-linux-gnu" / "release")
                self.assertEqual(release.build_programs(self.folder, "x86_64"), self.folder / "release")
        cross, own = ran.call_args_list
        self.assertEqual(cross.args[-2:], ("--target", "aarch64-unknown-linux-gnu"))
        self.assertEqual(cross.kwargs["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"], "aarch64-linux-gnu-gcc")
        self.assertNotIn("--target", own.args)

    def test_the_same_inputs_give_the_same_bytes(self):
        _, first = self.made("first")
        for path in self.binaries.iterdir():
            os.utime(path, (1, 1))
        _, second = self.made("a longer/folder", umask=0o077)
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_the_archive_unpacks_to_what_its_sums_say(self):
        _, archive = self.made("made")
        (self.folder / "unpacked").mkdir()
        subprocess.run(["tar", "-xzf", archive, "-C", self.folder / "unpacked"], check=True)
        folder = self.folder / "unpacked" / "docket-1.2.3-x86_64"
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
        self.assertTrue(os.access(folder / "docket-deploy", os.X_OK))
        self.assertEqual(sorted(os.listdir(folder / "infra" / "environments")), ["example.json"])

    def test_a_release_deploys_without_the_repository(self):
        folder, _ = self.made("made")
        given = json.loads((ROOT / "infra/environments/example.json").read_text())
        (self.folder / "prod.json").write_text(json.dumps(given))
        done = self.deploy(folder, "policies", "prod.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^release 1\.2\.3 for x86_64, commit [0-9a-f]{12}\naws iam create-policy ")
        self.assertTrue((folder / "target" / "deploy" / "prod" / "policies" / "docket-deployer.json").exists())
        code = "import sys; sys.path.insert(0, 'infra/deploy'); import plan; print(plan.check_zips('x86_64'))"
        zips = subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, capture_output=True, text=True)
        self.assertRegex(zips.stdout, r"^zips/[0-9a-f]{16}/$", zips.stderr)

    def test_a_release_with_another_file_is_refused(self):
        folder, _ = self.made("made")
        (folder / "infra" / "service.yaml").write_text("Resources: {}")
        (folder / "functions" / "retry.zip").unlink()
        done = self.deploy(folder, "policies", "prod.json")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("incomplete or was changed: functions/retry.zip, infra/service.yaml", done.stderr)

    def test_no_path_of_the_machine_is_left_in_a_program(self):
        with mock.patch.dict(os.environ, {"CARGO_HOME": "/home/one/.cargo"}):
            given = release.flags(ROOT / "target" / "reproducible").split("\x1f")
        places = dict(flag.removeprefix("--remap-path-prefix=").split("=") for flag in given)
        self.assertEqual(places[str(ROOT)], "/docket")
        self.assertEqual(places["/home/one/.cargo"], "/cargo")
        # rustc takes the last that fits, and the build's folder may be within the repository.
        self.assertLess(list(places).index(str(ROOT)), list(places).index(str(ROOT / "target" / "reproducible")))


if __name__ == "__main__":
    unittest.main()
