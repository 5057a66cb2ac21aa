"""Proves a deployment: a test document of tenant `probe` must become Ready, and a page must receive the push."""

import json
import os

import plan
from page import Closed, ticket
from plan import Refusal

POLL_SECONDS = 5.0
PUSH_SECONDS = 30  # limit from Ready to the push, which takes less than a second
MINUTES = "30"  # a cold start takes 5 to 15
RECONNECT_SECONDS = 10.0
MAX_RECONNECTIONS = 30


class Probe:
    """One probe. `page` opens a WebSocket connection."""

    def __init__(self, environment, aws, say, sleep, clock, page):
        self.environment, self.aws, self.say, self.sleep, self.clock, self.page = environment, aws, say, sleep, clock, page
        self.connection, self.reconnections = None, 0

    def run(self, outputs):
        """Uploads a contract, and waits until its job is Ready and was pushed to a page."""
        prefix = plan.pipelines()[self.environment.probe]["InputPrefix"]
        bucket, began = outputs["JobsBucketName"], self.clock()
        name = f"deployed-{int(began * 1000)}.pdf"
        key = f"{prefix}{plan.PROBE_TENANT}/{name}"
        minutes = float(os.environ.get("PROBE_MINUTES", MINUTES))
        self.say(f"Sending probe {key}, waiting at most {minutes:g} minutes")
        seconds = minutes * 60 + PUSH_SECONDS
        try:
            self.connection = self.open_page(outputs, seconds)
        except Closed as error:
            self.fail(f"a page cannot connect: {error}")
        self.say("  a page is connected")
        owner = self.environment.given["account"]
        self.aws("s3api", "copy-object", "--copy-source", f"{bucket}/{plan.PROBE_DOCUMENT}", "--expected-source-bucket-owner", owner,
                 "--bucket", bucket, "--expected-bucket-owner", owner, "--key", key)  # fmt: skip
        last, pushed, ready_at = None, None, None
        while True:
            before = self.reconnections
            pushed = self.push_of(name, outputs, seconds) or pushed
            if self.reconnections > before:
                ready_at = None  # the limit for the push begins anew
            outcome, sentence = plan.probe_outcome(self.job_of(outputs["JobsTableName"], key, began))
            after = self.clock() - began
            if sentence != last:
                self.say(f"  after {after:.0f} s: {sentence}")
                last = sentence
            if outcome == "ready":
                ready_at = ready_at or after
                if pushed:
                    self.say(f"  the page received {pushed}")
                    self.connection.close()
                    return
                if after > ready_at + PUSH_SECONDS:
                    self.fail(f"its job is Ready, but no page received it within {PUSH_SECONDS} s")
            elif outcome == "failed":
                self.fail(sentence)
            elif after > minutes * 60:
                self.fail(f"not Ready within {minutes:g} minutes; {sentence}")

    def fail(self, why):
        """Ends the deployment with an error."""
        raise Refusal(f"THE PROBE FAILED: {why}\nThe service is deployed. docs/operations.md says how to investigate; `make deploy` tries again.")

    def open_page(self, outputs, seconds):
        """A WebSocket connection for tenant `probe`, with a ticket written to the table instead of issued by a sign-in."""
        secret, row = ticket(plan.PROBE_TENANT, seconds, self.clock())
        self.aws("dynamodb", "put-item", "--table-name", outputs["RecordsTableName"], "--item", json.dumps(row))
        return self.page(f"{outputs['WebSocketUrl']}?ticket={secret}")

    def push_of(self, name, outputs, seconds):
        """The push that the probe is ready, if the page receives it within the next seconds.

        After a broken connection it may have been pushed meanwhile: then the snapshot counts that the page asks for.
        """
        try:
            frames = self.connection.receive(POLL_SECONDS)
        except Closed as error:
            return self.reconnect(error, outputs, seconds)
        jobs = [frame["job"] for frame in frames if frame.get("type") == "job.changed"]
        if self.reconnections:
            jobs += [job for frame in frames if frame.get("type") == "snapshot" for job in frame["jobs"]]
        return next((f"{job['name']} is {job['status']}" for job in jobs if (job["name"], job["status"]) == (name, "Ready")), None)

    def reconnect(self, error, outputs, seconds):
        """Opens the page's connection again, as a page does. Ends the deployment if that does not help."""
        self.say(f"  the connection of the page was closed, connecting again: {error}")
        while self.reconnections < MAX_RECONNECTIONS:
            self.reconnections += 1
            self.sleep(RECONNECT_SECONDS)
            try:
                self.connection = self.open_page(outputs, seconds)
                self.connection.sync()
                return
            except Closed as again:
                error = again
        self.fail(f"the connection of the page was closed {MAX_RECONNECTIONS} times: {error}")

    def job_of(self, table, key, since):
        """The row of the job of an object, or None."""
        for status in ("open", "ready", "failed", "cancelled", "erased"):
            values = {":g": {"S": f"{plan.PROBE_TENANT}#{status}"}, ":t": {"N": str(int((since - 300) * 1000))}}
            found = self.aws("dynamodb", "query", "--table-name", table, "--index-name", "by_tenant",
                             "--key-condition-expression", "tenant_status_group = :g AND created_at >= :t",
                             "--expression-attribute-values", json.dumps(values))["Items"]  # fmt: skip
            for item in found:
                of = json.dumps({"job_id": item["job_id"]})
                row = self.aws("dynamodb", "get-item", "--table-name", table, "--consistent-read", "--key", of)
                if row and row["Item"]["input"]["M"]["key"]["S"] == key:
                    return row["Item"]
        return None
