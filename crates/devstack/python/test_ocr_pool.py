"""Tests of ocr_pool.py.

  python -m unittest test_ocr_pool
"""

import os
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

import ocr_pool


@unittest.skipUnless(ocr_pool.is_installed(), "the packages of requirements-ocr.txt are not installed")
class Environment(unittest.TestCase):
    def test_engine_leaves_nothing_in_the_home_folder_and_reports_nothing(self):
        """It writes its device id before it sends anything."""
        with tempfile.TemporaryDirectory() as home:
            environment = {**os.environ, **ocr_pool.ENVIRONMENT, "HOME": home, "XDG_CACHE_HOME": f"{home}/cache"}
            subprocess.run([sys.executable, "-c", "import onnxruntime"], env=environment, check=True, timeout=60)
            self.assertEqual([str(path) for path in Path(home).rglob("*")], [])


if __name__ == "__main__":
    unittest.main()
