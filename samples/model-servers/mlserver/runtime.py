"""MLServer with SageMaker's paths as custom handlers of a model."""

import asyncio

import contract_model
from fastapi import Request
from fastapi.responses import JSONResponse
from mlserver import MLModel
from mlserver.handlers import custom_handler


class ContractRuntime(MLModel):
    @custom_handler(rest_path="/ping", rest_method="GET")
    async def ping(self) -> JSONResponse:
        return JSONResponse({})

    @custom_handler(rest_path="/invocations")
    async def invocations(self, request: Request) -> JSONResponse:
        if request.headers.get("content-type") != "application/pdf":
            return JSONResponse({"reason": "send application/pdf"}, status_code=415)
        document = await request.body()
        try:
            # In a thread, so that the event loop answers pings.
            result = await asyncio.to_thread(contract_model.read, document)
        except contract_model.BadDocument as problem:
            return JSONResponse({"reason": str(problem)}, status_code=422)
        return JSONResponse(result)
