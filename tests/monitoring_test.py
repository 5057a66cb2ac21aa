"""Rules for the alarms of all templates, infra/monitoring.yaml, and the dashboards.

Run: .venv/bin/python -m unittest tests/monitoring_test.py
"""

import itertools
import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from templates import alarm_word, all_alarms, check, dead_letter_queues, drop, resource  # noqa: E402  found by the line above

# Metrics that AWS emits and we use: by namespace, the dimensions that a metric comes with and the metrics.
# (CloudWatch metrics chapters of the SQS, Lambda, API Gateway and DynamoDB developer guides; SageMaker developer
# guide, "Monitor asynchronous endpoint".)
OF_AWS = {
    "AWS/SQS": [({"QueueName"}, {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"})],
    "AWS/Lambda": [({"FunctionName"}, {"Errors", "Throttles", "ConcurrentExecutions", "Duration", "IteratorAge"})],
    "AWS/ApiGateway": [({"ApiId"}, {"Count", "4xx", "5xx", "Latency", "ConnectCount", "ExecutionError", "IntegrationError"})],
    "AWS/DynamoDB": [
        ({"TableName"}, {"ReadThrottleEvents", "WriteThrottleEvents", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}),
        ({"TableName", "GlobalSecondaryIndexName"}, {"WriteThrottleEvents"}),
    ],
    "AWS/SageMaker": [
        ({"EndpointName"}, {"ApproximateBacklogSize", "ApproximateBacklogSizePerInstance", "ApproximateAgeOfOldestRequest", "HasBacklogWithoutCapacity"}),
        ({"EndpointName", "VariantName"}, {"NotificationFailures", "RequestDownloadFailures", "ResponseUploadFailures", "ExpiredRequests", "InvocationFailures", "Invocation4XXErrors", "Invocation5XXErrors", "TotalProcessingTime", "TimeInBacklog", "ModelLatency"}),
    ],
    # By instance type too since instance pools (AWS Machine Learning Blog, "Capacity-aware inference", May 2026).
    "/aws/sagemaker/Endpoints": [({"EndpointName", "VariantName"}, {"CPUUtilization"}), ({"EndpointName", "VariantName", "InstanceType"}, {"CPUUtilization"})],
}  # fmt: skip
# Metrics that have a value from every run, also of a service without jobs: of a pipeline by the reconciler, of an endpoint by
# function `capacity`, of the service (crates/functions/src/handlers).
GAUGES = {"JobsOpen", "JobsQueued", "OldestOpenJobAge", "JobsAtRisk"}
GAUGES_OF_CAPACITY = {"InstancesDesired", "InstancesStarting", "InstancesInService"}
GAUGES_OF_THE_SERVICE = {"BreakersOpen", "InventoryScanAge", "InventoryScanDelay", "ReconcilerRuns", "CapacityRuns", "RetentionRuns"}
MAX_METRICS_OF_AN_ALARM = 10  # CloudWatch user guide, "Create an alarm based on a metric math expression"
MAX_SEARCH_CHARACTERS = 1024  # CloudWatch user guide, "CloudWatch search expression syntax"
# Alarms that start or stop instances or roll back an update, and send no notification.
AUTOMATIC = {"scale-from-zero", "idle", "rollback"}
SEARCH = re.compile(r"SEARCH\('\{([\w/]+),([\w,]+)\} MetricName=\"(\w+)\" (.*)', '\w+', \d+\)")


def is_emitted(project, namespace, metric, dimensions):
    """Whether a metric with these dimensions exists."""
    if namespace == "Docket":
        return sorted(dimensions) in map(sorted, project.metrics.get(metric, {}).get("dimensions", []))
    return any(set(dimensions) == names and metric in metrics for names, metrics in OF_AWS.get(namespace, []))


def metrics_of(alarm):
    """The metrics of an alarm, as (namespace, metric, dimensions)."""
    found = [alarm] if "MetricName" in alarm else [m["MetricStat"]["Metric"] for m in alarm["Metrics"] if "MetricStat" in m]
    for metric in found:
        yield metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}


def widgets(template):
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    # Numbers in JSON, where the template has a parameter.
    return json.loads(re.sub(r"(?<!\")\$\{SloSeconds\}000(?!\")", '"slo"', body))["widgets"]


def graphs(template):
    """The metrics of a dashboard, as (namespace, metric, dimensions); a SEARCH expression gives no values for most."""
    for widget in widgets(template):
        before = []
        for row in widget["properties"].get("metrics", []):
            words = [word for word in row if isinstance(word, str)]
            if search := SEARCH.fullmatch(row[-1].get("expression", "") if isinstance(row[-1], dict) else ""):
                namespace, names, metric, where = search.groups()
                yield namespace, metric, {name: where for name in names.split(",")}
            elif words:
                before = words = before if words == ["..."] else words
                yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def alarms_use_metrics_that_exist(project):
    for _, name, alarm in all_alarms(project):
        for namespace, metric, dimensions in metrics_of(alarm):
            if not is_emitted(project, namespace, metric, dimensions):
                yield f"{name}: {namespace} {metric} by {sorted(dimensions)} does not exist"


def alarms_of_several_metrics_are_well_formed(project):
    for _, name, alarm in all_alarms(project):
        if len(list(metrics_of(alarm))) > MAX_METRICS_OF_AN_ALARM:
            yield f"{name} has too many metrics"
        ids = {m["Id"] for m in alarm.get("Metrics", []) if "MetricStat" in m}
        for expression in (m["Expression"] for m in alarm.get("Metrics", []) if "Expression" in m):
            if "METRICS()" not in expression and set(re.findall(r"\b[a-z]\w*", expression)) != ids:
                yield f"{name}: {expression} does not use {sorted(ids)}"
        if [m["Id"] for m in alarm.get("Metrics", []) if m.get("ReturnData", True)] not in ([], [alarm.get("Metrics", [{"Id": ""}])[0]["Id"]]):
            yield f"{name} does not name the metric that it watches"


def alarms_notify_the_operators_and_say_what_missing_data_means(project):
    action = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}
    for _, name, alarm in all_alarms(project):
        if "TreatMissingData" not in alarm or "AlarmDescription" not in alarm:
            yield f"{name} has no description, or does not say what missing data means"
        if alarm_word(alarm) not in AUTOMATIC and (alarm.get("AlarmActions") != [action] or alarm.get("OKActions") != [action]):
            yield f"{name} has no recipient"


def every_function_queue_and_endpoint_has_its_alarms(project):
    by_metric = {}
    for _, _, alarm in all_alarms(project):
        for namespace, metric, dimensions in metrics_of(alarm):
            by_metric.setdefault((namespace, metric), []).append(json.dumps(dimensions))
    for name, function in project.of_type("Lambda::Function").items():
        if name in {"CapacityFunction", "RetentionFunction"}:
            # An alarm takes ten metrics at most. One on the function's own metric notices that it fails or is throttled.
            if name.replace("Function", "Runs") not in {metric for _, metric in by_metric}:
                yield f"{name} has no alarm on its runs"
            continue
        if name == "AuditEventsFunction":
            # Whatever stops it, its stream gets older.
            if not any("audit-events" in d for d in by_metric.get(("AWS/Lambda", "IteratorAge"), [])):
                yield f"{name} has no alarm on its stream"
            continue
        for metric in ("Errors", "Throttles"):
            if not any(json.dumps(function["FunctionName"]) in d for d in by_metric.get(("AWS/Lambda", metric), [])):
                yield f"{name} has no alarm on its {metric}"
    dead = dead_letter_queues(project)
    for name, queue in project.of_type("SQS::Queue").items():
        if name not in dead and not any(json.dumps(queue["QueueName"]) in d for d in by_metric.get(("AWS/SQS", "ApproximateAgeOfOldestMessage"), [])):
            yield f"{name} has no alarm on its oldest message"
    for metric in ("HasBacklogWithoutCapacity", "ApproximateAgeOfOldestRequest", "NotificationFailures", "ExpiredRequests"):
        if not [a for a in project.of_type("CloudWatch::Alarm", project.endpoint).values() if a.get("MetricName") == metric and "OKActions" in a]:
            yield f"no alarm on {metric} notifies anyone"
    if ("AWS/ApiGateway", "5xx") not in by_metric:
        yield "the HTTP API has no alarm"


def alarms_wait_as_long_as_the_service_may_take(project):
    if resource(project, "QueueStalledAlarm", "monitoring")["Threshold"] < project.max_notification_delay_seconds:
        yield "queue-stalled fires while deliveries still go on (max_notification_delay_seconds)"
    missing = resource(project, "NoInstanceAlarm", "endpoint")
    if missing["EvaluationPeriods"] * missing["Period"] <= project.endpoint["Parameters"]["StartupTimeoutSeconds"]["Default"]:
        yield "no-instance fires while a container may still start"


def dashboards_show_metrics_that_exist(project):
    for template in (project.monitoring, project.endpoint):
        for namespace, metric, dimensions in graphs(template):
            if not is_emitted(project, namespace, metric, dimensions):
                yield f"{namespace} {metric} by {sorted(dimensions)} does not exist"
        for widget in widgets(template):
            for row in widget["properties"].get("metrics", []):
                expression = row[-1].get("expression", "") if isinstance(row[-1], dict) else ""
                if "SEARCH" in expression and not SEARCH.fullmatch(expression) or len(expression) > MAX_SEARCH_CHARACTERS:
                    yield f"not understood: {expression}"


def the_dashboard_shows_every_metric_function_queue_table_and_alarm(project):
    seen = list(graphs(project.monitoring))
    shown = {metric for namespace, metric, _ in seen if namespace == "Docket"}
    if shown != set(project.metrics):
        yield f"not shown, or not a metric: {sorted(shown ^ set(project.metrics))}"
    dead = dead_letter_queues(project)
    expected = {
        "QueueName": {q["QueueName"]["Fn::Sub"] for n, q in project.of_type("SQS::Queue").items() if n not in dead},
        "FunctionName": {f["FunctionName"]["Fn::Sub"] for f in project.of_type("Lambda::Function").values()},
    }
    for _, metric, dimensions in seen:
        for name, names in expected.items():
            if name in dimensions and set(re.findall(r'"([^"]+)"', dimensions[name])) != names:
                yield f"{metric} is shown for {dimensions[name]}, not for {sorted(names)}"
    tables = {dimensions["TableName"] for _, _, dimensions in seen if "TableName" in dimensions}
    if tables != {"${%sName}" % table for table in project.of_type("DynamoDB::Table")}:
        yield f"the tables shown are {sorted(tables)}"
    indexes = {dimensions["GlobalSecondaryIndexName"] for _, _, dimensions in seen if "GlobalSecondaryIndexName" in dimensions}
    if indexes != {index["IndexName"] for index in resource(project, "JobsTable")["GlobalSecondaryIndexes"]}:
        yield f"the indexes shown are {sorted(indexes)}"


def each_alarm_is_on_one_dashboard(project):
    groups = ((project.monitoring, (project.service, project.monitoring)), (project.endpoint, (project.endpoint,)))
    for dashboard, templates in groups:
        listed = {arn.split(":alarm:")[1] for w in widgets(dashboard) for arn in w["properties"].get("alarms", [])}
        names = {a["AlarmName"]["Fn::Sub"] for of, _, a in all_alarms(project) if any(of is t for t in templates) and alarm_word(a) not in AUTOMATIC}
        if listed != names:
            yield f"{sorted(listed ^ names)}"


def expressions_use_the_metrics_of_their_widget(project):
    for widget in widgets(project.endpoint):
        rows = [row[-1] for row in widget["properties"].get("metrics", []) if isinstance(row[-1], dict)]
        ids = {row["id"] for row in rows if "id" in row and "expression" not in row}
        used = {word for row in rows for word in re.findall(r"\b[a-z]\w+", re.sub(r"\$\{\w+\}", "", row.get("expression", "")))}
        if used != ids:
            yield f"{widget['properties'].get('title')} uses {sorted(used ^ ids)}"


def times_at_the_endpoint_are_in_milliseconds(project):
    """`TimeInBacklog` is in microseconds (SageMaker developer guide, "Monitoring asynchronous endpoints")."""
    for widget in widgets(project.endpoint):
        rows = widget["properties"].get("metrics", [])
        hidden = {row[-1]["id"] for row in rows if "TimeInBacklog" in row and isinstance(row[-1], dict) and row[-1].get("visible") is False}
        if any("TimeInBacklog" in row for row in rows) and not any(row[-1].get("expression") in {f"{name} / 1000" for name in hidden} for row in rows if isinstance(row[-1], dict)):
            yield f"{widget['properties']['title']}: waiting time is in microseconds"


def the_price_of_the_alarms_is_documented(project):
    """CloudWatch charges an alarm by the number of its metrics."""

    def count(template):
        return sum(len(list(metrics_of(alarm))) for alarm in project.of_type("CloudWatch::Alarm", template).values())

    shared, each = count(project.service) + count(project.monitoring), count(project.endpoint)
    for words in (f"{shared} metrics of the service's alarms and {each} of each endpoint's", f"${(shared + each) / 10:.2f}", f"${each / 10:.2f}"):
        if words not in project.deploy_guide:
            yield f"docs/deploy.md does not say {words}"


def dollars(text):
    """The amount at the end of a row of a table, in cents."""
    found = re.search(r"\| \$([\d.]+) \|$", text)
    return found and round(float(found[1]) * 100)


def priced(text):
    """The first cell and the cents of a table's rows that name an amount."""
    return [(line.split("|")[1], dollars(line)) for line in text.splitlines() if dollars(line) is not None]


def the_price_of_an_idle_service_adds_up(project):
    guide = project.deploy_guide.split("## What it costs when nothing happens")[1].split("\n## ")[0]
    rows = priced(guide)
    total = sum(cents for _, cents in rows) / 100
    if f"About ${round(total + 0.5)} a month" not in guide or f": ${total:.2f} and less than a dollar." not in guide:
        yield f"the rows add up to ${total:.2f}"
    if (found := {name for name, of in project.metrics.items() if of["dimensions"] == [["Service", "Pipeline"]]}) != GAUGES | GAUGES_OF_CAPACITY:
        yield f"gauges of pipelines: {sorted(found)}"
    if missing := GAUGES_OF_THE_SERVICE - {name for name, of in project.metrics.items() if ["Service"] in of["dimensions"]}:
        yield f"the service has no {sorted(missing)}"
    metrics = len(GAUGES) + len(GAUGES_OF_CAPACITY) + len(GAUGES_OF_THE_SERVICE)
    if [cents for name, cents in rows if name.startswith(" metrics ")] != [metrics * 30]:
        yield f"{metrics} metrics cost ${metrics * 0.3:.2f}"
    if f"${len(GAUGES_OF_CAPACITY) * 0.3:.2f} for metrics if Docket scales it" not in guide:
        yield "the metrics of a further endpoint cost something else"
    if f"Each further pipeline in `pipelines.toml` adds ${len(GAUGES) * 0.3:.2f} for metrics" not in guide:
        yield "the metrics of a further pipeline cost something else"
    if ("KMS" not in "".join(name for name, cents in rows if cents == 100)) or "It costs 1 USD a month" not in project.receipts:
        yield "the key of the receipts costs 1 USD a month"
    function = priced(project.capacity.split("**What the function costs**")[1].split("\n[ADR 21]")[0])
    said = round(float(re.search(r"\*\*What the function costs\*\*: about \$([\d.]+)", project.capacity)[1]) * 100)
    if abs(sum(cents for _, cents in function) - said) > 5:
        yield f"docs/capacity.md: the rows of the function add up to ${sum(cents for _, cents in function) / 100:.2f}"
    without_metrics = sum(cents for _, cents in function) - 30 * (len(GAUGES_OF_CAPACITY) + 1)
    if abs([cents for name, cents in rows if "function `capacity`" in name][0] - without_metrics) > 5:
        yield f"function capacity costs ${without_metrics / 100:.2f} without its metrics"


def log_queries_read_existing_log_groups(project):
    groups = {group["LogGroupName"]["Fn::Sub"] for group in project.of_type("Logs::LogGroup").values()}
    for template, what in ((project.monitoring, "failures are not shown by cause"), (project.endpoint, "reasons are not shown")):
        queries = [w["properties"]["query"] for w in widgets(template) if w["type"] == "log"]
        for query in queries:
            if set(re.findall(r"SOURCE '([^']+)'", query)) - groups:
                yield "a log group does not exist"
        if not queries:
            yield what


def widgets_do_not_overlap(project):
    for template in (project.monitoring, project.endpoint):
        taken = set()
        for widget in widgets(template):
            cells = set(itertools.product(range(widget["x"], widget["x"] + widget["width"]), range(widget["y"], widget["y"] + widget["height"])))
            if cells & taken or widget["x"] + widget["width"] > 24:
                yield f"two widgets at {widget['x']}, {widget['y']}, or one beyond the right edge"
            taken |= cells


def the_templates_can_be_connected(project):
    """A parameter of monitoring.yaml is an output of service.yaml or one of its parameters, with the same limits."""
    for name, parameter in project.monitoring["Parameters"].items():
        same = {key: value for key, value in project.service["Parameters"].get(name, {}).items() if key not in ("Description", "ConstraintDescription")}
        if name not in project.service["Outputs"] and {key: value for key, value in parameter.items() if key != "Description"} != same:
            yield f"{name} is neither an output of the service nor a parameter of it"
    for template in (project.monitoring, project.endpoint):
        body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
        if unknown := {name for name in re.findall(r"\$\{(\w+)\}", body) if name not in template["Parameters"]}:
            yield f"the dashboard uses {sorted(unknown)}"


def shown(project, old, new, template="monitoring"):
    """Changes a dashboard."""
    dashboard = resource(project, "Dashboard", template)["DashboardBody"]
    assert old in dashboard["Fn::Sub"], old
    dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace(old, new)


Rules = check({
    alarms_use_metrics_that_exist: [
        lambda p: resource(p, "InventoryScanLateAlarm").update(MetricName="InventoryScanDelays"),
        lambda p: resource(p, "InventoryScanLateAlarm").update(Dimensions=[{"Name": "Pipeline", "Value": "legal-review"}]),
        lambda p: resource(p, "SloMissedAlarm", "endpoint").update(Dimensions=[{"Name": "Queue", "Value": "uploads"}]),
        lambda p: resource(p, "HttpApiErrorsAlarm").update(MetricName="5XXError"),
        lambda p: drop(p.metrics, "TimeToReady"),
        lambda p: p.metrics["TimeToReady"].update(dimensions=[["Service"]]),
    ],
    alarms_of_several_metrics_are_well_formed: [
        lambda p: resource(p, "WorkerErrorsAlarm", "monitoring")["Metrics"].extend(resource(p, "ApiErrorsAlarm", "monitoring")["Metrics"] * 2),
        lambda p: resource(p, "ManyFailuresAlarm", "monitoring")["Metrics"][1].update(Id="broken"),
        lambda p: drop(resource(p, "ManyFailuresAlarm", "monitoring")["Metrics"][1], "ReturnData"),
    ],
    alarms_notify_the_operators_and_say_what_missing_data_means: [
        lambda p: drop(resource(p, "ManyFailuresAlarm", "monitoring"), "TreatMissingData"),
        lambda p: drop(resource(p, "ManyFailuresAlarm", "monitoring"), "AlarmActions"),
        lambda p: drop(resource(p, "NoInstanceAlarm", "endpoint"), "OKActions"),
    ],
    every_function_queue_and_endpoint_has_its_alarms: [
        lambda p: resource(p, "WorkerErrorsAlarm", "monitoring")["Metrics"].pop(),
        lambda p: resource(p, "ApiThrottlesAlarm", "monitoring")["Metrics"].pop(),
        lambda p: p.service["Resources"].update(NewFunction={"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Fn::Sub": "x"}}}),
        lambda p: resource(p, "QueueStalledAlarm", "monitoring")["Metrics"].pop(),
        lambda p: drop(p.service["Resources"], "HttpApiErrorsAlarm"),
        lambda p: drop(p.endpoint["Resources"], "ExpiredRequestsAlarm"),
    ],
    alarms_wait_as_long_as_the_service_may_take: [
        lambda p: resource(p, "QueueStalledAlarm", "monitoring").update(Threshold=900),
        lambda p: setattr(p, "max_notification_delay_seconds", 3600),
        lambda p: resource(p, "NoInstanceAlarm", "endpoint").update(EvaluationPeriods=10),
    ],
    dashboards_show_metrics_that_exist: [
        lambda p: shown(p, 'MetricName=\\"TimeToReady\\"', 'MetricName=\\"TimeToBeReady\\"'),
        lambda p: shown(p, '{Docket,Pipeline,Service} MetricName=\\"JobsReady\\"', '{Docket,Service,Tenant} MetricName=\\"JobsReady\\"'),
        lambda p: shown(p, "EndpointName=docket', 'Maximum'", "EndpointName=docket'"),
        lambda p: shown(p, '"JobsFailed"', '"JobsFail"', "endpoint"),
        lambda p: shown(p, '"TimeInBacklog", "EndpointName"', '"TimeInBacklog", "Endpoint"', "endpoint"),
    ],
    the_dashboard_shows_every_metric_function_queue_table_and_alarm: [
        lambda p: p.metrics.update(Surplus={"dimensions": [["Service"]]}),
        lambda p: shown(p, "${ServiceName}-checks", "${ServiceName}-check"),
        lambda p: shown(p, ' OR \\"${ServiceName}-retry\\"', ""),
        lambda p: shown(p, '"${RecordsTableName}"', '"${JobsTableName}"'),
        lambda p: shown(p, '"by_next_check"', '"by_check"'),
    ],
    each_alarm_is_on_one_dashboard: [
        lambda p: shown(p, ":alarm:${ServiceName}-quarantined", ":alarm:quarantined"),
        lambda p: shown(p, "-no-instance", "-scale-from-zero", "endpoint"),
    ],
    expressions_use_the_metrics_of_their_widget: [
        lambda p: shown(p, '"id": "busy"', '"id": "work"', "endpoint"),
    ],
    times_at_the_endpoint_are_in_milliseconds: [
        lambda p: shown(p, "waiting / 1000", "waiting / 100", "endpoint"),
        lambda p: shown(p, '{"id": "waiting", "visible": false}', '{"id": "waiting"}', "endpoint"),
    ],
    the_price_of_the_alarms_is_documented: [
        lambda p: drop(p.endpoint["Resources"], "NoInstanceAlarm"),
        lambda p: drop(p.service["Resources"], "InventoryScanLateAlarm"),
    ],
    the_price_of_an_idle_service_adds_up: [
        lambda p: setattr(p, "deploy_guide", re.sub(r"About \$\d+", "About $1", p.deploy_guide)),
        lambda p: setattr(p, "deploy_guide", re.sub(r"\$[\d.]+ and less", "$1.00 and less", p.deploy_guide)),
        lambda p: setattr(p, "deploy_guide", p.deploy_guide.replace("| $1.00 |", "| $2.00 |")),
        lambda p: setattr(p, "deploy_guide", p.deploy_guide.replace("| $4.50 |", "| $5 |")),
        lambda p: setattr(p, "capacity", p.capacity.replace("| $0.13 |", "| $0.22 |")),
        lambda p: setattr(p, "receipts", p.receipts.replace("1 USD a month", "2 USD a month")),
        lambda p: setattr(p, "deploy_guide", p.deploy_guide.replace("$1.20 for metrics", "$1.50 for metrics")),
        lambda p: p.metrics.update(JobsForgotten={"unit": "Count", "dimensions": [["Service", "Pipeline"]]}),
        lambda p: drop(p.metrics, "ReconcilerRuns"),
    ],
    log_queries_read_existing_log_groups: [
        lambda p: shown(p, "/docket/${ServiceName}/retry", "/docket/${ServiceName}/again"),
        lambda p: shown(p, '"type": "log"', '"type": "text"'),
        lambda p: shown(p, "/docket/${ServiceName}/capacity", "/docket/${ServiceName}/capacities", "endpoint"),
        lambda p: shown(p, '"type": "log"', '"type": "text"', "endpoint"),
    ],
    widgets_do_not_overlap: [
        lambda p: shown(p, '"x": 16, "y": 4', '"x": 15, "y": 4'),
        lambda p: shown(p, '"x": 16, "y": 9', '"x": 17, "y": 9', "endpoint"),
    ],
    the_templates_can_be_connected: [
        lambda p: drop(p.service["Outputs"], "HttpApiId"),
        lambda p: p.monitoring["Parameters"].update(Surplus={"Type": "String", "Description": ""}),
        lambda p: shown(p, "${HttpApiId}", "${HttpApi}"),
    ],
})  # fmt: skip


if __name__ == "__main__":
    unittest.main()
