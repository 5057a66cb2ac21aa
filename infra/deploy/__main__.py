"""Deploys Docket to AWS, or removes it, with the AWS CLI alone; or checks beforehand what would stop it. docs/deploy.md
is the guide.

  python infra/deploy preflight <environment>   (make preflight ENV=<environment>)
  python infra/deploy deploy <environment>      (make deploy ENV=<environment>)
  python infra/deploy undeploy <environment>    (make undeploy ENV=<environment>)

An environment is a file infra/environments/<environment>.json. Every step can be repeated: it changes nothing that is
already as it should be. Environment variables: YES=1 answers yes to every question; PROBE_MINUTES limits how long the
probe at the end waits for its result (default 30: a cold start takes 5 to 15 minutes); PROBE=0 skips the probe.
Exit status: 0 when done; 1 when something failed, was refused, or was answered with no; 2 for a wrong command line.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import plan  # noqa: E402  the folder is run as a program
from page import Closed, Page, ticket  # noqa: E402
from plan import ROOT, Environment, Refusal  # noqa: E402
from preflight import Preflight  # noqa: E402

PAGE = ROOT / "web" / "dist"
PROBE_DOCUMENT = ROOT / "samples" / "contracts" / "consulting-agreement.pdf"
POLL_SECONDS = 5.0
PUSH_SECONDS = 30  # limit from Ready to the push, which takes less than a second


class AwsError(Exception):
    """A command of the AWS CLI failed; the text is its standard error."""


class Aws:
    """The AWS CLI: the one on PATH, or else the one that `make venv` installs."""

    def __init__(self, region):
        self.program = shutil.which("aws") or str(ROOT / ".venv" / "bin" / "aws")
        if not pathlib.Path(self.program).exists():
            raise Refusal("no AWS CLI found; `make venv` installs one")
        self.region = region

    def __call__(self, *arguments):
        """Runs a command and returns its output, parsed if it is JSON. Raises AwsError if it fails."""
        command = [self.program, *arguments, "--region", self.region]
        if arguments[0] != "s3":
            command += ["--output", "json"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "AWS_PAGER": ""}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise AwsError(f"aws {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout


class Deployment:
    """One run of `deploy` or `undeploy`."""

    def __init__(self, environment, aws, say=print, ask=None, sleep=time.sleep, clock=time.time, page=Page):
        self.environment, self.aws, self.say, self.sleep, self.clock, self.page = environment, aws, say, sleep, clock, page
        self.ask = ask or self._ask
        self.folder = ROOT / "target" / "deploy" / environment.name
        self.partition, self.suffix = "aws", "amazonaws.com"

    def _ask(self, question):
        if os.environ.get("YES") == "1":
            return
        if not sys.stdin.isatty():
            raise Refusal(f"{question} Standard input is no terminal; YES=1 answers yes to everything.")
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise Refusal("stopped; nothing further was changed")

    # ---------------------------------------------------------------- deploy

    def deploy(self):
        """Creates or updates all stacks, then sends a probe through the service."""
        wanted = self.environment
        code_prefix = plan.check_zips(wanted.architecture)
        if wanted.wants("page") and not (PAGE / "index.html").exists():
            raise Refusal("web/dist has no page; `make web` builds it (Node 20.19), or leave `page` out of the environment")
        self.check_account("Deploy")
        self.make_code_bucket()
        self.upload_zips(code_prefix)
        found = self.outputs(wanted.stack_name("web")).get("PageUrl") if wanted.wants("page") else None
        outputs = self.apply(wanted.service(code_prefix, found))
        for pipeline in wanted.endpoints:
            for note in wanted.notes(pipeline):
                self.say(note)
            self.check_version(self.apply(wanted.endpoint(pipeline, outputs, self.partition)))
        if wanted.wants("page"):
            page = self.apply(wanted.page(outputs, self.suffix))
            self.publish_page(page)
            if found != page["PageUrl"]:
                self.say("Setting PageOrigin of the service:")
                outputs = self.apply(wanted.service(code_prefix, page["PageUrl"]))
            self.say(f"The page is at {page['PageUrl']}")
        if wanted.wants("monitoring"):
            self.say(f"The dashboard is at {self.apply(wanted.monitoring(outputs))['DashboardUrl']}")
        # The source of the probe below and of the daily probes of infra/endpoint.yaml.
        self.aws("s3", "cp", "--quiet", str(PROBE_DOCUMENT), f"s3://{outputs['JobsBucketName']}/{plan.PROBE_DOCUMENT}")
        if not wanted.probe or os.environ.get("PROBE") == "0":
            self.say("No probe was sent: no pipeline has an endpoint here, or PROBE=0.")
        else:
            self.probe(outputs)

    def check_account(self, what):
        """Refuses credentials of another account, and asks for confirmation."""
        identity = self.aws("sts", "get-caller-identity")
        if identity["Account"] != self.environment.given["account"]:
            raise Refusal(f"these credentials are of account {identity['Account']}, the environment's is {self.environment.given['account']}")
        self.partition = identity["Arn"].split(":")[1]
        self.suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        self.say(f"Account {identity['Account']}, region {self.environment.region}, as {identity['Arn']}")
        self.ask(f"{what} {self.environment.service_name} there?")

    def exists(self, bucket):
        """Whether the bucket exists. Refuses one of another account."""
        try:
            self.aws("s3api", "head-bucket", "--bucket", bucket)
        except AwsError as error:
            if "404" in str(error) or "Not Found" in str(error):
                return False
            raise Refusal(f"bucket {bucket} cannot be used; does another account own it? {error}") from error
        return True

    def make_code_bucket(self):
        """Creates the private bucket for zips and templates."""
        bucket, region = self.environment.code_bucket, self.environment.region
        if self.exists(bucket):
            return
        self.say(f"Creating bucket {bucket} for zips and templates")
        where = [] if region == "us-east-1" else ["--create-bucket-configuration", f"LocationConstraint={region}"]
        self.aws("s3api", "create-bucket", "--bucket", bucket, *where)
        private = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
        self.aws("s3api", "put-public-access-block", "--bucket", bucket, "--public-access-block-configuration", private)

    def upload_zips(self, prefix):
        """Uploads the zips under a prefix that names their contents; those that are there already are skipped."""
        self.say(f"Uploading the zips to {prefix}")
        target = f"s3://{self.environment.code_bucket}/{prefix}"
        self.aws("s3", "sync", str(plan.ZIPS), target, "--no-progress", "--size-only", "--exclude", "*", "--include", "*.zip")

    def stack(self, name):
        """The description of a stack, or None."""
        try:
            return self.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
        except AwsError as error:
            if "does not exist" in str(error):
                return None
            raise

    def outputs(self, name):
        """The outputs of a stack; none if it does not exist."""
        return {row["OutputKey"]: row["OutputValue"] for row in (self.stack(name) or {}).get("Outputs", [])}

    def apply(self, stack):
        """Creates or updates a stack by a change set, after confirmation. Returns its outputs."""
        now = self.stack(stack.name)
        status = now["StackStatus"] if now else "REVIEW_IN_PROGRESS"
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"):
            raise Refusal(f"stack {stack.name} is {status}: {self.why(stack.name)}\nFix the cause, delete the stack if it was never complete, and try again.")
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise Refusal(f"stack {stack.name} is {status}; wait until that has ended")
        new = status == "REVIEW_IN_PROGRESS"
        bucket = plan.own_bucket(stack.template, self.environment)
        if new and bucket and self.exists(bucket):
            raise Refusal(f"bucket {bucket} of an earlier {stack.name} still exists; delete it, or choose another ServiceName (docs/deploy.md, Removing it)")
        changes = self.change_set(stack, new)
        if changes is None:
            self.say(f"{stack.name}: no changes")
            return self.outputs(stack.name)
        name, described = changes
        self.say(f"{stack.name}: {'a new stack' if new else 'changes'}")
        for line in plan.describe_changes(described["Changes"]):
            self.say(line)
        try:
            self.ask("Apply these changes?")
        except Refusal:
            self.aws("cloudformation", *(["delete-stack"] if new else ["delete-change-set", "--change-set-name", name]), "--stack-name", stack.name)
            raise
        self.aws("cloudformation", "execute-change-set", "--stack-name", stack.name, "--change-set-name", name)
        self.wait(stack.name)
        return self.outputs(stack.name)

    def check_version(self, outputs):
        """Refuses to go on if an endpoint does not have the configuration that its stack names.

        SageMaker rolls an update back when new instances do not start or an alarm fires. The endpoint is then InService
        as before, which CloudFormation takes for success.
        """
        name, wanted = outputs["EndpointName"], outputs["EndpointConfigName"]
        now = self.aws("sagemaker", "describe-endpoint", "--endpoint-name", name)
        if now["EndpointConfigName"] != wanted:
            why = now.get("FailureReason", "it gives no reason; check the alarm's history and the container's log")
            raise Refusal(f"SAGEMAKER ROLLED THE UPDATE BACK: {name} has {now['EndpointConfigName']}, its stack says {wanted}: {why}\n"
                          "It works as before. docs/deploy.md, A new version of the model, says what to do.")  # fmt: skip

    def change_set(self, stack, new):
        """Creates a change set and returns its name and its description, or None if it is empty."""
        bucket, region = self.environment.code_bucket, self.environment.region
        self.folder.mkdir(parents=True, exist_ok=True)
        parameters = self.folder / f"{stack.name}.json"
        parameters.write_text(json.dumps(stack.rows(), indent=2))
        # From the bucket, since a template in the call itself is limited to 51,200 bytes (CreateChangeSet).
        key = f"templates/{stack.name}.yaml"
        body = self.folder / f"{stack.name}.yaml"
        body.write_text(stack.body())
        self.aws("s3", "cp", "--quiet", str(body), f"s3://{bucket}/{key}")
        name = f"deploy-{int(self.clock() * 1000)}"
        try:
            self.aws("cloudformation", "create-change-set", "--stack-name", stack.name, "--change-set-name", name,
                     "--change-set-type", "CREATE" if new else "UPDATE", "--capabilities", *plan.CAPABILITIES,
                     "--template-url", f"https://s3.{region}.{self.suffix}/{bucket}/{key}", "--parameters", f"file://{parameters}")  # fmt: skip
        except AwsError as error:
            if plan.no_changes(str(error)):
                return None
            raise
        of = ["--stack-name", stack.name, "--change-set-name", name]
        while (described := self.aws("cloudformation", "describe-change-set", *of))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            self.sleep(POLL_SECONDS)
        if described["Status"] == "FAILED":
            self.aws("cloudformation", "delete-change-set", *of)
            if plan.no_changes(described.get("StatusReason", "")):
                return None
            raise Refusal(f"{stack.name}: {described.get('StatusReason', 'the change set failed')}")
        return name, described

    def wait(self, name, gone=False):
        """Waits until a stack is created, updated or deleted."""
        while True:
            self.sleep(POLL_SECONDS)  # first: for a moment a stack may still have its previous status
            now = self.stack(name)
            status = now["StackStatus"] if now else "DELETE_COMPLETE"
            if status.endswith("_FAILED") or "ROLLBACK_COMPLETE" in status:
                raise Refusal(f"stack {name} is {status}: {self.why(name)}")
            if status == "DELETE_COMPLETE" or status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") and not gone:
                self.say(f"{name}: {status.lower().replace('_', ' ')}")
                return

    def why(self, name):
        """The failed resources of a stack, oldest first: the first is the cause."""
        events = self.aws("cloudformation", "describe-stack-events", "--stack-name", name, "--max-items", "100")["StackEvents"]
        failed = [e for e in events if e["ResourceStatus"].endswith("_FAILED")]
        return "".join(f"\n  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', e['ResourceStatus'])}" for e in reversed(failed))

    def publish_page(self, page):
        """Uploads the files that index.html names before index.html itself."""
        target = f"s3://{page['PageBucketName']}"
        sent = self.aws("s3", "sync", str(PAGE / "assets"), f"{target}/assets", "--no-progress", "--cache-control", "public, max-age=31536000, immutable")
        sent += self.aws("s3", "sync", str(PAGE), target, "--no-progress", "--exclude", "assets/*", "--cache-control", "no-cache")
        if sent.strip():
            # Browsers revalidate index.html each time, but CloudFront may answer from its cache for a moment.
            self.aws("cloudfront", "create-invalidation", "--distribution-id", page["DistributionId"], "--paths", "/*")
        self.say(f"The page's files: {len(sent.splitlines())} uploaded")

    # ---------------------------------------------------------------- probe

    def probe(self, outputs):
        """Uploads a contract as tenant `probe`, and waits until its job is Ready and was pushed to a page."""
        prefix = plan.pipelines()[self.environment.probe]["InputPrefix"]
        bucket, began = outputs["JobsBucketName"], self.clock()
        name = f"deployed-{int(began * 1000)}.pdf"
        key = f"{prefix}{plan.PROBE_TENANT}/{name}"
        minutes = float(os.environ.get("PROBE_MINUTES", "30"))
        self.say(f"Sending probe {key}, waiting at most {minutes:g} minutes")
        page = self.open_page(outputs, minutes * 60 + PUSH_SECONDS)
        self.say("  a page is connected")
        self.aws("s3", "cp", "--quiet", f"s3://{bucket}/{plan.PROBE_DOCUMENT}", f"s3://{bucket}/{key}")
        last, pushed, ready_at = None, None, None
        while True:
            pushed = self.push_of(page, name) or pushed
            outcome, sentence = plan.probe_outcome(self.job_of(outputs["JobsTableName"], key, began))
            after = self.clock() - began
            if sentence != last:
                self.say(f"  after {after:.0f} s: {sentence}")
                last = sentence
            if outcome == "ready":
                ready_at = ready_at or after
                if pushed:
                    self.say(f"  the page received {pushed}")
                    page.close()
                    return
                if after > ready_at + PUSH_SECONDS:
                    self.fail_probe(f"its job is Ready, but no page received it within {PUSH_SECONDS} s")
            elif outcome == "failed":
                self.fail_probe(sentence)
            elif after > minutes * 60:
                self.fail_probe(f"not Ready within {minutes:g} minutes; {sentence}")

    def fail_probe(self, why):
        """Ends the deployment with an error."""
        raise Refusal(f"THE PROBE FAILED: {why}\nThe service is deployed. docs/operations.md says how to investigate; `make deploy` tries again.")

    def open_page(self, outputs, seconds):
        """A WebSocket connection for tenant `probe`, with a ticket written to the table instead of issued by a sign-in."""
        secret, row = ticket(plan.PROBE_TENANT, seconds, self.clock())
        self.aws("dynamodb", "put-item", "--table-name", outputs["RecordsTableName"], "--item", json.dumps(row))
        try:
            return self.page(f"{outputs['WebSocketUrl']}?ticket={secret}")
        except Closed as error:
            return self.fail_probe(f"a page cannot connect: {error}")

    def push_of(self, page, name):
        """The push that the probe is ready, if the page receives it within the next seconds."""
        try:
            frames = page.receive(POLL_SECONDS)
        except Closed as error:
            return self.fail_probe(f"the connection of the page was closed: {error}")
        jobs = [frame["job"] for frame in frames if frame.get("type") == "job.changed"]
        return next((f"{job['name']} is {job['status']}" for job in jobs if (job["name"], job["status"]) == (name, "Ready")), None)

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

    # ---------------------------------------------------------------- undeploy

    def undeploy(self):
        """Deletes the stacks if no job is open, and lists what is retained."""
        wanted = self.environment
        self.check_account("REMOVE")
        outputs = self.outputs(wanted.service_name)
        page_bucket = self.outputs(wanted.stack_name("web")).get("PageBucketName")
        if "JobsTableName" in outputs and (count := self.open_jobs(outputs["JobsTableName"])):
            raise Refusal(f"{count} jobs are open: without the service their results would be lost.\n"
                          "Wait until they have ended, or cancel them: `docket jobs list` shows them, `docket jobs cancel` ends one.")  # fmt: skip
        existing = [name for name in wanted.removal() if self.stack(name)]
        if not existing:
            self.say("There is nothing to remove.")
            return
        self.say(f"Stacks, in the order of their deletion: {', '.join(existing)}")
        self.ask("Delete them?")
        for name in existing:
            if name == wanted.service_name and "ConnectionsTableName" in outputs:
                self.unprotect(outputs["ConnectionsTableName"])
            self.aws("cloudformation", "delete-stack", "--stack-name", name)
            self.wait(name, gone=True)
        self.say("\nRetained, and still charged for:")
        for what, commands in plan.retained(outputs, page_bucket, wanted.code_bucket):
            self.say(f"- {what}; to delete it permanently:")
            for command in commands:
                self.say("    " + command.replace("\n", "\n    "))

    def unprotect(self, table):
        """Switches deletion protection off for the one table that is deleted with its stack."""
        try:
            protected = self.aws("dynamodb", "describe-table", "--table-name", table)["Table"].get("DeletionProtectionEnabled")
        except AwsError as error:
            if "ResourceNotFoundException" not in str(error):
                raise
            return
        if protected:
            self.aws("dynamodb", "update-table", "--table-name", table, "--no-deletion-protection-enabled")

    def open_jobs(self, table):
        """The number of open jobs, without those of probes."""
        probes = json.dumps({":g": {"S": f"{plan.PROBE_TENANT}#open"}})
        of_probes = self.aws("dynamodb", "query", "--table-name", table, "--index-name", "by_tenant", "--select", "COUNT",
                             "--key-condition-expression", "tenant_status_group = :g", "--expression-attribute-values", probes)["Count"]  # fmt: skip
        # The index has the open jobs only, so that a scan of it counts them.
        return self.aws("dynamodb", "scan", "--table-name", table, "--index-name", "by_next_check", "--select", "COUNT")["Count"] - of_probes


def main(arguments):
    """The command line."""
    if len(arguments) not in (1, 2) or arguments[0] not in ("preflight", "deploy", "undeploy"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        environment = Environment.read(arguments[1] if len(arguments) == 2 else "")
        aws, say = Aws(environment.region), lambda text: print(text, flush=True)
        if arguments[0] == "preflight":
            Preflight(environment, aws, AwsError, say).run()
        else:
            deployment = Deployment(environment, aws, say)
            deployment.deploy() if arguments[0] == "deploy" else deployment.undeploy()
    except (Refusal, AwsError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again to continue", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
