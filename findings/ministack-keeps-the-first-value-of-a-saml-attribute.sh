#!/usr/bin/env bash
# Tool:      MiniStack 1.5.33 (an emulator of AWS, from PyPI), asked with boto3 1.43.106. Date: 2026-11-30.
#
# Guess, written down before running: a SAML attribute with several values, as providers send groups, arrives in the mapped
# attribute of the user with all of them, flattened to `[one, two]` (Amazon Cognito developer guide, "Mapping IdP attributes to
# profiles and tokens").
#
# Behaviour: the sign-in succeeds, and the attribute has the first value alone, without brackets. A test with a user of one
# group passes; one of two groups silently has one, and which depends on the order in the assertion.
#
# Output seen:
#   sent: legal-customers, legal-reviewers
#   stored: legal-customers
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ministack==1.5.33 boto3==1.43.106
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env -i PATH="$PATH" HOME="$folder" TMPDIR="$folder" GATEWAY_PORT="$port" BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 \
  IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 "$folder/venv/bin/python" -m ministack >"$folder/log" 2>&1 &
pid=$!
cat >"$folder/look.py" <<'PYTHON'
import base64, sys, time, urllib.error, urllib.parse, urllib.request
import boto3

url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(url + "/_ministack/ready")
        break
    except OSError:
        time.sleep(0.1)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def location(address, data=None):
    try:
        urllib.request.build_opener(NoRedirect).open(address, data)
    except urllib.error.HTTPError as answer:
        return answer.headers["Location"]


keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1", "endpoint_url": url}
cognito = boto3.client("cognito-idp", **keys)
schema = [{"Name": "groups", "AttributeDataType": "String", "Mutable": True}]
pool = cognito.create_user_pool(PoolName="pool", Schema=schema)["UserPool"]["Id"]
cognito.create_identity_provider(
    UserPoolId=pool, ProviderName="Acme", ProviderType="SAML",
    ProviderDetails={"MetadataURL": "https://login.acme.example/metadata"}, AttributeMapping={"custom:groups": "groups"},
)
callback = "https://page.example/sign-in"
client = cognito.create_user_pool_client(
    UserPoolId=pool, ClientName="page", SupportedIdentityProviders=["Acme"], CallbackURLs=[callback],
    AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"],
)["UserPoolClient"]["ClientId"]
query = {"response_type": "code", "client_id": client, "redirect_uri": callback, "identity_provider": "Acme", "scope": "openid"}
at_provider = urllib.parse.urlsplit(location(f"{url}/oauth2/authorize?{urllib.parse.urlencode(query)}")).query
groups = ["legal-customers", "legal-reviewers"]
values = "".join(f"<s:AttributeValue>{group}</s:AttributeValue>" for group in groups)
response = (
    '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion"><s:Assertion>'
    "<s:Subject><s:NameID>u-17</s:NameID></s:Subject><s:AttributeStatement>"
    f'<s:Attribute Name="groups">{values}</s:Attribute></s:AttributeStatement></s:Assertion></p:Response>'
)
form = {"SAMLResponse": base64.b64encode(response.encode()), "RelayState": urllib.parse.parse_qs(at_provider)["RelayState"][0]}
location(url + "/saml2/idpresponse", urllib.parse.urlencode(form).encode())
[user] = cognito.list_users(UserPoolId=pool)["Users"]
[stored] = [one["Value"] for one in user["Attributes"] if one["Name"] == "custom:groups"]
print(f"sent: {', '.join(groups)}\nstored: {stored}")
sys.exit(0 if stored == groups[0] else 1)
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$port"
