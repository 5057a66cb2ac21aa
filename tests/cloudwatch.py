"""How CloudWatch evaluates an alarm, as far as it is documented.

Not an emulator: no API, no clock. An alarm is the properties of an AWS::CloudWatch::Alarm with everything resolved;
data is {metric: [(minute, value), …]}, with minutes counted from an arbitrary one.

Where it is from (CloudWatch user guide, by the titles of its pages):

  "Configuring how CloudWatch alarms treat missing data"   judge(); with the tables that alarms_test.py repeats
  "Alarm evaluation window"                                a sliding window, evaluated each minute
  "Using math expressions with CloudWatch metrics"         calculate(): arithmetic and comparisons take a missing
                                                           value for 0, IF drops a point without a condition

Undocumented, and so a parameter (Reading): how many points are retrieved beyond EvaluationPeriods ("depends on the
length of the alarm period"; the examples have two more), and whether FILL fills a metric without any data point. A test
of an alarm must hold under every reading.
"""

import bisect
import dataclasses
import operator
import re

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
STATISTICS = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """One interpretation of what the guide leaves open."""

    extra: int = 2  # points beyond EvaluationPeriods
    fills_empty: bool = True  # whether FILL makes a series out of a metric without any point


READINGS = [Reading(extra, fills) for extra in (1, 5) for fills in (True, False)]


def readings(alarm):
    """The readings that differ for an alarm."""
    return [reading for reading in READINGS if reading.fills_empty or "Metrics" in alarm]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric: the same name with other dimensions, or with fewer, is another one."""

    namespace: str
    name: str
    dimensions: frozenset

    def __str__(self):
        return f"{self.namespace} {self.name} {dict(sorted(self.dimensions))}"


def metric(namespace, name, **dimensions):
    return Metric(namespace, name, frozenset(dimensions.items()))


def watched(alarm):
    """The metrics of an alarm: {id: (metric, period in seconds, statistic)}; the id is None without metric math."""
    if "MetricName" in alarm:
        return {None: (_metric(alarm), alarm["Period"], alarm["Statistic"])}
    stats = {part["Id"]: part["MetricStat"] for part in alarm["Metrics"] if "MetricStat" in part}
    return {name: (_metric(stat["Metric"]), stat["Period"], stat["Stat"]) for name, stat in stats.items()}


def _metric(of):
    return metric(of["Namespace"], of["MetricName"], **{d["Name"]: d["Value"] for d in of.get("Dimensions", [])})


def period(alarm):
    """An alarm's period in seconds; the metrics of one expression must share it here."""
    (found,) = {seconds for _, seconds, _ in watched(alarm).values()}
    return found


# ---------------------------------------------------------------- states


def judge(points, periods, enough, treat, state):
    """The state after evaluating `points`: True breaches, False does not, None is missing; the oldest comes first.

    `periods` and `enough` are EvaluationPeriods and DatapointsToAlarm, `state` is the one before.
    """
    real = [point for point in points if point is not None]
    if len(real) >= periods:  # then the newest real ones count, and `treat` does not
        return ALARM if sum(real[-periods:]) >= enough else OK
    breaching = sum(real)
    if treat == "breaching":
        breaching += periods - len(real)
    if breaching >= enough:
        return ALARM
    if treat in ("breaching", "notBreaching") or False in real:
        return OK
    if treat == "ignore":
        return state
    assert treat == "missing", treat
    if not real:
        return INSUFFICIENT
    # "Avoiding premature transitions": only breaching points, and too few. The alarm fires once the oldest is old enough;
    # before, the guide says only that it does not fire.
    return ALARM if len(points) - points.index(True) >= enough else state


def states(alarm, data, until, reading=Reading(), state=OK):
    """The alarm's state at each evaluation from minute 0 to `until`; it starts as `state`.

    An alarm is evaluated every minute. Here one with long periods is evaluated twelve times per period, which is enough
    and faster.
    """
    compare, threshold = COMPARISONS[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    periods, treat, looked_at, known = alarm["EvaluationPeriods"], alarm.get("TreatMissingData", "missing"), watched(alarm), {}
    for minute in range(0, until + 1, max(1, period(alarm) // 720)):
        stats = {
            name: _statistics(data.get(of, ()), minute, seconds // 60, STATISTICS[statistic], periods + reading.extra)
            for name, (of, seconds, statistic) in looked_at.items()
        }
        seen = tuple(stats.values())  # most evaluations see the same data as the one before
        if seen not in known:
            known[seen] = [None if point is None else compare(point, threshold) for point in _points(alarm, stats, reading)]
        state = judge(known[seen], periods, alarm.get("DatapointsToAlarm", periods), treat, state)
        yield minute, state


def _points(alarm, stats, reading):
    """The points that the alarm compares with its threshold; the oldest comes first."""
    if None in stats:
        return stats[None]
    (asked,) = [part["Id"] for part in alarm["Metrics"] if part.get("ReturnData", True)]
    expressions = {part["Id"]: part["Expression"] for part in alarm["Metrics"] if "Expression" in part}
    found = calculate(asked, {name: list(points) for name, points in stats.items()}, expressions, reading)
    if not isinstance(found, list):
        raise ValueError(f"an alarm watches one series, and not {found}")
    return found


def _statistics(samples, minute, length, statistic, count):
    # A period includes its start and excludes its end. Samples are in the order of time.
    edges = [bisect.bisect_left(samples, minute - length * back, key=lambda sample: sample[0]) for back in range(count, -1, -1)]
    return tuple(
        statistic([value for _, value in samples[low:high]]) if low < high else None
        for low, high in zip(edges, edges[1:])
    )  # fmt: skip


# ---------------------------------------------------------------- metric math

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z]\w*|==|!=|<=|>=|&&|\|\||[-+*/<>(),\[\]])")
OPERATORS = [  # lowest precedence first
    {"OR": lambda a, b: float(bool(a or b)), "||": lambda a, b: float(bool(a or b))},
    {"AND": lambda a, b: float(bool(a and b)), "&&": lambda a, b: float(bool(a and b))},
    {
        sign: lambda a, b, compare=compare: float(compare(a, b))
        for sign, compare in {"==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}.items()
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
]


def calculate(text, stats, expressions=None, reading=Reading()):
    """The value of a math expression over series of one length, {id: points}, as far as the templates use it.

    A value is a number, a series (a list, None for a missing point) or an array (a tuple of series).
    Raises ValueError for anything unsupported, so that an alarm with it is not taken for tested.
    """
    return _Expression(text, stats, expressions or {}, reading).value()


class _Expression:

    def __init__(self, text, stats, expressions, reading):
        self.tokens = TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise ValueError(f"not understood: {text}")
        self.stats, self.expressions, self.reading = stats, expressions, reading

    def value(self):
        found = self.binary(0)
        if self.tokens:
            raise ValueError(f"left over: {self.tokens}")
        return found

    def next(self, *expected):
        token = self.tokens.pop(0) if self.tokens else ""
        if expected and token not in expected:
            raise ValueError(f"{token!r} where {expected} should be")
        return token

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def binary(self, level):
        if level == len(OPERATORS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in OPERATORS[level]:
            left = _each(OPERATORS[level][self.next()], left, self.binary(level + 1))
        return left

    def unary(self):
        if self.peek() == "-":
            self.next()
            return _each(operator.sub, 0.0, self.unary())
        token = self.next()
        if token == "(":
            return self.closed(self.binary(0), ")")
        if token == "[":
            return tuple(self.arguments("]"))
        if token[:1].isdigit():
            return float(token)
        if self.peek() == "(":
            self.next()
            return self.function(token, self.arguments(")"))
        if token in self.expressions:
            return calculate(self.expressions[token], self.stats, self.expressions, self.reading)
        if token in self.stats:
            return self.stats[token]
        raise ValueError(f"unknown: {token!r}")

    def closed(self, value, end):
        self.next(end)
        return value

    def arguments(self, end):
        found = []
        while self.peek() != end:
            found.append(self.binary(0))
            if self.peek() != end:
                self.next(",")
        return self.closed(found, end)

    def function(self, name, given):
        if name == "METRICS" and not given:
            return tuple(self.stats.values())
        if name == "FILL" and isinstance(given[1], float):
            return _map(lambda one: self.fill(one, given[1]), given[0])
        if name == "IF" and len(given) == 3:
            return _choose(*given)
        # Of one series these are a number over all that was retrieved, which the guide warns of in alarms.
        if name in ("SUM", "MAX", "MIN") and isinstance(given[0], tuple):
            fold = {"SUM": sum, "MAX": max, "MIN": min}[name]
            columns = ([point for point in column if point is not None] for column in zip(*given[0], strict=True))
            return [fold(column) if column else None for column in columns]
        raise ValueError(f"{name} of {given} is not known here")

    def fill(self, one, value):
        if not self.reading.fills_empty and all(point is None for point in one):
            return one
        return [value if point is None else point for point in one]


def _map(of, value):
    return tuple(map(of, value)) if isinstance(value, tuple) else of(value)


def _each(of, left, right):
    """An operator, point by point. A point that only one side has is 0 on the other one; division by 0 drops it."""
    if isinstance(left, tuple):
        return tuple(_each(of, one, right) for one in left)
    if isinstance(right, tuple):
        return tuple(_each(of, left, one) for one in right)
    if isinstance(left, float) and isinstance(right, float):
        return of(left, right)
    count = len(left) if isinstance(left, list) else len(right)
    found = []
    for a, b in zip(_wide(left, count), _wide(right, count), strict=True):
        gone = all(point is None for point, side in ((a, left), (b, right)) if isinstance(side, list))
        try:
            found.append(None if gone else of(a or 0.0, b or 0.0))
        except ZeroDivisionError:
            found.append(None)
    return found


def _choose(condition, then, otherwise):
    if not isinstance(condition, list):
        raise ValueError("IF asks a series here")
    chosen = []
    for asked, yes, no in zip(condition, _wide(then, len(condition)), _wide(otherwise, len(condition)), strict=True):
        chosen.append(None if asked is None else (yes or 0.0) if asked else no)
    return chosen


def _wide(value, count):
    return value if isinstance(value, list) else [value] * count
