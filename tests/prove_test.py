"""Tests of the game day's parts: each guarantee can be seen broken, faults are undone after a kill, and the cost is limited.

Whole game days run on the local stack: tests/local_game_day.py.
Run: .venv/bin/python -m unittest tests/prove_test.py
"""

import json
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import ACCOUNT, example, plan  # noqa: E402  found by the line above
from cli import AwsError  # noqa: E402
from faults import GameDayFaults, UndoLog  # noqa: E402
import guarantees  # noqa: E402
import unknowns  # noqa: E402
from guarantees import GUARANTEES, Guarantees  # noqa: E402
from prove import CASES, Pace, Prove, TestDocument, job_id, notified  # noqa: E402
from witness import TENANT, Witness  # noqa: E402


def row(status="Ready", attempts=1, version="v", **state):
    records = [{"M": {"n": {"N": str(number)}, "output": {"S": f"outbound/{number}"}}} for number in range(1, attempts + 1)]
    state = {name: {"S": value} for name, value in state.items()}
    return {"status": {"S": status}, "version": {"N": "4"}, "attempts": {"L": records}, "state": {"M": state}, "input": {"M": {"version": {"S": version}}}}


class Pushing:
    """A page that receives a list of pushes, each with a higher version, one at each look."""

    def __init__(self, *pushes):
        self.frames = [{"type": "job.changed", "job": {"id": job, "status": status, "version": version}} for version, (job, status) in enumerate(pushes, 1)]
        self.looked = False

    def receive(self, seconds):
        self.looked = not self.looked
        return [self.frames.pop(0)] if self.looked and self.frames else []


class Game:
    """A game day after which everything is as it should be."""

    def __init__(self):
        self.documents = [
            TestDocument("plain", "k1", job="1", row=row()),
            TestDocument("overwritten", "k2", "Failed", "Superseded", job="2", row=row("Failed", cause="Superseded", detail="d")),
            TestDocument("cancelled", "k3", "Cancelled", job="3", row=row("Cancelled")),
        ]
        self.name, self.remarks, self.before, self.others_saw, self.said, self.now = "n", [], {"1": "4"}, [], [], 0.0
        self.pushed, self.events, self.pages = {}, {"1", "2"}, {TENANT: Pushing(("1", "Ready"), ("2", "Failed"), ("3", "Cancelled"))}
        self.malformed_found, self.audit, self.missing_objects, self.allowed_to_others = [{}], ["n about 3"], set(), 404
        self.listed = {"1", "2", "3"}
        self.environment = example()
        self.outputs, self.pace, self.say = {"JobsBucketName": "b"}, types.SimpleNamespace(max_wait=3.0, pushes=9.0, poll=1.0), self.said.append

    def rows(self):
        return [{"job_id": {"S": job}} for job in self.listed]

    def versions(self):
        return [{"Key": one.key, "VersionId": "v"} for one in self.documents]

    def aws(self, *command):
        if command[-1] in self.missing_objects:
            raise AwsError("404")

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def quarantined(self):
        return self.malformed_found

    def read_events(self):
        return self.events

    def read_pages(self):
        Witness.read_pages(self)

    def of(self, case):
        return [one for one in self.documents if one.case == case]

    def counts(self):
        return {}

    def api(self, _method, path, groups="[support]"):
        if path == "/audit":
            return 200, {"entries": [{"reason": "game day n", "target": text} for text in self.audit]}
        return (200, {}) if groups == "[support]" else (self.allowed_to_others, None)

    def broken(self):
        Guarantees(self).report()
        return [number for number in GUARANTEES if any(line.startswith(f"  BROKEN {number:>2}  ") for line in self.said)]


class EveryUnknown(unittest.TestCase):
    """What docs/deploy.md calls untested, and what a game day says about it."""

    def test_each_point_of_the_guide_is_answered(self):
        guide = (plan.ROOT / "docs" / "deploy.md").read_text()
        points = guide.split("In particular, these are untested:")[1].split("## ")[0].strip().split("\n- ")
        points = [point.removeprefix("- ") for point in points]
        for point in points:
            self.assertTrue(any(point.startswith(beginning) for beginning in unknowns.POINTS), point)
        self.assertEqual(len(points), len(unknowns.POINTS))
        found = unknowns.Unknowns(Answering())
        found.look()
        answers = dict(found.answers())
        self.assertEqual(set(answers), {question for questions in unknowns.POINTS.values() for question in questions})
        self.assertEqual(answers["instance pools with InferenceAmiVersion"], "in service with al2-ami-sagemaker-inference-gpu-3-1 and the pools ml.g6.2xlarge: 1, ml.g5.2xlarge: 0")
        self.assertEqual(answers["what the company brings"], "KeyArn: in use here")
        self.assertEqual(answers["unit of TimeInBacklog"], "largest value 90000000 (None), in a game day of 120 s: microseconds")

    def test_what_aws_refuses_to_answer_is_said(self):
        found = unknowns.Unknowns(Answering(refused=True))
        found.look()
        self.assertTrue(all(answer.startswith("not seen: ") for question, answer in found.found.items() if question != "what the company brings"))


class Answering:
    """A game day on an account that answers each question, or refuses."""

    def __init__(self, refused=False):
        self.environment, self.refused, self.began = example(service={"ServiceName": "docket", "KeyArn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"}), refused, 0.0
        self.outputs = {"ReconcilerFunctionName": "docket-reconciler", "JobsTableName": "t"}
        self.documents = [TestDocument("plain", "k", job="1", row={**row(), "updated_at": {"N": "60000"}})]

    def clock(self):
        return 120.0

    def environment_endpoint(self):
        return "docket-legal-review"

    def invoke(self, name, payload):
        return self.aws("lambda", "invoke")

    def aws(self, *command):
        if self.refused:
            raise AwsError("AccessDenied")
        return {
            "get-function-configuration": {"Architectures": ["arm64"], "Role": "r"},
            "invoke": {"incomplete": False},
            "describe-table": {"Table": {"TableArn": "arn"}},
            "simulate-principal-policy": {"EvaluationResults": [{"EvalDecision": "allowed"}]},
            "describe-endpoint": {"ProductionVariants": [{"CurrentInstanceCount": 1, "DesiredInstanceCount": 1, "InstancePools": [{"InstanceType": "ml.g6.2xlarge", "CurrentInstanceCount": 1}, {"InstanceType": "ml.g5.2xlarge", "CurrentInstanceCount": 0}]}]},
            "get-metric-statistics": {"Datapoints": [{"Maximum": 90e6, "Unit": "None"}]},
            "list-metrics": {"Metrics": [{"Dimensions": [{"Name": "InstanceType"}]}]},
        }[command[1]]


class Kept(unittest.TestCase):
    def test_all_guarantees_can_be_kept_and_each_can_be_broken(self):
        self.assertEqual(Game().broken(), [])
        for number, change in (
            (1, lambda game: game.listed.remove("1")),
            (2, lambda game: game.documents[0].row.update(status={"S": "InProgress"})),
            (3, lambda game: game.missing_objects.add("outbound/1")),
            (3, lambda game: game.documents[0].row["input"]["M"].update(version={"S": "older"})),
            (4, lambda game: game.documents[0].row.update(version={"N": "5"})),
            (5, lambda game: game.documents[0].row.update(row(attempts=2))),
            (6, lambda game: game.malformed_found.clear()),
            (7, lambda game: game.pages[TENANT].frames.pop(0)),
            (8, lambda game: game.others_saw.append("1")),
            (8, lambda game: setattr(game, "allowed_to_others", 200)),
            (9, lambda game: game.audit.clear()),
            (10, lambda game: game.events.remove("2")),
        ):
            with self.subTest(number):
                game = Game()
                change(game)
                # A job that has not ended has no result either, for which guarantee 3 looks.
                self.assertEqual([one for one in game.broken() if (number, one) != (2, 3)], [number])

    def test_a_job_that_failed_for_another_reason_is_no_expected_end(self):
        game = Game()
        game.documents[1].row = row("Failed", cause="ModelError", detail="d")
        self.assertEqual(game.broken(), [2])
        self.assertIn("Failed (ModelError: d) after 1 attempts, expected Failed (Superseded)", "\n".join(game.said))

    def test_a_page_shows_the_highest_version_whatever_arrives_last(self):
        game = Game()
        frames = game.pages[TENANT].frames
        frames.insert(1, {"type": "job.changed", "job": {"id": "1", "status": "InProgress", "version": 0}})
        self.assertEqual(game.broken(), [])
        self.assertEqual(frames, [], "all were read")

    def test_every_guarantee_has_its_check(self):
        self.assertEqual(set(GUARANTEES), set(range(1, 11)))
        self.assertTrue(all(hasattr(Guarantees, f"guarantee_{number}") for number in GUARANTEES))
        self.assertLess(guarantees.MAX_LOST_PUSHES, 0.1)


class Ids(unittest.TestCase):
    def test_ids_of_jobs_are_those_of_the_service(self):
        """A test of crates/jobs reads the same file."""
        examples = json.loads((plan.ROOT / "tests" / "job_ids.json").read_text())
        for one in examples:
            self.assertEqual(job_id(one["bucket"], one["key"], one["version"]), one["job_id"])
        self.assertTrue(any(one["version"] for one in examples))


class Killed(BaseException):
    """The end of a process."""


class Undone(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path, self.asked = pathlib.Path(folder.name) / "undo.json", []
        self.die_at = None
        self.concurrency = {"ReservedConcurrentExecutions": 3}

    def aws(self, *command):
        self.asked.append(command)
        if self.die_at == len(self.asked):
            raise Killed
        if command[1] == "list-event-source-mappings":
            return {"EventSourceMappings": [{"UUID": "u"}]}
        if command[1] == "get-event-source-mapping":
            return {"State": "Enabled" if self.asked.count(("lambda", "update-event-source-mapping", "--uuid", "u", "--enabled")) else "Disabled"}
        return self.concurrency if command[1] == "get-function-concurrency" else {}

    def faults(self):
        undo_log = UndoLog(self.path, self.aws, print)
        return undo_log, GameDayFaults(self.aws, undo_log, "docket", Pace(poll=0), lambda seconds: None)

    def test_a_fault_is_undone_at_its_end_also_after_an_error(self):
        undo_log, faults = self.faults()
        with self.assertRaises(plan.Refusal), faults.throttled("capacity"), faults.mapping_off("upload-trigger"):
            raise plan.Refusal("x")
        self.assertEqual(undo_log.commands(), [])
        self.assertEqual(self.asked[-1], ("lambda", "put-function-concurrency", "--function-name", "docket-capacity", "--reserved-concurrent-executions", "3"))

    def test_a_function_without_reserved_concurrency_has_none_afterwards(self):
        self.concurrency = {}
        _, faults = self.faults()
        with faults.throttled("retry"):
            pass
        self.assertEqual(self.asked[-1][:2], ("lambda", "delete-function-concurrency"))

    def test_a_run_that_is_killed_at_any_call_is_undone_by_the_next(self):
        for at in range(1, 9):
            with self.subTest(at):
                self.asked, self.die_at = [], at
                _, faults = self.faults()
                try:
                    with faults.throttled("capacity"), faults.mapping_off("upload-trigger"):
                        raise Killed
                except Killed:
                    pass
                changed = [command[1] for command in self.asked]
                self.die_at = None
                undo_log, _ = self.faults()
                undo_log.undo()
                self.assertEqual(undo_log.commands(), [])
                if "put-function-concurrency" in changed:
                    self.assertIn(("lambda", "put-function-concurrency", "--function-name", "docket-capacity", "--reserved-concurrent-executions", "3"), self.asked)
                if "update-event-source-mapping" in changed:
                    self.assertIn(("lambda", "update-event-source-mapping", "--uuid", "u", "--enabled"), self.asked)

    def test_what_is_gone_needs_no_undoing(self):
        def gone(*_):
            raise AwsError("ResourceNotFoundException: rule x does not exist")

        undo_log = UndoLog(self.path, gone, print)
        undo_log.add("events", "delete-rule")
        undo_log.undo()
        self.assertEqual(undo_log.commands(), [])


class Before(unittest.TestCase):
    def test_the_cost_has_a_limit_and_is_said(self):
        image = {"ImageUri": "i"}
        said = []
        with self.assertRaisesRegex(plan.Refusal, r"above the limit of \$15.00: lower MaxInstances"):
            Prove(example(endpoints={"legal-review": {**image, "MaxInstances": "50"}}), None, said.append, lambda question: None).confirm()
        Prove(example(endpoints={"legal-review": {**image, "MaxInstances": "2"}}), None, said.append, lambda question: None).confirm()
        self.assertRegex(said[-1], r"A game day with 100 documents of tenant prove through legal-review: at most 55 minutes and \$\d\.\d\d")
        self.assertEqual(sum(CASES.values()) + CASES["overwritten"], 100)

    def test_notifications_are_recognized_wrapped_or_raw(self):
        self.assertEqual(notified(json.dumps({"inferenceId": "j.a1"})), "j")
        self.assertEqual(notified(json.dumps({"Message": json.dumps({"inferenceId": "j.a12"})})), "j")
        for other in ("", "[]", "{}", "no JSON", '{"inferenceId": 3}'):
            self.assertIsNone(notified(other))


if __name__ == "__main__":
    unittest.main()
