"""What `mlflow models serve` runs: MLflow's scoring server, here without a saved model's environment."""

import tempfile

import mlflow.pyfunc
from mlflow.pyfunc import scoring_server

from contract_pyfunc import ContractModel

saved = tempfile.mkdtemp() + "/model"
mlflow.pyfunc.save_model(saved, python_model=ContractModel())
model = mlflow.pyfunc.load_model(saved)
app = scoring_server.init(model)
