"""An MLflow model: one document per row, as base64 or bytes."""

import base64

import contract_model
import mlflow.pyfunc


class ContractModel(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        documents = model_input["document"]
        return [contract_model.read(base64.b64decode(document)) for document in documents]
