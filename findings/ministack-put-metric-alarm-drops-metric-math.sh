#!/usr/bin/env bash
# Tool:      MiniStack 1.5.33 (an emulator of AWS, from PyPI), asked with boto3 1.43.106. Date: 2026-11-29.
#
# Guess, written down before running: an alarm made by PutMetricAlarm with `Metrics` (metric math) comes back
# from DescribeAlarms with the same `Metrics`, as it does on AWS.
#
# Behaviour: PutMetricAlarm succeeds and drops `Metrics`. What is stored is an alarm on no metric at all:
# no `Metrics`, no `MetricName`, no `Namespace`, and a statistic and a period that the request did not have.
# Its state is INSUFFICIENT_DATA. MiniStack's CloudFormation refuses the same alarm with an error,
# so only a direct call loses the expression without a word.
#
# Output seen:
#   sent:   Metrics of 3 queries
#   stored: Metrics None, MetricName None, Namespace None, Statistic Average, Period 60, INSUFFICIENT_DATA
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

cloudwatch = boto3.client(
    "cloudwatch",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="eu-central-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)


def total(query_id, name):
    metric = {"Namespace": "Example", "MetricName": name}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False}


metrics = [
    {"Id": "rate", "Expression": "100 * failed / finished", "ReturnData": True},
    total("failed", "Failed"),
    total("finished", "Finished"),
]
cloudwatch.put_metric_alarm(
    AlarmName="failure-rate",
    ComparisonOperator="GreaterThanThreshold",
    Threshold=5,
    EvaluationPeriods=1,
    Metrics=metrics,
)
(alarm,) = cloudwatch.describe_alarms(AlarmNames=["failure-rate"])["MetricAlarms"]
print(f"sent:   Metrics of {len(metrics)} queries")
print(
    f"stored: Metrics {alarm.get('Metrics')}, MetricName {alarm.get('MetricName')},"
    f" Namespace {alarm.get('Namespace')}, Statistic {alarm.get('Statistic')}, Period {alarm.get('Period')},"
    f" {alarm['StateValue']}"
)
as_described = not any(alarm.get(field) for field in ("Metrics", "MetricName", "Namespace"))
sys.exit(0 if as_described else 1)
PYTHON
