"""Rules for the functions' roles where the emulator checks nothing, and tests of grants.py, which checks the rest.

Run: .venv/bin/python -m unittest tests/grants_test.py
"""

import copy
import json
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from grants import BY_LAMBDA, LEADING, UNREACHED, Grant, allowed, complaints, granted  # noqa: E402, found by the line above
from templates import ROOT, USUAL, WITHOUT_COMPANIES, Project, as_list, assume, check, expand, generate, mentions, slug, statements  # noqa: E402

# The condition keys that crates/devstack/python/stack_grants.py adds to the emulator.
UNDERSTOOD = {"ses:FromAddress", LEADING, "dynamodb:Attributes", "dynamodb:ReturnValues"}
# Actions that name a partition key in every call. ForAllValues holds for a call that names none, such as a scan
# (IAM user guide, "Multivalued context keys").
KEYED = {f"dynamodb:{action}" for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem")}
# Properties that name a KMS key.
KEYS = {
    "SQS::Queue": "KmsMasterKeyId",
    "DynamoDB::Table": "KMSMasterKeyId",
    "S3::Bucket": "KMSMasterKeyID",
    "Events::EventBus": "KmsKeyIdentifier",
}
# All inline policies of a role together, without white space (IAM user guide, "IAM and STS quotas").
MAX_CHARACTERS = 10_240
# Stands for references in a deployed policy: longer than any ARN here.
LONG_ARN = "arn:aws:" + "x" * 110


def roles_of_functions(project):
    roles = project.of_type("IAM::Role")
    return {name: roles[name] for name in sorted({role for role, _ in allowed(project)})}


def the_role_grants_exactly_what_lambda_itself_needs(project):
    """The emulator writes a function's log and polls its queue without checking its role."""
    queues, streams = {}, {}
    for source in project.of_type("Lambda::EventSourceMapping").values():
        [function] = mentions(source["FunctionName"])
        of_kind = streams if "StartingPosition" in source else queues
        of_kind[function.removesuffix("Function") + "Role"] = mentions(source["EventSourceArn"])
    found = {kind: {} for kind in BY_LAMBDA}
    for (role, sid), statement in allowed(project).items():
        for kind, actions in BY_LAMBDA.items():
            if sid.startswith(kind):
                found[kind].setdefault(role, []).append(statement)
                if not actions <= set(as_list(statement["Action"])) or "Condition" in statement:
                    yield f"{role} {sid}: Lambda needs {sorted(actions)}"
    for role in roles_of_functions(project):
        wanted = {"Logs": {role.removesuffix("Role") + "Logs"}, "Receive": queues.get(role), "Stream": streams.get(role)}
        for kind, resources in wanted.items():
            got = [mentions(statement["Resource"]) for statement in found[kind].get(role, [])]
            if got != ([resources] if resources else []):
                yield f"{role}: {kind} is for {got}, not {resources}"


def statements_have_unique_sids_and_allow_something(project):
    """grants.py identifies a statement by its Sid."""
    for name, role in roles_of_functions(project).items():
        all_of_it = [statement for policy in role["Policies"] for statement in statements(policy)]
        sids = [statement.get("Sid") for statement in all_of_it]
        if None in sids or len(set(sids)) != len(sids):
            yield f"{name} has a statement without a Sid of its own"
        for statement in all_of_it:
            if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & set(statement):
                yield f"{name} {statement.get('Sid')} is not a list of what is allowed"


def conditions_use_only_keys_that_the_emulator_supports(project):
    """Other keys would count as absent, for which most operators hold."""
    for (role, sid), statement in allowed(project).items():
        for operator, block in statement.get("Condition", {}).items():
            for key in block:
                if key not in UNDERSTOOD:
                    yield f"{role} {sid}: no test covers {key}"
                if key == LEADING and not set(as_list(statement["Action"])) <= KEYED:
                    yield f"{role} {sid}: not every call has a {key}"
                if key not in ("dynamodb:ReturnValues", "ses:FromAddress") and not operator.startswith("ForAllValues:"):
                    yield f"{role} {sid}: {key} has several values"


def no_resource_of_a_function_has_its_own_kms_key(project):
    """The emulator encrypts nothing and needs no kms:Decrypt. It signs, and checks who may."""
    for (role, sid), granted in allowed(project).items():
        actions = {action for action in as_list(granted["Action"]) if action.startswith("kms:")}
        if actions and not (actions <= {"kms:Sign", "kms:GetPublicKey"} and granted["Resource"] == {"Fn::GetAtt": ["ReceiptKey", "Arn"]}):
            yield f"{role} {sid}: no test covers it"
    for kind, name in KEYS.items():
        for resource, properties in project.of_type(kind).items():
            if f'"{name}"' in json.dumps(properties):
                yield f"{resource} has a key, which its functions cannot use"


def policies_fit_the_length_limit_of_iam(project):
    """The emulator accepts any length. Some policies grow with the number of pipelines."""
    for name, role in roles_of_functions(project).items():
        text = json.dumps([policy["PolicyDocument"] for policy in role["Policies"]], separators=(",", ":"))
        text = re.sub(r'\{"(Fn::GetAtt|Fn::Sub|Ref)":(\[[^\]]*\]|"[^"]*")\}', json.dumps(LONG_ARN), text)
        if len(text) > MAX_CHARACTERS:
            yield f"{name} may be {len(text)} characters long, and IAM allows {MAX_CHARACTERS}"


def statement(project, role, sid):
    return allowed(project)[role, sid]


def policy(project, role):
    return project.of_type("IAM::Role")[role]["Policies"][0]["PolicyDocument"]["Statement"]


Rules = check({
    the_role_grants_exactly_what_lambda_itself_needs: [
        lambda p: statement(p, "WsConnectRole", "Logs").update(Action="logs:PutLogEvents"),
        lambda p: statement(p, "WsConnectRole", "Logs").update(Resource={"Fn::GetAtt": ["WsDefaultLogs", "Arn"]}),
        lambda p: policy(p, "WsConnectRole").remove(statement(p, "WsConnectRole", "Logs")),
        lambda p: statement(p, "RetryRole", "ReceiveAndSend")["Action"].remove("sqs:DeleteMessage"),
        lambda p: statement(p, "UploadTriggerRole", "Receive")["Action"].remove("sqs:GetQueueAttributes"),
        lambda p: statement(p, "UploadTriggerRole", "Receive").update(Resource={"Fn::GetAtt": ["ChecksQueue", "Arn"]}),
        lambda p: statement(p, "UploadTriggerRole", "Receive").update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        lambda p: policy(p, "ReconcilerRole").append({**statement(p, "RetryRole", "ReceiveAndSend"), "Sid": "ReceiveMore"}),
    ],
    statements_have_unique_sids_and_allow_something: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Sid="Push"),
        lambda p: policy(p, "RetryRole").append({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Sid": "No"}),
        lambda p: statement(p, "RetryRole", "Jobs").update(NotAction="dynamodb:Scan"),
    ],
    conditions_use_only_keys_that_the_emulator_supports: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        lambda p: statement(p, "SupportApiRole", "Quarantine").update(Action="dynamodb:Scan"),
        lambda p: statement(p, "RetryRole", "Quarantine").update(Condition={"StringEquals": {LEADING: ["quarantine"]}}),
    ],
    no_resource_of_a_function_has_its_own_kms_key: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Action=["kms:Decrypt"]),
        lambda p: statement(p, "SupportApiRole", "Receipts").update(Action=["kms:Sign", "kms:Decrypt"]),
        lambda p: statement(p, "SupportApiRole", "Receipts").update(Resource="*"),
        lambda p: p.of_type("SQS::Queue")["UploadsQueue"].update(KmsMasterKeyId="alias/mine"),
        lambda p: p.of_type("DynamoDB::Table")["JobsTable"]["SSESpecification"].update(KMSMasterKeyId="alias/mine"),
        lambda p: p.of_type("S3::Bucket")["JobsBucket"].update(BucketEncryption={"KMSMasterKeyID": "alias/mine"}),
    ],
    policies_fit_the_length_limit_of_iam: [
        lambda p: statement(p, "RetryRole", "Inputs").update(Resource=[{"Fn::Sub": "x"}] * 80),
    ],
})  # fmt: skip

PROJECT = Project()  # reading it takes a second


class Pipelines(unittest.TestCase):
    """The roles if infra/pipelines.toml has more pipelines than the shipped ones."""

    def test_policies_for_ten_pipelines_fit_the_length_limit_of_iam(self):
        shipped = generate.read_pipelines()["legal-review"]
        pipelines = {f"p{number}": {**shipped, "prefix": f"inbound-{number}/"} for number in range(10)}
        written = generate.template((ROOT / "infra/service.yaml").read_text(), pipelines)
        self.assertIn("inbound-9/*", written)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "service.yaml")
            path.write_text(written)
            project = copy.copy(PROJECT)
            project.service = assume(expand.expand(path), **USUAL, **WITHOUT_COMPANIES)
        self.assertEqual([], list(policies_fit_the_length_limit_of_iam(project)))


class Log(unittest.TestCase):
    """What grants.py reports about a log."""

    def setUp(self):
        self.project = PROJECT
        self.lines = []
        for (role, sid), one in allowed(self.project).items():
            indexes = list(range(len(as_list(one["Resource"]))))
            keys = [key for block in one.get("Condition", {}).values() for key in block.get(LEADING, [])]
            for action in as_list(one["Action"]):
                self.lines.append({
                    "role": f"docket-{role}-1A2B", "session": f"docket-{slug(role.removesuffix('Role'))}", "action": action, "allowed": True,
                    "sid": sid, "resources": indexes, "keys": keys, "resource": "arn:x",
                })  # fmt: skip

    def test_no_complaint_if_every_grant_was_used(self):
        self.assertEqual(complaints(self.project, self.lines), [])

    def test_an_unused_grant_is_reported(self):
        mine = [line for line in self.lines if line["role"].split("-")[1] == "RetryRole" and line["sid"] == "Invoke"]
        for line in mine:
            self.lines.remove(line)
        [complaint] = complaints(self.project, self.lines)
        self.assertIn("RetryRole may sagemaker:InvokeEndpointAsync on endpoint/docket-* (Invoke)", complaint)

    def test_an_unused_leading_key_or_resource_is_reported(self):
        for line in self.lines:
            if line["sid"] == "QuarantineAndState":
                line["keys"] = ["state"]
            if line["sid"] == "Redrive":
                line["resources"] = [0, 1, 3, 4, 5, 6]
        text = "\n".join(complaints(self.project, self.lines))
        self.assertIn("dynamodb:PutItem on RecordsTable for quarantine (QuarantineAndState)", text)
        self.assertIn("sqs:SendMessage on InferenceErrorQueue (Redrive)", text)
        self.assertIn("dynamodb:PutItem on RecordsTable for capacity (QuarantineAndState)", text)
        self.assertEqual(text.count("\n"), 2)

    def test_calls_of_other_sessions_with_the_role_do_not_count_as_use(self):
        for line in self.lines:
            line["session"] = "outside-its-grants"
        ours = [grant for grant in granted(self.project) if not grant.is_lambdas and grant.sid not in UNREACHED]
        self.assertEqual(len(complaints(self.project, self.lines)), len(ours))

    def test_a_refused_call_of_a_function_is_reported_and_one_of_another_session_is_not(self):
        refusal = {"role": "docket-RetryRole-1A2B", "session": "docket-retry", "action": "s3:PutObject", "allowed": False, "resource": "arn:x"}
        self.assertEqual(complaints(self.project, [*self.lines, refusal]), ["RetryRole was refused s3:PutObject on arn:x"])
        self.assertEqual(complaints(self.project, [*self.lines, {**refusal, "session": "outside-its-grants"}]), [])

    def test_grants_that_lambda_itself_uses_need_no_call(self):
        self.assertTrue(Grant("R", "Logs", "logs:PutLogEvents", "").is_lambdas)
        self.assertTrue(Grant("R", "ReceiveAndSend", "sqs:ReceiveMessage", "").is_lambdas)
        self.assertFalse(Grant("R", "ReceiveAndSend", "sqs:SendMessage", "").is_lambdas)
        self.assertFalse(Grant("R", "DeadLetters", "sqs:ReceiveMessage", "").is_lambdas)


if __name__ == "__main__":
    unittest.main()
