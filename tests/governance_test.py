"""What organizations require: tags, a role of CloudFormation's own, permissions boundaries, termination protection.

Run: .venv/bin/python -m unittest tests/governance_test.py
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import ACCOUNT, OUTPUTS, example, plan  # noqa: E402  found by the line above
from deploy_test import Case, account  # noqa: E402
from templates import check, drop, resource  # noqa: E402

ROLE = f"arn:aws:iam::{ACCOUNT}:role/docket-cloudformation"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


def every_role_takes_the_boundary(project):
    for template in (project.service, project.endpoint, project.monitoring, project.web):
        for name, role in project.of_type("IAM::Role", template).items():
            if role.get("PermissionsBoundary") != {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}:
                yield f"{name} has no permissions boundary"


Rules = check({
    every_role_takes_the_boundary: [
        lambda p: drop(resource(p, "RetryRole"), "PermissionsBoundary"),
        lambda p: resource(p, "ExecutionRole", "endpoint").update(PermissionsBoundary={"Ref": "PermissionsBoundaryArn"}),
    ],
})  # fmt: skip


class Governance(Case):
    def test_tags_are_those_of_every_stack_and_of_the_code_bucket(self):
        cli, tags = account(), {"team": "legal", "cost centre": "a, b"}
        self.run_with(cli, tags=tags)
        wanted = [{"Key": "cost centre", "Value": "a, b"}, {"Key": "team", "Value": "legal"}]
        given = [json.loads(a[a.index("--tags") + 1]) for a in cli.asked if a[1] == "create-change-set"]
        self.assertEqual(given, [wanted] * 5)
        self.assertEqual(cli.bucket_tags, {"TagSet": wanted})
        cli = account()
        self.run_with(cli)
        self.assertFalse([a for a in cli.asked if "--tags" in a or "--role-arn" in a])

    def test_cloudformation_acts_with_its_own_role(self):
        cli = account(faults={})
        cli.put("docket", "UPDATE_ROLLBACK_FAILED")
        cli.put("docket-legal-review", "ROLLBACK_COMPLETE")
        self.run_with(cli, cloudformation_role=ROLE)
        self.run_with(cli, "undeploy", cloudformation_role=ROLE)
        changing = [a for a in cli.asked if a[1] in ("create-change-set", "delete-stack", "continue-update-rollback")]
        self.assertEqual({a[1] for a in changing}, {"create-change-set", "delete-stack", "continue-update-rollback"})
        self.assertTrue(all(a[a.index("--role-arn") + 1] == ROLE for a in changing), changing)

    def test_the_boundary_is_a_parameter_of_all_stacks_with_roles(self):
        environment = example(service={"PermissionsBoundaryArn": BOUNDARY})
        for stack in (environment.service("zips/1/"), environment.endpoint("legal-review", OUTPUTS)):
            self.assertEqual(stack.parameters["PermissionsBoundaryArn"], BOUNDARY)
        self.assertNotIn("PermissionsBoundaryArn", environment.monitoring(OUTPUTS).parameters)

    def test_protected_stacks_are_not_removed(self):
        cli = account()
        self.run_with(cli, termination_protection=True)
        self.assertEqual(cli.protected, set(cli.stacks))
        with self.assertRaisesRegex(plan.Refusal, "(?s)docket: termination protection is on.*aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name docket --region eu-central-1$"):
            self.run_with(cli, "undeploy", termination_protection=True)
        self.assertEqual(cli.order("delete-stack"), [])
        self.run_with(cli)
        self.assertEqual(cli.protected, set())
        self.run_with(cli, "undeploy")
        self.assertEqual(cli.stacks, {})

    def test_mistakes_are_named(self):
        for words, change in (
            ("tags", {"tags": {"aws:team": "x"}}),
            ("tags", {"tags": {f"t{n}": "" for n in range(51)}}),
            ("tags: team must be a text in quotes, and is 1", {"tags": {"team": 1}}),
            ("tags must be an object of parameters", {"tags": ["team"]}),
            ("cloudformation_role is not the ARN of a role", {"cloudformation_role": "docket"}),
            ("termination_protection is true or false", {"termination_protection": "yes"}),
        ):
            with self.subTest(words), self.assertRaisesRegex(plan.Refusal, words):
                example(**change)


if __name__ == "__main__":
    unittest.main()
