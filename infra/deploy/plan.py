"""What a deployment consists of: from an environment's file and what stacks say of themselves to parameters, order
and words. Nothing in here calls AWS; `__main__.py` does.
"""

import json
import pathlib
import re
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
# What a file may say, and whether it must. docs/deploy.md explains each.
KEYS = {"account": True, "region": True, "code_bucket": True, "service": True, "endpoints": False, "page": False, "watch": False, "probe": False}
# e_machine of an ELF header, by what CloudFormation calls it.
MACHINES = {62: "x86_64", 183: "arm64"}
SHARDS = 16  # of by_next_check: crates/jobs/src/id.rs spreads open jobs over so many
PROBE_TENANT = "probe"  # Tenant::is_probe of crates/jobs/src/id.rs
PROBE_DOCUMENT = "probe/document.pdf"  # in the jobs bucket; infra/endpoint.yaml copies it every day


class Refusal(Exception):
    """Something must be put right first; the text says what."""


class Stack:
    """A stack as it should be."""

    def __init__(self, name, template, parameters):
        self.name, self.template, self.parameters = name, template, parameters
        declared = parameters_of((INFRA / template).read_text())
        if surplus := sorted(set(parameters) - set(declared)):
            raise Refusal(f"{template} has no parameter {', '.join(surplus)}")
        if missing := sorted(key for key, optional in declared.items() if not optional and key not in parameters):
            raise Refusal(f"{name}: {', '.join(missing)} of {template} must be given")

    def rows(self):
        """Its parameters as CloudFormation takes them. What is not named gets its default, so the file is all there is to know."""
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(self.parameters.items())]


class Environment:
    """A file of infra/environments."""

    def __init__(self, name, given):
        self.name, self.given = name, given
        missing = [key for key, needed in KEYS.items() if needed and not given.get(key)]
        if missing or set(given) - set(KEYS):
            raise Refusal(f"{name}.json: {', '.join([*missing, *sorted(set(given) - set(KEYS))])}: missing or unknown")
        for part in ("service", *(["page"] if given.get("page") else []), *(["watch"] if given.get("watch") else [])):
            self._strings(part, given[part])
        for pipeline, parameters in self.endpoints.items():
            self._strings(pipeline, parameters)
            if pipeline not in pipelines():
                raise Refusal(f"{name}.json: infra/endpoints has no {pipeline}.json")
        if self.probe is not None and self.probe not in pipelines():
            raise Refusal(f"{name}.json: there is no pipeline {self.probe} to probe")
        if not re.fullmatch(r"\d{12}", given["account"]):
            raise Refusal(f"{name}.json: account is not twelve digits")
        self.region, self.code_bucket = given["region"], given["code_bucket"]
        self.service_name = given["service"].get("ServiceName", "docket")
        Stack(self.service_name, "service.yaml", given["service"])

    @classmethod
    def read(cls, name, folder=INFRA / "environments"):
        """The file of that name."""
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name or ""):
            raise Refusal("which environment? ENV=<name of a file in infra/environments, without .json>")
        path = folder / f"{name}.json"
        if not path.exists():
            raise Refusal(f"there is no {path}; copy infra/environments/example.json and fill it in")
        try:
            given = json.loads(path.read_text())
        except ValueError as error:
            raise Refusal(f"{path} is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise Refusal(f"{path} is not a JSON object")
        return cls(name, given)

    def _strings(self, part, parameters):
        if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
            raise Refusal(f"{self.name}.json: {part} must hold parameters, all of them strings")

    @property
    def endpoints(self):
        """Parameters by pipeline, of those that get an endpoint."""
        return self.given.get("endpoints") or {}

    @property
    def probe(self):
        """The pipeline that is tried at the end: the one named, or the first that has an endpoint."""
        return self.given.get("probe", next(iter(self.endpoints), None))

    def wants(self, part):
        """Whether it has a page, or a watch. An empty object is a yes."""
        return isinstance(self.given.get(part), dict)

    def stack_name(self, part):
        """Of a pipeline, `web` or `watch`."""
        return f"{self.service_name}-{part}"

    def service(self, page_url=None):
        """The service's stack. Until there is a page, its origin cannot be known."""
        found = {} if page_url is None else {"PageOrigin": page_url}
        return Stack(self.service_name, "service.yaml", {**found, **self.given["service"]})

    def _shared(self):
        return {key: self.given["service"][key] for key in ("ServiceName", "AlarmTopicArn") if key in self.given["service"]}

    def endpoint(self, pipeline, outputs, partition="aws"):
        """The stack of a pipeline's endpoint."""
        given = self.endpoints[pipeline]
        parameters = {
            **pipelines()[pipeline],
            **self._shared(),
            "JobsBucketName": outputs["JobsBucketName"],
            "SuccessTopicArn": outputs["InferenceSuccessTopicArn"],
            "ErrorTopicArn": outputs["InferenceErrorTopicArn"],
            **given,
        }
        least, warm, most = (int(parameters[key]) for key in ("MinInstances", "WarmInstances", "MaxInstances"))
        if warm and not least <= warm <= most:
            raise Refusal(f"{pipeline}: WarmInstances must be 0 or from MinInstances {least} to MaxInstances {most}, and is {warm}")
        if "ImageRepositoryArn" not in parameters and (arn := repository_arn(given.get("ImageUri", ""), partition)):
            parameters["ImageRepositoryArn"] = arn
        return Stack(self.stack_name(pipeline), "endpoint.yaml", parameters)

    def page(self, outputs, suffix="amazonaws.com"):
        """The stack of the page."""
        parameters = {
            "ServiceName": self.service_name,
            "ApiOrigin": origin(outputs["HttpApiUrl"]),
            "WebSocketOrigin": origin(outputs["WebSocketUrl"]),
            "BucketOrigin": f"https://{outputs['JobsBucketName']}.s3.{self.region}.{suffix}",
            "SignInOrigin": f"https://cognito-idp.{self.region}.{suffix}",
        }
        return Stack(self.stack_name("web"), "web.yaml", {**parameters, **self.given["page"]})

    def watch(self, outputs):
        """The stack of the dashboard and the alarms that put several metrics together."""
        asked = parameters_of((INFRA / "watch.yaml").read_text())
        found = {key: outputs[key] for key in asked if key in outputs}
        return Stack(self.stack_name("watch"), "watch.yaml", {**self._shared(), **found, **self.given["watch"]})

    def removal(self):
        """Names of all stacks in the order in which they go: nothing is taken away that something left still uses.

        The page first, so that nobody uploads any more; the service last, for the endpoints publish to its topics.
        """
        every = [self.stack_name("web"), self.stack_name("watch")]
        return [*every, *(self.stack_name(pipeline) for pipeline in pipelines()), self.service_name]


def own_bucket(stack, environment):
    """The bucket that a stack names and that outlives it, or None."""
    what = {"service.yaml": "jobs", "web.yaml": "page"}.get(stack.template)
    return what and f"{environment.service_name}-{what}-{environment.given['account']}-{environment.region}"


def pipelines():
    """The numbers of each pipeline's endpoint."""
    return {
        path.stem: {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(path.read_text())}
        for path in sorted((INFRA / "endpoints").glob("*.json"))
    }


def parameters_of(template):
    """A template's parameters, and of each whether it has a default."""
    block = re.search(r"^Parameters:\n(.*?)^\w", template, re.MULTILINE | re.DOTALL).group(1)
    parts = re.split(r"^  (\w+):\n", block, flags=re.MULTILINE)[1:]
    return {name: "\n    Default:" in f"\n{text}" for name, text in zip(parts[::2], parts[1::2], strict=True)}


def repository_arn(image, partition):
    """The repository of an image in ECR."""
    found = re.fullmatch(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@\s]+)([:@]\S+)?", image)
    return found and f"arn:{partition}:ecr:{found[2]}:{found[1]}:repository/{found[3]}"


def origin(url):
    """A URL without its path."""
    return "/".join(url.split("/")[:3])


def check_zips(architecture, template=None, folder=INFRA):
    """Refuses zips that are not there, or that hold programs for another kind of processor."""
    for name in re.findall(r"Code: (\S+\.zip)", template or (INFRA / "service.yaml").read_text()):
        path = (folder / name).resolve()
        if not path.exists():
            raise Refusal(f"{path} is not there; `make package` makes it")
        with zipfile.ZipFile(path) as archive, archive.open("bootstrap") as program:
            machine = MACHINES.get(int.from_bytes(program.read(20)[18:20], "little"), "something else")
        if machine != architecture:
            raise Refusal(f"{path.name} was built for {machine}, and the environment says Architecture={architecture}")


def describe_changes(changes):
    """A change set in lines: what is added, changed, replaced, removed. The dangerous ones come first."""
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
    """Whether a change set failed only because there is nothing in it."""
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def probe_verdict(row):
    """What has become of the probe, in a word for the program and a sentence for people. `row` may be missing."""
    if row is None:
        return "waiting", "it has no job: S3 did not announce it, or upload-trigger does not run (alarm uploads-dead-letters)"
    status, job = row["status"]["S"], row["job_id"]["S"]
    if status == "Ready":
        return "ready", f"job {job} is Ready"
    if status in ("Failed", "Cancelled"):
        state = row.get("state", {}).get("M", {})
        why = [state[word]["S"] for word in ("cause", "detail") if word in state]
        return "failed", f"job {job} is {status}: {': '.join(why) or 'its history says why'}"
    hints = {
        "InProgress": "the endpoint has it; look at the endpoint's status and its instances",
        "Submitting": "the call of the endpoint has not been answered; look at the log of upload-trigger",
        "RetryScheduled": "an attempt did not succeed and is made again; `attempts` in its row says why",
    }
    return "waiting", f"job {job} is {status}: {hints.get(status, 'docs/operations.md, At one job')}"


def retained(outputs, page_bucket, code_bucket):
    """What deleting the stacks leaves behind, each with how to delete it."""
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
        left.append((f"user pool {pool} (people)", [unlock, f"aws cognito-idp delete-user-pool --user-pool-id {pool}"]))
    return left
