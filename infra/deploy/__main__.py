"""Deploys Docket to AWS, or removes it, with the AWS CLI alone; or checks beforehand what would stop it. docs/deploy.md
is the guide.

  python infra/deploy preflight <environment>   (make preflight ENV=<environment>)
  python infra/deploy deploy <environment>      (make deploy ENV=<environment>)
  python infra/deploy undeploy <environment>    (make undeploy ENV=<environment>)
  python infra/deploy policies <environment>    (make policies ENV=<environment>): the IAM policies that these need

An environment is a file infra/environments/<environment>.json, or the path of such a file. In a release the same program is
docket-deploy (docs/deploy.md, Releases). Every step can be repeated: it changes nothing that is
already as it should be. Environment variables: YES=1 answers yes to every question; PROBE_MINUTES limits how long the
probe at the end waits for its result (default 30: a cold start takes 5 to 15 minutes); PROBE=0 skips the probe;
DRAIN_MINUTES says after how long it asks whether to change a model under attempts that have not ended (default 60);
REVERT_DRIFT=1 sets back what was changed by hand in the stacks.
Exit status: 0 when done; 1 when something failed, was refused, or was answered with no; 2 for a wrong command line.
"""

import json
import os
import sys
import time

sys.path.insert(0, __file__.rpartition("/")[0] or ".")

import iam  # noqa: E402  the folder is run as a program
import plan  # noqa: E402
from bucket import ExistingBucket  # noqa: E402
from cli import AwsCli, AwsError, RetryingAws, regional  # noqa: E402
from drift import Drift  # noqa: E402
from model_change import ModelChange  # noqa: E402
from page import PageConnection  # noqa: E402
from plan import ROOT, EnvironmentFile, Refusal  # noqa: E402
from preflight import Preflight  # noqa: E402
from probe import Probe  # noqa: E402
from prove import Prove  # noqa: E402
from stacks import NEW, Stacks  # noqa: E402

PAGE = ROOT / "web" / "dist"
PROBE_DOCUMENT = ROOT / "samples" / "contracts" / "consulting-agreement.pdf"


class Deployment:
    """One run of `deploy` or `undeploy`."""

    def __init__(self, environment, aws, say=print, ask=None, sleep=time.sleep, clock=time.time, page=PageConnection, folder=None):
        self.environment, self.say, self.sleep, self.clock, self.page = environment, say, sleep, clock, page
        self.ask = ask or self._ask
        self.aws = RetryingAws(aws, environment.given["account"], say, sleep, clock)
        folder = folder or ROOT / "target" / "deploy" / environment.name
        self.stacks = Stacks(environment, self.aws, say, self.ask, sleep, clock, folder)
        self.partition, self.suffix, self.who = "aws", "amazonaws.com", ""

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
        wanted, stacks = self.environment, self.stacks
        code_prefix = plan.check_zips(wanted.architecture)
        if wanted.wants("page") and not (PAGE / "index.html").exists():
            raise Refusal("web/dist has no page; `make web` builds it (Node 20.19), or leave `page` out of the environment")
        self.check_account("Deploy")
        self.make_code_bucket()
        drift = stacks.drift = Drift(self.aws, self.say, self.sleep, self.clock)
        drift.begin(wanted.stack_names())
        self.upload_zips(code_prefix)
        drift.end()
        found = stacks.outputs(wanted.stack_name("web")).get("PageUrl") if wanted.wants("page") else None
        outputs = self.apply(wanted.service(code_prefix, found))
        if not wanted.creates_bucket:
            ExistingBucket(wanted, self.aws, self.say, self.ask).connect(self.partition)
        self.deploy_endpoints(outputs)
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
        self.aws("s3api", "put-object", "--bucket", outputs["JobsBucketName"], "--expected-bucket-owner", wanted.given["account"], "--key", plan.PROBE_DOCUMENT,
                 "--body", str(PROBE_DOCUMENT), "--content-type", "application/pdf")  # fmt: skip
        if not wanted.probe or os.environ.get("PROBE") == "0":
            self.say("No probe was sent: no pipeline has an endpoint here, or PROBE=0.")
        else:
            Probe(wanted, self.aws, self.say, self.sleep, self.clock, self.page).run(outputs)

    def deploy_endpoints(self, outputs):
        """Deploys the endpoints side by side: the first instance of one may take half an hour. Jobs of an endpoint whose model
        changes wait meanwhile."""
        wanted = self.environment
        for pipeline in wanted.endpoints:
            for warning in wanted.warnings(pipeline):
                self.say(warning)
        change = ModelChange(wanted, self.aws, self.say, self.ask, self.sleep, self.clock, outputs, self.who)
        self.stacks.before, self.stacks.meanwhile = change.before, change.tick
        try:
            found = self.stacks.apply_all([wanted.endpoint(pipeline, outputs, self.partition) for pipeline in wanted.endpoints])
        except BaseException:  # Ctrl-C too
            change.abandon()
            raise
        change.end()
        for endpoint in found.values():
            self.check_version(endpoint)

    def apply(self, stack):
        """Creates or updates a stack. Refuses a new one whose bucket an earlier one has left. Returns its outputs."""
        bucket = plan.own_bucket(stack.template, self.environment)
        if bucket and self.stacks.status(stack.name) in NEW and self.exists(bucket):
            raise Refusal(f"bucket {bucket} of an earlier {stack.name} still exists; delete it, or choose another ServiceName (docs/deploy.md, Removing it)")
        return self.stacks.apply(stack)

    def check_account(self, what):
        """Refuses credentials of another account, and asks for confirmation."""
        identity = self.aws("sts", "get-caller-identity")
        if identity["Account"] != self.environment.given["account"]:
            raise Refusal(f"these credentials are of account {identity['Account']}, the environment's is {self.environment.given['account']}")
        self.partition, self.who = identity["Arn"].split(":")[1], identity["Arn"]
        self.suffix = self.stacks.suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        self.say(f"Account {identity['Account']}, region {self.environment.region}, as {identity['Arn']}")
        self.ask(f"{what} {self.environment.service_name} there?")

    def exists(self, bucket):
        """Whether the bucket exists. Refuses one of another account."""
        try:
            self.aws("s3api", "head-bucket", "--bucket", bucket, "--expected-bucket-owner", self.environment.given["account"])
        except AwsError as error:
            if "404" in str(error) or "Not Found" in str(error):
                return False
            raise Refusal(f"bucket {bucket} cannot be used; does another account own it? {error}") from error
        return True

    def make_code_bucket(self):
        """Creates the bucket for zips and templates, and makes it private: also one that a run left half made."""
        bucket, region = self.environment.code_bucket, self.environment.region
        owner = ["--bucket", bucket, "--expected-bucket-owner", self.environment.given["account"]]
        if self.exists(bucket):
            try:
                self.aws("s3api", "get-public-access-block", *owner)
                return
            except AwsError as error:
                if "NoSuchPublicAccessBlockConfiguration" not in str(error):
                    raise
        else:
            self.say(f"Creating bucket {bucket} for zips and templates")
            where = [] if region == "us-east-1" else ["--create-bucket-configuration", f"LocationConstraint={region}"]
            try:
                self.aws("s3api", "create-bucket", "--bucket", bucket, *plan.namespace(bucket, self.environment), *where)
            except AwsError as error:
                if "BucketAlreadyOwnedByYou" not in str(error):  # the answer to the first attempt was lost
                    raise
        if tags := [{"Key": key, "Value": value} for key, value in sorted(self.environment.tags.items())]:
            self.aws("s3api", "put-bucket-tagging", *owner, "--tagging", json.dumps({"TagSet": tags}))
        private = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
        self.aws("s3api", "put-public-access-block", *owner, "--public-access-block-configuration", private)

    def upload_zips(self, prefix):
        """Uploads the zips under a prefix that names their contents; those that are there already are skipped."""
        self.say(f"Uploading the zips to {prefix}")
        target = f"s3://{self.environment.code_bucket}/{prefix}"
        self.aws("s3", "sync", str(plan.ZIPS), target, "--no-progress", "--size-only", "--exclude", "*", "--include", "*.zip")

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

    def publish_page(self, page):
        """Uploads the files that index.html names before index.html itself."""
        target = f"s3://{page['PageBucketName']}"
        sent = self.aws("s3", "sync", str(PAGE / "assets"), f"{target}/assets", "--no-progress", "--cache-control", "public, max-age=31536000, immutable")
        sent += self.aws("s3", "sync", str(PAGE), target, "--no-progress", "--exclude", "assets/*", "--cache-control", "no-cache")
        if sent.strip():
            # Browsers revalidate index.html each time, but CloudFront may answer from its cache for a moment.
            self.aws("cloudfront", "create-invalidation", "--distribution-id", page["DistributionId"], "--paths", "/*")
        self.say(f"The page's files: {len(sent.splitlines())} uploaded")

    def prove(self, pace=None, cases=None):
        """Breaks things on purpose, and says which guarantees the service kept."""
        self.check_account("A game day for")
        Prove(self.environment, self.aws, self.say, self.ask, self.sleep, self.clock, self.page, self.stacks.folder, pace, cases).run()

    # ---------------------------------------------------------------- undeploy

    def undeploy(self):
        """Deletes the stacks if no job is open, and lists what is retained."""
        wanted = self.environment
        self.check_account("REMOVE")
        outputs = self.stacks.outputs(wanted.service_name)
        page_bucket = self.stacks.outputs(wanted.stack_name("web")).get("PageBucketName")
        if "JobsTableName" in outputs and (count := self.open_jobs(outputs["JobsTableName"])):
            raise Refusal(f"{count} jobs are open: without the service their results would be lost.\n"
                          "Wait until they have ended, or cancel them: `docket jobs list` shows them, `docket jobs cancel` ends one.")  # fmt: skip
        existing = {name: stack for name in wanted.removal() if (stack := self.stacks.stack(name))}
        if protected := [name for name, stack in existing.items() if stack.get("EnableTerminationProtection")]:
            unlock = "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name"
            commands = "".join(f"\n  {regional(f'{unlock} {name}', wanted.region)}" for name in protected)
            raise Refusal(f"{', '.join(protected)}: termination protection is on. To switch it off:{commands}")
        known = self.stacks.folder / "removing.json"  # what the stacks said, for a run after one that was killed
        before = json.loads(known.read_text()) if known.exists() else None
        if not existing and before is None:
            self.say("There is nothing to remove.")
            return
        if before:
            outputs, page_bucket = {**before["outputs"], **outputs}, page_bucket or before["page_bucket"]
        if existing:
            self.say(f"Stacks, in the order of their deletion: {', '.join(existing)}")
            self.ask("Delete them?")
            known.parent.mkdir(parents=True, exist_ok=True)
            part = known.with_suffix(".part")
            part.write_text(json.dumps({"outputs": outputs, "page_bucket": page_bucket}))
            part.replace(known)
        for name in existing:
            if name == wanted.service_name and "ConnectionsTableName" in outputs:
                self.unprotect(outputs["ConnectionsTableName"])
            self.stacks.remove(name)
        self.say("\nRetained, and still charged for:")
        for what, commands in plan.retained(outputs, page_bucket, wanted.code_bucket):
            self.say(f"- {what}; to delete it permanently:")
            for command in commands:
                self.say("    " + "\n    ".join(regional(line, wanted.region) for line in command.splitlines()))
        known.unlink(missing_ok=True)

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
        # The indexes have the open jobs only, by_queue those that a pause holds, so that a scan of both counts them.
        counts = [self.aws("dynamodb", "scan", "--table-name", table, "--index-name", index, "--select", "COUNT")["Count"] for index in ("by_next_check", "by_queue")]
        return sum(counts) - of_probes


def write_policies(environment, folder=ROOT / "target" / "deploy", say=print):
    """Writes the IAM policies for an environment, and says what to type."""
    folder = folder / environment.name / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in iam.policies(environment).items():
        (folder / f"{name}.json").write_text(text)
        say(f"aws iam create-policy --policy-name {name} --policy-document file://{folder / name}.json")


def main(arguments):
    """The command line."""
    if len(arguments) not in (1, 2) or arguments[0] not in ("preflight", "deploy", "undeploy", "prove", "policies"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if release := plan.check_release():
            print(release, flush=True)
        environment = EnvironmentFile.read(arguments[1] if len(arguments) == 2 else "")
        if arguments[0] == "policies":
            write_policies(environment)
            return 0
        aws, say = AwsCli(environment.region), lambda text: print(text, flush=True)
        if arguments[0] == "preflight":
            Preflight(environment, aws, AwsError, say).run()
        else:
            deployment = Deployment(environment, aws, say)
            getattr(deployment, arguments[0])()
    except (Refusal, AwsError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again to continue", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
