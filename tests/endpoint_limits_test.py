"""docket-endpoint at every limit of InvokeEndpointAsync, driven by botocore, which is what boto3 sends requests with.

The limits come from botocore's model, so that a new one shows here. Values at a limit must be accepted with a 202, values
beyond it refused with a ValidationError. Needs `make build`.
Run: .venv/bin/python -m unittest tests/endpoint_limits_test.py
"""

import os
import pathlib
import subprocess
import unittest

from botocore.client import Config
from botocore.exceptions import ClientError
import botocore.session

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "docket-endpoint"
NAME = "docket-legal-review"
INPUT = {"InputLocation": "s3://bucket/key"}
# A valid value of a given length for each member that is text.
TEXTS = {
    "ContentType": lambda length: "application/" + "x" * (length - 12),
    "Accept": lambda length: "a" * length,
    "CustomAttributes": lambda length: "c" * length,
    "InferenceId": lambda length: "i" * length,
    "InputLocation": lambda length: "s3://bucket/" + "k" * (length - 12),
    "S3OutputPathExtension": lambda length: "e" * length,
    "Filename": lambda length: "f" * length,
}
# What the patterns forbid.
UNFIT = {
    "InferenceId": ["i\ti"],
    "InputLocation": ["ftp://bucket/key", "bucket/key", "s3://"],
    "S3OutputPathExtension": ["s3:x", "https:x", "a b", "ü".encode().decode("latin-1")],
    "Filename": ["a.b.c", ".a", "-a", "_a", "a/b", "a b"],
}


@unittest.skipUnless(PROGRAM.exists() or os.environ.get("CI"), "needs make build")
class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Port 9 is closed: accepted requests fail later, in the background.
        options = ["--name", NAME, "--container", "http://127.0.0.1:9", "--output", "s3://bucket/out/", "--aws-url", "http://127.0.0.1:9"]
        cls.server = subprocess.Popen([PROGRAM, *options], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.stop)
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, region_name="eu-central-1")
        cls.client = botocore.session.get_session().create_client(
            "sagemaker-runtime", endpoint_url=cls.server.stdout.readline().strip(), aws_access_key_id="test", aws_secret_access_key="test", config=config
        )
        cls.members = cls.client.meta.service_model.operation_model("InvokeEndpointAsync").input_shape.members

    @classmethod
    def stop(cls):
        cls.server.terminate()
        cls.server.wait(10)
        cls.server.stdout.close()

    def invoke(self, **parameters):
        """202, or the error's name."""
        try:
            answer = self.client.invoke_endpoint_async(**{"EndpointName": NAME, **parameters})
        except ClientError as error:
            return error.response["Error"]["Code"]
        self.assertTrue(answer["InferenceId"] and answer["OutputLocation"])
        return answer["ResponseMetadata"]["HTTPStatusCode"]

    def test_every_limit_of_the_model_is_known_here(self):
        limited = {name for name, shape in self.members.items() if {"max", "pattern"} & set(shape.metadata)}
        numbers = {name for name in limited if self.members[name].type_name == "integer"}
        self.assertEqual(limited - numbers, {*TEXTS, "Body", "EndpointName"})
        self.assertEqual(numbers, {"RequestTTLSeconds", "InvocationTimeoutSeconds"})

    def test_texts_are_limited_in_length(self):
        for name, text in TEXTS.items():
            most = self.members[name].metadata["max"]
            with self.subTest(name):
                self.assertEqual(self.invoke(**{**INPUT, name: text(most)}), 202)
                self.assertEqual(self.invoke(**{**INPUT, name: text(most + 1)}), "ValidationError")

    def test_texts_must_fit_their_patterns(self):
        for name, values in UNFIT.items():
            for value in values:
                with self.subTest(f"{name} {value!r}"):
                    self.assertEqual(self.invoke(**{**INPUT, name: value}), "ValidationError")

    def test_numbers_are_limited(self):
        for name in ("RequestTTLSeconds", "InvocationTimeoutSeconds"):
            limits = self.members[name].metadata
            with self.subTest(name):
                self.assertEqual([self.invoke(**INPUT, **{name: limits[end]}) for end in ("min", "max")], [202, 202])
                for beyond in (limits["min"] - 1, limits["max"] + 1):
                    self.assertEqual(self.invoke(**INPUT, **{name: beyond}), "ValidationError")

    def test_the_body_is_limited_and_excludes_a_location(self):
        most = self.members["Body"].metadata["max"]
        self.assertEqual(self.invoke(Body=b"b" * most), 202)
        self.assertEqual(self.invoke(Body=b"b" * (most + 1)), "ValidationError")
        self.assertEqual(self.invoke(Body=b"b", **INPUT), "ValidationError")
        self.assertEqual(self.invoke(), "ValidationError")

    def test_an_endpoint_that_does_not_exist_is_refused(self):
        self.assertEqual(self.invoke(EndpointName="another", **INPUT), "ValidationError")

    def test_what_the_caller_chooses_comes_back(self):
        answer = self.client.invoke_endpoint_async(EndpointName=NAME, InferenceId="mine", S3OutputPathExtension="jobs/1", Filename="result.json", **INPUT)
        self.assertEqual((answer["InferenceId"], answer["OutputLocation"]), ("mine", "s3://bucket/out/jobs/1/result.json"))


if __name__ == "__main__":
    unittest.main()
