"""Rules for the functions' roles where the emulator proves nothing, and tests of grants.py, which proves the rest.

Written like template_test.py: a rule is a function from the project's files to complaints; the files as they are
raise none, and every way of breaking them listed beside the rule does.
Run: python -m unittest tests/grants_test.py (needs PyYAML).
"""

import copy
import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from grants import BY_LAMBDA, LEADING, OUTSIDE, Grant, allowed, complaints, granted  # noqa: E402, found by the line above
from template_test import ROOT, Project, as_list, mentions, statements  # noqa: E402

# The condition keys that crates/devstack/python/stack_grants.py adds to the emulator.
UNDERSTOOD = {LEADING, "dynamodb:Attributes", "dynamodb:ReturnValues"}
# What names a partition key in every call. ForAllValues holds for a call that names none, such as a scan
# (IAM user guide, "Multivalued context keys").
KEYED = {f"dynamodb:{action}" for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem")}
# How things name a key of their own.
KEYS = {
    "SQS::Queue": "KmsMasterKeyId",
    "DynamoDB::Table": "KMSMasterKeyId",
    "S3::Bucket": "KMSMasterKeyID",
    "Events::EventBus": "KmsKeyIdentifier",
}
# All inline policies of a role together, without white space (IAM user guide, "IAM and STS quotas").
MOST_CHARACTERS = 10_240
# What a name becomes when it is deployed: longer than any ARN here.
LONG_ARN = "arn:aws:" + "x" * 110


def roles_of_functions(project):
    roles = project.of_type("IAM::Role")
    return {name: roles[name] for name in sorted({role for role, _ in allowed(project)})}


def what_lambda_does_is_granted_exactly(project):
    """The emulator writes a function's log and polls its queue without asking its role."""
    queues = {}
    for source in project.of_type("Lambda::EventSourceMapping").values():
        [function] = mentions(source["FunctionName"])
        queues[function.removesuffix("Function") + "Role"] = mentions(source["EventSourceArn"])
    found = {kind: {} for kind in BY_LAMBDA}
    for (role, sid), statement in allowed(project).items():
        for kind, actions in BY_LAMBDA.items():
            if sid.startswith(kind):
                found[kind].setdefault(role, []).append(statement)
                if not actions <= set(as_list(statement["Action"])) or "Condition" in statement:
                    yield f"{role} {sid}: Lambda needs {sorted(actions)}"
    for role in roles_of_functions(project):
        wanted = {"Logs": {role.removesuffix("Role") + "Logs"}, "Receive": queues.get(role)}
        for kind, resources in wanted.items():
            got = [mentions(statement["Resource"]) for statement in found[kind].get(role, [])]
            if got != ([resources] if resources else []):
                yield f"{role}: {kind} is for {got}, not {resources}"


def statements_can_be_told_apart(project):
    """grants.py knows a statement by its Sid, and takes it for what it allows."""
    for name, role in roles_of_functions(project).items():
        all_of_it = [statement for policy in role["Policies"] for statement in statements(policy)]
        sids = [statement.get("Sid") for statement in all_of_it]
        if None in sids or len(set(sids)) != len(sids):
            yield f"{name} has a statement without a Sid of its own"
        for statement in all_of_it:
            if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & set(statement):
                yield f"{name} {statement.get('Sid')} says what is not allowed"


def conditions_are_those_that_the_emulator_knows(project):
    """One that it does not know would be taken for absent, and most operators then hold."""
    for (role, sid), statement in allowed(project).items():
        for operator, block in statement.get("Condition", {}).items():
            for key in block:
                if key not in UNDERSTOOD:
                    yield f"{role} {sid}: nothing shows that {key} works"
                if key == LEADING and not set(as_list(statement["Action"])) <= KEYED:
                    yield f"{role} {sid}: not every call has a {key}"
                if key != "dynamodb:ReturnValues" and not operator.startswith("ForAllValues:"):
                    yield f"{role} {sid}: {key} has several values"


def nothing_needs_a_key_of_kms(project):
    """The emulator encrypts nothing, and asks for no kms:Decrypt: so what functions use has no key of its own."""
    for role, sid in (place for place, s in allowed(project).items() if any(a.startswith("kms:") for a in as_list(s["Action"]))):
        yield f"{role} {sid}: nothing shows that it is needed"
    for kind, name in KEYS.items():
        for resource, properties in project.of_type(kind).items():
            if f'"{name}"' in json.dumps(properties):
                yield f"{resource} has a key, which its functions cannot use"


def policies_fit(project):
    """The emulator takes any length."""
    for name, role in roles_of_functions(project).items():
        text = json.dumps([policy["PolicyDocument"] for policy in role["Policies"]], separators=(",", ":"))
        text = re.sub(r'\{"(Fn::GetAtt|Fn::Sub|Ref)":(\[[^\]]*\]|"[^"]*")\}', json.dumps(LONG_ARN), text)
        if len(text) > MOST_CHARACTERS:
            yield f"{name} may be {len(text)} characters long, and IAM takes {MOST_CHARACTERS}"


def statement(project, role, sid):
    return allowed(project)[role, sid]


def policy(project, role):
    return project.of_type("IAM::Role")[role]["Policies"][0]["PolicyDocument"]["Statement"]


RULES = {
    what_lambda_does_is_granted_exactly: [
        lambda p: statement(p, "WsConnectRole", "Logs").update(Action="logs:PutLogEvents"),
        lambda p: statement(p, "WsConnectRole", "Logs").update(Resource={"Fn::GetAtt": ["WsDefaultLogs", "Arn"]}),
        lambda p: policy(p, "WsConnectRole").remove(statement(p, "WsConnectRole", "Logs")),
        lambda p: statement(p, "RetryRole", "ReceiveAndLater")["Action"].remove("sqs:DeleteMessage"),
        lambda p: statement(p, "UploadTriggerRole", "Receive")["Action"].remove("sqs:GetQueueAttributes"),
        lambda p: statement(p, "UploadTriggerRole", "Receive").update(Resource={"Fn::GetAtt": ["ChecksQueue", "Arn"]}),
        lambda p: statement(p, "UploadTriggerRole", "Receive").update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        lambda p: policy(p, "ReconcilerRole").append({**statement(p, "RetryRole", "ReceiveAndLater"), "Sid": "ReceiveMore"}),
    ],
    statements_can_be_told_apart: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Sid="Push"),
        lambda p: policy(p, "RetryRole").append({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Sid": "No"}),
        lambda p: statement(p, "RetryRole", "Jobs").update(NotAction="dynamodb:Scan"),
    ],
    conditions_are_those_that_the_emulator_knows: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        lambda p: statement(p, "SupportApiRole", "Quarantine").update(Action="dynamodb:Scan"),
        lambda p: statement(p, "RetryRole", "Quarantine").update(Condition={"StringEquals": {LEADING: ["quarantine"]}}),
    ],
    nothing_needs_a_key_of_kms: [
        lambda p: statement(p, "RetryRole", "Jobs").update(Action=["kms:Decrypt"]),
        lambda p: p.of_type("SQS::Queue")["UploadsQueue"].update(KmsMasterKeyId="alias/mine"),
        lambda p: p.of_type("DynamoDB::Table")["JobsTable"]["SSESpecification"].update(KMSMasterKeyId="alias/mine"),
        lambda p: p.of_type("S3::Bucket")["JobsBucket"].update(BucketEncryption={"KMSMasterKeyID": "alias/mine"}),
    ],
    policies_fit: [
        lambda p: statement(p, "RetryRole", "Inputs").update(Resource=[{"Fn::Sub": "x"}] * 80),
    ],
}


PROJECT = Project()  # reading it takes a second


class Rules(unittest.TestCase):
    """Each rule, on the files as they are and on each that is broken."""

    def test_the_files_keep_the_rules(self):
        for rule in RULES:
            self.assertEqual(list(rule(PROJECT)), [], rule.__name__)

    def test_what_breaks_a_rule_is_noticed(self):
        for rule, ways in RULES.items():
            for number, breaks in enumerate(ways):
                project = copy.deepcopy(PROJECT)
                breaks(project)
                self.assertTrue(list(rule(project)), f"{rule.__name__}, way {number}")


class Log(unittest.TestCase):
    """What grants.py says of a log."""

    def setUp(self):
        self.project = PROJECT
        self.lines = []
        for (role, sid), one in allowed(self.project).items():
            places = list(range(len(as_list(one["Resource"]))))
            keys = [key for block in one.get("Condition", {}).values() for key in block.get(LEADING, [])]
            for action in as_list(one["Action"]):
                self.lines.append({
                    "role": f"docket-{role}-1A2B", "session": "docket-x", "action": action, "allowed": True,
                    "sid": sid, "resources": places, "keys": keys, "resource": "arn:x",
                })  # fmt: skip

    def test_all_that_is_granted_was_used(self):
        self.assertEqual(complaints(self.project, self.lines), [])

    def test_a_grant_that_was_not_used(self):
        mine = [line for line in self.lines if line["role"].split("-")[1] == "RetryRole" and line["sid"] == "Invoke"]
        for line in mine:
            self.lines.remove(line)
        [complaint] = complaints(self.project, self.lines)
        self.assertIn("RetryRole may sagemaker:InvokeEndpointAsync on endpoint/docket-* (Invoke)", complaint)

    def test_a_key_or_a_resource_that_was_not_used(self):
        for line in self.lines:
            if line["sid"] == "QuarantineAndNotes":
                line["keys"] = ["note"]
            if line["sid"] == "SayAgain" and "Reconciler" in line["role"]:
                line["resources"] = [0, 1, 3]
        told = "\n".join(complaints(self.project, self.lines))
        self.assertIn("dynamodb:PutItem on RecordsTable for quarantine (QuarantineAndNotes)", told)
        self.assertIn("sqs:SendMessage on InferenceErrorQueue (SayAgain)", told)
        self.assertEqual(told.count("\n"), 1)

    def test_whoever_only_tried_used_nothing(self):
        for line in self.lines:
            line["session"] = OUTSIDE
        ours = [grant for grant in granted(self.project) if not grant.is_lambdas]
        self.assertEqual(len(complaints(self.project, self.lines)), len(ours))

    def test_a_refusal_is_a_grant_that_is_missing_unless_it_was_asked_for(self):
        refusal = {"role": "docket-RetryRole-1A2B", "session": "docket-retry", "action": "s3:PutObject", "allowed": False, "resource": "arn:x"}
        self.assertEqual(complaints(self.project, [*self.lines, refusal]), ["RetryRole was refused s3:PutObject on arn:x"])
        self.assertEqual(complaints(self.project, [*self.lines, {**refusal, "session": OUTSIDE}]), [])

    def test_what_lambda_uses_needs_no_call(self):
        self.assertTrue(Grant("R", "Logs", "logs:PutLogEvents", "").is_lambdas)
        self.assertTrue(Grant("R", "ReceiveAndLater", "sqs:ReceiveMessage", "").is_lambdas)
        self.assertFalse(Grant("R", "ReceiveAndLater", "sqs:SendMessage", "").is_lambdas)
        self.assertFalse(Grant("R", "DeadLetters", "sqs:ReceiveMessage", "").is_lambdas)

    def test_the_scenario_says_that_it_wants_to_be_refused(self):
        scenario = (ROOT / "tests" / "scenarios" / "outside_the_grants.rs").read_text()
        self.assertIn(f'SESSION: &str = "{OUTSIDE}";', scenario)


if __name__ == "__main__":
    unittest.main()
