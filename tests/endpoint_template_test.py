"""Rules for infra/endpoint.yaml and infra/endpoints/*.json: scaling, warm hours, updates, parameters.

Run: .venv/bin/python -m unittest tests/endpoint_template_test.py
"""

import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from templates import check, drop, grants, mentions, resource, statement  # noqa: E402  found by the line above

# Parameters of a stack that are not in its pipeline's file.
OF_THE_ACCOUNT = {"JobsBucketName", "SuccessTopicArn", "ErrorTopicArn", "ImageUri", "ImageRepositoryArn", "InstanceHourPrice"}


def parameter_files_fit_the_template(project):
    declared = project.endpoint["Parameters"]
    required = {key for key, parameter in declared.items() if "Default" not in parameter} - OF_THE_ACCOUNT
    for name, given in project.parameters.items():
        if set(given) - set(declared) or required - set(given):
            yield f"{name}.json: {sorted(set(given) ^ required)} do not fit the template"
        for key in set(given) & set(declared):
            if not re.fullmatch(declared[key].get("AllowedPattern", ".*"), given[key]):
                yield f"{name}.json: {key} is {given[key]}"
            if given[key] not in map(str, declared[key].get("AllowedValues", [given[key]])):
                yield f"{name}.json: {key} is {given[key]}"
        least, warm, most = (int(given.get(key, 0)) for key in ("MinInstances", "WarmInstances", "MaxInstances"))
        if not 0 <= least <= most or most < 1 or warm and not least <= warm <= most:
            yield f"{name}.json: MinInstances {least}, WarmInstances {warm}, MaxInstances {most}"


def the_endpoint_scales_from_zero(project):
    policies = project.of_type("ApplicationAutoScaling::ScalingPolicy", project.endpoint)
    alarms = project.of_type("CloudWatch::Alarm", project.endpoint)
    from_zero = [a for a in alarms.values() if a.get("MetricName") == "HasBacklogWithoutCapacity"]
    if not any(mentions(a["AlarmActions"]) & set(policies) for a in from_zero):
        yield "no policy starts the first instance"


def the_right_to_publish_is_in_the_role_itself(project):
    """CreateEndpoint fails if a separately attached policy has not propagated yet."""
    published = [s for r in project.of_type("IAM::Role", project.endpoint).values() for s in grants(r) if s["Action"] == "sns:Publish"]
    if len(published) != 1 or project.of_type("IAM::Policy", project.endpoint):
        yield "it is not"


def the_endpoint_never_stops_an_instance_that_works(project):
    policies = project.of_type("ApplicationAutoScaling::ScalingPolicy", project.endpoint)
    alarms = project.of_type("CloudWatch::Alarm", project.endpoint)
    for name, policy in policies.items():
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
        if tracking is not None and tracking.get("DisableScaleIn") is not True:
            yield f"{name} may stop an instance that works"
        steps = policy.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
        if any(step["ScalingAdjustment"] <= 0 for step in steps):
            for alarm in (a for a in alarms.values() if name in mentions(a.get("AlarmActions", []))):
                yield from (f"{name} may stop an instance that works: {why}" for why in stops_too_much(project, alarm))


def stops_too_much(project, alarm):
    """Why an alarm that stops instances would stop one that works."""
    asked = {m["Id"]: m["MetricStat"] for m in alarm.get("Metrics", []) if "MetricStat" in m}
    figures = {(m["Metric"]["Namespace"], m["Metric"]["MetricName"], m["Stat"]) for m in asked.values()}
    both = {("AWS/SageMaker", "ApproximateBacklogSize"), ("Docket", "JobsOpen")}
    if figures != {(*figure, stat) for figure in both for stat in ("Maximum", "SampleCount")}:
        yield f"it uses {sorted(figures)}, not the endpoint's backlog and the open jobs of our table"
    if {json.dumps(d) for m in asked.values() for d in m["Metric"]["Dimensions"] if d["Name"] == "Pipeline"} != {json.dumps({"Name": "Pipeline", "Value": {"Ref": "Pipeline"}})}:
        yield "it counts the jobs of another pipeline"
    names = {stat: [name for name, m in asked.items() if m["Stat"] == stat] for stat in ("Maximum", "SampleCount")}
    seen, work = " AND ".join(f"{name} > 0" for name in names["SampleCount"]), " + ".join(names["Maximum"])
    if [m["Expression"] for m in alarm.get("Metrics", []) if "Expression" in m] != [f"FILL(IF({seen}, {work}, 1), 1)"]:
        yield "a missing metric does not count as busy"
    if (alarm.get("Threshold"), alarm.get("ComparisonOperator"), alarm.get("TreatMissingData")) != (1, "LessThanThreshold", "notBreaching"):
        yield "it fires while there is work"
    if "DatapointsToAlarm" in alarm:
        yield "one of its periods may be a busy one"
    # In each of its periods the reconciler must have counted once.
    if {m["Period"] for m in asked.values()} != {int(project.service["Mappings"]["Settings"]["Reconciler"]["IntervalSeconds"])}:
        yield "its period is not the reconciler's interval"
    periods = {minutes: row["Periods"] for minutes, row in project.endpoint["Mappings"]["IdlePeriods"].items()}
    if alarm.get("EvaluationPeriods") != {"Fn::FindInMap": ["IdlePeriods", {"Ref": "IdleMinutes"}, "Periods"]} or periods != {
        str(minutes): minutes / 5 for minutes in project.endpoint["Parameters"]["IdleMinutes"]["AllowedValues"]
    }:
        yield "it does not evaluate IdleMinutes"


def idle_instances_are_those_beyond_the_kept_ones(project):
    alarm = resource(project, "IdleInstancesAlarm", "endpoint")
    if alarm["Threshold"] != {"Fn::If": ["HasWarmHours", {"Ref": "WarmInstances"}, {"Ref": "MinInstances"}]} or alarm["ComparisonOperator"] != "GreaterThanThreshold":
        yield "instances that are kept trigger it"
    for minutes, row in project.endpoint["Mappings"]["IdlePeriods"].items():
        if row["WithoutJobs"] * 5 != max(120, int(minutes) + 60) or row["Enough"] != row["WithoutJobs"] - 2:
            yield f"IdleMinutes {minutes}: it fires after {row['WithoutJobs'] * 5} minutes, or one period without data prevents it"


def warm_hours_are_optional_and_only_change_the_minimum(project):
    if project.endpoint["Conditions"]["HasWarmHours"] != {"Fn::Not": [{"Fn::Equals": [{"Ref": "WarmInstances"}, 0]}]}:
        yield "0 warm instances are not none"
    target = resource(project, "ScalableTarget", "endpoint")
    condition, actions, otherwise = target["ScheduledActions"]["Fn::If"]
    if condition != "HasWarmHours" or otherwise != {"Ref": "AWS::NoValue"}:
        yield "there are scheduled actions without warm hours"
    by_name = {action["ScheduledActionName"]: action for action in actions}
    expected = {"warm": ("WarmFrom", {"Ref": "WarmInstances"}, "${WarmDays}"), "cool": ("WarmUntil", target["MinCapacity"], "*")}
    if set(by_name) != set(expected):
        yield f"scheduled actions are {sorted(by_name)}"
    for name in set(by_name) & set(expected):
        action, (time, least, days) = by_name[name], expected[name]
        if action["ScalableTargetAction"] != {"MinCapacity": least} or action["Timezone"] != {"Ref": "WarmTimezone"}:
            yield f"{name} sets something else than the minimum, or in another time zone"
        parts = {word: {"Fn::Select": [at, {"Fn::Split": [":", {"Ref": time}]}]} for at, word in enumerate(("Hour", "Minute"))}
        if action["Schedule"]["Fn::Sub"] != ["cron(${Minute} ${Hour} ? * %s *)" % days, parts]:
            yield f"{name} runs at another time than {time}"
    if not any("WarmFrom" in mentions(rule) and "WarmUntil" in mentions(rule) for rule in project.endpoint["Rules"].values()):
        yield "warm hours may begin and end at the same time"


def updates_can_be_rolled_back(project):
    config = resource(project, "Endpoint", "endpoint")["DeploymentConfig"]
    policy, alarms = config["BlueGreenUpdatePolicy"], config["AutoRollbackConfiguration"]["Alarms"]
    named = {alarm["AlarmName"].get("Ref") for alarm in alarms}
    declared = project.of_type("CloudWatch::Alarm", project.endpoint)
    if not named or not named <= set(declared):
        yield f"updates are rolled back by {sorted(map(str, named))}, which are no alarms of the template"
    described = {json.dumps(s["Resource"]) for s in grants(resource(project, "ExecutionRole", "endpoint")) if s["Action"] == "cloudwatch:DescribeAlarms"}
    for name in named & set(declared):
        if "Endpoint" in mentions(declared[name]):
            yield f"{name} and the endpoint depend on each other"
        if declared[name]["TreatMissingData"] != "notBreaching":
            yield f"{name} fires without invocations"
        if not any("alarm:" + declared[name]["AlarmName"]["Fn::Sub"] in text for text in described):
            yield f"the endpoint's role may not read {name}"
    waits = 3600 + policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"]
    given = project.endpoint["Parameters"]
    starts = given["ProvisionTimeoutSeconds"]["MaxValue"] + 2 * given["StartupTimeoutSeconds"]["MaxValue"]
    if policy["MaximumExecutionTimeoutInSeconds"] <= waits + starts:
        yield "an update may take longer than its limit"
    if policy["TerminationWaitInSeconds"] != {"Ref": "TerminationWaitSeconds"}:
        yield "running requests are not waited for"
    for name in ("Model", "EndpointConfig"):
        if project.endpoint["Resources"][name].get("UpdateReplacePolicy") != "Retain":
            yield f"{name} is deleted, though a rollback may have restored it"


def figure(project, alarm, name):
    """The metric of an alarm that has this id."""
    return next(m["MetricStat"]["Metric"] for m in resource(project, alarm, "endpoint")["Metrics"] if m["Id"] == name)


def scheduled(project):
    return resource(project, "ScalableTarget", "endpoint")["ScheduledActions"]


Rules = check({
    parameter_files_fit_the_template: [
        lambda p: p.parameters["ocr-batch"].update(Typo="1"),
        lambda p: p.parameters["ocr-batch"].update(MaxInstances="0"),
        lambda p: p.parameters["ocr-batch"].update(WarmInstances="5"),
        lambda p: p.parameters["ocr-batch"].update(IdleMinutes="7"),
        lambda p: p.parameters["ocr-batch"].update(EndpointName="ocr"),
        lambda p: drop(p.parameters["ocr-batch"], "InstanceType"),
    ],
    the_endpoint_scales_from_zero: [
        lambda p: drop(p.endpoint["Resources"], "ScaleFromZeroAlarm"),
    ],
    the_right_to_publish_is_in_the_role_itself: [
        lambda p: resource(p, "ExecutionRole", "endpoint")["Policies"][0]["PolicyDocument"]["Statement"].remove(
            statement(p, "ExecutionRole", "Notifications", "endpoint")
        ),
    ],
    the_endpoint_never_stops_an_instance_that_works: [
        lambda p: resource(p, "BacklogPolicy", "endpoint")["TargetTrackingScalingPolicyConfiguration"].update(DisableScaleIn=False),
        lambda p: figure(p, "IdleAlarm", "backlog").update(MetricName="ApproximateBacklogSizePerInstance"),
        lambda p: figure(p, "IdleAlarm", "open").update(MetricName="JobsAtRisk"),
        lambda p: figure(p, "IdleAlarm", "open").update(Dimensions=[{"Name": "Pipeline", "Value": "legal-review"}]),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"].pop(),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][0].update(Expression="FILL(backlog, 1) + FILL(open, 0)"),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][0].update(Expression="backlog + open"),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][1]["MetricStat"].update(Period=60),
        lambda p: resource(p, "IdleAlarm", "endpoint")["Metrics"][1]["MetricStat"].update(Stat="Minimum"),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(TreatMissingData="missing"),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(DatapointsToAlarm=1),
        lambda p: resource(p, "IdleAlarm", "endpoint").update(EvaluationPeriods=1),
        lambda p: p.endpoint["Mappings"]["IdlePeriods"]["30"].update(Periods=3),
        lambda p: p.endpoint["Parameters"]["IdleMinutes"]["AllowedValues"].append(7),
        lambda p: p.service["Mappings"]["Settings"]["Reconciler"].update(IntervalSeconds="600"),
    ],
    idle_instances_are_those_beyond_the_kept_ones: [
        lambda p: resource(p, "IdleInstancesAlarm", "endpoint").update(Threshold=0),
        lambda p: p.endpoint["Mappings"]["IdlePeriods"]["240"].update(WithoutJobs=24),
        lambda p: p.endpoint["Mappings"]["IdlePeriods"]["15"].update(Enough=24),
    ],
    warm_hours_are_optional_and_only_change_the_minimum: [
        lambda p: scheduled(p)["Fn::If"].__setitem__(2, []),
        lambda p: p.endpoint["Conditions"].update(HasWarmHours={"Fn::Not": [{"Fn::Equals": [{"Ref": "MinInstances"}, 0]}]}),
        lambda p: scheduled(p)["Fn::If"][1].pop(),
        lambda p: scheduled(p)["Fn::If"][1][1].update(ScalableTargetAction={"MinCapacity": 0}),
        lambda p: scheduled(p)["Fn::If"][1][0].update(ScalableTargetAction={"MinCapacity": {"Ref": "WarmInstances"}, "MaxCapacity": 1}),
        lambda p: drop(scheduled(p)["Fn::If"][1][0], "Timezone") or scheduled(p)["Fn::If"][1][0].update(Timezone="UTC"),
        lambda p: scheduled(p)["Fn::If"][1][1].update(Schedule=scheduled(p)["Fn::If"][1][0]["Schedule"]),
        lambda p: p.endpoint["Rules"].clear(),
    ],
    updates_can_be_rolled_back: [
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"].clear(),
        lambda p: drop(p.endpoint["Resources"], "RollbackAlarm"),
        lambda p: figure(p, "RollbackAlarm", "failed")["Dimensions"][0].update(Value={"Fn::GetAtt": ["Endpoint", "EndpointName"]}),
        lambda p: resource(p, "RollbackAlarm", "endpoint").update(TreatMissingData="missing"),
        lambda p: statement(p, "ExecutionRole", "RollbackAlarm", "endpoint").update(Resource={"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:x"}),
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"].update(MaximumExecutionTimeoutInSeconds=14400),
        lambda p: resource(p, "Endpoint", "endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"].update(TerminationWaitInSeconds=0),
        lambda p: drop(p.endpoint["Resources"]["EndpointConfig"], "UpdateReplacePolicy"),
        lambda p: p.endpoint["Resources"]["Model"].update(UpdateReplacePolicy="Delete"),
    ],
})  # fmt: skip


if __name__ == "__main__":
    unittest.main()
