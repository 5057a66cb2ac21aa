"""`make preflight`, `make deploy` and `make undeploy` with the real AWS CLI against MiniStack, one run of them killed.

The functions' zips hold no program: nothing is invoked here. MiniStack has neither asynchronous endpoints nor alarms on
metric math, so that the environment has no endpoint and no monitoring.
Run: .venv/bin/python -m unittest tests/deploy_live_test.py
"""

import importlib.util
import os
import pathlib
import signal
import sys
import tempfile
import unittest
from unittest import mock
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crates" / "devstack" / "python")]

import test_stack_process  # noqa: E402  these are scripts and no packages
from deploy_plan_test import example, plan  # noqa: E402
from deploy_test import program  # noqa: E402
from waiting import until  # noqa: E402

preflight, REGION, ACCOUNT = sys.modules["preflight"], "eu-central-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
class Live(test_stack_process.Stack):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.said = pathlib.Path(folder.name), []
        zips = self.folder / "zips"
        zips.mkdir()
        for name in plan.functions():
            with zipfile.ZipFile(zips / f"{name}.zip", "w") as archive:
                archive.writestr(zipfile.ZipInfo("bootstrap"), b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little"))
        settings = {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/dev/null", "YES": "1"}
        check = lambda architecture: check_zips(architecture, zips)  # noqa: E731
        check_zips = plan.check_zips
        for patch in (mock.patch.dict(os.environ, settings), mock.patch.object(plan, "ZIPS", zips), mock.patch.object(plan, "check_zips", check)):
            patch.start()
            self.addCleanup(patch.stop)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        self.aws = program.AwsCli(REGION)
        service = {"ServiceName": "docket", "Architecture": "x86_64", "Scale": "small", "AlarmTopicArn": TOPIC}
        self.environment = example(service=service, endpoints=None, page=None, monitoring=None, probe=None, tags={"team": "legal"})

    def run_it(self, what):
        self.said.clear()
        getattr(program.Deployment(self.environment, self.aws, self.said.append, folder=self.folder), what)()

    def check(self):
        self.said.clear()
        preflight.Preflight(self.environment, self.aws, program.AwsError, self.said.append).run()

    def killed(self):
        """A run that is killed once CloudFormation has something to do."""
        child = os.fork()
        if child == 0:
            try:
                self.run_it("deploy")
            finally:
                os._exit(0)

        def begun():
            try:
                return self.aws("cloudformation", "describe-stacks", "--stack-name", "docket")["Stacks"]
            except program.AwsError:
                return False

        until("the stack exists", begun)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.WTERMSIG(status), signal.SIGKILL)

    def test_an_account_is_checked_deployed_again_after_a_kill_and_emptied(self):
        with self.assertRaisesRegex(plan.Refusal, "1 problem found"):
            self.check()
        self.assertIn(f"topic {TOPIC} (AlarmTopicArn) does not exist\n      aws sns create-topic --name on-call", "\n".join(self.said))
        self.aws("sns", "create-topic", "--name", "on-call")
        self.aws("sns", "subscribe", "--topic-arn", TOPIC, "--protocol", "sqs", "--notification-endpoint", f"arn:aws:sqs:{REGION}:{ACCOUNT}:operators")
        self.check()

        self.killed()
        self.run_it("deploy")
        stack = self.aws("cloudformation", "describe-stacks", "--stack-name", "docket")["Stacks"][0]
        self.assertEqual((stack["StackStatus"], stack["Tags"]), ("CREATE_COMPLETE", [{"Key": "team", "Value": "legal"}]))
        roles = self.aws("iam", "list-roles")["Roles"]
        self.assertTrue(roles)
        self.assertFalse([role for role in roles if "PermissionsBoundary" in role])
        self.run_it("deploy")
        self.assertIn("docket: no changes", self.said)

        self.run_it("undeploy")
        self.assertIn("docket: delete complete", self.said)
        with self.assertRaisesRegex(plan.Refusal, "1 problem found"):
            self.check()
        self.assertIn("bucket docket-jobs-123456789012-eu-central-1-an of an earlier docket still exists", "\n".join(self.said))
        with self.assertRaisesRegex(plan.Refusal, "bucket docket-jobs-123456789012-eu-central-1-an of an earlier docket still exists"):
            self.run_it("deploy")


if __name__ == "__main__":
    unittest.main()
