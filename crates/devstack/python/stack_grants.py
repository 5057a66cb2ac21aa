"""Makes IAM in MiniStack as strict as on AWS where this project relies on it, and logs its decisions.

Only with AUTH=true. What MiniStack 1.5.33 lacks and is added here (sources: IAM user guide and Service
authorization reference, the services' own API references):

  - its connections count as TLS: they do not leave the machine, and the policies deny calls without TLS
  - `SendMessageBatch` and its like need the action without "Batch" (SQS)
  - the condition keys `dynamodb:LeadingKeys`, `dynamodb:Attributes` of all that a request names, and
    `dynamodb:ReturnValues`
  - a missing object is a 403 for a caller that may not list (S3, GetObject and HeadObject; missing versions are not
    documented, and are assumed to need both list actions)
  - the resource and the condition key `ses:FromAddress` of SES's SendEmail (one resource: the identity of the domain)
  - SageMaker's calls and those of Application Auto Scaling: authorized here, answered by the endpoints at
    `SAGEMAKER_RUNTIME_URL`

Requests of the functions are also checked against botocore's models of the services (request_models.py).

Decisions about roles go to the file that `DECISIONS_LOG` names, one line of JSON each, without duplicates: role,
session, action, resource, leading keys, allowed; if allowed also the statement (Sid), the indexes of the resources in
its list that match, and as leading keys those of the statement that match. `tests/grants.py` reads it. Several stacks
may share the file.
"""

import asyncio
import contextvars
import functools
import http.client
import io
import json
import os
import re
from email.utils import parseaddr
from urllib.parse import quote, urlsplit

import request_models

ACTIONS = {f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}
FORWARDED = ("sagemaker", "application-autoscaling")
INVOKE = re.compile(r"/endpoints/([^/]+)/async-invocations")
# Headers of the connection, not of the message.
HOP_HEADERS = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}
# How long the endpoints may take to accept an invocation. More than any caller waits.
INVOKE_TIMEOUT_SECONDS = 30
LEADING = "dynamodb:leadingkeys"
SEND_EMAIL = "/v2/email/outbound-emails"


def install() -> None:
    """Patches MiniStack in this process, before it serves. Reads its settings from the environment."""
    log, endpoints = os.environ.pop("DECISIONS_LOG", ""), os.environ.pop("SAGEMAKER_RUNTIME_URL", "")
    from ministack import app
    from ministack.core import iam_actions, router

    # Functions inherit the environment; this is not for them.
    os.environ.pop("AUTH", None)
    if endpoints:
        for service in FORWARDED:
            app.SERVICE_HANDLERS[service] = functools.partial(forward, endpoints)
            # Otherwise the first call waits until botocore has loaded all its service models to look this one up.
            router.SERVICE_PATTERNS[service] = {}
    if not app.AUTH:
        return
    count_as_tls(app)
    name_actions(iam_actions)
    add_dynamodb_keys(iam_actions)
    hide_missing_objects(app)
    add_sender(app)
    keep_mails(os.environ.pop("MAILS_LOG", ""))
    request_models.install(app)
    if log:
        Decisions(log).start()


def count_as_tls(app) -> None:
    """Makes every call count as one over TLS."""
    from ministack.core import iam_evaluator

    # Deliveries by topics and buckets have no request.
    iam_evaluator._request_origin = contextvars.ContextVar("origin", default=("127.0.0.1", True))
    app.pin_request_origin = lambda address, _tls: iam_evaluator._request_origin.set((address, True))


def name_actions(iam_actions) -> None:
    """Gives calls the action and resource names that AWS uses."""
    iam_actions.SERVICE_TO_IAM_NAMESPACE.update({service: service for service in FORWARDED})
    # Its operations are in botocore's model sagemaker-runtime, not in sagemaker.
    iam_actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-runtime"]
    action_of, resource_of = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def action(*request):
        found = action_of(*request)
        return ACTIONS.get(found, found)

    def resource(service, method, path, headers, body, params, region, account):
        if service == "ses" and path == SEND_EMAIL:
            domain = sender_of(body).rpartition("@")[2]
            return f"arn:aws:ses:{region}:{account}:identity/{domain}"
        if service == "sagemaker" and (invoked := INVOKE.fullmatch(path)):
            return f"arn:aws:sagemaker:{region}:{account}:endpoint/{invoked[1]}"
        if service == "sagemaker" and path == "/":
            return f"arn:aws:sagemaker:{region}:{account}:endpoint/{json.loads(body).get('EndpointName', '')}"
        return resource_of(service, method, path, headers, body, params, region, account)

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action, resource


async def forward(endpoints: str, method: str, path: str, headers: dict, body: bytes, _query: dict) -> tuple:
    """Forwards a call to the endpoints. Without a thread: functions that wait for this may have taken all."""
    to = urlsplit(endpoints)
    kept = {name: value for name, value in headers.items() if name.lower() not in HOP_HEADERS}
    kept |= {"host": to.netloc, "content-length": str(len(body)), "connection": "close"}
    reader, writer = await asyncio.open_connection(to.hostname, to.port)
    try:
        head = f"{method} {quote(path)} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in kept.items())
        writer.write(head.encode("latin-1") + b"\r\n" + body)
        raw = await asyncio.wait_for(reader.read(), INVOKE_TIMEOUT_SECONDS)
    finally:
        writer.close()
    answer = http.client.HTTPResponse(_Socket(raw))
    answer.begin()
    return answer.status, {name: value for name, value in answer.getheaders() if name.lower() not in HOP_HEADERS}, answer.read()


class _Socket:
    """A response as the socket that `HTTPResponse` reads from."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, *_) -> io.BytesIO:
        return io.BytesIO(self.raw)


def sender_of(body: bytes) -> str:
    """The address from which a mail is to be sent, without a name."""
    return parseaddr(json.loads(body or b"{}").get("FromEmailAddress", ""))[1]


def add_sender(app) -> None:
    """Adds the condition key `ses:FromAddress`, which MiniStack's check of SES v2 does not know."""
    check, enforce = app._enforce_ses_v2, app._enforce_data_plane
    sender = contextvars.ContextVar("sender", default="")

    def checking(method: str, path: str, headers: dict, body: bytes, query: dict, request_id: str):
        sender.set(sender_of(body) if path == SEND_EMAIL else "")
        return check(method, path, headers, body, query, request_id)

    def enforcing(service: str, action: str, *rest, **more):
        if action == "ses:SendEmail":
            more["service_context"] = {"ses:FromAddress": sender.get()}
        return enforce(service, action, *rest, **more)

    app._enforce_ses_v2, app._enforce_data_plane = checking, enforcing


def keep_mails(path: str) -> None:
    """Appends the request of each mail that SES took to a file, one line of JSON each: MiniStack forgets its headers."""
    if not path:
        return
    from ministack.services import ses_v2

    answer = ses_v2.handle_request

    async def ses(method: str, url_path: str, headers: dict, body: bytes, query: dict) -> tuple:
        answered = await answer(method, url_path, headers, body, query)
        if url_path == SEND_EMAIL and answered[0] == 200:
            with open(path, "ab") as file:
                file.write(json.dumps(json.loads(body)).encode() + b"\n")
        return answered

    ses_v2.handle_request = ses


def add_dynamodb_keys(iam_actions) -> None:
    """Adds the condition keys of DynamoDB."""
    from ministack.services import dynamodb

    before = iam_actions.dynamodb_service_context

    def partition_key(table: str, index: str | None) -> str:
        described = dynamodb._tables.get(table.rsplit("/", 1)[-1]) or {}
        if index:
            described = next((one for one in described.get("GlobalSecondaryIndexes") or [] if one["IndexName"] == index), {})
        return next((key["AttributeName"] for key in described.get("KeySchema", []) if key["KeyType"] == "HASH"), "")

    def context(body: bytes) -> dict:
        return {**before(body), **condition_keys(json.loads(body or b"{}"), partition_key)}

    iam_actions.dynamodb_service_context = context


def condition_keys(request: dict, partition_key) -> dict:
    """`dynamodb:LeadingKeys`, `Attributes` and `ReturnValues` of a request's body.

    Each only if the request has any, as on AWS. `partition_key` returns the name of the key of a table or index.
    """
    leading: list[str] = []
    attributes: list[str] = []

    def value(typed) -> str:
        return str(next(iter(typed.values()))) if isinstance(typed, dict) and typed else ""

    def collect(part: dict, table: str) -> None:
        names = part.get("ExpressionAttributeNames") or {}
        values = part.get("ExpressionAttributeValues") or {}
        key = partition_key(table, part.get("IndexName"))
        for item in [part.get("Key"), part.get("Item"), *(part.get("Keys") or [])]:
            attributes.extend(item or {})
            if item and key in item:
                leading.append(value(item[key]))
        for name, given in re.findall(r"([#\w.-]+)\s*=\s*(:\w+)", part.get("KeyConditionExpression") or ""):
            if names.get(name, name) == key:
                leading.append(value(values.get(given)))
        for field, text in part.items():
            if field.endswith("Expression") and isinstance(text, str):
                attributes.extend(names.get(name, name) for name in named(text))

    collect(request, request.get("TableName") or "")
    for table, part in (request.get("RequestItems") or {}).items():
        # BatchGetItem has one object per table; BatchWriteItem has a list of items.
        for one in [part] if isinstance(part, dict) else [inner for write in part for inner in write.values()]:
            collect(one, table)
    for item in request.get("TransactItems") or []:
        for one in item.values():
            collect(one, one.get("TableName") or "")
    found = {"dynamodb:LeadingKeys": leading, "dynamodb:Attributes": list(dict.fromkeys(attributes))}
    if "ReturnValues" in request:
        found["dynamodb:ReturnValues"] = request["ReturnValues"]
    return {name: kept for name, kept in found.items() if kept}


def named(expression: str) -> list[str]:
    """The attributes (or their placeholders) at the start of the paths in an expression."""
    words = re.findall(r"(?<![:.\w#])([#A-Za-z_][\w#-]*)(\s*\()?", expression)
    keywords = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
    return [word for word, call in words if word.upper() not in keywords and (not call or word.startswith("#"))]


def hide_missing_objects(app) -> None:
    """Answers 403 instead of 404 to callers that may not list the bucket."""
    answer = app.SERVICE_HANDLERS["s3"]

    async def s3(method: str, path: str, headers: dict, body: bytes, query: dict) -> tuple:
        answered = await answer(method, path, headers, body, query)
        for action in actions_to_see_a_404(method, path, headers, query) if answered[0] == 404 else ():
            bucket = path.split("/")[1]
            if refused := app._enforce_data_plane("s3", action, headers, query, "", f"arn:aws:s3:::{bucket}"):
                status, said, text = refused
                return status, said, b"" if method == "HEAD" else text
        return answered

    app.SERVICE_HANDLERS["s3"] = s3


def actions_to_see_a_404(method: str, path: str, headers: dict, query: dict) -> list[str]:
    """The actions without which a 404 is a 403."""
    source = headers.get("x-amz-copy-source", "")
    # "?tagging" and similar subresources are not the object itself.
    plain = all(name in ("versionId", "x-id", "partNumber") or name.lower().startswith(("x-amz-", "response-")) for name in query)
    if not source and not (method in ("GET", "HEAD") and path.count("/") > 1 and plain):
        return []
    of_version = "versionId" in query or "versionId=" in source
    return ["s3:ListBucket", "s3:ListBucketVersions"] if of_version else ["s3:ListBucket"]


class Decisions:
    """The log of IAM's decisions."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.set_inheritable(self.file, False)
        self.written: set[str] = set()
        self.context = self.statement = None

    def start(self) -> None:
        """Logs every decision from now on."""
        from ministack.core import iam_evaluator

        first_match, enforce = iam_evaluator._first_match, iam_evaluator.enforce

        def matching(context, statements, effect):
            found = first_match(context, statements, effect)
            # The caller's own policies are evaluated first, and Deny before Allow.
            if effect == "Allow" and self.context is None:
                self.context, self.statement = context, found
            return found

        def enforcing(access_key, action, service, region, resource_arn="*", service_context=None):
            self.context = self.statement = None
            refused = enforce(access_key, action, service, region, resource_arn, service_context)
            if self.context is not None:
                self.write(self.context, None if refused else self.statement, not refused)
            return refused

        iam_evaluator._first_match, iam_evaluator.enforce = matching, enforcing

    def write(self, context, statement, allowed: bool) -> None:
        """Adds a line, unless it is a duplicate."""
        from ministack.core.iam_evaluator import fnmatch_iam_cs

        if context.principal_type != "AssumedRole":
            return
        role, session = context.principal_arn.split("/")[1:3]
        line = {"role": role, "session": session, "action": context.action, "allowed": allowed}
        if statement is not None:
            matching = [index for index, pattern in enumerate(statement.resources) if fnmatch_iam_cs(context.resource_arn, pattern)]
            line |= {"sid": statement.sid, "resources": matching, "keys": leading(statement, context)}
        else:
            line["resource"] = context.resource_arn
        same = json.dumps(line)
        if same not in self.written:
            self.written.add(same)
            # The details of a refusal.
            about = {"resource": context.resource_arn, "keys": context.service_context.get(LEADING) or []}
            os.write(self.file, (json.dumps({**about, **line}) + "\n").encode())


def leading(statement, context) -> list[str]:
    """The leading keys of a statement that match the request's."""
    from ministack.core.iam_evaluator import fnmatch_iam_cs

    values = context.service_context.get(LEADING) or []
    patterns = [
        pattern
        for block in statement.conditions.values()
        for name, wanted in block.items()
        if name.lower() == LEADING
        for pattern in ([wanted] if isinstance(wanted, str) else wanted)
    ]
    return [pattern for pattern in patterns if any(fnmatch_iam_cs(value, pattern) for value in values)]
