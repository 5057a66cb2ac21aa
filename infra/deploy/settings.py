"""What a deployed service must have: settings and grants, read from AWS and compared with the templates.

A stack can be complete while a setting is not what its template says: changed by hand, by another tool, or by a
deployment that was half rolled back. Each check names what differs.
"""

import json

import plan

QUEUES = {
    "uploads": "Uploads",
    "inference-success": "InferenceSuccess",
    "inference-error": "InferenceError",
    "checks": "Checks",
    "events": "Events",
    "webhooks": "Webhooks",
}
# The functions that read the queues.
READERS = {
    "uploads": "upload-trigger",
    "inference-success": "inference-success",
    "inference-error": "inference-error",
    "checks": "retry",
    "events": "event-feed",
    "webhooks": "webhooks",
}
MAX_RECEIVES = 5
VISIBILITY_FACTOR = 6  # of the function's timeout (Lambda developer guide, "Using Lambda with Amazon SQS")
INDEXES = {"by_tenant", "by_created", "by_next_check", "by_queue", "by_failed", "by_reference", "by_batch"}
SCHEDULES = {"reconciler": "rate(5 minutes)", "capacity": "rate(1 minute)"}
GRANTS = plan.ROOT / "grants.json"  # in a release only


def wanted_grants():
    """The statements of each function's role, by function: (Sid, actions, number of resources, condition)."""
    if plan.RELEASE.exists():
        return json.loads(GRANTS.read_text())
    return grants_of_template()


def grants_of_template():
    """The same from infra/service.yaml. Needs .venv, since the template has loops."""
    import expand

    found = {}
    resources = expand.expand(plan.INFRA / "service.yaml")["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Function":
            name = resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${ServiceName}-")
            role = resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
            found[name] = statements(role["Policies"][0]["PolicyDocument"])
    return found


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(document):
    """What can be compared of a policy before and after its functions were evaluated."""
    found = {}
    for statement in document["Statement"]:
        if "Sid" in statement:  # those without are conditional
            condition = {f"{operator} {key}" for operator, keys in statement.get("Condition", {}).items() for key in keys}
            found[statement["Sid"]] = {"Action": sorted(listed(statement["Action"])), "Resources": len(listed(statement["Resource"])), "Condition": sorted(condition), "Effect": statement["Effect"]}
    return found


class Settings:
    """The checks of one service."""

    def __init__(self, environment, aws, outputs):
        self.environment, self.aws, self.outputs = environment, aws, outputs
        self.service = environment.service_name

    def wrong(self, only=None):
        """What differs, of all checks or of one."""
        checks = [only] if only else ["bucket", "queues", "topics", "mappings", "functions", "tables", "schedules", "grants"]
        return [text for check in checks for text in getattr(self, check)()]

    def bucket(self):
        name = self.outputs["JobsBucketName"]
        if (self.aws("s3api", "get-bucket-versioning", "--bucket", name) or {}).get("Status") != "Enabled":
            yield f"bucket {name} keeps no versions"
        found = (self.aws("s3api", "get-bucket-notification-configuration", "--bucket", name) or {}).get("QueueConfigurations", [])
        announced = set()
        for row in found:
            rules = {rule["Name"].lower(): rule["Value"] for rule in row.get("Filter", {}).get("Key", {}).get("FilterRules", [])}
            if row["QueueArn"].endswith(f":{self.service}-uploads") and any(event.startswith("s3:ObjectCreated:*") for event in row["Events"]) and "suffix" not in rules:
                announced.add(rules.get("prefix", ""))
        for pipeline, table in plan.generate.read_pipelines(plan.INFRA).items():
            if not table.get("retired") and table["prefix"] not in announced:
                yield f"bucket {name} announces no uploads under {table['prefix']} ({pipeline}) to queue {self.service}-uploads"

    def attributes(self, url):
        return self.aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]

    def queues(self):
        for name, word in QUEUES.items():
            queue = self.attributes(self.outputs[f"{word}QueueUrl"])
            redrive = json.loads(queue.get("RedrivePolicy", "{}"))
            if not redrive.get("deadLetterTargetArn", "").endswith(f":{self.service}-{name}-dead-letters"):
                yield f"queue {name} has no dead letters"
            elif int(redrive["maxReceiveCount"]) != MAX_RECEIVES:
                yield f"queue {name} makes dead letters after {redrive['maxReceiveCount']} deliveries, not {MAX_RECEIVES}"
            timeout = self.function(READERS[name])["Timeout"]
            if int(queue["VisibilityTimeout"]) < VISIBILITY_FACTOR * timeout:
                yield f"queue {name}: visibility timeout {queue['VisibilityTimeout']} s is below {VISIBILITY_FACTOR} times the {timeout} s of function {READERS[name]}"
            if int(queue.get("DelaySeconds", 0)):
                yield f"queue {name} delays all messages"
            if int(queue["MessageRetentionPeriod"]) < 345_600:
                yield f"queue {name} keeps messages for less than four days"
            if int(self.attributes(self.outputs[f"{word}DeadLettersUrl"])["MessageRetentionPeriod"]) < 1_209_600:
                yield f"dead letters of {name} are kept for less than fourteen days"

    def topics(self):
        for word in ("InferenceSuccess", "InferenceError"):
            topic, queue = self.outputs[f"{word}TopicArn"], f":{self.service}-{'inference-success' if word == 'InferenceSuccess' else 'inference-error'}"
            found = self.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
            ours = [one for one in found if one["Protocol"] == "sqs" and one["Endpoint"].endswith(queue)]
            if not ours:
                yield f"topic {topic.rsplit(':', 1)[1]} has no subscription of queue {queue[1:]}"
                continue
            given = self.aws("sns", "get-subscription-attributes", "--subscription-arn", ours[0]["SubscriptionArn"])["Attributes"]
            if given.get("RawMessageDelivery") != "true":
                yield f"queue {queue[1:]} gets notifications wrapped (RawMessageDelivery is off)"
            if given.get("FilterPolicy", "{}") not in ("", "{}"):
                yield f"queue {queue[1:]} does not get all notifications (FilterPolicy)"

    def mappings(self):
        for name, function in READERS.items():
            found = self.aws("lambda", "list-event-source-mappings", "--function-name", f"{self.service}-{function}")["EventSourceMappings"]
            ours = [one for one in found if one["EventSourceArn"].endswith(f":{self.service}-{name}")]
            if not ours:
                yield f"function {function} does not read queue {name}"
                continue
            if ours[0]["State"] not in ("Enabled", "Enabling", "Updating"):
                yield f"the mapping of queue {name} to function {function} is {ours[0]['State']}"
            if "ReportBatchItemFailures" not in ours[0].get("FunctionResponseTypes", []):
                yield f"one failed message of queue {name} makes its whole batch fail (ReportBatchItemFailures is off)"
            if ours[0].get("FilterCriteria", {}).get("Filters"):
                yield f"function {function} does not get all messages of queue {name} (FilterCriteria)"

    def function(self, name):
        return self.aws("lambda", "get-function-configuration", "--function-name", f"{self.service}-{name}")

    def functions(self):
        for name in plan.functions():
            found = self.function(name)
            reserved = (self.aws("lambda", "get-function-concurrency", "--function-name", f"{self.service}-{name}") or {}).get("ReservedConcurrentExecutions")
            if reserved == 0:
                yield f"function {name} may not run at all (reserved concurrency 0)"
            given = found.get("Environment", {}).get("Variables", {})
            for variable, output in (("BUCKET", "JobsBucketName"), ("JOBS_TABLE", "JobsTableName"), ("RECORDS_TABLE", "RecordsTableName"), ("CONNECTIONS_TABLE", "ConnectionsTableName"),
                                     ("CHECKS_QUEUE_URL", "ChecksQueueUrl"), ("UPLOADS_QUEUE_URL", "UploadsQueueUrl"), ("EVENT_BUS", "EventBusName")):  # fmt: skip
                if variable in given and given[variable] != self.outputs[output]:
                    yield f"function {name}: {variable} is {given[variable]}, the stack's is {self.outputs[output]}"

    def tables(self):
        for word in ("Jobs", "Connections", "Records"):
            name = self.outputs[f"{word}TableName"]
            found = self.aws("dynamodb", "describe-table", "--table-name", name)["Table"]
            indexes = {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
            if word == "Jobs" and indexes != INDEXES:
                yield f"table {name} has the indexes {', '.join(sorted(indexes))}, not {', '.join(sorted(INDEXES))}"
            expiry = self.aws("dynamodb", "describe-time-to-live", "--table-name", name)["TimeToLiveDescription"]
            if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or expiry.get("AttributeName") != "expires_at":
                yield f"rows of table {name} do not expire"

    def schedules(self):
        for name, expression in SCHEDULES.items():
            found = self.aws("scheduler", "get-schedule", "--name", self.schedule(name))
            if found["State"] != "ENABLED":
                yield f"the schedule of {name} is {found['State']}"
            if found["ScheduleExpression"] != expression:
                yield f"the schedule of {name} is {found['ScheduleExpression']}, not {expression}"
            if not found["Target"]["Arn"].endswith(f":{self.service}-{name}"):
                yield f"the schedule of {name} invokes {found['Target']['Arn']}"

    def schedule(self, name):
        """The name of a function's schedule, which CloudFormation made up."""
        word = f"{self.service}-{name.capitalize()}Schedule"
        found = self.aws("scheduler", "list-schedules", "--name-prefix", word)["Schedules"]
        if not found:
            raise plan.Refusal(f"there is no schedule {word}…")
        return found[0]["Name"]

    def grants(self):
        for name, wanted in sorted(wanted_grants().items()):
            role = self.function(name)["Role"].rsplit("/", 1)[1]
            names = self.aws("iam", "list-role-policies", "--role-name", role)["PolicyNames"]
            attached = self.aws("iam", "list-attached-role-policies", "--role-name", role)["AttachedPolicies"]
            if attached:
                yield f"function {name} also has the policies {', '.join(one['PolicyName'] for one in attached)}"
            found = {}
            for policy in names:
                document = self.aws("iam", "get-role-policy", "--role-name", role, "--policy-name", policy)["PolicyDocument"]
                found |= statements(json.loads(document) if isinstance(document, str) else document)
            for sid in sorted(set(wanted) | set(found)):
                if wanted.get(sid) != found.get(sid):
                    yield f"function {name}: grant {sid} is {found.get(sid, 'missing')}, the template's is {wanted.get(sid, 'none')}"
