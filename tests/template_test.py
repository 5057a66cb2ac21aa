"""Rules for infra/ that a template linter does not know.

Each rule is a function from the project's files to a list of complaints. Each has two kinds of test: the
files as they are raise no complaint, and every way of breaking them listed beside the rule does.
Run: python -m unittest tests/template_test.py (needs PyYAML).
"""

import copy
import itertools
import json
import pathlib
import re
import unittest

import yaml

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pip brings its own reader there
    from pip._vendor import tomli as tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST_RETENTION_SECONDS = 14 * 86400  # SQS, SetQueueAttributes
# Actions for which IAM knows no resource. The second is allowed only with a condition.
NO_RESOURCE = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}
# A star in a resource stands at the end, after a folder of the bucket or API, or the endpoints' common name.
WILDCARD = r"[^*]+(/[^*/]+/|/\$\{InputPrefix\}|endpoint/docket-)\*"


class CloudFormationLoader(yaml.SafeLoader):
    """Reads !Ref, !Sub and their like as the long forms that JSON templates use."""


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


CloudFormationLoader.add_multi_constructor("!", _tag)


class Project:
    """The files that must agree with each other."""

    def __init__(self):
        infra = ROOT / "infra"
        self.service = yaml.load((infra / "service.yaml").read_text(), CloudFormationLoader)
        self.endpoint = yaml.load((infra / "endpoint.yaml").read_text(), CloudFormationLoader)
        settings = tomllib.loads((infra / "pipelines.toml").read_text())
        self.grace_seconds = settings["grace_seconds"]
        self.pipelines = {name: table for name, table in settings.items() if isinstance(table, dict)}
        self.parameters = {
            path.stem: {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(path.read_text())}
            for path in sorted((infra / "endpoints").glob("*.json"))
        }
        functions = ROOT / "crates" / "functions" / "src"
        self.bins = {path.stem for path in (functions / "bin").glob("*.rs")}
        config = functions / "config.rs"
        self.config = config.read_text() if config.exists() else None
        jobs = ROOT / "crates" / "jobs" / "src"
        self.reconcile, self.sweep = ((jobs / f"{name}.rs").read_text() for name in ("reconcile", "sweep"))

    def of_type(self, kind, template=None):
        resources = (template or self.service)["Resources"]
        return {name: r["Properties"] for name, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def mentions(value):
    """Logical ids that a value refers to by Ref, GetAtt or Sub."""
    if isinstance(value, list):
        return set().union(*map(mentions, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner[0])
        elif key == "Fn::Sub":
            text = inner if isinstance(inner, str) else inner[0]
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9.]+)\}", text)}
        else:
            found |= mentions(inner)
    return found


def kebab(name):
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


def slug(function):
    """upload-trigger for UploadTriggerFunction."""
    return kebab(function.removesuffix("Function"))


def statements(policy):
    """All statements, with those behind an Fn::If."""
    for statement in policy["PolicyDocument"]["Statement"]:
        yield from (s for s in statement["Fn::If"][1:] if "Effect" in s) if "Fn::If" in statement else [statement]


def grants(role):
    return [s for policy in role["Policies"] for s in statements(policy) if s["Effect"] == "Allow"]


def dead_letter_queues(project):
    return {
        next(iter(mentions(queue["RedrivePolicy"]["deadLetterTargetArn"]))): name
        for name, queue in project.of_type("SQS::Queue").items()
        if "RedrivePolicy" in queue
    }


def retained(resource):
    return resource.get("DeletionPolicy", "Delete").startswith("Retain") and resource.get("UpdateReplacePolicy") == "Retain"


# ---------------------------------------------------------------- rules


def queues_end_in_dead_letters(project):
    queues, dead = project.of_type("SQS::Queue"), dead_letter_queues(project)
    for name, queue in queues.items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
        if name in dead:
            if queue.get("MessageRetentionPeriod") != LONGEST_RETENTION_SECONDS:
                yield f"{name} does not keep its messages for 14 days"
            if not any(name in mentions(alarm.get("Dimensions", [])) for alarm in project.of_type("CloudWatch::Alarm").values()):
                yield f"{name} has no alarm"
        elif "RedrivePolicy" not in queue:
            yield f"{name} has neither a redrive policy nor is it one's target"
        elif queue["RedrivePolicy"]["maxReceiveCount"] < 5:
            yield f"{name} gives up before five deliveries"
    if len(dead) != sum("RedrivePolicy" in queue for queue in queues.values()):
        yield "two queues share their dead letters"
    for name, subscription in project.of_type("SNS::Subscription").items():
        if not mentions(subscription.get("RedrivePolicy", {})) & set(dead):
            yield f"{name} has no dead letters"
        if subscription.get("RawMessageDelivery") is not True:
            yield f"{name} wraps its messages"


def resource_policies_are_tight(project):
    kinds = [("SQS::Queue", "Queues"), ("SNS::Topic", "Topics"), ("S3::Bucket", "Bucket")]
    for kind, key in kinds:
        policies = project.of_type(f"{kind}Policy")
        for name in project.of_type(kind):
            mine = [p for p in policies.values() if name in mentions(p[key])]
            tls = [
                s
                for p in mine
                for s in statements(p)
                if s["Effect"] == "Deny"
                and s["Principal"] == "*"
                and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                and name in mentions(s["Resource"])
            ]
            if not tls:
                yield f"{name} can be used without TLS"
        for name, policy in policies.items():
            for statement in statements(policy):
                if statement["Effect"] != "Allow":
                    continue
                keys = {key for test in statement.get("Condition", {}).values() for key in test}
                principal = statement["Principal"]
                needed = {"aws:SourceArn", "aws:SourceAccount"} if "Service" in principal else {"aws:PrincipalArn"}
                if principal == "*" or needed - keys:
                    yield f"{name}, {statement['Sid']}: lacks {sorted(needed - keys)}"


def connections_need_a_ticket(project):
    routes = {route["RouteKey"]: route for route in project.of_type("ApiGatewayV2::Route").values()}
    if set(routes) != {"$connect", "$disconnect", "$default"}:
        yield f"unexpected routes {sorted(routes)}"
    connect = routes.get("$connect", {})
    authorizers = project.of_type("ApiGatewayV2::Authorizer")
    if connect.get("AuthorizationType") != "CUSTOM" or not mentions(connect.get("AuthorizerId", "")) & set(authorizers):
        yield "$connect has no authorizer"
    for name, authorizer in authorizers.items():
        if authorizer["IdentitySource"] != ["route.request.querystring.ticket"]:
            yield f"{name} does not ask for the ticket"
    for name, stage in project.of_type("ApiGatewayV2::Stage").items():
        settings = stage["DefaultRouteSettings"]
        if "AccessLogSettings" in stage or settings["LoggingLevel"] != "OFF" or settings["DataTraceEnabled"]:
            yield f"{name} logs query strings, and so tickets"
        if not settings.get("ThrottlingRateLimit"):
            yield f"{name} is not throttled"
    for name, permission in project.of_type("Lambda::Permission").items():
        if "SourceArn" not in permission:
            yield f"{name} lets any API call the function"


def functions_are_whole(project):
    functions, roles = project.of_type("Lambda::Function"), project.of_type("IAM::Role")
    groups, sources = project.of_type("Logs::LogGroup"), project.of_type("Lambda::EventSourceMapping")
    for name, function in functions.items():
        word, prefix = slug(name), name.removesuffix("Function")
        if function["Code"] != f"../target/lambda/{word}.zip" or word not in function["FunctionName"]["Fn::Sub"]:
            yield f"{name} is not called {word} everywhere"
        if function["Role"] != {"Fn::GetAtt": [f"{prefix}Role", "Arn"]} or f"{prefix}Role" not in roles:
            yield f"{name} does not have {prefix}Role"
            continue
        group = groups.get(f"{prefix}Logs")
        if group is None or function.get("LoggingConfig") != {"LogGroup": {"Ref": f"{prefix}Logs"}}:
            yield f"{name} does not log to {prefix}Logs"
        elif "RetentionInDays" not in group or not group["LogGroupName"]["Fn::Sub"].endswith(f"/{word}"):
            yield f"{prefix}Logs keeps logs for ever, or is not called {word}"
        allowed = grants(roles[f"{prefix}Role"])
        logs = [s for s in allowed if any(a.startswith("logs:") for a in as_list(s["Action"]))]
        if [mentions(s["Resource"]) for s in logs] != [{f"{prefix}Logs"}]:
            yield f"{prefix}Role does not write to its own logs alone"
        fed_by = set().union(*(mentions(s["Resource"]) for s in allowed if "sqs:ReceiveMessage" in as_list(s["Action"])))
        mapped = {q for s in sources.values() if mentions(s["FunctionName"]) == {name} for q in mentions(s["EventSourceArn"])}
        # The reconciler fetches dead letters by itself.
        if fed_by - set(dead_letter_queues(project)) != mapped:
            yield f"{name} may receive from {sorted(fed_by)} but is fed by {sorted(mapped)}"
    for name, source in sources.items():
        if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} loses the failed records of a batch"
        if "MaximumConcurrency" not in source.get("ScalingConfig", {}):
            yield f"{name} has no cap"
    unread = set(project.of_type("SQS::Queue")) - set(dead_letter_queues(project))
    unread -= {q for s in sources.values() for q in mentions(s["EventSourceArn"])}
    if unread:
        yield f"nobody reads {sorted(unread)}"
    schedules = project.of_type("Scheduler::Schedule")
    for name, schedule in schedules.items():
        target = schedule["Target"]
        if not mentions(target["Arn"]) <= set(functions) or target.get("RetryPolicy", {}).get("MaximumRetryAttempts") != 0:
            yield f"{name} does not call a function once"
        role = roles.get(f"{name}Role", {})
        if mentions(target["RoleArn"]) != {f"{name}Role"} or [mentions(s["Resource"]) for s in grants({"Policies": [], **role})] != [mentions(target["Arn"])]:
            yield f"{name} may do more than that"
        if "aws:SourceAccount" not in json.dumps(role.get("AssumeRolePolicyDocument")):
            yield f"{name}Role serves other accounts' schedules"
    if len(roles) != len(functions) + len(schedules):
        yield "there is a role without a function or a schedule"


def grants_are_narrow(project):
    for template in (project.service, project.endpoint):
        for name, role in project.of_type("IAM::Role", template).items():
            if "ManagedPolicyArns" in role:
                yield f"{name} has a managed policy"
            for statement in grants(role):
                actions = as_list(statement["Action"])
                if any("*" in action for action in actions):
                    yield f"{name}, {statement['Sid']}: wildcard in {actions}"
                if statement["Resource"] == "*" and set(actions) <= NO_RESOURCE:
                    if "cloudwatch:PutMetricData" in actions and "Condition" not in statement:
                        yield f"{name}, {statement['Sid']}: any namespace"
                    continue
                for resource in as_list(statement["Resource"]):
                    text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
                    text = text if isinstance(text, str) else text[0]
                    if "*" in text and not re.fullmatch(WILDCARD, text):
                        yield f"{name}, {statement['Sid']}: wildcard in {text}"


def data_is_kept_and_protected(project):
    for name in ("JobsBucket", "JobsTable", "DeskTable"):
        if not retained(project.service["Resources"][name]):
            yield f"{name} is deleted with the stack"
    for name, table in project.of_type("DynamoDB::Table").items():
        if table["TimeToLiveSpecification"] != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name} does not expire its items"
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{name} has no backup"
        if table.get("SSESpecification") != {"SSEEnabled": True}:
            yield f"{name} is not encrypted with a key of the account"
        if "DeletionProtectionEnabled" not in table or table["BillingMode"] != "PAY_PER_REQUEST":
            yield f"{name} is unprotected or not on demand"
    for name, bucket in project.of_type("S3::Bucket").items():
        if set(bucket.get("PublicAccessBlockConfiguration", {}).values()) != {True} or "BucketEncryption" not in bucket:
            yield f"{name} is not private and encrypted"
        if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{name} is not versioned"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name} still has object ACLs"


def bucket_follows_the_pipelines(project):
    bucket = project.of_type("S3::Bucket")["JobsBucket"]
    watched = []
    for configuration in bucket["NotificationConfiguration"]["QueueConfigurations"]:
        rules = {rule["Name"]: rule["Value"] for rule in configuration["Filter"]["S3Key"]["Rules"]}
        watched.append(rules["prefix"])
        if configuration["Event"] != "s3:ObjectCreated:*" or set(rules) != {"prefix"}:
            yield f"notification of {rules} misses some uploads"
    prefixes = [table["prefix"] for table in project.pipelines.values()]
    if sorted(watched) != sorted(prefixes):
        yield f"S3 tells of {sorted(watched)}, the pipelines have {sorted(prefixes)}"
    for one, other in itertools.permutations(prefixes, 2):
        if one.startswith(other):
            yield f"{one} lies under {other}"
    days = {r.get("Prefix"): r.get("ExpirationInDays") for r in bucket["LifecycleConfiguration"]["Rules"]}
    for name, table in project.pipelines.items():
        kept = table["retention_days"]
        wanted = {table["prefix"]: kept["input"], f"outbound/{name}/": kept["output"], f"failure/{name}/": kept["output"]}
        for prefix, number in wanted.items():
            if days.get(prefix) != number:
                yield f"{prefix} is kept {days.get(prefix)} days, not {number}"
    if days.get("work/", 0) * 86400 <= max(table["bound_seconds"] for table in project.pipelines.values()):
        yield "work/ is emptied before a job must have ended"
    reads = {
        "UploadTriggerRole": {"work/", "outbound/"},
        "RetryRole": {"work/", "outbound/", "failure/"},
        "InferenceSuccessRole": {"outbound/", "failure/"},
        "InferenceErrorRole": {"outbound/", "failure/"},
    }
    for role, more in reads.items():
        readable = {
            resource["Fn::Sub"].removeprefix("${JobsBucket.Arn}/").removesuffix("*")
            for s in grants(project.of_type("IAM::Role")[role])
            if "s3:GetObject" in as_list(s["Action"])
            for resource in as_list(s["Resource"])
        }
        if readable != {*prefixes, *more}:
            yield f"{role} may read {sorted(readable)}"


def grace_covers_redelivery(project):
    timing = project.service["Mappings"]["QueueTiming"]
    allowed = project.service["Parameters"]["FunctionTimeoutSeconds"]["AllowedValues"]
    if sorted(timing) != sorted(map(str, allowed)):
        yield "QueueTiming has not a row for each allowed FunctionTimeoutSeconds"
    for timeout, row in timing.items():
        if row["VisibilitySeconds"] != 6 * int(timeout):
            yield f"visibility for {timeout} s is not six times that"
    dead = dead_letter_queues(project)
    for name, queue in project.of_type("SQS::Queue").items():
        if name in dead:
            continue
        if queue.get("VisibilityTimeout") != {"Fn::FindInMap": ["QueueTiming", {"Ref": "FunctionTimeoutSeconds"}, "VisibilitySeconds"]}:
            yield f"{name}: visibility does not follow FunctionTimeoutSeconds"
        longest = max(row["VisibilitySeconds"] for row in timing.values())
        needed = queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0) * longest
        if project.grace_seconds < needed:
            yield f"{name}: a message may be under way for {needed} s, grace_seconds is {project.grace_seconds}"


def the_reconciler_keeps_to_its_numbers(project):
    minutes = re.fullmatch(r"rate\((\d+) minutes\)", resource(project, "ReconcilerSchedule")["ScheduleExpression"])
    ahead = re.search(r"const AHEAD: Duration = Duration::from_secs\((\d+) \+", project.reconcile)
    if not minutes or not ahead or int(minutes[1]) * 60 != int(ahead[1]):
        yield "the schedule is not what AHEAD in crates/jobs/src/reconcile.rs counts on"
    rules = resource(project, "JobsBucket")["LifecycleConfiguration"]["Rules"]
    days = [r["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for r in rules if "AbortIncompleteMultipartUpload" in r]
    longest = re.search(r"const LONGEST_UPLOAD: Duration = Duration::from_secs\((\d+) \* 24 \* 3600\)", project.sweep)
    if not longest or days != [int(longest[1])]:
        yield "unfinished uploads do not end when LONGEST_UPLOAD in crates/jobs/src/sweep.rs says"
    place = statement(project, "ReconcilerRole", "PlaceInIndex")
    if place.get("Condition", {}).get("ForAllValues:StringEquals") != {"dynamodb:Attributes": ["job_id", "wake_at"]}:
        yield "the reconciler may write more of a job than its place in the index"


def endpoint_files_fit(project):
    if set(project.parameters) != set(project.pipelines):
        yield f"files for {sorted(project.parameters)}, pipelines {sorted(project.pipelines)}"
    declared = project.endpoint["Parameters"]
    of_the_account = {"JobsBucketName", "SuccessTopicArn", "ErrorTopicArn", "ImageUri", "ImageRepositoryArn"}
    for name in set(project.parameters) & set(project.pipelines):
        given, table = project.parameters[name], project.pipelines[name]
        wanted = {
            "Pipeline": name,
            "EndpointName": table["endpoint"],
            "InputPrefix": table["prefix"],
            "OldestRequestAlarmSeconds": str(min(table["queue_ttl_seconds"], table["promise_seconds"]) // 2),
        }
        for key, value in wanted.items():
            if given.get(key) != value:
                yield f"{name}.json: {key} is {given.get(key)}, not {value}"
        required = {key for key, parameter in declared.items() if "Default" not in parameter}
        if set(given) - set(declared) or required - of_the_account - set(given):
            yield f"{name}.json: {sorted(set(given) ^ (required - of_the_account))} do not fit the template"
        if not 0 <= int(given["MinInstances"]) <= int(given["MaxInstances"]) or int(given["MaxInstances"]) < 1:
            yield f"{name}.json: MinInstances and MaxInstances"
        if not re.fullmatch(declared["EndpointName"]["AllowedPattern"], given.get("EndpointName", "")):
            yield f"{name}.json: the functions may not invoke {given.get('EndpointName')}"


def endpoint_scales_safely(project):
    policies = project.of_type("ApplicationAutoScaling::ScalingPolicy", project.endpoint)
    alarms = project.of_type("CloudWatch::Alarm", project.endpoint)
    waking = [a for a in alarms.values() if a["MetricName"] == "HasBacklogWithoutCapacity"]
    if not any(mentions(a["AlarmActions"]) & set(policies) for a in waking):
        yield "nothing wakes the endpoint from zero"
    for name, policy in policies.items():
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
        if tracking is not None and tracking.get("DisableScaleIn") is not True:
            yield f"{name} may stop an instance that works"
        steps = policy.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
        if any(step["ScalingAdjustment"] <= 0 for step in steps):
            for alarm in (a for a in alarms.values() if name in mentions(a["AlarmActions"])):
                if (alarm["MetricName"], alarm["Statistic"], alarm["TreatMissingData"]) != ("ApproximateBacklogSize", "Maximum", "missing"):
                    yield f"{name} shrinks on something else than an empty backlog"
    published = [s for r in project.of_type("IAM::Role", project.endpoint).values() for s in grants(r) if s["Action"] == "sns:Publish"]
    if len(published) != 1 or project.of_type("IAM::Policy", project.endpoint):
        yield "the right to publish is not in the role itself: CreateEndpoint may come too early"


def every_binary_has_a_function(project):
    functions = {slug(name) for name in project.of_type("Lambda::Function")}
    if not project.bins:
        yield "crates/functions/src/bin has no *.rs"
    for word in sorted(project.bins ^ functions):
        yield f"{word} is a {'function' if word in functions else 'binary'} only"


def environment_is_what_the_code_reads(project):
    if project.config is None:
        yield "crates/functions/src/config.rs does not exist"
        return
    code = project.config.split("#[cfg(test)]")[0]
    read = set(re.findall(r'Self::\w+ => "([A-Z][A-Z0-9_]*)"', code))
    functions = project.of_type("Lambda::Function").values()
    given = {name for f in functions for name in f.get("Environment", {}).get("Variables", {})}
    overrides = {name for name in given if name.startswith("AWS_ENDPOINT_URL_")}
    for name in sorted((given - overrides) ^ read):
        yield f"{name} is {'set' if name in given else 'read'} only"
    if overrides and "AWS_ENDPOINT_URL" not in code:
        yield f"{sorted(overrides)} set only"


def parameters_are_explained(project):
    for template in (project.service, project.endpoint):
        for name, parameter in template["Parameters"].items():
            bounds = {"AllowedPattern", "AllowedValues", "MinValue"}
            if "Description" not in parameter or not (bounds & set(parameter) or name == "TopicKeyId"):
                yield f"{name} lacks a description or bounds"
        for name, output in template["Outputs"].items():
            if "Description" not in output:
                yield f"output {name} lacks a description"


# ---------------------------------------------------------------- the rules at work


def resource(project, name, template="service"):
    return getattr(project, template)["Resources"][name]["Properties"]


def drop(mapping, *keys):
    for key in keys:
        del mapping[key]


def statement(project, name, sid, template="service"):
    found = resource(project, name, template)
    document = found["Policies"][0] if "Policies" in found else found
    return next(s for s in statements(document) if s["Sid"] == sid)


# Each breaks a copy of the project; the rule must then complain.
BREAKAGES = {
    queues_end_in_dead_letters: [
        lambda p: drop(resource(p, "WakeupsQueue"), "RedrivePolicy"),
        lambda p: resource(p, "UploadsQueue")["RedrivePolicy"].update(maxReceiveCount=3),
        lambda p: resource(p, "UploadsDeadLetters").update(MessageRetentionPeriod=345600),
        lambda p: resource(p, "UploadsQueue").update(RedrivePolicy=resource(p, "WakeupsQueue")["RedrivePolicy"]),
        lambda p: drop(p.service["Resources"], "WakeupsDeadLettersAlarm"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RedrivePolicy"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RawMessageDelivery"),
        lambda p: drop(resource(p, "UploadsDeadLetters"), "SqsManagedSseEnabled"),
    ],
    resource_policies_are_tight: [
        lambda p: drop(p.service["Resources"], "WakeupsDeadLettersPolicy"),
        lambda p: drop(p.service["Resources"], "JobsBucketPolicy"),
        lambda p: statement(p, "InferenceErrorTopicPolicy", "TlsOnly").update(Effect="Allow"),
        lambda p: statement(p, "WakeupsQueuePolicy", "TlsOnly").update(Resource={"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
        lambda p: drop(statement(p, "UploadsQueuePolicy", "BucketNotifications")["Condition"], "ArnEquals"),
        lambda p: drop(statement(p, "UploadsQueuePolicy", "BucketNotifications")["Condition"], "StringEquals"),
        lambda p: drop(statement(p, "InferenceErrorDeadLettersPolicy", "TopicDeliveries"), "Condition"),
        lambda p: statement(p, "InferenceErrorTopicPolicy", "EndpointRoles").update(Principal="*"),
    ],
    connections_need_a_ticket: [
        lambda p: resource(p, "WsConnectRoute").update(AuthorizationType="NONE"),
        lambda p: drop(resource(p, "WsConnectRoute"), "AuthorizerId"),
        lambda p: drop(p.service["Resources"], "WsConnectRoute"),
        lambda p: resource(p, "WebSocketAuthorizer").update(IdentitySource=[]),
        lambda p: resource(p, "WebSocketStage").update(AccessLogSettings={}),
        lambda p: resource(p, "WebSocketStage")["DefaultRouteSettings"].update(DataTraceEnabled=True),
        lambda p: drop(resource(p, "WebSocketStage")["DefaultRouteSettings"], "ThrottlingRateLimit"),
        lambda p: drop(resource(p, "WsConnectPermission"), "SourceArn"),
    ],
    functions_are_whole: [
        lambda p: resource(p, "RetryFunction").update(Code="../target/lambda/upload-trigger.zip"),
        lambda p: resource(p, "RetryFunction").update(Role=resource(p, "UploadTriggerFunction")["Role"]),
        lambda p: drop(resource(p, "RetryFunction"), "LoggingConfig"),
        lambda p: drop(resource(p, "RetryLogs"), "RetentionInDays"),
        lambda p: statement(p, "RetryRole", "Logs").update(Resource={"Fn::GetAtt": ["UploadTriggerLogs", "Arn"]}),
        lambda p: drop(resource(p, "RetryEventSource"), "FunctionResponseTypes"),
        lambda p: drop(resource(p, "RetryEventSource"), "ScalingConfig"),
        lambda p: drop(p.service["Resources"], "RetryEventSource"),
        lambda p: drop(p.service["Resources"], "RetryFunction"),
        lambda p: statement(p, "ReconcilerRole", "DeadLetters")["Resource"].append({"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
        lambda p: drop(p.service["Resources"], "ReconcilerScheduleRole"),
        lambda p: drop(resource(p, "ReconcilerSchedule")["Target"], "RetryPolicy"),
        lambda p: statement(p, "ReconcilerScheduleRole", "Call").update(Resource={"Fn::GetAtt": ["RetryFunction", "Arn"]}),
        lambda p: drop(resource(p, "ReconcilerScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0], "Condition"),
    ],
    grants_are_narrow: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Action="dynamodb:*"),
        lambda p: statement(p, "RetryRole", "Jobs").update(Resource="*"),
        lambda p: statement(p, "RetryRole", "Copies").update(Resource={"Fn::Sub": "${JobsBucket.Arn}*"}),
        lambda p: statement(p, "RetryRole", "Copies").update(Resource={"Fn::Sub": "${JobsBucket.Arn}/*"}),
        lambda p: statement(p, "RetryRole", "Invoke").update(Resource={"Fn::Sub": "arn:aws:sagemaker:*:*:endpoint/docket-*"}),
        lambda p: statement(p, "RetryRole", "Invoke").update(Resource={"Fn::Sub": "arn:aws:sagemaker:eu-west-1:1:*"}),
        lambda p: resource(p, "RetryRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/PowerUserAccess"]),
        lambda p: drop(statement(p, "ExecutionRole", "Metrics", "endpoint"), "Condition"),
        lambda p: statement(p, "ExecutionRole", "ModelData", "endpoint").update(Resource="arn:aws:s3:::*"),
    ],
    data_is_kept_and_protected: [
        lambda p: drop(p.service["Resources"]["JobsTable"], "DeletionPolicy"),
        lambda p: p.service["Resources"]["JobsBucket"].update(UpdateReplacePolicy="Delete"),
        lambda p: drop(resource(p, "JobsTable"), "PointInTimeRecoverySpecification"),
        lambda p: drop(resource(p, "DeskTable"), "SSESpecification"),
        lambda p: resource(p, "DeskTable")["TimeToLiveSpecification"].update(AttributeName="ttl"),
        lambda p: drop(resource(p, "JobsTable"), "DeletionProtectionEnabled"),
        lambda p: resource(p, "JobsBucket")["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False),
        lambda p: drop(resource(p, "JobsBucket"), "VersioningConfiguration"),
        lambda p: drop(resource(p, "JobsBucket"), "OwnershipControls"),
    ],
    bucket_follows_the_pipelines: [
        lambda p: drop(p.pipelines, "ocr-batch"),
        lambda p: p.pipelines["ocr-batch"].update(prefix="inbound/batches/"),
        lambda p: p.pipelines["ocr-batch"]["retention_days"].update(input=15),
        lambda p: p.pipelines["ocr-batch"]["retention_days"].update(output=1),
        lambda p: p.pipelines["ocr-batch"].update(bound_seconds=30 * 86400),
        lambda p: resource(p, "JobsBucket")["NotificationConfiguration"]["QueueConfigurations"].pop(),
        lambda p: resource(p, "JobsBucket")["NotificationConfiguration"]["QueueConfigurations"][0].update(Event="s3:ObjectCreated:Put"),
        lambda p: statement(p, "RetryRole", "Inputs")["Resource"].pop(),
    ],
    grace_covers_redelivery: [
        lambda p: setattr(p, "grace_seconds", 1799),
        lambda p: resource(p, "WakeupsQueue")["RedrivePolicy"].update(maxReceiveCount=6),
        lambda p: resource(p, "WakeupsQueue").update(VisibilityTimeout=30),
        lambda p: drop(p.service["Mappings"]["QueueTiming"], "30"),
        lambda p: p.service["Mappings"]["QueueTiming"]["30"].update(VisibilitySeconds=30),
    ],
    the_reconciler_keeps_to_its_numbers: [
        lambda p: resource(p, "ReconcilerSchedule").update(ScheduleExpression="rate(10 minutes)"),
        lambda p: resource(p, "JobsBucket")["LifecycleConfiguration"]["Rules"][-1]["AbortIncompleteMultipartUpload"].update(DaysAfterInitiation=14),
        lambda p: drop(statement(p, "ReconcilerRole", "PlaceInIndex"), "Condition"),
    ],
    endpoint_files_fit: [
        lambda p: drop(p.parameters, "ocr-batch"),
        lambda p: p.parameters["ocr-batch"].update(EndpointName="docket-ocr"),
        lambda p: p.parameters["ocr-batch"].update(Pipeline="legal-review"),
        lambda p: p.parameters["ocr-batch"].update(InputPrefix="inbound/"),
        lambda p: p.parameters["ocr-batch"].update(Typo="1"),
        lambda p: p.parameters["ocr-batch"].update(MaxInstances="0"),
        lambda p: drop(p.parameters["ocr-batch"], "InstanceType"),
        lambda p: p.pipelines["ocr-batch"].update(promise_seconds=60),
        lambda p: (p.pipelines["ocr-batch"].update(endpoint="ocr"), p.parameters["ocr-batch"].update(EndpointName="ocr")),
    ],
    endpoint_scales_safely: [
        lambda p: drop(p.endpoint["Resources"], "WakeAlarm"),
        lambda p: resource(p, "BacklogPolicy", "endpoint")["TargetTrackingScalingPolicyConfiguration"].update(DisableScaleIn=False),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(MetricName="ApproximateBacklogSizePerInstance"),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(TreatMissingData="breaching"),
        lambda p: resource(p, "ExecutionRole", "endpoint")["Policies"][0]["PolicyDocument"]["Statement"].remove(
            statement(p, "ExecutionRole", "Notifications", "endpoint")
        ),
    ],
    every_binary_has_a_function: [
        lambda p: p.bins.clear(),
        lambda p: p.bins.add("surplus"),
        lambda p: drop(p.service["Resources"], "RetryFunction"),
    ],
    environment_is_what_the_code_reads: [
        lambda p: setattr(p, "config", None),
        lambda p: setattr(p, "config", ""),
        lambda p: setattr(p, "config", (p.config or "").replace('"BUCKET"', "")),
        lambda p: setattr(p, "config", 'Self::Surplus => "SURPLUS",\n' + (p.config or "")),
        lambda p: resource(p, "RetryFunction")["Environment"]["Variables"].update(SURPLUS="1"),
    ],
    parameters_are_explained: [
        lambda p: drop(p.service["Parameters"]["PageOrigin"], "Description"),
        lambda p: drop(p.endpoint["Parameters"]["MaxInstances"], "MinValue"),
        lambda p: drop(p.service["Outputs"]["WebSocketUrl"], "Description"),
    ],
}


class Rules(unittest.TestCase):
    """One test a rule, made below: the files keep it, and each breakage is noticed."""

    @classmethod
    def setUpClass(cls):
        cls.project = Project()

    def check(self, rule):
        self.assertEqual([], list(rule(self.project)))
        for number, breakage in enumerate(BREAKAGES[rule]):
            with self.subTest(breakage=number):
                broken = copy.deepcopy(self.project)
                breakage(broken)
                self.assertNotEqual([], list(rule(broken)), "the rule did not notice")


for _rule in BREAKAGES:
    setattr(Rules, f"test_{_rule.__name__}", lambda self, rule=_rule: self.check(rule))


if __name__ == "__main__":
    unittest.main()
