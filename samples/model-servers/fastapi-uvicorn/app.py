"""FastAPI with the model in a thread: the event loop stays free for pings."""

import contract_model
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

app = FastAPI()


@app.get("/ping")
async def ping():
    return {}


@app.post("/invocations")
async def invocations(request: Request):
    if request.headers.get("content-type") != "application/pdf":
        return JSONResponse({"reason": "send application/pdf"}, status_code=415)
    try:
        return await run_in_threadpool(contract_model.read, await request.body())
    except contract_model.BadDocument as problem:
        return JSONResponse({"reason": str(problem)}, status_code=422)
