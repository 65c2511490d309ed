"""JSON bodies: a body of columns has the name `columns` or `order_ids` at the top; any other body is one of records.

The fast path reads a body first and accepts valid bodies only. Any other body within the bounds is parsed as strict JSON and
loaded by the schema of its shape, which finds every fault.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from traceback import clear_frames
from typing import Any, cast

from marshmallow import Schema, ValidationError
from msgspec.structs import replace

from model.core.risk_model import RiskModel
from schemas import strict_json
from schemas.faults import Fault
from schemas.formats import document, json_columns, json_records
from schemas.formats._fast_json import FastReader, seems_columns
from schemas.formats.bounds import Bounds
from schemas.names import Meant, with_hints
from schemas.row_faults import too_many_names
from schemas.validation import BatchValidator, DecodedBatch

_WRAP = 'send {"orders": [{"order_id": …, …}]}'
_UNWRAPPED = {("not_an_object",): _WRAP, ("missing", "orders"): _WRAP}


class JsonDecoder:
    """Decodes both shapes of JSON bodies for one model. Its `schema` is that of records; columns have a media type too."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._bounds = Bounds(validator.max_orders, validator.members, len(validator.also_accepts))
        self._fast = FastReader(validator, self._bounds)
        self.schemas = {"records": json_records.schema(validator), "columns": json_columns.schema(validator)}
        self.schema: Any = self.schemas["records"]

    def decode(self, content: bytes, shape: str | None = None) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not JSON.

        The `shape`, records or columns, is by default found in the body. A byte order mark at the start is ignored, as RFC 8259
        permits and as it is in CSV.
        """
        content = content.removeprefix(BOM_UTF8)
        return self.valid(content, shape) or self._oversized(content) or self._explain(strict_json.read(content), shape)

    def valid(self, content: bytes, shape: str | None = None) -> DecodedBatch | None:
        """The batch of a body that is plainly valid; None for any other."""
        decoded = self._fast.read(content)
        return None if decoded is None or shape not in (None, decoded.format) else decoded

    def example(self, model: RiskModel) -> dict[str, Any]:
        """A body of records with the first order of the model's self-test."""
        return json_records.example(model)

    def _oversized(self, content: bytes) -> DecodedBatch | None:
        code = self._bounds.exceeded(content)
        if code is None:
            return None
        fault = Fault(code, limit=self._validator.max_orders if code == "too_many_orders" else None)
        shape = "columns" if seems_columns(content) else "records"
        return replace(self._validator.rejected(0, fault), format=shape)

    def _explain(self, parsed: Any, shape: str | None = None) -> DecodedBatch:
        """The valid orders of a parsed body and all faults."""
        columns = isinstance(parsed, dict) and not parsed.keys().isdisjoint(("columns", "order_ids"))
        shape = shape or ("columns" if columns else "records")
        decoded = self._load(self.schemas[shape], parsed)
        known = ("order_id", *self._validator.names, *self._validator.also_accepts)
        hinted = with_hints(decoded.faults, "unknown_name", lambda fault: _meant(fault, known))
        return replace(decoded, format=shape, faults=hinted)

    def _load(self, schema: Schema, parsed: Any) -> DecodedBatch:
        if too_many_names(parsed, len(schema.fields)):
            return self._validator.rejected(_received(parsed), Fault("too_many_names"))
        if isinstance(parsed, dict) and too_many_names(parsed.get("columns"), self._validator.members):
            return self._validator.rejected(_received(parsed), Fault("too_many_names", path=("columns",)))
        faults = list(_repeated(parsed))
        try:
            decoded: DecodedBatch = schema.load(parsed)["decoded"]
        except ValidationError as error:
            loaded = cast(dict[str, Any], error.valid_data).get("decoded")
            decoded = loaded or self._validator.rejected(_received(parsed))
            faults += document.faults(error.messages_dict, self._validator.max_orders, _UNWRAPPED)
            clear_frames(error.__traceback__)  # one of them holds the error, which holds the body
        return decoded.with_faults(faults) if faults else decoded


class ColumnsDecoder:
    """Decodes bodies of columns alone, by a decoder of both shapes."""

    def __init__(self, both: JsonDecoder) -> None:
        self._both = both
        self.schema: Any = both.schemas["columns"]

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not JSON."""
        return replace(self._both.decode(content, "columns"), format="typed_columns")

    def valid(self, content: bytes) -> DecodedBatch | None:
        """The batch of a body that is plainly valid; None for any other."""
        decoded = self._both.valid(content, "columns")
        return None if decoded is None else replace(decoded, format="typed_columns")

    def example(self, model: RiskModel) -> dict[str, Any]:
        """A body of columns with the first order of the model's self-test."""
        return json_columns.example(model)


def _received(parsed: Any) -> int:
    """How many orders a body has, as far as it has lists of them."""
    lists = [parsed.get("orders"), parsed.get("order_ids")] if isinstance(parsed, dict) else []
    return sum(len(each) for each in lists if isinstance(each, list))


def _repeated(parsed: Any) -> Iterator[Fault]:
    yield from document.repeated(parsed)
    if isinstance(parsed, dict):
        yield from document.repeated(parsed.get("columns"), "columns")


def _meant(fault: Fault, known: tuple[str, ...]) -> Meant | None:
    """The known names and the unknown one of an order or of a column, if the fault is of one."""
    name = fault.name or (fault.path[-1] if fault.path[:1] == ("columns",) else None)
    return None if name is None else (known, name)
