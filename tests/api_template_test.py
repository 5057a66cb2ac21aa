"""Rules for how users reach the service: the two APIs, sign-in, and the page's content security policy.

Run: .venv/bin/python -m unittest tests/api_template_test.py
"""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from templates import check, drop, mentions, resource, retained  # noqa: E402  found by the line above

# What an access log may hold of a request: no header, path or query string, so no token, file name or job id.
LOGGED = {"requestId", "requestTimeEpoch", "routeKey", "status", "authorizer.claims.sub", "authorizer.error",
          "integrationErrorMessage", "responseLatency"}  # fmt: skip


def of_api(project, kind, protocol):
    """The routes, authorizers, … of our APIs of a protocol."""
    apis = {name for name, api in project.of_type("ApiGatewayV2::Api").items() if api["ProtocolType"] == protocol}
    return {name: r for name, r in project.of_type(f"ApiGatewayV2::{kind}").items() if mentions(r["ApiId"]) & apis}


def web_socket_connections_need_a_ticket(project):
    routes = {route["RouteKey"]: route for route in of_api(project, "Route", "WEBSOCKET").values()}
    if set(routes) != {"$connect", "$disconnect", "$default"}:
        yield f"unexpected routes {sorted(routes)}"
    connect = routes.get("$connect", {})
    authorizers = of_api(project, "Authorizer", "WEBSOCKET")
    if connect.get("AuthorizationType") != "CUSTOM" or not mentions(connect.get("AuthorizerId", "")) & set(authorizers):
        yield "$connect has no authorizer"
    for name, authorizer in authorizers.items():
        if authorizer["IdentitySource"] != ["route.request.querystring.ticket"]:
            yield f"{name} does not read the ticket"
    for name, stage in of_api(project, "Stage", "WEBSOCKET").items():
        settings = stage["DefaultRouteSettings"]
        if "AccessLogSettings" in stage or settings["LoggingLevel"] != "OFF" or settings["DataTraceEnabled"]:
            yield f"{name} logs query strings, which hold tickets"
        if not settings.get("ThrottlingRateLimit"):
            yield f"{name} is not throttled"
    for name, permission in project.of_type("Lambda::Permission").items():
        if "SourceArn" not in permission:
            yield f"{name} lets any API invoke the function"


def http_requests_need_a_token(project):
    authorizers = of_api(project, "Authorizer", "HTTP")
    methods, public = set(), []
    for name, route in of_api(project, "Route", "HTTP").items():
        method, _, path = route["RouteKey"].partition(" ")
        if path == "/{proxy+}":
            methods.add(method)
        if method in ("ANY", "OPTIONS", "$default"):
            yield f"{name} takes browsers' preflight requests, which have no token"
        if route["RouteKey"] == "GET /configuration":
            public.append(route["RouteKey"])
        elif route["RouteKey"].endswith(" /unsubscribe/{link}"):
            continue  # the link in a mail is the proof
        elif route.get("AuthorizationType") != "JWT" or not mentions(route.get("AuthorizerId", "")) & set(authorizers):
            yield f"{name} answers without a token"
    pools, clients = project.of_type("Cognito::UserPool"), project.of_type("Cognito::UserPoolClient")
    for name, authorizer in authorizers.items():
        jwt = authorizer.get("JwtConfiguration", {})
        issuer, audience = jwt.get("Issuer", {}), jwt.get("Audience", [])
        trusted = mentions(issuer) - {"AWS"}
        address = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${%s}"
        if authorizer["AuthorizerType"] != "JWT" or authorizer["IdentitySource"] != ["$request.header.Authorization"]:
            yield f"{name} does not read the token"
        if len(trusted) != 1 or not trusted <= set(pools) or issuer != {"Fn::Sub": address % next(iter(trusted))}:
            yield f"{name} trusts {issuer}"
        if not audience or any(not mentions(one) & set(clients) or mentions(clients[one["Ref"]]["UserPoolId"]) != trusted for one in audience):
            yield f"{name} accepts tokens issued for {audience}"
    for name, stage in of_api(project, "Stage", "HTTP").items():
        settings = {"": stage.get("DefaultRouteSettings", {}), **stage.get("RouteSettings", {})}
        rates = {key: (one.get("ThrottlingRateLimit", 0), one.get("ThrottlingBurstLimit", 0)) for key, one in settings.items()}
        if not all(map(all, rates.values())) or not all(key in rates and rates[key] < rates[""] for key in public):
            yield f"{name} is not throttled, or public routes not more than others"
        logs = stage.get("AccessLogSettings", {})
        if not mentions(logs.get("DestinationArn", "")) & set(project.of_type("Logs::LogGroup")):
            yield f"{name} has no access log"
        surplus = set(re.findall(r"\$context\.([\w.]+)", logs.get("Format", ""))) - LOGGED
        if surplus or "sub" not in logs.get("Format", ""):
            yield f"{name} logs {sorted(surplus)}, or not the user"
    for name, api in project.of_type("ApiGatewayV2::Api").items():
        if api["ProtocolType"] != "HTTP":
            continue
        cors = api.get("CorsConfiguration", {})
        if cors.get("AllowOrigins") != [{"Ref": "PageOrigin"}] or cors.get("AllowCredentials"):
            yield f"{name} allows other origins, or credentials"
        if set(cors.get("AllowMethods", [])) != methods or set(cors.get("AllowHeaders", [])) != {"authorization", "content-type"}:
            yield f"{name} allows other methods or headers than the routes need"


def users_cannot_sign_up_or_change_what_identifies_them(project):
    for name, pool in project.of_type("Cognito::UserPool").items():
        if not retained(project.service["Resources"][name]) or "DeletionProtection" not in pool:
            yield f"{name} is deleted with the stack"
        if pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly") is not True:
            yield f"{name} lets anyone sign up"
        if pool.get("UsernameConfiguration") != {"CaseSensitive": False} or pool.get("UsernameAttributes") != ["email"]:
            yield f"{name} knows a user by two names"
        if pool["Policies"]["PasswordPolicy"].get("MinimumLength", 0) < 12:
            yield f"{name} accepts short passwords"
        if pool.get("MfaConfiguration") not in ("OPTIONAL", "ON") or "SOFTWARE_TOKEN_MFA" not in pool.get("EnabledMfas", []):
            yield f"{name} has no second factor"
    for name, client in project.of_type("Cognito::UserPoolClient").items():
        # Left out, it is everything (CreateUserPoolClient).
        if "email" in client.get("WriteAttributes", ["email"]):
            yield f"{name} lets users change the e-mail, which the audit log records"
        if client.get("GenerateSecret") is not False:
            yield f"{name} has a secret that a page cannot keep"
        if client.get("PreventUserExistenceErrors") != "ENABLED" or client.get("EnableTokenRevocation") is not True:
            yield f"{name} reveals which users exist, or cannot revoke tokens"
        if (client.get("IdTokenValidity"), client.get("TokenValidityUnits", {}).get("IdToken")) != (60, "minutes"):
            yield f"{name}: an ID token does not last an hour"
    groups = {group["GroupName"] for group in project.of_type("Cognito::UserPoolGroup").values()}
    if groups != {"auditor", "customer", "operator", "reviewer", "support"}:
        yield f"the groups are {sorted(groups)}"


def the_page_loads_and_calls_nothing_from_other_origins(project):
    allowed = {"'none'", "'self'", "'script'", "${ApiOrigin}", "${WebSocketOrigin}", "${BucketOrigin}", "${SignInOrigin}", "${CompanySignInOrigin}", "docket-pdf-worker"}
    for name, headers in project.of_type("CloudFront::ResponseHeadersPolicy", project.web).items():
        text = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
        directives = {words[0]: words[1:] for words in map(str.split, text.split(";")) if words}
        if surplus := {word for words in directives.values() for word in words} - allowed:
            yield f"{name} allows {sorted(surplus)}"
        for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
            if directives.get(directive) != ["'none'"]:
                yield f"{name}: {directive} is not 'none'"
        if directives.get("require-trusted-types-for") != ["'script'"] or directives.get("trusted-types") != ["docket-pdf-worker"]:
            yield f"{name} lets more code make scripts than that of the PDF worker"
        if any("${" in word for key, words in directives.items() if key != "connect-src" for word in words):
            yield f"{name} loads more than answers from the service"


def policy(project, old, new):
    """Changes the page's content security policy."""
    headers = resource(project, "HeadersPolicy", "web")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    text = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    assert old in text, old
    headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"] = text.replace(old, new)


Rules = check({
    web_socket_connections_need_a_ticket: [
        lambda p: resource(p, "WsConnectRoute").update(AuthorizationType="NONE"),
        lambda p: drop(resource(p, "WsConnectRoute"), "AuthorizerId"),
        lambda p: drop(p.service["Resources"], "WsConnectRoute"),
        lambda p: resource(p, "WebSocketAuthorizer").update(IdentitySource=[]),
        lambda p: resource(p, "WebSocketStage").update(AccessLogSettings={}),
        lambda p: resource(p, "WebSocketStage")["DefaultRouteSettings"].update(DataTraceEnabled=True),
        lambda p: drop(resource(p, "WebSocketStage")["DefaultRouteSettings"], "ThrottlingRateLimit"),
        lambda p: drop(resource(p, "WsConnectPermission"), "SourceArn"),
        lambda p: drop(resource(p, "SupportApiPermission"), "SourceArn"),
    ],
    http_requests_need_a_token: [
        lambda p: resource(p, "HttpRouteGET").update(AuthorizationType="NONE"),
        lambda p: drop(resource(p, "HttpRoutePOST"), "AuthorizerId"),
        lambda p: resource(p, "HttpRoutePOST").update(AuthorizerId=resource(p, "WsConnectRoute")["AuthorizerId"]),
        lambda p: resource(p, "HttpRouteGET").update(RouteKey="ANY /{proxy+}"),
        lambda p: resource(p, "HttpRouteGET").update(RouteKey="$default"),
        lambda p: resource(p, "ConfigurationRoute").update(RouteKey="GET /me"),
        lambda p: drop(p.service["Resources"], "HttpRouteDELETE"),
        lambda p: resource(p, "HttpApiAuthorizer").update(AuthorizerType="REQUEST"),
        lambda p: resource(p, "HttpApiAuthorizer").update(IdentitySource=["$request.querystring.token"]),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer="https://example.com"),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer={"Fn::Sub": "https://example.com/${UserPool}"}),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Issuer={"Ref": "UserPoolClient"}),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Audience=[]),
        lambda p: resource(p, "HttpApiAuthorizer")["JwtConfiguration"].update(Audience=["anyone"]),
        lambda p: resource(p, "UserPoolClient").update(UserPoolId="another"),
        lambda p: drop(resource(p, "HttpApiStage"), "DefaultRouteSettings"),
        lambda p: drop(resource(p, "HttpApiStage")["DefaultRouteSettings"], "ThrottlingBurstLimit"),
        lambda p: drop(resource(p, "HttpApiStage"), "RouteSettings"),
        lambda p: drop(resource(p, "HttpApiStage"), "AccessLogSettings"),
        lambda p: resource(p, "HttpApiStage")["AccessLogSettings"].update(Format="$context.authorizer.claims.sub $context.path"),
        lambda p: resource(p, "HttpApiStage")["AccessLogSettings"].update(Format="$context.status"),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowCredentials=True),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowOrigins=["*"]),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowHeaders=["*"]),
        lambda p: resource(p, "HttpApi")["CorsConfiguration"].update(AllowMethods=["GET"]),
    ],
    users_cannot_sign_up_or_change_what_identifies_them: [
        lambda p: drop(p.service["Resources"]["UserPool"], "DeletionPolicy"),
        lambda p: drop(resource(p, "UserPool"), "DeletionProtection"),
        lambda p: drop(resource(p, "UserPool"), "AdminCreateUserConfig"),
        lambda p: drop(resource(p, "UserPool"), "UsernameConfiguration"),
        lambda p: resource(p, "UserPool")["Policies"]["PasswordPolicy"].update(MinimumLength=8),
        lambda p: drop(resource(p, "UserPool"), "EnabledMfas"),
        lambda p: drop(resource(p, "UserPoolClient"), "WriteAttributes"),
        lambda p: resource(p, "UserPoolClient")["WriteAttributes"].append("email"),
        lambda p: resource(p, "UserPoolClient").update(GenerateSecret=True),
        lambda p: drop(resource(p, "UserPoolClient"), "PreventUserExistenceErrors"),
        lambda p: drop(resource(p, "UserPoolClient"), "EnableTokenRevocation"),
        lambda p: drop(resource(p, "UserPoolClient"), "TokenValidityUnits"),
        lambda p: drop(p.service["Resources"], "SupportGroup"),
    ],
    the_page_loads_and_calls_nothing_from_other_origins: [
        lambda p: policy(p, "script-src 'self'", "script-src 'self' 'unsafe-inline'"),
        lambda p: policy(p, "connect-src 'self'", "connect-src *"),
        lambda p: policy(p, "img-src 'self'", "img-src 'self' ${BucketOrigin}"),
        lambda p: policy(p, "default-src 'none'; ", ""),
        lambda p: policy(p, "frame-ancestors 'none'", "frame-ancestors 'self'"),
        lambda p: policy(p, "trusted-types docket-pdf-worker", "trusted-types docket-pdf-worker default"),
        lambda p: policy(p, "; require-trusted-types-for 'script'", ""),
    ],
})  # fmt: skip


if __name__ == "__main__":
    unittest.main()
