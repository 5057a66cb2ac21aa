"""Tests of `make deploy` and `make undeploy`: complete runs against a fake AWS CLI. deploy_again_test.py has the runs
after one that ended early.

Run: .venv/bin/python -m unittest tests/deploy_test.py
"""

import contextlib
import importlib.util
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import aws_models  # noqa: E402  found by the line above
from deploy_plan_test import ACCOUNT, OUTPUTS, ROOT, example, plan  # noqa: E402
from fake_account import FakeAwsAccount  # noqa: E402

_spec = importlib.util.spec_from_file_location("deploy_program", ROOT / "infra" / "deploy" / "__main__.py")
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)

ENDPOINT_OUTPUTS = {"EndpointName": "docket-legal-review", "EndpointConfigName": "EndpointConfig-2"}
PAGE_OUTPUTS = {"PageUrl": "https://d1.cloudfront.net", "PageBucketName": "docket-page", "DistributionId": "E1"}
STACK_OUTPUTS = {**OUTPUTS, **ENDPOINT_OUTPUTS, **PAGE_OUTPUTS, "DashboardUrl": "https://console.aws.amazon.com/"}


def account(stacks=(), **state):
    """A fake account with stacks, and a state other than the usual one."""
    found = FakeAwsAccount(ACCOUNT, STACK_OUTPUTS, program.AwsError)
    for name in stacks:
        found.put(name)
    for key, value in state.items():
        setattr(found, key, value)
    return found


class FakePage:
    """A fake page, to which the service pushes what it should, or not."""

    def __init__(self, cli, clock, url):
        self.cli, self.clock, self.url, self.synced = cli, clock, url, False
        if cli.push == "refuse":
            raise sys.modules["page"].Closed("the connection was refused with 403")

    def receive(self, seconds):
        self.clock.sleep(seconds)
        if self.cli.breaks > 0:
            self.cli.breaks -= 1
            raise sys.modules["page"].Closed("the connection broke: reset by peer")
        if self.cli.push == "snapshot":  # it was pushed while there was no connection
            jobs = [{"name": (self.cli.uploaded or "").split("/")[-1], "status": self.cli.probe_status}]
            return [{"type": "snapshot", "jobs": jobs}] if self.synced else []
        other = {"type": "job.changed", "job": {"name": "other.pdf", "status": "Ready"}}
        own = {"type": "job.changed", "job": {"name": (self.cli.uploaded or "").split("/")[-1], "status": self.cli.probe_status}}
        return [{"type": "snapshot", "jobs": []}, other, *([own] if self.cli.push == "push" else [])]

    def sync(self):
        self.synced = True

    def close(self):
        pass


class Clock:
    """Time that passes only while the program sleeps."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def sleep(self, seconds):
        self.now += seconds


class Case(unittest.TestCase):
    """Runs the program against a fake account, in virtual time."""

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
        run = program.Deployment(example(**changes), cli, self.said.append, answers, clock.sleep, lambda: clock.now, page, self.root)
        getattr(run, what)()


class Runs(Case):
    """Complete runs."""

    def test_a_first_deployment_creates_all_stacks_and_sends_a_probe(self):
        cli = account()
        self.run_with(cli)
        self.assertEqual(cli.order("execute-change-set"), ["docket", "docket-legal-review", "docket-web", "docket", "docket-monitoring"])
        self.assertIn({"ParameterKey": "PageOrigin", "ParameterValue": "https://d1.cloudfront.net"}, cli.stacks["docket"]["parameters"])
        self.assertIn({"ParameterKey": "CodePrefix", "ParameterValue": "zips/1/"}, cli.stacks["docket"]["parameters"])
        sync = next(a for a in cli.asked if a[:2] == ("s3", "sync"))
        self.assertEqual(sync[2:4], (str(plan.ZIPS), f"s3://{example().code_bucket}/zips/1/"))
        self.assertIn("s3api put-public-access-block", cli.commands())
        self.assertRegex(cli.uploaded, r"^inbound/probe/deployed-\d+\.pdf$")
        self.assertRegex(self.said[-1], r"the page received deployed-\d+\.pdf is Ready")
        copies = [a[a.index(option) + 1].split("/")[-1] for a in cli.asked for option in ("--body", "--copy-source") if option in a and "probe" in str(a)]
        self.assertEqual(copies, ["consulting-agreement.pdf", "document.pdf"])

    def test_change_sets_may_create_roles_and_expand_the_transform(self):
        cli = account()
        self.run_with(cli)
        for arguments in (a for a in cli.asked if a[1] == "create-change-set"):
            at = arguments.index("--capabilities")
            self.assertEqual(arguments[at + 1 : at + 3], ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"))

    def test_a_second_deployment_changes_nothing(self):
        cli = account()
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

        cli = account()
        with self.assertRaises(plan.Refusal):
            self.run_with(cli, answers=no_to_changes)
        self.assertNotIn("cloudformation execute-change-set", cli.commands())
        self.assertEqual(cli.commands()[-1], "cloudformation delete-stack")  # the empty one that a change set makes

    def test_the_endpoints_are_deployed_side_by_side(self):
        image = example().endpoints["legal-review"]
        cli = account()
        self.run_with(cli, endpoints={"legal-review": image, "ocr-batch": image})
        begun = self.said.index("docket-ocr-batch: a new stack")
        self.assertIn("docket-legal-review: a new stack", self.said[:begun])
        self.assertIn("docket-legal-review: create complete", self.said[begun:])

    def test_the_failure_of_an_endpoint_is_reported_when_the_others_have_ended(self):
        image = example().endpoints["legal-review"]
        cli = account(faults={"docket-legal-review": "no capacity"})
        with self.assertRaisesRegex(plan.Refusal, "docket-legal-review is ROLLBACK_COMPLETE: \n  First: no capacity"):
            self.run_with(cli, endpoints={"legal-review": image, "ocr-batch": image})
        self.assertEqual(cli.stacks["docket-ocr-batch"]["status"], "CREATE_COMPLETE")

    def test_the_cause_of_a_failure_is_the_first_event_of_this_operation(self):
        cli = account(["docket"], faults={"docket": "quota exceeded"})
        cli.event("docket", "Old", "UPDATE_FAILED", "another", "last year's reason")
        with self.assertRaisesRegex(plan.Refusal, "docket is UPDATE_ROLLBACK_COMPLETE: \n  First: quota exceeded\n  Later: Resource update cancelled$"):
            self.run_with(cli)

    def test_what_validation_says_is_read_before_the_change_set_is_deleted(self):
        cli = account(invalid={"docket": ["Queue docket-uploads already exists"]})
        with self.assertRaisesRegex(plan.Refusal, "(?s)PropertyValidation.*Thing /Resources/Thing/Properties/Name: Queue docket-uploads already exists .NAME_CONFLICT"):
            self.run_with(cli)
        order = [command for command in cli.commands() if command.endswith(("describe-events", "delete-change-set"))]
        self.assertEqual(order, ["cloudformation describe-events", "cloudformation delete-change-set"])

    def test_a_cli_without_describe_events_hides_the_details_only(self):
        def unknown(*_):
            raise program.AwsError("aws: error: argument operation: Invalid choice\nmore")

        self.run_with(account(cloudformation_describe_events=unknown))
        self.assertRegex(self.said[-1], "the page received")
        with self.assertRaisesRegex(plan.Refusal, "PropertyValidation.\n  details are unknown: aws: error: argument operation: Invalid choice$"):
            self.run_with(account(cloudformation_describe_events=unknown, invalid={"docket": ["x"]}))

    def test_warnings_of_a_change_set_are_shown(self):
        self.run_with(account(warnings={"docket": ["Bucket will not be deleted"]}))
        self.assertTrue(any("docket: warning:" in line and "Bucket will not be deleted" in line for line in self.said), self.said)

    def test_without_a_terminal_only_the_variable_YES_answers_yes(self):
        run = program.Deployment(example(), account())
        with mock.patch.object(sys, "stdin", io.StringIO("y\n")), self.assertRaisesRegex(plan.Refusal, "YES=1"):
            run.ask("Really?")
        with mock.patch.dict(os.environ, YES="1"):
            run.ask("Really?")

    def test_credentials_of_another_account_are_refused(self):
        cli = account()
        with self.assertRaisesRegex(plan.Refusal, "account"):
            self.run_with(cli, account="999999999999")
        self.assertEqual(cli.commands(), ["sts get-caller-identity"])

    def test_a_retained_bucket_of_an_earlier_stack_is_reported_before_the_change_set(self):
        cli = account()
        cli.buckets.add(f"docket-jobs-{ACCOUNT}-eu-central-1-an")
        with self.assertRaisesRegex(plan.Refusal, "still exists"):
            self.run_with(cli)
        self.assertNotIn("cloudformation create-change-set", cli.commands())

    def test_an_existing_bucket_is_connected_once_and_not_taken_for_one_that_was_left(self):
        cli, asked = account(), []
        cli.buckets.add("acme-documents")
        theirs = {"Id": "theirs", "QueueArn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:theirs", "Events": ["s3:ObjectCreated:*"]}
        cli.notifications = {"QueueConfigurations": [theirs]}
        existing = {"ServiceName": "docket", "BucketName": "acme-documents", "CreateBucket": "false"}
        for _ in range(2):
            self.run_with(cli, answers=asked.append, service=existing)
        rows = cli.notifications["QueueConfigurations"]
        self.assertEqual(rows[0], theirs)
        self.assertEqual({row["QueueArn"].rsplit(":", 1)[1] for row in rows[1:]}, {"docket-uploads"})
        self.assertEqual(sum("notifications of acme-documents" in question for question in asked), 1)

    def test_every_request_to_s3_is_for_a_bucket_of_the_account(self):
        cli = account()
        cli.buckets.add("acme-documents")
        self.run_with(cli, tags={"team": "legal"})
        self.run_with(cli, service={"ServiceName": "docket", "BucketName": "acme-documents", "CreateBucket": "false"})
        self.run_with(cli, "undeploy")
        self.assertEqual(list(aws_models.without_owner(cli.asked, ACCOUNT)), [])
        kinds = {a[:2] for a in cli.asked if a[0] == "s3"}
        self.assertEqual(kinds, {("s3", "sync")})

    def test_files_are_not_sent_to_a_bucket_that_another_account_has_taken(self):
        cli = account(taken={"docket-page"})
        with self.assertRaisesRegex(plan.Refusal, f"bucket docket-page is not account {ACCOUNT}'s, and nothing was sent to it: .*403"):
            self.run_with(cli)
        self.assertFalse([a for a in cli.asked if a[:2] == ("s3", "sync") and "docket-page" in str(a)])

    def test_a_probe_that_no_page_receives_fails_the_deployment(self):
        for push, words in (("none", "its job is Ready, but no page received it within 30 s"), ("refuse", "a page cannot connect: the connection was refused with 403")):
            cli = account()
            cli.push = push
            with self.subTest(push), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(cli)

    def test_a_page_whose_connection_breaks_connects_again_and_asks_what_it_missed(self):
        for push in ("push", "snapshot"):
            cli = account(push=push, breaks=3)
            self.said.clear()
            self.run_with(cli)
            self.assertEqual(sum("connecting again" in line for line in self.said), 3, push)
            self.assertEqual(cli.commands().count("dynamodb put-item"), 4, "each connection has a ticket of its own")
            self.assertRegex(self.said[-1], "the page received")
        with self.assertRaisesRegex(plan.Refusal, "the connection of the page was closed 30 times: the connection broke: reset by peer"):
            self.run_with(account(breaks=1000))
        with self.assertRaisesRegex(plan.Refusal, "its job is Ready, but no page received it"):
            self.run_with(account(push="snapshot"))

    def test_a_probe_that_fails_or_does_not_finish_fails_the_deployment(self):
        for status, words in (("Failed", "THE PROBE FAILED: job j is Failed"), ("InProgress", "not Ready within 30 minutes"), (None, "it has no job")):
            with self.subTest(status), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(account(probe_status=status))

    def test_an_update_that_sagemaker_rolled_back_fails_the_deployment(self):
        cli = account()
        cli.endpoint_config = "EndpointConfig-1"
        with self.assertRaisesRegex(plan.Refusal, "ROLLED THE UPDATE BACK: docket-legal-review has EndpointConfig-1"):
            self.run_with(cli)

    def test_undeploy_refuses_while_jobs_are_open(self):
        cli = account(stacks=["docket", "docket-web", "docket-legal-review"], open=3)
        with self.assertRaisesRegex(plan.Refusal, "3 jobs are open"):
            self.run_with(cli, "undeploy")
        self.assertNotIn("cloudformation delete-stack", cli.commands())

    def test_open_jobs_of_probes_do_not_prevent_undeploy(self):
        cli = account(stacks=["docket"], open=2, open_probes=2)
        self.run_with(cli, "undeploy")
        self.assertIn("cloudformation delete-stack", cli.commands())

    def test_undeploy_deletes_stacks_in_order_and_lists_what_is_retained(self):
        cli = account(stacks=["docket", "docket-web", "docket-legal-review"])
        self.run_with(cli, "undeploy")
        self.assertEqual(cli.order("delete-stack"), ["docket-web", "docket-legal-review", "docket"])
        unlocked = cli.commands().index("dynamodb update-table")
        self.assertEqual(cli.asked[unlocked][3], OUTPUTS["ConnectionsTableName"])
        self.assertLess(unlocked, max(at for at, command in enumerate(cli.commands()) if command == "cloudformation delete-stack"))
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
