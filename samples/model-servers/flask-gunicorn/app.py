"""Flask: the document is the request's body."""

import contract_model
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/ping")
def ping():
    return "", 200


@app.post("/invocations")
def invocations():
    if request.mimetype != "application/pdf":
        return jsonify(reason="send application/pdf"), 415
    try:
        return jsonify(contract_model.read(request.get_data()))
    except contract_model.BadDocument as problem:
        return jsonify(reason=str(problem)), 422
