"""Compares what functions may do with what the scenarios saw them do.

  python tests/grants.py LOG

LOG is what the emulator wrote down while the tests ran (crates/devstack/python/stack_grants.py). A grant is one
action of a statement on one of its resources, and where the statement names leading keys, for one of these. It is
wrong, and the exit status 1, if a grant was used by no call of its function, and if a call was refused that no test
wanted refused: then a grant is missing. Tests that want it say so by their session's name, `OUTSIDE`.
"""

from dataclasses import dataclass
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from template_test import Project, as_list, grants  # noqa: E402, found by the line above

# The session of whoever takes a function's role to see it refused (tests/scenarios/outside_the_grants.rs).
OUTSIDE = "outside-its-grants"
LEADING = "dynamodb:LeadingKeys"
# What Lambda does with a function's role, and the emulator does without asking: by the beginning of a statement's
# Sid, its actions. grants_test.py has rules for these statements.
BY_LAMBDA = {
    "Logs": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "Receive": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
}


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
        """Whether Lambda uses it, and no call of the function."""
        return any(self.sid.startswith(sid) and self.action in actions for sid, actions in BY_LAMBDA.items())


def shown(resource) -> str:
    """A resource in a word or two. The pipelines' folders for uploads are one: they differ by their names alone."""
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    text = re.sub(r"arn:[^/]*:|\$\{(\w+)(\.Arn)?\}", lambda found: found[1] or "", resource["Fn::Sub"])
    return re.sub(r"/inbound[^/]*/", "/inbound…/", text)


def leading(statement: dict) -> list[str]:
    """The leading keys that a statement is for; a single empty one if it is for all."""
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
    """UploadTriggerRole for docket-UploadTriggerRole-78F47A67B14F4, as CloudFormation calls it."""
    return line["role"].split("-")[-2]


def used(project: Project, lines: list[dict]) -> set[Grant]:
    """The grants that calls of functions used."""
    statements = allowed(project)
    return {
        Grant(role_of(line), line["sid"], line["action"], shown(as_list(statements[role_of(line), line["sid"]]["Resource"])[place]), key)
        for line in lines
        if line["allowed"] and line["session"] != OUTSIDE and (role_of(line), line["sid"]) in statements
        for place in line["resources"]
        for key in line["keys"] or [""]
    }


def complaints(project: Project, lines: list[dict]) -> list[str]:
    """What is wrong."""
    unused = sorted(grant for grant in granted(project) - used(project, lines) if not grant.is_lambdas)
    refused = {
        f"{role_of(line)} was refused {line['action']} on {' '.join([line['resource'], *line.get('keys', ())])}"
        for line in lines
        if not line["allowed"] and line["session"] != OUTSIDE
    }
    return [f"{grant}, and never did" for grant in unused] + sorted(refused)


def main() -> int:
    """The command line."""
    path = pathlib.Path(sys.argv[1])
    if not path.is_file():
        print(f"grants: {path} is not there; it is written while the scenarios run", file=sys.stderr)
        return 1
    lines, project = [json.loads(line) for line in path.read_text().splitlines()], Project()
    wrong = complaints(project, lines)
    for complaint in wrong:
        print(f"grants: {complaint}", file=sys.stderr)
    if not wrong:
        of_lambda = sum(grant.is_lambdas for grant in granted(project))
        of_functions = len(granted(project)) - of_lambda
        print(f"grants: all {of_functions} were used and none was missing; {of_lambda} more are for Lambda itself")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
