"""Clients that generators make of docs/openapi.json, each behind the same two calls.

`CLIENTS` has a class per generator: `Client(folder)` generates the package there, `client.connect(url, token)` returns a
caller, and `caller("jobs", "get_job", job_id=…)` an `Answer`. A body is a pair: the name of its type and its JSON. What the
service answers is read by the generated types and written as JSON by them again.
"""

from dataclasses import dataclass
import importlib
import pathlib
import subprocess
import sys

OPENAPI = pathlib.Path(__file__).parents[2] / "docs" / "openapi.json"


@dataclass(frozen=True)
class Answer:
    """The status, the name of the generated type, and the JSON that this type makes of what it has read."""

    status: int
    kind: str
    json: dict


def generate(package, folder, *command):
    """The generated package, of which every module can be imported. The generator is a program beside this Python."""
    program = pathlib.Path(sys.executable).with_name(command[0])
    made = subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0 and "WARNING" not in made.stdout, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    for file in sorted((pathlib.Path(folder) / package).rglob("*.py")):
        importlib.import_module(".".join(file.relative_to(folder).with_suffix("").parts))
    return importlib.import_module(package)


class OpenapiPythonClient:
    """openapi-python-client: attrs and httpx."""

    def __init__(self, folder):
        config = pathlib.Path(folder) / "config.yml"
        config.write_text("post_hooks: []\n")  # formatting, which needs a tool more
        options = ("--path", OPENAPI, "--meta", "none", "--config", config, "--output-path", "attrs_client")
        self.package = generate("attrs_client", folder, "openapi-python-client", "generate", *options)
        self.models = importlib.import_module("attrs_client.models")

    def connect(self, url, token):
        """A caller with this token."""
        client = self.package.AuthenticatedClient(base_url=url, token=token)

        def call(tag, operation, body=None, **parameters):
            if body:
                parameters["body"] = getattr(self.models, body[0]).from_dict(body[1])
            called = importlib.import_module(f"attrs_client.api.{tag}.{operation}")
            answer = called.sync_detailed(client=client, **parameters)
            parsed = answer.parsed
            return Answer(int(answer.status_code), type(parsed).__name__, parsed.to_dict() if parsed else {})

        return call


class OpenapiGenerator:
    """openapi-generator: pydantic, which checks every value, and urllib3. Its generators for other languages read the document in the same way."""

    def __init__(self, folder):
        without = ",".join(f"{part}=false" for part in ("apiTests", "modelTests", "apiDocs", "modelDocs"))
        options = ("-i", OPENAPI, "-g", "python", "-o", ".", "--package-name", "pydantic_client", "--global-property", without)
        self.package = generate("pydantic_client", folder, "openapi-generator-cli", "generate", *options)
        self.models = importlib.import_module("pydantic_client.models")

    def connect(self, url, token):
        """A caller with this token."""
        client = self.package.ApiClient(self.package.Configuration(host=url, access_token=token))

        def call(tag, operation, body=None, **parameters):
            api = getattr(self.package, "".join(word.title() for word in tag.split("_")) + "Api")(client)
            bodies = [getattr(self.models, body[0]).from_dict(body[1])] if body else []
            try:
                answer = getattr(api, f"{operation}_with_http_info")(*bodies, **parameters)
                status, parsed = answer.status_code, answer.data
            except self.package.ApiException as error:
                status, parsed = error.status, error.data
            parsed = getattr(parsed, "actual_instance", parsed)
            return Answer(status, type(parsed).__name__, parsed.to_dict() if parsed else {})

        return call


CLIENTS = {"openapi-python-client": OpenapiPythonClient, "openapi-generator": OpenapiGenerator}
