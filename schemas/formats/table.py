"""The table of formats. The media type of a request selects the decoder; the name of the format selects the encoder."""

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
    """Decodes batches for one model. `decoders` has a decoder for each of MEDIA_TYPES."""

    def __init__(self, validator: BatchValidator) -> None:
        self.decoders = {media_type: decoder(validator) for media_type, decoder in DECODERS.items()}

    def decode(self, body: RequestBody) -> DecodedBatch:
        """The valid orders of a body of one of MEDIA_TYPES, and all faults. Raises MalformedBody."""
        return self.decoders[body.media_type].decode(body)


def format_of(scored: ScoredBatch) -> Format:
    """The format of the answer, which is that of the request."""
    return FORMATS[scored.decoded.format]
