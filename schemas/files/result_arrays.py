"""Results as arrays of pyarrow, for an answer in Arrow and for Parquet files. Needs pyarrow."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from model.core.batch import Flags
from model.core.few_rows import FewScores
from model.core.manifest import Manifest
from schemas.files.row import input_columns, result_names
from schemas.result import QUEUES, ScoredBatch

NAMES = pa.list_(pa.string())
_QUEUES = pa.array(QUEUES)


def result_fields(manifest: Manifest) -> list[tuple[str, Any]]:
    """The names and types of the columns of a result."""
    named = [(name, NAMES) for name in input_columns(result_names(manifest))]
    return [("score", pa.float64()), ("queue", pa.dictionary(pa.int8(), pa.string())), *named]


def result_arrays(scored: ScoredBatch) -> Iterator[tuple[str, Any]]:
    """The columns of a result by name: the score, the queue (a dictionary of texts), and the columns that name inputs."""
    scores, manifest = scored.scores, scored.model.manifest
    yield "score", pa.array(scores.values if isinstance(scores, FewScores) else scores.scores, pa.float64())
    yield "queue", pa.DictionaryArray.from_arrays(pa.array(np.asarray(scores.review).view(np.int8)), _QUEUES)
    for name in input_columns(result_names(manifest)):
        yield name, _named(manifest.input_names, scored.flags.get(name), len(scored.decoded.batch))


def _named(names: Sequence[str], flags: Flags | None, orders: int) -> Any:
    """The names of the inputs of each order that these flags (n, I) mark."""
    ends, marked = np.zeros(orders + 1, np.int32), np.empty(0, np.intp)
    if flags is not None:
        ends[1:] = flags.T.sum(axis=0, dtype=np.int32).cumsum()
        marked = flags.nonzero()[1]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(names, pa.string()).take(pa.array(marked)))
