"""What a game day sees of the service: rows, objects, pages, events and the API; and the deletion of what it made."""

import json
import pathlib
import tempfile

from page import Closed, ticket
from plan import Refusal

TENANT, OTHER_TENANT = "prove", "prove-other"
DELETED_AT_ONCE = {"objects": 1000, "rows": 25}  # of DeleteObjects and BatchWriteItem


class Witness:
    """The parts of a game day that look."""

    def versions(self):
        """All versions of the tenant's inputs."""
        found = self.aws("s3api", "list-object-versions", "--bucket", self.outputs["JobsBucketName"], "--expected-bucket-owner", self.environment.given["account"], "--prefix", f"{self.prefix}{TENANT}/{self.name}")
        return (found or {}).get("Versions", [])

    def rows(self):
        """All rows of the tenant since the beginning."""
        found = []
        for group in ("open", "ready", "failed", "cancelled", "erased"):
            values = {":g": {"S": f"{TENANT}#{group}"}}
            found += self.aws("dynamodb", "query", "--table-name", self.outputs["JobsTableName"], "--index-name", "by_tenant", "--key-condition-expression",
                              "tenant_status_group = :g", "--expression-attribute-values", json.dumps(values))["Items"]  # fmt: skip
        return found

    # ---------------------------------------------------------------- pages, events, the API

    def open_pages(self):
        """A page of the tenant, and one of another tenant, which must see nothing."""
        self.pages = {}
        for tenant in (TENANT, OTHER_TENANT):
            secret, row = ticket(tenant, self.pace.limit, self.clock())
            self.aws("dynamodb", "put-item", "--table-name", self.outputs["RecordsTableName"], "--item", json.dumps(row))
            try:
                self.pages[tenant] = self.page(f"{self.outputs['WebSocketUrl']}?ticket={secret}")
            except Closed as error:
                raise Refusal(f"a page cannot connect: {error}") from error

    def read_pages(self):
        for tenant, page in list(self.pages.items()):
            try:
                while frames := page.receive(0.01):
                    for job in (frame["job"] for frame in frames if frame.get("type") == "job.changed"):
                        if tenant == TENANT:
                            # Pushes may overtake each other; a page shows the highest version, too.
                            self.pushed[job["id"]] = max(self.pushed.get(job["id"], job), job, key=lambda shown: shown["version"])
                        else:
                            self.others_saw.append(job["id"])
            except Closed as error:
                self.remarks.append(f"the page of {tenant} was closed: {error}")
                del self.pages[tenant]

    def listen(self):
        """A queue that gets the tenant's events from the bus."""
        name, bus = f"{self.environment.service_name}-prove-{self.name}", self.outputs["EventBusName"]
        self.events_queue = self.aws("sqs", "create-queue", "--queue-name", name)["QueueUrl"]
        self.undo_log.add("sqs", "delete-queue", "--queue-url", self.events_queue)
        arn = self.aws("sqs", "get-queue-attributes", "--queue-url", self.events_queue, "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})}
        self.aws("sqs", "set-queue-attributes", "--queue-url", self.events_queue, "--attributes", json.dumps(policy))
        pattern = {"source": ["docket"], "detail": {"job": {"tenant": [TENANT]}}}
        self.undo_log.add("events", "delete-rule", "--name", name, "--event-bus-name", bus)
        self.aws("events", "put-rule", "--name", name, "--event-bus-name", bus, "--event-pattern", json.dumps(pattern))
        self.undo_log.add("events", "remove-targets", "--rule", name, "--event-bus-name", bus, "--ids", "queue")
        self.aws("events", "put-targets", "--rule", name, "--event-bus-name", bus, "--targets", json.dumps([{"Id": "queue", "Arn": arn}]))

    def read_events(self):
        """The jobs about which the bus had an event."""
        while messages := (self.aws("sqs", "receive-message", "--queue-url", self.events_queue, "--max-number-of-messages", "10") or {}).get("Messages"):
            for message in messages:
                self.events.add(json.loads(message["Body"])["detail"]["job"]["id"])
                self.aws("sqs", "delete-message", "--queue-url", self.events_queue, "--receipt-handle", message["ReceiptHandle"])
        return self.events

    def invoke(self, function, payload):
        """Invokes a function and returns its answer."""
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = pathlib.Path(folder) / "asked.json", pathlib.Path(folder) / "answered.json"
            asked.write_text(json.dumps(payload))
            self.aws("lambda", "invoke", "--function-name", function, "--payload", f"fileb://{asked}", str(answered))
            return json.loads(answered.read_text())

    def api(self, method, path, body=None, groups="[support]"):
        """A request to the API as API Gateway passes it on after it has checked a token. Returns status and body."""
        claims = {"sub": "make-prove", "token_use": "id", "exp": str(int(self.clock()) + 3600), "email": "make-prove@docket", "email_verified": "true", "cognito:groups": groups}
        event = {
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": {"content-type": "application/json"}, "isBase64Encoded": False,
            "requestContext": {"http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "make prove"}, "requestId": self.name,
                               "routeKey": "$default", "stage": "$default", "timeEpoch": int(self.clock() * 1000), "authorizer": {"jwt": {"claims": claims, "scopes": []}}},
            **({"body": json.dumps(body)} if body is not None else {}),
        }  # fmt: skip
        answer = self.invoke(f"{self.environment.service_name}-support-api", event)
        return answer.get("statusCode"), json.loads(answer.get("body") or "null")

    # ---------------------------------------------------------------- the end

    def clean_up(self):
        """Deletes all objects and rows of the tenant, also those of a run that was killed, and the quarantined message."""
        bucket = self.outputs["JobsBucketName"]
        for page in getattr(self, "pages", {}).values():
            page.close()
        jobs = {one.job for one in self.documents} | {row["job_id"]["S"] for row in self.rows()}
        prefixes = [f"{self.prefix}{TENANT}/"]
        for kind in ("outbound", "failure"):
            prefixes += [f"{kind}/{self.environment.probe}/{job}/" for job in sorted(jobs)]
        for prefix in prefixes:
            found = self.aws("s3api", "list-object-versions", "--bucket", bucket, "--expected-bucket-owner", self.environment.given["account"], "--prefix", prefix) or {}
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]
            for first in range(0, len(objects), DELETED_AT_ONCE["objects"]):
                self.aws("s3api", "delete-objects", "--bucket", bucket, "--expected-bucket-owner", self.environment.given["account"], "--delete", json.dumps({"Objects": objects[first : first + DELETED_AT_ONCE["objects"]], "Quiet": True}))
        table = self.outputs["JobsTableName"]
        for first in range(0, len(jobs), DELETED_AT_ONCE["rows"]):
            asked = [{"DeleteRequest": {"Key": {"job_id": {"S": job}}}} for job in sorted(jobs)[first : first + DELETED_AT_ONCE["rows"]]]
            self.aws("dynamodb", "batch-write-item", "--request-items", json.dumps({table: asked}))
        for entry in self.quarantined():
            key = {name: entry[name] for name in ("pk", "sk")}
            self.aws("dynamodb", "delete-item", "--table-name", self.outputs["RecordsTableName"], "--key", json.dumps(key))

    def quarantined(self):
        """The quarantine entry of the malformed message."""
        values = {":pk": {"S": "quarantine"}}
        found = self.aws("dynamodb", "query", "--table-name", self.outputs["RecordsTableName"], "--key-condition-expression", "pk = :pk",
                         "--expression-attribute-values", json.dumps(values))["Items"]  # fmt: skip
        return [one for one in found if getattr(self, "malformed", None) and self.malformed in one.get("body", {}).get("S", "")]
