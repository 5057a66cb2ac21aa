"""FastAPI as one writes it first: the handler is a coroutine, and the model blocks the event loop."""

import contract_model
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()


@app.get("/ping")
async def ping():
    return {}


@app.post("/invocations")
async def invocations(request: Request):
    try:
        return contract_model.read(await request.body())
    except contract_model.BadDocument as problem:
        return JSONResponse({"reason": str(problem)}, status_code=422)
