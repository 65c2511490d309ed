"""Arrow bodies: one stream of Arrow's IPC format, a column for order_id and for each input, answered as a stream of results.

pyarrow, the extra `arrow`, is imported with the first body, after a worker is forked: it takes time and memory that workers
without such bodies do not need, and what it keeps of threads and memory is the worker's own. Until a body has been answered,
none is plainly valid: that would keep other requests waiting for the import.
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
BEGINNING = b"\xff\xff\xff\xff"
"""What a stream begins with, and no text in UTF-8."""

_READ = {*NUMBERS, *TEXTS, "bool", "null"}
_INDEX = "__index_level_"
_WITHOUT_INDEX = "the index of a pandas.DataFrame: write it with preserve_index=False"
_SEND = "send a number as float64, float32, float16 or an integer, and a text as string; cast the column"
SCHEMA = {"type": "string", "format": "binary"}
_ID_BYTES = 4  # the offset of a text
_imported = False

locate = csv.locate


def installed() -> bool:
    """Whether pyarrow is installed. It is not imported."""
    return find_spec("pyarrow") is not None


def most_rows(content: bytes, inputs: int) -> int:
    """The rows of a stream of this content, where each has an order id and so many numbers as float64."""
    return len(content) // (_ID_BYTES + 8 * inputs)


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

    def valid(self, content: bytes) -> DecodedBatch | None:
        """The batch of a stream that is plainly valid and has no more rows than its size lets expect; None for any other."""
        stream = ArrowStream(content) if _imported else None
        if stream is None or stream.rows > most_rows(content, len(self._validator.inputs)):
            return None
        columns, faults = self._described(stream)
        decoded = None if faults else self._typed(self._values(content, stream, columns), stream.rows)
        return None if decoded is None else replace(decoded, format="arrow")

    def example(self, model: RiskModel) -> None:
        """None: JSON has no place for bytes."""

    def _decode(self, content: bytes, stream: ArrowStream) -> DecodedBatch:
        columns, faults = self._described(stream)
        if faults:
            received = min(stream.rows, self._validator.max_orders + 1) if stream.width <= self._names.most else 0
            return self._validator.rejected(received, *map(_explained, faults))
        values = self._values(content, stream, columns)
        return self._typed(values, stream.rows) or self._one_by_one(values, stream.rows)

    def _described(self, stream: ArrowStream) -> tuple[list[Column], list[Fault]]:
        """The columns of the stream, and the faults of their names and types."""
        if stream.width > self._names.most:
            return [], [Fault("too_many_names")]
        columns = stream.columns()
        faults = self._names.faults([column.name for column in columns], stream.rows)
        faults += [Fault("unsupported_type", path=(each.name,), hint=_SEND) for each in columns if not self._can_read(each)]
        return columns, faults

    def _values(self, content: bytes, stream: ArrowStream, columns: Sequence[Column]) -> "Mapping[str, Values]":
        from schemas.formats._arrow_values import ValuesReader  # with pyarrow

        reader = ValuesReader(content, columns, self._validator.largest_body)
        return reader.read(stream, ("order_id", *self._validator.names))

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
    global _imported
    from schemas.formats._arrow_results import stream  # with pyarrow

    answer = stream(scored)
    _imported = True
    return answer


def _explained(fault: Fault) -> Fault:
    """The fault with what to do where a column is the index of pandas."""
    is_index = fault.code == "unknown_name" and fault.path[-1:] and fault.path[-1].startswith(_INDEX)
    return with_hint(fault, hint=_WITHOUT_INDEX) if is_index else fault
