"""What the bills of materials list, against what Cargo, npm and pip say they build.

Run after `make package page venv venv-supply-chain`: .venv/bin/python -m unittest tests/sbom_test.py
"""

import importlib.metadata
import json
import os
from pathlib import Path
import re
import subprocess
import tempfile
import unittest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "target" / "venv-supply-chain" / "bin" / "python"


def cargo_links(package: str, binary: str) -> set[tuple[str, str]]:
    """The packages whose libraries Cargo gives the linker for a program, by the plan of the build."""
    # Cargo prints its plan on a stable toolchain only with this variable; nothing is compiled.
    env = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    selection = ["--release", "--package", package, "--bin", binary]
    command = ["cargo", "build", "--locked", *selection, "--unit-graph", "-Z", "unstable-options"]
    printed = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    plan = json.loads(printed)
    found, waiting = set(), list(plan["roots"])
    while waiting:
        number = waiting.pop()
        unit = plan["units"][number]
        if number in found or unit["mode"] != "build" or {"proc-macro", "custom-build"} & set(unit["target"]["kind"]):
            continue
        found.add(number)
        waiting += [used["index"] for used in unit["dependencies"]]
    return {identity(plan["units"][number]["pkg_id"]) for number in found}


def identity(package_id: str) -> tuple[str, str]:
    """Name and version of a package id: `registry+https://…#name@1.2.3`, `path+file:///…/name#1.2.3`."""
    place, _, version = package_id.rpartition("#")
    name, _, version = version.rpartition("@")
    return name or place.rpartition("/")[2], version


@unittest.skipUnless(PYTHON.exists() or os.environ.get("CI"), "needs make venv-supply-chain")
class SbomTest(unittest.TestCase):
    """All bills of materials, made once."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        command = [PYTHON, ROOT / "supply-chain" / "sbom.py", "--out", folder.name]
        subprocess.run(command, check=True, capture_output=True)
        files = Path(folder.name).glob("*.cdx.json")
        cls.made = {path.name.removesuffix(".cdx.json"): json.loads(path.read_text()) for path in files}

    def listed(self, name: str) -> set[tuple[str, str]]:
        """Name and version of each component."""
        return {(component["name"], component["version"]) for component in self.made[name]["components"]}

    def test_every_function_and_the_command_line_list_exactly_what_cargo_links(self) -> None:
        functions = [path.stem for path in (ROOT / "crates/function-binaries/src/bin").glob("*.rs")]
        self.assertIn("upload-trigger", functions)
        for package, binary in [("docket", "docket"), *(("function-binaries", name) for name in functions)]:
            with self.subTest(binary):
                self.assertEqual(self.listed(binary), cargo_links(package, binary))

    def test_crates_have_the_checksums_of_the_lock_file(self) -> None:
        lock = (ROOT / "Cargo.lock").read_text()
        checked = 0
        for component in self.made["upload-trigger"]["components"]:
            if "purl" in component:
                [digest] = component["hashes"]
                [block] = [one for one in lock.split("\n\n") if digest["content"] in one]
                self.assertIn(f'name = "{component["name"]}"\nversion = "{component["version"]}"\n', block)
                checked += 1
        self.assertGreater(checked, 100)

    def test_the_notices_name_every_listed_crate_of_others(self) -> None:
        for name, package in (("upload-trigger", "function-binaries"), ("docket", "docket")):
            notices = (ROOT / "crates" / package / "THIRD-PARTY-NOTICES").read_text()
            others = [one for one in self.made[name]["components"] if "purl" in one]
            missing = [one["purl"] for one in others if f"{one['name']} {one['version']}" not in notices]
            self.assertEqual(missing, [])

    def test_a_program_is_identified_by_the_hash_of_its_zip(self) -> None:
        zipped = ROOT / "target" / "lambda" / "upload-trigger.zip"
        if not zipped.exists():
            self.skipTest("needs make package")
        printed = subprocess.run(["sha256sum", zipped], check=True, capture_output=True, text=True).stdout
        [digest] = self.made["upload-trigger"]["metadata"]["component"]["hashes"]
        self.assertEqual(digest["content"], printed.split()[0])

    def test_the_page_lists_the_packages_of_its_lock_file_that_are_in_its_bundle(self) -> None:
        if "docket-web" not in self.made:
            self.skipTest("needs make web")
        packages = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
        for_use = {
            (path.rpartition("node_modules/")[2], one["version"])
            for path, one in packages.items()
            if path and "dev" not in one and "optional" not in one
        }
        # Type declarations, and what a package needs outside of browsers, are not in the bundle.
        notices = (ROOT / "web/dist/third-party-notices.txt").read_text()
        bundled = {(name, version) for name, version in for_use if f"## {name} - {version} " in notices}
        self.assertEqual(self.listed("docket-web"), bundled)
        self.assertLess({"preact", "pdfjs-dist", "docx", "client-zip"}, {name for name, _ in bundled})

    def test_the_local_stack_lists_the_installed_python_packages_each_of_them_pinned(self) -> None:
        def plain(name: str) -> str:
            return re.sub(r"[-_.]+", "-", name).lower()

        listed = {(plain(name), version) for name, version in self.listed("local-stack")}
        installed = {(plain(one.metadata["Name"]), one.version) for one in importlib.metadata.distributions()}
        self.assertEqual(listed, installed)
        files = [ROOT / "crates/devstack/python" / name for name in ("requirements.txt", "requirements-ocr.txt")]
        pinned = set(re.findall(r"^([\w.-]+)==([\w.]+)", "".join(file.read_text() for file in files), re.MULTILINE))
        # pip comes with the environment.
        loose = {name for name, version in listed if (name, version) not in {(plain(one), number) for one, number in pinned}}
        self.assertLessEqual(loose, {"pip", "setuptools"})


if __name__ == "__main__":
    unittest.main()
