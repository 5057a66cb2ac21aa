"""What each alarm is for, as stories: data points over some minutes, and whether the alarm fires.

Written from docs/operations.md and not from the templates, so that the two can disagree: alarms_test.py evaluates the
templates' alarms with these stories. Names of metrics and dimensions are complete; a data point of another queue,
service or pipeline belongs to another metric. Minutes are counted from the first evaluation; negative ones are history.
"""

import dataclasses

from cloudwatch import metric

QUEUES = ("uploads", "inference-success", "inference-error", "checks", "events", "webhooks", "digests")
WORKER_FUNCTIONS = ("upload-trigger", "inference-success", "inference-error", "retry", "reconciler", "event-feed", "digests")
API_FUNCTIONS = ("support-api", "events-api", "webhooks", "ws-authorizer", "ws-connect", "ws-default", "ws-disconnect")
DAY = 1440  # minutes


@dataclasses.dataclass
class Story:
    words: str
    fires: bool
    data: dict  # {metric: [(minute, value), …]}
    by: int | None = None  # the minute by which it must have fired, where that matters
    until: int | None = None  # the last evaluation; else an hour after the last data point

    def end(self):
        last = 60 + max((minute for samples in self.data.values() for minute, _ in samples), default=0)
        return self.until or max(last, self.by or 0)


def fires(words, *data, by=None):
    return Story(words, True, _merged(data), by)


def quiet(words, *data, until=None):
    return Story(words, False, _merged(data), until=until)


def _merged(data):
    """Data as (metric, minutes, value): the value at each of the minutes."""
    found = {}
    for of, minutes, value in data:
        found.setdefault(of, []).extend((minute, value) for minute in minutes)
    return {of: sorted(samples) for of, samples in found.items()}


@dataclasses.dataclass(frozen=True)
class Service:
    """The service whose alarms, in service.yaml and monitoring.yaml, the stories are about."""

    name: str
    api: str

    def docket(self, name, **more):
        return metric("Docket", name, Service=self.name, **more)

    def sqs(self, name, queue):
        return metric("AWS/SQS", name, QueueName=f"{self.name}-{queue}")

    def invocations(self, name, function):
        return metric("AWS/Lambda", name, FunctionName=f"{self.name}-{function}")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """The endpoint whose alarms the stories are about, with the numbers of its pipeline and parameter file."""

    name: str
    service: str
    pipeline: str
    docket_scales: bool
    slo_seconds: int
    idle_minutes: int
    oldest_seconds: int
    rollback_failures: int

    def docket(self, name):
        return metric("Docket", name, Service=self.service, Pipeline=self.pipeline)

    def endpoint(self, name):
        return metric("AWS/SageMaker", name, EndpointName=self.name)

    def variant(self, name):
        return metric("AWS/SageMaker", name, EndpointName=self.name, VariantName="main")


def service_stories(s):
    """Stories by alarm, without the service's name."""
    quarantined, runs, age, delay, unreadable = map(s.docket, ("Quarantined", "ReconcilerRuns", "InventoryScanAge", "InventoryScanDelay", "JobsUnreadable"))
    evaluations, breakers, deletions = s.docket("CapacityRuns"), s.docket("BreakersOpen"), s.docket("RetentionRuns")
    late = metric("AWS/Lambda", "IteratorAge", FunctionName=f"{s.name}-audit-events")
    delayed, given_up = s.docket("DigestsDelayed"), s.docket("DigestsGivenUp")
    failed, ready = s.docket("JobsFailed"), s.docket("JobsReady")
    answered, refused = (metric("AWS/ApiGateway", name, ApiId=s.api) for name in ("5xx", "4xx"))
    stories = {
        "quarantined": [
            fires("a message is quarantined", (quarantined, [3], 1), (quarantined, [3], 0)),
            quiet("messages are only redelivered", (s.docket("Redelivered"), range(9), 5), (quarantined, range(9), 0)),
            quiet("no data, as usual"),
        ],
        "reconciler-silent": [
            fires("no run for a quarter of an hour, after an hour of runs", (runs, range(-60, 1, 5), 1), by=25),
            fires("the runs go on, but none is complete", (runs, range(-60, 1, 5), 1), (s.docket("ChecksReenqueued"), range(5, 60, 5), 1), by=25),
            fires("a zero is no run", (runs, range(-60, 1, 5), 1), (runs, range(5, 60, 5), 0), by=25),
            quiet("a run every five minutes", (runs, range(-60, 120, 5), 1), until=120),
            quiet("a run every five minutes, one late and one called by hand", (runs, [-60, -50, -40, -30, -20, -10, 0, 4, 11, 15, 16, 20, 25], 1), until=30),
            quiet("two runs in a row are incomplete", (runs, range(-60, 1, 5), 1), (runs, range(15, 60, 5), 1), until=60),
        ],
        "capacity-silent": [
            fires("no evaluation for five minutes, after an hour of two a minute", *((evaluations, range(-60, 1), 1) for _ in range(2)), by=15),
            fires("the runs go on, but no evaluation is complete", (evaluations, range(-60, 1), 1), (s.docket("InstancesDesired", Pipeline="legal-review"), range(1, 60), 1), by=15),
            fires("a zero is no evaluation", (evaluations, range(-60, 1), 1), (evaluations, range(1, 60), 0), by=15),
            quiet("two evaluations a minute", *((evaluations, range(-60, 120), 1) for _ in range(2)), until=119),
            quiet("four minutes without one: a call was throttled", (evaluations, range(-60, 1), 1), (evaluations, range(5, 60), 1), until=59),
        ],
        "retention-silent": [
            fires("no run for three hours, after a day of runs", (deletions, range(-1440, 1, 60), 1), by=300),
            fires("a zero is no run", (deletions, range(-1440, 1, 60), 1), (deletions, range(60, 600, 60), 0), by=300),
            quiet("a run every hour", (deletions, range(-1440, 1440, 60), 1), until=1439),
            quiet("two runs in a row are incomplete", (deletions, range(-1440, 1, 60), 1), (deletions, range(180, 600, 60), 1), until=599),
        ],
        "inventory-scan-late": [
            fires("two runs overlap, and one of them finds the scan over an hour late", (delay, [5], 300), (delay, [5], 3601)),
            quiet("two runs overlap, and the scan is an hour late", (delay, range(0, 60, 5), 3600), (delay, [5], 3600)),
            quiet("a scan of ten million objects takes hours, as it should", (age, range(0, 60, 5), 20000), (delay, range(0, 60, 5), 0)),
            quiet("there has been no scan yet, so it has no delay"),
        ],
        "circuit-breaker-open": [
            fires("two runs overlap, and one of them finds an open breaker", (breakers, [5], 1), (breakers, [5], 0)),
            quiet("all are closed", (breakers, range(0, 60, 5), 0)),
            quiet("no data, before the first run"),
        ],
        "unreadable-jobs": [
            fires("two runs overlap, and one of them cannot read a row", (unreadable, [5], 1), (unreadable, [5], 0)),
            quiet("all can", (unreadable, range(0, 60, 5), 0)),
            quiet("no data, as usual"),
        ],
        "email-delayed": [
            fires("SES takes no mail for an hour", (delayed, [1, 2, 4, 8, 16, 31, 46], 1)),
            fires("it refuses the mails of six recipients at once", (delayed, [3], 6)),
            quiet("it takes too few mails in a burst", (delayed, range(5), 1)),
            quiet("six mails wait within four hours", (delayed, range(0, 240, 40), 1)),
            quiet("no data, since no mail waits"),
        ],
        "email-given-up": [
            fires("a mail was refused for three days", (given_up, [5], 1), (given_up, [5], 0)),
            quiet("all were sent", (given_up, range(0, 60, 5), 0)),
            quiet("no data, without recipients"),
        ],
        "http-api-errors": [
            fires("five requests fail within five minutes", (answered, [1], 2), (answered, [2, 3], 0), (answered, [5], 3)),
            quiet("four fail", (answered, [1, 2, 4, 5], 1)),
            quiet("five fail within six minutes", (answered, [0, 1, 2, 3, 5], 1)),
            quiet("many requests are rejected, as they should be", (refused, range(10), 50), (answered, range(10), 0)),
            quiet("no requests"),
        ],
        "audit-events-late": [
            fires("an entry is published a little more than 15 minutes late", (late, [3, 5], 0), (late, [4], 900_001)),
            quiet("entries are published within 15 minutes", (late, range(60), 900_000)),
            quiet("entries are published within seconds, as usual", (late, range(60), 2_000)),
            quiet("there are no entries"),
        ],
        "queue-stalled": [],
        "many-failures": [
            fires("five failed and four became ready within an hour", (failed, range(0, 50, 10), 1), (ready, range(0, 40, 10), 1)),
            fires("five failed and nothing became ready", (failed, [0, 55], 2), (failed, [30], 1)),
            quiet("five failed and five became ready", (failed, [3], 5), (ready, [3], 5)),
            quiet("four failed and nothing became ready", (failed, [0, 10, 20, 30], 1)),
            quiet("five failed within two hours", (failed, range(0, 121, 30), 1)),
            quiet("a hundred became ready and twenty failed", (failed, range(20), 1), (ready, range(20), 5)),
            quiet("no uploads"),
        ],
    }
    for queue in QUEUES:
        age = s.sqs("ApproximateAgeOfOldestMessage", queue)
        oldest = 2700 if queue in ("checks", "webhooks", "digests") else 1800  # these may be delayed by 900 s
        stories["queue-stalled"] += [
            fires(f"{queue}: a message is too old twice within ten minutes", (age, range(4), 60), (age, range(5, 9), 60), (age, [4, 9], oldest + 1)),
            quiet(f"{queue}: as old as deliveries and delays make it", (age, range(60), oldest)),
            quiet(f"{queue}: once", (age, range(4), 60), (age, [4], 9000), (age, range(5, 30), 60)),
        ]
        waits, dead = (s.sqs("ApproximateNumberOfMessagesVisible", name) for name in (queue, f"{queue}-dead-letters"))
        stories[f"{queue}-dead-letters"] = [
            fires("a message is in the dead letters for a minute", (dead, [0, 1, 3], 0), (dead, [2], 1)),
            quiet("many are in the queue itself", (waits, range(30), 500), (dead, range(30), 0)),
            quiet("an idle queue reports nothing"),
        ]
    stories["queue-stalled"].append(quiet("idle queues report nothing"))
    for group, functions, throttled_periods in (("worker", WORKER_FUNCTIONS, 3), ("api", API_FUNCTIONS, 2)):
        for alarm, name, periods in ((f"{group}-function-errors", "Errors", 2), (f"{group}-function-throttles", "Throttles", throttled_periods)):
            calls = [s.invocations(name, function) for function in functions]
            about = stories[alarm] = [quiet("no invocations", until=60), quiet("invocations without errors", *((of, range(60), 0) for of in calls))]
            for of in calls:
                about += [
                    fires(f"{of}: once in each of {periods} periods", (of, [2, 7, 12][:periods], 1), (of, range(15), 0)),
                    quiet(f"{of}: many, but within a minute", (of, [2], 40)),
                    quiet(f"{of}: one less than {periods} periods of three", (of, [2, 7][: periods - 1], 1)),
                    quiet(f"{of}: every twenty minutes", (of, range(0, 100, 20), 1)),
                ]
            about.append(fires("each time it is another function", *((of, [2 + 5 * n], 1) for n, of in enumerate(calls[:periods]))))
    return stories


def endpoint_stories(e):
    """Stories by alarm, without the endpoint's name."""
    without, backlog, oldest = map(e.endpoint, ("HasBacklogWithoutCapacity", "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest"))
    open_jobs, at_risk, took, probe_failed, probe_ready = map(e.docket, ("JobsOpen", "JobsAtRisk", "TimeToReady", "ProbesFailed", "ProbesReady"))
    fails, refuses, breaks = map(e.variant, ("InvocationFailures", "Invocation4XXErrors", "Invocation5XXErrors"))
    idle, many, slo = e.idle_minutes, e.rollback_failures, e.slo_seconds * 1000
    every, five = range(idle + 60), range(0, idle + 60, 5)
    load, ready, without_jobs = metric("/aws/sagemaker/Endpoints", "CPUUtilization", EndpointName=e.name, VariantName="main"), e.docket("JobsReady"), max(120, idle + 60)
    stay, counts = range(without_jobs + 60), range(0, without_jobs + 60, 5)
    before = (backlog, range(-30, 0), 1), (open_jobs, range(-30, 0, 5), 1)
    stories = {
        "scale-from-zero": [
            *(
                [
                    fires("documents wait for 15 minutes, and there is no instance", (without, [-2, -1], 0), (without, range(15), 1), (without, range(15, 40), 0), by=16),
                    quiet("one starts for 14 minutes", (without, [-2, -1], 0), (without, range(14), 1), (without, range(14, 40), 0)),
                    quiet("a document waits for a minute, and there is no instance", (without, [0, 2, 3], 0), (without, [1], 1)),
                ]
                if e.docket_scales
                else [fires("a document waits for a minute, and there is no instance", (without, [0, 2, 3], 0), (without, [1], 1))]
            ),
            quiet("an instance is there", (without, range(60), 0)),
            quiet("the endpoint reports nothing"),
        ],
        "idle": [
            fires("nothing waits or runs, and no job is open", *before, (backlog, every, 0), (open_jobs, five, 0), by=idle + 4),
            quiet("not for long enough", *before, (backlog, range(idle - 5), 0), (open_jobs, range(0, idle - 5, 5), 0),
                  (backlog, range(idle - 5, 60 + idle), 1), (open_jobs, range(idle - 5, 60 + idle, 5), 1)),
            quiet("one document runs all the time", *before, (backlog, every, 1), (open_jobs, five, 1)),
            quiet("the backlog is empty, but a job is open: another attempt is due", *before, (backlog, every, 0), (open_jobs, five, 1)),
            quiet("two runs count in each period, and one of them sees a job", *before, (backlog, every, 0), (open_jobs, five, 0), (open_jobs, five, 1)),
            quiet("no job is open, but one of them still runs: it was cancelled", *before, (backlog, every, 1), (open_jobs, five, 0)),
            quiet("one document a minute, now and then", *before, (backlog, every, 0), (open_jobs, five, 0), (backlog, range(4, idle + 60, 5), 3)),
            quiet("both metrics stop while a document runs", *before, until=90),
            # A single period is all that five minutes have, and both metrics were zero in it.
            fires("both metrics stop after a zero", *before, (backlog, range(3), 0), (open_jobs, [0], 0), by=idle + 4)
            if idle == 5
            else quiet("both metrics stop after a zero", *before, (backlog, range(3), 0), (open_jobs, [0], 0), until=90),
            quiet("our metric stops", *before, (backlog, every, 0)),
            quiet("SageMaker's metric stops", *before, (open_jobs, five, 0)),
            quiet("no metric has ever had data", until=90),
        ],
        "rollback": [
            fires(f"{many} runs fail within five minutes", (fails, range(many), 1)),
            fires("as many answers are errors with a status in the 400s", (refuses, range(many), 1), (refuses, range(5), 0)),
            fires("as many are errors, one of them in the 400s", (refuses, [0], 1), (breaks, range(1, many), 1)),
            quiet("one less, and each counts as an answer too", (fails, range(many - 1), 1), (breaks, range(many - 1), 1)),
            quiet("as many, but not at once", (fails, range(0, 5 * many, 5), 1)),
            quiet("all runs are good", *((of, range(30), 0) for of in (fails, refuses, breaks) for _ in range(many))),
            quiet("nothing runs"),
        ],
        "oldest-request": [
            fires("a request is too old", (oldest, [0, 1, 3], 0), (oldest, [2], e.oldest_seconds + 1)),
            quiet("just not too old", (oldest, range(60), e.oldest_seconds)),
            quiet("new ones", (oldest, range(60), 0)),
            quiet("the endpoint reports nothing"),
        ],
        "no-instance": [
            fires("work waits for 31 minutes without an instance", (without, [-2, -1], 0), (without, range(31), 1), (without, range(31, 50), 0), by=32),
            quiet("an instance comes after thirty", (without, range(-2, 0), 0), (without, range(30), 1), (without, range(30, 50), 0)),
            quiet("there is one for a minute among forty", (without, range(20), 1), (without, [20], 0), (without, range(21, 40), 1), until=40),
            quiet("the endpoint reports nothing"),
        ],
        "idle-instances": [
            fires("an instance stays without a job, and its processor is idle", (open_jobs, range(-30, 0, 5), 1), (load, stay, 0), (open_jobs, counts, 0), (ready, counts, 0), by=without_jobs + 4),
            fires("two runs of the reconciler fail", (load, stay, 50), (open_jobs, [minute for minute in counts if minute not in (50, 90)], 0)),
            quiet("not for long enough", (load, range(without_jobs - 20), 0), (open_jobs, counts, 0)),
            quiet("a job is open all the time", (load, stay, 0), (open_jobs, counts, 1)),
            quiet("two runs count in each period, and one of them sees a job", (load, stay, 0), (open_jobs, counts, 0), (open_jobs, counts, 1)),
            quiet("a short job becomes ready now and then, and no count sees it", (load, stay, 0), (open_jobs, counts, 0), (ready, range(2, without_jobs + 60, 20), 1), (ready, range(2, without_jobs + 60, 20), 0)),
            quiet("there is no instance", (open_jobs, range(0, without_jobs + 60, 5), 0)),
            quiet("the reconciler does not count", (load, stay, 0)),
        ],
        "probe-failed": [
            fires("a probe fails", (probe_failed, [0], 1), (probe_failed, [0], 0)),
            quiet("a customer's document fails", (e.docket("JobsFailed"), [0], 1), (probe_failed, [0], 0)),
            quiet("no probe is sent"),
        ],
        "probe-missing": [
            fires("no probe becomes ready on the third day", (probe_ready, [-DAY, 0], 1), by=32 * 60),
            fires("it fails instead", (probe_ready, [-DAY, 0], 1), (probe_failed, [DAY], 1), by=32 * 60),
            fires("a zero is no probe", (probe_ready, [-DAY, 0], 1), (probe_ready, range(60, 2 * DAY, 60), 0), by=32 * 60),
            quiet("one a day, in half an hour or at once", (probe_ready, [-DAY, 30, DAY, 2 * DAY + 30], 1), until=3 * DAY),
            quiet("one a day, and one sent by make deploy", (probe_ready, [-DAY, 0, 500, DAY], 1), until=2 * DAY),
        ],
        "slo-at-risk": [
            fires("two runs overlap, and one of them sees a document", (at_risk, [0, 5, 10], 0), (at_risk, [5], 1)),
            quiet("none has", (at_risk, range(0, 60, 5), 0)),
            quiet("the reconciler does not count"),
        ],
        "slo-missed": [
            fires("one of three takes too long", (took, [3, 3], slo // 2), (took, [3], slo + 1)),
            quiet("all take exactly the SLO", (took, range(30), slo)),
            quiet("all take half of that", (took, range(30), slo // 2)),
            quiet("nothing becomes ready"),
        ],
    }
    for alarm, of in (
        ("notification-failures", "NotificationFailures"),
        ("download-failures", "RequestDownloadFailures"),
        ("upload-failures", "ResponseUploadFailures"),
        ("expired-requests", "ExpiredRequests"),
    ):
        stories[alarm] = [
            fires("once", (e.variant(of), range(3), 0), (e.variant(of), [1], 1)),
            quiet("never", (e.variant(of), range(30), 0)),
            quiet("the endpoint reports nothing"),
        ]
    return stories
