"""A fake AWS account behind the AWS CLI: as much of its state as `make deploy` sees.

Its commands and answers are checked against botocore's models. It can fail a stack, refuse calls for a while, and end
the process at a given command, before or after its effect; its state is then in a file, from which another run goes on.
"""

import json
import os
import pathlib
import pickle
import signal

import aws_models

NOW = "2026-11-29T12:00:00Z"
POLLS = 2  # how often a stack is described while an operation is in progress


class FakeAwsAccount:
    """`error` is the class of errors that a command raises."""

    def __init__(self, number, outputs, error):
        self.number, self.outputs, self.error = number, outputs, error
        self.notifications = {}
        self.stacks, self.change_sets, self.buckets, self.private, self.protected, self.bucket_tags = {}, {}, set(), set(), set(), None
        self.asked, self.uploaded, self.operations = [], None, 0
        self.faults = {}  # by stack: why the next operations on it fail
        self.repairs_fail = False  # whether a deletion or a rollback that is continued fails again
        self.invalid, self.warnings = {}, {}  # by stack: what validation says
        self.endpoint_config, self.open, self.open_probes, self.probe_status, self.push = "EndpointConfig-2", 0, 0, "Ready", "push"
        self.breaks = 0  # how often the connection of the page breaks
        self.pauses, self.audits = None, []  # the pause record, as an item; entries of the audit log
        self.at_endpoint = [0]  # attempts at the endpoint, one reading after another; the last one stays
        self.variant_statuses = []  # what a describe-endpoint says about an update, one after another
        self.polls = {}  # by stack: how often it is described while an operation is in progress, if not POLLS
        self.changed = {}  # by stack: the pauses when its change was executed
        self.drifted = {}  # by stack: the rows of resources that were changed by hand
        self.drift_polls, self.drift_page = 1, 2  # how often a detection is in progress; how many rows a page has
        self.drift_failed = None  # why a detection could not compare all resources
        self.detections = {}
        self.taken = set()  # buckets of another account
        self.refusals = []  # errors of the next calls, in order; None for an answer
        self.kill_at, self.kill_after, self.file = None, False, None

    # ---------------------------------------------------------------- the CLI

    def __call__(self, *arguments):
        aws_models.check_command(arguments)
        self.asked.append(arguments)
        self._die(after=False)
        if self.refusals and (refusal := self.refusals.pop(0)):
            raise self.error(refusal)
        method = getattr(self, f"{arguments[0]}_{arguments[1]}".replace("-", "_"))
        values = {}
        for at, word in enumerate(arguments):
            if word.startswith("--"):
                values[word] = arguments[at + 1] if at + 1 < len(arguments) and not arguments[at + 1].startswith("--") else True
        try:
            answer = method(arguments, values)
        finally:
            if self.file:
                pathlib.Path(self.file).write_bytes(pickle.dumps(self))
            self._die(after=True)
        aws_models.check_answer(arguments, answer)
        return answer

    def _die(self, after):
        if self.kill_at == len(self.asked) and self.kill_after is after:
            os.kill(os.getpid(), signal.SIGKILL)

    def commands(self):
        return [" ".join(arguments[:2]) for arguments in self.asked]

    def order(self, command):
        """The stacks for which a command was called."""
        return [a[a.index("--stack-name") + 1] for a in self.asked if a[1] == command]

    # ---------------------------------------------------------------- CloudFormation

    def put(self, name, status="UPDATE_COMPLETE", then=None, polls=POLLS, reason=None):
        """A stack that was there before; with `then`, an operation is in progress and ends so."""
        self.stacks[name] = {"status": status, "then": then, "polls": polls, "parameters": None, "events": []}
        self.event(name, name, status.split("_")[0] + "_IN_PROGRESS", "earlier")
        if reason:
            self.event(name, "Thing", "UPDATE_FAILED", "earlier", reason)

    def event(self, stack, resource, status, token, reason=None):
        events = self.stacks[stack]["events"]
        events.append({
            "StackId": f"id-of-{stack}", "EventId": str(len(events)), "StackName": stack, "Timestamp": NOW, "LogicalResourceId": resource,
            "PhysicalResourceId": f"id-of-{stack}" if resource == stack else resource, "ResourceStatus": status, "ClientRequestToken": token,
            **({"ResourceStatusReason": reason} if reason else {}),
        })  # fmt: skip

    def cloudformation_describe_stacks(self, _, values):
        name = values["--stack-name"]
        stack = self.stacks.get(name)
        if stack and stack["status"].endswith("_IN_PROGRESS") and stack["then"]:
            stack["polls"] -= 1
            if stack["polls"] < 0:
                self._end(name, stack)
                stack = self.stacks.get(name)
        if not stack:
            raise self.error(f"An error occurred (ValidationError): Stack with id {name} does not exist")
        ended = stack["status"].endswith("_COMPLETE") and stack["status"] != "ROLLBACK_COMPLETE"
        rows = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items() if ended]
        protected = {"EnableTerminationProtection": True} if name in self.protected else {}
        return {"Stacks": [{"StackName": name, "CreationTime": NOW, "StackStatus": stack["status"], "Outputs": rows, **protected}]}

    def cloudformation_update_termination_protection(self, arguments, values):
        (self.protected.add if "--enable-termination-protection" in arguments else self.protected.discard)(values["--stack-name"])
        return {}

    def _end(self, name, stack):
        stack["status"], stack["then"] = stack["then"], None
        if stack["status"] == "DELETE_COMPLETE":
            del self.stacks[name]

    def cloudformation_describe_stack_events(self, _, values):
        return {"StackEvents": self.stacks[values["--stack-name"]]["events"][::-1]}

    def cloudformation_create_change_set(self, _, values):
        stack, name = values["--stack-name"], values["--change-set-name"]
        exists = stack in self.stacks and self.stacks[stack]["status"] != "REVIEW_IN_PROGRESS"
        assert (values["--change-set-type"] == "UPDATE") is exists, "the type of the change set does not fit the stack"
        assert not exists or self.stacks[stack]["status"].split("_")[-1] == "COMPLETE" and "ROLLBACK_COMPLETE" != self.stacks[stack]["status"], "it cannot be updated"
        if not exists:
            self.stacks[stack] = {"status": "REVIEW_IN_PROGRESS", "then": None, "polls": 0, "parameters": None, "events": []}
            self.event(stack, stack, "REVIEW_IN_PROGRESS", name)
        parameters = json.loads(pathlib.Path(values["--parameters"].removeprefix("file://")).read_text())
        assert exists or "--deployment-mode" not in values, "a new stack has no drift"
        self.change_sets[name] = {"stack": stack, "parameters": parameters, "polls": 1, "reverts": self.drifted.get(stack, []) if "--deployment-mode" in values else []}
        return {"Id": f"arn:{name}", "StackId": f"id-of-{stack}"}

    def cloudformation_describe_change_set(self, _, values):
        found = self.change_sets[values["--change-set-name"]]
        found["polls"] -= 1
        if found["polls"] >= 0:
            return {"Status": "CREATE_IN_PROGRESS"}
        if self.stacks[found["stack"]]["parameters"] == found["parameters"] and not found["reverts"]:
            return {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes. Submit different information to create a change set."}
        if found["stack"] in self.invalid:
            return {"Status": "FAILED", "StatusReason": "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]"}
        return {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": self._changes(found)}

    def _changes(self, change_set):
        """A new image makes a new configuration of the endpoint, a drift-aware change set sets back what was changed by hand."""
        back = {"Action": "Modify", "Replacement": "False"}
        reverted = [{"Type": "Resource", "ResourceChange": {**back, **{key: row[key] for key in ("LogicalResourceId", "ResourceType")}}} for row in change_set["reverts"]]
        return [*self._changed_models(change_set), *reverted]

    def _changed_models(self, change_set):
        image = lambda rows: [row["ParameterValue"] for row in rows or [] if row["ParameterKey"] == "ImageUri"]  # noqa: E731
        before = self.stacks[change_set["stack"]]["parameters"]
        if not before or image(before) == image(change_set["parameters"]):
            return []
        config = {"Action": "Modify", "LogicalResourceId": "EndpointConfig", "ResourceType": "AWS::SageMaker::EndpointConfig", "Replacement": "True"}
        return [{"Type": "Resource", "ResourceChange": config}]

    def cloudformation_detect_stack_drift(self, _, values):
        name = values["--stack-name"]
        if name not in self.stacks:
            raise self.error(f"An error occurred (ValidationError) when calling the DetectStackDrift operation: Stack [{name}] does not exist")
        if self.stacks[name]["status"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"):
            raise self.error("An error occurred (ValidationError) when calling the DetectStackDrift operation: DetectStackDrift cannot be called from current stack status")
        self.detections[f"of-{name}"] = self.drift_polls
        return {"StackDriftDetectionId": f"of-{name}"}

    def cloudformation_describe_stack_drift_detection_status(self, _, values):
        detection = values["--stack-drift-detection-id"]
        name = detection.removeprefix("of-")
        self.detections[detection] -= 1
        row = {"StackId": f"id-of-{name}", "StackDriftDetectionId": detection, "Timestamp": NOW}
        if self.detections[detection] >= 0:
            return {**row, "DetectionStatus": "DETECTION_IN_PROGRESS"}
        failed = {"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": self.drift_failed} if self.drift_failed else {"DetectionStatus": "DETECTION_COMPLETE"}
        return {**row, **failed, "StackDriftStatus": "DRIFTED" if name in self.drifted else "IN_SYNC", "DriftedStackResourceCount": len(self.drifted.get(name, []))}

    def cloudformation_describe_stack_resource_drifts(self, arguments, values):
        name, first = values["--stack-name"], int(values.get("--next-token", 0))
        assert arguments[arguments.index("--stack-resource-drift-status-filters") + 1 :][:2] == ("MODIFIED", "DELETED")
        rows, end = self.drifted.get(name, []), first + self.drift_page
        return {"StackResourceDrifts": rows[first:end], **({"NextToken": str(end)} if end < len(rows) else {})}

    def cloudformation_describe_events(self, _, values):
        found = self.change_sets[values["--change-set-name"].removeprefix("arn:")]["stack"]
        said = self.invalid.get(found) or self.warnings.get(found) or []
        kind = {"EventType": "VALIDATION_ERROR", "ValidationStatus": "FAILED", "LogicalResourceId": "Thing", "ValidationPath": "/Resources/Thing/Properties/Name"}
        return {"OperationEvents": [{**kind, "EventId": "1", "StackId": f"id-of-{found}", "ValidationName": "NAME_CONFLICT", "ValidationStatusReason": text} for text in said]}

    def cloudformation_execute_change_set(self, _, values):
        found = self.change_sets.pop(values["--change-set-name"])
        name, token = found["stack"], values["--client-request-token"]
        stack = self.stacks[name]
        self.changed[name] = self.paused()
        verb = "CREATE" if stack["status"] == "REVIEW_IN_PROGRESS" else "UPDATE"
        self.operations += 1
        self.event(name, name, f"{verb}_IN_PROGRESS", token)
        stack.update(status=f"{verb}_IN_PROGRESS", then=f"{verb}_COMPLETE", polls=self.polls.get(name, POLLS))
        if name in self.faults:
            self.event(name, "First", f"{verb}_FAILED", token, self.faults[name])
            self.event(name, "Later", f"{verb}_FAILED", token, f"Resource {verb.lower()} cancelled")
            rollback = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
            self.event(name, name, f"{rollback}_IN_PROGRESS", token, "The following resource(s) failed: [First, Later]")
            stack["then"] = f"{rollback}_COMPLETE"
        else:
            if found["reverts"]:
                del self.drifted[name]
            stack["parameters"] = found["parameters"]
            if verb == "CREATE":
                self.buckets |= {f"{name}-jobs-{self.number}-eu-central-1-an"} if name == "docket" else set()
        return {}

    def cloudformation_delete_change_set(self, _, values):
        del self.change_sets[values["--change-set-name"]]
        return {}

    def _repair(self, name, verb, good, bad, token):
        self.event(name, name, f"{verb}_IN_PROGRESS", token)
        if self.repairs_fail:
            self.event(name, "Stuck", f"{verb}_FAILED", token, "it is still used")
        self.stacks[name].update(status=f"{verb}_IN_PROGRESS", then=bad if self.repairs_fail else good, polls=POLLS)

    def cloudformation_continue_update_rollback(self, _, values):
        name = values["--stack-name"]
        assert self.stacks[name]["status"] == "UPDATE_ROLLBACK_FAILED"
        self._repair(name, "UPDATE_ROLLBACK", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", values["--client-request-token"])
        return {}

    def cloudformation_delete_stack(self, _, values):
        name = values["--stack-name"]
        if name in self.stacks:
            if self.stacks[name]["status"] == "REVIEW_IN_PROGRESS":
                del self.stacks[name]
            else:
                self._repair(name, "DELETE", "DELETE_COMPLETE", "DELETE_FAILED", values.get("--client-request-token", "t"))

    # ---------------------------------------------------------------- the rest

    def sts_get_caller_identity(self, *_):
        return {"Account": self.number, "Arn": f"arn:aws:iam::{self.number}:user/ops", "UserId": "AIDA"}

    def s3api_head_bucket(self, _, values):
        if values["--bucket"] in self.taken:
            raise self.error("An error occurred (403) when calling the HeadBucket operation: Forbidden")
        page = self.outputs.get("PageBucketName") if "docket-web" in self.stacks else None
        if values["--bucket"] not in {*self.buckets, page}:
            raise self.error("An error occurred (404) when calling the HeadBucket operation: Not Found")
        return {"BucketRegion": "eu-central-1"}

    def s3api_create_bucket(self, _, values):
        if values["--bucket"] in self.buckets:
            raise self.error("An error occurred (BucketAlreadyOwnedByYou)")
        self.buckets.add(values["--bucket"])
        return {}

    def s3api_get_public_access_block(self, _, values):
        if values["--bucket"] not in self.private:
            raise self.error("An error occurred (NoSuchPublicAccessBlockConfiguration)")
        return {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}

    def s3api_put_public_access_block(self, _, values):
        self.private.add(values["--bucket"])

    def s3api_put_bucket_tagging(self, _, values):
        self.bucket_tags = json.loads(values["--tagging"])

    def s3api_get_bucket_versioning(self, _, values):
        return {"Status": "Enabled"}

    def s3api_get_bucket_notification_configuration(self, _, values):
        return self.notifications

    def s3api_put_bucket_notification_configuration(self, _, values):
        self.notifications = json.loads(values["--notification-configuration"])

    def s3api_put_object(self, _, values):
        assert pathlib.Path(values["--body"]).is_file()
        return {"ETag": '"1"'}

    def s3api_copy_object(self, _, values):
        self.uploaded = values["--key"]
        return {"CopyObjectResult": {"ETag": '"1"'}}

    def s3_sync(self, *_):
        return "upload: index.html\n"

    def cloudfront_create_invalidation(self, *_):
        return {}

    def sagemaker_describe_endpoint(self, _, values):
        name = values["--endpoint-name"]
        return {
            "EndpointName": name, "EndpointArn": f"arn:aws:sagemaker:eu-central-1:{self.number}:endpoint/{name}", "EndpointStatus": "InService",
            "EndpointConfigName": self.endpoint_config, "CreationTime": NOW, "LastModifiedTime": NOW, **self._update(),
        }  # fmt: skip

    def _update(self):
        if not self.variant_statuses:
            return {}
        variant = {"VariantName": "main", "VariantStatus": [{"Status": self.variant_statuses.pop(0)}]}
        return {"PendingDeploymentSummary": {"EndpointConfigName": "EndpointConfig-3", "ProductionVariants": [variant]}}

    def paused(self):
        """The lines of the pause record."""
        return self.pauses["body"]["S"].splitlines() if self.pauses else []

    def dynamodb_put_item(self, _, values):
        item = json.loads(values["--item"])
        if item["pk"]["S"] == "audit":
            self.audits.append(json.loads(item["body"]["S"]))
        if item["pk"]["S"] == "pauses":
            revision = int(self.pauses["revision"]["N"]) if self.pauses else 0
            assert "--condition-expression" in values
            if int(item["revision"]["N"]) != revision + 1:
                raise self.error("An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed")
            self.pauses = item
        return {}

    def dynamodb_describe_table(self, *_):
        return {"Table": {"DeletionProtectionEnabled": True}}

    def dynamodb_update_table(self, *_):
        return {}

    def dynamodb_query(self, _, values):
        asked = values["--expression-attribute-values"]
        if "--select" in values:
            return {"Count": self.open_probes if "probe#open" in asked else 0}
        wanted = {"Ready": "probe#ready", "Failed": "probe#failed"}.get(self.probe_status, "probe#open")
        return {"Items": [{"job_id": {"S": "j"}}] if wanted in asked and self.probe_status else []}

    def dynamodb_scan(self, _, values):
        if "sent_s" in values.get("--filter-expression", ""):
            return {"Count": self.at_endpoint.pop(0) if len(self.at_endpoint) > 1 else self.at_endpoint[0]}
        return {"Count": self.open if values["--index-name"] == "by_next_check" else 0}

    def dynamodb_get_item(self, _, values):
        if "pauses" in values["--key"]:
            return {"Item": self.pauses} if self.pauses else {}
        return {"Item": {"job_id": {"S": "j"}, "status": {"S": self.probe_status}, "input": {"M": {"key": {"S": self.uploaded}}}}}
