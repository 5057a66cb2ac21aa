"""Tests of the additions to IAM in MiniStack.

python -m unittest test_stack_grants     (ministack and botocore must be installed)
"""

import http.server
import importlib.util
import json
import os
from pathlib import Path
import tempfile
import threading
import unittest

from stack_grants import actions_to_see_a_404, condition_keys, named
from test_stack_process import Stack

ROOT = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def key_of(table: str, index: str | None) -> str:
    return {"jobs": "job_id", "records": "pk", "by_next_check": "check_shard", "": ""}[index or table]


class ConditionKeys(unittest.TestCase):
    """The condition keys of a DynamoDB request."""

    def test_an_update_has_its_partition_key_and_all_attributes(self) -> None:
        update = {
            "TableName": "jobs",
            "Key": {"job_id": {"S": "j"}},
            "UpdateExpression": "SET next_check_at = if_not_exists(#a.b, :until), c = list_append(c, :x) REMOVE d[1]",
            "ConditionExpression": "attribute_exists(e) AND NOT (f BETWEEN :here AND g) and size(#h) < :n",
            "ExpressionAttributeNames": {"#a": "state", "#h": "h-h"},
            "ExpressionAttributeValues": {":until": {"N": "1"}},
            "ReturnValues": "ALL_NEW",
        }
        found = condition_keys(update, key_of)
        self.assertEqual(found["dynamodb:LeadingKeys"], ["j"])
        self.assertEqual(sorted(found["dynamodb:Attributes"]), ["c", "d", "e", "f", "g", "h-h", "job_id", "next_check_at", "state"])
        self.assertEqual(found["dynamodb:ReturnValues"], "ALL_NEW")

    def test_a_query_has_the_partition_key_of_its_table_or_index(self) -> None:
        values = {":a": {"S": "audit#1"}, ":b": {"N": "7"}}
        query = {"TableName": "records", "KeyConditionExpression": "sk > :b AND #p = :a", "ExpressionAttributeNames": {"#p": "pk"}}
        found = condition_keys({**query, "ExpressionAttributeValues": values}, key_of)
        self.assertEqual(found["dynamodb:LeadingKeys"], ["audit#1"])
        query = {"TableName": "jobs", "IndexName": "by_next_check", "KeyConditionExpression": "check_shard = :b AND next_check_at <= :a"}
        found = condition_keys({**query, "ExpressionAttributeValues": values}, key_of)
        self.assertEqual(found["dynamodb:LeadingKeys"], ["7"])

    def test_batches_and_transactions_have_the_keys_of_all_items(self) -> None:
        keys = [{"job_id": {"S": name}} for name in "ab"]
        wanted = {"Keys": keys, "ProjectionExpression": "job_id, #s.x", "ExpressionAttributeNames": {"#s": "state"}}
        found = condition_keys({"RequestItems": {"jobs": wanted}}, key_of)
        self.assertEqual(found, {"dynamodb:LeadingKeys": ["a", "b"], "dynamodb:Attributes": ["job_id", "state"]})
        write = {"RequestItems": {"records": [{"PutRequest": {"Item": {"pk": {"S": "p"}, "x": {"N": "1"}}}}]}}
        self.assertEqual(condition_keys(write, key_of), {"dynamodb:LeadingKeys": ["p"], "dynamodb:Attributes": ["pk", "x"]})
        transaction = {"TransactItems": [{"Put": {"TableName": "records", "Item": {"pk": {"S": "p"}}}}]}
        self.assertEqual(condition_keys(transaction, key_of)["dynamodb:LeadingKeys"], ["p"])

    def test_a_scan_has_no_keys(self) -> None:
        self.assertEqual(condition_keys({"TableName": "records"}, key_of), {})

    def test_values_functions_and_nested_names_in_an_expression_are_no_attributes(self) -> None:
        self.assertEqual(named("SET a.b.c = :d, #e[0].f = size(g)"), ["a", "#e", "g"])


class Missing(unittest.TestCase):
    """Who sees that an object is missing."""

    def test_a_404_needs_the_permission_to_list(self) -> None:
        one, both = ["s3:ListBucket"], ["s3:ListBucket", "s3:ListBucketVersions"]
        self.assertEqual(actions_to_see_a_404("GET", "/b/k", {}, {"x-id": ["GetObject"]}), one)
        self.assertEqual(actions_to_see_a_404("HEAD", "/b/k/l", {}, {"X-Amz-Signature": ["0"]}), one)
        self.assertEqual(actions_to_see_a_404("GET", "/b/k", {}, {"versionId": ["v"]}), both)
        self.assertEqual(actions_to_see_a_404("PUT", "/b/k", {"x-amz-copy-source": "b/a?versionId=v"}, {}), both)
        for method, path, query in [("GET", "/b", {}), ("PUT", "/b/k", {}), ("GET", "/b/k", {"tagging": [""]})]:
            self.assertEqual(actions_to_see_a_404(method, path, {}, query), [], (method, path, query))


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Accepts every invocation."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(202)
        said = json.dumps({"InferenceId": self.headers["X-Amzn-SageMaker-Inference-Id"]}).encode()
        self.send_header("Content-Length", str(len(said)))
        self.send_header("X-Amzn-SageMaker-OutputLocation", "s3://bucket/out")
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_) -> None:
        pass


@unittest.skipUnless(all(map(importlib.util.find_spec, ("ministack", "botocore"))), "ministack or botocore is not installed")
class Enforced(Stack):
    """Calls with a role that has few permissions."""

    def setUp(self) -> None:
        endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        self.addCleanup(endpoint.server_close)
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        self.addCleanup(endpoint.shutdown)
        file, log = tempfile.mkstemp()
        os.close(file)
        self.log = Path(log)
        self.addCleanup(self.log.unlink)
        here = f"http://127.0.0.1:{endpoint.server_address[1]}"
        self.settings = {
            "AUTH": "true", "DECISIONS_LOG": log, "SAGEMAKER_RUNTIME_URL": here,
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        }  # fmt: skip
        super().setUp()

    def client(self, service: str, credentials: dict):
        import botocore.config
        import botocore.session

        session = botocore.session.Session(profile=None)
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        client = session.create_client(service, "us-east-1", endpoint_url=self.url, config=config, **credentials)
        self.addCleanup(client.close)
        return client

    def role(self, *statements: dict) -> dict:
        """Credentials of a new role."""
        iam = self.client("iam", ROOT)
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allowed = [{"Effect": "Allow", **statement} for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
        given = self.client("sts", ROOT).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        names = {"aws_access_key_id": "AccessKeyId", "aws_secret_access_key": "SecretAccessKey", "aws_session_token": "SessionToken"}
        return {ours: given[theirs] for ours, theirs in names.items()}

    def decisions(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def refused(self, call, **given) -> bool:
        from botocore.exceptions import ClientError

        try:
            call(**given)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            self.assertIn(code, ("AccessDenied", "AccessDeniedException", "403"))
            return True
        return False

    def test_items_are_restricted_by_partition_key_and_attributes(self) -> None:
        table = self.client("dynamodb", ROOT).create_table(
            TableName="records", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )["TableDescription"]["TableArn"]  # fmt: skip
        keys = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["state", "plan*", "audit*"]}}
        few = {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "a"]},
            "StringEqualsIfExists": {"dynamodb:ReturnValues": "NONE"},
        }
        credentials = self.role(
            {"Sid": "Keys", "Action": "dynamodb:PutItem", "Resource": ["arn:aws:s3:::bucket", table], "Condition": keys},
            {"Sid": "Few", "Action": "dynamodb:UpdateItem", "Resource": table, "Condition": few},
        )
        rows = self.client("dynamodb", credentials)
        for name, wanted in [("state", False), ("plan#1", False), ("plan#2", False), ("ticket#1", True)]:
            self.assertEqual(self.refused(rows.put_item, TableName="records", Item={"pk": {"S": name}}), wanted, name)
        update = {"TableName": "records", "Key": {"pk": {"S": "x"}}, "ExpressionAttributeValues": {":x": {"S": "x"}}}
        self.assertFalse(self.refused(rows.update_item, UpdateExpression="SET a = :x", **update))
        self.assertTrue(self.refused(rows.update_item, UpdateExpression="SET a = :x, b = :x", **update))
        self.assertTrue(self.refused(rows.update_item, UpdateExpression="SET a = :x", ReturnValues="ALL_OLD", **update))
        whole = {"role": "r", "session": "session", "resource": table}
        put, set_ = {"action": "dynamodb:PutItem", **whole}, {"action": "dynamodb:UpdateItem", **whole}
        no = {"allowed": False}
        kept = {"allowed": True, "sid": "Keys", "resources": [1], **put}
        # The second plan and the second refused update are duplicates.
        self.assertEqual(self.decisions(), [
            {**kept, "keys": ["state"]}, {**kept, "keys": ["plan*"]}, {**put, **no, "keys": ["ticket#1"]},
            {**set_, "allowed": True, "sid": "Few", "resources": [0], "keys": []}, {**set_, **no, "keys": ["x"]},
        ])  # fmt: skip

    def test_missing_objects_are_a_403_and_connections_count_as_tls(self) -> None:
        s3 = self.client("s3", ROOT)
        s3.create_bucket(Bucket="bucket")
        everything = {"Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]}
        only = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}, **everything}
        s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [only]}))
        s3.put_object(Bucket="bucket", Key="there")
        get = {"Sid": "Get", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::bucket/*"}
        mine = self.client("s3", self.role(get))
        self.assertFalse(self.refused(mine.get_object, Bucket="bucket", Key="there"))
        for call in (mine.get_object, mine.head_object):
            self.assertTrue(self.refused(call, Bucket="bucket", Key="missing"))
        [refused] = [line for line in self.decisions() if not line["allowed"]]
        self.assertEqual((refused["action"], refused["resource"]), ("s3:ListBucket", "arn:aws:s3:::bucket"))
        add = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [add]})
        self.client("iam", ROOT).put_role_policy(RoleName="r", PolicyName="more", PolicyDocument=document)
        with self.assertRaises(mine.exceptions.NoSuchKey):
            mine.get_object(Bucket="bucket", Key="missing")

    def test_a_batch_needs_the_permission_for_one_message(self) -> None:
        queue = self.client("sqs", ROOT).create_queue(QueueName="q")["QueueUrl"]
        sqs = self.client("sqs", self.role({"Sid": "Send", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:q"}))
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "x"}])
        self.assertEqual([line["action"] for line in self.decisions()], ["sqs:SendMessage"])
        self.assertTrue(self.refused(sqs.receive_message, QueueUrl=queue))

    def test_invoking_an_endpoint_needs_a_permission_for_it(self) -> None:
        allowed = {"Sid": "Invoke", "Action": "sagemaker:InvokeEndpointAsync", "Resource": "arn:aws:sagemaker:us-east-1:*:endpoint/docket-*"}
        runtime = self.client("sagemaker-runtime", self.role(allowed))
        said = runtime.invoke_endpoint_async(EndpointName="docket-a", InputLocation="s3://bucket/k", InferenceId="j.a1")
        self.assertEqual((said["InferenceId"], said["OutputLocation"]), ("j.a1", "s3://bucket/out"))
        self.assertTrue(self.refused(runtime.invoke_endpoint_async, EndpointName="other", InputLocation="s3://bucket/k"))

    def test_reading_an_endpoint_needs_a_permission_for_it_and_setting_its_instances_needs_another(self) -> None:
        describe = {"Sid": "Describe", "Action": "sagemaker:DescribeEndpoint", "Resource": "arn:aws:sagemaker:us-east-1:*:endpoint/docket-*"}
        role = self.role(describe)
        sagemaker = self.client("sagemaker", role)
        sagemaker.describe_endpoint(EndpointName="docket-a")
        self.assertTrue(self.refused(sagemaker.describe_endpoint, EndpointName="other"))
        capacities = [{"VariantName": "main", "DesiredInstanceCount": 1}]
        update = sagemaker.update_endpoint_weights_and_capacities
        self.assertTrue(self.refused(update, EndpointName="docket-a", DesiredWeightsAndCapacities=capacities))
        self.assertTrue(self.refused(self.client("application-autoscaling", role).describe_scalable_targets, ServiceNamespace="sagemaker"))

    def test_reading_the_limits_of_instances_needs_a_permission(self) -> None:
        limits = {"Sid": "Limits", "Action": "application-autoscaling:DescribeScalableTargets", "Resource": "*"}
        self.client("application-autoscaling", self.role(limits)).describe_scalable_targets(ServiceNamespace="sagemaker")
        self.assertEqual([line["action"] for line in self.decisions()], ["application-autoscaling:DescribeScalableTargets"])


if __name__ == "__main__":
    unittest.main()
