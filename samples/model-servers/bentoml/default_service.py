"""BentoML as one writes it first: a file as input, on SageMaker's path."""

from pathlib import Path

import bentoml
import contract_model


@bentoml.service
class Contracts:
    @bentoml.api(route="/invocations")
    def invocations(self, document: Path) -> dict:
        return contract_model.read(document.read_bytes())
