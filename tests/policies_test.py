"""The IAM policies for deployments: the operator's has exactly what the commands call; all fit IAM's limits.

`make templates` compares the policies of CloudFormation's role with the resource types of the templates.
Run: .venv/bin/python -m unittest tests/policies_test.py
"""

import json
import os
import pathlib
import re
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import aws_models  # noqa: E402  found by the line above
from deploy_plan_test import ACCOUNT, example, plan  # noqa: E402
from deploy_test import Case, account, program  # noqa: E402
import iam  # noqa: E402
import preflight_test  # noqa: E402

POLICIES = pathlib.Path(plan.INFRA / "policies")
MAX_CHARACTERS = 6144  # IAM user guide, "IAM and AWS STS quotas", without white space
OPTIONS = {"tags": {"team": "legal"}, "cloudformation_role": f"arn:aws:iam::{ACCOUNT}:role/docket-cloudformation", "termination_protection": True}
# Actions that are named otherwise than the operation.
NAMES = {"s3:HeadBucket": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket", "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock", "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock"}
NAMES |= {"s3:HeadObject": "s3:GetObject", "s3:ListObjectVersions": "s3:ListBucketVersions", "s3:DeleteObjects": "s3:DeleteObjectVersion", "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification", "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification", "lambda:Invoke": "lambda:InvokeFunction"}


def actions(arguments):
    """What IAM calls a command of the CLI."""
    if arguments[0] in ("sts", "configure"):  # allowed to everyone
        return set()
    if arguments[0] == "s3":
        places = [word for word in arguments[2:] if word.startswith("s3://")]
        read = {"s3:GetObject"} if len(places) == 2 else set()
        return {"s3:PutObject"} | read | ({"s3:ListBucket"} if arguments[1] == "sync" else set())
    service = {"s3api": "s3", "service-quotas": "servicequotas", "sesv2": "ses"}.get(arguments[0], arguments[0])
    if arguments[:2] == ("s3api", "copy-object"):
        return {"s3:GetObject", "s3:PutObject"}
    if arguments[:2] == ("cloudfront", "create-invalidation"):
        return {"cloudfront:CreateInvalidation"}
    name = f"{service}:{aws_models.operation(*arguments[:2]).name}"
    more = {"iam:PassRole"} if "--role-arn" in arguments else set()
    if name == "cloudformation:DetectStackDrift":  # it detects that of each resource
        more.add("cloudformation:DetectStackResourceDrift")
    return {NAMES.get(name, name)} | more


class Policies(Case):
    def parameters(self):
        """Those of the example's endpoint, as CloudFormation describes them."""
        return example().endpoint("legal-review", preflight_test.preflight.PLACEHOLDERS).rows()

    def used(self):
        """The actions of all kinds of runs."""
        asked = []
        cli = account()
        cli.put("docket", "UPDATE_ROLLBACK_FAILED")
        cli.put("docket-legal-review", "ROLLBACK_COMPLETE")
        self.run_with(cli, **OPTIONS)
        self.run_with(cli)
        self.run_with(cli, "undeploy")
        asked += cli.asked
        for broken in (account(invalid={"docket": ["x"]}), account(faults={"docket": "x"})):
            with self.assertRaises(plan.Refusal):
                self.run_with(broken)
            asked += broken.asked
        checks = preflight_test.Preflights("found")
        checks.setUp()
        self.addCleanup(checks.doCleanups)
        image = example().endpoints["legal-review"]["ImageUri"]
        there = {"s3api head-bucket": lambda a: {"BucketRegion": "eu-central-1"} if "w" in a else preflight_test.GOOD["s3api head-bucket"], "s3api list-objects-v2": {"KeyCount": 1}}
        service = {"AlarmTopicArn": preflight_test.TOPIC, "EmailSender": "docket@example.com", "SignInDomain": "docket-acme"}
        companies = preflight_test.companies_of_the_tests()
        with mock.patch.object(plan.generate, "read_sign_in", return_value=companies):
            passed, said, seen = checks.found(there, service=service, endpoints={"legal-review": {"ImageUri": image, "ModelDataPrefix": "s3://w/m/"}})
        self.assertTrue(passed, said)
        asked += seen
        # The templates of stacks that are there, with credentials that expire.
        there = {"cloudformation describe-stacks": {"Stacks": [{"StackName": "x", "CreationTime": "2026-11-01T00:00:00Z", "StackStatus": "UPDATE_COMPLETE", "Parameters": self.parameters()}]}}
        with mock.patch.dict(os.environ, AWS_SESSION_TOKEN="t"):
            asked += checks.found(there)[2]
        return set().union(*map(actions, asked))

    def test_the_operators_policy_has_exactly_what_the_commands_call(self):
        granted = {action for statement in json.loads((POLICIES / "deployer.json").read_text())["Statement"] for action in statement["Action"]}
        # `s3 cp` of a new object, and the check of a change set that CloudFormation expands, call nothing else.
        self.assertEqual(granted, self.used())

    def test_with_an_existing_bucket_it_may_connect_that_and_no_other(self):
        cli = account()
        cli.buckets.add("acme-documents")
        options = {"service": {"ServiceName": "docket", "BucketName": "acme-documents", "CreateBucket": "false"}}
        self.run_with(cli, **options)
        document = json.loads(iam.policies(example(**options))["docket-deployer"])
        [more] = [one for one in document["Statement"] if one["Sid"] == "ExistingBucket"]
        self.assertEqual(more["Resource"], ["arn:aws:s3:::acme-documents"])
        usual = self.used()
        self.assertEqual(set(more["Action"]), set().union(*map(actions, cli.asked)) - usual)

    def test_only_actions_without_a_resource_are_allowed_on_all(self):
        for name in ("deployer", "prover"):
            for statement in json.loads((POLICIES / f"{name}.json").read_text())["Statement"]:
                self.assertEqual(statement["Resource"] == ["*"], statement["Sid"] == "WithoutResource", statement["Sid"])

    def test_policies_are_filled_in_and_fit_the_limits(self):
        longest = example(service={"ServiceName": "a" * 20}, code_bucket="b" * 63, region="us-gov-west-1")
        for environment in (example(), longest):
            found = iam.policies(environment)
            self.assertEqual(len(found), len(list(POLICIES.glob("*.json"))))
            for name, text in found.items():
                with self.subTest(name):
                    self.assertTrue(name.startswith(environment.service_name))
                    self.assertNotRegex(text, "<[a-z ]+>")
                    self.assertEqual("arn:aws-us-gov:" in text, environment is longest)
                    self.assertLessEqual(len(json.dumps(json.loads(text), separators=(",", ":"))), MAX_CHARACTERS)
                    for statement in json.loads(text)["Statement"]:
                        self.assertFalse([action for action in statement["Action"] if "*" in action])

    def test_cloudformations_role_may_create_what_the_templates_have(self):
        granted = {}
        for path in POLICIES.glob("cloudformation-*.json"):
            for statement in json.loads(path.read_text())["Statement"]:
                for action in statement["Action"]:
                    granted.setdefault(action, []).append(statement)
        for action in ("sagemaker:CreateEndpoint", "sqs:CreateQueue", "dynamodb:CreateTable", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "lambda:CreateFunction", "logs:CreateLogGroup"):
            with self.subTest(action):
                self.assertFalse([arn for statement in granted[action] for arn in statement["Resource"] if arn == "*"])
        self.assertTrue(all("Condition" in statement for statement in granted["iam:PassRole"]))
        self.assertEqual({arn for s in granted["s3:GetObject"] for arn in s["Resource"]}, {"arn:<partition>:s3:::<code bucket>/*"})

    def test_the_command_writes_them_and_says_what_to_type(self):
        with tempfile.TemporaryDirectory() as folder:
            said = []
            program.write_policies(example(), pathlib.Path(folder), said.append)
            for line in said:
                path = re.search(r"file://(\S+)", line)[1]
                self.assertIn(ACCOUNT, pathlib.Path(path).read_text())
            self.assertIn("--policy-name docket-deployer ", "\n".join(said))


if __name__ == "__main__":
    unittest.main()
