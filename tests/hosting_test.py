"""What hosts the model: instance types, host image, weights, variables, network, keys, prices.

The resources of infra/endpoint.yaml, resolved with many sets of parameters, are requests that botocore's model of
SageMaker accepts; the resource types have the names and shapes of the API.
Run: .venv/bin/python -m unittest tests/hosting_test.py
"""

import json
import pathlib
import re
import sys
import unittest

import botocore.loaders
import botocore.model
import botocore.validate
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from alarms_test import Resolver  # noqa: E402  found by the line above
from deploy_plan_test import ACCOUNT, OUTPUTS, ROOT, example, plan  # noqa: E402
from templates import Project, grants, resource  # noqa: E402

import hosting  # noqa: E402  in infra, which the line above added

IMAGE = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/legal-review:1"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MODEL = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def deployed(**changes):
    """The stack of an endpoint, and its properties by logical id, with changes to its parameters."""
    stack = example(endpoints={"legal-review": {"ImageUri": IMAGE, **changes}}).endpoint("legal-review", OUTPUTS)
    project = Project()
    numbers = {name for name, of in project.endpoint["Parameters"].items() if of["Type"] == "Number"}
    resolve = Properties(project.endpoint, {})
    resolve.parameters |= stack.parameters
    resolve.parameters |= {name: json.loads(str(resolve.parameters[name])) for name in numbers}
    properties = {name: resolve(project.endpoint["Resources"][name]["Properties"]) for name in ("Model", "EndpointConfig", "Endpoint")}
    properties["Model"]["PrimaryContainer"]["Environment"] = stack.variables
    role = resolve(resource(project, "ExecutionRole", "endpoint"))
    return stack, properties, {statement["Sid"]: statement for statement in grants(role)}


class Properties(Resolver):
    """Resolves resources; an attribute of a resource stands for itself."""

    def _getatt(self, path):
        return f"arn:aws:iam::{ACCOUNT}:role/{path[0]}" if path[1] == "Arn" else "-".join(path)

    def _split(self, given):
        return self(given[1]).split(given[0])

    def _select(self, given):
        return self(given[1])[given[0]]

    def _sub(self, given):
        text, more = (given, {}) if isinstance(given, str) else given
        values = self.parameters | self(more)
        return re.sub(r"\$\{(\w+)\}", lambda found: str(values[found[1]]), text)


def refused(operation, request):
    """What botocore's model of an operation says against a request."""
    report = botocore.validate.ParamValidator().validate(request, MODEL.operation_model(operation).input_shape)
    return report.generate_report()


def enum(shape):
    return set(MODEL.shape_for(shape).enum)


class Hosting(unittest.TestCase):
    def test_the_resources_are_requests_that_sagemaker_knows(self):
        for changes in (
            {},
            {"SecondInstanceType": "none"},
            {"ThirdInstanceType": "ml.g6e.2xlarge", "ProvisionTimeoutSeconds": "3600"},
            {"ModelDataUrl": "s3://weights/model.tar.gz"},
            {"ModelDataPrefix": "s3://weights/model-7/", "Environment": {"SM_VLLM_MODEL": "/opt/ml/model", "OPTION": ""}},
            {"SubnetIds": "subnet-0a,subnet-0b", "SecurityGroupIds": "sg-0c"},
            {"VolumeKeyArn": KEY, "OutputKeyArn": KEY, "TopicKeyArn": KEY, "LogKeyArn": KEY},
            {"InstanceType": "ml.m5.xlarge", "SecondInstanceType": "none", "InferenceAmiVersion": "", "VolumeSizeGb": "200"},
        ):
            with self.subTest(changes):
                _, found, _ = deployed(**changes)
                self.assertEqual("", refused("CreateModel", {"ModelName": "m", **found["Model"]}))
                self.assertEqual("", refused("CreateEndpointConfig", {"EndpointConfigName": "c", **found["EndpointConfig"]}))
                asked = {key: value for key, value in found["Endpoint"].items() if key != "RetainAllVariantProperties"}
                self.assertEqual("", refused("CreateEndpoint", asked))

    def test_the_model_of_sagemaker_notices_a_wrong_request(self):
        _, found, _ = deployed()
        variant = found["EndpointConfig"]["ProductionVariants"][0]
        for wrong in ({"InstancePools": []}, {"InstancePools": [{"InstanceType": "ml.g6.xlarge"}]}, {"ProvisionTimeout": 1}, {"InferenceAmiVersion": 1}):
            with self.subTest(wrong):
                self.assertNotEqual("", refused("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant | wrong]}))

    def test_a_variant_has_one_type_or_pools_by_priority(self):
        _, found, _ = deployed(ThirdInstanceType="ml.g6e.2xlarge")
        variant = found["EndpointConfig"]["ProductionVariants"][0]
        pools = [(pool["Priority"], pool["InstanceType"]) for pool in variant["InstancePools"]]
        self.assertEqual(pools, [(1, "ml.g6.2xlarge"), (2, "ml.g5.2xlarge"), (3, "ml.g6e.2xlarge")])
        self.assertNotIn("InstanceType", variant)
        _, found, _ = deployed(SecondInstanceType="none")
        variant = found["EndpointConfig"]["ProductionVariants"][0]
        self.assertEqual((variant["InstanceType"], variant.get("InstancePools")), ("ml.g6.2xlarge", None))

    def test_the_shipped_pipelines_have_two_types_with_a_price_and_a_driver_for_cuda_12(self):
        prices = hosting.PriceList()
        for name, parameters in plan.pipelines().items():
            types = hosting.instance_types(parameters)
            self.assertEqual([kind.split(".")[1] for kind in types], ["g6", "g5"], name)
            self.assertEqual(len({kind.split(".")[2] for kind in types}), 1, f"{name}: of the same size, which have the same memory")
            self.assertLessEqual(set(types), enum("ProductionVariantInstanceType") & set(prices.regions[prices.fallback]))
            self.assertIn("-gpu-", parameters["InferenceAmiVersion"])

    def test_the_template_takes_the_host_images_that_exist(self):
        allowed = Project().endpoint["Parameters"]["InferenceAmiVersion"]["AllowedValues"]
        self.assertEqual(set(allowed) - {""}, enum("ProductionVariantInferenceAmiVersion"))

    def test_the_role_may_read_the_weights_and_use_what_is_given(self):
        _, found, may = deployed()
        optional = {"ModelData", "ModelFiles", "OutputKey", "TopicKey", "VolumeKey", "NetworkInterfaces"}
        self.assertEqual(optional & set(may), set())
        self.assertNotIn("ModelDataSource", found["Model"]["PrimaryContainer"])
        _, found, may = deployed(ModelDataPrefix="s3://weights/model-7/")
        source = found["Model"]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
        self.assertEqual(source, {"S3Uri": "s3://weights/model-7/", "S3DataType": "S3Prefix", "CompressionType": "None"})
        self.assertEqual(may["ModelData"]["Resource"].rsplit(":")[-1], "weights/*")
        self.assertEqual((may["ModelFiles"]["Action"], may["ModelFiles"]["Resource"].rsplit(":")[-1]), ("s3:ListBucket", "weights"))
        _, _, may = deployed(OutputKeyArn=KEY, TopicKeyArn=KEY, VolumeKeyArn=KEY, SubnetIds="subnet-0a", SecurityGroupIds="sg-0c")
        self.assertEqual({sid: may[sid]["Resource"] for sid in optional & set(may)}, {"OutputKey": KEY, "TopicKey": KEY, "VolumeKey": KEY, "NetworkInterfaces": "*"})

    def test_the_containers_variables_are_written_into_the_template(self):
        variables = {"A": "x: {y}", "B_2": "${Not.Sub} 'quoted' \"too\"\n"}
        stack, _, _ = deployed(Environment=variables)
        written = yaml.load(stack.body(), plan.templates._Loader)
        self.assertEqual(written["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Environment"], variables)
        self.assertEqual(deployed()[0].body(), (ROOT / "infra" / "endpoint.yaml").read_text())

    def test_parameters_that_do_not_fit_together_are_named(self):
        for words, changes in (
            ("must be different types", {"SecondInstanceType": "ml.g6.2xlarge"}),
            ("ThirdInstanceType needs a SecondInstanceType", {"SecondInstanceType": "none", "ThirdInstanceType": "ml.g5.2xlarge"}),
            ("ml.m5.xlarge has none", {"InstanceType": "ml.m5.xlarge"}),
            ("ml.g6.2xlarge has neither", {"InferenceAmiVersion": "al2-ami-sagemaker-inference-neuron-2"}),
            ("VolumeSizeGb must be 0, because ml.g6.2xlarge has disks of its own", {"VolumeSizeGb": "100"}),
            ("must not both be given", {"ModelDataUrl": "s3://w/m.tar.gz", "ModelDataPrefix": "s3://w/m/"}),
            ("ModelDataUrl must end with .tar.gz", {"ModelDataUrl": "s3://w/model"}),
            ("ModelDataPrefix is 's3://w/m'.*ends with a slash", {"ModelDataPrefix": "s3://w/m"}),
            ("SubnetIds and SecurityGroupIds must be given together", {"SubnetIds": "subnet-0a"}),
            ("InferenceAmiVersion must be one of empty, al2-", {"InferenceAmiVersion": "al2023"}),
            ("StartupTimeoutSeconds must be at most 3600, and is 7200", {"StartupTimeoutSeconds": "7200"}),
            ("ProvisionTimeoutSeconds must be a number", {"ProvisionTimeoutSeconds": "long"}),
            ("'1A' is no name of a variable", {"Environment": {"1A": ""}}),
            ("Environment must be an object of strings", {"Environment": {"A": 1}}),
            ("A is longer than 1024 bytes", {"Environment": {"A": "ü" * 513}}),
            ("Environment has 101 variables", {"Environment": {f"A{n}": "" for n in range(101)}}),
            ("Environment is longer than 32768 bytes", {"Environment": {f"A{n}": "x" * 1000 for n in range(40)}}),
        ):
            with self.subTest(words), self.assertRaisesRegex(plan.Refusal, words):
                deployed(**changes)

    def test_prices_are_those_of_the_region_and_the_operator_is_told_if_not(self):
        stack, _, _ = deployed()
        prices = hosting.PriceList()
        self.assertEqual((stack.parameters["InstanceHourPrice"], stack.parameters["SecondInstanceHourPrice"]), ("1.222", "1.515"))
        self.assertEqual(deployed(InstanceHourPrice="2")[0].parameters["InstanceHourPrice"], "2")
        own = {"InstanceType": "ml.g6.2xlarge", "SecondInstanceType": "ml.p4d.24xlarge"}
        self.assertEqual(prices.fill(own, "us-east-1")[0], {"InstanceHourPrice": "1.222", "SecondInstanceHourPrice": "0"})
        elsewhere, unknown = prices.fill(own, "eu-central-1")[1]
        self.assertIn("no price of ml.g6.2xlarge in eu-central-1; the dashboard uses us-east-1's, $1.222", elsewhere)
        self.assertIn("no price of ml.p4d.24xlarge; the dashboard shows no cost of it. SecondInstanceHourPrice sets yours", unknown)
        self.assertEqual(len([one for one in example().warnings("legal-review") if one.startswith("legal-review: infra/prices.toml has no price")]), 2)

    def test_prices_have_a_date(self):
        self.assertRegex(hosting.PriceList().read_on, r"^\d{4}-\d\d$")


if __name__ == "__main__":
    unittest.main()
