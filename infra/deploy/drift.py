"""What was changed by hand in the stacks (drift), and what a deployment does to it.

CloudFormation compares templates and not what there is: a change by hand stays until a deployment changes that resource, and
then gets lost, or makes the deployment fail. So both are said before the change set is applied. Nothing here ends a
deployment: what cannot be found out is said too. docs/deploy.md, Changes by hand.
"""

import os
import re

from cli import AwsError

MAX_SECONDS = 300.0  # for all stacks together; AWS says "up to several minutes"
POLL_SECONDS = 5.0
MAX_RESOURCES, MAX_DIFFERENCES = 20, 5  # that are said of one stack, or of one resource
# What the service changes itself: warm hours.
OURS = {("AWS::ApplicationAutoScaling::ScalableTarget", "/MinCapacity")}
DIFFERENCES = {"ADD": "added", "REMOVE": "removed", "NOT_EQUAL": "changed"}
PLAIN = re.compile(r"-?[0-9.]{1,20}|true|false")  # values that hold no secret


def reverts():
    """Whether change sets set back what was changed by hand."""
    return os.environ.get("REVERT_DRIFT") == "1"


class Drift:
    """The drift of one environment's stacks."""

    def __init__(self, aws, say, sleep, clock):
        self.aws, self.say, self.sleep, self.clock = aws, say, sleep, clock
        self.began, self.detections, self.found = clock(), {}, {}

    def begin(self, stacks):
        """Starts the detection in all stacks that there are."""
        self.began = self.clock()
        for name in stacks:
            try:
                self.detections[name] = self.aws("cloudformation", "detect-stack-drift", "--stack-name", name)["StackDriftDetectionId"]
            except AwsError as error:
                if "does not exist" not in str(error):
                    self.unknown(name, error)

    def unknown(self, name, why):
        self.say(f"{name}: what was changed by hand is unknown: {str(why).splitlines()[0]}")

    def end(self):
        """Waits until the detections have ended, or for long enough."""
        while self.detections:
            for name in list(self.detections):
                try:
                    self.look(name)
                except AwsError as error:
                    self.detections.pop(name, None)
                    self.unknown(name, error)
            if self.detections and self.clock() - self.began >= MAX_SECONDS:
                for name in self.detections:
                    self.unknown(name, f"CloudFormation has not compared its resources within {MAX_SECONDS / 60:g} minutes")
                return
            if self.detections:
                self.sleep(POLL_SECONDS)

    def look(self, name):
        """Reads what differs in a stack once its detection has ended."""
        seen = self.aws("cloudformation", "describe-stack-drift-detection-status", "--stack-drift-detection-id", self.detections[name])
        if seen["DetectionStatus"] == "DETECTION_IN_PROGRESS":
            return
        del self.detections[name]
        if seen["DetectionStatus"] == "DETECTION_FAILED":
            self.say(f"{name}: CloudFormation could not compare all resources: {seen.get('DetectionStatusReason', 'it gives no reason')}")
        rows, more = [], []
        while True:
            page = self.aws("cloudformation", "describe-stack-resource-drifts", "--stack-name", name, "--stack-resource-drift-status-filters", "MODIFIED", "DELETED", *more)
            rows += page["StackResourceDrifts"]
            if not page.get("NextToken"):
                break
            more = ["--next-token", page["NextToken"]]
        self.found[name] = [row for row in rows if row["StackResourceDriftStatus"] == "DELETED" or differences(row)]

    def lines(self, name, changes):
        """What was changed by hand in a stack, and what its change set does to it; once."""
        found = self.found.pop(name, [])
        if not found:
            return
        yield f"{name}: changed by hand (drift), {len(found)} {'resource' if len(found) == 1 else 'resources'}:"
        by_resource = {change["LogicalResourceId"]: change for change in (c["ResourceChange"] for c in changes)}
        for row in found[:MAX_RESOURCES]:
            yield f"  {row['ResourceType']} {row['LogicalResourceId']}: {words(row)}"
            yield f"      this deployment {effect(row, by_resource.get(row['LogicalResourceId']))}"
        if len(found) > MAX_RESOURCES:
            yield f"  and {len(found) - MAX_RESOURCES} more"
        yield f"  all values: aws cloudformation describe-stack-resource-drifts --stack-name {name}"
        if not reverts():
            yield "  REVERT_DRIFT=1 sets them back (docs/deploy.md, Changes by hand)"


def differences(row):
    """The properties of a resource that were changed by hand."""
    return [one for one in row.get("PropertyDifferences", []) if (row["ResourceType"], one["PropertyPath"]) not in OURS]


def words(row):
    """What was changed. Values may hold secrets, so only numbers and the like are said."""
    if row["StackResourceDriftStatus"] == "DELETED":
        return "deleted"
    said = []
    for one in differences(row)[:MAX_DIFFERENCES]:
        path, before, now = one["PropertyPath"].lstrip("/"), one["ExpectedValue"], one["ActualValue"]
        if PLAIN.fullmatch(before) and PLAIN.fullmatch(now):
            said.append(f"{path} is {now} instead of {before}")
        else:
            said.append(f"{path} {DIFFERENCES[one['DifferenceType']]}")
    more = len(differences(row)) - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")


def effect(row, change):
    """What a change set does to a resource that was changed by hand. `change` is its row for the resource, or None."""
    gone = row["StackResourceDriftStatus"] == "DELETED"
    if change is None:
        return "does not create it again" if gone else "leaves it so"
    if change["Action"] == "Remove":
        return "removes the resource"
    if change["Action"] == "Add":
        return "creates it again"
    if change.get("Replacement", "False") == "True":
        return "replaces it by one that is as the template says"
    if reverts():
        return "creates it again" if gone else "sets it back to what the template says"
    if gone:
        return "changes it, and fails at that, since it is gone"
    set_now = {detail["Target"].get("Name") for detail in change.get("Details", []) if "Target" in detail}
    changed = {one["PropertyPath"].lstrip("/").split("/")[0] for one in differences(row)}
    overwritten = sorted(changed & set_now)
    return f"overwrites {', '.join(overwritten)}" if overwritten else "changes other properties of it, and may overwrite that too"
