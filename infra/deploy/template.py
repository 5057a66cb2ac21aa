"""The parameters that a template declares, and what is wrong with values for them."""

import functools
import re

import yaml


class _Loader(yaml.SafeLoader):
    """Reads a template without understanding its functions: parameters use none."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


@functools.cache
def parameters(path):
    """The declarations of a template's parameters, by name."""
    return yaml.load(path.read_text(), _Loader)["Parameters"]


def problem(name, declared, value):
    """Why CloudFormation would refuse a value, or None."""
    wanted = declared.get("ConstraintDescription") or declared.get("Description", "")
    if "AllowedValues" in declared and value not in map(str, declared["AllowedValues"]):
        return f"{name} must be one of {', '.join(str(one) or 'empty' for one in declared['AllowedValues'])}, and is {value!r}"
    if "AllowedPattern" in declared and not re.search(declared["AllowedPattern"], value):
        return f"{name} is {value!r}, which {declared['AllowedPattern']} does not allow. {wanted}"
    if len(value) > declared.get("MaxLength", len(value)):
        return f"{name} is longer than {declared['MaxLength']} characters"
    if declared["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return f"{name} must be a number, and is {value!r}"
        least, most = declared.get("MinValue", number), declared.get("MaxValue", number)
        if number < least or number > most:
            return f"{name} must be {f'at least {least}' if number < least else f'at most {most}'}, and is {value}"
    return None
