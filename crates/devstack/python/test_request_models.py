"""Tests of the check of requests: what botocore itself sends passes, and what AWS's models forbid does not.

Run: .venv/bin/python -m unittest discover crates/devstack/python
"""

import asyncio
import json
import unittest

import botocore.serialize
import request_models

BUCKET = {"Bucket": "docket-jobs"}
GOOD = [
    ("dynamodb", "PutItem", {"TableName": "jobs", "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(id)"}),
    ("dynamodb", "BatchGetItem", {"RequestItems": {"jobs": {"Keys": [{"id": {"S": "1"}}]}}}),
    ("sqs", "SendMessage", {"QueueUrl": "http://q", "MessageBody": "x", "DelaySeconds": 900, "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}}),
    ("sqs", "ReceiveMessage", {"QueueUrl": "http://q", "MaxNumberOfMessages": 10}),
    ("events", "PutEvents", {"Entries": [{"Source": "docket", "DetailType": "JobReady", "Detail": "{}", "EventBusName": "docket"}]}),
    ("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "sagemaker", "ResourceIds": ["endpoint/a/variant/main"]}),
    ("sagemaker", "InvokeEndpointAsync", {"EndpointName": "docket-legal-review", "InputLocation": "s3://b/k", "InferenceId": "i.a1", "RequestTTLSeconds": 60, "InvocationTimeoutSeconds": 120}),
    ("s3", "GetObject", {**BUCKET, "Key": "inbound/acme/a b+ü.pdf", "Range": "bytes=0-1023", "VersionId": "v"}),
    ("s3", "HeadObject", {**BUCKET, "Key": "k"}),
    ("s3", "PutObject", {**BUCKET, "Key": "k", "IfNoneMatch": "*", "ContentType": "application/pdf", "Metadata": {"docket-reference": "x"}}),
    ("s3", "CopyObject", {**BUCKET, "Key": "work/1", "CopySource": "b/k?versionId=1", "MetadataDirective": "REPLACE"}),
    ("s3", "ListObjectsV2", {**BUCKET, "Prefix": "outbound/", "MaxKeys": 1000}),
    ("s3", "ListObjectVersions", {**BUCKET, "Prefix": "inbound/", "KeyMarker": "k"}),
    ("s3", "CreateMultipartUpload", {**BUCKET, "Key": "k"}),
    ("s3", "ListParts", {**BUCKET, "Key": "k", "UploadId": "u"}),
    ("s3", "CompleteMultipartUpload", {**BUCKET, "Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": [{"ETag": "e", "PartNumber": 1}]}}),
    ("s3", "AbortMultipartUpload", {**BUCKET, "Key": "k", "UploadId": "u"}),
    ("s3", "DeleteObject", {**BUCKET, "Key": "k", "VersionId": "v"}),
]
BAD = [
    ("dynamodb", "PutItem", {"TableName": "jobs", "Item": {}, "Surplus": 1}, "has no member Surplus"),
    ("dynamodb", "PutItem", {"TableName": "jobs"}, "Item is missing"),
    ("dynamodb", "PutItem", {"TableName": "jobs", "Item": {"id": {"S": 5}}}, "Item.id.S is int, not string"),
    ("dynamodb", "PutItem", {"TableName": "jobs", "Item": {}, "ReturnValues": "SOME"}, "not one of NONE"),
    ("dynamodb", "BatchGetItem", {"RequestItems": {"jobs": {"Keys": [{}] * 101}}}, "has 101 entries, at most 100"),
    ("sqs", "SendMessage", {"QueueUrl": "http://q", "MessageBody": 5}, "MessageBody is int"),
    ("events", "PutEvents", {"Entries": [{}] * 11}, "has 11 entries, at most 10"),
    ("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "sage"}, "not one of"),
]


def request(service, operation, parameters):
    """A request as botocore writes it: method, path, headers, query, body."""
    name = request_models.SERVICES[service]
    model = request_models.model(name)
    protocol = model.metadata["protocol"]
    made = botocore.serialize.create_serializer(protocol).serialize_to_request(parameters, model.operation_model(operation))
    path, _, query = made["url_path"].partition("?")
    query = dict(part.partition("=")[::2] for part in query.split("&") if part) | {key: str(value) for key, value in (made["query_string"] or {}).items()}
    if service == "s3":
        path = path.replace("/{Bucket}", f"/{parameters['Bucket']}")
        path = path if path.startswith(f"/{parameters['Bucket']}") else f"/{parameters['Bucket']}{path}"
    body = made["body"] if isinstance(made["body"], bytes) else str(made["body"] or "").encode()
    return made["method"], path, dict(made["headers"]), query, body


def json_request(service, operation, parameters):
    """A request of a JSON protocol, not checked by botocore."""
    prefix = request_models.model(request_models.SERVICES[service]).metadata["targetPrefix"]
    return "POST", "/", {"X-Amz-Target": f"{prefix}.{operation}"}, {}, json.dumps(parameters).encode()


class RequestModels(unittest.TestCase):
    def test_what_botocore_sends_passes(self):
        for service, operation, parameters in GOOD:
            with self.subTest(operation=operation):
                self.assertEqual(request_models.problems(service, *request(service, operation, parameters)), [])

    def test_what_a_model_forbids_is_named(self):
        for service, operation, parameters, expected in BAD:
            with self.subTest(expected):
                said = request_models.problems(service, *json_request(service, operation, parameters))
                self.assertIn(expected, "; ".join(said))
        self.assertIn("has no operation Nothing", request_models.problems("sqs", *json_request("sqs", "Nothing", {}))[0])

    def test_headers_query_and_body_of_rest_requests_are_checked(self):
        invoke = request("sagemaker", *GOOD[6][1:])
        get = request("s3", *GOOD[7][1:])
        complete = request("s3", *GOOD[15][1:])
        for service, (method, path, headers, query, body), expected in (
            ("sagemaker", (*invoke[:2], {**invoke[2], "X-Amzn-SageMaker-RequestTTLSeconds": "59"}, *invoke[3:]), "at least 60"),
            ("sagemaker", (*invoke[:2], {**invoke[2], "X-Amzn-SageMaker-Inference-Id": "i" * 65}, *invoke[3:]), "at most 64"),
            ("sagemaker", (*invoke[:2], {**invoke[2], "X-Amzn-SageMaker-Nothing": "1"}, *invoke[3:]), "no header x-amzn-sagemaker-nothing"),
            ("s3", (*get[:2], {**get[2], "x-amz-nothing": "1"}, *get[3:]), "no header x-amz-nothing"),
            ("s3", (*get[:3], {**get[3], "nothing": "1"}, get[4]), "no query parameter nothing"),
            ("s3", (*complete[:4], b"<CompleteMultipartUpload><Port/></CompleteMultipartUpload>"), "has no member Port"),
            ("s3", ("PATCH", *get[1:]), "has no operation PATCH"),
        ):
            with self.subTest(expected):
                self.assertIn(expected, "; ".join(request_models.problems(service, method, path, headers, query, body)))

    def test_requests_to_s3_name_the_owner_of_the_bucket(self):
        for header, known, expected in (("X-Amz-Expected-Bucket-Owner", True, []), ("x-amz-other", True, ["x-amz-expected-bucket-owner is missing"]), ("x-amz-other", False, [])):
            self.assertEqual(request_models.of_owner("s3", {header: "1"}, known), expected)
        self.assertEqual(request_models.of_owner("sqs", {}), [])

    def test_only_functions_are_refused(self):
        async def answer(*_):
            return 200, {}, b""

        self.addCleanup(setattr, request_models, "knows_owner", request_models.knows_owner)
        request_models.knows_owner = lambda headers: True
        bad = json_request("sqs", "SendMessage", {})
        for of_function, expected in ((True, 400), (False, 200)):
            handler = request_models.checked("sqs", answer, lambda headers, of_function=of_function: of_function)
            method, path, headers, query, body = bad
            status, _, text = asyncio.run(handler(method, path, headers, body, query))
            self.assertEqual(status, expected, text)


if __name__ == "__main__":
    unittest.main()
