"""Brings CloudFormation stacks to the state that the environment describes, whatever state an earlier run left them in.

A run may end at any point: its connection breaks, its credentials expire, it is killed. The next one waits for an
operation in progress, repairs a stack that cannot be updated, and goes on. Every operation that this program starts
has a token, by which its events are told from those of others.
"""

import json

import plan
from cli import AwsError, regional
from drift import reverts
from plan import Refusal

POLL_SECONDS = 5.0
REPORT_SECONDS = 300.0  # how often a long wait says that it goes on
MAX_EVENTS = 1000
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
NEVER_COMPLETE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
GONE = "DELETE_COMPLETE"
NEW = (GONE, "REVIEW_IN_PROGRESS")  # no stack, or one that has a change set and nothing else


class Stacks:
    """The stacks of an environment. `ask` raises Refusal if the answer is no."""

    def __init__(self, environment, aws, say, ask, sleep, clock, folder, suffix="amazonaws.com"):
        self.environment, self.aws, self.say, self.ask, self.sleep, self.clock = environment, aws, say, ask, sleep, clock
        self.folder, self.suffix = folder, suffix
        self.drift = None
        # What to do before a change set is executed, and again and again while operations are waited for.
        self.before, self.meanwhile = lambda stack, changes: None, lambda: None

    # ---------------------------------------------------------------- reading

    def stack(self, name):
        """The description of a stack, or None."""
        try:
            return self.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
        except AwsError as error:
            if "does not exist" in str(error):
                return None
            raise

    def status(self, name):
        """The status of a stack; DELETE_COMPLETE if it does not exist."""
        return (self.stack(name) or {"StackStatus": GONE})["StackStatus"]

    def outputs(self, name):
        """The outputs of a stack; none if it does not exist."""
        return {row["OutputKey"]: row["OutputValue"] for row in (self.stack(name) or {}).get("Outputs", [])}

    def cause(self, name, token=None):
        """Why the latest operation on a stack failed, or the one with a token: its failed resources, the first one first."""
        events = self.aws("cloudformation", "describe-stack-events", "--stack-name", name, "--max-items", str(MAX_EVENTS))["StackEvents"]
        own = [event for event in events if token and event.get("ClientRequestToken") == token]
        failed = [event for event in reversed(own or latest_operation(events)) if event.get("ResourceStatus", "").endswith("_FAILED")]
        lines = [f"\n  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}" for event in failed]
        return "".join(lines) or f"\n  {(self.stack(name) or {}).get('StackStatusReason', 'no event says why')}"

    # ---------------------------------------------------------------- deploying

    def apply(self, stack):
        """Creates or updates a stack, after confirmation. Returns its outputs."""
        return self.apply_all([stack])[stack.name]

    def apply_all(self, stacks):
        """The same for several stacks side by side. Returns their outputs by name."""
        started, refusals = {}, []
        for stack in stacks:
            try:
                if token := self.start(stack):
                    started[stack.name] = token
            except Refusal as refusal:
                refusals.append(str(refusal))
                break
        try:
            self.finish(started)
        except Refusal as refusal:
            refusals.append(str(refusal))
        if refusals:
            raise Refusal("\n".join(refusals))
        for stack in stacks:
            self.protect(stack.name)
        return {stack.name: self.outputs(stack.name) for stack in stacks}

    def start(self, stack):
        """Starts the creation or the update of a stack. Returns the operation's token, or None if there are no changes."""
        new = self.settle(stack.name)
        changes = self.change_set(stack, new)
        for line in self.drift.lines(stack.name, changes[1]["Changes"] if changes else []) if self.drift else ():
            self.say(line)
        if changes is None:
            self.say(f"{stack.name}: no changes")
            return None
        name, described = changes
        self.say(f"{stack.name}: {'a new stack' if new else 'changes'}")
        for line in plan.describe_changes(described["Changes"]):
            self.say(line)
        try:
            self.ask("Apply these changes?")
            self.before(stack, described["Changes"])
        except Refusal:
            self.aws("cloudformation", *(["delete-stack"] if new else ["delete-change-set", "--change-set-name", name]), "--stack-name", stack.name)
            raise
        self.aws("cloudformation", "execute-change-set", "--stack-name", stack.name, "--change-set-name", name, "--client-request-token", name)
        return name

    def finish(self, started):
        """Waits until operations have ended. Raises Refusal with the cause of each that failed."""
        failures = []
        began = reported = self.clock()
        while started:
            self.sleep(POLL_SECONDS)  # first: for a moment a stack may still have its previous status
            self.meanwhile()
            for name, token in list(started.items()):
                status = self.status(name)
                if status.endswith("_IN_PROGRESS"):
                    continue
                del started[name]
                if status in COMPLETE:
                    self.say(f"{name}: {words(status)}")
                else:
                    failures.append(f"stack {name} is {status}: {self.cause(name, token)}")
            if started and self.clock() - reported >= REPORT_SECONDS:
                reported = self.clock()
                self.say(f"  after {(reported - began) / 60:.0f} minutes: waiting for {', '.join(started)}")
        if failures:
            raise Refusal("\n".join(failures))

    def settle(self, name):
        """Waits for an operation in progress and repairs a stack that cannot be updated. Returns whether it is new."""
        repaired = set()
        while True:
            status = self.status(name)
            if status in NEW:
                return True
            if status.endswith("_IN_PROGRESS"):
                self.attach(name, status)
                continue
            if status not in (*NEVER_COMPLETE, "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"):
                return False
            self.say(f"stack {name} is {status}: {self.cause(name)}")
            if status in repaired:
                raise Refusal(f"stack {name} is {status} again: {self.cause(name)}\nMend the cause, then: {regional(by_hand(name, status), self.environment.region)}")
            repaired.add(status)
            self.repair(name, status)

    def attach(self, name, status):
        """Waits for an operation that this run did not start."""
        self.say(f"{name} is {status}: waiting for an operation that was started before")
        began = reported = self.clock()
        while (now := self.status(name)).endswith("_IN_PROGRESS") and now != "REVIEW_IN_PROGRESS":
            self.sleep(POLL_SECONDS)
            self.meanwhile()
            if self.clock() - reported >= REPORT_SECONDS:
                reported = self.clock()
                self.say(f"  after {(reported - began) / 60:.0f} minutes: {now}")
        self.say(f"{name}: {words(now)}")
        if now == "UPDATE_ROLLBACK_COMPLETE":
            self.say(f"That operation failed: {self.cause(name)}")

    def repair(self, name, status):
        """Starts what makes a stack usable again, after confirmation."""
        token = f"repair-{int(self.clock() * 1000)}"
        if status == "UPDATE_ROLLBACK_FAILED":
            self.ask("Continue its rollback?")
            self.aws("cloudformation", "continue-update-rollback", "--stack-name", name, "--client-request-token", token, *self.environment.role)
        elif status == "DELETE_FAILED":
            self.ask("Delete it again, to create it anew?")
            self.delete(name, token)
        elif status in NEVER_COMPLETE:
            self.ask("It was never complete. Delete it, to create it anew?")
            self.delete(name, token)
        else:
            raise Refusal(f"stack {name} is {status}; mend that in the console, then run it again")
        self.sleep(POLL_SECONDS)

    def delete(self, name, token):
        """Starts the deletion of a stack."""
        self.aws("cloudformation", "delete-stack", "--stack-name", name, "--client-request-token", token, *self.environment.role)

    def protect(self, name):
        """Switches termination protection on or off, as the environment says."""
        wanted = self.environment.given.get("termination_protection", False)
        if wanted != bool((self.stack(name) or {}).get("EnableTerminationProtection")):
            self.say(f"{name}: termination protection {'on' if wanted else 'off'}")
            option = "--enable-termination-protection" if wanted else "--no-enable-termination-protection"
            self.aws("cloudformation", "update-termination-protection", "--stack-name", name, option)

    def remove(self, name):
        """Deletes a stack, or what an earlier deletion left of it."""
        if (status := self.status(name)).endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            self.attach(name, status)
        token = f"remove-{int(self.clock() * 1000)}"
        self.delete(name, token)
        while True:
            self.sleep(POLL_SECONDS)
            status = self.status(name)
            if status == GONE:
                self.say(f"{name}: {words(status)}")
                return
            if not status.endswith("_IN_PROGRESS"):
                raise Refusal(f"stack {name} is {status}: {self.cause(name, token)}\nMend the cause and run it again, or: {regional(by_hand(name, 'DELETE_FAILED'), self.environment.region)}")

    # ---------------------------------------------------------------- change sets

    def change_set(self, stack, new):
        """Creates a change set and returns its name and its description, or None if it is empty."""
        bucket, region = self.environment.code_bucket, self.environment.region
        self.folder.mkdir(parents=True, exist_ok=True)
        parameters, body = self.folder / f"{stack.name}.json", self.folder / f"{stack.name}.yaml"
        parameters.write_text(json.dumps(stack.rows(), indent=2))
        body.write_text(stack.body())
        # From the bucket, since a template in the call itself is limited to 51,200 bytes (CreateChangeSet).
        key = f"templates/{stack.name}.yaml"
        self.aws("s3api", "put-object", "--bucket", bucket, "--expected-bucket-owner", self.environment.given["account"], "--key", key, "--body", str(body))
        name = f"deploy-{int(self.clock() * 1000)}"
        try:
            created = self.aws("cloudformation", "create-change-set", "--stack-name", stack.name, "--change-set-name", name, "--client-token", name,
                               "--change-set-type", "CREATE" if new else "UPDATE", "--capabilities", *plan.CAPABILITIES,
                               "--template-url", f"https://s3.{region}.{self.suffix}/{bucket}/{key}", "--parameters", f"file://{parameters}", *(["--deployment-mode", "REVERT_DRIFT"] if reverts() and not new else []), *self.environment.role, *tags(self.environment.tags))  # fmt: skip
        except AwsError as error:
            if plan.no_changes(str(error)):
                return None
            raise
        of = ["--stack-name", stack.name, "--change-set-name", name]
        while (described := self.aws("cloudformation", "describe-change-set", *of))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            self.sleep(POLL_SECONDS)
        reason = described.get("StatusReason", "")
        empty = described["Status"] == "FAILED" and plan.no_changes(reason)
        # CloudFormation's early validation: the change set names only the hook, and its events go with it.
        try:
            found = [] if empty else self.validation(created["Id"])
        except AwsError as error:
            found = [f"  details are unknown: {str(error).splitlines()[0]}"] if described["Status"] == "FAILED" else []
        if described["Status"] == "FAILED":
            self.aws("cloudformation", "delete-change-set", *of)
            if empty:
                return None
            raise Refusal("\n".join([f"{stack.name}: {reason or 'the change set failed'}", *found]))
        for line in found:
            self.say(f"{stack.name}: warning:{line}")
        return name, described

    def validation(self, change_set):
        """What CloudFormation's validation says about a change set, as lines."""
        events = self.aws("cloudformation", "describe-events", "--change-set-name", change_set, "--filters", "FailedEvents=true")["OperationEvents"]
        lines = []
        for event in events:
            reason = event.get("ValidationStatusReason") or event.get("HookStatusReason") or event.get("ResourceStatusReason")
            if reason:
                where = " ".join(filter(None, (event.get("LogicalResourceId"), event.get("ValidationPath"))))
                name = event.get("ValidationName") or event.get("HookType")
                lines.append(f"  {where}: {reason}{f' ({name})' if name else ''}")
        return lines


def tags(given):
    """Options that tag a stack; as JSON, because a value may have commas and spaces."""
    return ["--tags", json.dumps([{"Key": key, "Value": value} for key, value in sorted(given.items())])] if given else []


def words(status):
    return status.lower().replace("_", " ")


def is_stack(event):
    """Whether an event is of the stack itself."""
    return event.get("PhysicalResourceId") == event.get("StackId") or event.get("LogicalResourceId") == event.get("StackName")


def latest_operation(events):
    """The events of a stack's latest operation, newest first: back to the one with which it began."""
    found = []
    for event in events:
        found.append(event)
        if is_stack(event) and event.get("ResourceStatus") in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"):
            break
    return found


def by_hand(name, status):
    """The command that gets a stack out of a status in which a repetition does not help."""
    return {
        "UPDATE_ROLLBACK_FAILED": f"aws cloudformation continue-update-rollback --stack-name {name} --resources-to-skip <the resources above>",
    }.get(status, f"aws cloudformation delete-stack --stack-name {name} --deletion-mode FORCE_DELETE_STACK   # leaves the resources above to you")
