"""Reads infra/ for the tests of the templates, and runs rules over it.

A rule is a function from the project's files to a list of complaints. `check` makes two kinds of test of each: the
files as they are raise no complaint, and every way of breaking them that is listed for the rule does.
"""

import copy
import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INFRA = ROOT / "infra"
sys.path[:0] = [str(INFRA), str(INFRA / "deploy")]

import expand  # noqa: E402  programs, not packages
import generate  # noqa: E402
import plan  # noqa: E402


# The conditions of the usual deployment: no key and no network of the company; the stack has its own bucket and users.
USUAL = {"HasKey": False, "HasVpc": False, "CreatesBucket": True, "IsAccountsName": True, "CreatesUserPool": True}
# No company signs users in. sign_in_template_test.py tests a deployment with companies, which needs the stack's own user pool.
WITHOUT_COMPANIES = {"HasSignInDomain": False, "HasProviders": False}


def assume(template, **conditions):
    """A template as it is deployed when the named conditions are true or false. Other conditions stay."""

    left_out = object()

    def resolved(value):
        if isinstance(value, list):
            return [one for one in map(resolved, value) if one is not left_out]
        if not isinstance(value, dict):
            return value
        if (found := value.get("Fn::If")) and found[0] in conditions:
            chosen = found[1 if conditions[found[0]] else 2]
            return left_out if chosen == {"Ref": "AWS::NoValue"} else resolved(chosen)
        return {key: one for key, one in ((key, resolved(inner)) for key, inner in value.items()) if one is not left_out}

    kept = {part: {name: one for name, one in template.get(part, {}).items() if conditions.get(one.get("Condition"), True)} for part in ("Resources", "Outputs")}
    return {**resolved({**template, **kept}), "Conditions": template.get("Conditions", {})}


class Project:
    """The templates as CloudFormation expands them, and the files that must agree with them."""

    def __init__(self):
        self.service, self.endpoint, self.monitoring, self.web = (expand.expand(INFRA / f"{name}.yaml") for name in ("service", "endpoint", "monitoring", "web"))
        self.with_all_options = assume(self.service, **{name: not usual for name, usual in USUAL.items() if name != "CreatesBucket"}, **WITHOUT_COMPANIES)
        self.service = assume(self.service, **USUAL, **WITHOUT_COMPANIES)
        settings = generate.tomllib.loads((INFRA / "pipelines.toml").read_text())
        self.max_notification_delay_seconds = settings["max_notification_delay_seconds"]
        self.pipelines = generate.read_pipelines()
        self.parameters = plan.pipelines()
        self.functions = set(plan.functions()) - set(plan.OPTIONAL_FUNCTIONS)
        self.deploy_guide, self.capacity, self.receipts = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("deploy", "capacity", "receipts"))
        # The metrics that the functions emit; a test of crates/functions compares it with the code.
        self.metrics = json.loads((INFRA / "metrics.json").read_text())

    def of_type(self, kind, template=None):
        resources = (template or self.service)["Resources"]
        return {name: r["Properties"] for name, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def mentions(value):
    """Logical ids that a value refers to by Ref, GetAtt or Sub."""
    if isinstance(value, list):
        return set().union(*map(mentions, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner[0])
        elif key == "Fn::Sub":
            text, variables = (inner, {}) if isinstance(inner, str) else inner
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9.]+)\}", text) if name not in variables}
            found |= mentions(list(variables.values()))
        else:
            found |= mentions(inner)
    return found


def slug(function):
    """upload-trigger for UploadTriggerFunction."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", function.removesuffix("Function")).lower()


def statements(policy):
    """All statements, with those behind an Fn::If."""
    for statement in policy["PolicyDocument"]["Statement"]:
        yield from (s for s in statement["Fn::If"][1:] if "Effect" in s) if "Fn::If" in statement else [statement]


def grants(role):
    return [s for policy in role["Policies"] for s in statements(policy) if s["Effect"] == "Allow"]


def dead_letter_queues(project):
    """Queues by the name of their dead-letter queue."""
    return {
        next(iter(mentions(queue["RedrivePolicy"]["deadLetterTargetArn"]))): name
        for name, queue in project.of_type("SQS::Queue").items()
        if "RedrivePolicy" in queue
    }


def retained(resource):
    return resource.get("DeletionPolicy", "Delete").startswith("Retain") and resource.get("UpdateReplacePolicy") == "Retain"


def resource(project, name, template="service"):
    return getattr(project, template)["Resources"][name]["Properties"]


def statement(project, name, sid, template="service"):
    found = resource(project, name, template)
    document = found["Policies"][0] if "Policies" in found else found
    return next(s for s in statements(document) if s["Sid"] == sid)


def drop(mapping, *keys):
    for key in keys:
        del mapping[key]


def all_alarms(project):
    """(template, logical id, alarm) of every alarm."""
    return [(template, name, a) for template in (project.service, project.monitoring, project.endpoint) for name, a in project.of_type("CloudWatch::Alarm", template).items()]


def alarm_word(alarm):
    """slo-at-risk for ${EndpointName}-slo-at-risk: the name under which docs/operations.md explains the alarm."""
    return alarm["AlarmName"]["Fn::Sub"].split("}-", 1)[1]


def check(rules, files=Project):
    """A test case with two tests per rule of {rule: [ways of breaking the files]}. `files` reads them."""

    class Rules(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.project = files()

    for rule, breakages in rules.items():

        def holds(self, rule=rule):
            self.assertEqual([], list(rule(self.project)))

        def notices(self, rule=rule, breakages=breakages):
            for number, breakage in enumerate(breakages):
                with self.subTest(breakage=number):
                    broken = copy.deepcopy(self.project)
                    breakage(broken)
                    self.assertNotEqual([], list(rule(broken)), "the rule did not notice")

        holds.__doc__ = notices.__doc__ = rule.__doc__
        setattr(Rules, f"test_{rule.__name__}", holds)
        setattr(Rules, f"test_breaking_{rule.__name__}_is_noticed", notices)
    return Rules
