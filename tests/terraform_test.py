"""The Terraform module passes on what the templates take, and reads outputs that they have.

Package registries have no current release of Terraform, so its own validation is not part of the tests: the module is
parsed, and compared with the templates. Needs `make venv-check`.
Run: .venv/bin/python -m unittest tests/terraform_test.py
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "infra" / "deploy"), str(ROOT / "infra")]

import aws_models  # noqa: E402  found by the line above
import expand  # noqa: E402  the folders hold programs, not packages
import plan  # noqa: E402
import template  # noqa: E402

PYTHON = ROOT / "target" / "venv-check" / "bin" / "python"
MODULE = ROOT / "infra" / "terraform"
PARSE = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))"
STACKS = {"service": "service.yaml", "endpoint": "endpoint.yaml", "web": "web.yaml", "monitoring": "monitoring.yaml"}
# What the user of the module must give.
OF_THE_USER = {"ImageUri", "ImageRepositoryArn", "InstanceHourPrice"}


def parsed(name):
    return json.loads(subprocess.run([PYTHON, "-c", PARSE, MODULE / name], check=True, capture_output=True, text=True).stdout)


@unittest.skipUnless(PYTHON.exists() or os.environ.get("CI"), "needs make venv-check")
class Terraform(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = (MODULE / "main.tf").read_text()
        cls.module = {name: parsed(name) for name in ("main.tf", "variables.tf", "outputs.tf")}
        cls.outputs = expand.expand(ROOT / "infra" / "service.yaml")["Outputs"]

    def resources(self, kind):
        return {name: body for one in self.module["main.tf"]["resource"] if kind in one for name, body in one[kind].items()}

    def block(self, name):
        """The text of a stack's resource."""
        return re.search(rf'^resource "aws_cloudformation_stack" "{name}" {{$(.*?)^}}$', self.text, re.MULTILINE | re.DOTALL)[1]

    def given(self, name):
        """The parameters that a stack gets from the module itself."""
        found = set(re.findall(r"\b([A-Z]\w+)\s+= ", self.block(name)))
        if name == "monitoring":
            found |= set(re.findall(r'"(\w+)"', re.search(r"for key in \[(.*?)\] : key =>", self.block(name))[1]))
        if name == "endpoint":
            found |= {key for parameters in plan.pipelines().values() for key in parameters}
        return found

    def test_each_template_is_a_stack(self):
        self.assertEqual(set(self.resources("aws_cloudformation_stack")), set(STACKS))

    def test_parameters_exist_and_required_ones_are_given(self):
        for name, file in STACKS.items():
            with self.subTest(name):
                declared = template.parameters(ROOT / "infra" / file)
                self.assertEqual(self.given(name) - set(declared), set())
                required = {key for key, of in declared.items() if "Default" not in of}
                self.assertEqual(required - self.given(name) - (OF_THE_USER if name == "endpoint" else set()), set())
        shared = set(re.findall(r'"(\w+)"', re.search(r"shared = {.*", self.text)[0].split("]")[0]))
        self.assertLessEqual(shared, set(template.parameters(ROOT / "infra" / "endpoint.yaml")))
        self.assertLessEqual(shared - {"PermissionsBoundaryArn"}, set(template.parameters(ROOT / "infra" / "monitoring.yaml")))

    def test_every_stack_has_the_tags_and_the_termination_protection(self):
        for name in STACKS:
            with self.subTest(name):
                self.assertRegex(self.block(name), r"\n  tags += var\.tags\n")
        protection = re.search(r'^resource "terraform_data" "termination_protection" {$(.*?)^}$', self.text, re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(set(re.findall(r"aws_cloudformation_stack\.(\w+)", protection)), set(STACKS))
        command = re.search(r'command = "(.*)"$', protection, re.MULTILINE)[1]
        for value, option in (("", "--enable-termination-protection"), ("no-", "--no-enable-termination-protection")):
            line = re.sub(r"--\$\{[^}]*\}", f"--{value}", command).replace("${local.region}", "eu-central-1").replace("${each.key}", "docket")
            words = line.split()
            self.assertEqual((words[0], words[-1]), ("aws", option))
            aws_models.check_command(tuple(words[1:]))

    def test_outputs_that_it_reads_exist(self):
        read = set(re.findall(r'stack\.service\.outputs\["(\w+)"\]', self.text)) | {"HttpApiUrl", "WebSocketUrl"}
        self.assertEqual(read - set(self.outputs), set())
        self.assertIn("PageBucketName", expand.expand(ROOT / "infra" / "web.yaml")["Outputs"])

    def test_variables_are_declared_and_used(self):
        declared = {name for one in self.module["variables.tf"]["variable"] for name in one}
        self.assertEqual(declared, set(re.findall(r"\bvar\.(\w+)", self.text)))

    def test_the_containers_variables_replace_the_same_line_as_make_deploy(self):
        line = re.search(r'replace\(file\(.*?\), "(.*?)\\n"', self.text)[1]
        self.assertEqual(line + "\n", plan.NO_VARIABLES)


if __name__ == "__main__":
    unittest.main()
