"""Tests of `make deploy` and `make undeploy`: what they plan, and what they do with an AWS CLI that is played here.

Run: .venv/bin/python -m unittest tests/deploy_test.py.
"""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import re
import socket
import sys
import tempfile
import threading
import unittest
import zipfile
from unittest import mock

import wsproto
from wsproto import events

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "infra" / "deploy"
sys.path.insert(0, str(FOLDER))

import page as deploy_page  # noqa: E402  not a package: the folder is a program
import plan  # noqa: E402

_spec = importlib.util.spec_from_file_location("deploy_program", FOLDER / "__main__.py")
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)

ACCOUNT = "123456789012"
OUTPUTS = {
    "JobsBucketName": f"docket-jobs-{ACCOUNT}-eu-central-1",
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
ENDPOINT_OUTPUTS = {"EndpointName": "docket-legal-review", "EndpointConfigName": "EndpointConfig-2"}
PAGE_OUTPUTS = {"PageUrl": "https://d1.cloudfront.net", "PageBucketName": "docket-page", "DistributionId": "E1"}


def example(**changes):
    """The example's environment, changed."""
    given = json.loads((ROOT / "infra/environments/example.json").read_text())
    given.update(changes)
    return plan.Environment("example", {key: value for key, value in given.items() if value is not None})


class Plans(unittest.TestCase):
    """From files to parameters."""

    def test_the_example_is_complete(self):
        environment = plan.Environment.read("example")
        every = [
            environment.service(),
            environment.endpoint("legal-review", OUTPUTS),
            environment.page(OUTPUTS),
            environment.watch(OUTPUTS),
        ]
        self.assertEqual([stack.name for stack in every], ["docket", "docket-legal-review", "docket-web", "docket-watch"])
        texts = {name: (ROOT / "infra" / name).read_text() for name in {stack.template for stack in every}}
        for stack in every:
            for key, value in stack.parameters.items():
                block = re.search(rf"^  {key}:\n((?:    .*\n)+)", texts[stack.template], re.MULTILINE)[1]
                pattern = re.search(r"AllowedPattern: '(.*)'", block)
                with self.subTest(stack=stack.name, key=key):
                    self.assertRegex(value, pattern[1] if pattern else ".")

    def test_an_endpoint_gets_its_numbers_and_its_repository(self):
        given = example().endpoint("legal-review", OUTPUTS).parameters
        self.assertEqual(given["MaxInstances"], "5")
        self.assertEqual(given["AlarmTopicArn"], f"arn:aws:sns:eu-central-1:{ACCOUNT}:on-call")
        self.assertEqual(given["ImageRepositoryArn"], f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/legal-review")
        image = f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/team/model:3"
        self.assertEqual(plan.repository_arn(image, "aws-cn"), f"arn:aws-cn:ecr:cn-north-1:{ACCOUNT}:repository/team/model")
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

    def test_the_file_outweighs_what_is_found(self):
        self.assertEqual(example().service("https://d1.cloudfront.net").parameters["PageOrigin"], "https://d1.cloudfront.net")
        own = example(service={"PageOrigin": "https://docket.example.com"})
        self.assertEqual(own.service("https://d1.cloudfront.net").parameters["PageOrigin"], "https://docket.example.com")

    def test_mistakes_in_a_file_are_named(self):
        mistakes = {
            "PageOrigins": {"service": {"PageOrigins": "*"}},
            "regoin": {"regoin": "eu-central-1"},
            "account": {"account": "1234"},
            "code_bucket": {"code_bucket": None},
            "no-such.json": {"endpoints": {"no-such": {}}, "probe": None},
            "no pipeline": {"probe": "no-such"},
            "strings": {"service": {"LogRetentionDays": 30}},
        }
        for word, change in mistakes.items():
            with self.subTest(word), self.assertRaisesRegex(plan.Refusal, word):
                example(**change)
        with self.assertRaisesRegex(plan.Refusal, "ImageUri"):
            example(endpoints={"legal-review": {}}).endpoint("legal-review", OUTPUTS)
        for name in ("", "nowhere", "../endpoints/legal-review"):
            with self.subTest(name), self.assertRaises(plan.Refusal):
                plan.Environment.read(name)

    def test_nothing_goes_before_what_uses_it(self):
        order = example().removal()
        self.assertEqual(order[0], "docket-web")
        self.assertEqual(order[-1], "docket")
        self.assertEqual(set(order[1:-1]), {"docket-watch", "docket-legal-review", "docket-ocr-batch", "docket-doc-understanding"})

    def test_zips_for_another_processor_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "one.zip"
            with self.assertRaisesRegex(plan.Refusal, "not there"):
                plan.check_zips("arm64", "Code: one.zip", pathlib.Path(folder))
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("bootstrap", b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little"))
            plan.check_zips("x86_64", "Code: one.zip", pathlib.Path(folder))
            with self.assertRaisesRegex(plan.Refusal, "built for x86_64"):
                plan.check_zips("arm64", "Code: one.zip", pathlib.Path(folder))

    def test_what_is_dangerous_in_a_change_set_comes_first(self):
        changes = [
            {"ResourceChange": {"Action": "Add", "ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "New"}},
            {"ResourceChange": {"Action": "Modify", "Replacement": "True", "ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "Jobs"}},
            {"ResourceChange": {"Action": "Modify", "Replacement": "False", "ResourceType": "AWS::IAM::Role", "LogicalResourceId": "Role"}},
            {"ResourceChange": {"Action": "Remove", "ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "Old"}},
        ]
        words = [line.split()[0] for line in plan.describe_changes(changes)]
        self.assertEqual(words, ["REMOVE", "REPLACE", "add", "change"])

    def test_the_probe_is_judged_by_its_job(self):
        def row(status, **state):
            return {"job_id": {"S": "j"}, "status": {"S": status}, "state": {"M": {key: {"S": value} for key, value in state.items()}}}

        self.assertEqual(plan.probe_verdict(None)[0], "waiting")
        self.assertEqual(plan.probe_verdict(row("InProgress"))[0], "waiting")
        self.assertEqual(plan.probe_verdict(row("Ready"))[0], "ready")
        verdict, sentence = plan.probe_verdict(row("Failed", cause="ModelError", detail="out of memory"))
        self.assertEqual(verdict, "failed")
        self.assertIn("ModelError: out of memory", sentence)

    def test_what_the_code_says_of_the_index_is_what_is_asked(self):
        shards = re.search(r"pub const SHARDS: u8 = (\d+);", (ROOT / "crates/jobs/src/id.rs").read_text())
        self.assertEqual(int(shards[1]), plan.SHARDS)


class Cli:
    """An AWS CLI that remembers what it was asked and has an account of stacks."""

    def __init__(self, stacks=(), open_jobs=0, trials=0, probe="Ready"):
        self.stacks = {name: dict(OUTPUTS) for name in stacks}
        self.applied, self.asked, self.pending, self.status, self.next_statuses = {}, [], {}, {}, []
        self.endpoint_config = ENDPOINT_OUTPUTS["EndpointConfigName"]
        self.buckets, self.open, self.trials, self.probe_status, self.uploaded = set(), open_jobs, trials, probe, None
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
            return {"Count": self.trials if "probe#open" in asked else self.open if '"N": "7"' in asked else 0}
        wanted = {"Ready": "probe#ready", "Failed": "probe#failed"}.get(self.probe_status, "probe#open")
        return {"Items": [{"job_id": {"S": "j"}}] if wanted in asked and self.probe_status else []}

    def dynamodb_get_item(self, *_):
        return {"Item": {"job_id": {"S": "j"}, "status": {"S": self.probe_status}, "input": {"M": {"key": {"S": self.uploaded}}}}}


class PageOf:
    """A page in whose ear the service whispers what it should, or not."""

    def __init__(self, cli, clock, url):
        self.cli, self.clock, self.url = cli, clock, url
        if cli.push == "refuse":
            raise program.Closed("the connection was refused with 403")

    def heard(self, seconds):
        self.clock.sleep(seconds)
        other = {"type": "job.changed", "job": {"name": "other.pdf", "status": "Ready"}}
        own = {"type": "job.changed", "job": {"name": (self.cli.uploaded or "").split("/")[-1], "status": self.cli.probe_status}}
        return [{"type": "snapshot", "jobs": []}, other, *([own] if self.cli.push == "push" else [])]

    def close(self):
        pass


class Clock:
    """Time that passes only by waiting."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def sleep(self, seconds):
        self.now += seconds


class Pages(unittest.TestCase):
    """The WebSocket of the trial, against a server here."""

    def serve(self, *steps):
        """A server for one connection, which does these steps; answers its URL."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def work():
            connection, _ = listener.accept()
            protocol = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
            with connection:
                for step in steps:
                    protocol.receive_data(connection.recv(65536))
                    self.asked.extend(protocol.events())
                    for event in step:
                        connection.sendall(protocol.send(event))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        return f"ws://127.0.0.1:{listener.getsockname()[1]}/live?ticket=secret"

    def setUp(self):
        self.asked = []

    def test_it_hears_what_is_pushed_in_whole_frames_and_answers_pings(self):
        text = json.dumps({"type": "job.changed", "name": "x" * 70000})
        halves = [events.TextMessage(text[:40000], message_finished=False), events.Ping(b"there?"), events.TextMessage(text[40000:])]
        page = deploy_page.Page(self.serve([events.AcceptConnection(), *halves], [events.CloseConnection(1001, "over")]))
        self.addCleanup(page.close)
        heard = []
        while not heard:
            heard = page.heard(10)
        self.assertEqual(heard[0]["name"], "x" * 70000)
        with self.assertRaisesRegex(deploy_page.Closed, "closed with 1001 over"):
            for _ in range(10):
                page.heard(10)
        self.assertEqual(self.asked[0].target, "/live?ticket=secret")
        self.assertIn(events.Pong(b"there?"), self.asked)

    def test_a_refusal_is_told(self):
        with self.assertRaisesRegex(deploy_page.Closed, "refused with 403"):
            deploy_page.Page(self.serve([events.RejectConnection(status_code=403)]))
        with self.assertRaisesRegex(deploy_page.Closed, "does not answer"):
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            listener.close()
            deploy_page.Page(f"ws://127.0.0.1:{port}/live?ticket=secret")


class Runs(unittest.TestCase):
    """Whole runs against an AWS CLI that is played."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "index.html").write_text("")
        for patch in (mock.patch.object(program, "PAGE", self.root), mock.patch.object(plan, "check_zips"), mock.patch.dict(os.environ, clear=False)):
            patch.start()
            self.addCleanup(patch.stop)
        for name in ("YES", "PROBE", "PROBE_MINUTES"):
            os.environ.pop(name, None)
        self.said = []

    def run_with(self, cli, what="deploy", answers=lambda question: None, **changes):
        clock = Clock()
        page = lambda url: PageOf(cli, clock, url)  # noqa: E731
        run = program.Deployment(example(**changes), cli, self.said.append, answers, clock.sleep, lambda: clock.now, page)
        run.folder = self.root
        getattr(run, what)()

    def test_a_deployment_goes_from_nothing_to_a_probe(self):
        cli = Cli()
        self.run_with(cli)
        order = [a[a.index("--stack-name") + 1] for a in cli.asked if a[1] == "execute-change-set"]
        self.assertEqual(order, ["docket", "docket-legal-review", "docket-web", "docket", "docket-watch"])
        self.assertIn({"ParameterKey": "PageOrigin", "ParameterValue": "https://d1.cloudfront.net"}, cli.applied["docket"])
        self.assertIn("s3api put-public-access-block", cli.commands())
        self.assertRegex(cli.uploaded, r"^inbound/probe/deployed-\d+\.pdf$")
        self.assertRegex(self.said[-1], r"the page was told deployed-\d+\.pdf is Ready")
        copies = [a[3:] for a in cli.asked if a[:2] == ("s3", "cp") and "probe" in a[-1]]
        self.assertEqual([c[0].split("/")[-1] for c in copies], ["consulting-agreement.pdf", "document.pdf"])

    def test_a_second_deployment_changes_nothing(self):
        cli = Cli()
        self.run_with(cli)
        first = len(cli.asked)
        self.said.clear()
        self.run_with(cli)
        self.assertNotIn("cloudformation execute-change-set", cli.commands()[first:])
        self.assertEqual(sum("no changes" in line for line in self.said), 4)
        self.assertNotIn("s3api create-bucket", cli.commands()[first:])

    def test_who_says_no_has_changed_nothing(self):
        def no_to_changes(question):
            if question == "Apply that?":
                raise plan.Refusal("no")

        cli = Cli()
        with self.assertRaises(plan.Refusal):
            self.run_with(cli, answers=no_to_changes)
        self.assertNotIn("cloudformation execute-change-set", cli.commands())
        self.assertEqual(cli.commands()[-1], "cloudformation delete-stack")  # the empty one that a change set makes

    def test_it_waits_for_a_stack_and_says_why_one_failed(self):
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

    def test_nobody_to_ask_is_a_no(self):
        run = program.Deployment(example(), Cli())
        with mock.patch.object(sys, "stdin", io.StringIO("y\n")), self.assertRaisesRegex(plan.Refusal, "YES=1"):
            run.ask("Really?")
        with mock.patch.dict(os.environ, YES="1"):
            run.ask("Really?")

    def test_another_account_is_refused(self):
        cli = Cli()
        with self.assertRaisesRegex(plan.Refusal, "account"):
            self.run_with(cli, account="999999999999")
        self.assertEqual(cli.commands(), ["sts get-caller-identity"])

    def test_a_bucket_that_outlived_its_stack_is_not_run_into(self):
        cli = Cli()
        cli.buckets.add(f"docket-jobs-{ACCOUNT}-eu-central-1")
        with self.assertRaisesRegex(plan.Refusal, "still there"):
            self.run_with(cli)
        self.assertNotIn("cloudformation create-change-set", cli.commands())

    def test_a_probe_that_no_page_hears_of_is_loud(self):
        for push, words in (("none", "its job is Ready, but no page was told within 30 s"), ("refuse", "a page cannot connect: the connection was refused with 403")):
            cli = Cli()
            cli.push = push
            with self.subTest(push), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(cli)

    def test_a_probe_that_fails_or_never_ends_is_loud(self):
        for status, words in (("Failed", "THE PROBE FAILED: job j is Failed"), ("InProgress", "not Ready within 20 minutes"), (None, "it has no job")):
            with self.subTest(status), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(Cli(probe=status))

    def test_an_update_that_sagemaker_took_back_is_loud(self):
        cli = Cli()
        cli.endpoint_config = "EndpointConfig-1"
        with self.assertRaisesRegex(plan.Refusal, "TOOK THE UPDATE BACK: docket-legal-review has EndpointConfig-1"):
            self.run_with(cli)

    def test_undeploy_refuses_while_jobs_are_open(self):
        cli = Cli(stacks=["docket", "docket-web", "docket-legal-review"], open_jobs=3)
        with self.assertRaisesRegex(plan.Refusal, "3 jobs are open"):
            self.run_with(cli, "undeploy")
        self.assertNotIn("cloudformation delete-stack", cli.commands())
        shards = {a[-1] for a in cli.asked if "by_next_check" in a}
        self.assertEqual(len(shards), plan.SHARDS)

    def test_the_jobs_of_trials_hold_nobody_up(self):
        cli = Cli(stacks=["docket"], open_jobs=2, trials=2)
        self.run_with(cli, "undeploy")
        self.assertIn("cloudformation delete-stack", cli.commands())

    def test_undeploy_goes_in_order_and_says_what_is_left(self):
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

    def test_the_command_line_says_what_it_wants(self):
        with contextlib.redirect_stderr(io.StringIO()) as told:
            self.assertEqual(program.main([]), 2)
            self.assertEqual(program.main(["deploy", ""]), 1)
        self.assertIn("ENV=", told.getvalue())


if __name__ == "__main__":
    unittest.main()
