"""MLServer with a model of its inference protocol: POST /v2/models/contract/infer."""

import contract_model
from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class ContractRuntime(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        document = StringCodec.decode_input(payload.inputs[0])[0]
        result = contract_model.read(document.encode())
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("result", [str(result)])])
