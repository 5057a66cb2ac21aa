"""Compares what functions may do with what they did while the tests ran.

  python tests/grants.py LOG

LOG is the emulator's log of its IAM decisions (crates/devstack/python/stack_grants.py). A grant is one action of a
statement on one of its resources, and where the statement names leading keys, for one of these. The exit status is 1 if
no call of a function used a grant, or if a call of a function was refused: then a grant is missing. Calls by other
sessions than the functions' own do not count: tests assume a function's role to see what it is refused.
"""

from dataclasses import dataclass
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from templates import Project, as_list, grants, slug  # noqa: E402, found by the line above

SERVICE = "docket"  # the ServiceName of local stacks
LEADING = "dynamodb:LeadingKeys"
# What Lambda itself does with a function's role, and the emulator does without a check: actions by the first part of a
# statement's Sid. grants_test.py has rules for these statements.
BY_LAMBDA = {
    "Logs": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "Receive": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
    "Stream": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"},
}
# What the scenarios cannot reach: the search index begins with 1,024 jobs that are older than an hour. Its use is tested
# with the stores in memory (crates/handler-tests), and `make bench-lists` counts it.
# Whether other jobs succeed is asked only if several documents failed in a row; a scenario does that with one function.
# A job that the batch read does not return is read alone: it was saved a moment ago, or by a newer release.
# A digest reads a segment of its feed only if ten events or more came at once, as in the simulation.
# A webhook's delivery finds the data of its job deleted only if the deletion comes between two of its calls.
# The name of a batch is removed from usage a quarter of an hour after the deletion of a document.
# SES checks more resources of one call; the emulator checks one, the identity of the sender's domain (stack_grants.py).
UNREACHED = {"SearchIndex", "OtherJobs", "OtherRows", "MailOfAddress", "MissingJobs", "FeedSegments", "LateDeliveries", "LateDeliveryLog", "ForgetBatches"}


@dataclass(frozen=True, order=True)
class Grant:
    """One thing that a function may do."""

    role: str
    sid: str
    action: str
    resource: str
    key: str = ""  # leading key

    def __str__(self) -> str:
        return f"{self.role} may {self.action} on {self.resource}{self.key and f' for {self.key}'} ({self.sid})"

    @property
    def is_lambdas(self) -> bool:
        """Whether Lambda itself uses it, and no call of the function."""
        return any(self.sid.startswith(sid) and self.action in actions for sid, actions in BY_LAMBDA.items())


def shown(resource) -> str:
    """A short name of a resource. The pipelines' upload prefixes count as one: they differ by their names alone."""
    if resource == "*":
        return resource
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    if isinstance(resource["Fn::Sub"], list):  # with values of its own
        resource = {"Fn::Sub": resource["Fn::Sub"][0]}
    text = re.sub(r"arn:[^/]*:|\$\{(\w+)(\.Arn)?\}", lambda found: found[1] or "", resource["Fn::Sub"])
    return re.sub(r"/inbound[^/]*/", "/inbound…/", text)


def leading(statement: dict) -> list[str]:
    """The leading keys that a statement names; a single empty one if it names none."""
    blocks = statement.get("Condition", {}).values()
    return [key for block in blocks for key in as_list(block.get(LEADING, []))] or [""]


def allowed(project: Project) -> dict[tuple[str, str], dict]:
    """The statements of the functions' roles, by role and Sid."""
    roles = project.of_type("IAM::Role")
    names = [name.removesuffix("Function") + "Role" for name in project.of_type("Lambda::Function")]
    return {(name, statement["Sid"]): statement for name in names for statement in grants(roles[name])}


def granted(project: Project) -> set[Grant]:
    """Every grant of every function."""
    return {
        Grant(role, sid, action, shown(resource), key)
        for (role, sid), statement in allowed(project).items()
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        for key in leading(statement)
    }


def role_of(line: dict) -> str:
    """UploadTriggerRole for docket-UploadTriggerRole-78F47A67B14F4, the name that CloudFormation generates."""
    return line["role"].split("-")[-2]


def is_functions(line: dict) -> bool:
    """Whether a function made the call: Lambda names its session after it."""
    return line["session"] == f"{SERVICE}-{slug(role_of(line).removesuffix('Role'))}"


def used(project: Project, lines: list[dict]) -> set[Grant]:
    """The grants that calls of functions used."""
    statements = allowed(project)
    return {
        Grant(role_of(line), line["sid"], line["action"], shown(as_list(statements[role_of(line), line["sid"]]["Resource"])[index]), key)
        for line in lines
        if line["allowed"] and is_functions(line) and (role_of(line), line["sid"]) in statements
        for index in line["resources"]
        for key in line["keys"] or [""]
    }


def complaints(project: Project, lines: list[dict]) -> list[str]:
    """Unused grants and refused calls."""
    unused = sorted(grant for grant in granted(project) - used(project, lines) if not grant.is_lambdas and grant.sid not in UNREACHED)
    refused = {
        f"{role_of(line)} was refused {line['action']} on {' '.join([line['resource'], *line.get('keys', ())])}"
        for line in lines
        if not line["allowed"] and is_functions(line)
    }
    return [f"{grant}, and no call used it" for grant in unused] + sorted(refused)


def main() -> int:
    """The command line."""
    path = pathlib.Path(sys.argv[1])
    if not path.is_file():
        print(f"grants: {path} is missing; the scenario tests write it", file=sys.stderr)
        return 1
    lines, project = [json.loads(line) for line in path.read_text().splitlines()], Project()
    wrong = complaints(project, lines)
    for complaint in wrong:
        print(f"grants: {complaint}", file=sys.stderr)
    if not wrong:
        of_lambda = sum(grant.is_lambdas for grant in granted(project))
        unreached = sum(grant.sid in UNREACHED for grant in granted(project))
        of_functions = len(granted(project)) - of_lambda - unreached
        print(f"grants: all {of_functions} were used and none is missing; {of_lambda} more are for Lambda itself, {unreached} are out of reach")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
