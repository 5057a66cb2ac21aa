"""Holds the pipelines of an endpoint while its model changes, so that no document meets two versions unawares: pause, wait
until nothing is at the endpoint, update, resume.

The pause is the one that support sets (crates/jobs/src/pause.rs), written to the records table with an entry of the audit
log. It is short and is renewed while this program runs, so it ends by itself if the program is killed.
"""

import json
import os
import secrets

import generate
import plan
from cli import WHO_AM_I, AwsError
from plan import Refusal

CONFIGURATION = "AWS::SageMaker::EndpointConfig"
REASON = "model change: "  # begins the reason of our pauses, by which a later run knows them
PAUSE_SECONDS = 1800.0  # how long a pause outlives a killed run
RENEW_SECONDS = 600.0
LOOK_SECONDS = 30.0  # how often an update is looked at
POLL_SECONDS = 15.0
DRAIN_MINUTES = "60"
MAX_UPDATE_SECONDS = 3 * 3600.0
MARGIN_SECONDS = 15  # added to the longest run of a function that has not seen the pause: for the index
RECORD_KEPT_SECONDS = 3600  # RECORD_KEPT of crates/jobs/src/pause.rs
PAUSES = {"pk": {"S": "pauses"}, "sk": {"S": "now"}}
CONFLICT = "ConditionalCheckFailed"
MAX_CONFLICTS = 5


def drain_minutes():
    """After how long it is asked whether to change a model under attempts that have not ended."""
    return float(os.environ.get("DRAIN_MINUTES", DRAIN_MINUTES))


class HeldEndpoint:
    """An endpoint whose pipelines are held."""

    def __init__(self, endpoint, pipelines, now):
        self.endpoint, self.pipelines, self.paused_at = endpoint, pipelines, now
        self.renew_at, self.look_at, self.updating_since = now + RENEW_SECONDS, now, None


class ModelChange:
    """The model changes of one deployment. `who` is the operator, for the audit log."""

    def __init__(self, environment, aws, say, ask, sleep, clock, outputs, who):
        self.environment, self.aws, self.say, self.ask, self.sleep, self.clock = environment, aws, say, ask, sleep, clock
        self.outputs, self.actor = outputs, f"make deploy ({who})"
        self.tables = generate.read_pipelines(plan.INFRA)
        self.held = {}  # by endpoint

    def before(self, stack, changes):
        """Called before a change set is executed: holds what the endpoint's new configuration concerns."""
        endpoint = stack.parameters.get("EndpointName")
        if not endpoint or not replaces_configuration(changes):
            return
        pipelines = sorted(name for name, table in self.tables.items() if table["endpoint"] == endpoint)
        self.say(f"{stack.name}: its model changes; pausing {', '.join(pipelines)} until nothing is at the endpoint")
        self.held[endpoint] = held = HeldEndpoint(endpoint, pipelines, self.clock())
        self._pause(held)
        self._drain(held)
        held.updating_since = self.clock()

    def _drain(self, held):
        """Waits until nothing is at the endpoint. Asks after a while: an attempt whose outcome was lost counts until its deadline."""
        minutes = drain_minutes()
        # A function that began before the pause may still start an attempt.
        settled = held.paused_at + float(self.environment.given["service"].get("FunctionTimeoutSeconds", "60")) + MARGIN_SECONDS
        last = None
        while held.endpoint in self.held:
            count = self._at_endpoint(held)
            if count == 0 and self.clock() >= settled:
                self.say("  nothing is at the endpoint")
                return
            if count != last:
                self.say(f"  attempts at the endpoint: {count}")
                last = count
            if self.clock() > held.paused_at + minutes * 60:
                self.ask(f"{count} attempts have been at {held.endpoint} for {minutes:g} minutes. Change the model under them?")
                return
            self.sleep(POLL_SECONDS)
            self.tick()

    def _at_endpoint(self, held):
        names = {f":p{at}": {"S": name} for at, name in enumerate(held.pipelines)}
        wanted = f"pipeline IN ({', '.join(names)}) AND attribute_exists(sent_s)"
        found = self.aws("dynamodb", "scan", "--table-name", self.outputs["JobsTableName"], "--index-name", "by_next_check", "--select", "COUNT",
                         "--filter-expression", wanted, "--expression-attribute-values", json.dumps(names))  # fmt: skip
        return found["Count"]

    def tick(self):
        """Called while the deployment waits: renews pauses, and ends those whose new version takes the requests."""
        for held in list(self.held.values()):
            now = self.clock()
            if held.updating_since is not None and now >= held.look_at:
                held.look_at = now + LOOK_SECONDS
                if self._has_moved(held.endpoint):
                    self.say(f"{held.endpoint}: the new version takes all requests")
                    self._resume(held, "the new version takes all requests")
                    continue
                if now > held.updating_since + MAX_UPDATE_SECONDS:
                    self.say(f"{held.endpoint}: its update takes more than {MAX_UPDATE_SECONDS / 3600:g} hours")
                    self._resume(held, "the update takes too long; documents may meet either version")
                    continue
            if now >= held.renew_at:
                held.renew_at = now + RENEW_SECONDS
                if not self._renew(held):
                    self.say(f"{held.endpoint}: its pause has ended, or support has resumed it; documents may meet either version")
                    del self.held[held.endpoint]

    def _has_moved(self, endpoint):
        """Whether all requests go to the new instances, while the old ones are kept for a rollback."""
        found = self.aws("sagemaker", "describe-endpoint", "--endpoint-name", endpoint)
        variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
        statuses = [{status["Status"] for status in variant.get("VariantStatus", [])} for variant in variants]
        return bool(statuses) and all("Baking" in status for status in statuses)

    def end(self):
        """Resumes what is still held, and what a killed run has left."""
        for held in list(self.held.values()):
            self._resume(held, "the deployment has ended")
        left = [name for name in self.tables if any(is_ours(text, [name]) for text in self._read()[1])]
        if left:
            self._release(left, "an earlier deployment")

    def abandon(self):
        """Resumes what is held after an error, which must not be hidden by another. The credentials may be others by now."""
        if not self.held:
            return
        try:
            if self.aws(*WHO_AM_I)["Account"] != self.environment.given["account"]:
                raise Refusal("the credentials are of another account")
            for held in list(self.held.values()):
                self._resume(held, "the deployment has failed")
        except (AwsError, Refusal) as error:
            self.say(f"A pause could not be ended: {error}\nIt ends by itself within {PAUSE_SECONDS / 60:g} minutes; `docket pauses` shows it.")

    def _pause(self, held):
        for pipeline in held.pipelines:
            self._record("pause", pipeline, held.endpoint)
        self._change(lambda lines: self._with_pauses(lines, held))

    def _with_pauses(self, lines, held):
        """The lines with our pauses. One of support stays beside ours, and ends when support says."""
        until, now = int((self.clock() + PAUSE_SECONDS) * 1000), int(self.clock() * 1000)
        return without(lines, held.pipelines) + [line(pipeline, until, now, self.actor, held.endpoint) for pipeline in held.pipelines]

    def _renew(self, held):
        """Gives our pauses a later end. Returns False if support has resumed the pipelines meanwhile."""
        now = self.clock() * 1000
        is_held = lambda lines: any(is_of(text, held.pipelines) and int(text.split("\t")[1]) > now for text in lines)  # noqa: E731
        return self._change(lambda lines: self._with_pauses(lines, held) if is_held(lines) else None)

    def _resume(self, held, why):
        """Removes our pauses. The functions start what waited within five minutes."""
        del self.held[held.endpoint]
        self._release(held.pipelines, why)

    def _release(self, pipelines, why):
        if self._change(lambda lines: without(lines, pipelines)):
            for pipeline in pipelines:
                self._record("resume", pipeline, self.tables[pipeline]["endpoint"], why)
            self.say(f"{', '.join(pipelines)}: resumed ({why}); what waited starts within five minutes")

    def _read(self):
        """The pause record, and its lines."""
        found = self.aws("dynamodb", "get-item", "--table-name", self.outputs["RecordsTableName"], "--consistent-read", "--key", json.dumps(PAUSES))
        item = found.get("Item", {}) if found else {}
        return item, item.get("body", {}).get("S", "").splitlines()

    def _change(self, change):
        """Changes the lines of the pause record, under its revision. Returns whether there was something to change."""
        table = self.outputs["RecordsTableName"]
        for _ in range(MAX_CONFLICTS):
            item, before = self._read()
            revision = int(item.get("revision", {"N": "0"})["N"])
            after = change(before)
            if after is None or after == before:
                return False
            kept = max(int(item.get("expires_at", {"N": "0"})["N"]), int(self.clock() + PAUSE_SECONDS + RECORD_KEPT_SECONDS))
            new = {**PAUSES, "body": {"S": "\n".join(after)}, "revision": {"N": str(revision + 1)}, "expires_at": {"N": str(kept)}}
            condition = ["revision = :before", "--expression-attribute-values", json.dumps({":before": {"N": str(revision)}})] if item else ["attribute_not_exists(pk)"]
            try:
                self.aws("dynamodb", "put-item", "--table-name", table, "--item", json.dumps(new), "--condition-expression", *condition)
                return True
            except AwsError as error:
                # Another function was faster, or the answer to an earlier try was lost. The next reading shows it.
                if CONFLICT not in str(error):
                    raise
        raise Refusal("others changed the pause record at the same moment, several times; run it again")

    def _record(self, action, pipeline, endpoint, detail=None):
        """An entry of the audit log (crates/api/src/audit.rs)."""
        now = int(self.clock() * 1000)
        entry = {"at": now, "actor": self.actor, "action": action, "target": f"pipeline {pipeline}", "reason": f"{REASON}{endpoint}"}
        if detail:
            entry["detail"] = detail
        days = self.tables[pipeline]["retention_days"]["audit"]
        item = {"pk": {"S": "audit"}, "sk": {"S": f"{now:013}-{secrets.token_hex(8)}"}, "body": {"S": json.dumps(entry)}, "revision": {"N": "1"},
                "expires_at": {"N": str(now // 1000 + days * 86_400)}}  # fmt: skip
        self.aws("dynamodb", "put-item", "--table-name", self.outputs["RecordsTableName"], "--item", json.dumps(item))


def replaces_configuration(changes):
    """Whether a change set gives the endpoint another configuration: another model, other weights or variables."""
    return any(
        change["ResourceType"] == CONFIGURATION and (change["Action"] != "Modify" or change.get("Replacement", "False") != "False")
        for change in (c["ResourceChange"] for c in changes)
    )


# ---------------------------------------------------------------- lines of the record: `pause/scope.rs`


def line(pipeline, until, since, actor, endpoint):
    """A pause of a whole pipeline."""
    return f"{pipeline}:*\t{until}\t{since}\t{actor}\t{REASON}{endpoint}"


def is_of(text, pipelines):
    """Whether a line is a pause of one of these pipelines as a whole."""
    return text.split("\t")[0] in {f"{pipeline}:*" for pipeline in pipelines}


def is_ours(text, pipelines):
    """Whether it is one that a deployment has set."""
    columns = text.split("\t", 4)
    return is_of(text, pipelines) and len(columns) == 5 and columns[4].startswith(REASON)


def without(lines, pipelines):
    """The lines without our pauses."""
    return [text for text in lines if not is_ours(text, pipelines)]
