"""Tests of the parts of the comparison that need no cloud: classification, table, planned faults, parsing."""

import unittest

import compare
import cost
from outcomes import CANCELLED, FAILED, READY, SUPERSEDED, Row, Totals, UploadedDocument, classify, format_duration, table
from fault_injection import point_of_write
from proxies import Exchange, Fault, PlannedFaults, Traffic, job_in, job_of, notification_of, operation, tag_in

UPLOADED = 1000.0


def document(expected: str = READY) -> UploadedDocument:
    return UploadedDocument("a scenario", "case01-0", "inbound/acme/case01-0.pdf", "e", expected)


def row(state: str, output: str | None = "out/1") -> Row:
    return Row("job", "e", state, output, UPLOADED + 7)


class ClassifyTest(unittest.TestCase):
    """`classify` by the row and the existing objects."""

    def classify(self, expected: str, rows: list[Row], runs: list[int], objects: set[str]):
        return classify(document(expected), rows, runs, {"out/1"}, objects, UPLOADED)

    def test_expected_end_is_right_with_its_duration(self):
        there = {"out/1"}
        for expected, found, objects in ((READY, READY, there), (FAILED, FAILED, set()), (SUPERSEDED, SUPERSEDED, there)):
            outcome = self.classify(expected, [row(found)], [200], objects)
            self.assertEqual((outcome.seconds, outcome.problem), (7.0, ""), expected)
            self.assertFalse(outcome.lost or outcome.stuck or outcome.repeated or outcome.wrong or outcome.given_up)

    def test_document_without_record_is_lost_and_open_record_is_stuck(self):
        self.assertEqual(self.classify(READY, [], [], set()).lost, 1)
        stuck = self.classify(READY, [row("open")], [200], {"out/1"})
        self.assertEqual((stuck.stuck, stuck.wrong, stuck.seconds), (1, 0, None))

    def test_false_record_is_wrong(self):
        for expected, found, objects in (
            (READY, FAILED, {"out/1"}),
            (READY, READY, set()),
            (SUPERSEDED, READY, {"out/1"}),
            (FAILED, READY, {"out/1"}),
        ):
            outcome = self.classify(expected, [row(found)], [200], objects)
            self.assertEqual((outcome.wrong, outcome.given_up, outcome.seconds), (1, 0, None), f"{expected} {found}")
        self.assertEqual(self.classify(READY, [row(READY), row(READY)], [200], {"out/1"}).wrong, 1)

    def test_cancelled_document_is_right_if_the_model_never_ran(self):
        for found in (CANCELLED, FAILED):
            self.assertEqual(self.classify(CANCELLED, [row(found, None)], [], set()).seconds, 7.0)
            self.assertEqual(self.classify(CANCELLED, [row(found, None)], [200], {"out/1"}).wrong, 1)
        self.assertEqual(self.classify(CANCELLED, [row(READY)], [200], {"out/1"}).wrong, 1)

    def test_failure_without_another_try_is_given_up(self):
        outcome = self.classify(READY, [row(FAILED, None)], [500], set())
        self.assertEqual((outcome.given_up, outcome.wrong, outcome.repeated), (1, 0, 0))

    def test_repeated_runs_without_model_error_are_counted(self):
        for runs, repeated in (([200], 0), ([500, 200], 0), ([200, 200], 1), ([400, 400, 400], 2), ([], 0)):
            self.assertEqual(self.classify(READY, [row(READY)], runs, {"out/1"}).repeated, repeated, runs)


class TableTest(unittest.TestCase):
    """`table` and its cells."""

    def test_durations_are_formatted_with_units(self):
        for seconds, text in ((None, "–"), (0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h"), (23_520, "6 h 32 min")):
            self.assertEqual(format_duration(seconds), text)

    def test_last_line_of_the_table_is_the_sum(self):
        one, other = Totals(), Totals()
        for totals, expected in ((one, READY), (other, FAILED)):
            totals.add(classify(document(), [row(expected)], [200], {"out/1"}, {"out/1"}, UPLOADED), calls=9)
        lines = table({"first": {"a": one, "b": other}, "second": {"a": one, "b": other}}, ("a", "b"))
        self.assertEqual(len(lines), 5)
        self.assertRegex(lines[-1], r"^all +2 .*· / 2.* 9\.0 / 9\.0 +7 s / –$")
        self.assertEqual(one.summary()["right"], 1)
        self.assertEqual(other.summary()["longest_seconds"], None)


class CostTest(unittest.TestCase):
    """Dollars per million jobs."""

    def test_calls_indexes_and_operations_are_added_up(self):
        traffic = Traffic()
        for tag in ("case00-0", "case00-1"):
            traffic.calls_for[tag].update({"f dynamodb.PutItem": 2, "f s3.HEAD": 1, "f sagemaker.POST": 1})
            traffic.durable_operations[tag] |= {"start", "a", "b"}
            traffic.durable_bytes[tag] = 1000
        found = cost.of_job(traffic, ["case00-0", "case00-1"], {"index_writes": 1, "messages": 2, "invocations": 1, "milliseconds": 0})
        expected = {"dynamodb": 3 * 0.625, "s3": 0.4 + cost.OF_THE_ENDPOINT, "sqs": 0.96, "lambda": 0.2, "durable": 24 + cost.DURABLE_GB}
        self.assertEqual({name: round(value, 6) for name, value in found.items()}, {name: round(value, 6) for name, value in expected.items()})
        self.assertRegex(cost.table({"a": found, "b": {}})[-1], r"^all +\d+\.\d\d +0\.00$")


class FaultsTest(unittest.TestCase):
    """Faults are injected where and as often as planned."""

    def setUp(self):
        self.now = 0.0
        self.faults = PlannedFaults(lambda: self.now)

    def injected_at(self, point: str) -> str | None:
        fault = self.faults.at("a", "case01-0", point)
        return fault and fault.what

    def test_fault_is_injected_the_planned_number_of_times(self):
        self.faults.add("a", "case01-0", "invoke", Fault("first"))
        self.faults.add("a", "case01-0", "invoke", Fault("second", times=2))
        self.assertIsNone(self.injected_at("record"))
        self.assertIsNone(self.faults.at("b", "case01-0", "invoke"))
        self.assertEqual([self.injected_at("invoke") for _ in range(3)], ["first", "second", "second"])
        self.assertIsNone(self.injected_at("invoke"))
        self.assertEqual(self.faults.injected["a", "second"], 2)

    def test_fault_is_injected_until_its_end_time(self):
        self.faults.add("a", "case01-0", "invoke", Fault("for a while", until=10))
        self.assertEqual([self.injected_at("invoke") for _ in range(2)], ["for a while"] * 2)
        self.now = 10.0
        self.assertIsNone(self.injected_at("invoke"))
        self.assertEqual(self.faults.unused(), [])

    def test_fault_that_was_not_injected_is_reported(self):
        self.faults.add("a", "case01-0", "record", Fault("killed"))
        self.assertEqual(self.faults.unused(), ["a case01-0 record: killed"])


class ParsingTest(unittest.TestCase):
    """Parsing of requests and rows."""

    def test_tags_and_job_ids_are_found(self):
        self.assertEqual(tag_in("s3://b/inbound/acme/case12-3 with spaces.pdf"), "case12-3")
        self.assertIsNone(tag_in("s3://b/work/0c6b"))
        self.assertEqual((job_of("1f9679f3.a12"), job_of("abc")), ("1f9679f3", "abc"))
        self.assertEqual(job_in(b'{"Key": {"job_id": {"S": "j"}}}'), "j")
        self.assertIsNone(job_in(b'{"Key": {"tenant": {"S": "j"}}}'))

    def test_only_inference_results_are_notifications(self):
        def publish(message: str) -> Exchange:
            return Exchange("POST", "/", {}, f"Action=Publish&Message={message}".encode(), 0)

        self.assertEqual(notification_of(publish('{"inferenceId":"j"}')), {"inferenceId": "j"})
        self.assertIsNone(notification_of(publish('{"eventName":"TestNotification"}')))
        self.assertIsNone(notification_of(Exchange("PUT", "/b/k", {}, b"", 0)))

    def test_operations_of_lambda_are_named_by_their_path(self):
        for path, name in (
            ("/2015-03-31/functions/durable-review/invocations", "lambda.Invoke"),
            ("/2025-12-01/durable-executions/arn%3Ax/checkpoint", "lambda.CheckpointDurableExecution"),
            ("/2025-12-01/durable-execution-callbacks/c/succeed", "lambda.SendCallbackSuccess"),
            ("/bucket/2015-03-31/invocations", "unknown.GET"),
        ):
            self.assertEqual(operation(Exchange("GET", path, {}, b"", 0)), name)

    def test_writes_of_a_durable_function_are_at_all_points(self):
        for body, is_accepted, point in ((b"RECEIVED", False, "create"), (b"IN_PROGRESS", True, "record"), (b'"READY"', True, "outcome"), (b'"FAILED"', False, "outcome")):
            self.assertEqual(point_of_write("durable", body, is_accepted), point)
        self.assertEqual(point_of_write("submit", b'"READY"', True), "record")
        self.assertEqual(point_of_write("outcome", b"", False), "outcome")

    def test_rows_of_both_sides_are_parsed(self):
        docket = {
            "job_id": {"S": "j"}, "status": {"S": "Failed"}, "updated_at": {"N": "7000"},
            "state": {"M": {"attempt": {"N": "1"}, "cause": {"S": "Superseded"}}},
            "attempts": {"L": [{"M": {"n": {"N": "1"}, "output": {"S": "out/1"}}}]},
            "input": {"M": {"etag": {"S": "e"}}},
        }
        self.assertEqual(compare.docket_row(docket), Row("j", "e", SUPERSEDED, "out/1", 7.0))
        baseline = {
            "job_id": {"S": "j"}, "status": {"S": "READY"}, "updated_at": {"N": "7"},
            "etag": {"S": "e"}, "output_location": {"S": "s3://b/out/1"},
        }
        self.assertEqual(compare.baseline_row(baseline), Row("j", "e", READY, "out/1", 7.0))


if __name__ == "__main__":
    unittest.main()
