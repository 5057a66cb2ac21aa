"""Tests of the Dockerfile: that it copies what the model imports, and follows SageMaker's contract.

  python -m unittest test_dockerfile
"""

import ast
from pathlib import Path
import re
import unittest

HERE = Path(__file__).resolve().parent
DOCKERFILE = (HERE / "Dockerfile").read_text()


def copied() -> set[str]:
    """The names of all files of this folder that the image gets."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    words = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:]]
    return {word for word in words if (HERE / word).is_file()}


def imported(name: str) -> set[str]:
    """The modules of this folder that a module imports or runs."""
    text = (HERE / name).read_text()
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    scripts = re.findall(r'"(\w+)\.py"', text)
    return {f"{one}.py" for one in (*modules, *scripts) if (HERE / f"{one}.py").is_file()}


class Dockerfile(unittest.TestCase):
    def test_image_has_every_module_that_the_model_needs_and_no_other(self):
        needed, found = set(), {"reference_model.py"}
        while found - needed:
            needed |= found
            found = {one for name in needed for one in imported(name)}
        self.assertEqual({name for name in copied() if name.endswith(".py")}, needed)

    def test_image_runs_without_root_on_port_8080_as_sagemaker_starts_it(self):
        for line in ("USER 10001", "EXPOSE 8080", 'CMD ["serve"]'):
            self.assertIn(f"\n{line}\n", DOCKERFILE)
        self.assertNotIn("ENTRYPOINT", DOCKERFILE)
        serve = (HERE / "serve").read_text()
        self.assertIn("exec /opt/venv/bin/python /opt/model/reference_model.py --host 0.0.0.0", serve)
        self.assertTrue((HERE / "serve").stat().st_mode & 0o111)

    def test_packages_have_the_versions_of_the_local_stack(self):
        def pinned(name: str) -> dict[str, set[str]]:
            versions: dict[str, set[str]] = {}
            for package, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (HERE / name).read_text(), re.MULTILINE):
                versions.setdefault(package, set()).add(version)
            return versions

        local = {**pinned("requirements.txt"), **pinned("requirements-ocr.txt")}
        for package, versions in pinned("requirements-model.txt").items():
            self.assertLessEqual(versions, local[package], package)


if __name__ == "__main__":
    unittest.main()
