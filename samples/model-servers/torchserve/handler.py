"""A handler with a media type, and with statuses that say whose fault it is. Every other exception is answered with 503."""

import contract_model
from ts.utils.util import PredictionException


def handle(data, context):
    if data is None:  # the model is loaded
        return None
    # TorchServe keeps the names as they were sent.
    headers = {name.lower(): value for name, value in context.get_all_request_header(0).items()}
    if headers.get("content-type") != "application/pdf":
        raise PredictionException("send application/pdf", 415)
    context.set_response_content_type(0, "application/json")
    try:
        return [contract_model.read(bytes(data[0].get("body") or b""))]
    except contract_model.BadDocument as problem:
        raise PredictionException(str(problem), 422) from None
