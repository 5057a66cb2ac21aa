"""Tests of venv.py. Run: python -m unittest in this folder."""

import contextlib
import functools
import io
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import unittest

import venv

SCRIPT = Path(venv.__file__).resolve()


class VenvTest(unittest.TestCase):
    def test_output_of_pip_is_shown_only_if_it_fails(self):
        for status, expected in ((0, ""), (3, "Collecting a-b\nno such version\n")):
            code = f"print('Collecting a-b'); print('no such version'); raise SystemExit({status})"
            output = io.StringIO()
            with contextlib.redirect_stderr(output):
                self.assertEqual(venv.run_quietly([sys.executable, "-c", code]), status)
            self.assertEqual(output.getvalue(), expected)

    def test_progress_shows_the_number_and_name_of_the_package(self):
        self.assertEqual(venv.progress("Collecting python-dateutil==2.9.0 (from -r x)", 4), "package 4: python-dateutil")
        self.assertEqual(venv.progress("Installing collected packages: a, b", 5), "unpacking")
        self.assertEqual(venv.progress("Ignoring tomli: markers do not match", 5), "")

    def test_optional_packages_may_fail_except_in_ci(self):
        with tempfile.TemporaryDirectory() as folder:
            main, optional = Path(folder, "main.txt"), Path(folder, "optional.txt")
            main.touch()
            optional.write_text("no-index-has-this==1 --hash=sha256:" + 64 * "0" + "\n--no-index\n")
            made = Path(folder, "made")
            for ci, expected in (("true", 1), ("", 0)):
                run = subprocess.run(
                    [sys.executable, SCRIPT, made, main, optional],
                    stderr=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "CI": ci},
                    check=False,
                )
                self.assertEqual(run.returncode, expected, run.stderr)
                self.assertIn("going on without", run.stderr)
            self.assertTrue((made / "made-from").read_text().endswith(venv.WITHOUT))

    def test_an_environment_that_was_moved_is_not_current(self):
        with tempfile.TemporaryDirectory() as folder:
            made, moved = Path(folder, "made"), Path(folder, "moved")
            (made / "bin").mkdir(parents=True)
            (made / "bin" / "pip").write_text(f"#!{made}/bin/python3\nimport pip\n")
            self.assertFalse(venv.is_moved(made))
            made.rename(moved)
            self.assertTrue(venv.is_moved(moved))

    def test_ctrl_c_exits_without_a_traceback(self):
        with tempfile.TemporaryDirectory() as folder:
            requirements = Path(folder, "requirements.txt")
            requirements.touch()
            command = [sys.executable, SCRIPT, Path(folder, "made"), requirements]
            # Background processes of a shell ignore SIGINT, and child processes inherit that.
            default_sigint = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=default_sigint) as made:
                self.assertIn("installing", made.stderr.readline())
                made.send_signal(signal.SIGINT)
                output = made.stderr.read()
            self.assertEqual(made.returncode, venv.INTERRUPTED)
            self.assertNotIn("Traceback", output)
            self.assertFalse(Path(folder, "made", "made-from").exists())


if __name__ == "__main__":
    unittest.main()
