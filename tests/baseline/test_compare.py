"""The parts of the comparison that need no cloud: what counts as what, the table, the plan of faults."""

import unittest

import compare
from count import FAILED, READY, SUPERSEDED, Document, Row, Tally, judge, spoken, table
from taps import Exchange, Fault, Faults, job_in, job_of, notice_of, tag_in

UPLOADED = 1000.0


def document(expected: str = READY) -> Document:
    return Document("a scenario", "case01-0", "inbound/acme/case01-0.pdf", "e", expected)


def row(state: str, output: str | None = "out/1") -> Row:
    return Row("job", "e", state, output, UPLOADED + 7)


class Judging(unittest.TestCase):
    """`judge`, by what a row says and what is there."""

    def fate(self, expected: str, rows: list[Row], runs: list[int], objects: set[str]):
        return judge(document(expected), rows, runs, {"out/1"}, objects, UPLOADED)

    def test_what_ends_as_it_should_is_right_and_took_its_time(self):
        there = {"out/1"}
        for expected, found, objects in ((READY, READY, there), (FAILED, FAILED, set()), (SUPERSEDED, SUPERSEDED, there)):
            fate = self.fate(expected, [row(found)], [200], objects)
            self.assertEqual((fate.seconds, fate.why), (7.0, ""), expected)
            self.assertFalse(fate.lost or fate.stuck or fate.doubled or fate.wrong or fate.given_up)

    def test_no_record_is_lost_and_an_open_one_is_stuck(self):
        self.assertEqual(self.fate(READY, [], [], set()).lost, 1)
        stuck = self.fate(READY, [row("open")], [200], {"out/1"})
        self.assertEqual((stuck.stuck, stuck.wrong, stuck.seconds), (1, 0, None))

    def test_a_record_that_says_what_is_not_so_is_wrong(self):
        for expected, found, objects in (
            (READY, FAILED, {"out/1"}),
            (READY, READY, set()),
            (SUPERSEDED, READY, {"out/1"}),
            (FAILED, READY, {"out/1"}),
        ):
            fate = self.fate(expected, [row(found)], [200], objects)
            self.assertEqual((fate.wrong, fate.given_up, fate.seconds), (1, 0, None), f"{expected} {found}")
        self.assertEqual(self.fate(READY, [row(READY), row(READY)], [200], {"out/1"}).wrong, 1)

    def test_a_failure_that_another_try_would_have_cured_is_given_up(self):
        fate = self.fate(READY, [row(FAILED, None)], [500], set())
        self.assertEqual((fate.given_up, fate.wrong, fate.doubled), (1, 0, 0))

    def test_only_runs_that_nothing_called_for_are_doubled(self):
        for runs, doubled in (([200], 0), ([500, 200], 0), ([200, 200], 1), ([400, 400, 400], 2), ([], 0)):
            self.assertEqual(self.fate(READY, [row(READY)], runs, {"out/1"}).doubled, doubled, runs)


class Printing(unittest.TestCase):
    """`table` and what it is made of."""

    def test_times_are_spoken(self):
        for seconds, text in ((None, "–"), (0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h"), (23_520, "6 h 32 min")):
            self.assertEqual(spoken(seconds), text)

    def test_the_last_line_is_the_sum(self):
        one, other = Tally(), Tally()
        for tally, expected in ((one, READY), (other, FAILED)):
            tally.add(judge(document(), [row(expected)], [200], {"out/1"}, {"out/1"}, UPLOADED), calls=9)
        lines = table({"first": {"a": one, "b": other}, "second": {"a": one, "b": other}}, ("a", "b"))
        self.assertEqual(len(lines), 5)
        self.assertRegex(lines[-1], r"^all +2 .*· / 2.* 9\.0 / 9\.0 +7 s / –$")
        self.assertEqual(one.summary()["right"], 1)
        self.assertEqual(other.summary()["worst_seconds"], None)


class Planning(unittest.TestCase):
    """Faults strike where they were planned, as often as they were."""

    def setUp(self):
        self.now = 0.0
        self.faults = Faults(lambda: self.now)

    def what(self, place: str) -> str | None:
        fault = self.faults.at("a", "case01-0", place)
        return fault and fault.what

    def test_by_number(self):
        self.faults.add("a", "case01-0", "invoke", Fault("first"))
        self.faults.add("a", "case01-0", "invoke", Fault("second", times=2))
        self.assertIsNone(self.what("record"))
        self.assertIsNone(self.faults.at("b", "case01-0", "invoke"))
        self.assertEqual([self.what("invoke") for _ in range(3)], ["first", "second", "second"])
        self.assertIsNone(self.what("invoke"))
        self.assertEqual(self.faults.struck["a", "second"], 2)

    def test_by_time(self):
        self.faults.add("a", "case01-0", "invoke", Fault("for a while", until=10))
        self.assertEqual([self.what("invoke") for _ in range(2)], ["for a while"] * 2)
        self.now = 10.0
        self.assertIsNone(self.what("invoke"))
        self.assertEqual(self.faults.unspent(), [])

    def test_what_did_not_strike_is_told(self):
        self.faults.add("a", "case01-0", "record", Fault("killed"))
        self.assertEqual(self.faults.unspent(), ["a case01-0 record: killed"])


class Reading(unittest.TestCase):
    """What passes a tap is understood."""

    def test_documents_and_jobs_are_found(self):
        self.assertEqual(tag_in("s3://b/inbound/acme/case12-3 with spaces.pdf"), "case12-3")
        self.assertIsNone(tag_in("s3://b/work/0c6b"))
        self.assertEqual((job_of("1f9679f3.a12"), job_of("abc")), ("1f9679f3", "abc"))
        self.assertEqual(job_in(b'{"Key": {"job_id": {"S": "j"}}}'), "j")
        self.assertIsNone(job_in(b'{"Key": {"tenant": {"S": "j"}}}'))

    def test_only_results_are_notices(self):
        def publish(message: str) -> Exchange:
            return Exchange("POST", "/", {}, f"Action=Publish&Message={message}".encode(), 0)

        self.assertEqual(notice_of(publish('{"inferenceId":"j"}')), {"inferenceId": "j"})
        self.assertIsNone(notice_of(publish('{"eventName":"TestNotification"}')))
        self.assertIsNone(notice_of(Exchange("PUT", "/b/k", {}, b"", 0)))

    def test_rows_of_both_sides_are_read(self):
        docket = {
            "job_id": {"S": "j"}, "status": {"S": "Failed"}, "updated_at": {"N": "7000"},
            "state": {"M": {"attempt": {"N": "1"}, "cause": {"S": "Superseded"}}},
            "attempts": {"L": [{"M": {"n": {"N": "1"}, "out": {"S": "out/1"}}}]},
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
