"""A downloaded result."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    #: A file name without folders.
    name: str
    content_type: str
    content: bytes

    def json(self) -> Any:
        """The result as JSON. Which shape it has depends on the pipeline's model."""
        return json.loads(self.content)
