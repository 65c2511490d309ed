"""Parts that are Parquet files. Their columns reach the engine as arrays, some rows at a time. Needs pyarrow."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.files.arrow_texts import as_texts
from schemas.files.row import BadFile
from service.bulk.arrow_batch import ArrowScorer
from service.bulk.part import Counts
from service.bulk.repeated_ids import RepeatedIds
from service.bulk.scoring import Scoring

ROWS = 2**14
"""Rows that are scored at a time: so many are within the fast memory of a processor."""

READ = 2**16
"""Rows that are read at a time."""

GROUP = 2**17
"""Rows of a row group of results."""

# Arrow's own pool gives memory back and takes it again, in large pages that the system must clear.
pa.set_memory_pool(pa.system_memory_pool())

MOST_BYTES = 2**28
"""The most bytes, uncompressed, of a column of a row group. A page of it may be in memory at once."""


def score_parquet(source: Any, results: str, rejects: str, scoring: Scoring) -> Counts:
    """Score an open Parquet file into files at these paths. Raises BadFile, and ArrowException where it is broken."""
    with _opened(source) as file:
        scorer = ArrowScorer(scoring.model, scoring.policy, file.schema_arrow, scoring.given.columns)
        _require_small(file)
        repeated, name = RepeatedIds(), scorer.id_column
        counts = _score(file, scorer, repeated, results, rejects)
        columns = (records.column(records.schema.names.index(name)) for records in _batches(file, [name]))
        if repeated.compare(as_texts(name, column, integers=True) for column in columns):
            counts = _score(file, scorer, repeated, results, rejects)
        return counts


def _score(file: Any, scorer: ArrowScorer, repeated: RepeatedIds, results: str, rejects: str) -> Counts:
    """Score all rows but those that are known to be repeated, whose ids are added to `repeated`."""
    counts, ids = Counts(), scorer.id_column
    with _Writer(results, scorer.results, ids) as valid, _Writer(rejects, scorer.rejects, ids) as invalid:
        for records in _batches(file):
            scored = scorer(records, counts.rows + 1, repeated.within(counts.rows, len(records)))
            repeated.add(scored.ids)
            valid.write(scored.results)
            invalid.write(scored.rejected)
            counts += Counts(len(records), scored.reviews, len(scored.rejected))
        if counts.rows != file.metadata.num_rows:
            raise BadFile(f"has {counts.rows} rows, but its footer says {file.metadata.num_rows}")
    return counts


@contextmanager
def _opened(source: Any) -> Iterator[Any]:
    try:
        with pq.ParquetFile(source, pre_buffer=False, buffer_size=2**20, page_checksum_verification=True) as file:
            yield file
    except UnicodeDecodeError:
        raise BadFile("the name of a column is not UTF-8") from None


class _Writer:
    """Writes record batches of this schema to a Parquet file, in row groups of about GROUP rows.

    Order ids and scores get no dictionaries, which would take time and then be dropped, since most of them differ.
    """

    def __init__(self, path: str, schema: Any, id_column: str) -> None:
        with_dictionary = [name for name in schema.names if name not in (id_column, "score")]
        self._file = pq.ParquetWriter(path, schema, use_dictionary=with_dictionary)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, records: Any) -> None:
        """Write the rows, with those that follow."""
        self._waiting.append(records)
        self._rows += len(records)
        if self._rows >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_batches(self._waiting), self._rows)
        self._waiting, self._rows = [], 0

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._flush()
        self._file.close()


def _require_small(file: Any) -> None:
    for number in range(file.metadata.num_row_groups):
        # Where the metadata of a column is broken, column() ends the process. A reader of no rows raises an error before that.
        next(file.reader.iter_batches(0, row_groups=[number], use_threads=False), None)
        group = file.metadata.row_group(number)
        for at in range(group.num_columns):
            column = group.column(at)
            if column.total_uncompressed_size > MOST_BYTES:
                raise BadFile(
                    f"row group {number}: the column {column.path_in_schema} has {column.total_uncompressed_size} bytes, over "
                    f"{MOST_BYTES}; write smaller row groups"
                )


def _batches(file: Any, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Some rows at a time: of one row group where lists or structs have dictionaries, since pyarrow reads no others."""
    groups = range(file.metadata.num_row_groups)
    nested = any("dictionary<" in str(each.type)[1:] for each in file.schema_arrow)
    for some in zip(groups, strict=True) if nested else [groups]:
        for records in file.iter_batches(READ, some, columns, use_threads=False):
            yield from (records.slice(begin, ROWS) for begin in range(0, len(records), ROWS))
