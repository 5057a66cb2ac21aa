"""What a company brings itself: its key, its network, its bucket, its user pool. The other tests read the usual template.

Run: .venv/bin/python -m unittest tests/options_template_test.py
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from deploy_plan_test import ACCOUNT, OUTPUTS, example, plan  # noqa: E402  found by the line above
from bucket import ExistingBucket, comparable, merged, wanted_rows  # noqa: E402
from cli import AwsError  # noqa: E402
import iam  # noqa: E402
from templates import INFRA, USUAL, Project, assume, check, drop, expand, mentions, statements  # noqa: E402

KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"


class Options:
    """The service's template with every option taken."""

    def __init__(self):
        self.service = Project().with_all_options

    def of_type(self, kind):
        return {name: r["Properties"] for name, r in self.service["Resources"].items() if r["Type"] == f"AWS::{kind}"}


def everything_that_is_stored_has_the_key(project):
    ours = {"Ref": "KeyArn"}
    places = {
        "SQS::Queue": lambda one: not one.get("SqsManagedSseEnabled") and one.get("KmsMasterKeyId"),
        "SNS::Topic": lambda one: one.get("KmsMasterKeyId"),
        "Logs::LogGroup": lambda one: one.get("KmsKeyId"),
        "DynamoDB::Table": lambda one: one["SSESpecification"].get("SSEType") == "KMS" and one["SSESpecification"].get("KMSMasterKeyId"),
        "S3::Bucket": lambda one: one["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"].get("KMSMasterKeyID"),
    }
    for kind, key in places.items():
        for name, one in project.of_type(kind).items():
            if key(one) != ours:
                yield f"{name} is not encrypted with the key"


def roles(project):
    return {next(iter(mentions(one["Role"]))) for one in project.of_type("Lambda::Function").values()}


def every_function_may_use_the_key_and_only_through_its_services(project):
    policy = project.of_type("IAM::ManagedPolicy")["KeyPolicy"]
    if mentions(policy["Roles"]) != roles(project):
        yield "roles differ from those of the functions"
    for one in statements(policy):
        if one["Resource"] != {"Ref": "KeyArn"} or "kms:ViaService" not in json.dumps(one.get("Condition", {})):
            yield f"{one['Sid']} is for more than the key"


def every_function_is_in_the_network_and_cannot_change_it(project):
    policy = project.of_type("IAM::ManagedPolicy")["NetworkPolicy"]
    if mentions(policy["Roles"]) != roles(project):
        yield "roles differ from those of the functions"
    allowed, denied = statements(policy)
    if allowed["Action"] != denied["Action"] or denied["Effect"] != "Deny":
        yield "the functions themselves may change the network"
    for name, one in project.of_type("Lambda::Function").items():
        if not {"SubnetIds", "SecurityGroupIds", "NetworkPolicy"} <= mentions([one.get("VpcConfig", {}), one.get("Tags", [])]):
            yield f"{name} is not in the network, or may be created before its role may attach it"


def an_existing_pool_is_used_and_not_changed(project):
    if project.of_type("Cognito::UserPool") or project.of_type("Cognito::UserPoolGroup"):
        yield "a pool or its groups are created"
    if "ExistingUserPoolId" not in mentions(project.of_type("ApiGatewayV2::Authorizer")["HttpApiAuthorizer"]):
        yield "tokens of another pool are trusted"
    for name, one in project.of_type("Cognito::UserPoolClient").items():
        if one["UserPoolId"] != {"Ref": "ExistingUserPoolId"}:
            yield f"{name} is of another pool"


def nothing_refers_to_what_is_left_out(project):
    there = set(project.service["Resources"]) | set(project.service["Parameters"])
    for part in ("Resources", "Outputs"):
        for name, one in project.service[part].items():
            if missing := {word for word in mentions(one) if not word.startswith("AWS::") and word not in there | {"AWS"}}:
                yield f"{name} refers to {', '.join(sorted(missing))}"


def of(project, name):
    return project.service["Resources"][name]["Properties"]


Rules = check({
    everything_that_is_stored_has_the_key: [
        lambda p: drop(of(p, "UploadsQueue"), "KmsMasterKeyId"),
        lambda p: of(p, "UploadsDeadLetters").update(SqsManagedSseEnabled=True),
        lambda p: drop(of(p, "RecordsTable")["SSESpecification"], "KMSMasterKeyId"),
        lambda p: drop(of(p, "HttpApiAccessLogs"), "KmsKeyId"),
        lambda p: of(p, "InferenceErrorTopic").update(KmsMasterKeyId="alias/aws/sns"),
        lambda p: of(p, "JobsBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"][0].update(ServerSideEncryptionByDefault={"SSEAlgorithm": "AES256"}),
    ],
    every_function_may_use_the_key_and_only_through_its_services: [
        lambda p: of(p, "KeyPolicy")["Roles"].pop(),
        lambda p: of(p, "KeyPolicy")["PolicyDocument"]["Statement"][0].update(Resource="*"),
        lambda p: drop(of(p, "KeyPolicy")["PolicyDocument"]["Statement"][0], "Condition"),
    ],
    every_function_is_in_the_network_and_cannot_change_it: [
        lambda p: of(p, "NetworkPolicy")["Roles"].pop(),
        lambda p: of(p, "NetworkPolicy")["PolicyDocument"]["Statement"][1]["Action"].pop(),
        lambda p: drop(of(p, "RetryFunction"), "VpcConfig"),
        lambda p: drop(of(p, "RetryFunction"), "Tags"),
    ],
    an_existing_pool_is_used_and_not_changed: [
        lambda p: of(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer="https://cognito-idp/other"),
        lambda p: of(p, "UserPoolClient").update(UserPoolId="other"),
    ],
    nothing_refers_to_what_is_left_out: [
        lambda p: of(p, "UserPoolClient").update(UserPoolId={"Ref": "UserPool"}),
        lambda p: p.service["Outputs"]["UserPoolId"].update(Value={"Ref": "UserPool"}),
    ],
}, Options)  # fmt: skip


class WithoutBucket(unittest.TestCase):
    def test_nothing_refers_to_a_bucket_that_is_not_created(self):
        project = Options()
        project.service = assume(expand.expand(INFRA / "service.yaml"), **{**USUAL, "CreatesBucket": False})
        self.assertEqual(list(nothing_refers_to_what_is_left_out(project)), [])
        self.assertEqual(project.of_type("S3::Bucket") | project.of_type("S3::BucketPolicy"), {})

    def environment(self, **service):
        return example(service={"ServiceName": "docket", "BucketName": "acme-documents", "CreateBucket": "false", **service})

    def test_its_name_must_be_given(self):
        with self.assertRaisesRegex(plan.Refusal, "needs the BucketName"):
            example(service={"CreateBucket": "false"})

    def test_notifications_of_others_are_kept_and_ours_replaced(self):
        other = {"Id": "other", "QueueArn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:theirs", "Events": ["s3:ObjectCreated:*"]}
        old = {"Id": "docket-old", "QueueArn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:docket-uploads", "Events": ["s3:ObjectCreated:*"]}
        wanted = wanted_rows(self.environment(), "aws")
        after = merged({"QueueConfigurations": [old, other], "EventBridgeConfiguration": {}, "ResponseMetadata": {}}, wanted, "docket")
        self.assertEqual(after, {"QueueConfigurations": [other, *wanted], "EventBridgeConfiguration": {}})
        self.assertEqual(len(wanted), len(plan.generate.read_pipelines(plan.INFRA)))

    def test_s3s_own_spelling_is_no_change(self):
        wanted = {"QueueConfigurations": wanted_rows(self.environment(), "aws")}
        answered = json.loads(json.dumps(wanted).replace('"prefix"', '"Prefix"'))
        answered["QueueConfigurations"].reverse()
        self.assertEqual(comparable(wanted), comparable(answered))

    def test_a_deployment_connects_it_once_and_asks(self):
        answers = {"head-bucket": {"BucketRegion": "eu-central-1"}, "get-bucket-versioning": {"Status": "Enabled"}, "get-bucket-notification-configuration": {}}
        asked, put = [], []

        def aws(*words):
            self.assertEqual(words[2:6], ("--bucket", "acme-documents", "--expected-bucket-owner", ACCOUNT))
            if words[1] == "put-bucket-notification-configuration":
                put.append(words)
                answers["get-bucket-notification-configuration"] = json.loads(words[-1])
            return answers.get(words[1])

        one = ExistingBucket(self.environment(), aws, lambda text: None, asked.append)
        one.connect("aws")
        one.connect("aws")
        self.assertEqual((len(asked), len(put)), (1, 1))
        for changed, words in (({"get-bucket-versioning": {}}, "keeps no versions"), ({"head-bucket": {"BucketRegion": "us-east-1"}}, "is in us-east-1")):
            before = dict(answers)
            answers.update(changed)
            with self.assertRaisesRegex(plan.Refusal, words):
                one.connect("aws")
            answers.update(before)

    def test_a_bucket_that_is_not_there_or_of_another_account_is_named(self):
        for text, words in (("(404) Not Found", "does not exist"), ("(403) Forbidden", "belongs to another account")):

            def aws(*_, text=text):
                raise AwsError(text)

            [(said, command)] = ExistingBucket(self.environment(), aws, None, None).problems()
            self.assertIn(words, said)
            self.assertIn("BucketName", command)


class Key(unittest.TestCase):
    def test_endpoints_get_the_services_key_unless_they_have_their_own(self):
        own = KEY[:-1] + "2"
        image = example().endpoints["legal-review"]["ImageUri"]
        found = example(service={"KeyArn": KEY}, endpoints={"legal-review": {"ImageUri": image, "OutputKeyArn": own}}).endpoint("legal-review", OUTPUTS)
        self.assertEqual([found.parameters[name] for name in ("TopicKeyArn", "LogKeyArn", "OutputKeyArn")], [KEY, KEY, own])

    def test_policies_allow_it(self):
        found = iam.policies(example(service={"KeyArn": KEY}))
        for name in ("docket-deployer", "docket-prover", "docket-cloudformation-key"):
            with self.subTest(name):
                of_key = [one for one in json.loads(found[name])["Statement"] if one["Resource"] == [KEY]]
                self.assertEqual(len(of_key), 1)
                self.assertTrue(all(action.startswith("kms:") for action in of_key[0]["Action"]))


if __name__ == "__main__":
    unittest.main()
