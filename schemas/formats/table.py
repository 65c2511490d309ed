"""The table of formats. The media type of a request selects the decoder; the name of the format selects the encoder."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from model.core.risk_model import RiskModel
from schemas.faults import Locate, MalformedBody
from schemas.formats import arrow, csv, json, json_columns, json_records, v1, v2, v2_answer
from schemas.formats.infer_request import InferRequest
from schemas.result import ScoredBatch
from schemas.validation import BatchValidator, DecodedBatch

JSON = "application/json"
COLUMNS = "application/vnd.delivery-risk.columns+json"
CSV = "text/csv"
ARROW, ARROW_SCHEMA = arrow.MEDIA_TYPE, arrow.SCHEMA
V1, V2 = "v1", "v2"
"""In place of a media type: the protocol of the route."""

_UTF16 = "the body is in UTF-16; send it in UTF-8"
_NOT_UTF8 = {
    BOM_UTF16_LE: _UTF16,
    BOM_UTF16_BE: _UTF16,
    b"\x1f\x8b": "the body is gzipped; send Content-Encoding: gzip",
}


@dataclass(frozen=True, slots=True)
class Format:
    """How a batch is answered: `encode` makes the answer, of this `media_type`; `locate` gives the steps to a fault."""

    media_type: str
    encode: Callable[[ScoredBatch], bytes]
    locate: Locate

    @property
    def content_type(self) -> str:
        """The media type with the charset of text."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type


class Decoder(Protocol):
    """Decodes bodies of one media type for one model. `schema` and `example` document them in OpenAPI."""

    schema: Any

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody."""

    def valid(self, content: bytes) -> DecodedBatch | None:
        """The same for a body that is plainly valid, in little time; None for any other."""

    def example(self, model: RiskModel) -> Any:
        """A body that the model scores, None where JSON cannot show one."""


FORMATS: Final = {
    "records": Format(JSON, json_records.encode, json_records.locate),
    "columns": Format(JSON, json_columns.encode, json_columns.locate),
    "typed_columns": Format(COLUMNS, json_columns.encode, json_columns.locate),
    "csv": Format(CSV, csv.encode, csv.locate),
    "arrow": Format(ARROW, arrow.encode, arrow.locate),
    "v1": Format(JSON, v1.encode, v1.locate),
    "v2": Format(JSON, v2_answer.encode, v2.locate),
}
NEEDED_EXTRAS: Final = {} if arrow.installed() else {ARROW: arrow.EXTRA}
"""The extra that is not installed, by the media type that needs it."""

MEDIA_TYPES: Final = tuple(each for each in (JSON, COLUMNS, CSV, ARROW) if each not in NEEDED_EXTRAS)


class RequestBody(msgspec.Struct, frozen=True, eq=False):
    """The `content` of a request, complete and not compressed, and its `media_type` without parameters, in lower case.

    A request of a protocol has its name as the media type. `infer` is an infer request of v2 that is read.
    """

    media_type: str
    content: bytes
    infer: InferRequest | None = None


class BatchDecoder:
    """Decodes batches for one model. `decoders` has a decoder for each of MEDIA_TYPES.

    `max_orders` is how many orders the largest batch has, and `largest_body` how many bytes its body can need.
    """

    def __init__(self, validator: BatchValidator) -> None:
        self.max_orders, self.largest_body = validator.max_orders, validator.largest_body
        both = json.JsonDecoder(validator)
        decoders: dict[str, Decoder] = {JSON: both, COLUMNS: json.ColumnsDecoder(both), CSV: csv.CsvDecoder(validator)}
        decoders[ARROW] = arrow.ArrowDecoder(validator)
        self.decoders = {each: decoders[each] for each in MEDIA_TYPES}
        self.v2 = v2.V2Decoder(validator)
        self._all: dict[str, Decoder] = {**self.decoders, V1: v1.V1Decoder(validator)}

    def decode(self, body: RequestBody) -> DecodedBatch:
        """The valid orders of a body of one of MEDIA_TYPES or of a protocol, and all faults. Raises MalformedBody."""
        if body.infer is not None:
            return self.v2.decode(body.infer)
        require_utf8(body.content)
        return self._all[body.media_type].decode(body.content)

    def valid(self, body: RequestBody) -> DecodedBatch | None:
        """The same for a body that is plainly valid, in little time; None for any other."""
        return self._all[body.media_type].valid(body.content) if body.infer is None else self.v2.valid(body.infer)


def require_utf8(content: bytes) -> None:
    """Raise MalformedBody where the content begins as UTF-16 or as gzip does."""
    if what := _NOT_UTF8.get(content[:2]):
        raise MalformedBody(what)


def format_of(scored: ScoredBatch) -> Format:
    """The format of the answer, which is that of the request."""
    return FORMATS[scored.decoded.format]
