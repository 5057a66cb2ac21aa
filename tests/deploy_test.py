"""Tests of `make deploy` and `make undeploy`: complete runs against a fake AWS CLI.

Run: .venv/bin/python -m unittest tests/deploy_test.py
"""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import ACCOUNT, OUTPUTS, ROOT, example, plan  # noqa: E402  found by the line above

_spec = importlib.util.spec_from_file_location("deploy_program", ROOT / "infra" / "deploy" / "__main__.py")
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)

ENDPOINT_OUTPUTS = {"EndpointName": "docket-legal-review", "EndpointConfigName": "EndpointConfig-2"}
PAGE_OUTPUTS = {"PageUrl": "https://d1.cloudfront.net", "PageBucketName": "docket-page", "DistributionId": "E1"}


class Cli:
    """A fake AWS CLI that records its commands and keeps stacks."""

    def __init__(self, stacks=(), open_jobs=0, open_probes=0, probe="Ready"):
        self.stacks = {name: dict(OUTPUTS) for name in stacks}
        self.applied, self.asked, self.pending, self.status, self.next_statuses = {}, [], {}, {}, []
        self.endpoint_config = ENDPOINT_OUTPUTS["EndpointConfigName"]
        self.buckets, self.open, self.open_probes, self.probe_status, self.uploaded = set(), open_jobs, open_probes, probe, None
        self.push = "push"

    def __call__(self, *arguments):
        self.asked.append(arguments)
        method = f"{arguments[0]}_{arguments[1]}".replace("-", "_")
        options = {arguments[i]: arguments[i + 1] for i in range(2, len(arguments) - 1) if arguments[i].startswith("--")}
        return getattr(self, method, lambda *_: {})(arguments, options)

    def commands(self):
        return [" ".join(arguments[:2]) for arguments in self.asked]

    def sts_get_caller_identity(self, *_):
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ops"}

    def s3api_head_bucket(self, _, options):
        if options["--bucket"] not in self.buckets:
            raise program.AwsError("(404) Not Found")
        return {}

    def s3api_create_bucket(self, _, options):
        self.buckets.add(options["--bucket"])
        return {}

    def s3_cp(self, arguments, _):
        if "/inbound" in arguments[-1]:
            self.uploaded = arguments[-1].split("/", 3)[3]
        return ""

    def s3_sync(self, *_):
        return "upload: index.html\n"

    def cloudformation_describe_stacks(self, _, options):
        name = options["--stack-name"]
        if name not in self.stacks:
            raise program.AwsError(f"Stack with id {name} does not exist")
        rows = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[name].items()]
        statuses = self.status.get(name, ["UPDATE_COMPLETE"])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return {"Stacks": [{"StackStatus": status, "Outputs": rows}]}

    def cloudformation_describe_stack_events(self, *_):
        events = [("Later", "Resource creation cancelled"), ("First", "quota exceeded")]
        return {"StackEvents": [{"LogicalResourceId": who, "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": why} for who, why in events]}

    def cloudformation_create_change_set(self, _, options):
        parameters = json.loads(pathlib.Path(options["--parameters"].removeprefix("file://")).read_text())
        self.pending[options["--stack-name"]] = (options["--change-set-type"], parameters)
        return {}

    def cloudformation_describe_change_set(self, _, options):
        name = options["--stack-name"]
        if self.applied.get(name) == self.pending[name][1]:
            return {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes. Submit different information to create a change set."}
        return {"Status": "CREATE_COMPLETE", "Changes": []}

    def cloudformation_execute_change_set(self, _, options):
        name = options["--stack-name"]
        self.applied[name] = self.pending[name][1]
        self.stacks[name] = {**OUTPUTS, **ENDPOINT_OUTPUTS, **PAGE_OUTPUTS, "DashboardUrl": "https://console.aws.amazon.com/"}
        self.status[name] = [*self.next_statuses, "CREATE_COMPLETE"]
        return {}

    def cloudformation_delete_stack(self, _, options):
        self.stacks.pop(options["--stack-name"], None)
        return {}

    def sagemaker_describe_endpoint(self, _, options):
        return {"EndpointName": options["--endpoint-name"], "EndpointStatus": "InService", "EndpointConfigName": self.endpoint_config}

    def dynamodb_describe_table(self, *_):
        return {"Table": {"DeletionProtectionEnabled": True}}

    def dynamodb_query(self, _, options):
        asked = options["--expression-attribute-values"]
        if "--select" in options:
            return {"Count": self.open_probes if "probe#open" in asked else 0}
        wanted = {"Ready": "probe#ready", "Failed": "probe#failed"}.get(self.probe_status, "probe#open")
        return {"Items": [{"job_id": {"S": "j"}}] if wanted in asked and self.probe_status else []}

    def dynamodb_scan(self, _, options):
        return {"Count": self.open if options["--index-name"] == "by_next_check" else 0}

    def dynamodb_get_item(self, *_):
        return {"Item": {"job_id": {"S": "j"}, "status": {"S": self.probe_status}, "input": {"M": {"key": {"S": self.uploaded}}}}}


class FakePage:
    """A fake page, to which the service pushes what it should, or not."""

    def __init__(self, cli, clock, url):
        self.cli, self.clock, self.url = cli, clock, url
        if cli.push == "refuse":
            raise program.Closed("the connection was refused with 403")

    def receive(self, seconds):
        self.clock.sleep(seconds)
        other = {"type": "job.changed", "job": {"name": "other.pdf", "status": "Ready"}}
        own = {"type": "job.changed", "job": {"name": (self.cli.uploaded or "").split("/")[-1], "status": self.cli.probe_status}}
        return [{"type": "snapshot", "jobs": []}, other, *([own] if self.cli.push == "push" else [])]

    def close(self):
        pass


class Clock:
    """Time that passes only while the program sleeps."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def sleep(self, seconds):
        self.now += seconds


class Runs(unittest.TestCase):
    """Complete runs against the fake AWS CLI."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "index.html").write_text("")
        for patch in (mock.patch.object(program, "PAGE", self.root), mock.patch.object(plan, "check_zips", return_value="zips/1/"), mock.patch.dict(os.environ, clear=False)):
            patch.start()
            self.addCleanup(patch.stop)
        for name in ("YES", "PROBE", "PROBE_MINUTES"):
            os.environ.pop(name, None)
        self.said = []

    def run_with(self, cli, what="deploy", answers=lambda question: None, **changes):
        clock = Clock()
        page = lambda url: FakePage(cli, clock, url)  # noqa: E731
        run = program.Deployment(example(**changes), cli, self.said.append, answers, clock.sleep, lambda: clock.now, page)
        run.folder = self.root
        getattr(run, what)()

    def test_a_first_deployment_creates_all_stacks_and_sends_a_probe(self):
        cli = Cli()
        self.run_with(cli)
        order = [a[a.index("--stack-name") + 1] for a in cli.asked if a[1] == "execute-change-set"]
        self.assertEqual(order, ["docket", "docket-legal-review", "docket-web", "docket", "docket-monitoring"])
        self.assertIn({"ParameterKey": "PageOrigin", "ParameterValue": "https://d1.cloudfront.net"}, cli.applied["docket"])
        self.assertIn({"ParameterKey": "CodePrefix", "ParameterValue": "zips/1/"}, cli.applied["docket"])
        sync = next(a for a in cli.asked if a[:2] == ("s3", "sync"))
        self.assertEqual(sync[2:4], (str(plan.ZIPS), f"s3://{example().code_bucket}/zips/1/"))
        self.assertIn("s3api put-public-access-block", cli.commands())
        self.assertRegex(cli.uploaded, r"^inbound/probe/deployed-\d+\.pdf$")
        self.assertRegex(self.said[-1], r"the page received deployed-\d+\.pdf is Ready")
        copies = [a[3:] for a in cli.asked if a[:2] == ("s3", "cp") and "probe" in a[-1]]
        self.assertEqual([c[0].split("/")[-1] for c in copies], ["consulting-agreement.pdf", "document.pdf"])

    def test_change_sets_may_create_roles_and_expand_the_transform(self):
        cli = Cli()
        self.run_with(cli)
        for arguments in (a for a in cli.asked if a[1] == "create-change-set"):
            at = arguments.index("--capabilities")
            self.assertEqual(arguments[at + 1 : at + 3], ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"))

    def test_a_second_deployment_changes_nothing(self):
        cli = Cli()
        self.run_with(cli)
        first = len(cli.asked)
        self.said.clear()
        self.run_with(cli)
        self.assertNotIn("cloudformation execute-change-set", cli.commands()[first:])
        self.assertEqual(sum("no changes" in line for line in self.said), 4)
        self.assertNotIn("s3api create-bucket", cli.commands()[first:])

    def test_an_answer_of_no_changes_nothing(self):
        def no_to_changes(question):
            if question == "Apply these changes?":
                raise plan.Refusal("no")

        cli = Cli()
        with self.assertRaises(plan.Refusal):
            self.run_with(cli, answers=no_to_changes)
        self.assertNotIn("cloudformation execute-change-set", cli.commands())
        self.assertEqual(cli.commands()[-1], "cloudformation delete-stack")  # the empty one that a change set makes

    def test_it_waits_for_a_stack_and_reports_the_cause_of_a_failure(self):
        cli = Cli()
        cli.next_statuses = ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"]
        self.run_with(cli)
        self.assertIn("docket: create complete", self.said)
        cli = Cli()
        cli.next_statuses = ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]
        with self.assertRaisesRegex(plan.Refusal, "(?s)ROLLBACK_COMPLETE.*First: quota exceeded.*Later"):
            self.run_with(cli)
        cli.status["docket"] = ["ROLLBACK_COMPLETE"]
        with self.assertRaisesRegex(plan.Refusal, "stack docket is ROLLBACK_COMPLETE"):
            self.run_with(cli)

    def test_without_a_terminal_only_the_variable_YES_answers_yes(self):
        run = program.Deployment(example(), Cli())
        with mock.patch.object(sys, "stdin", io.StringIO("y\n")), self.assertRaisesRegex(plan.Refusal, "YES=1"):
            run.ask("Really?")
        with mock.patch.dict(os.environ, YES="1"):
            run.ask("Really?")

    def test_credentials_of_another_account_are_refused(self):
        cli = Cli()
        with self.assertRaisesRegex(plan.Refusal, "account"):
            self.run_with(cli, account="999999999999")
        self.assertEqual(cli.commands(), ["sts get-caller-identity"])

    def test_a_retained_bucket_of_an_earlier_stack_is_reported_before_the_change_set(self):
        cli = Cli()
        cli.buckets.add(f"docket-jobs-{ACCOUNT}-eu-central-1")
        with self.assertRaisesRegex(plan.Refusal, "still exists"):
            self.run_with(cli)
        self.assertNotIn("cloudformation create-change-set", cli.commands())

    def test_a_probe_that_no_page_receives_fails_the_deployment(self):
        for push, words in (("none", "its job is Ready, but no page received it within 30 s"), ("refuse", "a page cannot connect: the connection was refused with 403")):
            cli = Cli()
            cli.push = push
            with self.subTest(push), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(cli)

    def test_a_probe_that_fails_or_does_not_finish_fails_the_deployment(self):
        for status, words in (("Failed", "THE PROBE FAILED: job j is Failed"), ("InProgress", "not Ready within 30 minutes"), (None, "it has no job")):
            with self.subTest(status), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(Cli(probe=status))

    def test_an_update_that_sagemaker_rolled_back_fails_the_deployment(self):
        cli = Cli()
        cli.endpoint_config = "EndpointConfig-1"
        with self.assertRaisesRegex(plan.Refusal, "ROLLED THE UPDATE BACK: docket-legal-review has EndpointConfig-1"):
            self.run_with(cli)

    def test_undeploy_refuses_while_jobs_are_open(self):
        cli = Cli(stacks=["docket", "docket-web", "docket-legal-review"], open_jobs=3)
        with self.assertRaisesRegex(plan.Refusal, "3 jobs are open"):
            self.run_with(cli, "undeploy")
        self.assertNotIn("cloudformation delete-stack", cli.commands())

    def test_open_jobs_of_probes_do_not_prevent_undeploy(self):
        cli = Cli(stacks=["docket"], open_jobs=2, open_probes=2)
        self.run_with(cli, "undeploy")
        self.assertIn("cloudformation delete-stack", cli.commands())

    def test_undeploy_deletes_stacks_in_order_and_lists_what_is_retained(self):
        cli = Cli(stacks=["docket", "docket-web", "docket-legal-review"])
        self.run_with(cli, "undeploy")
        order = [a[a.index("--stack-name") + 1] for a in cli.asked if a[1] == "delete-stack"]
        self.assertEqual(order, ["docket-web", "docket-legal-review", "docket"])
        unlocked = cli.commands().index("dynamodb update-table")
        self.assertEqual(cli.asked[unlocked][3], OUTPUTS["ConnectionsTableName"])
        self.assertEqual(cli.commands()[unlocked + 1], "cloudformation delete-stack")
        text = "\n".join(self.said)
        for kept in ("JobsBucketName", "JobsTableName", "RecordsTableName", "UserPoolId"):
            self.assertIn(OUTPUTS[kept], text)
        self.said.clear()
        self.run_with(cli, "undeploy")
        self.assertEqual(self.said[-1], "There is nothing to remove.")

    def test_a_wrong_command_line_prints_the_usage(self):
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            self.assertEqual(program.main([]), 2)
            self.assertEqual(program.main(["deploy", ""]), 1)
        self.assertIn("ENV=", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
