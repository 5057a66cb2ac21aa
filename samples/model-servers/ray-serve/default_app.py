"""Ray Serve as one writes it first: a deployment that is called for every path."""

import contract_model
from ray import serve
from starlette.requests import Request


@serve.deployment
class Contracts:
    async def __call__(self, request: Request) -> dict:
        return contract_model.read(await request.body())


app = Contracts.bind()
