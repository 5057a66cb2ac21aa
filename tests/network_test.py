"""infra/account/network.yaml has the VPC endpoints of every service that functions call from private subnets, and no others.

Run: .venv/bin/python -m unittest tests/network_test.py
"""

import copy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from grants import Grant, allowed  # noqa: E402  found by the line above
from templates import INFRA, ROOT, Project, as_list, check, expand, mentions, statements  # noqa: E402

# Services whose VPC endpoint has another name than their actions (PrivateLink guide, "AWS services that integrate with AWS
# PrivateLink"). SageMaker has one for its API and one for its runtime.
NAMES = {"sagemaker": "sagemaker.api", "sagemaker:InvokeEndpointAsync": "sagemaker.runtime", "cognito-idp": "cognito-idp", "ses": "email"}
GATEWAYS = {"s3", "dynamodb"}
# Reached over the Internet, as docs/deploy.md says: WebSocket APIs have no private form, and few services send e-mail.
INTERNET = {"execute-api", "email", "cognito-idp"}
DOLLARS = 7.30  # a month for an interface endpoint in one zone: $0.01 an hour (PrivateLink pricing)


class Network:
    """What the functions may call, and what the template of the network has."""

    def __init__(self):
        project = Project()
        self.network = expand.expand(INFRA / "account" / "network.yaml")
        self.guide, self.decision = project.deploy_guide, (ROOT / "docs" / "adr" / "0032-what-a-company-brings.md").read_text()
        self.actions = {action for (role, sid), statement in allowed(project).items() for action in as_list(statement["Action"]) if not Grant(role, sid, action, "").is_lambdas}
        # With every option taken. What a function does through another service (kms:ViaService) needs no endpoint of its own.
        everything = project.with_all_options["Resources"]
        roles = {next(iter(mentions(r["Properties"]["Role"]))) for r in everything.values() if r["Type"] == "AWS::Lambda::Function"}
        for policy in (r["Properties"] for r in everything.values() if r["Type"] == "AWS::IAM::ManagedPolicy"):
            if mentions(policy["Roles"]) & roles:
                for one in statements(policy):
                    if one["Effect"] == "Allow" and "kms:ViaService" not in str(one.get("Condition", {})) and one["Sid"] != "NetworkInterfaces":
                        self.actions |= set(as_list(one["Action"]))

    @property
    def called(self):
        """The services that the functions call, by the names of their VPC endpoints."""
        service = lambda action: action.split(":")[0]  # noqa: E731
        return {NAMES.get(action) or NAMES.get(service(action), service(action)) for action in self.actions}

    def endpoints(self, kind):
        """The services of the template's endpoints of a kind."""
        found = (r["Properties"] for r in self.network["Resources"].values() if r["Type"] == "AWS::EC2::VPCEndpoint")
        return {one["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.") for one in found if one["VpcEndpointType"] == kind}


def every_service_that_functions_call_has_an_endpoint(network):
    reached = network.endpoints("Gateway") | network.endpoints("Interface")
    for service in sorted(network.called - INTERNET - reached):
        yield f"functions call {service}, and private subnets have no endpoint for it"
    for service in sorted(reached - network.called):
        yield f"no function calls {service}"
    if network.endpoints("Gateway") != GATEWAYS:
        yield "a gateway is free, and only S3 and DynamoDB have one"


def what_needs_the_internet_is_documented(network):
    for service in sorted(INTERNET):
        if service not in network.called:
            yield f"no function calls {service}"
        if f"`{service}`" not in network.guide:
            yield f"docs/deploy.md does not say how functions reach {service}"


def the_endpoints_and_their_price_are_documented(network):
    interfaces = network.endpoints("Interface")
    [row] = [line for line in network.guide.splitlines() if line.startswith("| interfaces `")]
    if set(row.split("|")[1].split("`")[1::2]) != interfaces:
        yield "docs/deploy.md names other interfaces"
    for words in (f"about ${DOLLARS:.2f} a month", f"${2 * DOLLARS * len(interfaces):.2f} for two"):
        if words not in row:
            yield f"docs/deploy.md does not say {words}"
    number = {5: "five", 6: "six", 7: "seven", 8: "eight"}[len(interfaces)]
    if f"{number} VPC endpoints cost" not in network.decision:
        yield f"ADR 32 does not say that {number} endpoints cost"
    if f"Each of the {number} interface endpoints costs about ${DOLLARS:.2f} a month" not in network.network["Parameters"]["SubnetIds"]["Description"]:
        yield "the description of SubnetIds says something else"


def without(service):
    """The network without an endpoint."""

    def change(network):
        resources = network.network["Resources"]
        [name] = [name for name, r in resources.items() if str(r["Properties"].get("ServiceName", {}).get("Fn::Sub", "")).endswith(f".{service}")]
        del resources[name]

    return change


def one_more(network):
    more = copy.deepcopy(network.network["Resources"]["Interfacesqs"])
    more["Properties"]["ServiceName"]["Fn::Sub"] = "com.amazonaws.${AWS::Region}.logs"
    network.network["Resources"]["More"] = more


Rules = check({
    every_service_that_functions_call_has_an_endpoint: [
        *(without(service) for service in ("kms", "sqs", "events", "sagemaker.runtime", "sagemaker.api", "application-autoscaling", "s3", "dynamodb")),
        one_more,
        lambda n: n.actions.add("secretsmanager:GetSecretValue"),
    ],
    what_needs_the_internet_is_documented: [
        lambda n: n.actions.discard("execute-api:ManageConnections"),
        lambda n: setattr(n, "guide", n.guide.replace("`cognito-idp`", "Cognito")),
    ],
    the_endpoints_and_their_price_are_documented: [
        one_more,
        lambda n: setattr(n, "guide", n.guide.replace("$87.60", "$73")),
        lambda n: setattr(n, "guide", n.guide.replace("`kms`, ", "")),
    ],
}, Network)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
