"""Format: one way to encode a batch on the wire, and the request body that a format decodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from model.core.risk_model import RiskModel
from schemas.faults import Locate
from schemas.result import ScoredBatch
from schemas.validation import DecodedBatch


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The `content` of a request, complete and not compressed, and its `media_type` without parameters, in lower case."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Format:
    """How a batch is answered: `encode` makes the answer, of this `media_type`; `locate` gives the steps to a fault."""

    media_type: str
    encode: Callable[[ScoredBatch], bytes]
    locate: Locate


class Decoder(Protocol):
    """Decodes bodies of one media type for one model. `schema` and `example` document them in OpenAPI."""

    schema: dict[str, Any]

    def decode(self, body: RequestBody) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody."""

    def example(self, model: RiskModel) -> Any:
        """A body that the model scores."""
