"""Tests of the checks before a deployment, with scripted answers of AWS whose shapes botocore's models confirm.

Run: .venv/bin/python -m unittest tests/preflight_test.py
"""

import copy
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import aws_models  # noqa: E402  found by the line above
import templates  # noqa: E402
from deploy_plan_test import ACCOUNT, example, plan  # noqa: E402
from deploy_test import program  # noqa: E402

preflight, duration, images = sys.modules["preflight"], sys.modules["duration"], sys.modules["image_checks"]
REGION = "eu-central-1"
NOW = 1_764_400_000.0
DIGEST = "sha256:" + "9f" * 32
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
QUOTAS = {"ml.g6.2xlarge for endpoint usage": 10.0, "ml.g5.2xlarge for endpoint usage": 10.0}


def manifest(kind, **fields):
    return {"imageManifest": json.dumps({"schemaVersion": 2, "mediaType": kind, **fields}), "imageManifestMediaType": kind}


GOOD = {
    "cloudformation get-template": {"TemplateBody": "        Environment: {}\n"},
    "sts get-caller-identity": {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ops", "UserId": "AIDA"},
    "cloudformation describe-stacks": "Stack with id x does not exist",
    "s3api head-bucket": "An error occurred (404) when calling the HeadBucket operation: Not Found",
    "sagemaker describe-endpoint": "ValidationException: Could not find endpoint",
    "logs describe-log-groups": {"logGroups": []},
    "service-quotas list-aws-default-service-quotas": {"Quotas": []},
    "service-quotas list-service-quotas": {"Quotas": [{"QuotaName": name, "QuotaCode": "L-1", "Value": value} for name, value in QUOTAS.items()]},
    "lambda get-account-settings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
    "iam get-role": {"Role": {"Path": "/", "RoleName": preflight.SCALING_ROLE, "RoleId": "A" * 20, "Arn": f"arn:aws:iam::{ACCOUNT}:role/x", "CreateDate": "2026-11-01T00:00:00Z"}},
    "sns list-subscriptions-by-topic": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1", "Protocol": "email"}]},
    "sesv2 get-email-identity": {"VerifiedForSendingStatus": True},
    "sesv2 get-account": {"ProductionAccessEnabled": True, "SendingEnabled": True},
    "cognito-idp describe-user-pool-domain": {"DomainDescription": {}},
    "secretsmanager describe-secret": {"Name": "docket/sign-in/Acme"},
    "ecr batch-get-image": {"images": [manifest(images.DOCKER_MANIFEST, config={"digest": DIGEST})], "failures": []},
    "ecr get-download-url-for-layer": {"downloadUrl": "https://layer", "layerDigest": DIGEST},
    "configure export-credentials": "argument subcommand: Invalid choice",
}


def companies_of_the_tests():
    """What tests/company/sign-in.toml says."""
    return plan.generate.read_sign_in((plan.INFRA / "service.yaml").read_text(), templates.ROOT / "tests" / "company" / "sign-in.toml")


class Preflights(unittest.TestCase):
    def setUp(self):
        kept = {key: value for key, value in os.environ.items() if key not in ("PROBE", "PROBE_MINUTES", "DRAIN_MINUTES", "AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_TOKEN")}
        for patch in (mock.patch.dict(os.environ, kept, clear=True), mock.patch.object(plan, "check_zips", return_value="zips/1/")):
            patch.start()
            self.addCleanup(patch.stop)

    def found(self, answers=(), architecture="amd64", **changes):
        """The lines of a preflight, and whether it passed. A text as an answer is an error."""
        scripted, said, asked = {**copy.deepcopy(GOOD), **dict(answers)}, [], []

        def aws(*arguments):
            aws_models.check_command(arguments)
            asked.append(arguments)
            answer = scripted[" ".join(arguments[:2])]
            answer = answer(arguments) if callable(answer) else answer
            if isinstance(answer, str):
                raise program.AwsError(answer)
            aws_models.check_answer(arguments, answer)
            return answer

        layer = json.dumps({"architecture": architecture}).encode()
        run = preflight.Preflight(example(**changes), aws, program.AwsError, said.append, lambda: NOW, lambda url: layer)
        try:
            run.run()
            passed = True
        except plan.Refusal as refusal:
            said.append(str(refusal))
            passed = False
        return passed, "\n".join(said), asked

    def refuses(self, words, command, answers=(), **changes):
        passed, said, _ = self.found(answers, **changes)
        self.assertFalse(passed, said)
        self.assertRegex(said, f"PROBLEM: [^\n]*{words}[^\n]*\n      [^\n]*{command}")

    def warns(self, words, answers=(), **changes):
        passed, said, _ = self.found(answers, **changes)
        self.assertTrue(passed, said)
        self.assertRegex(said, f"warning: [^\n]*{words}")

    def test_a_new_account_that_has_everything_passes_and_nothing_is_changed(self):
        passed, said, asked = self.found()
        self.assertTrue(passed, said)
        self.assertNotIn("not checked", said)
        self.assertIn("no problem found", said)
        verbs = {arguments[1].split("-")[0] for arguments in asked}
        self.assertLessEqual(verbs, {"get", "describe", "list", "head", "batch", "export"})

    def test_without_credentials_or_with_those_of_another_account_nothing_else_is_asked(self):
        for answer, words in (("Unable to locate credentials", "no usable credentials"), ({**GOOD["sts get-caller-identity"], "Account": "999999999999"}, "credentials are of account 999999999999")):
            _, said, asked = self.found({"sts get-caller-identity": answer})
            self.assertRegex(said, words)
            self.assertEqual(len(asked), 1)

    def test_credentials_that_expire_soon_are_a_problem_and_later_a_warning(self):
        for minutes, check in ((10, lambda: self.refuses("expire in 10 minutes", "aws sso login")), (45, lambda: self.warns("expire in 45 minutes, and the deployment may take 83"))):
            expires = program.time.strftime("%Y-%m-%dT%H:%M:%SZ", program.time.gmtime(NOW + minutes * 60))
            with mock.patch.dict(os.environ, AWS_CREDENTIAL_EXPIRATION=expires):
                check()
        expires = program.time.strftime("%Y-%m-%dT%H:%M:%S+00:00", program.time.gmtime(NOW + 600))
        self.refuses("expire in 10 minutes", "aws sso login", {"configure export-credentials": {"Version": 1, "Expiration": expires}})
        with mock.patch.dict(os.environ, AWS_SESSION_TOKEN="t"):
            self.warns("temporary, and when they expire is unknown")

    def test_the_expected_time_counts_the_drain_and_the_termination_wait_of_a_model_change(self):
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
        wanted = {"legal-review": {"ImageUri": image}, "ocr-batch": {"ImageUri": image}}

        def deployed(**changed):
            """What is deployed of each endpoint: the same, but for parameters of legal-review."""
            rows = {}
            for pipeline in wanted:
                parameters = example(endpoints=wanted).endpoint(pipeline, preflight.PLACEHOLDERS).parameters | (changed if pipeline == "legal-review" else {})
                rows[f"docket-{pipeline}"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
            stack = {"StackName": "x", "CreationTime": "2026-11-01T00:00:00Z", "StackStatus": "UPDATE_COMPLETE"}
            return {"cloudformation describe-stacks": lambda a: {"Stacks": [{**stack, "Parameters": rows.get(a[-1], [])}]}}

        def minutes(answers, endpoints=wanted):
            with mock.patch.dict(os.environ, AWS_SESSION_TOKEN="t"):
                return int(self.found(answers, endpoints=endpoints)[1].split("the deployment may take ")[1].split(" ")[0])

        # 5 of drift, 10 of the service, 10 of the page, 3 of monitoring, 15 of both endpoints side by side, 30 of the probe.
        same = deployed()
        self.assertEqual(minutes(same), 73)
        # The old instances of legal-review stay for 120 s.
        self.assertEqual(minutes(deployed(ImageUri="another")), 73 + 2 + 60)
        self.assertEqual(minutes(deployed(StartupTimeoutSeconds="900")), 73 + 2 + 60)
        self.assertEqual(minutes(deployed(MaxInstances="3")), 73)
        with mock.patch.dict(os.environ, DRAIN_MINUTES="7.5"):
            self.assertEqual(minutes(deployed(ImageUri="another")), 73 + 2 + 8)
        # The template has the container's variables. Without permission to read it, both may have changed; ocr-batch waits 30 minutes.
        variables = {**wanted, "legal-review": {"ImageUri": image, "Environment": {"A": "1"}}}
        self.assertEqual(minutes(same, variables), 73 + 2 + 60)
        self.assertEqual(minutes({**same, "cloudformation get-template": "AccessDenied"}), 73 + 30 + 2 * 60)

    def test_the_parameters_of_the_model_are_those_of_its_template(self):
        endpoint = templates.Project().endpoint
        named = templates.mentions([endpoint["Resources"][name]["Properties"] for name in ("Model", "EndpointConfig")]) & set(endpoint["Parameters"])
        of_the_service = {"JobsBucketName", "SuccessTopicArn", "ErrorTopicArn", "Pipeline"}
        self.assertEqual(set(duration.OF_THE_MODEL), named - of_the_service)

    def test_the_maximum_of_instances_decides_how_much_meets_the_slo(self):
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
        for most, kept, documents in (("5", "0", 5 * 625), ("1", "0", 625), ("2", "1", 640 + 625)):
            given = {"legal-review": {"ImageUri": image, "MaxInstances": most, "MinInstances": kept}}
            self.warns(f"legal-review: MaxInstances {most} ends at most {documents} documents that come at once within slo_seconds 28800", endpoints=given)
        with mock.patch.object(plan.generate, "open_jobs_of_a_tenant", return_value=5000):
            self.warns("tenant_limits lets one tenant have 5000 open jobs, more than MaxInstances 5 ends")
        with mock.patch.object(plan.generate, "open_jobs_of_a_tenant", return_value=3000):
            self.assertNotIn("tenant_limits", self.found()[1])

    def test_limits_of_tenants_are_read_from_the_pipelines_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "pipelines.toml"
            for text, highest in (("", None), ("[tenant_limits]\nopen_jobs = 10\n", 10), ("[tenant_limits]\ngpu_minutes_a_day = 5\n[tenant_limits.tenants.acme]\nopen_jobs = 50\n", 50)):
                path.write_text(text)
                self.assertEqual(plan.generate.open_jobs_of_a_tenant(path.parent), highest)

    def test_arns_and_images_of_another_region_or_account(self):
        role = "arn:aws:iam::999999999999:role/docket-cloudformation"
        self.refuses("cloudformation_role is of account 999999999999, the environment's is", "EDITOR", cloudformation_role=role)
        self.assertTrue(self.found(cloudformation_role=role.replace("999999999999", ACCOUNT))[0])
        wrong = f"arn:aws:sns:us-east-1:{ACCOUNT}:on-call"
        self.refuses("AlarmTopicArn is of region us-east-1", "EDITOR", service={"AlarmTopicArn": wrong})
        wrong = f"arn:aws:sns:{REGION}:999999999999:on-call"
        self.refuses("AlarmTopicArn is of account 999999999999", "EDITOR", service={"AlarmTopicArn": wrong})
        self.refuses("image is in region us-east-1", "docker tag", endpoints={"legal-review": {"ImageUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/m:1"}})
        page = {"CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1", "DomainName": "a.example"}
        self.refuses("CertificateArn is 'arn:aws:acm:eu-central-1.*A certificate in us-east-1", "EDITOR", page=page)

    def test_arns_that_are_as_they_must_be(self):
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
        certificate, acl = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a", f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/offices/1"
        passed, said, _ = self.found(
            service={"AlarmTopicArn": TOPIC, "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary", "TopicKeyId": KEY},
            endpoints={"legal-review": {"ImageUri": image, "TopicKeyArn": KEY, "ImageRepositoryArn": f"arn:aws:ecr:{REGION}:999999999999:repository/m"}},
            page={"CertificateArn": certificate, "DomainName": "a.example", "WebAclArn": acl},
        )
        self.assertTrue(passed, said)

    def test_a_key_of_the_topics_is_the_endpoints_too(self):
        self.refuses("the endpoint has no TopicKeyArn: it could not publish", "EDITOR", service={"AlarmTopicArn": TOPIC, "TopicKeyId": KEY})

    def test_parameters_that_do_not_fit(self):
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
        self.refuses("MaxInstances must be at least MinInstances 9", "EDITOR", endpoints={"legal-review": {"ImageUri": image, "MinInstances": "9"}})
        with mock.patch.object(plan, "check_zips", side_effect=plan.Refusal("x.zip needs C library 2.39")):
            self.refuses("needs C library 2.39", "make package")
        with mock.patch.object(plan, "check_zips", side_effect=plan.Refusal("x.zip is missing; `make package` creates it")):
            self.warns("x.zip is missing")
        tables = plan.generate.read_pipelines(plan.INFRA)
        for slo, words in ((30, "is less than one run takes"), (600, "less than a cold start of 640 s and a run of 45 s")):
            tables["legal-review"] = {**tables["legal-review"], "slo_seconds": slo}
            with mock.patch.object(plan.generate, "read_pipelines", return_value=tables):
                self.refuses(words, "make generate")
                if slo == 600:
                    passed, said, _ = self.found(endpoints={"legal-review": {"ImageUri": image, "MinInstances": "1"}})
                    self.assertTrue(passed, said)

    def test_buckets_that_belong_to_others_or_to_an_earlier_stack(self):
        code = example().code_bucket

        def squatted(arguments):
            return "An error occurred (403): Forbidden" if code in arguments else GOOD["s3api head-bucket"]

        self.refuses(f"bucket {code} .* another account owns it", "list-buckets", {"s3api head-bucket": squatted})
        self.refuses("is in us-east-1; Lambda takes zips", "EDITOR", {"s3api head-bucket": lambda a: {"BucketRegion": "us-east-1"} if code in a else GOOD["s3api head-bucket"]})
        jobs = f"docket-jobs-{ACCOUNT}-{REGION}-an"
        self.refuses(f"bucket {jobs} of an earlier docket still exists", "docs/deploy.md", {"s3api head-bucket": lambda a: {"BucketRegion": REGION} if jobs in a else GOOD["s3api head-bucket"]})
        self.refuses("of the new stack docket belongs to another account", "another ServiceName", {"s3api head-bucket": lambda a: "(403) Forbidden" if jobs in a else GOOD["s3api head-bucket"]})
        existing = {"ServiceName": "docket", "BucketName": "acme-documents", "CreateBucket": "false"}
        there = {"s3api head-bucket": lambda a: {"BucketRegion": REGION} if "acme-documents" in a else GOOD["s3api head-bucket"], "s3api get-bucket-versioning": {"Status": "Suspended"}}
        self.refuses("bucket acme-documents keeps no versions", "put-bucket-versioning", there, service=existing)
        self.refuses("bucket acme-documents does not exist", "BucketName", service=existing)
        self.assertTrue(self.found({**there, "s3api get-bucket-versioning": {"Status": "Enabled"}}, service=existing)[0])
        owners = [a for a in self.found()[2] if a[1] == "head-bucket"]
        self.assertTrue(all(a[-2:] == ("--expected-bucket-owner", ACCOUNT) for a in owners), owners)

    def test_weights_that_are_not_there(self):
        def with_weights(bucket, listed):
            answers = {"s3api head-bucket": lambda a: bucket if "w" in a else GOOD["s3api head-bucket"], "s3api list-objects-v2": listed}
            image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
            return {"answers": answers, "endpoints": {"legal-review": {"ImageUri": image, "ModelDataPrefix": "s3://w/model/"}}}

        self.refuses("does not exist: bucket w", "aws s3 ls", **with_weights(GOOD["s3api head-bucket"], {}))
        self.refuses("is in us-east-1", "aws s3 ls", **with_weights({"BucketRegion": "us-east-1"}, {}))
        self.refuses("s3://w/model/ has no object", "aws s3 ls s3://w/model/", **with_weights({"BucketRegion": REGION}, {"KeyCount": 0}))
        passed, said, _ = self.found(**with_weights({"BucketRegion": REGION}, {"KeyCount": 1}))
        self.assertTrue(passed, said)

    def test_names_that_are_taken(self):
        endpoint = {
            "EndpointName": "docket-legal-review", "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/docket-legal-review",
            "EndpointStatus": "InService", "CreationTime": "2026-11-01T00:00:00Z", "LastModifiedTime": "2026-11-01T00:00:00Z",
        }  # fmt: skip
        self.refuses("endpoint docket-legal-review exists", f"aws sagemaker list-tags --resource-arn {endpoint['EndpointArn']} --region {REGION} [^\n]*aws sagemaker delete-endpoint", {"sagemaker describe-endpoint": endpoint})
        groups = {"logGroups": [{"logGroupName": "/aws/sagemaker/Endpoints/docket-legal-review"}, {"logGroupName": "/aws/sagemaker/Endpoints/docket-legal-review-2"}]}
        answers = {"logs describe-log-groups": lambda a: groups if "/aws/sagemaker" in a[-1] else {"logGroups": []}}
        self.refuses("log group /aws/sagemaker/Endpoints/docket-legal-review exists", "aws logs delete-log-group", answers)
        self.assertNotIn("legal-review-2", self.found(answers)[1])
        there = {"Stacks": [{"StackName": "x", "CreationTime": "2026-11-01T00:00:00Z", "StackStatus": "UPDATE_COMPLETE"}]}
        passed, said, _ = self.found({"cloudformation describe-stacks": there, "sagemaker describe-endpoint": endpoint, **answers})
        self.assertTrue(passed, said)

    def test_quotas_of_instances(self):
        def quotas(first, second):
            rows = zip(QUOTAS, (first, second), strict=True)
            return {"service-quotas list-service-quotas": {"Quotas": [{"QuotaName": name, "QuotaCode": "L-7", "Value": value} for name, value in rows]}}

        command = "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-7 --desired-value 10 --region eu-central-1"
        self.refuses('"ml.g6.2xlarge for endpoint usage" is 0, and MaxInstances of legal-review need 5', command, quotas(0.0, 0.0))
        self.warns('"ml.g6.2xlarge for endpoint usage" is 0, so SageMaker cannot always fall back', quotas(0.0, 10.0))
        self.warns("is 5; an update runs old and new instances at once, and needs up to 10", quotas(5.0, 10.0))
        self.refuses("is 0, and MaxInstances", "its code", {"service-quotas list-service-quotas": {"Quotas": []}})
        default = {"Quotas": [{"QuotaName": name, "QuotaCode": "L-7", "Value": 10.0} for name in QUOTAS]}
        passed, said, _ = self.found({"service-quotas list-service-quotas": {"Quotas": []}, "service-quotas list-aws-default-service-quotas": default})
        self.assertTrue(passed, said)

    def test_endpoints_that_share_an_instance_type_share_its_quota(self):
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
        both = {"legal-review": {"ImageUri": image}, "ocr-batch": {"ImageUri": image}}
        rows = {"Quotas": [{"QuotaName": name, "QuotaCode": "L-7", "Value": 8.0} for name in QUOTAS]}
        self.refuses("is 8, and MaxInstances of legal-review, ocr-batch need 9", "desired-value 18", {"service-quotas list-service-quotas": rows}, endpoints=both)

    def test_reserved_concurrency_is_that_of_the_template(self):
        mapping = templates.Project().service["Mappings"]["ReservedConcurrency"]
        self.assertEqual(preflight.RESERVED, sum(row["standard"] for row in mapping.values()))

    def test_concurrent_executions_of_lambda_roles_and_the_alarm_topic(self):
        for scale, limit, needed in (("standard", 140, 141), ("small", 9, 10)):
            answers = {"lambda get-account-settings": {"AccountLimit": {"ConcurrentExecutions": limit}}}
            self.refuses(f"is {limit}, and Scale {scale} needs {needed}", "L-B99A9384", answers, service={"Scale": scale, "AlarmTopicArn": TOPIC})
        self.warns("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint does not exist", {"iam get-role": "NoSuchEntity"})
        self.warns("the alarms have no recipient", service={"ServiceName": "docket"})
        pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
        self.refuses("no confirmed subscriber; 1 wait", "aws sns subscribe", {"sns list-subscriptions-by-topic": pending})
        self.refuses("no confirmed subscriber,", "aws sns subscribe", {"sns list-subscriptions-by-topic": {"Subscriptions": []}})
        self.refuses("does not exist", f"aws sns create-topic --name on-call --region {REGION}\n", {"sns list-subscriptions-by-topic": "NotFound: Topic does not exist"})

    def test_e_mail_that_ses_would_not_send(self):
        email = {"service": {"EmailSender": "docket@example.com", "AlarmTopicArn": TOPIC}}
        passed, said, _ = self.found(**email)
        self.assertTrue(passed, said)
        for answer in ("NotFoundException: there is no identity", {"VerifiedForSendingStatus": False}):
            self.refuses("verified neither example.com nor docket@example.com", "create-email-identity", {"sesv2 get-email-identity": answer}, **email)
        self.refuses("paused the sending", "mail to the owner", {"sesv2 get-account": {"ProductionAccessEnabled": True, "SendingEnabled": False}}, **email)
        self.warns("in its sandbox", {"sesv2 get-account": {"ProductionAccessEnabled": False, "SendingEnabled": True}}, **email)
        # A service without e-mail asks nothing.
        _, _, asked = self.found(service={"AlarmTopicArn": TOPIC})
        self.assertFalse([arguments for arguments in asked if arguments[0] == "sesv2"])

    def test_sign_in_that_could_not_be_set_up(self):
        given = {"service": {"AlarmTopicArn": TOPIC, "SignInDomain": "docket-acme"}}
        companies = companies_of_the_tests()
        empty = {"providers": {}, "machine_clients": {}}
        self.warns("names neither a provider nor a machine client", **given)
        with mock.patch.object(plan.generate, "read_sign_in", return_value=companies):
            passed, said, asked = self.found(**given)
            self.assertTrue(passed, said)
            self.assertIn("members of docket-helpdesk of Acme Corporation become support", said)
            secrets = [arguments[-1] for arguments in asked if arguments[0] == "secretsmanager"]
            self.assertEqual(["docket/sign-in/Acme", "docket/sign-in/Globex"], secrets)  # SAML has none
            missing = {"secretsmanager describe-secret": "ResourceNotFoundException: Secrets Manager can't find the specified secret."}
            self.refuses("provider Acme has no secret docket/sign-in/Acme", "aws secretsmanager create-secret --name docket/sign-in/Acme", missing, **given)
            taken = {"cognito-idp describe-user-pool-domain": {"DomainDescription": {"UserPoolId": "eu-central-1_OTHER0001"}}}
            self.refuses("the domain docket-acme .SignInDomain. belongs to user pool eu-central-1_OTHER0001", "another SignInDomain", taken, **given)
        with mock.patch.object(plan.generate, "read_sign_in", side_effect=SystemExit("generate: sign-in.toml: provider Acme: groups must be given")):
            self.refuses("provider Acme: groups must be given", "make generate", **given)
        with mock.patch.object(plan.generate, "read_sign_in", return_value=empty), self.assertRaisesRegex(plan.Refusal, "needs a user pool of the stack"):
            example(service={**given["service"], "ExistingUserPoolId": "eu-central-1_EXAMPLE01"})
        # A service without asks nothing.
        _, _, asked = self.found(service={"AlarmTopicArn": TOPIC})
        self.assertFalse([arguments for arguments in asked if arguments[0] in ("cognito-idp", "secretsmanager")])

    def test_images_that_are_missing_or_for_another_processor(self):
        self.refuses("the image is for arm64, and ml.g6.2xlarge, ml.g5.2xlarge are amd64", "--platform linux/amd64 --provenance=false", architecture="arm64")
        self.refuses("repository legal-review does not exist", "aws ecr create-repository", {"ecr batch-get-image": "RepositoryNotFoundException"})
        self.refuses("there is no image", "aws ecr list-images", {"ecr batch-get-image": {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}})
        for kind in (images.DOCKER_LIST, images.OCI_INDEX):
            self.refuses("the image is a list of images", "--provenance=false", {"ecr batch-get-image": {"images": [manifest(kind, manifests=[])]}})

    def test_what_was_found_before_a_call_is_refused_counts(self):
        there = {"sagemaker describe-endpoint": {
            "EndpointName": "docket-legal-review", "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/docket-legal-review",
            "EndpointStatus": "InService", "CreationTime": "2026-11-01T00:00:00Z", "LastModifiedTime": "2026-11-01T00:00:00Z",
        }}  # fmt: skip
        self.refuses("endpoint docket-legal-review exists", "delete-endpoint", {**there, "logs describe-log-groups": "AccessDeniedException"})

    def test_what_may_not_be_read_is_said_and_stops_nothing(self):
        denied = "AccessDeniedException: User is not authorized"
        for command in GOOD.keys() - {"sts get-caller-identity", "cloudformation get-template", "s3api head-bucket", "configure export-credentials"}:
            with self.subTest(command), mock.patch.object(plan.generate, "read_sign_in", return_value=companies_of_the_tests()):
                service = {"AlarmTopicArn": TOPIC, "EmailSender": "docket@example.com", "SignInDomain": "docket-acme"}
                self.warns("not checked: AccessDenied", {command: denied}, service=service)


if __name__ == "__main__":
    unittest.main()
