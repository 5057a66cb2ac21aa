"""The CDK construct passes on what the templates take, and reads outputs that they have: the CDK itself synthesizes it.

Needs Node and `npm ci` in infra/cdk (`make test` does that), and `make venv-check`.
Run: .venv/bin/python -m unittest tests/cdk_test.py
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "infra" / "deploy"), str(ROOT / "infra")]

import expand  # noqa: E402  the folders hold programs, not packages
import plan  # noqa: E402
import template  # noqa: E402

FOLDER = ROOT / "infra" / "cdk"
CDK = FOLDER / "node_modules" / ".bin" / "cdk"
LINT = ROOT / "target" / "venv-check" / "bin" / "cfn-lint"
# By the part of the nested stack's logical id that the construct chooses.
TEMPLATES = {"Service": "service", "Endpointlegalreview": "endpoint", "Page": "web", "Monitoring": "monitoring"}
IMAGE, REPOSITORY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/m:1", "arn:aws:ecr:eu-central-1:111122223333:repository/m"


@unittest.skipUnless(CDK.exists() and LINT.exists() or os.environ.get("CI"), "needs npm ci in infra/cdk, and make venv-check")
class Cdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        release, cls.out = pathlib.Path(folder.name) / "release", pathlib.Path(folder.name) / "out"
        (release / "functions").mkdir(parents=True)
        (release / "functions" / "retry.zip").write_bytes(b"a zip")
        (release / "release.json").write_text('{"architecture": "x86_64"}')
        (release / "infra").symlink_to(ROOT / "infra")
        context = [word for pair in (("release", release), ("image", IMAGE), ("repository", REPOSITORY)) for word in ("-c", f"{pair[0]}={pair[1]}")]
        done = subprocess.run([CDK, "synth", "--quiet", "--no-notices", "-o", cls.out, *context], cwd=FOLDER, env={**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "1"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        cls.made = json.loads((cls.out / "Docket.template.json").read_text())
        found = {name: one["Properties"] for name, one in cls.made["Resources"].items() if one["Type"] == "AWS::CloudFormation::Stack"}
        cls.stacks = {part: of for part in TEMPLATES for name, of in found.items() if name[: -len("12345678")] == f"Docket{part}"}

    def test_each_template_is_a_nested_stack(self):
        self.assertEqual(set(self.stacks), set(TEMPLATES))

    def test_parameters_exist_are_allowed_and_required_ones_are_given(self):
        for part, name in TEMPLATES.items():
            with self.subTest(part):
                declared, given = template.parameters(ROOT / "infra" / f"{name}.yaml"), self.stacks[part]["Parameters"]
                self.assertEqual(set(given) - set(declared), set())
                self.assertEqual({key for key, of in declared.items() if "Default" not in of} - set(given), set())
                for key, value in given.items():
                    if isinstance(value, str):
                        self.assertIsNone(template.problem(key, declared[key], value))

    def test_outputs_that_it_reads_exist(self):
        outputs = expand.expand(ROOT / "infra" / "service.yaml")["Outputs"]
        read = {row["Fn::GetAtt"][1] for row in objects(list(self.stacks.values())) if "Fn::GetAtt" in row}
        self.assertEqual({name for name in read if name.removeprefix("Outputs.") not in outputs}, set())

    def test_templates_are_those_of_the_release_and_the_containers_variables_are_in_theirs(self):
        texts = [path.read_text() for path in self.out.glob("asset.*.yaml")]
        for name in ("service", "web", "monitoring"):
            self.assertIn((ROOT / "infra" / f"{name}.yaml").read_text(), texts)
        expected = f"{plan.NO_VARIABLES.rstrip()[:-2]}" + '{"SM_VLLM_MODEL":"/opt/ml/model"}\n'
        self.assertEqual(sum(expected in text for text in texts), 1)

    def test_cfn_lint_accepts_what_it_makes(self):
        done = subprocess.run([LINT, "--ignore-checks", "W", "--", self.out / "Docket.template.json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)


def objects(value):
    """All objects within a value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


if __name__ == "__main__":
    unittest.main()
