"""MLflow's model behind a small application: the scoring server takes CSV and JSON only, answers 415 to a PDF, and 400 to
exceptions of the model, whatever their cause."""

import base64

import contract_model
import pandas
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from default_app import model

app = FastAPI()


@app.get("/ping")
async def ping():
    return {}


@app.post("/invocations")
async def invocations(request: Request):
    if request.headers.get("content-type") != "application/pdf":
        return JSONResponse({"reason": "send application/pdf"}, status_code=415)
    row = pandas.DataFrame({"document": [base64.b64encode(await request.body()).decode()]})
    try:
        return (await run_in_threadpool(model.predict, row))[0]
    except contract_model.BadDocument as problem:
        return JSONResponse({"reason": str(problem)}, status_code=422)
