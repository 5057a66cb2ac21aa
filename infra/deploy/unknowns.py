"""What docs/deploy.md calls untested, answered by what a game day saw on the deployed service."""

import json

from cli import AwsError

# AWS's own metrics that alarms and dashboards read, by namespace.
METRICS = {
    "AWS/SageMaker": ("ApproximateBacklogSize", "HasBacklogWithoutCapacity", "TimeInBacklog", "Invocation4XXErrors", "Invocation5XXErrors"),
    "AWS/SQS": ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"),
    "AWS/Lambda": ("Errors", "Throttles"),
}
NOT_TRIED = "not tried by a game day"
# Each point that docs/deploy.md calls untested, by its beginning, and the questions that answer it.
POINTS = {
    "arm64 builds": ["architecture of the functions", "arm64 builds"],
    "the permissions as AWS enforces them": ["the reconciler's permissions", "the condition that lets the reconciler write only next_check_at"],
    "scaling from and to zero": ["scaling from zero", "warm hours, scaling to zero by AWS's policies"],
    "updates of an endpoint": ["updates of an endpoint and their rollback"],
    "the wording with which SageMaker": ["wording of an expired request"],
    "the unit of `TimeInBacklog`": ["unit of TimeInBacklog"],
    "instance pools": ["instance pools with InferenceAmiVersion", "metrics of instance pools"],
    "whether AWS's own metrics": ["names of AWS's own metrics"],
    "private subnets": ["what the company brings"],
    "sign-in by companies": ["sign-in by companies"],
}
# Parameters of the service with which a company brings something of its own.
BROUGHT = ("SubnetIds", "KeyArn", "CreateBucket", "ExistingUserPoolId", "PermissionsBoundaryArn")


class Unknowns:
    """Looks while the endpoint still has instances, and answers afterwards."""

    def __init__(self, game):
        self.game, self.found = game, {}

    def ask(self, question, look):
        """Records an answer; what AWS refuses to answer is one, too."""
        try:
            self.found[question] = look()
        except AwsError as error:
            self.found[question] = f"not seen: {str(error).splitlines()[0][:200]}"

    def look(self):
        self.ask("architecture of the functions", self.architecture)
        self.ask("the reconciler's permissions", self.reconciler)
        self.ask("the condition that lets the reconciler write only next_check_at", self.only_next_check)
        self.ask("scaling from zero", self.instances)
        self.ask("unit of TimeInBacklog", self.time_in_backlog)
        self.ask("instance pools with InferenceAmiVersion", self.host)
        self.ask("metrics of instance pools", self.pools)
        self.ask("names of AWS's own metrics", self.metrics)
        self.found["what the company brings"] = self.brought()

    def answers(self):
        """Questions and answers, those that only other means can answer included."""
        yield from self.found.items()
        yield "arm64 builds", NOT_TRIED if "x86_64" in self.found.get("architecture of the functions", "") else "the functions run on it"
        yield "warm hours, scaling to zero by AWS's policies", f"{NOT_TRIED}: the dashboard shows them after a day"
        yield "updates of an endpoint and their rollback", f"{NOT_TRIED}: deploy a new version of the model"
        yield "sign-in by companies", f"{NOT_TRIED}: sign in by each provider, and leave a group"
        yield "wording of an expired request", f"{NOT_TRIED}: it takes the queue TTL of the pipeline"

    def architecture(self):
        name = f"{self.game.environment.service_name}-upload-trigger"
        return ", ".join(self.game.aws("lambda", "get-function-configuration", "--function-name", name).get("Architectures", ["unknown"]))

    def reconciler(self):
        report = self.game.invoke(self.game.outputs["ReconcilerFunctionName"], {})
        return "a run was complete" if not report.get("incomplete") else f"A RUN WAS INCOMPLETE: {json.dumps(report)}"

    def only_next_check(self):
        game = self.game
        role = game.aws("lambda", "get-function-configuration", "--function-name", game.outputs["ReconcilerFunctionName"])["Role"]
        table = game.aws("dynamodb", "describe-table", "--table-name", game.outputs["JobsTableName"])["Table"]["TableArn"]
        said = []
        for attributes in (["job_id", "next_check_at"], ["job_id", "status"]):
            context = [{"ContextKeyName": "dynamodb:Attributes", "ContextKeyValues": attributes, "ContextKeyType": "stringList"}]
            answer = game.aws("iam", "simulate-principal-policy", "--policy-source-arn", role, "--action-names", "dynamodb:UpdateItem", "--resource-arns", table, "--context-entries", json.dumps(context))
            said.append(f"{attributes[1]}: {answer['EvaluationResults'][0]['EvalDecision']}")
        return ", ".join(said)

    def endpoint(self):
        return self.game.environment_endpoint()

    def instances(self):
        seen = self.game.aws("sagemaker", "describe-endpoint", "--endpoint-name", self.endpoint())["ProductionVariants"][0]
        first = min((one.row["updated_at"]["N"] for one in self.game.documents if one.row and one.row["status"]["S"] == "Ready"), default=None)
        after = f", first document ready after {int(first) / 1000 - self.game.began:.0f} s" if first else ""
        return f"{seen.get('CurrentInstanceCount')} instances, {seen.get('DesiredInstanceCount')} wanted{after}"

    def listed(self, namespace, name, *more):
        return self.game.aws("cloudwatch", "list-metrics", "--namespace", namespace, "--metric-name", name, *more).get("Metrics", [])

    def time_in_backlog(self):
        end = self.game.clock()
        dimensions = f"Name=EndpointName,Value={self.endpoint()}"
        points = self.game.aws("cloudwatch", "get-metric-statistics", "--namespace", "AWS/SageMaker", "--metric-name", "TimeInBacklog", "--dimensions", dimensions,
                               "--start-time", stamp(self.game.began), "--end-time", stamp(end), "--period", "3600", "--statistics", "Maximum")["Datapoints"]  # fmt: skip
        if not points:
            return "no value was seen"
        most = max(point["Maximum"] for point in points)
        waited = end - self.game.began
        unit = next(word for word, size in (("seconds", 1), ("milliseconds", 1e3), ("microseconds", 1e6)) if most <= waited * size or word == "microseconds")
        return f"largest value {most:.0f} ({points[0].get('Unit')}), in a game day of {waited:.0f} s: {unit}"

    def host(self):
        variant = self.game.aws("sagemaker", "describe-endpoint", "--endpoint-name", self.endpoint())["ProductionVariants"][0]
        image = self.game.environment.endpoint_parameters(self.game.environment.probe).get("InferenceAmiVersion") or "SageMaker's default image"
        pools = ", ".join(f"{pool['InstanceType']}: {pool.get('CurrentInstanceCount', 0)}" for pool in variant.get("InstancePools", []))
        return f"in service with {image} and the pools {pools}" if pools else f"no pools, {image}"

    def brought(self):
        given = self.game.environment.given["service"]
        used = [name for name in BROUGHT if name in given]
        return f"{', '.join(used)}: in use here" if used else "nothing in this environment"

    def pools(self):
        found = [metric for metric in self.listed("AWS/SageMaker", "ApproximateBacklogSize") if any(one["Name"] == "InstanceType" for one in metric["Dimensions"])]
        return f"{len(found)} with the dimension InstanceType" if found else "none has the dimension InstanceType"

    def metrics(self):
        missing = [f"{namespace} {name}" for namespace, names in METRICS.items() for name in names if not self.listed(namespace, name)]
        return f"not there: {', '.join(missing)}" if missing else "all there"


def stamp(seconds):
    """A time as the CLI takes it."""
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
