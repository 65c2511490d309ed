"""Ids that several parts have. A run finds those within a part; it cannot see those of other parts."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from schemas.files.row import BadFile
from service.bulk.errors import BulkError
from service.bulk.id_table import SCHEMA, Repeats, repeats
from service.bulk.part import Part
from service.bulk.place import Place, first_line
from service.bulk.result_ids import result_ids


def compare_ids(target: Place, parts: Sequence[Part], column: str | None, jobs: int) -> Repeats:
    """The ids that are more than once in the results of these parts. A part's number is its position in `parts`.

    `column` has the ids; None: the one that they were scored with. Raises BulkError and OSError.
    """
    with tempfile.TemporaryDirectory(prefix="delivery-risk-") as folder:
        return repeats(_batches(target, parts, column), folder, jobs)


def _batches(target: Place, parts: Sequence[Part], column: str | None) -> Iterator[Any]:
    for number, part in enumerate(parts):
        try:
            for texts, rows in result_ids(target, part, column):
                yield pa.record_batch([texts, pa.repeat(pa.scalar(number, pa.uint32()), len(rows)), rows], schema=SCHEMA)
        except (BadFile, pa.ArrowException) as error:
            raise BulkError(f"{part.name}: {first_line(error)}") from None
