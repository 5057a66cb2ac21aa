"""How long a deployment may take, for the life of the credentials."""

import math
import os

import model_change
import plan
import template as templates

# Minutes of each part. The first instance of an endpoint has been seen to take 25 min 42 s, a blue/green update 12 min 30 s and
# the termination wait. Endpoints are updated side by side, and their pipelines drained one after the other.
MINUTES = {"changes by hand": 5, "service": 10, "new endpoint": 30, "endpoint": 15, "page": 10, "monitoring": 3}
PROBE_MINUTES = "30"
# Parameters of infra/endpoint.yaml from which its model and its configuration follow, apart from the service's outputs.
OF_THE_MODEL = (
    "ImageUri", "ModelDataUrl", "ModelDataPrefix", "InstanceType", "SecondInstanceType", "ThirdInstanceType", "ProvisionTimeoutSeconds", "InferenceAmiVersion", "VolumeSizeGb",
    "StartupTimeoutSeconds", "MaxConcurrentInvocationsPerInstance", "OutputKeyArn", "VolumeKeyArn", "SubnetIds", "SecurityGroupIds",
)  # fmt: skip
VARIABLES = "        Environment: "  # begins the line of the container's variables


def model_changes(wanted, deployed, body):
    """Whether a deployment gives an endpoint another model or configuration. `deployed` describes its stack, `body` is its
    template, or None if that is unknown: then it may."""
    declared = templates.parameters(plan.INFRA / wanted.template)
    now = {row["ParameterKey"]: row.get("ParameterValue", "") for row in deployed.get("Parameters", [])}
    for name in OF_THE_MODEL:
        default = str(declared[name].get("Default", ""))
        if wanted.parameters.get(name, default) != now.get(name, default):
            return True
    variables = lambda text: [line for line in text.splitlines() if line.startswith(VARIABLES)]  # noqa: E731
    return not isinstance(body, str) or variables(body) != variables(wanted.body())


def expected_minutes(environment, endpoints):
    """How long the deployment may take. `endpoints` has for each endpoint's stack whether it is new, and whether its model
    changes."""
    minutes = MINUTES["service"] + sum(MINUTES[part] for part in ("page", "monitoring") if environment.wants(part))
    if not all(new for _, new, _ in endpoints):
        minutes += MINUTES["changes by hand"]
    minutes += max((MINUTES["new endpoint"] if new else MINUTES["endpoint"] + termination(stack) * changes for stack, new, changes in endpoints), default=0)
    minutes += sum(math.ceil(model_change.drain_minutes()) for _, new, changes in endpoints if changes and not new)
    if environment.probe and os.environ.get("PROBE") != "0":
        minutes += math.ceil(float(os.environ.get("PROBE_MINUTES", PROBE_MINUTES)))
    return minutes


def termination(stack):
    """How long the old instances stay after an update, in minutes."""
    return math.ceil(float(stack.parameters["TerminationWaitSeconds"]) / 60)
