#!/usr/bin/env bash
# Tool:      MiniStack 1.5.33 (an emulator of AWS, from PyPI), asked with boto3 1.43.106. Date: 2026-11-30.
#
# Guess, written down before running: a stack whose template says TimeToLiveSpecification of a table and CorsConfiguration of an
# HTTP API has both in effect, or is refused: the same settings by API calls work (update_time_to_live, create_api).
#
# Behaviour: the stack is CREATE_COMPLETE. The table's time to live is DISABLED, and the preflight request of a browser
# gets no Access-Control-Allow-Origin: the API keeps the template's spelling (AllowOrigins) and reads the other (allowOrigins).
#
# Output seen:
#   by template: time to live DISABLED, Access-Control-Allow-Origin None
#   by API:      time to live ENABLED, Access-Control-Allow-Origin https://page.example.com
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
server=
finish() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port TMPDIR=$work \
    "$work/venv/bin/ministack" > "$work/log" 2>&1 &
server=$!

PORT=$port "$work/venv/bin/python" - <<'PYTHON'
import http.client
import json
import os
import socket
import sys
import time

import boto3

port = int(os.environ["PORT"])
deadline = time.monotonic() + 60
while True:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit("MiniStack did not start")
        time.sleep(0.2)

ORIGIN = "https://page.example.com"


def client(service):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def preflight(api):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": f"{api}.execute-api.127.0.0.1:{port}", "Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    connection.request("OPTIONS", "/items", headers=headers)
    return connection.getresponse().getheader("Access-Control-Allow-Origin")


def seen(name, table, api):
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
    found = (ttl, preflight(api))
    print(f"{name:12} time to live {ttl}, Access-Control-Allow-Origin {found[1]}")
    return found


key = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
table = {"BillingMode": "PAY_PER_REQUEST", **key, "TableName": "by-template", "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True}}
api = {"Name": "by-template", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": [ORIGIN], "AllowMethods": ["GET"]}}
resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": table}, "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": api}}
template = {"Resources": resources, "Outputs": {"Api": {"Value": {"Ref": "Api"}}}}
cloudformation, dynamodb, apigateway = client("cloudformation"), client("dynamodb"), client("apigatewayv2")
cloudformation.create_stack(StackName="example", TemplateBody=json.dumps(template))
cloudformation.get_waiter("stack_create_complete").wait(StackName="example", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
stack = cloudformation.describe_stacks(StackName="example")["Stacks"][0]
by_template = seen("by template:", "by-template", stack["Outputs"][0]["OutputValue"])

dynamodb.create_table(TableName="by-api", BillingMode="PAY_PER_REQUEST", **key)
dynamodb.update_time_to_live(TableName="by-api", TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True})
cors = {"AllowOrigins": [ORIGIN], "AllowMethods": ["GET"]}
by_api = seen("by API:", "by-api", apigateway.create_api(Name="by-api", ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"])
sys.exit(0 if by_template == ("DISABLED", None) and by_api == ("ENABLED", ORIGIN) else 1)
PYTHON
