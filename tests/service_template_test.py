"""Rules for infra/service.yaml that a template linter does not know: queues, data, functions, grants.

Run: .venv/bin/python -m unittest tests/service_template_test.py
"""

import itertools
import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from templates import (  # noqa: E402  found by the line above
    ROOT, as_list, check, dead_letter_queues, drop, generate, grants, mentions, plan, resource, retained, slug, statement, statements,
)  # fmt: skip

MAX_RETENTION_SECONDS = 14 * 86400  # SQS, SetQueueAttributes
# Actions for which IAM knows no resource. PutMetricData is allowed only with a condition.
NO_RESOURCE = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "application-autoscaling:DescribeScalableTargets"}
# What SageMaker does with the execution role for a model in a VPC; it names no interface beforehand.
NO_RESOURCE |= {f"ec2:{verb}NetworkInterface{what}" for verb in ("Create", "Delete") for what in ("", "Permission")}
NO_RESOURCE |= {f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")}
# A wildcard in a resource stands at the end, after a prefix of the bucket or API, the bucket of the models' weights, or
# the endpoints' common name.
WILDCARD = r"[^*]+(/[^*/]+/|/\$\{InputPrefix\}|:::\$\{Bucket\}/|endpoint/docket-)\*"


def queues_have_dead_letters_with_an_alarm(project):
    queues, dead = project.of_type("SQS::Queue"), dead_letter_queues(project)
    for name, queue in queues.items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
        if name in dead:
            if queue.get("MessageRetentionPeriod") != MAX_RETENTION_SECONDS:
                yield f"{name} does not keep its messages for 14 days"
            if not any(name in mentions(alarm.get("Dimensions", [])) for alarm in project.of_type("CloudWatch::Alarm").values()):
                yield f"{name} has no alarm"
        elif "RedrivePolicy" not in queue:
            yield f"{name} neither has a dead-letter queue nor is one"
        elif queue["RedrivePolicy"]["maxReceiveCount"] < 5:
            yield f"{name} gives up before five deliveries"
    if len(dead) != sum("RedrivePolicy" in queue for queue in queues.values()):
        yield "two queues share their dead letters"
    for name, subscription in project.of_type("SNS::Subscription").items():
        if not mentions(subscription.get("RedrivePolicy", {})) & set(dead):
            yield f"{name} has no dead letters"
        if subscription.get("RawMessageDelivery") is not True:
            yield f"{name} wraps its messages"


def resource_policies_require_tls_and_name_their_senders(project):
    kinds = [("SQS::Queue", "Queues"), ("SNS::Topic", "Topics"), ("S3::Bucket", "Bucket")]
    for kind, key in kinds:
        policies = project.of_type(f"{kind}Policy")
        for name, properties in project.of_type(kind).items():
            # A bucket's ARN is written with its name.
            names = {name} | mentions(properties.get("BucketName", []))
            mine = [p for p in policies.values() if name in mentions(p[key])]
            tls = [
                s
                for p in mine
                for s in statements(p)
                if s["Effect"] == "Deny"
                and s["Principal"] == "*"
                and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                and names & mentions(s["Resource"])
            ]
            if not tls:
                yield f"{name} can be used without TLS"
        for name, policy in policies.items():
            for one in statements(policy):
                if one["Effect"] != "Allow":
                    continue
                keys = {key for test in one.get("Condition", {}).values() for key in test}
                principal = one["Principal"]
                needed = {"aws:SourceArn", "aws:SourceAccount"} if "Service" in principal else {"aws:PrincipalArn"}
                if principal == "*" or needed - keys:
                    yield f"{name}, {one['Sid']}: lacks {sorted(needed - keys)}"


def a_function_is_fed_only_by_the_queue_that_its_role_may_read(project):
    functions, roles = project.of_type("Lambda::Function"), project.of_type("IAM::Role")
    sources = project.of_type("Lambda::EventSourceMapping")
    for name in functions:
        allowed = grants(roles[name.removesuffix("Function") + "Role"])
        may_read = set().union(*(mentions(s["Resource"]) for s in allowed if "sqs:ReceiveMessage" in as_list(s["Action"])))
        of_queues = [s for s in sources.values() if "StartingPosition" not in s]  # grants_test.py has a rule for streams
        fed_by = {q for s in of_queues if mentions(s["FunctionName"]) == {name} for q in mentions(s["EventSourceArn"])}
        # The reconciler reads dead letters without an event source.
        if may_read - set(dead_letter_queues(project)) != fed_by:
            yield f"{name} may receive from {sorted(may_read)} but is fed by {sorted(fed_by)}"
    unread = set(project.of_type("SQS::Queue")) - set(dead_letter_queues(project))
    unread -= {q for s in sources.values() for q in mentions(s["EventSourceArn"])}
    if unread:
        yield f"no function reads {sorted(unread)}"


def a_schedule_may_invoke_its_function_and_nothing_else(project):
    functions, roles, schedules = (project.of_type(kind) for kind in ("Lambda::Function", "IAM::Role", "Scheduler::Schedule"))
    for name, schedule in schedules.items():
        target = schedule["Target"]
        if not mentions(target["Arn"]) <= set(functions) or target.get("RetryPolicy", {}).get("MaximumRetryAttempts") != 0:
            yield f"{name} does not invoke a function once"
        role = roles.get(f"{name}Role", {})
        if mentions(target["RoleArn"]) != {f"{name}Role"} or [mentions(s["Resource"]) for s in grants({"Policies": [], **role})] != [mentions(target["Arn"])]:
            yield f"{name} may do more than that"
        if "aws:SourceAccount" not in json.dumps(role.get("AssumeRolePolicyDocument")):
            yield f"{name}Role serves other accounts' schedules"
    if len(roles) != len(functions) + len(schedules):
        yield "there is a role without a function or a schedule"


def every_program_has_a_function(project):
    """The programs in crates/function-binaries/src/bin are those of the template, and each function gets its own zip."""
    functions = project.of_type("Lambda::Function")
    for name, function in functions.items():
        word = slug(name)
        if word not in project.functions or function["Code"]["S3Key"] != {"Fn::Sub": f"${{CodePrefix}}{word}.zip"}:
            yield f"{name} has no program {word}, or another one's zip"
    for word in project.functions - set(map(slug, functions)):
        yield f"program {word} has no function"


def grants_have_no_wildcards_but_known_prefixes(project):
    for template in (project.service, project.endpoint):
        for name, role in project.of_type("IAM::Role", template).items():
            if "ManagedPolicyArns" in role:
                yield f"{name} has a managed policy"
            for one in grants(role):
                actions = as_list(one["Action"])
                if any("*" in action for action in actions):
                    yield f"{name}, {one['Sid']}: wildcard in {actions}"
                if one["Resource"] == "*" and set(actions) <= NO_RESOURCE:
                    if "cloudwatch:PutMetricData" in actions and "Condition" not in one:
                        yield f"{name}, {one['Sid']}: any namespace"
                    continue
                for target in as_list(one["Resource"]):
                    text = target.get("Fn::Sub", "") if isinstance(target, dict) else target
                    text = text if isinstance(text, str) else text[0]
                    if "*" in text and not re.fullmatch(WILDCARD, text):
                        yield f"{name}, {one['Sid']}: wildcard in {text}"


def grants_on_the_records_table_name_partition_keys(project):
    """Tickets, plans, audit log and more share that table."""
    for name, role in project.of_type("IAM::Role").items():
        for one in grants(role):
            if "RecordsTable" not in mentions(one["Resource"]):
                continue
            if one["Resource"] == {"Fn::GetAtt": ["RecordsTable", "StreamArn"]} and name == "AuditEventsRole":
                continue  # a stream knows no keys: one function reads it, whose event source leaves only the audit log
            keys = [key for test in one.get("Condition", {}).values() for key in test.get("dynamodb:LeadingKeys", [])]
            if not keys or any(key.strip("*") == "" for key in keys):
                yield f"{name}, {one['Sid']}: the whole table"


def the_reconciler_may_write_only_the_next_check_of_a_job(project):
    writes = [s for s in grants(resource(project, "ReconcilerRole")) if "dynamodb:UpdateItem" in as_list(s["Action"])]
    wanted = {"dynamodb:Attributes": ["job_id", "next_check_at"]}
    if [s.get("Condition", {}).get("ForAllValues:StringEquals") for s in writes] != [wanted]:
        yield "it may write other attributes"


def data_is_retained_backed_up_and_private(project):
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
                yield f"{name} allows other origins, or more methods than the page needs"
            if "ETag" not in rule.get("ExposedHeaders", []):
                yield f"{name}: a page cannot complete a multipart upload"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name} still has object ACLs"


def bucket_prefixes_of_pipelines_are_disjoint(project):
    """Each upload belongs to one pipeline, and a copied input outlives its job."""
    prefixes = [table["prefix"] for table in project.pipelines.values()]
    for one, other in itertools.permutations(prefixes, 2):
        if one.startswith(other):
            yield f"{one} lies under {other}"
    days = {r.get("Prefix"): r.get("ExpirationInDays") for r in resource(project, "JobsBucket")["LifecycleConfiguration"]["Rules"]}
    if days.get("work/", 0) * 86400 <= max(table["job_deadline_seconds"] for table in project.pipelines.values()):
        yield "work/ is emptied before a job must have ended"


def max_notification_delay_covers_all_deliveries(project):
    timing = project.service["Mappings"]["QueueTiming"]
    allowed = project.service["Parameters"]["FunctionTimeoutSeconds"]["AllowedValues"]
    if sorted(timing) != sorted(map(str, allowed)):
        yield "QueueTiming has not a row for each allowed FunctionTimeoutSeconds"
    for timeout, row in timing.items():
        if row["VisibilitySeconds"] != 6 * int(timeout):
            yield f"visibility for {timeout} s is not six times that"
    largest = max(row["VisibilitySeconds"] for row in timing.values())
    for name, queue in project.of_type("SQS::Queue").items():
        needed = queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0) * largest
        if project.max_notification_delay_seconds < needed:
            yield f"{name}: a message may be delivered for {needed} s, max_notification_delay_seconds is {project.max_notification_delay_seconds}"


def parameters_and_outputs_are_described(project):
    for template in (project.service, project.endpoint, project.web, project.monitoring):
        for name, parameter in template["Parameters"].items():
            bounds = {"AllowedPattern", "AllowedValues", "MinValue"}
            if "Description" not in parameter or not (bounds & set(parameter) or name == "TopicKeyId"):
                yield f"{name} lacks a description or bounds"
        for name, output in template["Outputs"].items():
            if "Description" not in output:
                yield f"output {name} lacks a description"


Rules = check({
    queues_have_dead_letters_with_an_alarm: [
        lambda p: drop(resource(p, "ChecksQueue"), "RedrivePolicy"),
        lambda p: resource(p, "UploadsQueue")["RedrivePolicy"].update(maxReceiveCount=3),
        lambda p: resource(p, "UploadsDeadLetters").update(MessageRetentionPeriod=345600),
        lambda p: resource(p, "UploadsQueue").update(RedrivePolicy=resource(p, "ChecksQueue")["RedrivePolicy"]),
        lambda p: drop(p.service["Resources"], "ChecksDeadLettersAlarm"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RedrivePolicy"),
        lambda p: drop(resource(p, "InferenceErrorSubscription"), "RawMessageDelivery"),
        lambda p: drop(resource(p, "UploadsDeadLetters"), "SqsManagedSseEnabled"),
    ],
    resource_policies_require_tls_and_name_their_senders: [
        lambda p: drop(p.service["Resources"], "ChecksDeadLettersPolicy"),
        lambda p: drop(p.service["Resources"], "JobsBucketPolicy"),
        lambda p: statement(p, "InferenceErrorTopicPolicy", "TlsOnly").update(Effect="Allow"),
        lambda p: statement(p, "ChecksQueuePolicy", "TlsOnly").update(Resource={"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
        lambda p: drop(statement(p, "UploadsQueuePolicy", "BucketNotifications")["Condition"], "ArnEquals"),
        lambda p: drop(statement(p, "UploadsQueuePolicy", "BucketNotifications")["Condition"], "StringEquals"),
        lambda p: drop(statement(p, "InferenceErrorDeadLettersPolicy", "TopicDeliveries"), "Condition"),
        lambda p: statement(p, "InferenceErrorTopicPolicy", "EndpointRoles").update(Principal="*"),
    ],
    a_function_is_fed_only_by_the_queue_that_its_role_may_read: [
        lambda p: drop(p.service["Resources"], "RetryEventSource"),
        lambda p: resource(p, "RetryEventSource").update(EventSourceArn={"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
        lambda p: statement(p, "ReconcilerRole", "DeadLetters")["Resource"].append({"Fn::GetAtt": ["UploadsQueue", "Arn"]}),
    ],
    a_schedule_may_invoke_its_function_and_nothing_else: [
        lambda p: drop(p.service["Resources"], "ReconcilerScheduleRole"),
        lambda p: drop(resource(p, "ReconcilerSchedule")["Target"], "RetryPolicy"),
        lambda p: statement(p, "ReconcilerScheduleRole", "Invoke").update(Resource={"Fn::GetAtt": ["RetryFunction", "Arn"]}),
        lambda p: drop(resource(p, "ReconcilerScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0], "Condition"),
    ],
    every_program_has_a_function: [
        lambda p: p.functions.clear(),
        lambda p: p.functions.add("surplus"),
        lambda p: drop(p.service["Resources"], "RetryFunction"),
        lambda p: resource(p, "RetryFunction").update(Code=resource(p, "UploadTriggerFunction")["Code"]),
    ],
    grants_have_no_wildcards_but_known_prefixes: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Action="dynamodb:*"),
        lambda p: statement(p, "RetryRole", "Jobs").update(Resource="*"),
        lambda p: statement(p, "RetryRole", "Copies").update(Resource={"Fn::Sub": "arn:${AWS::Partition}:s3:::${BucketName}*"}),
        lambda p: statement(p, "RetryRole", "Copies").update(Resource={"Fn::Sub": "arn:${AWS::Partition}:s3:::${BucketName}/*"}),
        lambda p: statement(p, "RetryRole", "Invoke").update(Resource={"Fn::Sub": "arn:aws:sagemaker:*:*:endpoint/docket-*"}),
        lambda p: statement(p, "RetryRole", "Invoke").update(Resource={"Fn::Sub": "arn:aws:sagemaker:eu-west-1:1:*"}),
        lambda p: resource(p, "RetryRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/PowerUserAccess"]),
        lambda p: drop(statement(p, "ExecutionRole", "Metrics", "endpoint"), "Condition"),
        lambda p: statement(p, "ExecutionRole", "ModelData", "endpoint").update(Resource="arn:aws:s3:::*"),
    ],
    grants_on_the_records_table_name_partition_keys: [
        lambda p: drop(statement(p, "SupportApiRole", "Audit"), "Condition"),
        lambda p: statement(p, "SupportApiRole", "Audit").update(Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*"]}}),
        lambda p: drop(statement(p, "UploadTriggerRole", "UploadSessions"), "Condition"),
        lambda p: drop(statement(p, "ReconcilerRole", "RetryPlans"), "Condition"),
    ],
    the_reconciler_may_write_only_the_next_check_of_a_job: [
        lambda p: drop(statement(p, "ReconcilerRole", "NextCheck"), "Condition"),
        lambda p: statement(p, "ReconcilerRole", "Jobs")["Action"].append("dynamodb:UpdateItem"),
    ],
    data_is_retained_backed_up_and_private: [
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
    bucket_prefixes_of_pipelines_are_disjoint: [
        lambda p: p.pipelines["ocr-batch"].update(prefix="inbound/batches/"),
        lambda p: p.pipelines["ocr-batch"].update(job_deadline_seconds=30 * 86400),
    ],
    max_notification_delay_covers_all_deliveries: [
        lambda p: setattr(p, "max_notification_delay_seconds", 1799),
        lambda p: resource(p, "ChecksQueue")["RedrivePolicy"].update(maxReceiveCount=6),
        lambda p: drop(p.service["Mappings"]["QueueTiming"], "30"),
        lambda p: p.service["Mappings"]["QueueTiming"]["30"].update(VisibilitySeconds=30),
    ],
    parameters_and_outputs_are_described: [
        lambda p: drop(p.service["Parameters"]["PageOrigin"], "Description"),
        lambda p: drop(p.endpoint["Parameters"]["MaxInstances"], "MinValue"),
        lambda p: drop(p.web["Parameters"]["ApiOrigin"], "Description"),
        lambda p: drop(p.service["Outputs"]["WebSocketUrl"], "Description"),
    ],
})  # fmt: skip


class Generated(unittest.TestCase):
    """The parts of infra/ that infra/generate.py writes from pipelines.toml."""

    PIPELINE = {
        "prefix": "inbound-letters/", "endpoint": "docket-letters", "slo_seconds": 600, "queue_ttl_seconds": 900,
        "invocation_timeout_seconds": 60, "retention_days": {"input": 5, "output": 6},
    }  # fmt: skip

    def test_the_files_are_up_to_date(self):
        for path, text in generate.generated().items():
            self.assertEqual(path.read_text(), text, f"run `python infra/generate.py` for {path.relative_to(ROOT)}")

    def test_a_new_pipeline_gets_notifications_expiration_and_grants_and_a_removed_one_loses_them(self):
        text = (ROOT / "infra/service.yaml").read_text()
        written = generate.template(text, {"letters": self.PIPELINE})
        self.assertEqual(written.count("Filter: {S3Key: {Rules: [{Name: prefix, Value: inbound-letters/}]}}"), 1)
        self.assertIn("Id: letters-input, Status: Enabled, Prefix: inbound-letters/, ExpirationInDays: 5,", written)
        self.assertIn("Id: letters-failure, Status: Enabled, Prefix: failure/letters/, ExpirationInDays: 6,", written)
        granted = "Resource: [!Sub 'arn:${AWS::Partition}:s3:::${BucketName}/inbound-letters/*'] # generated: inputs"
        self.assertEqual(written.count(granted), text.count("# generated: inputs"))
        self.assertNotIn("inbound/*", written)
        self.assertNotIn("legal-review", written)
        self.assertEqual(generate.template(written, generate.read_pipelines()), text)

    def test_parameters_that_follow_from_the_pipeline_replace_those_in_the_file(self):
        rows = [{"ParameterKey": "SloSeconds", "ParameterValue": "1"}, {"ParameterKey": "MaxInstances", "ParameterValue": "3"}]
        written = json.loads(generate.parameter_file(json.dumps(rows), "letters", self.PIPELINE))
        self.assertEqual({row["ParameterKey"]: row["ParameterValue"] for row in written}, {
            "EndpointName": "docket-letters", "Pipeline": "letters", "InputPrefix": "inbound-letters/", "SloSeconds": "600",
            "OldestRequestAlarmSeconds": "300", "TerminationWaitSeconds": "60", "Scaling": "aws", "MaxInstances": "3",
        })  # fmt: skip

    def test_numbers_of_instances_that_do_not_fit_are_refused_by_name(self):
        with tempfile.TemporaryDirectory() as folder:
            infra = pathlib.Path(folder)
            shutil.copytree(ROOT / "infra", infra, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            path, settings = infra / "endpoints/legal-review.json", infra / "pipelines.toml"
            files = path.read_text(), settings.read_text()
            for field, changed in (
                ("MaxInstances", (files[0].replace('"MinInstances", "ParameterValue": "0"', '"MinInstances", "ParameterValue": "6"'), files[1])),
                ("capacity.drain_within_seconds", (files[0], files[1].replace("drain_within_seconds = 300", "drain_within_seconds = 0"))),
                ("IdleMinutes", (files[0], files[1].replace("idle_seconds = 60 }", "idle_seconds = 900 }"))),
                ("scaling", (files[0], files[1].replace('\nscaling = "docket"', '\nscaling = "manual"', 1))),
            ):
                with self.subTest(field=field):
                    self.assertNotEqual(files, changed)
                    path.write_text(changed[0])
                    settings.write_text(changed[1])
                    with self.assertRaisesRegex(SystemExit, f"generate: legal-review: {field} must"):
                        generate.generated(infra)

    def test_every_endpoint_file_belongs_to_a_pipeline(self):
        self.assertEqual(set(plan.pipelines()), set(generate.read_pipelines()))


if __name__ == "__main__":
    unittest.main()
