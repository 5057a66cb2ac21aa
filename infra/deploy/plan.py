"""What a deployment consists of: parameters of the stacks from an environment's file and the stacks' outputs, the order
of removal, and messages. This module does not call AWS; `__main__.py` does.
"""

import hashlib
import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
sys.path.insert(0, str(INFRA))

import generate  # noqa: E402  found by the line above
import hosting  # noqa: E402
import scaling  # noqa: E402
import template as templates  # noqa: E402

RELEASE = ROOT / "release.json"  # only in the folder of a release: supply-chain/release.py
ZIPS = ROOT / "functions" if RELEASE.exists() else ROOT / "target" / "lambda"
# Keys of an environment file, and whether they are required. docs/deploy.md explains each.
KEYS = dict.fromkeys(("account", "region", "code_bucket", "service"), True)
KEYS |= dict.fromkeys(("endpoints", "page", "monitoring", "probe", "tags", "cloudformation_role", "termination_protection"), False)
MAX_TAGS = 50  # of a stack; CloudFormation passes them on to the resources
# The templates create roles, and use the transform AWS::LanguageExtensions.
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
MAX_GLIBC_MINOR = 34  # glibc 2.34 of Amazon Linux 2023
# e_machine of an ELF header, by what CloudFormation calls it.
MACHINES = {62: "x86_64", 183: "arm64"}
NO_VARIABLES = "        Environment: {}\n"  # the line of infra/endpoint.yaml that the container's variables replace
# Functions that the stack has only with a parameter, and what infra/sign-in.toml must name besides.
OPTIONAL_FUNCTIONS = {"sign-in-groups": "SignInDomain"}
PROBE_TENANT = "probe"  # Tenant::is_probe of crates/jobs/src/id.rs
PROBE_DOCUMENT = "probe/document.pdf"  # in the jobs bucket; infra/endpoint.yaml copies it every day


class Refusal(Exception):
    """The deployment cannot go on; the text says what to fix."""


class StackToDeploy:
    """A stack to deploy. `variables` are those of an endpoint's container."""

    def __init__(self, name, template, parameters, variables=None):
        self.name, self.template, self.parameters, self.variables = name, template, parameters, variables or {}
        declared = templates.parameters(INFRA / template)
        if surplus := sorted(set(parameters) - set(declared)):
            raise Refusal(f"{template} has no parameter {', '.join(surplus)}")
        if missing := sorted(key for key, of in declared.items() if "Default" not in of and key not in parameters):
            raise Refusal(f"{name}: {', '.join(missing)} of {template} must be given")
        for key, value in parameters.items():
            if problem := templates.problem(key, declared[key], value):
                raise Refusal(f"{name}: {problem}")

    def body(self):
        """The text of its template, with the variables of the container."""
        text = (INFRA / self.template).read_text()
        if self.variables:
            if text.count(NO_VARIABLES) != 1:
                raise Refusal(f"{self.template} has no line `{NO_VARIABLES.strip()}` for the container's variables")
            text = text.replace(NO_VARIABLES, f"{NO_VARIABLES.rstrip()[:-2]}{json.dumps(self.variables, sort_keys=True)}\n")
        return text

    def rows(self):
        """Its parameters in CloudFormation's format. Parameters that are not given get their default."""
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(self.parameters.items())]


class EnvironmentFile:
    """A file of infra/environments."""

    def __init__(self, name, given):
        self.name, self.given = name, given
        missing = [key for key, needed in KEYS.items() if needed and not given.get(key)]
        if missing or set(given) - set(KEYS):
            raise Refusal(f"{name}.json: {', '.join([*missing, *sorted(set(given) - set(KEYS))])}: missing or unknown")
        for part in ("service", *(["page"] if given.get("page") else []), *(["monitoring"] if given.get("monitoring") else [])):
            self._strings(part, given[part])
        for pipeline, parameters in self.endpoints.items():
            self._strings(pipeline, {key: value for key, value in parameters.items() if key != "Environment"})
            for problem in hosting.environment_problems(parameters.get("Environment", {})):
                raise Refusal(f"{name}.json: {pipeline}: {problem}")
            if pipeline not in pipelines():
                raise Refusal(f"{name}.json: infra/endpoints has no {pipeline}.json")
        if self.probe is not None and self.probe not in pipelines():
            raise Refusal(f"{name}.json: there is no pipeline {self.probe} to probe")
        if not re.fullmatch(r"\d{12}", given["account"]):
            raise Refusal(f"{name}.json: account is not twelve digits")
        self._strings("tags", self.tags)
        if len(self.tags) > MAX_TAGS or any(not key or key.startswith("aws:") or len(key) > 128 or len(value) > 256 for key, value in self.tags.items()):
            raise Refusal(f"{name}.json: tags: at most {MAX_TAGS}, with names of up to 128 characters that do not start with aws:, and values of up to 256")
        role = given.get("cloudformation_role")
        if role is not None and not (isinstance(role, str) and re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/\S+", role)):
            raise Refusal(f"{name}.json: cloudformation_role is not the ARN of a role")
        if not isinstance(given.get("termination_protection", False), bool):
            raise Refusal(f"{name}.json: termination_protection is true or false")
        self.region, self.code_bucket = given["region"], given["code_bucket"]
        self.service_name = given["service"].get("ServiceName", "docket")
        if not self.creates_bucket and "BucketName" not in given["service"]:
            raise Refusal(f"{name}.json: service: CreateBucket false needs the BucketName of the bucket that exists")
        if given["service"].get("SignInDomain") and given["service"].get("ExistingUserPoolId"):
            raise Refusal(f"{name}.json: service: SignInDomain needs a user pool of the stack. In the pool ExistingUserPoolId set up its providers and groups there (docs/deploy.md, Sign-in by your company)")
        self.service("zips/none/")

    @classmethod
    def read(cls, name, folder=INFRA / "environments"):
        """Reads infra/environments/<name>.json, or the file at a path that ends in .json."""
        path = pathlib.Path(name or "")
        if path.suffix == ".json":
            name = path.stem
        elif re.fullmatch(r"[A-Za-z0-9_-]+", name or ""):
            path = folder / f"{name}.json"
        else:
            raise Refusal("which environment? ENV=<name of a file in infra/environments, without .json>")
        if not path.exists():
            raise Refusal(f"there is no {path} (ENV={name}); copy infra/environments/example.json and fill it in")
        try:
            given = json.loads(path.read_text())
        except ValueError as error:
            raise Refusal(f"{path} is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise Refusal(f"{path} is not a JSON object")
        return cls(name, given)

    def _strings(self, part, parameters):
        if not isinstance(parameters, dict):
            raise Refusal(f"{self.name}.json: {part} must be an object of parameters")
        for key, value in parameters.items():
            if not isinstance(value, str):
                raise Refusal(f"{self.name}.json: {part}: {key} must be a text in quotes, and is {json.dumps(value)}")

    @property
    def endpoints(self):
        """Parameters by pipeline, for the pipelines that get an endpoint."""
        return self.given.get("endpoints") or {}

    @property
    def tags(self):
        """Tags of all stacks, and so of their resources, and of the code bucket."""
        return self.given.get("tags") or {}

    @property
    def role(self):
        """Options that let CloudFormation act with a role of its own instead of the operator's."""
        return ["--role-arn", self.given["cloudformation_role"]] if self.given.get("cloudformation_role") else []

    @property
    def architecture(self):
        """The processor of the functions."""
        return self.given["service"].get("Architecture", "arm64")

    @property
    def jobs_bucket(self):
        """The bucket of documents and results. By default one whose name no other account can take."""
        return self.given["service"].get("BucketName") or own_name(self.service_name, "jobs", self)

    @property
    def creates_bucket(self):
        """Whether that bucket is the stack's."""
        return self.given["service"].get("CreateBucket", "true") == "true"

    @property
    def sign_in(self):
        """The providers and machine clients of this environment: infra/sign-in.toml, if it has a domain for them."""
        if not self.given["service"].get("SignInDomain"):
            return {"providers": {}, "machine_clients": {}}
        return generate.read_sign_in((INFRA / "service.yaml").read_text(), INFRA / "sign-in.toml")

    @property
    def functions(self):
        """Names of the functions that the stack has."""
        return [name for name in functions() if name not in OPTIONAL_FUNCTIONS or self.sign_in["providers"]]

    @property
    def probe(self):
        """The pipeline to probe after the deployment: the one named, or the first that has an endpoint."""
        return self.given.get("probe", next(iter(self.endpoints), None))

    def wants(self, part):
        """Whether to deploy the page, or monitoring. An empty object means yes."""
        return isinstance(self.given.get(part), dict)

    def stack_name(self, part):
        """Name of the stack of a pipeline, `web` or `monitoring`."""
        return f"{self.service_name}-{part}"

    def stack_names(self):
        """Names of all stacks that a deployment creates or updates, in its order."""
        more = [name for part, name in (("page", "web"), ("monitoring", "monitoring")) if self.wants(part)]
        return [self.service_name, *map(self.stack_name, [*self.endpoints, *more])]

    def service(self, code_prefix, page_url=None):
        """The service's stack. The page's origin is unknown until the page is deployed."""
        found = {} if page_url is None else {"PageOrigin": page_url}
        code = {"BucketName": self.jobs_bucket, "CodeBucket": self.code_bucket, "CodePrefix": code_prefix}
        return StackToDeploy(self.service_name, "service.yaml", {**code, **found, **self.given["service"]})

    def _shared(self, template):
        """Parameters of the service that another template has too."""
        asked = set(templates.parameters(INFRA / template)) & {"ServiceName", "AlarmTopicArn", "PermissionsBoundaryArn"}
        return {key: self.given["service"][key] for key in asked if key in self.given["service"]}

    def endpoint(self, pipeline, outputs, partition="aws"):
        """The stack of a pipeline's endpoint."""
        given = dict(self.endpoints[pipeline])
        variables = given.pop("Environment", {})
        parameters = {
            **pipelines()[pipeline],
            **self._shared("endpoint.yaml"),
            "JobsBucketName": outputs["JobsBucketName"],
            "SuccessTopicArn": outputs["InferenceSuccessTopicArn"],
            "ErrorTopicArn": outputs["InferenceErrorTopicArn"],
            **given,
        }
        if key := self.given["service"].get("KeyArn"):
            parameters = {**dict.fromkeys(("OutputKeyArn", "TopicKeyArn", "LogKeyArn"), key), **parameters}
        parameters |= hosting.PriceList().fill(parameters, self.region)[0]
        for problem in (*scaling.problems(generate.read_pipelines(INFRA)[pipeline], parameters), *hosting.problems(parameters)):
            raise Refusal(f"{pipeline}: {problem}")
        if "ImageRepositoryArn" not in parameters and (arn := repository_arn(given.get("ImageUri", ""), partition)):
            parameters["ImageRepositoryArn"] = arn
        return StackToDeploy(self.stack_name(pipeline), "endpoint.yaml", parameters, variables)

    def endpoint_parameters(self, pipeline):
        """An endpoint's parameters: those of its file, and those of the environment."""
        return {**pipelines()[pipeline], **self.endpoints.get(pipeline, {})}

    def warnings(self, pipeline):
        """What the operator should know about an endpoint's parameters."""
        parameters = self.endpoint_parameters(pipeline)
        limits = [said] if (said := self.instances(pipeline)) else []
        return [*limits, *(f"{pipeline}: {warning}" for warning in hosting.PriceList().fill(parameters, self.region)[1])]

    def instances(self, pipeline):
        """What the endpoint's maximum number of instances can do, if Docket scales it."""
        table = generate.read_pipelines(INFRA)[pipeline]
        if table.get("scaling", "aws") == "docket":
            return f"{pipeline}: {scaling.limits(table, self.endpoint_parameters(pipeline))}."
        return None

    def page(self, outputs, suffix="amazonaws.com"):
        """The stack of the page."""
        parameters = {
            "ServiceName": self.service_name,
            "ApiOrigin": origin(outputs["HttpApiUrl"]),
            "WebSocketOrigin": origin(outputs["WebSocketUrl"]),
            "BucketOrigin": f"https://{outputs['JobsBucketName']}.s3.{self.region}.{suffix}",
            "SignInOrigin": f"https://cognito-idp.{self.region}.{suffix}",
        }
        if outputs.get("CompanySignInUrl"):
            parameters["CompanySignInOrigin"] = origin(outputs["CompanySignInUrl"])
        return StackToDeploy(self.stack_name("web"), "web.yaml", {**parameters, **self.given["page"]})

    def monitoring(self, outputs):
        """The stack of the dashboard and the alarms on several metrics."""
        asked = templates.parameters(INFRA / "monitoring.yaml")
        found = {key: outputs[key] for key in asked if key in outputs}
        return StackToDeploy(self.stack_name("monitoring"), "monitoring.yaml", {**self._shared("monitoring.yaml"), **found, **self.given["monitoring"]})

    def removal(self):
        """Names of all stacks in the order of deletion: no stack goes before one that uses it.

        The page first, so that uploads end; the service last, because the endpoints publish to its topics.
        """
        every = [self.stack_name("web"), self.stack_name("monitoring")]
        return [*every, *(self.stack_name(pipeline) for pipeline in pipelines()), self.service_name]


def own_name(service_name, what, environment):
    """A bucket's name in the account's own namespace (S3 user guide, "Account regional namespaces for general purpose buckets")."""
    return f"{service_name}-{what}-{environment.given['account']}-{environment.region}-an"


def namespace(bucket, environment):
    """Options of create-bucket for a name in the account's own namespace."""
    ours = bucket.endswith(f"-{environment.given['account']}-{environment.region}-an")
    return ["--bucket-namespace", "account-regional"] if ours else []


def own_bucket(template, environment):
    """The bucket of a template's stack that has a fixed name and is retained, or None."""
    if template == "service.yaml" and environment.creates_bucket:
        return environment.jobs_bucket
    return own_name(environment.service_name, "page", environment) if template == "web.yaml" else None


def pipelines():
    """The parameters of each pipeline's endpoint."""
    return {
        path.stem: {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(path.read_text())}
        for path in sorted((INFRA / "endpoints").glob("*.json"))
    }


def repository_arn(image, partition):
    """The repository of an image in ECR."""
    found = re.fullmatch(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@\s]+)([:@]\S+)?", image)
    return found and f"arn:{partition}:ecr:{found[2]}:{found[1]}:repository/{found[3]}"


def origin(url):
    """A URL without its path."""
    return "/".join(url.split("/")[:3])


def functions():
    """Names of the functions: each has a program, a zip and a row in service.yaml of this name."""
    if RELEASE.exists():
        return json.loads(RELEASE.read_text())["functions"]
    return sorted(path.stem for path in (ROOT / "crates" / "function-binaries" / "src" / "bin").glob("*.rs"))


def check_zips(architecture, folder=ZIPS, names=None):
    """Refuses if a zip is missing, or holds a program for another processor or a newer C library than Lambda's.

    Returns the prefix for their S3 keys.

    The prefix names the zips' contents, so that a stack is updated if and only if they change.
    """
    digest = hashlib.sha256()
    for name in names or functions():
        path = folder / f"{name}.zip"
        if not path.exists():
            raise Refusal(f"{path} is missing; `make package` creates it")
        with zipfile.ZipFile(path) as archive:
            program = archive.read("bootstrap")
        machine = MACHINES.get(int.from_bytes(program[18:20], "little"), "another processor")
        if machine != architecture:
            raise Refusal(f"{path.name} was built for {machine}, and the environment says Architecture={architecture}")
        # Its table of dynamic strings has the names of the glibc versions that it needs.
        newest = max((int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", program)), default=0)
        if newest > MAX_GLIBC_MINOR:
            raise Refusal(f"{path.name} needs C library 2.{newest}, and Lambda's provided.al2023 has 2.{MAX_GLIBC_MINOR}; build it on Amazon Linux 2023 or Debian 12")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"zips/{digest.hexdigest()[:16]}/"


def check_release(root=ROOT):
    """Refuses a release with a file that is missing, or is not the one that SHA256SUMS names. Returns its name, if it is one."""
    if not (root / RELEASE.name).exists():
        return None
    lines = (root / "SHA256SUMS").read_text().splitlines()
    wrong = []
    for expected, name in (line.split("  ", 1) for line in lines):
        path = root / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            wrong.append(name)
    if wrong:
        raise Refusal(f"the release in {root} is incomplete or was changed: {', '.join(wrong)}")
    release = json.loads((root / RELEASE.name).read_text())
    return f"release {release['version']} for {release['architecture']}, commit {release['commit'][:12]}"


def describe_changes(changes):
    """A change set as lines: what is added, changed, replaced, removed. The dangerous changes come first."""
    rows = []
    for change in (c["ResourceChange"] for c in changes):
        action, replaced = change["Action"], change.get("Replacement", "False")
        word = {"Add": "add", "Remove": "REMOVE", "Import": "import", "Dynamic": "perhaps"}.get(action, "change")
        if action == "Modify" and replaced == "True":
            word = "REPLACE"
        elif action == "Modify" and replaced == "Conditional":
            word = "REPLACE?"
        rows.append((not word.isupper() and word != "REPLACE?", word, change["ResourceType"], change["LogicalResourceId"]))
    return [f"  {word:<9} {kind:<40} {name}" for _, word, kind, name in sorted(rows)]


def no_changes(reason):
    """Whether a change set failed only because it is empty."""
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def probe_outcome(row):
    """The state of the probe: a word for the program and a sentence for the operator. `row` may be None."""
    if row is None:
        return "waiting", "it has no job: S3 sent no event, or upload-trigger does not run (alarm uploads-dead-letters)"
    status, job = row["status"]["S"], row["job_id"]["S"]
    if status == "Ready":
        return "ready", f"job {job} is Ready"
    if status in ("Failed", "Cancelled", "Erased"):
        state = row.get("state", {}).get("M", {})
        why = [state[word]["S"] for word in ("cause", "detail") if word in state]
        return "failed", f"job {job} is {status}: {': '.join(why) or 'its history says why'}"
    hints = {
        "InProgress": "the endpoint has the request; check the endpoint's status and its instances",
        "Submitting": "the endpoint has not answered the invocation; check the log of upload-trigger",
        "RetryScheduled": "an attempt failed and is retried; `attempts` in the job's row says why",
    }
    return "waiting", f"job {job} is {status}: {hints.get(status, 'docs/operations.md, One job')}"


def retained(outputs, page_bucket, code_bucket):
    """What remains after the stacks are deleted, each with the commands that delete it."""
    left = []
    for bucket, what in ((outputs.get("JobsBucketName"), "documents and results"), (page_bucket, "the page's files"), (code_bucket, "zips and templates")):
        if bucket:
            left.append((f"bucket {bucket} ({what})", [f"# empty it first, old versions too: docs/deploy.md, Removing it\naws s3api delete-bucket --bucket {bucket}"]))
    for key, what in (("JobsTableName", "jobs"), ("RecordsTableName", "audit log, quarantine, plans")):
        if table := outputs.get(key):
            unlock = f"aws dynamodb update-table --table-name {table} --no-deletion-protection-enabled"
            left.append((f"table {table} ({what})", [unlock, f"aws dynamodb delete-table --table-name {table}"]))
    if pool := outputs.get("UserPoolId"):
        unlock = f"aws cognito-idp update-user-pool --user-pool-id {pool} --deletion-protection INACTIVE"
        left.append((f"user pool {pool} (users)", [unlock, f"aws cognito-idp delete-user-pool --user-pool-id {pool}"]))
    if key := outputs.get("ReceiptKeyArn"):
        left.append((f"key {key} (receipts: store its public half first)", [f"aws kms get-public-key --key-id {key}", f"aws kms schedule-key-deletion --key-id {key} --pending-window-in-days 30"]))
    return left
