"""BentoML with SageMaker's paths in an application of its own, mounted beside BentoML's."""

import bentoml
import contract_model
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def ping(request: Request) -> JSONResponse:
    return JSONResponse({})


async def invocations(request: Request) -> JSONResponse:
    if request.headers.get("content-type") != "application/pdf":
        return JSONResponse({"reason": "send application/pdf"}, status_code=415)
    document = await request.body()
    try:
        return JSONResponse(await run_in_threadpool(contract_model.read, document))
    except contract_model.BadDocument as problem:
        return JSONResponse({"reason": str(problem)}, status_code=422)


app = Starlette(routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])])


# The default of `timeout` is 60 s, and a run that is longer is answered with 504.
@bentoml.service(traffic={"timeout": 3600})
@bentoml.asgi_app(app)
class Contracts:
    pass
