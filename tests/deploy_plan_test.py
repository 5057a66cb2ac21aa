"""Tests of what `make deploy` plans: parameters of the stacks, zips, change sets, the state of the probe.

Run: .venv/bin/python -m unittest tests/deploy_plan_test.py
"""

import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "infra" / "deploy"), str(ROOT / "infra")]

import expand  # noqa: E402  the folders hold programs, not packages
import plan  # noqa: E402

ACCOUNT = "123456789012"
OUTPUTS = {
    "JobsBucketName": f"docket-jobs-{ACCOUNT}-eu-central-1-an",
    "InferenceSuccessTopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:docket-inference-success",
    "InferenceErrorTopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:docket-inference-error",
    "HttpApiUrl": "https://abc123.execute-api.eu-central-1.amazonaws.com",
    "WebSocketUrl": "wss://def456.execute-api.eu-central-1.amazonaws.com/live",
    "HttpApiId": "abc123",
    "WebSocketApiId": "def456",
    "JobsTableName": "docket-JobsTable-1",
    "RecordsTableName": "docket-RecordsTable-1",
    "ConnectionsTableName": "docket-ConnectionsTable-1",
    "UserPoolId": "eu-central-1_1",
}


def example(**changes):
    """The example environment, with changes."""
    given = json.loads((ROOT / "infra/environments/example.json").read_text())
    given.update(changes)
    return plan.EnvironmentFile("example", {key: value for key, value in given.items() if value is not None})


class Plans(unittest.TestCase):
    """From files to parameters."""

    def test_the_example_environment_fits_the_templates(self):
        environment = plan.EnvironmentFile.read("example")
        every = [
            environment.service("zips/1/"),
            environment.endpoint("legal-review", OUTPUTS),
            environment.page(OUTPUTS),
            environment.monitoring(OUTPUTS),
        ]
        self.assertEqual([stack.name for stack in every], ["docket", "docket-legal-review", "docket-web", "docket-monitoring"])
        for stack in every:
            declared = expand.expand(ROOT / "infra" / stack.template)["Parameters"]
            for key, value in stack.parameters.items():
                with self.subTest(stack=stack.name, key=key):
                    self.assertRegex(value, declared[key].get("AllowedPattern", "."))
                    self.assertIn(value, map(str, declared[key].get("AllowedValues", [value])))

    def test_the_page_may_call_the_user_pools_domain_only_if_there_is_one(self):
        self.assertNotIn("CompanySignInOrigin", example().page(OUTPUTS).parameters)
        url = "https://docket-acme.auth.eu-central-1.amazoncognito.com"
        self.assertEqual(example().page({**OUTPUTS, "CompanySignInUrl": url}).parameters["CompanySignInOrigin"], url)

    def test_an_endpoint_gets_the_parameters_of_its_pipeline_and_its_repository(self):
        given = example().endpoint("legal-review", OUTPUTS).parameters
        self.assertEqual(given["MaxInstances"], "5")
        self.assertEqual(given["AlarmTopicArn"], f"arn:aws:sns:eu-central-1:{ACCOUNT}:on-call")
        self.assertEqual(given["ImageRepositoryArn"], f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/legal-review")
        image = f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/team/model:3"
        self.assertEqual(plan.repository_arn(image, "aws-cn"), f"arn:aws-cn:ecr:cn-north-1:{ACCOUNT}:repository/team/model")
        for field, changes in (
            ("MaxInstances must be at least 1,", {"MaxInstances": "0"}),
            ("MaxInstances must be at least MinInstances 3,", {"MinInstances": "3", "MaxInstances": "2"}),
            ("Scaling must be docket,", {"Scaling": "aws"}),
        ):
            with self.subTest(field=field), self.assertRaisesRegex(plan.Refusal, f"legal-review: {field}"):
                example(endpoints={"legal-review": {"ImageUri": image, **changes}}).endpoint("legal-review", OUTPUTS)
        for warm, most in (("6", "5"), ("2", "1")):
            wrong = example(endpoints={"legal-review": {"ImageUri": image, "WarmInstances": warm, "MaxInstances": most}})
            with self.assertRaisesRegex(plan.Refusal, f"WarmInstances must be 0 or from MinInstances 0 to MaxInstances {most}"):
                wrong.endpoint("legal-review", OUTPUTS)
        smaller = example(endpoints={"legal-review": {"ImageUri": image, "MaxInstances": "1"}})
        self.assertEqual(smaller.endpoint("legal-review", OUTPUTS).parameters["MaxInstances"], "1")
        self.assertEqual(given["WarmInstances"], "0")
        warm = {"WarmInstances": "1", "WarmTimezone": "Europe/Berlin"}
        parameters = example(endpoints={"legal-review": {"ImageUri": image, **warm}}).endpoint("legal-review", OUTPUTS).parameters
        self.assertEqual({key: parameters[key] for key in (*warm, "WarmDays")}, {**warm, "WarmDays": "MON-FRI"})

    def test_the_objective_of_a_pipeline_is_compared_with_its_numbers_of_instances(self):
        table = {"scaling": "docket", "slo_seconds": 28800, "typical_run_seconds": 45, "capacity": {"drain_within_seconds": 300, "idle_seconds": 60}}
        given = plan.pipelines()["legal-review"]
        self.assertEqual(list(plan.scaling.problems(table, given)), [])
        self.assertIn("MaxInstances 5 ends at most 30 jobs of 45 s within 300 s", plan.scaling.limits(table, given))
        self.assertIn("no number of instances ends a job of 400 s", plan.scaling.limits({**table, "typical_run_seconds": 400}, given))
        for field, capacity in (("capacity.drain_within_seconds", {"drain_within_seconds": 0}), ("IdleMinutes", {"idle_seconds": 900})):
            with self.subTest(field=field):
                (problem,) = plan.scaling.problems({**table, "capacity": capacity}, given)
                self.assertTrue(problem.startswith(field), problem)
        self.assertEqual(plan.scaling.objective({"slo_seconds": 3600, "typical_run_seconds": 900}), (900, 60))
        self.assertIn("MaxInstances 5 ends at most 30 jobs", example().instances("legal-review"))
        tables = {"legal-review": {**table, "scaling": "aws"}}
        with unittest.mock.patch.object(plan.generate, "read_pipelines", lambda _: tables):
            self.assertIsNone(example().instances("legal-review"))

    def test_the_environment_overrides_the_origin_of_the_deployed_page(self):
        self.assertEqual(example().service("zips/1/", "https://d1.cloudfront.net").parameters["PageOrigin"], "https://d1.cloudfront.net")
        own = example(service={"PageOrigin": "https://docket.example.com"})
        self.assertEqual(own.service("zips/1/", "https://d1.cloudfront.net").parameters["PageOrigin"], "https://docket.example.com")

    def test_mistakes_in_an_environment_file_are_named(self):
        mistakes = {
            "PageOrigins": {"service": {"PageOrigins": "*"}},
            "regoin": {"regoin": "eu-central-1"},
            "account": {"account": "1234"},
            "code_bucket": {"code_bucket": None},
            "no-such.json": {"endpoints": {"no-such": {}}, "probe": None},
            "no pipeline": {"probe": "no-such"},
            "LogRetentionDays must be a text in quotes": {"service": {"LogRetentionDays": 30}},
        }
        for word, change in mistakes.items():
            with self.subTest(word), self.assertRaisesRegex(plan.Refusal, word):
                example(**change)
        with self.assertRaisesRegex(plan.Refusal, "ImageUri"):
            example(endpoints={"legal-review": {}}).endpoint("legal-review", OUTPUTS)
        for name in ("", "nowhere", "../endpoints/legal-review"):
            with self.subTest(name), self.assertRaises(plan.Refusal):
                plan.EnvironmentFile.read(name)

    def test_stacks_are_deleted_after_those_that_use_them(self):
        order = example().removal()
        self.assertEqual(order[0], "docket-web")
        self.assertEqual(order[-1], "docket")
        self.assertEqual(set(order[1:-1]), {"docket-monitoring", *(f"docket-{pipeline}" for pipeline in plan.pipelines())})

    def zips(self, **programs):
        """A folder with a zip per program, made of bytes behind the header of an x86_64 ELF file."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, code in programs.items():
            with zipfile.ZipFile(pathlib.Path(folder.name, f"{name}.zip"), "w") as archive:
                archive.writestr(zipfile.ZipInfo("bootstrap"), b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little") + code)
        return pathlib.Path(folder.name)

    def test_missing_zips_and_those_for_another_processor_are_refused(self):
        folder = self.zips(one=b"")
        plan.check_zips("x86_64", folder, ["one"])
        with self.assertRaisesRegex(plan.Refusal, "two.zip is missing"):
            plan.check_zips("x86_64", folder, ["one", "two"])
        with self.assertRaisesRegex(plan.Refusal, "built for x86_64"):
            plan.check_zips("arm64", folder, ["one"])

    def test_zips_that_need_a_newer_c_library_than_lambda_has_are_refused(self):
        with self.assertRaisesRegex(plan.Refusal, "one.zip needs C library 2.39, and Lambda's provided.al2023 has 2.34"):
            plan.check_zips("x86_64", self.zips(one=b"\0GLIBC_2.4\0GLIBC_2.39\0"), ["one"])
        plan.check_zips("x86_64", self.zips(one=b"\0GLIBC_2.4\0GLIBC_2.34\0"), ["one"])

    def test_the_prefix_of_the_zips_changes_if_and_only_if_their_contents_do(self):
        first = plan.check_zips("x86_64", self.zips(one=b"1", two=b"2"), ["one", "two"])
        self.assertRegex(first, expand.expand(ROOT / "infra" / "service.yaml")["Parameters"]["CodePrefix"]["AllowedPattern"])
        self.assertEqual(first, plan.check_zips("x86_64", self.zips(one=b"1", two=b"2"), ["one", "two"]))
        self.assertNotEqual(first, plan.check_zips("x86_64", self.zips(one=b"1", two=b"3"), ["one", "two"]))

    def test_dangerous_changes_of_a_change_set_come_first(self):
        changes = [
            {"ResourceChange": {"Action": "Add", "ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "New"}},
            {"ResourceChange": {"Action": "Modify", "Replacement": "True", "ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "Jobs"}},
            {"ResourceChange": {"Action": "Modify", "Replacement": "False", "ResourceType": "AWS::IAM::Role", "LogicalResourceId": "Role"}},
            {"ResourceChange": {"Action": "Remove", "ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "Old"}},
        ]
        words = [line.split()[0] for line in plan.describe_changes(changes)]
        self.assertEqual(words, ["REMOVE", "REPLACE", "add", "change"])

    def test_the_state_of_the_probe_follows_from_its_job(self):
        def row(status, **state):
            return {"job_id": {"S": "j"}, "status": {"S": status}, "state": {"M": {key: {"S": value} for key, value in state.items()}}}

        self.assertEqual(plan.probe_outcome(None)[0], "waiting")
        self.assertEqual(plan.probe_outcome(row("InProgress"))[0], "waiting")
        self.assertEqual(plan.probe_outcome(row("Ready"))[0], "ready")
        outcome, sentence = plan.probe_outcome(row("Failed", cause="ModelError", detail="out of memory"))
        self.assertEqual(outcome, "failed")
        self.assertIn("ModelError: out of memory", sentence)


if __name__ == "__main__":
    unittest.main()
