"""Record batches of Arrow, scored. Any engine that has such batches can call it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from model.core.risk_model import RiskModel
from schemas.files.arrow_rows import RecordDecoder, taken
from schemas.files.header import rejected_before
from schemas.files.result_arrays import result_arrays, result_fields
from schemas.files.row import REJECT_NAMES, Layout, result_names
from schemas.result import Policy, made_by
from service.offline.chunks import why_rejected, why_repeated
from service.scoring.batch import Options, score_batch

_TYPES = (pa.int64(), pa.string())


@dataclass(frozen=True, slots=True)
class ScoredRecords:
    """Record batches: the valid rows with their `results`, and the `rejected` rows with the reason. `reviews` go to review.

    `ids` has the texts of the ids of all rows.
    """

    ids: Any
    results: Any
    rejected: Any
    reviews: int


class ArrowScorer:
    """Scores record batches with the columns of this schema. Raises BadFile where they lack a column or it has another type.

    `columns` has the batches' names by those of the model, where they differ.
    """

    def __init__(self, model: RiskModel, policy: Policy, schema: Any, columns: Mapping[str, str] | None = None) -> None:
        layout = Layout(model.manifest.inputs, columns=columns or {}, reserved=result_names(model.manifest))
        self._model, self._options = model, Options(policy)
        self._decoder = RecordDecoder(schema, layout)
        self._kept = rejected_before(schema.names)
        identity = {name.encode(): str(value).encode() for name, value in made_by(model, policy).items()}
        results = [pa.field(name, of) for name, of in result_fields(model.manifest)]
        rejects = [pa.field(name, of) for name, of in zip(REJECT_NAMES, _TYPES, strict=True)]
        self.results = pa.schema([*schema, *results], {**(schema.metadata or {}), **identity})
        self.rejects = pa.schema([*rejects, *[*schema][self._kept :]], schema.metadata)
        self.id_column = self._decoder.id_column

    def __call__(self, records: Any, first: int = 1, repeated: Mapping[int, int] | None = None) -> ScoredRecords:
        """Score n rows, the first of which has the number `first` in its file.

        `repeated` has the rows, from 0, whose ids are in an earlier row, and the number of that.
        """
        left_out = None
        if repeated:
            left_out = np.zeros(len(records), np.bool_)
            left_out[[*repeated]] = True
        ids = self._decoder.ids(records)
        scored = score_batch(self._model, self._decoder.decode(records, ids, left_out), self._options)
        valid, positions, reviews = records.columns, scored.decoded.positions, scored.scores.reviews
        if len(positions) < len(records):
            rows = np.array(positions, np.int64)
            valid = [taken(each, rows) for each in records.columns]
        results = pa.record_batch([*valid, *(array for _, array in result_arrays(scored))], schema=self.results)
        reasons = why_rejected(scored.decoded) | {row: why_repeated(line) for row, line in (repeated or {}).items()}
        return ScoredRecords(ids, results, self._rejected(records, first, reasons), reviews)

    def _rejected(self, records: Any, first: int, reasons: Mapping[int, str]) -> Any:
        rows = np.array(sorted(reasons), np.int64)
        source = [taken(each, rows) for each in records.columns[self._kept :]]
        numbers, texts = first + rows, [reasons[row] for row in rows.tolist()]
        return pa.record_batch([pa.array(numbers, _TYPES[0]), pa.array(texts, _TYPES[1]), *source], schema=self.rejects)
