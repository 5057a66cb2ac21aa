"""The templates' alarms, created by CloudFormation and rung by figures, on MiniStack: one stack with them, their topic and a queue.

What alarms_test.py knows by rule is done here: the template is accepted, figures are sent, the state changes, and the
message is in the queue of whoever subscribed to the alarm topic. MiniStack evaluates less than CloudWatch does: it
puts all figures of a metric's name together, whatever their dimensions and periods, and knows nothing of missing ones.
Hence an account of its own for each round, in which no two alarms look at metrics of one name.
Run: .venv/bin/python -m unittest tests/alarms_live_test.py.
"""

import datetime
import importlib.util
import itertools
import json
import pathlib
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crates" / "devstack" / "python")]

import alarms_test  # noqa: E402  these are scripts and no packages
import cloudwatch  # noqa: E402
import template_test  # noqa: E402
import test_stack_process  # noqa: E402

REGION = "us-east-1"
MATH = "MiniStack's CloudFormation refuses metric math"
SILENCE = "MiniStack does not evaluate an alarm without figures"
# Alarms, without the first part of their names, that MiniStack cannot ring.
NOT_HERE = {
    "queue-stalled": MATH,
    "work-function-errors": MATH,
    "people-function-errors": MATH,
    "work-function-throttles": MATH,
    "people-function-throttles": MATH,
    "many-failures": MATH,
    "idle": MATH,
    "rollback": MATH,
    "reconciler-silent": SILENCE,
    "probe-missing": SILENCE,
}
POLLS = 600  # of a twentieth of a second


def own(alarm):
    """The metric of an alarm without math."""
    ((of, _, _),) = cloudwatch.watched(alarm).values()
    return of


def reduced(template, alarms):
    """A template of some alarms with what they refer to; what MiniStack does not know is left out."""
    resources, asked = {}, set(alarms)
    while asked - resources.keys():
        for name in asked & template["Resources"].keys():
            resources[name] = json.loads(
                # No kind of SageMaker's. The endpoint's name is that of the parameter.
                json.dumps(template["Resources"][name]).replace('{"Fn::GetAtt": ["Endpoint", "EndpointName"]}', '{"Ref": "EndpointName"}')
            )
            properties = resources[name]["Properties"]
            if template_test.mentions(properties.get("AlarmActions", [])) & {"WakePolicy", "IdlePolicy"}:
                del properties["AlarmActions"]  # no kind of Application Auto Scaling's either
        asked = {found for found in template_test.mentions(list(resources.values())) if found in template["Resources"]} | set(alarms)
    conditions = {name: inner for name, inner in template["Conditions"].items() if f'"{name}"' in json.dumps(resources)}
    used = template_test.mentions([list(resources.values()), list(conditions.values())])
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

    def until(self, asked, what):
        for _ in range(POLLS):
            if found := asked():
                return found
            threading.Event().wait(0.05)
        self.fail(f"{what} did not happen")

    def deploy(self, account, template, alarms, parameters):
        """Creates a stack of the alarms, with a topic; the answer is a function that fetches what the topic said."""
        sns, sqs, stacks = (self.client(service, account) for service in ("sns", "sqs", "cloudformation"))
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        queue = sqs.create_queue(QueueName="who-is-on-duty")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        body, parameters = reduced(template, alarms), parameters | {"AlarmTopicArn": topic}
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items() if name in body["Parameters"]]
        stacks.create_stack(StackName="alarms", TemplateBody=json.dumps(body), Parameters=given)

        def created():
            said = stacks.describe_stacks(StackName="alarms")["Stacks"][0]
            self.assertIn(said["StackStatus"], ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"), said.get("StackStatusReason"))
            return said["StackStatus"] == "CREATE_COMPLETE"

        self.until(created, "the stack")

        def fetch():
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return [json.loads(message["Body"]) for message in messages]

        return fetch

    def send(self, metrics, of, samples, minute):
        """Sends figures as they are at a minute of their story, which is now. One call, since each call is evaluated."""
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

    def round(self, template, parameters, told):
        """Alarms of one template, no two of which look at metrics of one name, with a story each."""
        account = next(self.accounts)
        fetch = self.deploy(account, template, [logical for logical, _, _ in told], parameters)
        metrics = self.client("cloudwatch", account)
        people, heard = set(), set()
        for _, alarm, story in told:
            of = own(alarm)
            minute = alarms_test.rung(alarm, story.figures, story.end(), cloudwatch.Reading())
            self.send(metrics, of, story.figures[of], minute or 1 + story.figures[of][-1][0])
            (now,) = metrics.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
            with self.subTest(alarm["AlarmName"], story=story.words):
                self.assertEqual(story.rings, now["StateValue"] == cloudwatch.ALARM)
            if story.rings and alarms_test.short(alarm["AlarmName"]) not in template_test.NOT_FOR_PEOPLE:
                people.add(alarm["AlarmName"])

        def hear():
            heard.update(message["AlarmName"] for message in fetch() if message["NewStateValue"] == cloudwatch.ALARM)
            return heard >= people

        self.until(hear, f"a message of each of {people}")
        self.assertEqual(people, heard, "somebody was called for nothing")

    def stacks(self):
        """(template, parameters, [(logical id, alarm, stories)]) for each stack that there is to be."""
        project = template_test.Project()
        told = {alarm["AlarmName"]: stories for alarm, stories in alarms_test.deployed(project)}
        with_probe = [(project.endpoint, parameters | {"ProbeAt": "6:00"}) for parameters in project.parameters.values()]
        for template, parameters in [(project.service, {}), (project.watch, {}), *with_probe]:
            resolve = alarms_test.Resolver(template, parameters)
            alarms = {name: resolve(alarm) for name, alarm in project.of_type("CloudWatch::Alarm", template).items()}
            yield template, parameters, [(name, alarm, told[alarm["AlarmName"]] or []) for name, alarm in alarms.items()]

    def test_alarms_ring_and_somebody_hears_them(self):
        left_out, rung = {}, set()
        for template, parameters, alarms in self.stacks():
            waiting = []
            for logical, alarm, stories in alarms:
                name = alarms_test.short(alarm["AlarmName"])
                if "Metrics" in alarm or alarm["TreatMissingData"] == "breaching":
                    left_out[name] = MATH if "Metrics" in alarm else SILENCE
                    continue
                waiting += [(logical, alarm, story) for story in stories if own(alarm) in story.figures]
                rung |= {name for story in stories if story.rings}
            while waiting:
                now, names = [], set()
                for one in list(waiting):
                    if own(one[1]).name not in names:
                        now.append(one)
                        names.add(own(one[1]).name)
                        waiting.remove(one)
                self.round(template, parameters, now)
        self.assertEqual(NOT_HERE, left_out, "say why, or take it out of NOT_HERE")
        self.assertEqual(set(), rung & NOT_HERE.keys())


if __name__ == "__main__":
    unittest.main()
