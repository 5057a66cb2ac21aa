"""`make deploy` of another model: its pipelines are paused until nothing is at the endpoint, and are resumed whatever happens.

Run: .venv/bin/python -m unittest tests/model_change_test.py
"""

import os
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_again_test import Killed, deployed, no  # noqa: E402  found by the line above
from deploy_plan_test import ACCOUNT, example, plan  # noqa: E402
from deploy_test import Case, account  # noqa: E402

SUPPORT = "legal-review:*\t9999999999999\t1\tsam@docket.example\tthe printer is on fire"
OTHERS = ["*:acme\t9999999999999\t1\tsam@docket.example\twrong folder", ">legal-review\topen\t9999999999999\t4\t540", "!ocr-batch:*\t0\t0\t-\t-\t-\t"]
QUESTION = "3 attempts have been at docket-legal-review for 60 minutes. Change the model under them?"


def with_image(version):
    image = {**example().endpoints["legal-review"], "ImageUri": f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/review:{version}"}
    return {"endpoints": {"legal-review": image}}


def record(lines):
    return {"pk": {"S": "pauses"}, "sk": {"S": "now"}, "body": {"S": "\n".join(lines)}, "revision": {"N": "7"}, "expires_at": {"N": "1"}}


class ModelChanges(Case):
    def deployed(self, lines=(), **state):
        """An account with the first version, and pauses."""
        cli = account()
        self.run_with(cli, **with_image(1))
        self.said.clear()
        for name in ("asked", "audits"):
            getattr(cli, name).clear()
        cli.changed.clear()
        cli.pauses = record(lines) if lines else None
        for key, value in state.items():
            setattr(cli, key, value)
        return cli

    def test_jobs_wait_until_nothing_is_at_the_endpoint_and_go_on_after_the_update(self):
        cli = self.deployed(OTHERS, at_endpoint=[3, 3, 1, 0])
        self.run_with(cli, **with_image(2))
        scope, _, _, actor, reason = cli.changed["docket-legal-review"][-1].split("\t")
        self.assertEqual((scope, actor, reason), ("legal-review:*", f"make deploy (arn:aws:iam::{ACCOUNT}:user/ops)", "model change: docket-legal-review"))
        self.assertEqual(cli.changed["docket-legal-review"][:-1], OTHERS)
        self.assertEqual(cli.paused(), OTHERS)
        self.assertEqual([(one["action"], one["target"]) for one in cli.audits], [("pause", "pipeline legal-review"), ("resume", "pipeline legal-review")])
        self.assertIn("  attempts at the endpoint: 3", self.said)
        self.assertLess(self.said.index("  nothing is at the endpoint"), self.said.index("docket-legal-review: update complete"))
        probe = next(at for at, arguments in enumerate(cli.asked) if arguments[:2] == ("s3api", "copy-object"))
        self.assertLess(max(at for at, arguments in enumerate(cli.asked) if '"pauses"' in str(arguments)), probe, "the probe is not paused")

    def test_no_empty_endpoint_is_believed_while_a_function_may_not_know_of_the_pause(self):
        cli = self.deployed()
        self.run_with(cli, **with_image(2))
        scans = [arguments for arguments in cli.asked if arguments[:2] == ("dynamodb", "scan")]
        self.assertEqual(len(scans), 6, "for a minute and a quarter")
        self.assertIn("attribute_exists(sent_s)", scans[0][scans[0].index("--filter-expression") + 1])

    def test_a_deployment_that_changes_no_model_pauses_nothing(self):
        cli = self.deployed()
        self.run_with(cli, **with_image(1))
        given = {**with_image(1)["endpoints"]["legal-review"], "MaxInstances": "3"}
        self.run_with(cli, endpoints={"legal-review": given})
        self.assertEqual((cli.changed["docket-legal-review"], cli.audits, cli.pauses), ([], [], None))

    def test_jobs_go_on_when_the_new_version_takes_the_requests_so_that_a_rollback_has_failures_to_count(self):
        cli = self.deployed(variant_statuses=["Creating", "ActivatingTraffic", "Baking"], polls={"docket-legal-review": 100})
        self.run_with(cli, **with_image(2))
        told = "docket-legal-review: the new version takes all requests"
        self.assertLess(self.said.index(told), self.said.index("docket-legal-review: update complete"))
        self.assertEqual([one.get("detail") for one in cli.audits], [None, "the new version takes all requests"])
        self.assertEqual(cli.paused(), [])

    def test_a_pause_is_renewed_while_the_update_takes_long_and_ends_by_itself_after_a_kill(self):
        cli = self.deployed(polls={"docket-legal-review": 600})  # fifty minutes
        ends, put = [], cli.dynamodb_put_item

        def seen(*arguments):
            put(*arguments)
            ends.extend(int(line.split("\t")[1]) for line in cli.paused())
            return {}

        cli.dynamodb_put_item = seen
        self.run_with(cli, **with_image(2))
        steps = [later - earlier for earlier, later in zip(ends, ends[1:]) if later > earlier]
        self.assertEqual(len(steps), 5)
        self.assertTrue(all(step <= 630_000 for step in steps), steps)

    def test_an_update_that_takes_hours_does_not_hold_jobs_for_ever(self):
        cli = self.deployed(polls={"docket-legal-review": 4000})
        self.run_with(cli, **with_image(2))
        self.assertIn("docket-legal-review: its update takes more than 3 hours", self.said)
        self.assertEqual(cli.paused(), [])

    def test_attempts_that_do_not_end_are_asked_about_and_a_no_changes_nothing(self):
        cli = self.deployed(OTHERS, at_endpoint=[3])
        answers = lambda question: no(question) if question == QUESTION else None  # noqa: E731
        with self.assertRaisesRegex(plan.Refusal, "no: 3 attempts"):
            self.run_with(cli, answers=answers, **with_image(2))
        self.assertNotIn("cloudformation execute-change-set", cli.commands())
        self.assertEqual(cli.paused(), OTHERS)
        asked = []
        self.run_with(cli, answers=asked.append, **with_image(2))
        self.assertIn(QUESTION, asked)
        with mock.patch.dict(os.environ, DRAIN_MINUTES="5"):
            self.run_with(cli, answers=asked.append, **with_image(3))
        self.assertIn(QUESTION.replace("60", "5"), asked)

    def test_a_failed_update_and_an_interrupted_one_resume(self):
        cli = self.deployed(OTHERS, faults={"docket-legal-review": "no capacity"})
        with self.assertRaisesRegex(plan.Refusal, "no capacity"):
            self.run_with(cli, **with_image(2))
        self.assertEqual(cli.paused(), OTHERS)
        for command in ("scan", "execute-change-set", "describe-stacks"):
            cli = self.deployed(OTHERS)
            name = f"{'dynamodb' if command == 'scan' else 'cloudformation'}_{command.replace('-', '_')}"
            usual = getattr(cli, name)

            def interrupted(arguments, values, usual=usual, cli=cli):
                if any("model change" in line for line in cli.paused()):
                    raise KeyboardInterrupt
                return usual(arguments, values)

            setattr(cli, name, interrupted)
            with self.subTest(command), self.assertRaises(KeyboardInterrupt):
                self.run_with(cli, **with_image(2))
            self.assertEqual(cli.paused(), OTHERS)
            self.assertEqual([one["action"] for one in cli.audits], ["pause", "resume"])

    def test_a_pause_that_cannot_be_ended_does_not_hide_the_error(self):
        cli = self.deployed(faults={"docket-legal-review": "no capacity"})
        usual = cli.dynamodb_put_item

        def refused(arguments, values):
            if '"pauses"' in values["--item"] and cli.paused():
                raise cli.error("An error occurred (AccessDeniedException)")
            return usual(arguments, values)

        cli.dynamodb_put_item = refused
        with self.assertRaisesRegex(plan.Refusal, "no capacity"):
            self.run_with(cli, **with_image(2))
        self.assertTrue(any("It ends by itself within 30 minutes" in line for line in self.said), self.said)

    def test_nothing_is_resumed_with_credentials_of_another_account(self):
        cli = self.deployed(faults={"docket-legal-review": "no capacity"})
        executed = cli.cloudformation_execute_change_set
        cli.cloudformation_execute_change_set = lambda *arguments: setattr(cli, "number", "999999999999") or executed(*arguments)
        with self.assertRaisesRegex(plan.Refusal, "no capacity"):
            self.run_with(cli, **with_image(2))
        self.assertEqual(len(cli.paused()), 1)
        self.assertTrue(any("could not be ended: the credentials are of another account" in line for line in self.said), self.said)

    def test_a_pause_of_support_stays(self):
        cli = self.deployed([SUPPORT])
        self.run_with(cli, **with_image(2))
        self.assertEqual(len(cli.changed["docket-legal-review"]), 2)
        self.assertEqual(cli.paused(), [SUPPORT])

    def test_a_resume_by_support_is_obeyed(self):
        cli = self.deployed(polls={"docket-legal-review": 300})
        executed = cli.cloudformation_execute_change_set

        def resumed(*arguments):
            cli.pauses = record(OTHERS)
            return executed(*arguments)

        cli.cloudformation_execute_change_set = resumed
        self.run_with(cli, **with_image(2))
        self.assertIn("docket-legal-review: its pause has ended, or support has resumed it; documents may meet either version", self.said)
        self.assertEqual(cli.paused(), OTHERS)

    def test_changes_of_others_at_the_same_moment_are_kept(self):
        cli = self.deployed(OTHERS)
        usual, more = cli.dynamodb_get_item, [SUPPORT.replace("legal-review", "ocr-batch"), SUPPORT.replace("legal-review", "doc-understanding")]
        added = []

        def raced(arguments, values):
            answer = usual(arguments, values)
            if "pauses" in values["--key"] and more:
                added.append(more.pop())
                revision = int(cli.pauses["revision"]["N"]) + 1
                cli.pauses = {**cli.pauses, "body": {"S": "\n".join([*cli.paused(), added[-1]])}, "revision": {"N": str(revision)}}
            return answer

        cli.dynamodb_get_item = raced
        self.run_with(cli, **with_image(2))
        self.assertEqual(cli.paused(), [*OTHERS, *added])


class KilledModelChanges(Killed):
    def test_a_second_run_after_a_kill_deploys_the_model_and_leaves_no_pause(self):
        def begin():
            cli = account()
            self.run_with(cli, **with_image(1))
            cli.asked.clear()
            cli.pauses = record(OTHERS)
            return cli

        whole = begin()
        self.run_with(whole, **with_image(2))
        for where, found in self.each(begin, **with_image(2)):
            with self.subTest(where):
                self.run_with(found, **with_image(2))
                self.assertEqual(deployed(found), deployed(whole))
                self.assertEqual(found.paused(), OTHERS)


if __name__ == "__main__":
    unittest.main()
