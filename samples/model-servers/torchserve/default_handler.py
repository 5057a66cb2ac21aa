"""TorchServe's handler as a function."""

import contract_model


def handle(data, context):
    if data is None:  # the model is loaded
        return None
    return [contract_model.read(bytes(row["body"])) for row in data]
