"""Whether the parameters of an endpoint that say what hosts the model fit together, and what an hour of it costs.

generate.py and `make deploy` refuse what `problems` and `environment_problems` find. Standard library only.
"""

import pathlib
import re

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pip brings its own reader there
    from pip._vendor import tomli as tomllib

# Parameters of the instance types in the order of their priority, and of their prices.
TYPES = ("InstanceType", "SecondInstanceType", "ThirdInstanceType")
PRICES = ("InstanceHourPrice", "SecondInstanceHourPrice", "ThirdInstanceHourPrice")
# Families with disks of their own, which take no VolumeSizeInGB (SageMaker Python SDK, `volume_size_supported`).
OWN_DISKS = re.compile(r"ml\.(\w*d\w*|g5|g6e?|p5\w*|trn1n?)\.")
NVIDIA = re.compile(r"ml\.[gp]\d")
NEURON = re.compile(r"ml\.(inf2|trn\d\w*)\.")
# SageMaker API reference, ContainerDefinition.
MAX_VARIABLES = 100
MAX_VARIABLE_BYTES = 1024
MAX_ENVIRONMENT_BYTES = 32 * 1024


def instance_types(parameters):
    """The instance types of an endpoint, the preferred one first."""
    return [parameters[key] for key in TYPES if parameters.get(key, "none") != "none"]


def problems(parameters):
    """What does not fit, each with the name of its parameter."""
    types = instance_types(parameters)
    if len(set(types)) < len(types):
        yield f"{', '.join(TYPES[: len(types)])} must be different types, and are {', '.join(types)}"
    if parameters.get("ThirdInstanceType", "none") != "none" and parameters.get("SecondInstanceType", "none") == "none":
        yield "ThirdInstanceType needs a SecondInstanceType"
    ami = parameters.get("InferenceAmiVersion", "")
    for kind in types:
        if "-gpu-" in ami and not NVIDIA.match(kind):
            yield f"InferenceAmiVersion {ami} is for NVIDIA GPUs, and {kind} has none"
        if "-neuron-" in ami and not NEURON.match(kind):
            yield f"InferenceAmiVersion {ami} is for Inferentia and Trainium, and {kind} has neither"
        if parameters.get("VolumeSizeGb", "0") != "0" and OWN_DISKS.match(kind):
            yield f"VolumeSizeGb must be 0, because {kind} has disks of its own"
    if parameters.get("ModelDataUrl") and parameters.get("ModelDataPrefix"):
        yield "ModelDataUrl and ModelDataPrefix must not both be given"
    if url := parameters.get("ModelDataUrl"):
        if not url.endswith(".tar.gz"):
            yield f"ModelDataUrl must end with .tar.gz, and is {url}; files under a prefix are ModelDataPrefix"
    if bool(parameters.get("SubnetIds")) != bool(parameters.get("SecurityGroupIds")):
        yield "SubnetIds and SecurityGroupIds must be given together"


def environment_problems(variables):
    """What is wrong with a container's environment variables."""
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        yield "Environment must be an object of strings"
        return
    if len(variables) > MAX_VARIABLES:
        yield f"Environment has {len(variables)} variables, and may have {MAX_VARIABLES}"
    for name, value in variables.items():
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
            yield f"Environment: {name!r} is no name of a variable"
        if max(len(name.encode()), len(value.encode())) > MAX_VARIABLE_BYTES:
            yield f"Environment: {name[:40]} is longer than {MAX_VARIABLE_BYTES} bytes"
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > MAX_ENVIRONMENT_BYTES:
        yield f"Environment is longer than {MAX_ENVIRONMENT_BYTES} bytes"


class PriceList:
    """infra/prices.toml: prices of an instance-hour in dollars, by region and instance type, and when they were read."""

    def __init__(self, path=pathlib.Path(__file__).resolve().parent / "prices.toml"):
        table = tomllib.loads(path.read_text())
        self.read_on, self.fallback = table["read_on"], table["fallback_region"]
        self.regions = {name: prices for name, prices in table.items() if isinstance(prices, dict)}

    def fill(self, parameters, region):
        """The prices that the parameters lack, and a warning for each that is another region's or unknown."""
        found, warnings = {}, []
        for kind, price in zip(TYPES, PRICES, strict=True):
            name = parameters.get(kind, "none")
            if price in parameters or name == "none":
                continue
            here, elsewhere = self.regions.get(region, {}).get(name), self.regions[self.fallback].get(name)
            found[price] = str(here if here is not None else elsewhere if elsewhere is not None else 0)
            if here is None and elsewhere is not None:
                warnings.append(f"infra/prices.toml has no price of {name} in {region}; the dashboard uses {self.fallback}'s, ${elsewhere}. {price} sets yours.")
            elif here is None:
                warnings.append(f"infra/prices.toml has no price of {name}; the dashboard shows no cost of it. {price} sets yours.")
        return found, warnings
