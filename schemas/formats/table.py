"""The table of formats: HTTP finds the decoder by the media type of a request, and the encoder by the name of the format."""

from collections.abc import Callable
from typing import Final

from schemas.formats import csv, json, json_columns, json_records
from schemas.formats.format import Decoder, Format, RequestBody
from schemas.result import ScoredBatch
from schemas.validation import BatchValidator, DecodedBatch

JSON = "application/json"
CSV = "text/csv"

FORMATS: Final = {
    "records": Format(JSON, json_records.encode, json_records.locate),
    "columns": Format(JSON, json_columns.encode, json_columns.locate),
    "csv": Format(CSV, csv.encode, csv.locate),
}
DECODERS: Final[dict[str, Callable[[BatchValidator], Decoder]]] = {JSON: json.JsonDecoder, CSV: csv.CsvDecoder}
MEDIA_TYPES: Final = tuple(DECODERS)


class BatchDecoder:
    """Decodes batches of every media type for one model. `decoders` has one decoder for each of MEDIA_TYPES."""

    def __init__(self, validator: BatchValidator) -> None:
        self.decoders = {media_type: decoder(validator) for media_type, decoder in DECODERS.items()}

    def decode(self, body: RequestBody) -> DecodedBatch:
        """The orders in a body of one of MEDIA_TYPES, and the name of their format. Raises MalformedBody."""
        return self.decoders[body.media_type].decode(body)


def format_of(scored: ScoredBatch) -> Format:
    """The format of the request, in which its answer is encoded."""
    return FORMATS[scored.decoded.format]
