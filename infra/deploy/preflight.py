"""What would stop a deployment, found before anything is built or changed. It only reads.

Each check yields messages: a problem stops `make deploy`, a warning does not. Both say what to type. What these credentials
may not read becomes a warning, so that the checks need no more permissions than the operator has.
"""

import dataclasses
import datetime
import os
import re

import hosting
import plan
import scaling
from bucket import ExistingBucket
from cli import regional
from duration import expected_minutes, model_changes
from image_checks import IMAGE_URI, fetch, image_messages
from plan import Refusal
from sign_in_checks import sign_in_messages

MIN_CREDENTIAL_MINUTES = 15  # less is a problem, since nothing would get far
LAMBDA_UNRESERVED = 100  # Lambda developer guide, "Configuring reserved concurrency"
RESERVED = 41  # mapping ReservedConcurrency of service.yaml
AWS_TOPIC_KEY = "alias/aws/sns"  # of AWS, and the default
SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


@dataclasses.dataclass
class PreflightMessage:
    """What is wrong, or worth knowing, and what to type."""

    text: str
    command: str = ""
    stops: bool = True

    def lines(self, region):
        return f"  {'PROBLEM' if self.stops else 'warning'}: {self.text}" + (f"\n      {regional(self.command, region)}" if self.command else "")


def warning(text, command=""):
    return PreflightMessage(text, command, stops=False)


class Preflight:
    """The checks of one environment."""

    def __init__(self, environment, aws, error, say=print, clock=None, get=fetch):
        self.environment, self.aws, self.error, self.say, self.get = environment, aws, error, say, get
        self.now = clock or (lambda: datetime.datetime.now(datetime.timezone.utc).timestamp())
        self.stacks = {}

    def run(self):
        """Runs all checks and prints what they find. Raises Refusal if there is a problem."""
        account = self.environment.given["account"]
        self.say(f"Checking account {account}, region {self.environment.region}, before anything is changed")
        found = list(self.guarded(self.account))
        if not any(message.stops for message in found):
            checks = (self.credentials, self.parameters, self.arns, self.buckets, self.names, self.quotas, self.lambda_quota, self.roles, self.alarm_topic, self.email, self.sign_in)
            for check in checks:
                found += self.guarded(check)
            for pipeline in self.environment.endpoints:
                found += self.guarded(lambda pipeline=pipeline: (PreflightMessage(*one) for one in image_messages(self.environment, pipeline, self.aws, self.error, self.get)))
        for message in found:
            self.say(message.lines(self.environment.region))
        if problems := sum(message.stops for message in found):
            raise Refusal(f"{problems} {'problem' if problems == 1 else 'problems'} found; nothing was changed")
        self.say("  no problem found")

    def guarded(self, check):
        """A check's messages; a call that is refused ends it with a warning."""
        found = []
        try:
            found.extend(check())
        except self.error as error:
            found.append(warning(f"not checked: {error}"))
        return found

    def stack(self, name):
        """The description of a stack, or None."""
        if name not in self.stacks:
            try:
                self.stacks[name] = self.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
            except self.error as error:
                if "does not exist" not in str(error):
                    raise
                self.stacks[name] = None
        return self.stacks[name]

    def is_new(self, name):
        """Whether a stack has no resources yet."""
        return (self.stack(name) or {"StackStatus": "REVIEW_IN_PROGRESS"})["StackStatus"] == "REVIEW_IN_PROGRESS"

    # ---------------------------------------------------------------- who and where

    def account(self):
        """Whether there are credentials, of the environment's account."""
        wanted = self.environment.given["account"]
        try:
            identity = self.aws("sts", "get-caller-identity")
        except self.error as error:
            yield PreflightMessage(f"no usable credentials: {error}", "aws sts get-caller-identity   # after aws sso login, or with AWS_PROFILE set")
            return
        if identity["Account"] != wanted:
            yield PreflightMessage(f"these credentials are of account {identity['Account']}, the environment's is {wanted}", f"export AWS_PROFILE=<a profile of account {wanted}>")

    def expected_minutes(self):
        """How long the deployment may take."""
        endpoints = []
        for pipeline in self.environment.endpoints:
            try:
                stack = self.environment.endpoint(pipeline, PLACEHOLDERS)
            except Refusal:  # `parameters` says why
                continue
            new = self.is_new(stack.name)
            endpoints.append((stack, new, not new and model_changes(stack, self.stack(stack.name), self.template(stack.name))))
        return expected_minutes(self.environment, endpoints)

    def template(self, name):
        """The text of a stack's template, or None if it may not be read."""
        try:
            return self.aws("cloudformation", "get-template", "--stack-name", name, "--template-stage", "Original").get("TemplateBody")
        except self.error:
            return None

    def credentials(self):
        """Whether the credentials live as long as the deployment may take."""
        expires = self.expires()
        if expires is None and not os.environ.get("AWS_SESSION_TOKEN"):
            return
        needed = self.expected_minutes()
        if expires is None:
            yield warning(f"these credentials are temporary, and when they expire is unknown; the deployment may take {needed} minutes")
            return
        left = int((expires - self.now()) // 60)
        again = "aws sso login   # or sts assume-role with a longer --duration-seconds"
        if left < MIN_CREDENTIAL_MINUTES:
            yield PreflightMessage(f"these credentials expire in {left} minutes", again)
        elif left < needed:
            yield warning(f"these credentials expire in {left} minutes, and the deployment may take {needed}: it will then wait for new ones", again)

    def expires(self):
        """When the credentials expire, as seconds since 1970, or None if that is unknown or never."""
        text = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        if not text and not os.environ.get("AWS_SESSION_TOKEN"):
            try:  # the CLI's version 2 only; the answer holds the keys too, which are not read here
                found = self.aws("configure", "export-credentials", "--format", "process")
            except self.error:
                return None
            text = found.get("Expiration") if isinstance(found, dict) else None
        try:
            return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
        except ValueError:
            return None

    # ---------------------------------------------------------------- what the file says

    def parameters(self):
        """Whether the parameters fit the templates, the pipelines' objectives and each other."""
        wanted = self.environment
        for part in ("page", "monitoring"):
            try:
                if wanted.wants(part):
                    getattr(wanted, part)(PLACEHOLDERS)
            except Refusal as refusal:
                yield PreflightMessage(str(refusal), f"$EDITOR infra/environments/{wanted.name}.json")
        own_key = wanted.given["service"].get("TopicKeyId", AWS_TOPIC_KEY) not in ("", AWS_TOPIC_KEY)
        for pipeline in wanted.endpoints:
            try:
                stack = wanted.endpoint(pipeline, PLACEHOLDERS)
            except Refusal as refusal:
                yield PreflightMessage(str(refusal), f"$EDITOR infra/environments/{wanted.name}.json")
                continue
            if own_key and not stack.parameters.get("TopicKeyArn"):
                yield PreflightMessage(f"{pipeline}: TopicKeyId of the service is a key of your own, and the endpoint has no TopicKeyArn: it could not publish", f"$EDITOR infra/environments/{wanted.name}.json")
            table = plan.generate.read_pipelines(plan.INFRA)[pipeline]
            for text in scaling.unreachable(table, stack.parameters):
                yield PreflightMessage(f"{pipeline}: {text}", "$EDITOR infra/pipelines.toml && make generate")
            for text in wanted.warnings(pipeline):
                yield warning(text)
            yield from (warning(f"{pipeline}: {text}") for text in scaling.capacity(table, stack.parameters, plan.generate.open_jobs_of_a_tenant(plan.INFRA)))
        try:
            plan.check_zips(wanted.architecture)
        except Refusal as refusal:
            text = str(refusal)
            yield warning(f"{text} (`make deploy` does)") if "missing" in text else PreflightMessage(text, f"rm -r {plan.ZIPS} && make package")

    def arns(self):
        """Whether every ARN and image is of this region, and of this account where it must be."""
        wanted = self.environment
        account, region = wanted.given["account"], wanted.region
        parts = {"environment": {"cloudformation_role": wanted.given.get("cloudformation_role")}, "service": wanted.given["service"], **wanted.endpoints}
        parts |= {"page": wanted.given["page"]} if wanted.wants("page") else {}
        for part, parameters in parts.items():
            for key, value in parameters.items():
                if not isinstance(value, str):
                    continue
                if found := re.fullmatch(r"arn:[a-z-]+:([a-z0-9-]+):([a-z0-9-]*):(\d{12}):\S+", value):
                    _, there, owner = found.groups()
                    # CloudFront takes certificates and web ACLs of one region only; IAM's ARNs have none.
                    expected = "us-east-1" if part == "page" else region
                    if there not in ("", expected):
                        yield PreflightMessage(f"{part}: {key} is of region {there}, and must be of {expected}", f"$EDITOR infra/environments/{wanted.name}.json   # {value}")
                    if owner != account and key != "ImageRepositoryArn":  # images may be another account's
                        yield PreflightMessage(f"{part}: {key} is of account {owner}, the environment's is {account}", f"$EDITOR infra/environments/{wanted.name}.json   # {value}")
                if key == "ImageUri" and (image := IMAGE_URI.fullmatch(value)) and image[2] != region:
                    yield PreflightMessage(f"{part}: the image is in region {image[2]}; SageMaker takes images of {region} only", f"docker tag {value} {value.replace(image[2], region)} && docker push {value.replace(image[2], region)}")

    # ---------------------------------------------------------------- names

    def owner_region(self, bucket, *owner):
        """A bucket's region, None if there is no such bucket."""
        try:
            return self.aws("s3api", "head-bucket", "--bucket", bucket, *owner).get("BucketRegion") or self.environment.region
        except self.error as error:
            if "404" in str(error) or "Not Found" in str(error):
                return None
            raise

    def buckets(self):
        """Whether the code bucket is ours, and the buckets of new stacks and of the weights are as they must be."""
        wanted, account = self.environment, self.environment.given["account"]
        try:
            there = self.owner_region(wanted.code_bucket, "--expected-bucket-owner", account)
        except self.error:
            yield PreflightMessage(f"bucket {wanted.code_bucket} (code_bucket) exists and is not usable: another account owns it, or these credentials may not read it",
                          f"aws s3api list-buckets --query \"Buckets[?Name=='{wanted.code_bucket}']\"   # empty: choose another name")  # fmt: skip
        else:
            if there not in (None, wanted.region):
                yield PreflightMessage(f"bucket {wanted.code_bucket} (code_bucket) is in {there}; Lambda takes zips of {wanted.region} only", f"$EDITOR infra/environments/{wanted.name}.json")
        for stack, template in ((wanted.service_name, "service.yaml"), (wanted.stack_name("web"), "web.yaml")):
            if not self.is_new(stack) or template == "web.yaml" and not wanted.wants("page"):
                continue
            if not (name := plan.own_bucket(template, wanted)):
                continue
            try:
                exists = self.owner_region(name, "--expected-bucket-owner", account) is not None
            except self.error:
                yield PreflightMessage(f"bucket {name} of the new stack {stack} belongs to another account", f"$EDITOR infra/environments/{wanted.name}.json   # another ServiceName")
                continue
            if exists:
                yield PreflightMessage(f"bucket {name} of an earlier {stack} still exists", f"aws s3 ls s3://{name}   # then docs/deploy.md, Removing it, or another ServiceName")
        if not wanted.creates_bucket:
            yield from (PreflightMessage(*problem) for problem in ExistingBucket(wanted, self.aws, None, None).problems())
        for pipeline, parameters in wanted.endpoints.items():
            for key in ("ModelDataUrl", "ModelDataPrefix"):
                yield from self.weights(pipeline, key, parameters.get(key, ""))

    def weights(self, pipeline, key, url):
        """Whether the model's weights are there, in this region."""
        if not (found := re.fullmatch(r"s3://([a-z0-9.-]+)/(.*)", url)):
            return
        home, name = found.groups()
        there = self.owner_region(home)
        if there != self.environment.region:
            what = f"does not exist: bucket {home}" if there is None else f"is in {there}; SageMaker takes weights of {self.environment.region} only"
            yield PreflightMessage(f"{pipeline}: {key} {what}", f"aws s3 ls {url}")
            return
        listed = self.aws("s3api", "list-objects-v2", "--bucket", home, "--prefix", name, "--max-keys", "1", "--no-paginate")
        if not (listed or {}).get("KeyCount", 0):
            yield PreflightMessage(f"{pipeline}: {key} {url} has no object", f"aws s3 ls {url}")

    def names(self):
        """Whether names that new stacks would use are taken."""
        wanted = self.environment
        groups = [(wanted.service_name, f"/docket/{wanted.service_name}/")] if self.is_new(wanted.service_name) else []
        for pipeline in wanted.endpoints:
            if not self.is_new(wanted.stack_name(pipeline)):
                continue
            name = plan.pipelines()[pipeline]["EndpointName"]
            groups.append((wanted.stack_name(pipeline), f"/aws/sagemaker/Endpoints/{name}"))
            try:
                endpoint = self.aws("sagemaker", "describe-endpoint", "--endpoint-name", name)
            except self.error as error:
                if "Could not find" not in str(error):
                    raise
            else:
                yield PreflightMessage(f"endpoint {name} exists, and stack {wanted.stack_name(pipeline)} does not: it belongs to another service, or to a stack that was removed by hand", f"aws sagemaker list-tags --resource-arn {endpoint['EndpointArn']}   # says which stack; if it is unused: aws sagemaker delete-endpoint --endpoint-name {name} --region {wanted.region}")
        for stack, prefix in groups:
            found = self.aws("logs", "describe-log-groups", "--log-group-name-prefix", prefix)["logGroups"]
            for group in (row["logGroupName"] for row in found if prefix.endswith("/") or row["logGroupName"] == prefix):
                yield PreflightMessage(f"log group {group} exists, and stack {stack}, which would create it, does not", f"aws logs delete-log-group --log-group-name {group}")

    # ---------------------------------------------------------------- quotas and roles

    def quotas(self):
        """Whether the account may run as many instances as the endpoints want."""
        wanted = {}
        for pipeline, given in self.environment.endpoints.items():
            parameters = {**plan.pipelines()[pipeline], **given}
            for kind in hosting.instance_types(parameters):
                wanted.setdefault(kind, {})[pipeline] = int(parameters["MaxInstances"])
        if not wanted:
            return
        found = {}
        for operation in ("list-aws-default-service-quotas", "list-service-quotas"):  # the applied ones win
            for row in self.aws("service-quotas", operation, "--service-code", "sagemaker")["Quotas"]:
                found[row["QuotaName"]] = row
        for pipeline, given in self.environment.endpoints.items():
            types = hosting.instance_types({**plan.pipelines()[pipeline], **given})
            rows = {kind: found.get(f"{kind} for endpoint usage") for kind in types}
            allowed = {kind: int(row["Value"]) if row else 0 for kind, row in rows.items()}
            # What must be there is one pool that takes all instances; the pools behind it help when it has no capacity.
            best = max(types, key=lambda kind: allowed[kind])
            for kind in types:
                most = sum(wanted[kind].values())
                if allowed[kind] >= 2 * most:
                    continue
                code = rows[kind]["QuotaCode"] if rows[kind] else "<its code>"
                command = f"aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code {code} --desired-value {2 * most}"
                of = f"the quota \"{kind} for endpoint usage\" is {allowed[kind]}"
                if allowed[kind] >= most:
                    yield warning(f"{pipeline}: {of}; an update runs old and new instances at once, and needs up to {2 * most}", command)
                elif kind == best and allowed[kind] < sum(wanted[best].values()):
                    yield PreflightMessage(f"{pipeline}: {of}, and MaxInstances of {', '.join(wanted[kind])} need {most}", f"{command}   # or a lower MaxInstances")
                else:
                    yield warning(f"{pipeline}: {of}, so SageMaker cannot always fall back to it", command)

    def lambda_quota(self):
        """Whether the account's concurrent executions suffice for `Scale`."""
        limit = self.aws("lambda", "get-account-settings")["AccountLimit"]["ConcurrentExecutions"]
        scale = self.environment.given["service"].get("Scale", "standard")
        needed = LAMBDA_UNRESERVED + RESERVED if scale == "standard" else 10
        if limit < needed:
            command = f"aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000   # or \"Scale\": \"small\" in infra/environments/{self.environment.name}.json"
            yield PreflightMessage(f"Lambda's quota of concurrent executions is {limit}, and Scale {scale} needs {needed}", command)

    def roles(self):
        """Whether the service-linked role of Application Auto Scaling exists; without it the first scaling fails."""
        if not self.environment.endpoints:
            return
        try:
            self.aws("iam", "get-role", "--role-name", SCALING_ROLE)
        except self.error as error:
            if "NoSuchEntity" not in str(error):
                raise
            yield warning(f"role {SCALING_ROLE} does not exist; registering the first endpoint creates it, if these credentials may", "aws iam create-service-linked-role --aws-service-name sagemaker.application-autoscaling.amazonaws.com")

    def alarm_topic(self):
        """Whether the alarms have a subscriber."""
        topic = self.environment.given["service"].get("AlarmTopicArn")
        if not topic:
            yield warning("there is no AlarmTopicArn, so the alarms have no recipient", "aws sns create-topic --name on-call")
            return
        subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint <address>"
        try:
            listed = self.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
        except self.error as error:
            if "NotFound" not in str(error):
                raise
            yield PreflightMessage(f"topic {topic} (AlarmTopicArn) does not exist", f"aws sns create-topic --name {topic.split(':')[-1]}")
            return
        if not any(row["SubscriptionArn"].startswith("arn:") for row in listed):
            pending = f"; {len(listed)} wait for their confirmation" if listed else ""
            yield PreflightMessage(f"topic {topic} (AlarmTopicArn) has no confirmed subscriber{pending}, so the alarms would have no recipient", subscribe)

    def email(self):
        """Whether SES sends from the address of EmailSender, and to whom."""
        sender = self.environment.given["service"].get("EmailSender")
        if not sender:
            return
        domain = sender.rpartition("@")[2]
        if not any(self.verified(identity) for identity in (domain, sender)):
            yield PreflightMessage(f"SES has verified neither {domain} nor {sender} (EmailSender)", f"aws sesv2 create-email-identity --email-identity {domain}   # then the DNS records that it prints")
        account = self.aws("sesv2", "get-account")
        if not account["SendingEnabled"]:
            yield PreflightMessage("AWS has paused the sending of e-mail for this account", "its mail to the owner of the account says why")
        if not account["ProductionAccessEnabled"]:
            yield warning("SES is in its sandbox: it sends only to verified addresses, 200 mails a day", "request production access (SES developer guide)")

    def sign_in(self):
        """Whether companies' providers and programs can be set up as infra/sign-in.toml says."""
        outputs = {row["OutputKey"]: row["OutputValue"] for row in (self.stack(self.environment.service_name) or {}).get("Outputs", [])}
        yield from (PreflightMessage(*found) for found in sign_in_messages(self.environment, self.aws, self.error, outputs.get("UserPoolId")))

    def verified(self, identity):
        """Whether SES sends from an address or domain."""
        try:
            return self.aws("sesv2", "get-email-identity", "--email-identity", identity)["VerifiedForSendingStatus"]
        except self.error as error:
            if "NotFound" not in str(error):
                raise
            return False


# Outputs of the service's stack before it exists, to check the parameters of the other stacks.
PLACEHOLDERS = {
    "HttpApiUrl": "https://api.example",
    "WebSocketUrl": "wss://api.example",
    **{name: "placeholder" for name in ("JobsTableName", "RecordsTableName", "ConnectionsTableName", "HttpApiId", "WebSocketApiId")},
    "JobsBucketName": "docket-jobs",
    "InferenceSuccessTopicArn": "arn:aws:sns:us-east-1:123456789012:success",
    "InferenceErrorTopicArn": "arn:aws:sns:us-east-1:123456789012:error",
}
