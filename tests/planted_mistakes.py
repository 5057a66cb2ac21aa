"""Wrong settings and grants that `make prove` must find: each is planted in a running service, and taken back.

`MISTAKES` has the check of infra/deploy/settings.py that finds it, what it must say, and a function that plants it. This
returns the command that takes it back. planted_by_configuration.json says for each mistake of the simulation
(crates/simulation/src/mistake.rs) by which of these it can be planted, or null: it is one of the code, which no setting makes.
"""

import copy
import json


def queue(attributes, back):
    """Other attributes of queue uploads."""

    def plant(aws, outputs):
        url = outputs["UploadsQueueUrl"]
        before = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
        aws("sqs", "set-queue-attributes", "--queue-url", url, "--attributes", json.dumps(attributes))
        return "sqs", "set-queue-attributes", "--queue-url", url, "--attributes", json.dumps({name: before.get(name, back) for name in attributes})

    return plant


def dead_letters_are_forgotten(aws, outputs):
    url = outputs["ChecksDeadLettersUrl"]
    aws("sqs", "set-queue-attributes", "--queue-url", url, "--attributes", json.dumps({"MessageRetentionPeriod": "3600"}))
    return "sqs", "set-queue-attributes", "--queue-url", url, "--attributes", json.dumps({"MessageRetentionPeriod": "1209600"})


def versions_suspended(aws, outputs):
    change = ("s3api", "put-bucket-versioning", "--bucket", outputs["JobsBucketName"], "--versioning-configuration")
    aws(*change, "Status=Suspended")
    return *change, "Status=Enabled"


def notifications(edit):
    """Another notification configuration of the bucket."""

    def plant(aws, outputs):
        change = ("s3api", "put-bucket-notification-configuration", "--bucket", outputs["JobsBucketName"], "--notification-configuration")
        before = aws("s3api", "get-bucket-notification-configuration", "--bucket", outputs["JobsBucketName"])
        before = {name: value for name, value in before.items() if name.endswith("Configurations")}
        after = copy.deepcopy(before)
        edit(after["QueueConfigurations"])
        aws(*change, json.dumps(after))
        return *change, json.dumps(before)

    return plant


def subscription(name, value, back):
    """Another attribute of the subscription of queue inference-error."""

    def plant(aws, outputs):
        arn = aws("sns", "list-subscriptions-by-topic", "--topic-arn", outputs["InferenceErrorTopicArn"])["Subscriptions"][0]["SubscriptionArn"]
        change = ("sns", "set-subscription-attributes", "--subscription-arn", arn, "--attribute-name", name, "--attribute-value")
        aws(*change, value)
        return *change, back

    return plant


def unsubscribed(aws, outputs):
    topic = outputs["InferenceSuccessTopicArn"]
    found = aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"][0]
    aws("sns", "unsubscribe", "--subscription-arn", found["SubscriptionArn"])
    return "sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", found["Endpoint"], "--attributes", "RawMessageDelivery=true"


def mapping(change, back):
    """Another setting of the event source mapping of function retry."""

    def plant(aws, _):
        uuid = aws("lambda", "list-event-source-mappings", "--function-name", "docket-retry")["EventSourceMappings"][0]["UUID"]
        aws("lambda", "update-event-source-mapping", "--uuid", uuid, *change)
        return "lambda", "update-event-source-mapping", "--uuid", uuid, *back

    return plant


def concurrency_0(aws, _):
    aws("lambda", "put-function-concurrency", "--function-name", "docket-ws-default", "--reserved-concurrent-executions", "0")
    return "lambda", "delete-function-concurrency", "--function-name", "docket-ws-default"


def variable(name, value, function="retry"):
    """Another environment variable of a function."""

    def plant(aws, _):
        before = aws("lambda", "get-function-configuration", "--function-name", f"docket-{function}")["Environment"]["Variables"]
        change = ("lambda", "update-function-configuration", "--function-name", f"docket-{function}", "--environment")
        aws(*change, json.dumps({"Variables": {**before, name: value}}))
        return *change, json.dumps({"Variables": before})

    return plant


def longer_timeout(aws, _):
    change = ("lambda", "update-function-configuration", "--function-name", "docket-upload-trigger", "--timeout")
    before = aws("lambda", "get-function-configuration", "--function-name", "docket-upload-trigger")["Timeout"]
    aws(*change, "600")
    return *change, str(before)


def rows_stay(aws, outputs):
    change = ("dynamodb", "update-time-to-live", "--table-name", outputs["RecordsTableName"], "--time-to-live-specification")
    aws(*change, "Enabled=false,AttributeName=expires_at")
    return *change, "Enabled=true,AttributeName=expires_at"


def schedule(**edited):
    """Another schedule of the reconciler."""

    def plant(aws, _):
        name = aws("scheduler", "list-schedules", "--name-prefix", "docket-ReconcilerSchedule")["Schedules"][0]["Name"]
        found = aws("scheduler", "get-schedule", "--name", name)
        kept = {key: found[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")}
        aws("scheduler", "update-schedule", "--cli-input-json", json.dumps({**kept, **edited}))
        return "scheduler", "update-schedule", "--cli-input-json", json.dumps(kept)

    return plant


def rule(**edited):
    """Another rule feed of the event bus."""

    def plant(aws, outputs):
        found = aws("events", "describe-rule", "--name", "docket-feed", "--event-bus-name", outputs["EventBusName"])
        kept = {key: found[key] for key in ("Name", "EventBusName", "EventPattern", "State", "Description") if key in found}
        aws("events", "put-rule", "--cli-input-json", json.dumps({**kept, **edited}))
        return "events", "put-rule", "--cli-input-json", json.dumps(kept)

    return plant


def without_target(aws, outputs):
    of = ["--rule", "docket-feed", "--event-bus-name", outputs["EventBusName"]]
    targets = aws("events", "list-targets-by-rule", *of)["Targets"]
    aws("events", "remove-targets", *of, "--ids", *(one["Id"] for one in targets))
    return "events", "put-targets", *of, "--targets", json.dumps(targets)


def grants(function, edit):
    """Another policy of a function's role. `edit` changes the list of statements."""

    def plant(aws, _):
        role = aws("lambda", "get-function-configuration", "--function-name", f"docket-{function}")["Role"].rsplit("/", 1)[1]
        document = aws("iam", "get-role-policy", "--role-name", role, "--policy-name", "grants")["PolicyDocument"]
        before = json.loads(document) if isinstance(document, str) else document
        after = copy.deepcopy(before)
        edit(after["Statement"])
        change = ("iam", "put-role-policy", "--role-name", role, "--policy-name", "grants", "--policy-document")
        aws(*change, json.dumps(after))
        return *change, json.dumps(before)

    return plant


def without(*sids):
    def edit(statements):
        statements[:] = [one for one in statements if one.get("Sid") not in sids]

    return edit


def of(statements, sid):
    return next(one for one in statements if one.get("Sid") == sid)


def every_object(statements):
    of(statements, "Outputs").update(Action=["s3:GetObject", "s3:DeleteObject"])


def no_condition(statements):
    del of(statements, "Quarantine")["Condition"]


def one_more(statements):
    statements.append({"Sid": "More", "Effect": "Allow", "Action": "s3:*", "Resource": "*"})


def denied(statements):
    of(statements, "Jobs")["Effect"] = "Deny"


def managed_policy(aws, _):
    role = aws("lambda", "get-function-configuration", "--function-name", "docket-retry")["Role"].rsplit("/", 1)[1]
    arn = aws("iam", "create-policy", "--policy-name", "too-much", "--policy-document", json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))["Policy"]["Arn"]
    aws("iam", "attach-role-policy", "--role-name", role, "--policy-arn", arn)
    return "iam", "detach-role-policy", "--role-name", role, "--policy-arn", arn


MISTAKES = [
    ("bucket", "keeps no versions", versions_suspended),
    ("bucket", "sends no notifications of uploads under inbound-batches/", notifications(lambda rows: rows.pop(1))),
    ("bucket", "sends no notifications of uploads under inbound/", notifications(lambda rows: rows[0]["Filter"]["Key"]["FilterRules"].append({"Name": "suffix", "Value": ".pdf"}))),
    ("queues", "queue uploads has no dead letters", queue({"RedrivePolicy": ""}, "")),
    ("queues", "visibility timeout 5 s is below", queue({"VisibilityTimeout": "5"}, "30")),
    ("queues", "queue uploads delays all messages", queue({"DelaySeconds": "60"}, "0")),
    ("queues", "queue uploads keeps messages for less", queue({"MessageRetentionPeriod": "60"}, "345600")),
    ("queues", "dead letters of checks are kept for less", dead_letters_are_forgotten),
    ("queues", "function upload-trigger", longer_timeout),
    ("topics", "RawMessageDelivery is off", subscription("RawMessageDelivery", "false", "true")),
    ("topics", "does not get all notifications", subscription("FilterPolicy", '{"only": ["these"]}', "{}")),
    ("topics", "has no subscription of queue docket-inference-success", unsubscribed),
    ("mappings", "the mapping of queue checks to function retry is Disab", mapping(["--no-enabled"], ["--enabled"])),
    ("mappings", "does not get all messages of queue checks", mapping(["--filter-criteria", '{"Filters": [{"Pattern": "{\\"body\\": {\\"x\\": [1]}}"}]}'], ["--filter-criteria", "{}"])),
    ("mappings", "one failed message of queue checks makes its whole batch fail", mapping(["--function-response-types", "[]"], ["--function-response-types", "ReportBatchItemFailures"])),
    ("functions", "function ws-default may not run at all", concurrency_0),
    ("functions", "function retry: JOBS_TABLE is another", variable("JOBS_TABLE", "another")),
    ("functions", "function retry: BUCKET is another", variable("BUCKET", "another")),
    *(("functions", f"function {name}: RECORDS_TABLE is another", variable("RECORDS_TABLE", "another", name)) for name in ("upload-trigger", "retry", "reconciler")),
    ("functions", "function support-api: CHECKS_QUEUE_URL is another", variable("CHECKS_QUEUE_URL", "another", "support-api")),
    ("functions", "function reconciler: UPLOADS_QUEUE_URL is another", variable("UPLOADS_QUEUE_URL", "another", "reconciler")),
    ("functions", "function webhooks: WEBHOOKS_QUEUE_URL is another", variable("WEBHOOKS_QUEUE_URL", "another", "webhooks")),
    ("functions", "function digests: DIGESTS_QUEUE_URL is another", variable("DIGESTS_QUEUE_URL", "another", "digests")),
    ("tables", "do not expire", rows_stay),
    ("schedules", "the schedule of reconciler is DISABLED", schedule(State="DISABLED")),
    ("schedules", r"the schedule of reconciler is rate\(1 day\)", schedule(ScheduleExpression="rate(1 day)")),
    ("rules", "rule feed is DISABLED", rule(State="DISABLED")),
    ("rules", "rule feed does not send the events of the template", rule(EventPattern='{"source": ["docket"], "detail-type": ["JobReady"]}')),
    ("rules", "rule feed does not send to queue events", without_target),
    ("grants", "function retry: grant Jobs is missing", grants("retry", without("Jobs"))),
    *(("grants", f"function reconciler: grant {sid} is missing", grants("reconciler", without(sid))) for sid in ("DeadLetters", "InventoryScan", "OpenAndNewJobs")),
    ("grants", "function inference-success: grant Outputs is", grants("inference-success", every_object)),
    ("grants", "function upload-trigger: grant Quarantine is", grants("upload-trigger", no_condition)),
    ("grants", "function reconciler: grant More is", grants("reconciler", one_more)),
    ("grants", "function inference-error: grant Jobs is", grants("inference-error", denied)),
    ("grants", "function retry also has the policies too-much", managed_policy),
]
