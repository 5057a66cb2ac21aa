"""Tests of package.py, with made-up programs.

  python -m unittest test_package
"""

import os
from pathlib import Path
import stat
import subprocess
import sys
import tempfile
import tomllib
import unittest
import zipfile

import package

SCRIPT = Path(package.__file__)


class Package(unittest.TestCase):
    """One folder of programs, one of zips."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.binaries, self.out = Path(folder.name, "release"), Path(folder.name, "new", "lambda")
        self.binaries.mkdir()
        for name in package.functions():
            (self.binaries / name).write_bytes(os.urandom(2000))

    def run_it(self, *options: str) -> subprocess.CompletedProcess:
        """The program, as `make` runs it."""
        command = [sys.executable, SCRIPT, "--binaries", self.binaries, "--out", self.out, *options]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def test_every_function_gets_a_zip(self):
        self.assertIn("upload-trigger", package.functions())
        self.assertEqual(self.run_it().returncode, 0)
        self.assertEqual(sorted(path.stem for path in self.out.iterdir()), sorted(package.functions()))

    def test_a_zip_holds_the_executable_program_the_pipelines_and_the_notices(self):
        self.run_it()
        with zipfile.ZipFile(self.out / "retry.zip") as archive:
            self.assertEqual(archive.namelist(), ["bootstrap", "pipelines.toml", "THIRD-PARTY-NOTICES"])
            self.assertEqual(archive.read("bootstrap"), (self.binaries / "retry").read_bytes())
            settings = archive.read("pipelines.toml").decode()
            self.assertEqual(tomllib.loads(settings), tomllib.loads(package.PIPELINES.read_text()))
            self.assertLess(len(settings), package.PIPELINES.stat().st_size / 2)
            self.assertEqual(archive.read("THIRD-PARTY-NOTICES"), package.NOTICES.read_bytes())
            mode = archive.getinfo("bootstrap").external_attr >> 16
        self.assertEqual(stat.S_IMODE(mode), 0o755)

    def test_comments_are_left_out_and_values_are_not(self):
        toml = '# head\n\n[a] # of "a"\nb = "x # y"   # it\'s b\nc = 1  # one\n'
        self.assertEqual(package.without_comments(toml), '[a] # of "a"\nb = "x # y"   # it\'s b\nc = 1\n')
        with self.assertRaises(ValueError):
            package.without_comments('a = """\n# text\n"""\n')

    def test_the_same_program_gives_the_same_bytes_whatever_its_time(self):
        self.run_it()
        first = (self.out / "retry.zip").read_bytes()
        os.utime(self.binaries / "retry", (2_000_000_000, 2_000_000_000))
        self.run_it()
        self.assertEqual((self.out / "retry.zip").read_bytes(), first)

    def test_only_the_zip_of_a_changed_program_is_written_again(self):
        self.run_it()
        before = {path.name: path.stat().st_ino for path in self.out.iterdir()}
        (self.binaries / "retry").write_bytes(b"another program with an old time")
        os.utime(self.binaries / "retry", (1_000_000_000, 1_000_000_000))
        self.run_it()
        changed = [name for name, inode in before.items() if (self.out / name).stat().st_ino != inode]
        self.assertEqual(changed, ["retry.zip"])

    def test_a_truncated_zip_is_written_again(self):
        self.run_it()
        path = self.out / "retry.zip"
        whole = path.read_bytes()
        path.write_bytes(whole[:1000])
        self.run_it()
        self.assertEqual(path.read_bytes(), whole)

    def test_check_bytes_fails_for_a_large_or_missing_zip_and_writes_nothing(self):
        self.run_it()
        done = self.run_it("--check-bytes", "1000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("upload-trigger.zip has", done.stderr)
        self.assertEqual(self.run_it("--check-bytes", "100000").returncode, 0)
        (self.out / "retry.zip").unlink()
        self.assertEqual(self.run_it("--check-bytes", "100000").returncode, 1)
        self.assertFalse((self.out / "retry.zip").exists())

    def test_a_program_that_was_not_built_is_named_in_the_error(self):
        (self.binaries / "retry").unlink()
        done = self.run_it()
        self.assertEqual(done.returncode, 1)
        self.assertIn("retry", done.stderr)


if __name__ == "__main__":
    unittest.main()
