"""Arrow bodies: one stream of Arrow's IPC format, a column for order_id and for each input, answered as a stream of results.

pyarrow, the extra `arrow`, is imported with the first body, after a worker is forked: it takes time and memory that workers
without such bodies do not need, and what it keeps of threads and memory is the worker's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace as with_hint
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from model.core.batch import FEW_ORDERS, Floats
from model.core.manifest import CATEGORY
from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.formats import csv
from schemas.formats._arrow_stream import NUMBERS, TEXTS, ArrowStream, Column
from schemas.formats.column_names import ColumnNames
from schemas.result import ScoredBatch
from schemas.validation import BatchValidator, DecodedBatch

if TYPE_CHECKING:
    from schemas.formats._arrow_values import Values

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
EXTRA = "arrow"
_READ = {*NUMBERS, *TEXTS, "bool", "null"}
_INDEX = "__index_level_"
_WITHOUT_INDEX = "the index of a pandas.DataFrame: write it with preserve_index=False"
_SEND = "send a number as float64, float32, float16 or an integer, and a text as string; cast the column"
SCHEMA = {"type": "string", "format": "binary"}

locate = csv.locate


def installed() -> bool:
    """Whether pyarrow is installed. It is not imported."""
    return find_spec("pyarrow") is not None


class ArrowDecoder:
    """Decodes streams for one model."""

    schema: Any = SCHEMA

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._names = ColumnNames(validator)
        self._columns = {each.name: each.kind == CATEGORY for each in validator.inputs} | dict.fromkeys(
            validator.contexts, True
        )

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not one complete stream."""
        return replace(self._decode(content, ArrowStream(content)), format="arrow")

    def valid(self, content: bytes) -> None:
        """None: a body is not decoded while other requests wait, since the first one imports pyarrow."""

    def example(self, model: RiskModel) -> None:
        """None: JSON has no place for bytes."""

    def _decode(self, content: bytes, stream: ArrowStream) -> DecodedBatch:
        validator = self._validator
        if stream.width > self._names.most:
            return validator.rejected(0, Fault("too_many_names"))
        columns = stream.columns()
        faults = self._names.faults([column.name for column in columns], stream.rows)
        faults += [Fault("unsupported_type", path=(each.name,), hint=_SEND) for each in columns if not self._can_read(each)]
        if faults:
            return validator.rejected(min(stream.rows, validator.max_orders + 1), *map(_explained, faults))
        from schemas.formats._arrow_values import ValuesReader  # with pyarrow

        values = ValuesReader(content, columns, validator.largest_body).read(stream, ("order_id", *validator.names))
        return self._typed(values, stream.rows) or self._one_by_one(values, stream.rows)

    def _can_read(self, column: Column) -> bool:
        """Whether the column is read, or passed over where it is not used."""
        if column.name in self._validator.also_accepts:
            return column.stored is not None
        if column.name not in ("order_id", *self._validator.names):
            return True  # its name is a fault
        return column.plain and column.type in (_READ if column.dictionary is None else TEXTS)

    def _typed(self, values: "Mapping[str, Values]", rows: int) -> DecodedBatch | None:
        """The batch of columns that are plainly valid; None for any others."""
        ids = values["order_id"]
        if ids.of not in TEXTS or not ids.complete:
            return None
        few = rows <= FEW_ORDERS and self._validator.columns.are_numbers
        found: list[Sequence[Any] | Floats] = []
        for name, is_text in self._columns.items():
            column, numbers = values.get(name), None
            if column is not None and not is_text:
                numbers = column.numbers()
            if column is None:
                found.append([None] * rows)
            elif is_text and column.of in TEXTS:
                found.append(column.listed())
            elif numbers is not None:
                found.append(numbers.tolist() if few else numbers)
            else:
                return None
        return self._validator.typed(ids.listed(), found)

    def _one_by_one(self, values: "Mapping[str, Values]", rows: int) -> DecodedBatch:
        missing = [None] * rows
        columns = [values[name].listed() if name in values else missing for name in self._columns]
        return self._validator.decode_columns(values["order_id"].listed(), columns)


def encode(scored: ScoredBatch) -> bytes:
    """The answer: a stream with a row for each valid order; in a partial answer, a batch with the rejected orders follows."""
    from schemas.formats._arrow_results import stream  # with pyarrow

    return stream(scored)


def _explained(fault: Fault) -> Fault:
    """The fault with what to do where a column is the index of pandas."""
    is_index = fault.code == "unknown_name" and fault.path[-1:] and fault.path[-1].startswith(_INDEX)
    return with_hint(fault, hint=_WITHOUT_INDEX) if is_index else fault
