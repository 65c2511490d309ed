"""Export of decision logs: a table with a row for each order, as batches of Arrow. Needs pyarrow, the extra `parquet`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from schemas.decision_record import BadRecord, DecisionRecord, loads, unpack
from schemas.result import NAMED
from service.decisions.reading import Line, lines
from service.decisions.recorded_orders import require_complete

_OF_RECORD = {
    "decision_id": pa.string(),
    "at": pa.timestamp("us", "UTC"),
    "request_id": pa.string(),
    "caller": pa.string(),
    "model_name": pa.string(),
    "model_version": pa.string(),
    "model_sha256": pa.string(),
    "threshold": pa.float64(),
    "policy": pa.string(),
}
_OF_ORDER = {
    "order_id": pa.string(),
    "score": pa.float64(),
    "logit": pa.float64(),
    "queue": pa.string(),
    "rank": pa.int64(),
    "holdout": pa.bool_(),
    **dict.fromkeys(NAMED, pa.list_(pa.string())),
}
_TEXTS = re.compile(rb'\[(?:null,)*"')


class _Shape(msgspec.Struct):
    """The parts of a record that say which columns its orders have."""

    inputs: tuple[str, ...]
    values: list[msgspec.Raw] = []
    context: dict[str, msgspec.Raw] = {}


_shape = msgspec.json.Decoder(_Shape)


class UnreadableLine(Exception):
    """A line that is no decision record, and why."""

    def __init__(self, line: Line, reason: str) -> None:
        super().__init__(f"{line}: {reason}")


@dataclass(slots=True)
class Columns:
    """The columns of a log: those that each record has, `context_NAME`, and the inputs under their own names.

    An input whose name another column has or could have is `input_NAME`. `inputs` says whether an input has texts. One that has
    numbers in one model and texts in another has texts.
    """

    inputs: dict[str, bool] = field(default_factory=dict)
    contexts: list[str] = field(default_factory=list)

    @property
    def schema(self) -> pa.Schema:
        inputs = {self.name(each): pa.string() if texts else pa.float64() for each, texts in self.inputs.items()}
        contexts = {f"context_{each}": pa.string() for each in self.contexts}
        return pa.schema(_OF_RECORD | _OF_ORDER | contexts | inputs)

    def name(self, of: str) -> str:
        """The column of an input."""
        taken = of in _OF_RECORD or of in _OF_ORDER or of.startswith(("context_", "input_"))
        return f"input_{of}" if taken else of

    def table(self, record: DecisionRecord, schema: pa.Schema) -> pa.RecordBatch:
        """A row for each order of a record, in this schema of the columns. Raises BadRecord."""
        orders, model = len(record), record.model
        same = [record.decision_id, record.at, record.request_id, record.caller, model.name, model.version, model.sha256]
        same += [record.threshold, record.policy]
        found = {
            name: pa.repeat(pa.scalar(value, _OF_RECORD[name]), orders) for name, value in zip(_OF_RECORD, same, strict=True)
        }
        held = set(record.holdout.orders) if record.holdout else ()
        of_order: dict[str, Any] = {
            "order_id": None if record.generated_ids else record.order_ids,
            "score": unpack(record.scores, orders),
            "logit": unpack(record.logits, orders),
            "queue": record.queues,
            "rank": record.ranks,
            "holdout": [at in held for at in range(orders)] if held else repeat(False, orders),
            **{what: _named(getattr(record, what), orders) for what in NAMED},
        }
        of_order |= {f"context_{name}": record.context.get(name) for name in self.contexts}
        values = dict(zip(record.inputs, record.values or (), strict=False))
        of_order |= {self.name(each): _values(values.get(each), texts, orders) for each, texts in self.inputs.items()}
        for name, column in of_order.items():
            given = repeat(None, orders) if column is None else column
            numbers = isinstance(given, np.ndarray)
            found[name] = pa.array(given if numbers else list(given), schema.field(name).type, from_pandas=numbers)
        return pa.RecordBatch.from_arrays([found[name] for name in schema.names], schema=schema)


def columns(files: Iterable[Path]) -> Columns:
    """The columns of the logs in these files. Raises NoLog and UnreadableLine."""
    found = Columns()
    for line in _complete(files):
        try:
            shape = _shape.decode(line.text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnreadableLine(line, "not a decision record") from None
        for name, column in zip(shape.inputs, shape.values, strict=False):
            found.inputs[name] = found.inputs.get(name, False) or _TEXTS.match(column) is not None
        found.contexts += [name for name in shape.context if name not in found.contexts]
    return found


def batches(files: Iterable[Path], columns: Columns) -> Iterator[pa.RecordBatch]:
    """The rows of the logs in these files, those of a record in one batch. Raises NoLog and UnreadableLine."""
    schema = columns.schema
    for line in _complete(files):
        try:
            record = loads(line.text)
            require_complete(record)
            yield columns.table(record, schema)
        except (BadRecord, pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UnreadableLine(line, str(error) if isinstance(error, BadRecord) else "values of mixed types") from None


def _complete(files: Iterable[Path]) -> Iterator[Line]:
    return (line for path in files for line in lines(path) if not line.torn)


def _named(rows: dict[str, list[int]], orders: int) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(orders)]
    for name, indices in rows.items():
        for at in indices:
            if not 0 <= at < orders:
                raise BadRecord("an index that no order has")
            found[at].append(name)
    return found


def _values(column: Any, texts: bool, orders: int) -> Sequence[Any] | None:
    if column is None:
        return None
    if isinstance(column, bytes) or not texts:
        numbers = unpack(column, orders)
        return [None if each != each else repr(each) for each in numbers.tolist()] if texts else numbers  # type: ignore[return-value]
    return [repr(each) if isinstance(each, float) else each for each in column]
