"""Rows of Arrow's record batches, as Parquet files have them, read as orders without an object for each. Needs pyarrow.

All values are checked at once. Only rows that may be invalid are validated one by one, as those of any other format.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from model.core.batch import Batch, Flags, Floats
from model.core.encoding import UNKNOWN
from model.core.manifest import CATEGORY, NONE, Input
from schemas.faults import Fault
from schemas.fields import usable_category
from schemas.files.arrow_texts import Texts, are_ids, as_texts
from schemas.files.header import places
from schemas.files.row import BadFile, Layout
from schemas.validation import BatchValidator, DecodedBatch

Rows = npt.NDArray[np.int64]

_MOST = 2**20


class RecordDecoder:
    """Decodes record batches with the columns of one file, for a model. Raises BadFile where the file lacks a column."""

    def __init__(self, schema: Any, layout: Layout) -> None:
        names = list(schema.names)
        self._at = places(names, layout, "schema")
        self._names = {name: names[at] for name, at in self._at.items()}
        self._inputs = layout.inputs
        self._validator = BatchValidator(layout.inputs, _MOST)

    @property
    def id_column(self) -> str:
        """The name of the column of order ids."""
        return str(self._names["order_id"])

    def ids(self, records: Any) -> Any:
        """The order ids of n rows as an array of texts, whether or not they are valid. Raises BadFile."""
        return as_texts(self.id_column, records.column(self._at["order_id"]), integers=True)

    def decode(self, records: Any, ids: Any, left_out: Flags | None = None) -> DecodedBatch:
        """The valid orders of n rows with these ids, and the faults of the others, without rows that are `left_out` (n,).

        Ids are not compared with each other. Raises BadFile.
        """
        suspect = ~are_ids(ids)
        matrix = np.empty((len(self._inputs), len(ids)))
        for of, values in zip(self._inputs, matrix, strict=True):
            if of.name in self._at:
                read = _codes if of.kind == CATEGORY else _numbers
                values[:], wrong = read(of, self._names[of.name], records.column(self._at[of.name]))
                suspect |= wrong
            else:
                values[:] = np.nan
        matrix += 0.0  # -0.0 is 0.0, as in other formats
        if left_out is not None:
            suspect |= left_out
        if not suspect.any():
            return DecodedBatch(Batch(Texts(ids), matrix.T), range(len(ids)), (), len(ids))
        faults = self._faults(ids, records, np.flatnonzero(suspect if left_out is None else suspect & ~left_out))
        suspect[:] = False if left_out is None else left_out
        suspect[[fault.position for fault in faults if fault.position is not None]] = True
        kept = np.flatnonzero(~suspect)
        batch = Batch(Texts(ids.take(pa.array(kept))), np.ascontiguousarray(matrix[:, kept]).T)
        return DecodedBatch(batch, kept.tolist(), faults, len(ids))

    def _faults(self, ids: Any, records: Any, rows: Rows) -> list[Fault]:
        """The faults of these rows."""
        if not len(rows):
            return []
        none = [None] * len(rows)
        columns = [
            taken(records.column(self._at[name]), rows).to_pylist() if name in self._at else none
            for name in self._validator.names
        ]
        found = self._validator.decode_columns(taken(ids, rows).to_pylist(), columns).faults
        alone = (fault for fault in found if fault.code != "duplicate_order_id")
        return [replace(fault, position=int(rows[fault.position or 0])) for fault in alone]


def taken(array: Any, rows: Rows) -> Any:
    """The values of an array at these rows, which are in order."""
    if not len(rows):
        return array[:0]
    try:
        return array.take(pa.array(rows))
    except pa.ArrowNotImplementedError:  # for string_view, for one
        runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
        return pa.concat_arrays([array[run[0] : run[-1] + 1] for run in runs])


def _numbers(of: Input, name: str, array: Any) -> tuple[Floats, Flags]:
    """The numbers (n,) of a column, and where one may be invalid. Raises BadFile."""
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_null(array.type)):
        raise BadFile(f"the column {name} has the type {array.type}; cast it to double")
    if pa.types.is_null(array.type):
        array = array.cast(pa.float64())
    numbers: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    invalid: Flags = ~np.isfinite(numbers)
    if array.null_count and of.optional:
        missing = array.is_null().to_numpy(zero_copy_only=False)
        invalid &= ~missing
        numbers = np.where(missing, np.nan, numbers)
    return numbers, invalid


def _codes(of: Input, name: str, array: Any) -> tuple[Floats, Flags]:
    """The categories (n,) of a column as numbers, and where one may be invalid. Raises BadFile."""
    texts = as_texts(name, array)
    codes = pc.index_in(texts, pa.array(of.values, pa.string()))
    numbers: Floats = pc.fill_null(codes, int(UNKNOWN)).to_numpy().astype(np.float64)
    missing = texts.is_null().to_numpy(zero_copy_only=False)
    unknown = (numbers == UNKNOWN) & ~missing
    if of.optional:
        numbers[missing] = np.nan
        missing = np.zeros_like(missing)
    if of.unknown == NONE and unknown.any():
        other = texts.filter(pa.array(unknown))
        usable = pa.array([text for text in other.unique().to_pylist() if usable_category(text)], pa.string())
        unknown[unknown] = ~pc.is_in(other, usable).to_numpy(zero_copy_only=False)
    return numbers, missing | unknown
