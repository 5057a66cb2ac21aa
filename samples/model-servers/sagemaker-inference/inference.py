"""AWS's inference toolkit with statuses that say whose fault it is. Every other exception is answered with 500."""

import json

import contract_model
from sagemaker_inference import errors


def model_fn(model_dir):
    return contract_model


def input_fn(data, content_type):
    if content_type != "application/pdf":
        raise errors.GenericInferenceToolkitError(415, "send application/pdf")
    return bytes(data)


def predict_fn(document, model):
    try:
        return model.read(document)
    except contract_model.BadDocument as problem:
        raise errors.GenericInferenceToolkitError(422, str(problem)) from None


def output_fn(prediction, accept):
    return json.dumps(prediction)
