"""Ray Serve with SageMaker's paths. A run takes a thread, so that the replica answers pings."""

import contract_model
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from ray import serve

routes = FastAPI()


@serve.deployment(max_ongoing_requests=8)
@serve.ingress(routes)
class Contracts:
    @routes.get("/ping")
    async def ping(self):
        return {}

    @routes.post("/invocations")
    async def invocations(self, request: Request):
        if request.headers.get("content-type") != "application/pdf":
            return JSONResponse({"reason": "send application/pdf"}, status_code=415)
        try:
            return await run_in_threadpool(contract_model.read, await request.body())
        except contract_model.BadDocument as problem:
            return JSONResponse({"reason": str(problem)}, status_code=422)


app = Contracts.bind()
