"""Survey: what a model makes of a file of known orders, chunk by chunk, gathered into the reference of a new version."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from model.core.baseline import SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram
from model.core.batch import Flags, Floats
from model.core.risk_model import RiskModel, Scores
from schemas.files import csv, jsonl
from schemas.files.row import Row
from schemas.result import Policy
from schemas.validation import BatchValidator
from service.offline import chunks
from service.scoring.batch import Options, score_batch

NAMED = 100
_LABELS = {0: False, 1: True, "false": False, "true": True}

Reader = csv.Reader | jsonl.Reader
Counts = npt.NDArray[np.int64]


def _zeros(edges: Sequence[float]) -> Counts:
    return np.zeros(len(edges) + 1, np.int64)


@dataclass(slots=True)
class BaselineBuilder:
    """What came of the rows: `orders` scored, how many of them go to `review` and were `late`, and `refused` rows.

    Of the refused, `refusals` has the first NAMED; `unlabelled` has the lines of orders without a usable label.
    """

    features: tuple[str, ...]
    labelled: bool
    orders: int = 0
    review: int = 0
    refused: int = 0
    refusals: list[tuple[Row, str]] = field(default_factory=list)
    unlabelled: list[int] = field(default_factory=list)
    scores: Counts = field(default_factory=lambda: _zeros(SCORE_EDGES))
    sums: Floats = field(default_factory=lambda: np.zeros(len(SCORE_EDGES) + 1))
    late: Counts = field(default_factory=lambda: _zeros(SCORE_EDGES))
    zscores: list[Counts] = field(init=False)

    def __post_init__(self) -> None:
        self.zscores = [_zeros(ZSCORE_EDGES) for _ in self.features]

    def add(self, scores: Scores, late: Flags) -> None:
        """Count some orders and which of them were late."""
        bins = np.searchsorted(SCORE_EDGES, scores.scores)
        self.orders += len(bins)
        self.review += int(np.count_nonzero(scores.review))
        np.add.at(self.scores, bins, 1)
        np.add.at(self.sums, bins, scores.scores)
        np.add.at(self.late, bins, late)
        for counts, zscores in zip(self.zscores, scores.zscores.T, strict=True):
            np.add.at(counts, np.searchsorted(ZSCORE_EDGES, zscores), 1)

    def refuse(self, refusals: Sequence[tuple[Row, str]]) -> None:
        """Count rows that are refused, with the reasons."""
        self.refused += len(refusals)
        self.refusals += refusals[: NAMED - len(self.refusals)]

    def reference(self) -> Baseline:
        """All of it; calibrated where the orders have labels."""
        return Baseline(
            self.orders,
            self.review,
            Histogram(SCORE_EDGES, tuple(self.scores.tolist())),
            {
                name: Histogram(ZSCORE_EDGES, tuple(found.tolist()))
                for name, found in zip(self.features, self.zscores, strict=True)
            },
            self._calibration() if self.labelled else (),
        )

    def _calibration(self) -> tuple[Calibration, ...]:
        bins = pairwise((0.0, *SCORE_EDGES))
        columns = (each.tolist()[:-1] for each in (self.scores, self.sums, self.late))
        return tuple(
            # The sum's rounding may carry the mean of equal scores over the bin's end.
            Calibration(to, count, min(max(total / count, above), to), late / count)
            for (above, to), count, total, late in zip(bins, *columns, strict=True)
            if count
        )


def build_baseline(model: RiskModel, reader: Reader, policy: Policy, label: str | None = None) -> BaselineBuilder:
    """Survey the orders of a file; `label` names what tells which of them were late. Raises BadFile."""
    found = BaselineBuilder(model.manifest.feature_names, label is not None)
    for chunk in chunks.decode(BatchValidator(found.features, chunks.CHUNK), reader):
        scored = score_batch(model, chunk.decoded, Options(policy))
        decoded, scores = scored.decoded, scored.scores
        found.refuse(chunks.refusals(replace(chunk, decoded=decoded)))
        rows = [chunk.read[position] for position in decoded.positions]
        labels = [None if label is None else _label(reader.value(row, label)) for row in rows]
        if label is not None:
            found.unlabelled += [row.line for row, late in zip(rows, labels, strict=True) if late is None]
        found.add(scores, np.array(labels, np.bool_))
    return found


def _label(value: Any) -> bool | None:
    known = value.lower() if isinstance(value, str) else value
    return _LABELS.get(known) if isinstance(known, str | int | float) else None
