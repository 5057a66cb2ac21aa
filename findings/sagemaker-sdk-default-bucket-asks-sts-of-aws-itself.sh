#!/usr/bin/env bash
# Library:   sagemaker (AWS's Python SDK for SageMaker) 2.257.7, with boto3. Date: 2026-11-29.
#
# Guess, written down before running: with AWS_ENDPOINT_URL set to an emulator, the SDK calls the emulator for everything, as
# boto3 does by itself. AsyncPredictor.predict_async, which uploads its input to the default bucket, needs no AWS.
#
# Behaviour: Session.default_bucket() asks STS for the account's number with an address that the SDK makes up,
# https://sts.<region>.amazonaws.com, whatever AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_STS say. Local tests of such code call AWS,
# or fail without a network. With DefaultS3Bucket in the SDK's own configuration file it does not ask.
#
# Output seen:
#   boto3's own client of STS calls http://127.0.0.1:9
#   the SDK's calls https://sts.us-east-1.amazonaws.com
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.8 sagemaker==2.257.7 

AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
  AWS_CONFIG_FILE=/dev/null SAGEMAKER_SUPPRESS_V2_WARNING=1 "$work/venv/bin/python" - 2>/dev/null <<'PYTHON'
import boto3
import sagemaker

called = []


def note(request, **_):
    called.append(request.url.split("/?")[0].rstrip("/"))
    raise SystemExit  # nothing is sent


own = boto3.session.Session()
own.events.register("before-send.sts", note)
for ask in (own.client("sts").get_caller_identity, sagemaker.session.Session(boto_session=own).default_bucket):
    try:
        ask()
    except SystemExit:
        pass
print(f"boto3's own client of STS calls {called[0]}")
print(f"the SDK's calls {called[-1]}")
raise SystemExit(0 if called == ["http://127.0.0.1:9", "https://sts.us-east-1.amazonaws.com"] else 1)
PYTHON
