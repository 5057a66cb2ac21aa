"""What a deployed service must have: settings and grants, read from AWS and compared with the templates.

A stack can be complete while a setting is not what its template says: changed by hand, by another tool, or by a
deployment that was half rolled back. Each check names what differs.
"""

import json

import plan

VISIBILITY_FACTOR = 6  # of the function's timeout (Lambda developer guide, "Using Lambda with Amazon SQS")
WANTED = plan.ROOT / "settings.json"  # in a release only


def wanted_settings():
    """What the template says: see `settings_of_template`."""
    if plan.RELEASE.exists():
        return json.loads(WANTED.read_text())
    return settings_of_template()


def settings_of_template():
    """Queues, tables, schedules and grants of infra/service.yaml. Needs .venv, since the template has loops."""
    import expand

    resources = expand.expand(plan.INFRA / "service.yaml")["Resources"]
    found = {"queues": {}, "tables": {}, "schedules": {}, "rules": {}, "grants": {}}
    for source in properties(resources, "AWS::Lambda::EventSourceMapping").values():
        logical = source["EventSourceArn"]["Fn::GetAtt"][0]
        if resources[logical]["Type"] != "AWS::SQS::Queue":
            continue
        queue = resources[logical]["Properties"]
        dead_letters = resources[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        found["queues"][short_name(queue["QueueName"])] = {
            "word": logical.removesuffix("Queue"),
            "reader": function_name(resources, source["FunctionName"]["Ref"]),
            "max_receives": queue["RedrivePolicy"]["maxReceiveCount"],
            "retention": queue["MessageRetentionPeriod"],
            "dead_letters_retention": dead_letters["MessageRetentionPeriod"],
        }
    for name, table in properties(resources, "AWS::DynamoDB::Table").items():
        indexes = sorted(index["IndexName"] for index in table.get("GlobalSecondaryIndexes", []))
        found["tables"][name] = {"indexes": indexes, "expires_by": table["TimeToLiveSpecification"]["AttributeName"]}
    for name, schedule in properties(resources, "AWS::Scheduler::Schedule").items():
        function = function_name(resources, schedule["Target"]["Arn"]["Fn::GetAtt"][0])
        found["schedules"][name] = {"function": function, "expression": schedule["ScheduleExpression"]}
    for rule in properties(resources, "AWS::Events::Rule").values():
        if rule.get("EventBusName") == {"Ref": "EventBus"}:
            queue = resources[rule["Targets"][0]["Arn"]["Fn::GetAtt"][0]]["Properties"]
            found["rules"][short_name(rule["Name"])] = {"pattern": rule["EventPattern"], "queue": short_name(queue["QueueName"])}
    for name, function in properties(resources, "AWS::Lambda::Function").items():
        role = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]
        found["grants"][function_name(resources, name)] = statements(role["Policies"][0]["PolicyDocument"])
    return found


def properties(resources, kind):
    """The properties of all resources of a type, by logical name."""
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def short_name(name):
    """A name in the template, without the service's."""
    return name["Fn::Sub"].removeprefix("${ServiceName}-")


def function_name(resources, logical):
    """The name of a function, without the service's."""
    return short_name(resources[logical]["Properties"]["FunctionName"])


def listed(value):
    return value if isinstance(value, list) else [value]


def generated(name):
    """A name that CloudFormation made up, without the random characters at its end."""
    return name.rpartition("-")[0]


def days(seconds):
    """A time as days."""
    return f"{seconds / 86400:g} days"


def statements(document):
    """What can be compared of a policy before and after its functions were evaluated."""
    found = {}
    for statement in document["Statement"]:
        if "Sid" in statement:  # those without are conditional
            condition = {f"{operator} {key}" for operator, keys in statement.get("Condition", {}).items() for key in keys}
            found[statement["Sid"]] = {"Action": sorted(listed(statement["Action"])), "Resources": len(listed(statement["Resource"])), "Condition": sorted(condition), "Effect": statement["Effect"]}
    return found


class SettingsCheck:
    """The checks of one service."""

    def __init__(self, environment, aws, outputs):
        self.environment, self.aws, self.outputs = environment, aws, outputs
        self.service, self.wanted = environment.service_name, wanted_settings()

    def wrong(self, only=None):
        """What differs, of all checks or of one."""
        checks = [only] if only else ["bucket", "queues", "topics", "mappings", "functions", "tables", "schedules", "rules", "grants"]
        return [text for check in checks for text in getattr(self, check)()]

    def bucket(self):
        name = self.outputs["JobsBucketName"]
        if (self.aws("s3api", "get-bucket-versioning", "--bucket", name, "--expected-bucket-owner", self.environment.given["account"]) or {}).get("Status") != "Enabled":
            yield f"bucket {name} keeps no versions"
        found = (self.aws("s3api", "get-bucket-notification-configuration", "--bucket", name, "--expected-bucket-owner", self.environment.given["account"]) or {}).get("QueueConfigurations", [])
        notified = set()
        for row in found:
            rules = {rule["Name"].lower(): rule["Value"] for rule in row.get("Filter", {}).get("Key", {}).get("FilterRules", [])}
            if row["QueueArn"].endswith(f":{self.service}-uploads") and any(event.startswith("s3:ObjectCreated:*") for event in row["Events"]) and "suffix" not in rules:
                notified.add(rules.get("prefix", ""))
        for pipeline, table in plan.generate.read_pipelines(plan.INFRA).items():
            if not table.get("retired") and table["prefix"] not in notified:
                yield f"bucket {name} sends no notifications of uploads under {table['prefix']} ({pipeline}) to queue {self.service}-uploads"

    def attributes(self, url):
        return self.aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]

    def queues(self):
        for name, wanted in self.wanted["queues"].items():
            queue = self.attributes(self.outputs[f"{wanted['word']}QueueUrl"])
            redrive = json.loads(queue.get("RedrivePolicy", "{}"))
            if not redrive.get("deadLetterTargetArn", "").endswith(f":{self.service}-{name}-dead-letters"):
                yield f"queue {name} has no dead letters"
            elif int(redrive["maxReceiveCount"]) != wanted["max_receives"]:
                yield f"queue {name} makes dead letters after {redrive['maxReceiveCount']} deliveries, not {wanted['max_receives']}"
            timeout = self.function(wanted["reader"])["Timeout"]
            if int(queue["VisibilityTimeout"]) < VISIBILITY_FACTOR * timeout:
                yield f"queue {name}: visibility timeout {queue['VisibilityTimeout']} s is below {VISIBILITY_FACTOR} times the {timeout} s of function {wanted['reader']}"
            if int(queue.get("DelaySeconds", 0)):
                yield f"queue {name} delays all messages"
            if int(queue["MessageRetentionPeriod"]) < wanted["retention"]:
                yield f"queue {name} keeps messages for less than {days(wanted['retention'])}"
            if int(self.attributes(self.outputs[f"{wanted['word']}DeadLettersUrl"])["MessageRetentionPeriod"]) < wanted["dead_letters_retention"]:
                yield f"dead letters of {name} are kept for less than {days(wanted['dead_letters_retention'])}"

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
        for name, wanted in self.wanted["queues"].items():
            function = wanted["reader"]
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
        for name in self.environment.functions:
            found = self.function(name)
            reserved = (self.aws("lambda", "get-function-concurrency", "--function-name", f"{self.service}-{name}") or {}).get("ReservedConcurrentExecutions")
            if reserved == 0:
                yield f"function {name} may not run at all (reserved concurrency 0)"
            given = found.get("Environment", {}).get("Variables", {})
            names = {"BUCKET": "JobsBucketName", "JOBS_TABLE": "JobsTableName", "RECORDS_TABLE": "RecordsTableName", "CONNECTIONS_TABLE": "ConnectionsTableName", "EVENT_BUS": "EventBusName"}
            # UploadsQueueUrl for UPLOADS_QUEUE_URL
            names |= {key: "".join(word.capitalize() for word in key.split("_")) for key in given if key.endswith(("_QUEUE_URL", "_DEAD_LETTERS_URL"))}
            for variable, output in names.items():
                if variable in given and given[variable] != self.outputs[output]:
                    yield f"function {name}: {variable} is {given[variable]}, the stack's is {self.outputs[output]}"

    def tables(self):
        for table, wanted in self.wanted["tables"].items():
            name = self.outputs[f"{table}Name"]
            found = self.aws("dynamodb", "describe-table", "--table-name", name)["Table"]
            indexes = sorted(index["IndexName"] for index in found.get("GlobalSecondaryIndexes", []))
            if indexes != wanted["indexes"]:
                yield f"table {name} has the indexes {', '.join(indexes)}, not {', '.join(wanted['indexes'])}"
            expiry = self.aws("dynamodb", "describe-time-to-live", "--table-name", name)["TimeToLiveDescription"]
            if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or expiry.get("AttributeName") != wanted["expires_by"]:
                yield f"rows of table {name} do not expire"

    def schedules(self):
        for schedule, wanted in self.wanted["schedules"].items():
            name = wanted["function"]
            found = self.aws("scheduler", "get-schedule", "--name", self.schedule(schedule))
            if found["State"] != "ENABLED":
                yield f"the schedule of {name} is {found['State']}"
            if found["ScheduleExpression"] != wanted["expression"]:
                yield f"the schedule of {name} is {found['ScheduleExpression']}, not {wanted['expression']}"
            if not found["Target"]["Arn"].endswith(f":{self.service}-{name}"):
                yield f"the schedule of {name} invokes {found['Target']['Arn']}"

    def schedule(self, logical):
        """The name that CloudFormation gave to a schedule: the stack's, the logical one, and random characters."""
        prefix = f"{self.service}-{logical}-"
        found = self.aws("scheduler", "list-schedules", "--name-prefix", prefix)["Schedules"]
        if not found:
            raise plan.Refusal(f"there is no schedule {prefix}…")
        return found[0]["Name"]

    def rules(self):
        for name, wanted in self.wanted["rules"].items():
            of = [f"{self.service}-{name}", "--event-bus-name", self.outputs["EventBusName"]]
            found = self.aws("events", "describe-rule", "--name", *of)
            if found["State"] != "ENABLED":
                yield f"rule {name} is {found['State']}"
            if json.loads(found.get("EventPattern") or "{}") != wanted["pattern"]:
                yield f"rule {name} does not send the events of the template (EventPattern)"
            targets = self.aws("events", "list-targets-by-rule", "--rule", *of)["Targets"]
            if not any(one["Arn"].endswith(f":{self.service}-{wanted['queue']}") for one in targets):
                yield f"rule {name} does not send to queue {wanted['queue']}"

    def attached(self, name, found):
        """What is wrong with the managed policies of a function's role, of which CloudFormation makes up the last part."""
        given = self.environment.given["service"]
        shared = (("NetworkPolicy", "SubnetIds"), ("KeyPolicy", "KeyArn")) if name not in plan.OPTIONAL_FUNCTIONS else ()
        wanted = {f"{self.service}-{policy}" for policy, parameter in shared if given.get(parameter)}
        if more := [policy for policy in found if generated(policy) not in wanted]:
            yield f"function {name} also has the policies {', '.join(more)}"
        if missing := wanted - set(map(generated, found)):
            yield f"function {name} lacks the policies {', '.join(sorted(missing))}"

    def grants(self):
        for name, wanted in sorted(self.wanted["grants"].items()):
            if name not in self.environment.functions:
                continue
            role = self.function(name)["Role"].rsplit("/", 1)[1]
            names = self.aws("iam", "list-role-policies", "--role-name", role)["PolicyNames"]
            attached = self.aws("iam", "list-attached-role-policies", "--role-name", role)["AttachedPolicies"]
            yield from self.attached(name, [one["PolicyName"] for one in attached])
            found = {}
            for policy in names:
                document = self.aws("iam", "get-role-policy", "--role-name", role, "--policy-name", policy)["PolicyDocument"]
                found |= statements(json.loads(document) if isinstance(document, str) else document)
            for sid in sorted(set(wanted) | set(found)):
                if wanted.get(sid) != found.get(sid):
                    yield f"function {name}: grant {sid} is {found.get(sid, 'missing')}, the template's is {wanted.get(sid, 'none')}"
