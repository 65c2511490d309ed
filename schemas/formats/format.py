"""Format: one way to encode a batch on the wire, and the request body that a format decodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from model.core.risk_model import RiskModel
from schemas.faults import Locate
from schemas.result import ScoredBatch
from schemas.validation import DecodedBatch


class Headers(Protocol):
    """The headers of a request. Names are not case-sensitive."""

    def get(self, name: str, /) -> str | None:
        """The value of a header, None if the request does not have it."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The complete, uncompressed `content` of a request, and its `headers`."""

    headers: Headers
    content: bytes

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Format:
    """How a batch is answered: `encode` makes the answer, of this `media_type`; `locate` gives the steps to a fault."""

    media_type: str
    encode: Callable[[ScoredBatch], bytes]
    locate: Locate


class Decoder(Protocol):
    """Decodes bodies of one media type for one model. OpenAPI documents them by `schema` and `example`."""

    schema: dict[str, Any]

    def decode(self, body: RequestBody) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody."""

    def example(self, model: RiskModel) -> Any:
        """A body that the model scores."""
