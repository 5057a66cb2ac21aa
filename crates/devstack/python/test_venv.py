"""Tests of venv.py. Run: python -m unittest in this folder."""

import contextlib
import functools
import io
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import unittest

import venv

SCRIPT = Path(venv.__file__).resolve()


class VenvTest(unittest.TestCase):
    def test_pips_words_are_shown_only_when_it_fails(self):
        for status, wanted in ((0, ""), (3, "Collecting a-b\nno such version\n")):
            code = f"print('Collecting a-b'); print('no such version'); raise SystemExit({status})"
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(venv.quietly([sys.executable, "-c", code]), status)
            self.assertEqual(said.getvalue(), wanted)

    def test_progress_names_the_package(self):
        self.assertEqual(venv.progress("Collecting python-dateutil==2.9.0 (from -r x)", 4), "package 4: python-dateutil")
        self.assertEqual(venv.progress("Installing collected packages: a, b", 5), "unpacking")
        self.assertEqual(venv.progress("Ignoring tomli: markers do not match", 5), "")

    def test_ctrl_c_ends_it_without_a_traceback(self):
        with tempfile.TemporaryDirectory() as folder:
            requirements = Path(folder, "requirements.txt")
            requirements.touch()
            command = [sys.executable, SCRIPT, Path(folder, "made"), requirements]
            # A shell lets what it runs in the background ignore Ctrl-C, and children would inherit that.
            heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed) as made:
                self.assertIn("installing", made.stderr.readline())
                made.send_signal(signal.SIGINT)
                said = made.stderr.read()
            self.assertEqual(made.returncode, venv.INTERRUPTED)
            self.assertNotIn("Traceback", said)
            self.assertFalse(Path(folder, "made", "made-from").exists())


if __name__ == "__main__":
    unittest.main()
