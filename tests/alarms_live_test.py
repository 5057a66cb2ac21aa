"""The templates' alarms, created by CloudFormation and triggered by data points on MiniStack.

What alarms_test.py checks by rule happens here: the template is accepted, data points are sent, the state changes, and
the notification arrives in a queue that is subscribed to the alarm topic. MiniStack evaluates less than CloudWatch: it
merges all data points of a metric's name, whatever their dimensions and periods, and ignores missing data. So each
round has an account of its own, in which no two alarms use metrics of the same name.
Run: .venv/bin/python -m unittest tests/alarms_live_test.py
"""

import datetime
import importlib.util
import itertools
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crates" / "devstack" / "python")]

import alarms_test  # noqa: E402  these are scripts and no packages
import cloudwatch  # noqa: E402
import monitoring_test  # noqa: E402
import templates  # noqa: E402
import test_stack_process  # noqa: E402
from waiting import until  # noqa: E402

REGION = "us-east-1"
MATH = "MiniStack's CloudFormation refuses metric math"
SILENCE = "MiniStack does not evaluate an alarm without data"
# Alarms, without the first part of their names, that MiniStack cannot evaluate.
UNSUPPORTED = {
    "queue-stalled": MATH,
    "worker-function-errors": MATH,
    "api-function-errors": MATH,
    "worker-function-throttles": MATH,
    "api-function-throttles": MATH,
    "many-failures": MATH,
    "idle": MATH,
    "idle-instances": MATH,
    "rollback": MATH,
    "reconciler-silent": SILENCE,
    "capacity-silent": SILENCE,
    "retention-silent": SILENCE,
    "probe-missing": SILENCE,
}


def own(alarm):
    """The metric of an alarm without math."""
    ((of, _, _),) = cloudwatch.watched(alarm).values()
    return of


def reduced(template, alarms):
    """A template of some alarms with what they refer to, without what MiniStack does not support."""
    resources, asked = {}, set(alarms)
    while asked - resources.keys():
        for name in asked & template["Resources"].keys():
            resources[name] = json.loads(
                # MiniStack has no SageMaker resources. The endpoint's name is that of the parameter.
                json.dumps(template["Resources"][name]).replace('{"Fn::GetAtt": ["Endpoint", "EndpointName"]}', '{"Ref": "EndpointName"}')
            )
            properties = resources[name]["Properties"]
            if templates.mentions(properties.get("AlarmActions", [])) & {"ScaleFromZeroPolicy", "IdlePolicy"}:
                del properties["AlarmActions"]  # nor Application Auto Scaling
        asked = {found for found in templates.mentions(list(resources.values())) if found in template["Resources"]} | set(alarms)
    conditions = {name: inner for name, inner in template["Conditions"].items() if f'"{name}"' in json.dumps(resources)}
    used = templates.mentions([list(resources.values()), list(conditions.values())])
    return {
        "Parameters": {name: parameter for name, parameter in template["Parameters"].items() if name in used},
        "Conditions": conditions,
        "Resources": resources,
    }


@unittest.skipUnless(importlib.util.find_spec("ministack"), "ministack is not installed")
class Live(test_stack_process.Stack):
    """One MiniStack for all rounds."""

    def setUp(self):
        super().setUp()
        import botocore.session

        self.session, self.accounts = botocore.session.get_session(), itertools.count(100000000001)

    def client(self, service, account):
        client = self.session.create_client(
            service, REGION, endpoint_url=self.url, aws_access_key_id=str(account), aws_secret_access_key="test"
        )
        self.addCleanup(client.close)
        return client

    def deploy(self, account, template, alarms, parameters):
        """Creates a stack of the alarms, with a topic. Returns a function that fetches the topic's notifications."""
        sns, sqs, stacks = (self.client(service, account) for service in ("sns", "sqs", "cloudformation"))
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        queue = sqs.create_queue(QueueName="operators")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        body, parameters = reduced(template, alarms), parameters | {"AlarmTopicArn": topic}
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items() if name in body["Parameters"]]
        stacks.create_stack(StackName="alarms", TemplateBody=json.dumps(body), Parameters=given)

        def created():
            said = stacks.describe_stacks(StackName="alarms")["Stacks"][0]
            self.assertIn(said["StackStatus"], ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"), said.get("StackStatusReason"))
            return said["StackStatus"] == "CREATE_COMPLETE"

        until("the stack is created", created)

        def fetch():
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return [json.loads(message["Body"]) for message in messages]

        return fetch

    def send(self, metrics, of, samples, minute):
        """Sends the data of a story up to a minute, which is now. One call, since each call is evaluated."""
        now = datetime.datetime.now(datetime.timezone.utc)
        data = [
            {
                "MetricName": of.name,
                "Dimensions": [{"Name": name, "Value": inner} for name, inner in sorted(of.dimensions)],
                "Timestamp": now - datetime.timedelta(minutes=minute - at - 0.5),
                "Value": value,
            }
            for at, value in samples
            if at < minute
        ]
        metrics.put_metric_data(Namespace=of.namespace, MetricData=data)

    def round(self, template, parameters, chosen):
        """Alarms of one template, no two of which use metrics of the same name, with a story each."""
        account = next(self.accounts)
        fetch = self.deploy(account, template, [logical for logical, _, _ in chosen], parameters)
        metrics = self.client("cloudwatch", account)
        expected, received = set(), set()
        for _, alarm, story in chosen:
            of = own(alarm)
            minute = alarms_test.fired(alarm, story.data, story.end(), cloudwatch.Reading())
            self.send(metrics, of, story.data[of], minute or 1 + story.data[of][-1][0])
            (now,) = metrics.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
            with self.subTest(alarm["AlarmName"], story=story.words):
                self.assertEqual(story.fires, now["StateValue"] == cloudwatch.ALARM)
            if story.fires and alarms_test.short(alarm["AlarmName"]) not in monitoring_test.AUTOMATIC:
                expected.add(alarm["AlarmName"])

        def receive():
            received.update(message["AlarmName"] for message in fetch() if message["NewStateValue"] == cloudwatch.ALARM)
            return received >= expected

        until(f"each of {expected} sent a notification", receive)
        self.assertEqual(expected, received, "a notification without a reason")

    def stacks(self):
        """(template, parameters, [(logical id, alarm, stories)]) for each stack that there is to be."""
        project = templates.Project()
        stories_of = {alarm["AlarmName"]: stories for alarm, stories in alarms_test.deployed(project)}
        with_probe = [(project.endpoint, parameters | {"ProbeAt": "6:00"}) for parameters in project.parameters.values()]
        for template, parameters in [(project.service, {}), (project.monitoring, {}), *with_probe]:
            resolve = alarms_test.Resolver(template, parameters)
            alarms = {name: resolve(alarm) for name, alarm in project.of_type("CloudWatch::Alarm", template).items()}
            yield template, parameters, [(name, alarm, stories_of[alarm["AlarmName"]] or []) for name, alarm in alarms.items()]

    def test_alarms_fire_and_notify_the_subscribers_of_the_topic(self):
        left_out, fired = {}, set()
        for template, parameters, alarms in self.stacks():
            waiting = []
            for logical, alarm, stories in alarms:
                name = alarms_test.short(alarm["AlarmName"])
                if "Metrics" in alarm or alarm["TreatMissingData"] == "breaching":
                    left_out[name] = MATH if "Metrics" in alarm else SILENCE
                    continue
                waiting += [(logical, alarm, story) for story in stories if own(alarm) in story.data]
                fired |= {name for story in stories if story.fires}
            while waiting:
                now, names = [], set()
                for one in list(waiting):
                    if own(one[1]).name not in names:
                        now.append(one)
                        names.add(own(one[1]).name)
                        waiting.remove(one)
                self.round(template, parameters, now)
        self.assertEqual(UNSUPPORTED, left_out, "say why, or take it out of UNSUPPORTED")
        self.assertEqual(set(), fired & UNSUPPORTED.keys())


if __name__ == "__main__":
    unittest.main()
