"""Writes infra/policies/cloudformation-<n>.json: what CloudFormation must be allowed in order to deploy the templates.

  target/venv-check/bin/python infra/policy.py            writes them
  target/venv-check/bin/python infra/policy.py --check    exits with 1 if they are out of date

The actions are those that each resource type's schema in the CloudFormation registry names (as cfn-lint bundles it).
policy-sentry knows which of them IAM can limit to a resource. `<account>`, `<region>`, `<partition>`, `<service>` and the buckets are
filled in by `make policies ENV=…`. Keys of your own need permissions that follow from their policies; they are left out.
"""

import json
import pathlib
import sys

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from policy_sentry.querying.actions import get_action_data
import yaml

INFRA = pathlib.Path(__file__).resolve().parent
FOLDER = INFRA / "policies"
MAX_CHARACTERS = 6144  # of a managed policy, without white space (IAM user guide, "IAM and AWS STS quotas")
# The resources of the templates, in policy-sentry's words and in ours. Names that CloudFormation makes up begin with the
# stack's; an action for which no line stands here has no resource, or one with an id.
RESOURCES = {
    "lambda": {"function:${FunctionName}": ["function:<service>-*"]},
    "sqs": {"${QueueName}": ["<service>-*"]},
    "sns": {"${TopicName}": ["<service>-*"]},
    "dynamodb": {"table/${TableName}": ["table/<service>-*"]},
    "s3": {"${BucketName}": ["<jobs bucket>", "<service>-page-<account>-<region>-an"]},
    "iam": {"role/${RoleNameWithPath}": ["role/<service>-*", "role/<service>/endpoint/<service>-*"], "policy/${PolicyNameWithPath}": ["policy/<service>-*"]},
    "cloudwatch": {"alarm:${AlarmName}": ["alarm:<service>-*", "alarm:docket-*"], "dashboard/${DashboardName}": ["dashboard/<service>", "dashboard/<service>-*"]},
    "logs": {"log-group:${LogGroupName}": ["log-group:/docket/<service>/*", "log-group:/aws/vendedlogs/docket/<service>/*", "log-group:/aws/sagemaker/Endpoints/docket-*"]},
    "events": {"event-bus/${EventBusName}": ["event-bus/<service>"]},
    "ses": {"configuration-set/${ConfigurationSetName}": ["configuration-set/<service>"]},
    "scheduler": {"schedule/${GroupName}/${ScheduleName}": ["schedule/default/<service>-*"]},
    "sagemaker": {"endpoint/${EndpointName}": ["endpoint/docket-*"], "endpoint-config/${EndpointConfigName}": ["endpoint-config/*"], "model/${ModelName}": ["model/*"]},
    "apigateway": {"/apis": ["/apis", "/apis/*", "/tags/*"], "/apis/${ApiId}": ["/apis", "/apis/*", "/tags/*"]},
    "cognito-idp": {"userpool/${UserPoolId}": ["userpool/*"]},
    "application-autoscaling": {"scalable-target/${ResourceId}": ["scalable-target/*"]},
    "cloudfront": {},
    "ec2": {},
    "kms": {},
}
# Services whose actions are limited to these resources even if policy-sentry does not know them.
ALWAYS_LIMITED = {
    "s3": [f"arn:<partition>:s3:::{name}" for name in RESOURCES["s3"]["${BucketName}"]],
    "apigateway": [f"arn:<partition>:apigateway:<region>::{name}" for name in RESOURCES["apigateway"]["/apis"]],
}
# Contents of buckets and tables, which handlers touch for features that the templates do not use (imports, replicas), and
# names that are no actions of IAM.
LEFT_OUT = {
    *("s3:DeleteObject", "s3:GetObject", "s3:GetObjectMetadata", "s3:GetObjectVersion", "s3:PutObjectAcl", "s3:REST.PUT.OBJECT", "s3:getObject"),
    *(f"dynamodb:{word}Item" for word in ("BatchWrite", "Delete", "Get", "Put", "Update")),
    # Managed policies of these templates are attached to roles only.
    *(f"iam:{word}{kind}Policy" for word in ("Attach", "Detach") for kind in ("Group", "User")),
    *("dynamodb:ImportTable", "dynamodb:Query", "dynamodb:Scan", "logs:PutLogEvents", "logs:CreateLogStream"),
    # The key that signs receipts is not rotated (KMS cannot) and not disabled, and its policy stays as it is.
    *(f"kms:{word}" for word in ("DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "PutKeyPolicy", "ReplicateKey")),
}
# Keys of other kinds are none of the templates' (KMS developer guide, "kms:KeySpec").
RECEIPT_KEYS = {"StringEquals": {"kms:KeySpec": "ECC_NIST_EDWARDS25519"}}
# Resource types that infra/generate.py writes into a template, as far as infra/sign-in.toml asks for them.
GENERATED = {"AWS::Cognito::UserPoolIdentityProvider", "AWS::Cognito::UserPoolResourceServer"}
# Services that hand a role on to another one, and to which.
PASSED_TO = ["lambda.amazonaws.com", "scheduler.amazonaws.com", "sagemaker.amazonaws.com"]
SERVICE_LINKED = "sagemaker.application-autoscaling.amazonaws.com"
ROLES = ["arn:<partition>:iam::<account>:" + name for name in RESOURCES["iam"]["role/${RoleNameWithPath}"]]


class Loader(yaml.SafeLoader):
    """Reads a template without understanding its functions."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def types(value):
    """All resource types in a template, also those within loops."""
    if isinstance(value, dict):
        found = {value["Type"]} if isinstance(value.get("Type"), str) and value["Type"].startswith("AWS::") and "Properties" in value else set()
        return found.union(*map(types, value.values()))
    return set().union(*map(types, value)) if isinstance(value, list) else set()


def actions(kinds):
    """What the handlers of resource types call, of the services that the templates use."""
    found = set()
    for kind in kinds:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
        these = {action for name in ("create", "read", "update", "delete") for action in handlers.get(name, {}).get("permissions", [])}
        # Other types use a key of your own, if you name one.
        found |= {action for action in these if kind == "AWS::KMS::Key" or not action.startswith("kms:")}
    return {action for action in found if action.split(":")[0] in RESOURCES and "*" not in action} - LEFT_OUT


def resources(action):
    """The ARNs to which an action is limited; ["*"] if IAM cannot."""
    service, name = action.split(":")
    known, found = RESOURCES[service], []
    for row in get_action_data(service, name).get(service, []):
        arn = row["resource_arn_format"]
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[5] in known:
            head = ":".join(parts[:5]).replace("${Partition}", "<partition>").replace("${Region}", "<region>").replace("${Account}", "<account>")
            found += [f"{head}:{ours}" for ours in known[parts[5]]]
    return sorted(set(found)) or ALWAYS_LIMITED.get(service, ["*"])


def statements(wanted):
    """One statement per set of resources, in the order of their first one."""
    by_resources = {}
    of_keys = sorted(action for action in wanted if action.startswith("kms:"))
    for action in sorted(wanted - {"iam:PassRole", "iam:CreateServiceLinkedRole"} - set(of_keys)):
        by_resources.setdefault(tuple(resources(action)), []).append(action)
    found = [{"Effect": "Allow", "Action": these, "Resource": list(arns)} for arns, these in sorted(by_resources.items())]
    found.append({"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": ROLES, "Condition": {"StringEquals": {"iam:PassedToService": PASSED_TO}}})
    if of_keys:
        found.append({"Effect": "Allow", "Action": of_keys, "Resource": ["*"], "Condition": RECEIPT_KEYS})
    linked = {"StringEquals": {"iam:AWSServiceName": SERVICE_LINKED}}
    found.append({"Effect": "Allow", "Action": ["iam:CreateServiceLinkedRole"], "Resource": ["*"], "Condition": linked})
    # The clients of companies' providers, which the template refers to.
    secrets = "arn:<partition>:secretsmanager:<region>:<account>:secret:<service>/sign-in/*"
    found.append({"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secrets]})
    # The zips that a function is created from.
    found.append({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:<partition>:s3:::<code bucket>/*"]})
    return found


def length(policy):
    # The placeholders are replaced by longer values: 20 characters at most for a service's name, 63 for a bucket's.
    text = json.dumps(policy, separators=(",", ":"))
    for placeholder, size in (("<service>", 20), ("<account>", 12), ("<region>", 14), ("<partition>", 10), ("<code bucket>", 63), ("<jobs bucket>", 63)):
        text = text.replace(placeholder, "x" * size)
    return len(text)


def policies(found):
    """Statements in as few policies as their limit allows; a statement that is too long is split."""
    done, now = [], []
    for statement in found:
        for half in split(statement):
            if length(document([*now, half])) > MAX_CHARACTERS:
                done.append(document(now))
                now = []
            now.append(half)
    return [*done, document(now)]


def split(statement):
    if length(document([statement])) <= MAX_CHARACTERS // 2 or len(statement["Action"]) < 2:
        return [statement]
    middle = len(statement["Action"]) // 2
    return [part for these in (statement["Action"][:middle], statement["Action"][middle:]) for part in split({**statement, "Action": these})]


def document(found):
    return {"Version": "2012-10-17", "Statement": found}


def main(arguments):
    """The command line."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    kinds = GENERATED.union(*(types(yaml.load(path.read_text(), Loader)["Resources"]) for path in INFRA.glob("*.yaml")))
    found = policies(statements(actions(kinds)))
    texts = {FOLDER / f"cloudformation-{number}.json": json.dumps(one, indent=2) + "\n" for number, one in enumerate(found, 1)}
    there = {path: path.read_text() for path in FOLDER.glob("cloudformation-*.json")}
    if arguments:
        if texts != there:
            print("policy: infra/policies is out of date; run `make policy-files`", file=sys.stderr)
        return 1 if texts != there else 0
    for path in there.keys() - texts.keys():
        path.unlink()
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
