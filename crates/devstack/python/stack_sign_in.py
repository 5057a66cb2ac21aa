"""What MiniStack 1.5.33 lacks of Amazon Cognito's sign-in by companies, and Docket's local stack needs.

  - the resource type AWS::Cognito::UserPoolIdentityProvider in templates
  - the user pool's domain on this machine: MiniStack would send providers to amazoncognito.com
  - PKCE where a provider signs the user in (RFC 7636; MiniStack checks it for passwords only)
  - POST /oauth2/revoke (Cognito developer guide, "Token revocation endpoint")
  - all values of a SAML attribute: MiniStack keeps the first (developer guide, "Mapping IdP attributes to profiles and tokens")
  - a provider's refusal, which Cognito passes on to the client (developer guide, "Managed login and federation error responses")
  - the further calls of a trigger that took too long (developer guide, "Using Lambda triggers")

A trigger that fails lets MiniStack issue the token unchanged; MINISTACK_COGNITO_PRETOKEN_STRICT makes it refuse, as on AWS.

Still different from AWS: MiniStack checks neither the signature nor issuer, audience and nonce of a provider's ID token, nor a
SAML assertion's signature, and it sends providers no nonce.
"""

import base64
import json
import os
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit


def install() -> None:
    """Patches MiniStack in this process, before it serves."""
    os.environ.setdefault("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
    from ministack import app
    from ministack.services import cognito

    cognito._pool_domain_base_url = lambda pool: ""
    add_provider_resource(cognito)
    check_pkce(cognito)
    pass_refusals_on(cognito)
    keep_all_values(cognito)
    repeat_slow_triggers(cognito)
    add_revocation(app, cognito)


def add_provider_resource(cognito) -> None:
    """The provider as a resource: created, changed and deleted by the service's own calls."""
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    def call(operation, properties):
        status, _, body = operation(properties)
        if status >= 400:
            raise ValueError(f"AWS::Cognito::UserPoolIdentityProvider: {body!r}")

    def create(logical_id, properties, stack_name):
        call(cognito._create_identity_provider, properties)
        return properties["ProviderName"], {}

    def update(physical_id, old, new, stack_name, logical_id=None):
        call(cognito._update_identity_provider, new)
        return physical_id, {}

    def delete(physical_id, properties):
        cognito._delete_identity_provider({"UserPoolId": properties.get("UserPoolId"), "ProviderName": physical_id})

    _RESOURCE_HANDLERS["AWS::Cognito::UserPoolIdentityProvider"] = {"create": create, "update": update, "delete": delete}


def check_pkce(cognito) -> None:
    """Carries the challenge from the request for a code to the request for tokens, and checks the verifier there."""
    authorize, answer, token = cognito._oauth2_authorize_federation, cognito._oauth2_idp_response, cognito._oauth2_token

    def in_address(headers, *names):
        query = parse_qs(urlsplit(headers.get("Location", "")).query)
        return next((query[name][0] for name in names if name in query), "")

    def authorizing(query):
        response = authorize(query)
        relay = cognito._auth_codes.get(in_address(response[1], "RelayState", "state"))
        if response[0] == 302 and relay is not None:
            relay["pkce"] = (cognito._qp(query, "code_challenge"), cognito._qp(query, "code_challenge_method"))
        return response

    def answering(method, body, query):
        relay = cognito._auth_codes.get(cognito._qp(query, "state")) or {}
        response = answer(method, body, query)
        code = cognito._auth_codes.get(in_address(response[1], "code"))
        if response[0] == 302 and code is not None:
            code["pkce"] = relay.get("pkce", ("", ""))
        return response

    def exchanging(data, query, raw_body=b"", headers=None):
        form = parse_qs(raw_body.decode("utf-8", "replace"))
        entry = cognito._auth_codes.get(form.get("code", [""])[0]) or {}
        challenge, method = entry.get("pkce", ("", ""))
        if challenge and not cognito._verify_pkce(form.get("code_verifier", [""])[0], challenge, method):
            return cognito._oauth2_error("invalid_grant", "PKCE verification failed.")
        return token(data, query, raw_body, headers)

    cognito._oauth2_authorize_federation, cognito._oauth2_idp_response, cognito._oauth2_token = authorizing, answering, exchanging


def pass_refusals_on(cognito) -> None:
    """Sends the browser back to the client with what the provider answered instead of a code."""
    answer = cognito._oauth2_idp_response

    def answering(method, body, query):
        error, state = cognito._qp(query, "error"), cognito._qp(query, "state")
        if not error or cognito._auth_codes.get(state, {}).get("type") != "relay":
            return answer(method, body, query)
        relay = cognito._auth_codes.pop(state)
        description = f"{relay['provider_name']} Error - 400 {error} {cognito._qp(query, 'error_description')}".strip()
        fields = {"error_description": description, "error": error, "state": relay["state"]}
        return 302, {"Location": f"{relay['redirect_uri']}?{urlencode(fields)}"}, b""

    cognito._oauth2_idp_response = answering


def keep_all_values(cognito) -> None:
    """Flattens the values of an attribute as Cognito documents it: form-encoded, with commas between them, in brackets."""
    first_values = cognito._parse_saml_response
    name = "{urn:oasis:names:tc:SAML:2.0:assertion}%s"

    def all_values(encoded):
        parsed = first_values(encoded)
        for attribute in cognito.safe_xml_parse(base64.b64decode(encoded)).iter(name % "Attribute"):
            values = [one.text or "" for one in attribute.findall(name % "AttributeValue")]
            if len(values) > 1:
                parsed["attributes"][attribute.get("Name", "")] = f"[{', '.join(map(quote_plus, values))}]"
        return parsed

    cognito._parse_saml_response = all_values


def repeat_slow_triggers(cognito) -> None:
    """Calls a trigger that timed out three times in all, as Cognito does."""
    call = cognito._apply_pretoken_trigger

    def call_again(*args, **options):
        for _ in range(2):
            try:
                return call(*args, **options)
            except Exception as error:
                if "timed out" not in str(error):
                    raise
        return call(*args, **options)

    cognito._apply_pretoken_trigger = call_again


def add_revocation(app, cognito) -> None:
    """Revokes a refresh token, and with it all tokens of the same sign-in."""
    others = app._handle_cognito_body_request

    async def handle(method, path, headers, body, query):
        if (method, path) != ("POST", "/oauth2/revoke"):
            return await others(method, path, headers, body, query)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        client_id, secret = cognito._authenticate_client(headers, form)
        _, _, client = cognito._find_pool_by_client_id(client_id)
        json_type = {"Content-Type": "application/json"}
        if not client or (client.get("ClientSecret") or "") != (secret or ""):
            return 400, json_type, json.dumps({"error": "invalid_client"}).encode()
        claims = cognito._token_claims(form.get("token", ""))
        if claims.get("token_use") != "refresh" or claims.get("client_id") != client_id:
            return 400, json_type, json.dumps({"error": "unsupported_token_type" if claims else "invalid_request"}).encode()
        cognito._revoke_token({"Token": form["token"], "ClientId": client_id})
        return 200, json_type, b""

    app._handle_cognito_body_request = handle
