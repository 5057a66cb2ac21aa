"""What was changed by hand in the stacks is said before a change set is applied, and never ends a deployment.

Run: .venv/bin/python -m unittest tests/drift_test.py
"""

import os
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import example  # noqa: E402  found by the line above
from deploy_test import Case, account, program  # noqa: E402
from fake_account import NOW  # noqa: E402
import drift  # noqa: E402


def row(name="ChecksQueue", kind="AWS::SQS::Queue", status="MODIFIED", **changed):
    """A resource that was changed by hand: its properties with the values of the template and the present ones."""
    differences = [{"PropertyPath": f"/{path}", "ExpectedValue": before, "ActualValue": after, "DifferenceType": "NOT_EQUAL"} for path, (before, after) in changed.items()]
    more = {"PropertyDifferences": differences} if differences else {}
    return {"StackId": "id-of-docket", "LogicalResourceId": name, "ResourceType": kind, "StackResourceDriftStatus": status, "Timestamp": NOW, **more}


QUEUE = row(VisibilityTimeout=("360", "5"))


class Drifts(Case):
    def setUp(self):
        super().setUp()
        os.environ.pop("REVERT_DRIFT", None)

    def deployed(self, **state):
        """An account in which everything is deployed."""
        cli = account()
        self.run_with(cli)
        cli.asked.clear()
        self.said.clear()
        for key, value in state.items():
            setattr(cli, key, value)
        return cli

    def test_a_first_deployment_has_nothing_to_compare(self):
        cli = account()
        self.run_with(cli)
        self.assertNotIn("unknown", "\n".join(self.said))
        self.assertNotIn("cloudformation describe-stack-drift-detection-status", cli.commands())

    def test_all_stacks_are_compared_before_their_change_sets(self):
        cli = self.deployed()
        self.run_with(cli)
        self.assertEqual(cli.order("detect-stack-drift"), example().stack_names())
        self.assertEqual(set(cli.stacks), set(example().stack_names()))
        last = max(at for at, command in enumerate(cli.commands()) if command == "cloudformation describe-stack-resource-drifts")
        self.assertLess(last, cli.commands().index("cloudformation create-change-set"))
        self.assertNotIn("by hand", "\n".join(self.said))

    def test_what_was_changed_by_hand_is_said_with_what_the_deployment_does_to_it(self):
        rows = [QUEUE, row("RetryRole", "AWS::IAM::Role", Policies=("[...]", "[... ]")), row("UploadsQueueStalled", "AWS::CloudWatch::Alarm", "DELETED")]
        cli, asked = self.deployed(drifted={"docket": rows}), []
        self.run_with(cli, answers=lambda question: asked.append((question, len(self.said))))
        text = "\n".join(self.said)
        self.assertIn("docket: changed by hand (drift), 3 resources:\n  AWS::SQS::Queue ChecksQueue: VisibilityTimeout is 5 instead of 360\n      this deployment leaves it so", text)
        self.assertIn("  AWS::IAM::Role RetryRole: Policies changed\n", text)
        self.assertIn("  AWS::CloudWatch::Alarm UploadsQueueStalled: deleted\n      this deployment does not create it again", text)
        self.assertEqual(text.count("changed by hand"), 1)
        self.assertRegex(self.said[-1], "the page received", "it went on")

    def test_it_is_said_before_the_question(self):
        cli, before = self.deployed(drifted={"docket-legal-review": [row("EndpointConfig", "AWS::SageMaker::EndpointConfig", KmsKeyId=("", "k"))]}), []
        image = {"ImageUri": f"{example().given['account']}.dkr.ecr.eu-central-1.amazonaws.com/legal-review:2"}
        self.run_with(cli, answers=lambda question: before.append("\n".join(self.said)) if question == "Apply these changes?" else None, endpoints={"legal-review": image})
        self.assertIn("this deployment replaces it by one that is as the template says", before[0])

    def test_changes_can_be_set_back(self):
        cli = self.deployed(drifted={"docket": [QUEUE]})
        with mock.patch.dict(os.environ, REVERT_DRIFT="1"):
            self.run_with(cli)
        self.assertIn("      this deployment sets it back to what the template says", self.said)
        self.assertEqual(cli.drifted, {})
        modes = [a[a.index("--deployment-mode") + 1] for a in cli.asked if "--deployment-mode" in a]
        self.assertEqual(modes, ["REVERT_DRIFT"] * 4)
        with mock.patch.dict(os.environ, REVERT_DRIFT="1"):
            self.run_with(account())  # the fake account refuses the mode for a new stack

    def test_nothing_about_drift_ends_a_deployment(self):
        def denied(*_):
            raise program.AwsError("An error occurred (AccessDenied) when calling the DetectStackDrift operation: no\nmore")

        for change, words in (
            ({"cloudformation_detect_stack_drift": denied}, "docket: what was changed by hand is unknown: An error occurred (AccessDenied)"),
            ({"cloudformation_describe_stack_drift_detection_status": denied}, "docket: what was changed by hand is unknown: An error occurred (AccessDenied)"),
            ({"cloudformation_describe_stack_resource_drifts": denied}, "docket: what was changed by hand is unknown: An error occurred (AccessDenied)"),
            ({"drift_polls": 10_000}, "docket-web: what was changed by hand is unknown: CloudFormation has not compared its resources within 5 minutes"),
            ({"drift_failed": "Failed to detect drift on resource [RetryRole]"}, "docket: CloudFormation could not compare all resources: Failed to detect drift on resource [RetryRole]"),
        ):
            cli = self.deployed(**change)
            with self.subTest(words):
                self.run_with(cli)
                self.assertTrue(any(words in line for line in self.said), self.said)
                self.assertRegex(self.said[-1], "the page received")

    def test_a_stack_that_cannot_be_compared_is_repaired_all_the_same(self):
        cli = account()
        cli.put("docket", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
        self.run_with(cli)
        self.assertTrue(any("docket: what was changed by hand is unknown: " in line for line in self.said), self.said)
        self.assertRegex(self.said[-1], "the page received")


class Words(unittest.TestCase):
    def test_what_the_service_changes_itself_is_not_said(self):
        target = row("ScalableTarget", "AWS::ApplicationAutoScaling::ScalableTarget", MinCapacity=("0", "1"))
        self.assertEqual(drift.differences(target), [])
        self.assertEqual(len(drift.differences(QUEUE)), 1)

    def test_values_that_may_be_secrets_are_not_said(self):
        self.assertEqual(drift.words(row(Environment=("token", "other"))), "Environment changed")
        many = row(**{f"P{number}": ("1", "2") for number in range(7)})
        self.assertEqual(drift.words(many).count(" is 2 instead of 1"), 5)
        self.assertTrue(drift.words(many).endswith(" and 2 more"))

    def test_the_effect_follows_from_the_change_set(self):
        modified, deleted = QUEUE, row(status="DELETED")
        change = {"LogicalResourceId": "ChecksQueue", "Action": "Modify", "Replacement": "False"}
        of = lambda name: {**change, "Details": [{"Target": {"Attribute": "Properties", "Name": name}}]}  # noqa: E731
        for found, given, words in (
            (modified, None, "leaves it so"),
            (deleted, None, "does not create it again"),
            (modified, of("VisibilityTimeout"), "overwrites VisibilityTimeout"),
            (modified, of("MessageRetentionPeriod"), "changes other properties of it, and may overwrite that too"),
            (deleted, change, "changes it, and fails at that, since it is gone"),
            (modified, {**change, "Replacement": "True"}, "replaces it by one that is as the template says"),
            (modified, {**change, "Action": "Remove"}, "removes the resource"),
            (deleted, {**change, "Action": "Add"}, "creates it again"),
        ):
            with self.subTest(words):
                self.assertEqual(drift.effect(found, given), words)


if __name__ == "__main__":
    unittest.main()
