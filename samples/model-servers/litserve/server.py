"""LitServe: the document as bytes, SageMaker's paths, and statuses that say whose fault it is."""

import os
import signal
from typing import Annotated

import contract_model
import litserve
from fastapi import Body, HTTPException


class ContractApi(litserve.LitAPI):
    def setup(self, device):
        pass

    # With `Request` instead of `bytes`, LitServe parses the body as JSON and answers 500.
    def decode_request(self, request: Annotated[bytes, Body(media_type="application/pdf")]):
        return request

    def predict(self, document):
        try:
            return contract_model.read(document)
        except contract_model.BadDocument as problem:
            # Every other exception is answered with 500.
            raise HTTPException(422, str(problem)) from problem

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    # LitServe ends in good order on Ctrl-C only. By default SIGTERM ends its main process at once, and a container with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = litserve.LitServer(
        ContractApi(api_path="/invocations"),
        accelerator="cpu",
        healthcheck_path="/ping",
        workers_per_device=int(os.environ.get("WORKERS", "4")),  # MaxConcurrentInvocationsPerInstance
        timeout=False,  # SageMaker has its own
    )
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
