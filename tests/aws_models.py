"""Checks commands of the AWS CLI, and answers that a test gives to them, against botocore's models of the services.

A fake that answers with names or types that AWS does not have would let the code under test read them. botocore's
Stubber checks answers the same way.
"""

import functools

import botocore.loaders
import botocore.model
import botocore.validate
from botocore import xform_name

# Commands that are no operations of an API, or have options that the CLI adds.
CUSTOM = {("s3", "cp"), ("s3", "sync"), ("configure", "export-credentials"), ("cloudfront", "create-invalidation")}
# Options of the CLI itself.
OF_THE_CLI = {"--region", "--output", "--query", "--max-items", "--no-paginate"}


@functools.cache
def service(name):
    name = {"s3api": "s3"}.get(name, name)
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


@functools.cache
def operation(name, command):
    found = [one for one in service(name).operation_names if xform_name(one, "-") == command]
    assert found, f"aws {name} has no command {command}"
    return service(name).operation_model(found[0])


def check_command(arguments):
    """Fails if the operation has no such option, or lacks a required one."""
    if arguments[:2] in CUSTOM:
        return
    members = operation(*arguments[:2]).input_shape
    known = {f"--{xform_name(name, '-')}": name for name in (members.members if members else {})}
    known |= {option.replace("--", "--no-", 1): name for option, name in known.items() if members.members[name].type_name == "boolean"}
    given = {one for one in arguments[2:] if one.startswith("--")}
    assert given <= set(known) | OF_THE_CLI, f"{' '.join(arguments[:2])} has no option {given - set(known) - OF_THE_CLI}"
    missing = set(members.required_members if members else ()) - {known[one] for one in given & set(known)}
    assert not missing, f"{' '.join(arguments[:2])} needs {missing}"


def check_answer(arguments, answer):
    """Fails if the operation does not answer like that."""
    if arguments[:2] in CUSTOM:
        return
    shape = operation(*arguments[:2]).output_shape
    if shape is None:
        assert not answer, f"{' '.join(arguments[:2])} answers nothing"
        return
    report = botocore.validate.ParamValidator().validate(answer, shape).generate_report()
    assert not report, f"{' '.join(arguments[:2])}: {report}"


def without_owner(asked, account):
    """The commands to S3 that neither name the account that must own the bucket nor come right after a check of it.

    `aws s3` has no option for it. Nor has CreateBucket, which fails if the bucket is another account's.
    """
    checked = set()
    for arguments in asked:
        if arguments[0] == "s3":
            buckets = {word.split("/")[2] for word in arguments[2:] if word.startswith("s3://")}
            if buckets - checked:
                yield " ".join(arguments)
        if arguments[0] != "s3api":
            checked = set()
            continue
        options = operation(*arguments[:2]).input_shape.members
        value = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None  # noqa: E731
        for option in ("--expected-bucket-owner", "--expected-source-bucket-owner"):
            if {"--expected-bucket-owner": "ExpectedBucketOwner", "--expected-source-bucket-owner": "ExpectedSourceBucketOwner"}[option] in options and value(option) != account:
                yield f"{' '.join(arguments)} without {option}"
        if arguments[1] == "head-bucket":
            checked.add(value("--bucket"))
