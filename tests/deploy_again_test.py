"""`make deploy` after a run that ended early, and while AWS does not answer: it always ends deployed, or with the cause.

Run: .venv/bin/python -m unittest tests/deploy_again_test.py
"""

import os
import pathlib
import pickle
import signal
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import ACCOUNT, example, plan  # noqa: E402  found by the line above
from deploy_test import Case, account, program  # noqa: E402

EXPIRED = "An error occurred (ExpiredToken) when calling the DescribeStacks operation: The security token included in the request is expired"
UNREACHABLE = 'Could not connect to the endpoint URL: "https://cloudformation.eu-central-1.amazonaws.com/"'
THROTTLED = "An error occurred (Throttling) when calling the DescribeStacks operation: Rate exceeded"


def deployed(cli):
    """The parameters of each stack."""
    return {name: stack["parameters"] for name, stack in cli.stacks.items()}


def no(question):
    raise plan.Refusal(f"no: {question}")


class Killed(Case):
    """Runs that end with SIGKILL at each command, before or after its effect."""

    def killed(self, cli, number, after, what="deploy", **changes):
        """The account after a run that was killed at a command; None if it ended before."""
        cli.kill_at, cli.kill_after, cli.file = number, after, str(self.root / "account")
        pathlib.Path(cli.file).write_bytes(pickle.dumps(cli))
        child = os.fork()
        if child == 0:
            try:
                self.run_with(cli, what, **changes)
            except plan.Refusal:
                pass
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return None
        self.assertEqual(os.WTERMSIG(status), signal.SIGKILL)
        found = pickle.loads(pathlib.Path(cli.file).read_bytes())
        found.kill_at, found.file = None, None
        return found

    def each(self, begin, **changes):
        """Accounts after a run that was killed at each command in turn, with words that say where."""
        ends = 0
        for after in (False, True):
            for number in range(1, 1000):
                if (found := self.killed(begin(), number, after, **changes)) is None:
                    break
                ends += 1
                yield f"{'after' if after else 'before'} command {number}", found
        self.assertGreater(ends, 30, "even one that fails early has more commands than that")


class AfterKills(Killed):
    """The runs after them."""

    def test_a_second_run_deploys_whatever_the_first_had_done(self):
        whole = account()
        self.run_with(whole)
        for where, found in self.each(account):
            with self.subTest(where):
                self.run_with(found)
                self.assertEqual({name: stack["status"].split("_")[-1] for name, stack in found.stacks.items()}, dict.fromkeys(whole.stacks, "COMPLETE"))
                self.assertEqual(deployed(found), deployed(whole))
                self.assertEqual(found.private, {example().code_bucket})
                self.assertRegex(self.said[-1], "the page received")

    def test_a_second_run_names_the_cause_if_there_is_one(self):
        for stack in ("docket", "docket-legal-review"):
            for where, found in self.each(lambda stack=stack: account(faults={stack: "quota exceeded"})):
                with self.subTest(where, stack=stack), self.assertRaisesRegex(plan.Refusal, f"stack {stack} is ROLLBACK_COMPLETE: \n  First: quota exceeded"):
                    self.run_with(found)

    def test_an_undeployment_that_was_killed_goes_on_and_lists_what_is_retained(self):
        def begin():
            (self.root / "removing.json").unlink(missing_ok=True)
            cli = account()
            self.run_with(cli)
            cli.asked.clear()
            return cli

        self.run_with(begin(), "undeploy")
        listed = self.said[self.said.index("\nRetained, and still charged for:") :]
        self.assertGreater(len(listed), 6)
        for where, found in self.each(begin, what="undeploy"):
            with self.subTest(where):
                self.said.clear()
                self.run_with(found, "undeploy")
                self.assertEqual(found.stacks, {})
                self.assertEqual(self.said[-len(listed) :], listed)
                self.said.clear()
                self.run_with(found, "undeploy")
                self.assertEqual(self.said[-1], "There is nothing to remove.")

    def test_an_update_that_was_killed_goes_on(self):
        def begin():
            cli = account()
            self.run_with(cli)
            cli.asked.clear()
            for stack in cli.stacks.values():
                stack["parameters"] = stack["parameters"][1:]  # what was deployed before differs
            return cli

        whole = begin()
        self.run_with(whole)
        for where, found in self.each(begin):
            with self.subTest(where):
                self.run_with(found)
                self.assertEqual(deployed(found), deployed(whole))
                self.assertEqual({stack["status"] for stack in found.stacks.values()} - {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, set())


class States(Case):
    """Stacks as an earlier run, or another one, may have left them."""

    def test_an_operation_in_progress_is_waited_for(self):
        for status, then in (
            ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
            ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
            ("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"),
            ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"),
            ("DELETE_IN_PROGRESS", "DELETE_FAILED"),
        ):
            with self.subTest(status, then=then):
                cli = account()
                cli.put("docket", status, then, polls=200, reason="the reason of before")
                self.said.clear()
                self.run_with(cli)
                self.assertIn(f"docket is {status}: waiting for an operation that was started before", self.said)
                self.assertTrue(any("after 5 minutes" in line for line in self.said), self.said)
                self.assertRegex(self.said[-1], "the page received")
                if "ROLLBACK" in then or then == "DELETE_FAILED":
                    self.assertTrue(any("Thing: the reason of before" in line for line in self.said), self.said)

    def test_a_stack_that_cannot_be_updated_is_repaired_after_a_question(self):
        for status, command in (
            ("ROLLBACK_COMPLETE", "delete-stack"),
            ("ROLLBACK_FAILED", "delete-stack"),
            ("CREATE_FAILED", "delete-stack"),
            ("DELETE_FAILED", "delete-stack"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ):
            cli = account()
            cli.put("docket", status, reason="the reason of before")
            with self.subTest(status):
                self.run_with(cli)
                self.assertEqual(cli.order(command)[:1], ["docket"])
                self.assertTrue(any(f"stack docket is {status}: \n  Thing: the reason of before" in line for line in self.said), self.said)
            cli = account()
            cli.put("docket", status)
            with self.subTest(status, answer="no"), self.assertRaisesRegex(plan.Refusal, "no: "):
                self.run_with(cli, answers=lambda question: None if question.startswith("Deploy") else no(question))
            self.assertEqual(cli.order("delete-stack") + cli.order("continue-update-rollback"), [])

    def test_a_repair_that_fails_ends_with_its_cause_and_what_to_type(self):
        for status, words in (
            ("DELETE_FAILED", "DELETE_FAILED again: \n  Stuck: it is still used\nMend the cause, then: aws cloudformation delete-stack --stack-name docket --deletion-mode FORCE_DELETE_STACK --region eu-central-1   #"),
            ("UPDATE_ROLLBACK_FAILED", "again: \n  Stuck: it is still used\nMend the cause, then: aws cloudformation continue-update-rollback --stack-name docket --resources-to-skip"),
        ):
            cli = account(repairs_fail=True)
            cli.put("docket", status)
            with self.subTest(status), self.assertRaisesRegex(plan.Refusal, words):
                self.run_with(cli)

    def test_undeploy_goes_on_with_a_half_deleted_stack(self):
        cli = account(["docket"])
        cli.put("docket-legal-review", "DELETE_FAILED")
        cli.put("docket-web", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
        self.run_with(cli, "undeploy")
        self.assertEqual(cli.stacks, {})
        cli = account(["docket", "docket-web"], repairs_fail=True)
        with self.assertRaisesRegex(plan.Refusal, "stack docket-web is DELETE_FAILED: \n  Stuck: it is still used\nMend"):
            self.run_with(cli, "undeploy")


class Outages(Case):
    """Calls that AWS does not answer, and credentials that expire."""

    def setUp(self):
        super().setUp()
        os.environ.pop("AWS_SESSION_TOKEN", None)

    def test_every_call_may_fail_for_a_while(self):
        whole = account()
        self.run_with(whole)
        for error in (UNREACHABLE, THROTTLED, EXPIRED):
            cli = account(refusals=[answer for _ in whole.asked for answer in (error, None)] + [None] * 100)
            with self.subTest(error):
                self.run_with(cli)
                self.assertEqual(deployed(cli), deployed(whole))

    def test_the_operator_is_told_once_and_the_wait_is_limited(self):
        for error, tries, words in ((UNREACHABLE, 80, "AWS does not answer, trying again for 15 minutes"), (EXPIRED, 350, "THE CREDENTIALS HAVE EXPIRED: renew them in another terminal")):
            self.said.clear()
            self.run_with(account(refusals=[None] * 20 + [error] * tries))
            self.assertRegex(self.said[-1], "the page received")
            self.assertEqual(sum(words in line for line in self.said), 1, self.said)
            self.assertLessEqual(self.said.count("  AWS answers again"), 1)
        for error, minutes in ((UNREACHABLE, 15), (EXPIRED, 60)):
            with self.assertRaisesRegex(program.AwsError, f"That was so for {minutes} minutes. Run it again: it continues where it stopped"):
                self.run_with(account(refusals=[None] * 20 + [error] * 1000))

    def test_credentials_in_environment_variables_cannot_be_renewed_while_it_runs(self):
        with mock.patch.dict(os.environ, AWS_SESSION_TOKEN="t"), self.assertRaisesRegex(plan.Refusal, "environment variables have expired.*\n.*run it again"):
            self.run_with(account(refusals=[None] * 20 + [EXPIRED] * 1000))

    def test_new_credentials_of_another_account_are_refused(self):
        for calls in range(1, 25):
            cli = account(refusals=[None] * calls + [EXPIRED])
            cli.sts_get_caller_identity = lambda *_, cli=cli, calls=calls: {
                "Account": ACCOUNT if len(cli.asked) <= calls else "999999999999", "Arn": f"arn:aws:iam::{ACCOUNT}:user/ops", "UserId": "AIDA",
            }  # fmt: skip
            with self.subTest(calls), self.assertRaisesRegex(plan.Refusal, "new credentials are of account 999999999999"):
                self.run_with(cli)
            self.assertEqual([a[1] for a in cli.asked[calls + 1 :]], ["get-caller-identity"], "nothing was done there")

    def test_other_errors_are_not_repeated(self):
        cli = account(refusals=[None, "An error occurred (AccessDenied) when calling the HeadBucket operation"])
        with self.assertRaisesRegex(plan.Refusal, "AccessDenied"):
            self.run_with(cli)
        self.assertEqual(len(cli.asked), 2)


if __name__ == "__main__":
    unittest.main()
