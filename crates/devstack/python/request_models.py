"""Checks the functions' requests against botocore's models of the services, which AWS publishes.

MiniStack takes much that AWS would refuse: names of members that do not exist, values of other types, too long or too
many. A request that does not fit its operation's model is answered with 400 here, so that the test that caused it fails.
Only requests of the functions' own sessions are checked: tests send wrong requests on purpose, and so may people.
"""

import functools
import json
import re
from urllib.parse import unquote
import xml.etree.ElementTree as ET

SERVICES = {"s3": "s3", "sqs": "sqs", "dynamodb": "dynamodb", "events": "events", "sagemaker": "sagemaker-runtime", "application-autoscaling": "application-autoscaling", "ses": "sesv2", "cognito-idp": "cognito-idp"}
# Of signatures and of SDKs; they belong to no operation.
COMMON_HEADERS = re.compile(r"x-amz-(date|security-token|content-sha256|user-agent|decoded-content-length|trailer|target|sdk-.*|api-version|checksum-.*|sdk-checksum-algorithm)|x-amzn-(query-mode|trace-id)")
COMMON_QUERY = {"x-id"}
COUNTED = {"string": "characters", "list": "entries", "map": "entries", "blob": "bytes"}


@functools.cache
def model(name):
    """The model of a service."""
    import botocore.loaders
    import botocore.model

    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


@functools.cache
def routes(name):
    """The operations of a REST service: method, pattern of the path, fixed query, operation; the most specific one first."""
    found = []
    for operation in model(name).operation_names:
        http = model(name).operation_model(operation).http
        path, _, query = http["requestUri"].partition("?")
        # In botocore's model of S3 the bucket is in the host and in the path.
        pattern = re.sub(r"\\{(\w+)(\\\+)?\\}", lambda given: f"(?P<{given[1]}>{'.+' if given[2] else '[^/]+'})", re.escape(path))
        fixed = dict(part.partition("=")[::2] for part in query.split("&") if part)
        found.append((http["method"], re.compile(pattern + "/?"), fixed, operation))
    # "/{Bucket}/{Key+}" also matches "/{Bucket}" with a slash; more fixed query and longer patterns are more specific.
    return sorted(found, key=lambda one: (-len(one[2]), -len(one[1].groupindex)))


def problems(service, method, path, headers, query, body):
    """What is wrong with a request, as sentences. Nothing if its service is not checked."""
    name = SERVICES.get(service)
    if not name:
        return []
    headers = {key.lower(): value for key, value in headers.items()}
    target = headers.get("x-amz-target", "")
    if target:
        name = "sagemaker" if target.startswith("SageMaker.") else name
        operation = target.rsplit(".", 1)[1]
        if operation not in model(name).operation_names:
            return [f"{name} has no operation {operation}"]
        shape = model(name).operation_model(operation).input_shape
        return [f"{operation}: {text}" for text in of_value(shape, json.loads(body or b"{}"), "")]
    return of_rest(name, method, path, headers, query, body)


def of_rest(name, method, path, headers, query, body):
    """The same for a request whose operation stands in method and path. Some share these: the one that fits best is meant."""
    given_query = {key: value[0] if isinstance(value, list) else value for key, value in query.items()}
    matching = []
    for wanted, pattern, fixed, operation in routes(name):
        found = pattern.fullmatch(path)
        if wanted == method and found and all(key in given_query and value in ("", given_query[key]) for key, value in fixed.items()):
            matching.append(of_operation(name, operation, found, fixed, headers, given_query, body))
    return min(matching, key=len, default=[f"{name} has no operation {method} {path}"])


def of_operation(name, operation, found, fixed, headers, given_query, body):
    """What speaks against a request being of this operation."""
    shape = model(name).operation_model(operation).input_shape
    said, taken_headers, taken_query = [], set(), set(fixed) | COMMON_QUERY
    for member, of in shape.members.items():
        place, key = of.serialization.get("location"), of.serialization.get("name", member)
        if place == "uri":
            value = found.groupdict().get(key)
            value = value if value is None else unquote(value)
        elif place == "header":
            taken_headers.add(key.lower())
            value = headers.get(key.lower())
        elif place == "headers":
            taken_headers |= {header for header in headers if header.startswith(key.lower())}
            continue
        elif place == "querystring":
            taken_query.add(key)
            value = given_query.get(key)
        else:
            continue
        if value is None:
            said += [f"{member} is missing"] if member in shape.required_members else []
        else:
            said += of_value(of, from_text(of, value), member)
    said += [f"there is no header {key}" for key in headers if key.startswith("x-amz") and key not in taken_headers and not COMMON_HEADERS.fullmatch(key)]
    said += [f"there is no query parameter {key}" for key in given_query if key not in taken_query]
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name == "structure" and body:
        said += of_xml(shape.members[payload], ET.fromstring(body), payload)
    return [f"{operation}: {text}" for text in said]


def from_text(shape, text):
    """The value in a header, query or path."""
    try:
        return {"integer": int, "long": int, "float": float, "double": float}.get(shape.type_name, str)(text)
    except ValueError:
        return text


def of_value(shape, value, path):
    """What is wrong with a value of a shape."""
    at, kind = path or "the request", shape.type_name
    types = {"structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int, "boolean": bool, "float": (int, float), "double": (int, float)}
    if kind == "boolean" and value in ("true", "false"):
        return []
    if kind in types and (not isinstance(value, types[kind]) or isinstance(value, bool) and kind != "boolean"):
        return [f"{at} is {type(value).__name__}, not {kind}"]
    said = of_limits(shape, value, at)
    if kind == "structure":
        said += [f"{at} has no member {name}" for name in value if name not in shape.members]
        said += [f"{path}.{name}".lstrip(".") + " is missing" for name in shape.required_members if name not in value]
        for name, inner in value.items():
            if name in shape.members:
                said += of_value(shape.members[name], inner, f"{path}.{name}".lstrip("."))
    elif kind == "list":
        for number, inner in enumerate(value):
            said += of_value(shape.member, inner, f"{path}[{number}]")
    elif kind == "map":
        for name, inner in value.items():
            said += of_value(shape.key, name, f"key {name!r} of {at}") + of_value(shape.value, inner, f"{path}.{name}")
    return said


def of_limits(shape, value, at):
    """Whether a value is within what the model says of it."""
    said, limits = [], shape.metadata
    size = len(value) if shape.type_name in COUNTED else value
    unit = COUNTED.get(shape.type_name, "")
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        if "min" in limits and size < limits["min"]:
            said.append(f"{at} has {size} {unit}, at least {limits['min']} are needed")
        if "max" in limits and size > limits["max"]:
            said.append(f"{at} has {size} {unit}, at most {limits['max']} are allowed")
    if limits.get("enum") and value not in limits["enum"]:
        said.append(f"{at} is {value!r}, not one of {', '.join(limits['enum'][:8])}")
    if "pattern" in limits and isinstance(value, str):
        try:
            fits = re.search(f"^(?:{limits['pattern']})$", value, re.DOTALL)
        except re.error:  # a few patterns are Java's
            fits = True
        if not fits:
            said.append(f"{at} does not fit {limits['pattern']}")
    return said


def of_xml(shape, element, path):
    """Whether the elements of a body are members of its shape, and the required ones are there."""
    names = {of.serialization.get("name", member): (member, of) for member, of in shape.members.items()}
    said, seen = [], set()
    for child in element:
        name = child.tag.rsplit("}", 1)[-1]
        if name not in names:
            said.append(f"{path} has no member {name}")
            continue
        member, of = names[name]
        seen.add(member)
        inner = of.member if of.type_name == "list" and of.serialization.get("flattened") else of
        if inner.type_name == "structure":
            said += of_xml(inner, child, f"{path}.{name}")
    return said + [f"{path}.{name} is missing" for name in shape.required_members if name not in seen]


def install(app):
    """Checks every request of a function before its service answers it."""
    from ministack.services import ses_v2

    for service in SERVICES:
        if service == "ses":  # version 2 of its API is dispatched apart
            ses_v2.handle_request = checked(service, ses_v2.handle_request, is_function)
        else:
            app.SERVICE_HANDLERS[service] = checked(service, app.SERVICE_HANDLERS[service], is_function)
        # Loading a model takes up to a second, which the first request would wait.
        model(SERVICES[service])
    model("sagemaker")


def checked(service, answer, asked_by_function):
    """A handler that refuses requests that do not fit their models."""

    async def handle(method, path, headers, body, query):
        if asked_by_function(headers) and (said := problems(service, method, path, headers, query, body) + of_owner(service, headers, knows_owner(headers))):
            text = f"the request does not fit botocore's model of {service}, or our rules: {'; '.join(said)}"
            print(f"request_models: {text}", flush=True)
            return 400, {"Content-Type": "application/json", "x-amzn-errortype": "ValidationException"}, json.dumps({"__type": "ValidationException", "message": text}).encode()
        return await answer(method, path, headers, body, query)

    return handle


def of_owner(service, headers, known=True):
    """Every request of a function to S3 says whose the bucket must be, since names of deleted buckets can be taken by others."""
    header = "x-amz-expected-bucket-owner"
    return [f"{header} is missing"] if known and service == "s3" and header not in {name.lower() for name in headers} else []


def session_of(headers):
    """The name of the session that sent a request; a function's is the function's."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id

    found = re.search(r"Credential=([^/]+)/", headers.get("authorization", ""))
    credential = found and iam_evaluator.resolve_credential(found[1], get_account_id())
    arn = getattr(credential, "principal_arn", "") or ""
    return arn.rsplit("/", 1)[1] if ":assumed-role/" in arn else ""


def is_function(headers):
    """Whether a function sent the request."""
    return session_of(headers).startswith("docket-")


def knows_owner(headers):
    """Whether the function that sent the request was told the owner: releases from before variable BUCKET_OWNER were not."""
    from ministack.services import lambda_svc

    function = lambda_svc._functions.get(session_of(headers)) or {}
    return "BUCKET_OWNER" in function.get("config", {}).get("Environment", {}).get("Variables", {})
