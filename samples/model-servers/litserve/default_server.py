"""LitServe with its own paths replaced, and nothing else changed."""

import os

import contract_model
import litserve
from fastapi import Request


class ContractApi(litserve.LitAPI):
    def setup(self, device):
        pass

    async def decode_request(self, request: Request):
        return await request.body()

    def predict(self, document):
        return contract_model.read(document)

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    server = litserve.LitServer(ContractApi(api_path="/invocations"), accelerator="cpu", healthcheck_path="/ping")
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
