"""docket-endpoint alone, as in tests of any service: an input in S3 becomes a result in S3 and a notification in SQS.

The emulator is MiniStack, or another one at EMULATOR_URL. Needs `make build`.
Run: .venv/bin/python -m unittest tests/endpoint_alone_test.py
"""

import http.server
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crates" / "devstack" / "python")]

import botocore.session  # noqa: E402
from endpoint_limits_test import PROGRAM  # noqa: E402  found by the line above
import test_stack_process  # noqa: E402
from waiting import until  # noqa: E402

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class Container(http.server.BaseHTTPRequestHandler):
    """Answers with the length of the document, or with 422 if it is empty of sense."""

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        document = self.rfile.read(int(self.headers["content-length"]))
        self.answer(*((422, b'{"reason": "no sense in it"}') if document == b"nonsense" else (200, json.dumps({"bytes": len(document)}).encode())))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@unittest.skipUnless(os.environ.get("CI") or PROGRAM.exists() and importlib.util.find_spec("ministack"), "needs make build and ministack")
class Alone(test_stack_process.Stack):
    def setUp(self):
        self.url = os.environ.get("EMULATOR_URL")
        if not self.url:
            super().setUp()
        container = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Container)
        threading.Thread(target=container.serve_forever, daemon=True).start()
        self.addCleanup(container.server_close)
        self.addCleanup(container.shutdown)
        self.container = f"http://127.0.0.1:{container.server_port}"

    def client(self, service, url=None):
        return botocore.session.get_session().create_client(service, endpoint_url=url or self.url, **CREDENTIALS)

    def test_a_request_becomes_a_result_and_a_notification(self):
        s3, sns, sqs = map(self.client, ("s3", "sns", "sqs"))
        s3.create_bucket(Bucket="alone")
        queue = sqs.create_queue(QueueName="alone")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("alone-success", "alone-error")]
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        options = ["--name", "alone", "--container", self.container, "--output", "s3://alone/out/", "--failure", "s3://alone/failed/", "--aws-url", self.url]
        options += ["--success-topic", topics[0], "--error-topic", topics[1], "--include-response-in", "success", "--time-factor", "600"]
        program = subprocess.Popen([PROGRAM, *options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.terminate)
        runtime = self.client("sagemaker-runtime", program.stdout.readline().strip())

        asked = {}
        for name, content in (("good", b"a document"), ("bad", b"nonsense")):
            s3.put_object(Bucket="alone", Key=f"in/{name}", Body=content)
            asked[name] = runtime.invoke_endpoint_async(EndpointName="alone", InputLocation=f"s3://alone/in/{name}", InferenceId=name, InvocationTimeoutSeconds=60)
        told = {}

        def all_told():
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                notification = json.loads(message["Body"])
                told[notification.get("inferenceId")] = notification
            return {"good", "bad"} <= set(told)

        until("both notifications", all_told)
        self.assertEqual([told[name]["invocationStatus"] for name in ("good", "bad")], ["Completed", "Failed"])
        self.assertEqual(told["good"]["responseParameters"]["outputLocation"], asked["good"]["OutputLocation"])
        result = asked["good"]["OutputLocation"].removeprefix("s3://alone/")
        self.assertEqual(json.loads(s3.get_object(Bucket="alone", Key=result)["Body"].read()), {"bytes": 10})
        self.assertEqual(s3.list_objects_v2(Bucket="alone", Prefix="failed/")["KeyCount"], 1)
        self.assertIn("422", json.dumps(told["bad"]))


if __name__ == "__main__":
    unittest.main()
