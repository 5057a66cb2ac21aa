"""Prints a template as CloudFormation expands it: Fn::ForEach, and what the transform AWS::LanguageExtensions resolves.

  .venv/bin/python infra/expand.py infra/service.yaml             to standard output, as JSON
  .venv/bin/python infra/expand.py --to FOLDER infra/*.yaml       to FOLDER/<name>.json

The expansion is MiniStack's, the one that the local stack deploys. tests/ and `make templates` read templates through
it, so that rules and scanners see every resource.
"""

import json
import pathlib
import sys

import yaml
from ministack.services.cloudformation import language_extensions


class Loader(yaml.SafeLoader):
    """Reads !Ref, !Sub and their like as the long forms that JSON templates use."""


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _tag)


def expand(path):
    """The template in a file without loops and without variables of Fn::Sub that are known."""
    template = yaml.load(pathlib.Path(path).read_text(), Loader)
    if template.pop("Transform", None) is None:
        return template
    return _fold(language_extensions.apply(template, {}))


def _fold(value):
    if isinstance(value, list):
        return [_fold(one) for one in value]
    if not isinstance(value, dict):
        return value
    value = {key: _fold(inner) for key, inner in value.items()}
    if isinstance(selected := value.get("Fn::Select"), list) and isinstance(selected[1], list):
        return selected[1][int(selected[0])]
    if "Fn::Sub" not in value:
        return value
    text, variables = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
    known = {key: inner["Fn::Sub"] if isinstance(inner, dict) else inner for key, inner in variables.items() if _is_text(inner)}
    for key, inner in known.items():
        text = text.replace(f"${{{key}}}", str(inner))
    left = {key: inner for key, inner in variables.items() if key not in known}
    return {"Fn::Sub": [text, left] if left else text} if "${" in text else text


def _is_text(value):
    return isinstance(value, (str, int)) or isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str)


def main(arguments):
    """The command line."""
    folder = None
    if arguments[:1] == ["--to"]:
        folder, arguments = pathlib.Path(arguments[1]), arguments[2:]
        folder.mkdir(parents=True, exist_ok=True)
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for path in map(pathlib.Path, arguments):
        text = json.dumps(expand(path), indent=2) + "\n"
        if folder:
            (folder / f"{path.stem}.json").write_text(text)
        else:
            sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
