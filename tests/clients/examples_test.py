"""The examples of docs/openapi.json fit the schemas beside them.

Run: target/venv-clients/bin/python -m unittest tests/clients/examples_test.py (`make venv-clients` installs jsonschema-rs).
"""

import copy
import json
import pathlib
import unittest

import jsonschema_rs

DOCUMENT = json.loads((pathlib.Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


def examples():
    """Each example: where it is, its schema, and itself."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            bodies = [("request", operation.get("requestBody", {}).get("content", {}))]
            bodies += [(status, response.get("content", {})) for status, response in operation["responses"].items()]
            found = [(what, body) for what, content in bodies for body in content.values()]
            found += [(parameter["name"], parameter) for parameter in operation.get("parameters", [])]
            yield from ((f"{method} {path}: {what}", has["schema"], has["example"]) for what, has in found if "example" in has)
    problem = {"$ref": "#/components/schemas/Problem"}
    yield from ((name, problem, example["value"]) for name, example in DOCUMENT["components"]["examples"].items())


def mismatches(schema, value):
    """What of the value does not fit the schema. References are those of the document."""
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]}, validate_formats=True)
    return [str(error) for error in validator.iter_errors(value)]


class Examples(unittest.TestCase):
    def test_every_example_fits_its_schema(self):
        found = list(examples())
        self.assertGreater(len(found), 100)
        for place, schema, example in found:
            with self.subTest(place):
                self.assertEqual(mismatches(schema, example), [])

    def test_a_wrong_value_does_not_fit(self):
        """Otherwise the test above could not fail."""
        place = "get /jobs/{job_id}: 200"
        schema, example = next((schema, example) for at, schema, example in examples() if at == place)
        for name, wrong in (("status", "Done"), ("created_at", "yesterday"), ("bytes", -1)):
            changed = copy.deepcopy(example)
            changed["job"][name] = wrong
            self.assertEqual(len(mismatches(schema, changed)), 1, name)

    def test_no_example_has_a_field_that_its_schema_does_not_name(self):
        """Responses may get new fields, so schemas allow others; an example that shows one is wrong all the same."""
        for place, schema, example in examples():
            with self.subTest(place):
                self.assertEqual(list(unnamed(schema, example)), [])


def unnamed(schema, value, at=""):
    """The paths of fields that the schema does not name."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if not mismatches(alternative, value):
            schema = alternative
            break
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unnamed(schema.get("items", {}), item, f"{at}/{index}")
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, field in value.items():
            if name in known:
                yield from unnamed(known[name], field, f"{at}/{name}")
            elif not isinstance(others, dict):
                yield f"{at}/{name}"


if __name__ == "__main__":
    unittest.main()
