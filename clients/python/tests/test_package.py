"""The package as a whole: its types are those of the API, and it is checked strictly."""

import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[1]


def run(*command: str) -> str:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-m", *command], cwd=FOLDER, env=environment, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


class Package(unittest.TestCase):
    def test_types_are_generated_from_the_openapi_document(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = pathlib.Path(folder) / "types.py"
            run("datamodel_code_generator", "--output", str(made))
            stored = FOLDER / "src" / "docket_client" / "types.py"
            self.assertEqual(
                made.read_text(), stored.read_text(), "in clients/python: python -m datamodel_code_generator"
            )

    def test_mypy_finds_nothing_in_strict_mode(self) -> None:
        with tempfile.TemporaryDirectory() as cache:
            self.assertIn("Success", run("mypy", "--cache-dir", cache))

    def test_package_is_typed_and_exports_what_it_names(self) -> None:
        module = importlib.import_module("docket_client")
        self.assertTrue(all(hasattr(module, name) for name in module.__all__))
        self.assertTrue((FOLDER / "src" / "docket_client" / "py.typed").exists())


if __name__ == "__main__":
    unittest.main()
