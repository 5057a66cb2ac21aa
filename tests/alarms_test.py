"""Each alarm of infra/ fires when it should and only then: the stories of alarm_stories.py by the rules in cloudwatch.py.

The stories suffice if they notice a wrong alarm: data of other resources must not trigger it, and each mutant of it
must contradict a story. alarms_live_test.py does the same with a real stack, as far as an emulator can.
Run: .venv/bin/python -m unittest tests/alarms_test.py
"""

import copy
import itertools
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cloudwatch  # noqa: E402  found by the line above
import monitoring_test  # noqa: E402
import templates  # noqa: E402
from alarm_stories import Endpoint, Service, endpoint_stories, service_stories  # noqa: E402
from cloudwatch import ALARM, INSUFFICIENT, OK, READINGS, Metric  # noqa: E402

SERVICE = "docket"
# Where the statistic makes no difference: one data point per minute, or all data points are 1.
ONCE_A_MINUTE = {"AWS/SQS", "AWS/SageMaker"}
ONE_OR_NOTHING = {"ReconcilerRuns", "CapacityRuns", "RetentionRuns", "ProbesReady"}


def short(name):
    """quarantined for docket-quarantined, idle for docket-legal-review-idle."""
    return re.sub(rf"^{SERVICE}-(({'|'.join(templates.plan.pipelines())})-)?", "", name)


class Resolver:
    """A template's values with given parameters; a resource stands for itself by its logical id."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p} | parameters

    def __call__(self, value):
        if isinstance(value, list):
            return [found for found in map(self, value) if found is not None]
        if not isinstance(value, dict):
            return value
        for key, given in value.items():
            if key == "Ref" or key.startswith("Fn::") or key == "Condition" and isinstance(given, str):
                return getattr(self, f"_{key.removeprefix('Fn::').lower()}")(given)
        return {name: found for name, inner in value.items() if (found := self(inner)) is not None}

    def _ref(self, name):
        return None if name == "AWS::NoValue" else self.parameters.get(name, name)

    def _getatt(self, path):
        name, attribute = path
        return self(self.template["Resources"][name]["Properties"][attribute])

    def _sub(self, text):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(self._ref(found[1])), text)

    def _findinmap(self, path):
        name, first, second = map(self, path)
        return self.template["Mappings"][name][str(first)][second]

    def _if(self, given):
        condition, yes, no = given
        return self(yes if self(self.template["Conditions"][condition]) else no)

    def _not(self, given):
        return not self(given[0])

    def _or(self, given):
        return any([self(one) for one in given])

    def _and(self, given):
        return all([self(one) for one in given])

    def _condition(self, name):
        return self(self.template["Conditions"][name])

    def _equals(self, pair):
        return str(self(pair[0])) == str(self(pair[1]))


def deployed(project):
    """The alarms as they would be created, with their stories: (alarm, stories); stories may be None."""
    all_stories = service_stories(Service(SERVICE, "HttpApi"))
    for template in (project.service, project.monitoring):
        yield from _of(project, template, {}, SERVICE, all_stories)
    for (name, parameters), scaling in itertools.product(project.parameters.items(), ("aws", "docket")):  # the last is the one that ships
        parameters = {**parameters, "Scaling": scaling}
        asked = Resolver(project.endpoint, parameters).parameters
        all_stories = endpoint_stories(Endpoint(
            asked["EndpointName"], SERVICE, name, scaling == "docket", project.pipelines[name]["slo_seconds"],
            int(asked["IdleMinutes"]), int(asked["OldestRequestAlarmSeconds"]), int(asked["RollbackFailures"]),
        ))  # fmt: skip
        yield from _of(project, project.endpoint, parameters, asked["EndpointName"], all_stories)


def _of(project, template, parameters, prefix, all_stories):
    resolve = Resolver(template, parameters)
    for alarm in project.of_type("CloudWatch::Alarm", template).values():
        alarm = resolve(alarm)
        yield alarm, all_stories.get(alarm["AlarmName"].removeprefix(f"{prefix}-"))


def fired(alarm, data, until, reading):
    """The minute in which an alarm first fires, or None."""
    return next((minute for minute, state in cloudwatch.states(alarm, data, until, reading) if state == ALARM), None)


def complaints(alarm, stories):
    """The stories that an alarm contradicts: (a story's words, what the alarm does)."""
    for story in stories:
        for reading in cloudwatch.readings(alarm):
            minute = fired(alarm, story.data, story.end(), reading)
            if (minute is not None) != story.fires:
                yield story.words, f"{'silent' if story.fires else f'fires in minute {minute}'} ({reading})"
            elif story.by is not None and minute > story.by:
                yield story.words, f"fires in minute {minute}, and not by {story.by} ({reading})"


def others(data):
    """The same data, with one of the dimensions changed or removed."""
    for name in sorted({name for of in data for name, _ in of.dimensions}):
        for what, change in (("another", lambda value: f"{value}-2"), ("any", lambda value: None)):
            moved = {}
            for of, samples in data.items():
                dimensions = {key: change(value) if key == name else value for key, value in of.dimensions}
                kept = frozenset((key, value) for key, value in dimensions.items() if value is not None)
                moved.setdefault(Metric(of.namespace, of.name, kept), []).extend(samples)
            yield f"{what} {name}", {of: sorted(samples) for of, samples in moved.items()}


def mutants(alarm):
    """An alarm with one thing wrong: (what, alarm)."""
    periods, enough = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    threshold, treat = float(alarm["Threshold"]), alarm["TreatMissingData"]
    yield "a higher threshold", alarm | {"Threshold": threshold + 1}
    yield "a lower threshold", alarm | {"Threshold": threshold - 1}
    for comparison in cloudwatch.COMPARISONS:
        if comparison != alarm["ComparisonOperator"]:
            yield comparison, alarm | {"ComparisonOperator": comparison}
    yield "twice as many periods", alarm | {"EvaluationPeriods": 2 * periods, "DatapointsToAlarm": 2 * enough}
    if periods > 1:
        yield "half as many periods", alarm | {"EvaluationPeriods": (periods + 1) // 2, "DatapointsToAlarm": (enough + 1) // 2}
        yield "any of the periods", alarm | {"DatapointsToAlarm": 1}
    yield "missing data turned over", alarm | {"TreatMissingData": "notBreaching" if treat == "breaching" else "breaching"}
    for place, (_, (of, period, now)) in enumerate(cloudwatch.watched(alarm).items()):
        same = {now}
        if of.namespace in ONCE_A_MINUTE and period == 60:
            same |= {"Sum", "Average", "Minimum", "Maximum"}
        if of.name in ONE_OR_NOTHING:
            same |= {"Sum", "Average", "Minimum", "Maximum"}
        if threshold == 0 and alarm["ComparisonOperator"] == "GreaterThanThreshold":
            same |= {"Sum", "Average", "Maximum"}  # of counts
        if threshold == 1 and alarm["ComparisonOperator"] == "LessThanThreshold":
            same |= {"Sum", "Maximum"}
        for statistic in cloudwatch.STATISTICS.keys() - same:
            changed = copy.deepcopy(alarm)
            part = changed if "Statistic" in alarm else [m["MetricStat"] for m in changed["Metrics"] if "MetricStat" in m][place]
            part["Stat" if "Stat" in part else "Statistic"] = statistic
            yield f"{statistic} of {of.name}", changed


class Guide(unittest.TestCase):
    """cloudwatch.py, by the examples of the user guide."""

    # "Configuring how CloudWatch alarms treat missing data": points, and the states for missing, ignore, breaching and
    # notBreaching; EvaluationPeriods is 3, and five points are looked at.
    THREE_OF_THREE = """
        0 - X - X | OK                | OK   | OK    | OK
        0 - - - - | OK                | OK   | OK    | OK
        - - - - - | INSUFFICIENT_DATA | same | ALARM | OK
        0 X X - X | ALARM             | ALARM| ALARM | ALARM
        - - X - - | ALARM             | same | ALARM | OK
    """
    TWO_OF_THREE = """
        0 - X - X | ALARM | ALARM | ALARM | ALARM
        0 0 X 0 X | ALARM | ALARM | ALARM | ALARM
        0 - X - - | OK    | OK    | ALARM | OK
        - - - - 0 | OK    | OK    | ALARM | OK
        - - - X - | ALARM | same  | ALARM | OK
    """

    def test_missing_data_is_treated_as_the_guide_says(self):
        for enough, table in ((3, self.THREE_OF_THREE), (2, self.TWO_OF_THREE)):
            for row in table.strip().splitlines():
                points, *expected = (cell.strip() for cell in row.split("|"))
                points = [{"-": None, "0": False, "X": True}[point] for point in points.split()]
                for treat, state in zip(("missing", "ignore", "breaching", "notBreaching"), expected, strict=True):
                    for before in (OK, ALARM, INSUFFICIENT):
                        with self.subTest(row=row.strip(), enough=enough, treat=treat, before=before):
                            self.assertEqual(before if state == "same" else state, cloudwatch.judge(points, 3, enough, treat, before))

    def test_too_few_data_points_do_not_fire(self):
        for points in ([None, None, None, None, True], [None, None, None, True, None]):
            self.assertNotEqual(ALARM, cloudwatch.judge(points, 3, 3, "missing", OK))

    def test_math_expressions_give_the_values_of_the_guide(self):
        """"Using math expressions with CloudWatch metrics": operators and the tables of IF."""
        stats = {
            "metric1": [30, 20, 0, 0], "metric2": [20, None, 20, None],
            "asked": [1, 1, 0, 0, None], "yes": [30, None, 0, 0, 30], "no": [0, 0, 20, None, 20], "gone": [None] * 5,
        }  # fmt: skip
        for text, expected in (
            ("metric1 < metric2", [0, 0, 1, 0]),
            ("metric1 >= 30", [1, 0, 0, 0]),
            ("metric1 > 15 AND metric2 > 15", [1, 0, 0, 0]),
            ("metric1 > 25 || metric2 > 15", [1, 0, 1, 0]),
            ("metric1 + metric2", [50, 20, 20, 0]),
            ("-metric1 * 2 + (4 - 1)", [-57, -37, 3, 3]),
            ("metric2 / metric1", [2 / 3, 0, None, None]),
            ("IF(asked, yes, no)", [30, 0, 20, None, None]),
            ("IF(asked, 5, no)", [5, 5, 20, None, None]),
            ("IF(asked, yes, 5)", [30, 0, 5, 5, None]),
            ("MAX([yes, no])", [30, 0, 20, 0, 30]),
            ("MIN([FILL(metric2, 7), metric1])", [20, 7, 0, 0]),
            ("FILL(gone, 1)", [1] * 5),
        ):
            with self.subTest(text):
                self.assertEqual(expected, cloudwatch.calculate(text, stats))
        self.assertEqual([None] * 5, cloudwatch.calculate("FILL(gone, 1)", stats, reading=cloudwatch.Reading(fills_empty=False)))
        self.assertEqual([50, 7], cloudwatch.calculate("SUM(FILL(METRICS(), 0))", {"a": [50, None], "b": [None, 7]}))
        for text in ("SUM(metric1)", "RATE(metric1)", "metric1 metric2", "metric1 % 2", "IF(1, metric1, 2)", "unknown", "FILL(metric1, REPEAT)"):
            with self.subTest(text), self.assertRaises(ValueError):
                cloudwatch.calculate(text, stats)

    def test_data_points_count_in_the_period_that_includes_them(self):
        """A period includes its start and excludes its end; the newest ends at the evaluation."""
        alarm = {
            "Namespace": "N", "MetricName": "m", "Dimensions": [{"Name": "D", "Value": "d"}], "Period": 300, "Statistic": "Sum",
            "EvaluationPeriods": 1, "Threshold": 2, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        }  # fmt: skip
        of = cloudwatch.metric("N", "m", D="d")
        self.assertEqual(5, fired(alarm, {of: [(0, 1), (4, 1)]}, 20, READINGS[0]))
        self.assertIsNone(fired(alarm, {of: [(0, 1), (5, 1)]}, 20, READINGS[0]))
        self.assertIsNone(fired(alarm, {cloudwatch.metric("N", "m"): [(0, 2)], cloudwatch.metric("N", "m", D="e"): [(0, 2)]}, 20, READINGS[0]))


class Alarms(unittest.TestCase):
    """The templates' alarms, evaluated with the stories."""

    @classmethod
    def setUpClass(cls):
        cls.project = templates.Project()
        cls.deployed = list(deployed(cls.project))

    def with_stories(self):
        return [(alarm, stories) for alarm, stories in self.deployed if stories]

    def test_each_alarm_has_stories_in_which_it_fires_and_stays_quiet(self):
        for alarm, stories in self.deployed:
            with self.subTest(alarm["AlarmName"]):
                self.assertEqual({True, False}, {story.fires for story in stories or []}, "add stories to alarm_stories.py")

    def test_each_story_has_an_alarm(self):
        names = {alarm["AlarmName"] for alarm, _ in self.deployed}
        about = Endpoint("e", SERVICE, "p", True, 60, 10, 60, 3)
        for prefix, all_stories in ((SERVICE, service_stories(Service(SERVICE, "a"))), *((f"docket-{p}", endpoint_stories(about)) for p in self.project.pipelines)):
            self.assertEqual(set(), {f"{prefix}-{name}" for name in all_stories} - names)

    def test_stories_use_metrics_that_exist(self):
        for alarm, stories in self.with_stories():
            for of in {of for story in stories for of in story.data}:
                self.assertTrue(monitoring_test.is_emitted(self.project, of.namespace, of.name, dict(of.dimensions)), f"{of} does not exist")

    def test_alarms_fire_when_they_should_and_only_then(self):
        for alarm, stories in self.with_stories():
            with self.subTest(alarm["AlarmName"]):
                self.assertEqual([], list(complaints(alarm, stories)))

    def test_data_of_other_resources_triggers_nothing(self):
        """Another queue's, function's, pipeline's, endpoint's or service's, and those of all together."""
        for alarm, stories in self.with_stories():
            for story in stories:
                # Where missing data triggers the alarm, data of others must not replace ours.
                if story.fires == (alarm["TreatMissingData"] == "breaching"):
                    continue
                for elsewhere, data in others(story.data):
                    with self.subTest(alarm["AlarmName"], story=story.words, of=elsewhere):
                        minute = fired(alarm, data, story.end(), READINGS[0])
                        self.assertEqual(story.fires, minute is None)

    def test_a_wrong_alarm_contradicts_a_story(self):
        once = {short(alarm["AlarmName"]): (alarm, stories) for alarm, stories in self.with_stories()}  # pipelines differ in numbers only
        for name, (alarm, stories) in once.items():
            for what, wrong in mutants(alarm):
                with self.subTest(name, wrong=what):
                    self.assertTrue(any(complaints(wrong, stories)), "no story contradicts it")


if __name__ == "__main__":
    unittest.main()
