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
# What an access log may hold of a request: no header, path or query string, so no token, file name or job id.
LOGGED = {"requestId", "requestTimeEpoch", "routeKey", "status", "authorizer.claims.sub", "authorizer.error",
          "integrationErrorMessage", "responseLatency"}  # fmt: skip
# What AWS itself measures and we look at: by namespace, the dimensions that a metric comes with and the metrics.
# (CloudWatch metrics chapters of the SQS, Lambda, API Gateway and DynamoDB developer guides; SageMaker developer
# guide, "Monitor asynchronous endpoint".)
MEASURED = {
    "AWS/SQS": [({"QueueName"}, {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"})],
    "AWS/Lambda": [({"FunctionName"}, {"Errors", "Throttles", "ConcurrentExecutions", "Duration"})],
    "AWS/ApiGateway": [({"ApiId"}, {"Count", "4xx", "5xx", "Latency", "ConnectCount", "ExecutionError", "IntegrationError"})],
    "AWS/DynamoDB": [
        ({"TableName"}, {"ReadThrottleEvents", "WriteThrottleEvents", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}),
        ({"TableName", "GlobalSecondaryIndexName"}, {"WriteThrottleEvents"}),
    ],
    "AWS/SageMaker": [
        ({"EndpointName"}, {"ApproximateBacklogSize", "ApproximateBacklogSizePerInstance", "ApproximateAgeOfOldestRequest", "HasBacklogWithoutCapacity"}),
        ({"EndpointName", "VariantName"}, {"NotificationFailures", "RequestDownloadFailures", "ResponseUploadFailures", "ExpiredRequests", "InvocationFailures", "Invocation4XXErrors", "Invocation5XXErrors", "TotalProcessingTime", "TimeInBacklog", "ModelLatency"}),
    ],
    "/aws/sagemaker/Endpoints": [({"EndpointName", "VariantName"}, {"CPUUtilization"})],
}  # fmt: skip
# The sets of dimensions that a line of our own metrics has, by its Dimension in crates/functions/src/metrics.rs.
SETS = {
    "Service": [{"Service"}],
    "Pipeline": [{"Service", "Pipeline"}, {"Service"}],
    "Gauge": [{"Service", "Pipeline"}],
    "Cause": [{"Service", "Pipeline", "Cause"}],
    "Queue": [{"Service", "Queue"}, {"Service"}],
}
MOST_METRICS_OF_AN_ALARM = 10  # CloudWatch user guide, "Create an alarm based on a metric math expression"
# Alarms that start or stop instances or undo an update, and tell nobody.
NOT_FOR_PEOPLE = {"wake", "idle", "rollback"}
# A star in a resource stands at the end, after a folder of the bucket or API, the bucket of the models' weights, or the
# endpoints' common name.
WILDCARD = r"[^*]+(/[^*/]+/|/\$\{InputPrefix\}|:::\$\{Bucket\}/|endpoint/docket-)\*"


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
        self.web = yaml.load((infra / "web.yaml").read_text(), CloudFormationLoader)
        self.endpoint = yaml.load((infra / "endpoint.yaml").read_text(), CloudFormationLoader)
        self.watch = yaml.load((infra / "watch.yaml").read_text(), CloudFormationLoader)
        settings = tomllib.loads((infra / "pipelines.toml").read_text())
        self.max_notification_delay_seconds = settings["max_notification_delay_seconds"]
        self.pipelines = {name: table for name, table in settings.items() if isinstance(table, dict)}
        self.parameters = {
            path.stem: {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(path.read_text())}
            for path in sorted((infra / "endpoints").glob("*.json"))
        }
        functions = ROOT / "crates" / "functions" / "src"
        self.bins = {path.stem for path in (functions / "bin").glob("*.rs")}
        config = functions / "config.rs"
        self.config = config.read_text() if config.exists() else None
        self.metrics = (functions / "metrics.rs").read_text().split("#[cfg(test)]")[0]
        self.handlers = "".join(path.read_text() for path in sorted((functions / "handlers").glob("*.rs")))
        self.apply = (ROOT / "crates" / "jobs" / "src" / "apply.rs").read_text()
        jobs = ROOT / "crates" / "jobs" / "src"
        self.reconcile, self.sweep = ((jobs / f"{name}.rs").read_text() for name in ("reconcile", "inventory_scan"))
        model = ROOT / "crates" / "async-endpoint" / "src"
        self.model = {name: (model / f"{name}.rs").read_text().split("#[cfg(test)]")[0] for name in ("settings", "settings/parameters")}

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


def of_api(project, kind, protocol):
    """The routes, authorizers, … of our APIs of a protocol."""
    apis = {name for name, api in project.of_type("ApiGatewayV2::Api").items() if api["ProtocolType"] == protocol}
    return {name: r for name, r in project.of_type(f"ApiGatewayV2::{kind}").items() if mentions(r["ApiId"]) & apis}


def folders(project, role, action):
    """The folders of the bucket in which a role may do that."""
    return {
        resource["Fn::Sub"].removeprefix("${JobsBucket.Arn}/").removesuffix("*")
        for s in grants(project.of_type("IAM::Role")[role])
        if action in as_list(s["Action"])
        for resource in as_list(s["Resource"])
    }


def emitted(project):
    """The dimensions by which the handlers emit each of our metrics: sets of names, as crates/functions/src/metrics.rs makes them."""
    named = dict(re.findall(r'Self::(\w+) => "([A-Z]\w+)"', project.metrics.split("const fn unit")[0]))
    found = {}
    for dimension, values in re.findall(r"\bemit\(\s*[&\w.]+,\s*[\w.]+,\s*Dimension::(\w+).*?&\[(.*?)\],\s*\)", project.handlers, re.DOTALL):
        for metric in re.findall(r"Metric::(\w+)", values):
            found.setdefault(named[metric], []).extend(SETS[dimension])
    return found


def measured(project, namespace, metric, dimensions):
    """Whether somebody writes that metric with these dimensions."""
    if namespace == "Docket":
        return set(dimensions) in emitted(project).get(metric, [])
    return any(set(dimensions) == names and metric in metrics for names, metrics in MEASURED.get(namespace, []))


def watched(alarm):
    """What an alarm looks at, as (namespace, metric, dimensions)."""
    looked_at = [alarm] if "MetricName" in alarm else [m["MetricStat"]["Metric"] for m in alarm["Metrics"] if "MetricStat" in m]
    for metric in looked_at:
        yield metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}


def all_alarms(project):
    return [(template, name, a) for template in (project.service, project.watch, project.endpoint) for name, a in project.of_type("CloudWatch::Alarm", template).items()]


def widgets(project):
    body = resource(project, "Dashboard", "watch")["DashboardBody"]["Fn::Sub"]
    return json.loads(body)["widgets"]


def graphs(project):
    """The dashboard's metrics, as (namespace, metric, dimensions)."""
    for widget in widgets(project):
        for metric in widget["properties"].get("metrics", []):
            words = [word for word in metric if isinstance(word, str)]
            if not words:  # an expression over the others
                continue
            yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


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
    routes = {route["RouteKey"]: route for route in of_api(project, "Route", "WEBSOCKET").values()}
    if set(routes) != {"$connect", "$disconnect", "$default"}:
        yield f"unexpected routes {sorted(routes)}"
    connect = routes.get("$connect", {})
    authorizers = of_api(project, "Authorizer", "WEBSOCKET")
    if connect.get("AuthorizationType") != "CUSTOM" or not mentions(connect.get("AuthorizerId", "")) & set(authorizers):
        yield "$connect has no authorizer"
    for name, authorizer in authorizers.items():
        if authorizer["IdentitySource"] != ["route.request.querystring.ticket"]:
            yield f"{name} does not ask for the ticket"
    for name, stage in of_api(project, "Stage", "WEBSOCKET").items():
        settings = stage["DefaultRouteSettings"]
        if "AccessLogSettings" in stage or settings["LoggingLevel"] != "OFF" or settings["DataTraceEnabled"]:
            yield f"{name} logs query strings, and so tickets"
        if not settings.get("ThrottlingRateLimit"):
            yield f"{name} is not throttled"
    for name, permission in project.of_type("Lambda::Permission").items():
        if "SourceArn" not in permission:
            yield f"{name} lets any API call the function"


def requests_need_a_token(project):
    authorizers = of_api(project, "Authorizer", "HTTP")
    methods, public = set(), []
    for name, route in of_api(project, "Route", "HTTP").items():
        method, _, path = route["RouteKey"].partition(" ")
        methods.add(method)
        if method in ("ANY", "OPTIONS", "$default"):
            yield f"{name} takes browsers' preflight requests, which have no token"
        if route["RouteKey"] == "GET /configuration":
            public.append(route["RouteKey"])
        elif route.get("AuthorizationType") != "JWT" or not mentions(route.get("AuthorizerId", "")) & set(authorizers):
            yield f"{name} answers without a token"
    pools, clients = project.of_type("Cognito::UserPool"), project.of_type("Cognito::UserPoolClient")
    for name, authorizer in authorizers.items():
        told = authorizer.get("JwtConfiguration", {})
        issuer, audience = told.get("Issuer", {}), told.get("Audience", [])
        trusted = mentions(issuer) - {"AWS"}
        address = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${%s}"
        if authorizer["AuthorizerType"] != "JWT" or authorizer["IdentitySource"] != ["$request.header.Authorization"]:
            yield f"{name} does not read the token"
        if len(trusted) != 1 or not trusted <= set(pools) or issuer != {"Fn::Sub": address % next(iter(trusted))}:
            yield f"{name} trusts {issuer}"
        if not audience or any(not mentions(one) & set(clients) or mentions(clients[one["Ref"]]["UserPoolId"]) != trusted for one in audience):
            yield f"{name} takes tokens that were made for {audience}"
    for name, stage in of_api(project, "Stage", "HTTP").items():
        settings = {"": stage.get("DefaultRouteSettings", {}), **stage.get("RouteSettings", {})}
        rates = {key: (one.get("ThrottlingRateLimit", 0), one.get("ThrottlingBurstLimit", 0)) for key, one in settings.items()}
        if not all(map(all, rates.values())) or not all(key in rates and rates[key] < rates[""] for key in public):
            yield f"{name} is not throttled, and more so where anyone may ask"
        logs = stage.get("AccessLogSettings", {})
        if not mentions(logs.get("DestinationArn", "")) & set(project.of_type("Logs::LogGroup")):
            yield f"{name} has no access log"
        surplus = set(re.findall(r"\$context\.([\w.]+)", logs.get("Format", ""))) - LOGGED
        if surplus or "sub" not in logs.get("Format", ""):
            yield f"{name} logs {sorted(surplus)}, or not who asked"
    for name, api in project.of_type("ApiGatewayV2::Api").items():
        if api["ProtocolType"] != "HTTP":
            continue
        cors = api.get("CorsConfiguration", {})
        if cors.get("AllowOrigins") != [{"Ref": "PageOrigin"}] or cors.get("AllowCredentials"):
            yield f"{name} lets others' pages in, or * with credentials"
        if set(cors.get("AllowMethods", [])) != methods or set(cors.get("AllowHeaders", [])) != {"authorization", "content-type"}:
            yield f"{name} lets pages do something else than there is to do"


def people_cannot_promote_themselves(project):
    for name, pool in project.of_type("Cognito::UserPool").items():
        if not retained(project.service["Resources"][name]) or "DeletionProtection" not in pool:
            yield f"{name} is deleted with the stack"
        if pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly") is not True:
            yield f"{name} lets anyone sign up"
        if pool.get("UsernameConfiguration") != {"CaseSensitive": False} or pool.get("UsernameAttributes") != ["email"]:
            yield f"{name} knows a person by two names"
        if pool["Policies"]["PasswordPolicy"].get("MinimumLength", 0) < 12:
            yield f"{name} takes short passwords"
        if pool.get("MfaConfiguration") not in ("OPTIONAL", "ON") or "SOFTWARE_TOKEN_MFA" not in pool.get("EnabledMfas", []):
            yield f"{name} knows no second factor"
    for name, client in project.of_type("Cognito::UserPoolClient").items():
        # Left out, it is everything (CreateUserPoolClient).
        if "email" in client.get("WriteAttributes", ["email"]):
            yield f"{name} lets people change the name that the audit log has"
        if client.get("GenerateSecret") is not False:
            yield f"{name} has a secret that a page cannot keep"
        if client.get("PreventUserExistenceErrors") != "ENABLED" or client.get("EnableTokenRevocation") is not True:
            yield f"{name} says who has a sign-in, or cannot end one"
        if (client.get("IdTokenValidity"), client.get("TokenValidityUnits", {}).get("IdToken")) != (60, "minutes"):
            yield f"{name}: an ID token does not last an hour"
    groups = {group["GroupName"] for group in project.of_type("Cognito::UserPoolGroup").values()}
    if groups != {"customer", "reviewer", "support"}:
        yield f"the groups are {sorted(groups)}"


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


def the_desk_is_divided(project):
    """Tickets, plans, audit, … share a table; whoever is let in is let in by key."""
    for name, role in project.of_type("IAM::Role").items():
        for statement in grants(role):
            if "RecordsTable" not in mentions(statement["Resource"]):
                continue
            keys = [key for test in statement.get("Condition", {}).values() for key in test.get("dynamodb:LeadingKeys", [])]
            if not keys or any(key.strip("*") == "" for key in keys):
                yield f"{name}, {statement['Sid']}: all of the desk"


def the_page_runs_nothing_of_others(project):
    allowed = {"'none'", "'self'", "'script'", "${ApiOrigin}", "${WebSocketOrigin}", "${BucketOrigin}", "${SignInOrigin}"}
    for name, headers in project.of_type("CloudFront::ResponseHeadersPolicy", project.web).items():
        text = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
        directives = {words[0]: words[1:] for words in map(str.split, text.split(";")) if words}
        if surplus := {word for words in directives.values() for word in words} - allowed:
            yield f"{name} allows {sorted(surplus)}"
        for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
            if directives.get(directive) != ["'none'"]:
                yield f"{name}: {directive} is not 'none'"
        if any("${" in word for key, words in directives.items() if key != "connect-src" for word in words):
            yield f"{name} takes more than answers from the service"


def data_is_kept_and_protected(project):
    for name in ("JobsBucket", "JobsTable", "RecordsTable"):
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
    for name, bucket in {**project.of_type("S3::Bucket"), **project.of_type("S3::Bucket", project.web)}.items():
        if set(bucket.get("PublicAccessBlockConfiguration", {}).values()) != {True} or "BucketEncryption" not in bucket:
            yield f"{name} is not private and encrypted"
        if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{name} is not versioned"
        for rule in bucket.get("CorsConfiguration", {}).get("CorsRules", []):
            if rule["AllowedOrigins"] != [{"Ref": "PageOrigin"}] or set(rule["AllowedMethods"]) - {"PUT", "GET", "HEAD"}:
                yield f"{name} lets others' pages in, or ours do too much"
            if "ETag" not in rule.get("ExposedHeaders", []):
                yield f"{name}: a page cannot complete an upload in parts"
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
    if days.get("work/", 0) * 86400 <= max(table["job_deadline_seconds"] for table in project.pipelines.values()):
        yield "work/ is emptied before a job must have ended"
    reads = {
        "UploadTriggerRole": {"work/", "outbound/"},
        "RetryRole": {"work/", "outbound/", "failure/"},
        "InferenceSuccessRole": {"outbound/", "failure/"},
        "InferenceErrorRole": {"outbound/", "failure/"},
        "SupportApiRole": {"outbound/", "quarantine/"},
    }
    for role, more in reads.items():
        readable = folders(project, role, "s3:GetObject")
        if readable != {*prefixes, *more}:
            yield f"{role} may read {sorted(readable)}"
    signs = {action: folders(project, "SupportApiRole", action) for action in ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")}
    for action, where in signs.items():
        if where != set(prefixes):
            yield f"the API may {action} in {sorted(where)}"
    removable = folders(project, "SupportApiRole", "s3:DeleteObjectVersion")
    if removable != {*prefixes, "outbound/", "failure/", "work/"}:
        yield f"the API may delete in {sorted(removable)}"


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
        if project.max_notification_delay_seconds < needed:
            yield f"{name}: a message may be under way for {needed} s, max_notification_delay_seconds is {project.max_notification_delay_seconds}"


def the_reconciler_keeps_to_its_numbers(project):
    minutes = re.fullmatch(r"rate\((\d+) minutes\)", resource(project, "ReconcilerSchedule")["ScheduleExpression"])
    ahead = re.search(r"const RECONCILE_INTERVAL: Duration = Duration::from_secs\((\d+)\)", project.reconcile)
    if not minutes or not ahead or int(minutes[1]) * 60 != int(ahead[1]):
        yield "the schedule is not what RECONCILE_INTERVAL in crates/jobs/src/reconcile.rs counts on"
    rules = resource(project, "JobsBucket")["LifecycleConfiguration"]["Rules"]
    days = [r["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for r in rules if "AbortIncompleteMultipartUpload" in r]
    longest = re.search(r"const MAX_UPLOAD_DURATION: Duration = Duration::from_secs\((\d+) \* 24 \* 3600\)", project.sweep)
    if not longest or days != [int(longest[1])]:
        yield "unfinished uploads do not end when MAX_UPLOAD_DURATION in crates/jobs/src/inventory_scan.rs says"
    place = statement(project, "ReconcilerRole", "PlaceInIndex")
    if place.get("Condition", {}).get("ForAllValues:StringEquals") != {"dynamodb:Attributes": ["job_id", "next_check_at"]}:
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
            "PromiseSeconds": str(table["slo_seconds"]),
            "OldestRequestAlarmSeconds": str(min(table["queue_ttl_seconds"], table["slo_seconds"]) // 2),
            "TerminationWaitSeconds": str(table["invocation_timeout_seconds"]),
        }
        for key, value in wanted.items():
            if given.get(key) != value:
                yield f"{name}.json: {key} is {given.get(key)}, not {value}"
        required = {key for key, parameter in declared.items() if "Default" not in parameter}
        if set(given) - set(declared) or required - of_the_account - set(given):
            yield f"{name}.json: {sorted(set(given) ^ (required - of_the_account))} do not fit the template"
        if not 0 <= int(given["MinInstances"]) <= int(given["MaxInstances"]) or int(given["MaxInstances"]) < 1:
            yield f"{name}.json: MinInstances and MaxInstances"
        if given["WarmInstances"] != "0" and not int(given["MinInstances"]) <= int(given["WarmInstances"]) <= int(given["MaxInstances"]):
            yield f"{name}.json: WarmInstances"
        if not re.fullmatch(declared["EndpointName"]["AllowedPattern"], given.get("EndpointName", "")):
            yield f"{name}.json: the functions may not invoke {given.get('EndpointName')}"


def endpoint_scales_safely(project):
    policies = project.of_type("ApplicationAutoScaling::ScalingPolicy", project.endpoint)
    alarms = project.of_type("CloudWatch::Alarm", project.endpoint)
    waking = [a for a in alarms.values() if a.get("MetricName") == "HasBacklogWithoutCapacity"]
    if not any(mentions(a["AlarmActions"]) & set(policies) for a in waking):
        yield "nothing wakes the endpoint from zero"
    for name, policy in policies.items():
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
        if tracking is not None and tracking.get("DisableScaleIn") is not True:
            yield f"{name} may stop an instance that works"
        steps = policy.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
        if any(step["ScalingAdjustment"] <= 0 for step in steps):
            for alarm in (a for a in alarms.values() if name in mentions(a.get("AlarmActions", []))):
                yield from (f"{name} may stop an instance that works: {why}" for why in stops_too_much(project, alarm))
    published = [s for r in project.of_type("IAM::Role", project.endpoint).values() for s in grants(r) if s["Action"] == "sns:Publish"]
    if len(published) != 1 or project.of_type("IAM::Policy", project.endpoint):
        yield "the right to publish is not in the role itself: CreateEndpoint may come too early"


def stops_too_much(project, alarm):
    """Why an alarm that stops instances would stop one that works."""
    asked = {m["Id"]: m["MetricStat"] for m in alarm.get("Metrics", []) if "MetricStat" in m}
    figures = {(m["Metric"]["Namespace"], m["Metric"]["MetricName"], m["Stat"]) for m in asked.values()}
    both = {("AWS/SageMaker", "ApproximateBacklogSize"), ("Docket", "JobsOpen")}
    if figures != {(*figure, stat) for figure in both for stat in ("Maximum", "SampleCount")}:
        yield f"it looks at {sorted(figures)}, and not at the endpoint's backlog and our table"
    if {json.dumps(d) for m in asked.values() for d in m["Metric"]["Dimensions"] if d["Name"] == "Pipeline"} != {json.dumps({"Name": "Pipeline", "Value": {"Ref": "Pipeline"}})}:
        yield "it counts the jobs of another pipeline"
    names = {stat: [name for name, m in asked.items() if m["Stat"] == stat] for stat in ("Maximum", "SampleCount")}
    seen, work = " AND ".join(f"{name} > 0" for name in names["SampleCount"]), " + ".join(names["Maximum"])
    if [m["Expression"] for m in alarm.get("Metrics", []) if "Expression" in m] != [f"FILL(IF({seen}, {work}, 1), 1)"]:
        yield "a figure that is not there is not taken for work"
    if (alarm.get("Threshold"), alarm.get("ComparisonOperator"), alarm.get("TreatMissingData")) != (1, "LessThanThreshold", "notBreaching"):
        yield "it rings on something else than nothing at all"
    if "DatapointsToAlarm" in alarm:
        yield "one of its periods may be a busy one"
    # In each of its periods the reconciler must have counted once.
    every = re.fullmatch(r"rate\((\d+) minutes\)", resource(project, "ReconcilerSchedule")["ScheduleExpression"])
    if {m["Period"] for m in asked.values()} != {60 * int(every.group(1))}:
        yield "its periods are not those of the reconciler"
    periods = {minutes: row["Periods"] for minutes, row in project.endpoint["Mappings"]["IdlePeriods"].items()}
    if alarm.get("EvaluationPeriods") != {"Fn::FindInMap": ["IdlePeriods", {"Ref": "IdleMinutes"}, "Periods"]} or periods != {
        str(minutes): minutes / 5 for minutes in project.endpoint["Parameters"]["IdleMinutes"]["AllowedValues"]
    }:
        yield "it does not look back for IdleMinutes"


def warm_hours_are_an_option(project):
    if project.endpoint["Parameters"]["WarmInstances"]["Default"] != 0:
        yield "warm hours are on unless somebody turns them off"
    if project.endpoint["Conditions"]["HasWarmHours"] != {"Fn::Not": [{"Fn::Equals": [{"Ref": "WarmInstances"}, 0]}]}:
        yield "0 warm instances are not none"
    target = resource(project, "ScalableTarget", "endpoint")
    condition, actions, otherwise = target["ScheduledActions"]["Fn::If"]
    if condition != "HasWarmHours" or otherwise != {"Ref": "AWS::NoValue"}:
        yield "there are scheduled actions without warm hours"
    by_name = {action["ScheduledActionName"]: action for action in actions}
    expected = {"warm": ("WarmFrom", {"Ref": "WarmInstances"}, "${WarmDays}"), "cool": ("WarmUntil", target["MinCapacity"], "*")}
    if set(by_name) != set(expected):
        yield f"scheduled actions are {sorted(by_name)}"
    for name in set(by_name) & set(expected):
        action, (time, least, days) = by_name[name], expected[name]
        if action["ScalableTargetAction"] != {"MinCapacity": least} or action["Timezone"] != {"Ref": "WarmTimezone"}:
            yield f"{name} sets something else than the minimum, or by another clock"
        parts = {word: {"Fn::Select": [at, {"Fn::Split": [":", {"Ref": time}]}]} for at, word in enumerate(("Hour", "Minute"))}
        if action["Schedule"]["Fn::Sub"] != ["cron(${Minute} ${Hour} ? * %s *)" % days, parts]:
            yield f"{name} comes at another time than {time}"
    if not any("WarmFrom" in mentions(rule) and "WarmUntil" in mentions(rule) for rule in project.endpoint["Rules"].values()):
        yield "warm hours may begin and end at the same time"


def updates_can_be_undone(project):
    config = resource(project, "Endpoint", "endpoint")["DeploymentConfig"]
    policy, alarms = config["BlueGreenUpdatePolicy"], config["AutoRollbackConfiguration"]["Alarms"]
    named = {alarm["AlarmName"].get("Ref") for alarm in alarms}
    declared = project.of_type("CloudWatch::Alarm", project.endpoint)
    if not named or not named <= set(declared):
        yield f"an update is undone by {sorted(map(str, named))}, which are no alarms of the template"
    described = {json.dumps(s["Resource"]) for s in grants(resource(project, "ExecutionRole", "endpoint")) if s["Action"] == "cloudwatch:DescribeAlarms"}
    for name in named & set(declared):
        if "Endpoint" in mentions(declared[name]):
            yield f"{name} and the endpoint wait for each other"
        if declared[name]["TreatMissingData"] != "notBreaching":
            yield f"{name} rings when nothing runs"
        if not any("alarm:" + declared[name]["AlarmName"]["Fn::Sub"] in text for text in described):
            yield f"the endpoint's role may not look at {name}"
    waits = 3600 + policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"]
    starts = 2 * project.endpoint["Parameters"]["StartupTimeoutSeconds"]["MaxValue"]
    if policy["MaximumExecutionTimeoutInSeconds"] <= waits + starts:
        yield "an update may take longer than it is given"
    if policy["TerminationWaitInSeconds"] != {"Ref": "TerminationWaitSeconds"}:
        yield "running work is not waited for"
    for name in ("Model", "EndpointConfig"):
        if project.endpoint["Resources"][name].get("UpdateReplacePolicy") != "Retain":
            yield f"{name} is deleted, though SageMaker may have gone back to it"


def the_model_runs_with_the_template(project):
    """What scales an endpoint on AWS is what the model of it reads, and where neither says a number, both have the same."""
    declared, settings = project.endpoint["Parameters"], project.model["settings"]
    read = set(re.findall(r'"([A-Z][A-Za-z]+)"', project.model["settings/parameters"])) - {"ParameterKey", "ParameterValue"}
    if read - set(declared):
        yield f"the model reads {sorted(read - set(declared))}, which the template does not have"
    acting = project.of_type("ApplicationAutoScaling::ScalingPolicy", project.endpoint)
    parts = [*acting.values(), resource(project, "ScalableTarget", "endpoint"), resource(project, "EndpointConfig", "endpoint")["AsyncInferenceConfig"]["ClientConfig"]]
    parts += [a for a in project.of_type("CloudWatch::Alarm", project.endpoint).values() if mentions(a.get("AlarmActions", [])) & set(acting)]
    # A clock has no zone in the model, and whose jobs are counted is the driver's business.
    scaling = set().union(*map(mentions, parts)) & set(declared) - {"WarmTimezone", "ServiceName", "Pipeline"}
    scaling |= {word for part in parts for word in re.findall(r"\$\{(Warm\w+)\}", json.dumps(part))} | {"IdleMinutes"}
    if scaling - read:
        yield f"the model does not read {sorted(scaling - read)}"
    seconds = {name: int(n) for name, n in re.findall(r"(\w+):? ?(?:: Millis =)? ?Millis::from_secs\((\d+)\)", settings)}
    numbers = {name: int(n) for name, n in re.findall(r"(\w+): (\d+)\b", settings)}
    wake = resource(project, "WakeAlarm", "endpoint")
    idle = resource(project, "IdleAlarm", "endpoint")
    same = {
        "period of the alarm that wakes": (seconds.get("alarm_period"), wake["Period"]),
        "periods until it wakes": (numbers.get("wake_datapoints"), wake["EvaluationPeriods"]),
        "period of the alarm for idleness": (seconds.get("IDLE_PERIOD"), idle["Metrics"][1]["MetricStat"]["Period"]),
        "WakeCooldownSeconds": (seconds.get("wake_cooldown"), declared["WakeCooldownSeconds"]["Default"]),
        "IdleMinutes": (numbers.get("periods"), declared["IdleMinutes"]["Default"] // 5),
    }
    for what, (of_the_model, of_the_template) in same.items():
        if of_the_model != of_the_template:
            yield f"{what}: {of_the_model} in the model, {of_the_template} in the template"
    taken = re.search(r"IDLE_MINUTES: \[u64; \d+\] = \[([\d, ]+)\]", project.model["settings/parameters"])
    if [int(n) for n in taken.group(1).split(",")] != declared["IdleMinutes"]["AllowedValues"]:
        yield "the model takes other IdleMinutes than the template"
    defaults = dict(re.findall(r'time_of_day\("(\w+)", "([\d:]+)"\)', project.model["settings/parameters"]))
    if defaults != {name: declared[name]["Default"] for name in ("WarmFrom", "WarmUntil")}:
        yield f"warm hours of the model are {defaults}"


def alarms_look_at_what_is_measured(project):
    for template, name, alarm in all_alarms(project):
        looked_at = list(watched(alarm))
        for namespace, metric, dimensions in looked_at:
            if not measured(project, namespace, metric, dimensions):
                yield f"{name}: nobody writes {namespace} {metric} by {sorted(dimensions)}"
        if len(looked_at) > MOST_METRICS_OF_AN_ALARM:
            yield f"{name} looks at {len(looked_at)} metrics"
        if "TreatMissingData" not in alarm or "AlarmDescription" not in alarm:
            yield f"{name} does not say what it means, or what it means when nothing is reported"
        called = alarm["AlarmName"]["Fn::Sub"].split("}-")[1]
        action = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}
        if called not in NOT_FOR_PEOPLE and (alarm.get("AlarmActions") != [action] or alarm.get("OKActions") != [action]):
            yield f"{name} tells nobody"
        ids = {m["Id"] for m in alarm.get("Metrics", []) if "MetricStat" in m}
        for expression in (m["Expression"] for m in alarm.get("Metrics", []) if "Expression" in m):
            if "METRICS()" not in expression and set(re.findall(r"\b[a-z]\w*", expression)) != ids:
                yield f"{name}: {expression} is not about {sorted(ids)}"
        if [m["Id"] for m in alarm.get("Metrics", []) if m.get("ReturnData", True)] not in ([], [alarm.get("Metrics", [{"Id": ""}])[0]["Id"]]):
            yield f"{name} does not say which of its metrics it watches"


def nothing_goes_unwatched(project):
    by_metric = {}
    for _, _, alarm in all_alarms(project):
        for namespace, metric, dimensions in watched(alarm):
            by_metric.setdefault((namespace, metric), []).append(json.dumps(dimensions))
    for name, function in project.of_type("Lambda::Function").items():
        for metric in ("Errors", "Throttles"):
            if not any(json.dumps(function["FunctionName"]) in d for d in by_metric.get(("AWS/Lambda", metric), [])):
                yield f"{name} has no alarm on its {metric}"
    dead = dead_letter_queues(project)
    for name, queue in project.of_type("SQS::Queue").items():
        if name not in dead and not any(json.dumps(queue["QueueName"]) in d for d in by_metric.get(("AWS/SQS", "ApproximateAgeOfOldestMessage"), [])):
            yield f"nobody hears of it when {name} is not worked off"
    for metric in ("HasBacklogWithoutCapacity", "ApproximateAgeOfOldestRequest", "NotificationFailures", "ExpiredRequests"):
        told = [a for a in project.of_type("CloudWatch::Alarm", project.endpoint).values() if a.get("MetricName") == metric and "OKActions" in a]
        if not told:
            yield f"nobody hears of {metric}"
    if ("AWS/ApiGateway", "5xx") not in by_metric:
        yield "nobody hears of it when the HTTP API does not answer"
    stalled = resource(project, "QueueStalledAlarm", "watch")
    if stalled["Threshold"] < project.max_notification_delay_seconds:
        yield "queue-stalled rings while deliveries still go on (max_notification_delay_seconds)"
    missing = next(a for a in project.of_type("CloudWatch::Alarm", project.endpoint).values() if "no-instance" in a["AlarmName"]["Fn::Sub"])
    longest = project.endpoint["Parameters"]["StartupTimeoutSeconds"]["Default"]
    if missing["EvaluationPeriods"] * missing["Period"] <= longest:
        yield "no-instance rings while a container may still start"


def dashboard_is_whole(project):
    template = project.watch
    text = resource(project, "Dashboard", "watch")["DashboardBody"]["Fn::Sub"]
    unknown = set(re.findall(r"\$\{([^}]+)\}", text)) - set(template["Parameters"])
    if any(not name.startswith("AWS::") for name in unknown):
        yield f"the dashboard names {sorted(unknown)}"
    seen = list(graphs(project))
    for namespace, metric, dimensions in seen:
        if not measured(project, namespace, metric, dimensions):
            yield f"the dashboard shows {namespace} {metric} by {sorted(dimensions)}, which nobody writes"
    shown = {metric for namespace, metric, _ in seen if namespace == "Docket"}
    if shown != set(emitted(project)):
        yield f"not on the dashboard, or not a metric: {sorted(shown ^ set(emitted(project)))}"
    values = {}
    for _, _, dimensions in seen:
        for name, value in dimensions.items():
            values.setdefault(name, set()).add(value)
    dead = dead_letter_queues(project)
    queues = {q["QueueName"]["Fn::Sub"] for n, q in project.of_type("SQS::Queue").items() if n not in dead}
    there = {
        "Pipeline": set(project.pipelines),
        "EndpointName": {table["endpoint"] for table in project.pipelines.values()},
        "QueueName": queues,
        "Queue": {queue.removeprefix("${ServiceName}-") for queue in queues},
        "FunctionName": {f["FunctionName"]["Fn::Sub"] for f in project.of_type("Lambda::Function").values()},
        "TableName": {"${%sName}" % table for table in project.of_type("DynamoDB::Table")},
    }
    for name, expected in there.items():
        if values.get(name) != expected:
            yield f"the dashboard's {name}: {sorted(values.get(name, set()) ^ expected)}"
    indexes = {i["IndexName"] for i in resource(project, "JobsTable")["GlobalSecondaryIndexes"]}
    if values.get("GlobalSecondaryIndexName", set()) - indexes:
        yield f"the dashboard's indexes: {sorted(values['GlobalSecondaryIndexName'])}"
    promises = {}
    for widget in widgets(project):
        for line in widget["properties"].get("annotations", {}).get("horizontal", []):
            promises[widget["properties"]["metrics"][0][5]] = line["value"]
    if promises != {name: table["slo_seconds"] * 1000 for name, table in project.pipelines.items()}:
        yield f"the dashboard promises {promises}"
    for widget in widgets(project):
        metrics = widget["properties"].get("metrics", [])
        ids = {m[-1]["id"] for m in metrics if "id" in m[-1] and "expression" not in m[-1]}
        asked = {word for m in metrics for word in re.findall(r"\b[a-z]\w+", re.sub(r"\$\{\w+\}", "", m[-1].get("expression", "")))}
        if asked != ids:
            yield f"{widget['properties'].get('title')} reckons with {sorted(asked ^ ids)}"
    # Busy time of a document are a share of an instance, as large as there are documents side by side.
    side_by_side = {m[-1]["label"]: m[-1]["expression"].rsplit("* ", 1)[1].rstrip(")") for w in widgets(project) for m in w["properties"].get("metrics", []) if "Idle" in m[-1].get("id", "")}
    if side_by_side != {name: p["MaxConcurrentInvocationsPerInstance"] for name, p in project.parameters.items()}:
        yield f"the dashboard's idle share counts with {side_by_side} documents side by side"
    listed = {arn.split(":alarm:")[1] for w in widgets(project) for arn in w["properties"].get("alarms", [])}
    expected = set()
    for of, _, alarm in all_alarms(project):
        name = alarm["AlarmName"]["Fn::Sub"]
        if name.split("}-")[1] in NOT_FOR_PEOPLE:
            continue
        expected |= {name.replace("${EndpointName}", t["endpoint"]) for t in project.pipelines.values()} if of is project.endpoint else {name}
    if listed != expected:
        yield f"the dashboard's alarms: {sorted(listed ^ expected)}"
    groups = {group["LogGroupName"]["Fn::Sub"] for group in project.of_type("Logs::LogGroup").values()}
    fields = set(re.findall(r"^ +([a-z]+\.?[a-z_]+) =", project.apply, re.MULTILINE)) | {"message", "pipeline"}
    for query in (w["properties"]["query"] for w in widgets(project) if w["type"] == "log"):
        if set(re.findall(r"SOURCE '([^']+)'", query)) - groups:
            yield "the dashboard looks for logs where there are none"
        if "'job changed'" not in query or '"job changed"' not in project.apply or set(re.findall(r"\bjob\.\w+", query)) - fields:
            yield "the dashboard asks logs for what is not in them"
    taken = {}
    for widget in widgets(project):
        for cell in itertools.product(range(widget["x"], widget["x"] + widget["width"]), range(widget["y"], widget["y"] + widget["height"])):
            if cell in taken or cell[0] >= 24:
                yield f"two widgets at {cell}, or one beside the dashboard"
                return
            taken[cell] = widget


def watch_gets_what_it_asks_for(project):
    """Its parameters are outputs of the service, parameters of the same name, or numbers that it has itself."""
    for name, parameter in project.watch["Parameters"].items():
        if parameter["Type"] == "Number" and "Default" in parameter:
            continue
        if name not in project.service["Outputs"] and parameter != {**project.service["Parameters"].get(name, {}), "Description": parameter["Description"]}:
            if name != "ServiceName":
                yield f"{name} is neither an output of the service nor a parameter of it"


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
    for template in (project.service, project.endpoint, project.web, project.watch):
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


def policy(project, old, new):
    """Changes what browsers may do with the page."""
    headers = resource(project, "HeadersPolicy", "web")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    text = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    assert old in text, old
    headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"] = text.replace(old, new)


def figure(project, alarm, name):
    return next(m["MetricStat"]["Metric"] for m in resource(project, alarm, "endpoint")["Metrics"] if m["Id"] == name)


def scheduled(project):
    return resource(project, "ScalableTarget", "endpoint")["ScheduledActions"]


def shown(project, old, new):
    """Changes the dashboard."""
    dashboard = resource(project, "Dashboard", "watch")["DashboardBody"]
    assert old in dashboard["Fn::Sub"], old
    dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace(old, new)


# Each breaks a copy of the project; the rule must then complain.
BREAKAGES = {
    queues_end_in_dead_letters: [
        lambda p: drop(resource(p, "ChecksQueue"), "RedrivePolicy"),
        lambda p: resource(p, "UploadsQueue")["RedrivePolicy"].update(maxReceiveCount=3),
        lambda p: resource(p, "UploadsDeadLetters").update(MessageRetentionPeriod=345600),
        lambda p: resource(p, "UploadsQueue").update(RedrivePolicy=resource(p, "ChecksQueue")["RedrivePolicy"]),
        lambda p: drop(p.service["Resources"], "ChecksDeadLettersAlarm"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RedrivePolicy"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RawMessageDelivery"),
        lambda p: drop(resource(p, "UploadsDeadLetters"), "SqsManagedSseEnabled"),
    ],
    resource_policies_are_tight: [
        lambda p: drop(p.service["Resources"], "ChecksDeadLettersPolicy"),
        lambda p: drop(p.service["Resources"], "JobsBucketPolicy"),
        lambda p: statement(p, "InferenceErrorTopicPolicy", "TlsOnly").update(Effect="Allow"),
        lambda p: statement(p, "ChecksQueuePolicy", "TlsOnly").update(Resource={"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
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
        lambda p: drop(resource(p, "SupportApiPermission"), "SourceArn"),
    ],
    requests_need_a_token: [
        lambda p: resource(p, "ReadRoute").update(AuthorizationType="NONE"),
        lambda p: drop(resource(p, "ActRoute"), "AuthorizerId"),
        lambda p: resource(p, "ActRoute").update(AuthorizerId=resource(p, "WsConnectRoute")["AuthorizerId"]),
        lambda p: resource(p, "ReadRoute").update(RouteKey="ANY /{proxy+}"),
        lambda p: resource(p, "ReadRoute").update(RouteKey="$default"),
        lambda p: resource(p, "ConfigurationRoute").update(RouteKey="GET /me"),
        lambda p: drop(p.service["Resources"], "RemoveRoute"),
        lambda p: resource(p, "HttpApiAuthorizer").update(AuthorizerType="REQUEST"),
        lambda p: resource(p, "HttpApiAuthorizer").update(IdentitySource=["$request.querystring.token"]),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer="https://example.com"),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer={"Fn::Sub": "https://example.com/${UserPool}"}),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer={"Ref": "UserPoolClient"}),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Audience=[]),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Audience=["anyone"]),
        lambda p: resource(p, "UserPoolClient").update(UserPoolId="another"),
        lambda p: drop(resource(p, "HttpApiStage"), "DefaultRouteSettings"),
        lambda p: drop(resource(p, "HttpApiStage")["DefaultRouteSettings"], "ThrottlingBurstLimit"),
        lambda p: drop(resource(p, "HttpApiStage"), "RouteSettings"),
        lambda p: drop(resource(p, "HttpApiStage"), "AccessLogSettings"),
        lambda p: resource(p, "HttpApiStage")["AccessLogSettings"].update(Format="$context.authorizer.claims.sub $context.path"),
        lambda p: resource(p, "HttpApiStage")["AccessLogSettings"].update(Format="$context.status"),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowCredentials=True),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowOrigins=["*"]),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowHeaders=["*"]),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowMethods=["GET"]),
    ],
    people_cannot_promote_themselves: [
        lambda p: drop(p.service["Resources"]["UserPool"], "DeletionPolicy"),
        lambda p: drop(resource(p, "UserPool"), "DeletionProtection"),
        lambda p: drop(resource(p, "UserPool"), "AdminCreateUserConfig"),
        lambda p: drop(resource(p, "UserPool"), "UsernameConfiguration"),
        lambda p: resource(p, "UserPool")["Policies"]["PasswordPolicy"].update(MinimumLength=8),
        lambda p: drop(resource(p, "UserPool"), "EnabledMfas"),
        lambda p: drop(resource(p, "UserPoolClient"), "WriteAttributes"),
        lambda p: resource(p, "UserPoolClient")["WriteAttributes"].append("email"),
        lambda p: resource(p, "UserPoolClient").update(GenerateSecret=True),
        lambda p: drop(resource(p, "UserPoolClient"), "PreventUserExistenceErrors"),
        lambda p: drop(resource(p, "UserPoolClient"), "EnableTokenRevocation"),
        lambda p: drop(resource(p, "UserPoolClient"), "TokenValidityUnits"),
        lambda p: drop(p.service["Resources"], "SupportGroup"),
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
    the_desk_is_divided: [
        lambda p: drop(statement(p, "SupportApiRole", "Audit"), "Condition"),
        lambda p: statement(p, "SupportApiRole", "Audit").update(Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*"]}}),
        lambda p: drop(statement(p, "UploadTriggerRole", "UploadIntents"), "Condition"),
        lambda p: drop(statement(p, "ReconcilerRole", "RetryPlans"), "Condition"),
    ],
    the_page_runs_nothing_of_others: [
        lambda p: policy(p, "script-src 'self'", "script-src 'self' 'unsafe-inline'"),
        lambda p: policy(p, "connect-src 'self'", "connect-src *"),
        lambda p: policy(p, "img-src 'self'", "img-src 'self' ${BucketOrigin}"),
        lambda p: policy(p, "default-src 'none'; ", ""),
        lambda p: policy(p, "frame-ancestors 'none'", "frame-ancestors 'self'"),
    ],
    data_is_kept_and_protected: [
        lambda p: drop(resource(p, "PageBucket", "web"), "PublicAccessBlockConfiguration"),
        lambda p: resource(p, "JobsBucket")["CorsConfiguration"]["CorsRules"][0].update(AllowedOrigins=["*"]),
        lambda p: resource(p, "JobsBucket")["CorsConfiguration"]["CorsRules"][0]["AllowedMethods"].append("DELETE"),
        lambda p: drop(resource(p, "JobsBucket")["CorsConfiguration"]["CorsRules"][0], "ExposedHeaders"),
        lambda p: drop(p.service["Resources"]["JobsTable"], "DeletionPolicy"),
        lambda p: p.service["Resources"]["JobsBucket"].update(UpdateReplacePolicy="Delete"),
        lambda p: drop(resource(p, "JobsTable"), "PointInTimeRecoverySpecification"),
        lambda p: drop(resource(p, "RecordsTable"), "SSESpecification"),
        lambda p: resource(p, "RecordsTable")["TimeToLiveSpecification"].update(AttributeName="ttl"),
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
        lambda p: p.pipelines["ocr-batch"].update(job_deadline_seconds=30 * 86400),
        lambda p: resource(p, "JobsBucket")["NotificationConfiguration"]["QueueConfigurations"].pop(),
        lambda p: resource(p, "JobsBucket")["NotificationConfiguration"]["QueueConfigurations"][0].update(Event="s3:ObjectCreated:Put"),
        lambda p: statement(p, "RetryRole", "Inputs")["Resource"].pop(),
        lambda p: statement(p, "SupportApiRole", "Uploads")["Resource"].append({"Fn::Sub": "${JobsBucket.Arn}/outbound/*"}),
        lambda p: statement(p, "SupportApiRole", "DeleteJobData")["Resource"].append({"Fn::Sub": "${JobsBucket.Arn}/quarantine/*"}),
        lambda p: statement(p, "SupportApiRole", "Results").update(Resource={"Fn::Sub": "${JobsBucket.Arn}/failure/*"}),
    ],
    grace_covers_redelivery: [
        lambda p: setattr(p, "max_notification_delay_seconds", 1799),
        lambda p: resource(p, "ChecksQueue")["RedrivePolicy"].update(maxReceiveCount=6),
        lambda p: resource(p, "ChecksQueue").update(VisibilityTimeout=30),
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
        lambda p: p.pipelines["ocr-batch"].update(slo_seconds=60),
        lambda p: p.parameters["ocr-batch"].update(PromiseSeconds="60"),
        lambda p: p.parameters["ocr-batch"].update(TerminationWaitSeconds="60"),
        lambda p: p.parameters["ocr-batch"].update(WarmInstances="5"),
        lambda p: (p.pipelines["ocr-batch"].update(endpoint="ocr"), p.parameters["ocr-batch"].update(EndpointName="ocr")),
    ],
    endpoint_scales_safely: [
        lambda p: drop(p.endpoint["Resources"], "WakeAlarm"),
        lambda p: resource(p, "BacklogPolicy", "endpoint")["TargetTrackingScalingPolicyConfiguration"].update(DisableScaleIn=False),
        lambda p: figure(p, "IdleAlarm", "backlog").update(MetricName="ApproximateBacklogSizePerInstance"),
        lambda p: figure(p, "IdleAlarm", "open").update(MetricName="JobsAtRisk"),
        lambda p: figure(p, "IdleAlarm", "open").update(Dimensions=[{"Name": "Pipeline", "Value": "legal-review"}]),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"].pop(),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][0].update(Expression="FILL(backlog, 1) + FILL(open, 0)"),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][0].update(Expression="backlog + open"),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][1]["MetricStat"].update(Period=60),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][1]["MetricStat"].update(Stat="Minimum"),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(TreatMissingData="missing"),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(DatapointsToAlarm=1),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(EvaluationPeriods=1),
        lambda p: p.endpoint["Mappings"]["IdlePeriods"]["30"].update(Periods=3),
        lambda p: p.endpoint["Parameters"]["IdleMinutes"]["AllowedValues"].append(7),
        lambda p: resource(p, "ReconcilerSchedule").update(ScheduleExpression="rate(10 minutes)"),
        lambda p: resource(p, "ExecutionRole", "endpoint")["Policies"][0]["PolicyDocument"]["Statement"].remove(
            statement(p, "ExecutionRole", "Notifications", "endpoint")
        ),
    ],
    warm_hours_are_an_option: [
        lambda p: p.endpoint["Parameters"]["WarmInstances"].update(Default=1),
        lambda p: scheduled(p)["Fn::If"].__setitem__(2, []),
        lambda p: p.endpoint["Conditions"].update(HasWarmHours={"Fn::Not": [{"Fn::Equals": [{"Ref": "MinInstances"}, 0]}]}),
        lambda p: scheduled(p)["Fn::If"][1].pop(),
        lambda p: scheduled(p)["Fn::If"][1][1].update(ScalableTargetAction={"MinCapacity": 0}),
        lambda p: scheduled(p)["Fn::If"][1][0].update(ScalableTargetAction={"MinCapacity": {"Ref": "WarmInstances"}, "MaxCapacity": 1}),
        lambda p: drop(scheduled(p)["Fn::If"][1][0], "Timezone") or scheduled(p)["Fn::If"][1][0].update(Timezone="UTC"),
        lambda p: scheduled(p)["Fn::If"][1][1].update(Schedule=scheduled(p)["Fn::If"][1][0]["Schedule"]),
        lambda p: p.endpoint["Rules"].clear(),
    ],
    updates_can_be_undone: [
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"].clear(),
        lambda p: drop(p.endpoint["Resources"], "RollbackAlarm"),
        lambda p: figure(p, "RollbackAlarm", "failed")["Dimensions"][0].update(Value={"Fn::GetAtt": ["Endpoint", "EndpointName"]}),
        lambda p: resource(p, "RollbackAlarm", "endpoint").update(TreatMissingData="missing"),
        lambda p: statement(p, "ExecutionRole", "RollbackAlarm", "endpoint").update(Resource={"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:x"}),
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"].update(MaximumExecutionTimeoutInSeconds=7200),
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"].update(TerminationWaitInSeconds=0),
        lambda p: drop(p.endpoint["Resources"]["EndpointConfig"], "UpdateReplacePolicy"),
        lambda p: p.endpoint["Resources"]["Model"].update(UpdateReplacePolicy="Delete"),
    ],
    the_model_runs_with_the_template: [
        lambda p: p.model.update({"settings/parameters": p.model["settings/parameters"].replace('"WarmDays"', '"Days"')}),
        lambda p: p.model.update({"settings/parameters": p.model["settings/parameters"].replace('"ScaleInCooldownSeconds"', '"MinInstances"')}),
        lambda p: p.model.update({"settings/parameters": p.model["settings/parameters"].replace("180, 240]", "180]")}),
        lambda p: p.model.update({"settings/parameters": p.model["settings/parameters"].replace('"19:30"', '"18:00"')}),
        lambda p: p.endpoint["Parameters"]["WakeCooldownSeconds"].update(Default=300),
        lambda p: p.endpoint["Parameters"]["IdleMinutes"].update(Default=15),
        lambda p: resource(p, "WakeAlarm", "endpoint").update(EvaluationPeriods=2),
        lambda p: resource(p, "WakeAlarm", "endpoint").update(Period=30),
        lambda p: p.model.update(settings=p.model["settings"].replace("IDLE_PERIOD: Millis = Millis::from_secs(300)", "IDLE_PERIOD: Millis = Millis::from_secs(60)")),
        lambda p: resource(p, "IdlePolicy", "endpoint")["StepScalingPolicyConfiguration"].update(Cooldown={"Ref": "StartupTimeoutSeconds"}),
    ],
    alarms_look_at_what_is_measured: [
        lambda p: resource(p, "SweepLateAlarm").update(MetricName="SweepAges"),
        lambda p: resource(p, "SweepLateAlarm").update(Dimensions=[{"Name": "Pipeline", "Value": "legal-review"}]),
        lambda p: resource(p, "PromiseMissedAlarm", "endpoint").update(Dimensions=[{"Name": "Queue", "Value": "uploads"}]),
        lambda p: resource(p, "HttpApiErrorsAlarm").update(MetricName="5XXError"),
        lambda p: setattr(p, "handlers", p.handlers.replace("Metric::TimeToReady", "Metric::JobsReady")),
        lambda p: resource(p, "WorkFunctionErrorsAlarm", "watch")["Metrics"].extend(resource(p, "PeopleFunctionErrorsAlarm", "watch")["Metrics"] * 2),
        lambda p: drop(resource(p, "ManyFailuresAlarm", "watch"), "TreatMissingData"),
        lambda p: drop(resource(p, "ManyFailuresAlarm", "watch"), "AlarmActions"),
        lambda p: resource(p, "ManyFailuresAlarm", "watch")["Metrics"][1].update(Id="broken"),
        lambda p: drop(resource(p, "ManyFailuresAlarm", "watch")["Metrics"][1], "ReturnData"),
    ],
    nothing_goes_unwatched: [
        lambda p: resource(p, "WorkFunctionErrorsAlarm", "watch")["Metrics"].pop(),
        lambda p: resource(p, "PeopleFunctionThrottlesAlarm", "watch")["Metrics"].pop(),
        lambda p: p.service["Resources"].update(NewFunction={"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Fn::Sub": "x"}}}),
        lambda p: resource(p, "QueueStalledAlarm", "watch")["Metrics"].pop(),
        lambda p: resource(p, "QueueStalledAlarm", "watch").update(Threshold=900),
        lambda p: setattr(p, "max_notification_delay_seconds", 3600),
        lambda p: drop(p.service["Resources"], "HttpApiErrorsAlarm"),
        lambda p: drop(resource(p, "NoInstanceAlarm", "endpoint"), "OKActions"),
        lambda p: resource(p, "NoInstanceAlarm", "endpoint").update(EvaluationPeriods=10),
        lambda p: drop(p.endpoint["Resources"], "ExpiredRequestsAlarm"),
    ],
    dashboard_is_whole: [
        lambda p: shown(p, '"TimeToReady"', '"TimeToBeReady"'),
        lambda p: shown(p, '"Docket", "JobsReady", "Service", "${ServiceName}", "Pipeline"', '"Docket", "JobsReady", "Service", "${ServiceName}", "Tenant"'),
        lambda p: shown(p, '"Pipeline", "ocr-batch"', '"Pipeline", "ocr"'),
        lambda p: shown(p, '"docket-ocr-batch"', '"docket-ocr"'),
        lambda p: shown(p, '"${ServiceName}-checks"', '"${ServiceName}-wake-ups"'),
        lambda p: shown(p, '"${ServiceName}-retry"', '"${ServiceName}-again"'),
        lambda p: shown(p, '"${RecordsTableName}"', '"${JobsTableName}"'),
        lambda p: shown(p, "${HttpApiId}", "${HttpApi}"),
        lambda p: shown(p, '"by_next_check"', '"by_waking"'),
        lambda p: shown(p, '"value": 3600000', '"value": 3600'),
        lambda p: shown(p, '"id": "ocrBatchBusy"', '"id": "ocrBusy"'),
        lambda p: p.parameters["ocr-batch"].update(MaxConcurrentInvocationsPerInstance="2"),
        lambda p: shown(p, ":alarm:${ServiceName}-quarantined", ":alarm:quarantined"),
        lambda p: shown(p, "docket-ocr-batch-no-instance", "docket-ocr-batch-wake"),
        lambda p: shown(p, "/docket/${ServiceName}/retry", "/docket/${ServiceName}/again"),
        lambda p: shown(p, "job.cause", "job.reason"),
        lambda p: shown(p, '"x": 16, "y": 6', '"x": 15, "y": 6'),
        lambda p: setattr(p, "handlers", p.handlers.replace("Metric::SentBack", "Metric::Quarantined")),
    ],
    watch_gets_what_it_asks_for: [
        lambda p: drop(p.service["Outputs"], "HttpApiId"),
        lambda p: p.watch["Parameters"].update(Surplus={"Type": "String", "Description": ""}),
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
        lambda p: drop(p.web["Parameters"]["ApiOrigin"], "Description"),
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
