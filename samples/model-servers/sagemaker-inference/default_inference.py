"""AWS's inference toolkit: the four functions of a model's script."""

import json

import contract_model
from sagemaker_inference import errors


def model_fn(model_dir):
    return contract_model


def input_fn(data, content_type):
    if content_type != "application/pdf":
        raise errors.UnsupportedFormatError(content_type)
    return bytes(data)


def predict_fn(document, model):
    return model.read(document)


def output_fn(prediction, accept):
    return json.dumps(prediction)
