"""Arrow results: the answer as a stream, with the columns of an answer in CSV. Needs pyarrow, the extra `arrow`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import isfinite
from typing import Any

import msgspec
import pyarrow as pa

from model.core.manifest import CATEGORY
from schemas.explanation import MOST_REASONS, Explanations
from schemas.faults import error_list
from schemas.files import explanation_cells
from schemas.files.result_arrays import NAMES, result_arrays
from schemas.files.row import HOLDOUT, RANK
from schemas.formats import csv
from schemas.result import ScoredBatch, header, held_out, listed

_ERRORS = pa.list_(pa.struct([(name, pa.string()) for name in ("pointer", "code", "detail")]))
_OPTIONS = pa.ipc.IpcWriteOptions(use_threads=False)


def stream(scored: ScoredBatch) -> bytes:
    """The answer: a batch with a row for each valid order; in a partial answer, a batch with the rejected orders follows."""
    columns = list(_columns(scored))
    if scored.partial:
        columns.append(("errors", pa.nulls(len(scored.decoded.batch), _ERRORS)))
    schema = pa.schema([(name, array.type) for name, array in columns], _metadata(scored))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        writer.write_batch(pa.record_batch([array for _, array in columns], schema=schema))
        if scored.partial and scored.decoded.faults:
            writer.write_batch(_rejected(scored, schema))
    answer: bytes = sink.getvalue().to_pybytes()
    return answer


def _metadata(scored: ScoredBatch) -> dict[str, str]:
    """What is the same for all orders, by the names that it has in JSON. What is no text is written as in JSON."""
    given = header(scored)
    if scored.selection is not None:
        given["selection"] = scored.selection.account
    if scored.partial:
        given["error_count"] = len(scored.decoded.faults)
    return {name: each if isinstance(each, str) else msgspec.json.encode(each).decode() for name, each in given.items()}


def _columns(scored: ScoredBatch) -> Iterator[tuple[str, Any]]:
    manifest, selection, orders = scored.model.manifest, scored.selection, len(scored.decoded.batch)
    yield "order_id", pa.array(scored.decoded.batch.ids, pa.string())
    for name, array in result_arrays(scored):
        yield name, array.dictionary_decode() if name == "queue" else array
    if selection is not None:
        yield RANK, pa.array(selection.ranks, pa.int64())
    if scored.holdout is not None:
        yield HOLDOUT, pa.array(held_out(scored), pa.bool_())
    for name in manifest.context_names:
        yield name, pa.array(scored.decoded.context.get(name, [None] * orders), pa.string())
    if scored.explanations is not None:
        kinds = {each.name: each.kind for each in manifest.inputs}
        yield from _explanations(scored.explanations, kinds, orders)


def _explanations(found: Explanations, kinds: Mapping[str, str], orders: int) -> Iterator[tuple[str, Any]]:
    """The columns of explanations, null for an order without one."""

    def placed(values: Sequence[Any], of: Any) -> Any:
        column: list[Any] = [None] * orders
        for row, value in zip(found.rows.tolist(), values, strict=True):
            column[row] = value
        return pa.array(column, of)

    finite = [[each if isfinite(each) else None for each in column] for column in found.contributions.T.tolist()]
    texts = [[reason.text for reason in each] + [None] * MOST_REASONS for each in found.reasons]
    changes = {} if found.changes is None else found.changes
    columns = [
        (found.logits.tolist(), pa.float64()),
        ([found.base] * len(found), pa.float64()),
        *((column, pa.float64()) for column in finite),
        *(([each[at] for each in texts], pa.string()) for at in range(MOST_REASONS)),
        *((column, NAMES if kinds[name] == CATEGORY else pa.float64()) for name, column in changes.items()),
    ]
    for name, (values, of) in zip(explanation_cells.names(found.inputs, found.changes), columns, strict=True):
        yield name, placed(values, of)


def _rejected(scored: ScoredBatch, schema: Any) -> Any:
    """The rejected orders, whose ids are null where they are not usable, with their errors."""
    errors = [error_list(faults, csv.locate) for _, faults in groupby(listed(scored), lambda fault: fault.position)]
    first, *others, last = schema.types
    ids = pa.array([each[0].get("order_id") for each in errors], first)
    empty = [pa.nulls(len(errors), of) for of in others]
    return pa.record_batch([ids, *empty, pa.array(errors, last)], schema=schema)
