"""The baseline of a new version: how a model's scores and features are distributed over a file of known orders."""

from itertools import pairwise
from typing import Any

import numpy as np

from model.core.batch import Flags
from model.core.manifest import SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram
from model.core.risk_model import RiskModel, Scores
from schemas.files import csv, jsonl
from schemas.result import Policy
from service.offline.chunks import Rejected, score_chunks

MOST_NAMED = 100
_LABELS = {0: False, 1: True, "false": False, "true": True}


class BaselineBuilder:
    """Counts of a baseline: `orders` scored, how many of them go to `review`, and `rejected` rows.

    `first_rejected` has the first MOST_NAMED rejected rows; `unlabelled` has the lines of orders without a usable label.
    """

    def __init__(self, features: tuple[str, ...], *, labelled: bool) -> None:
        self.features, self.labelled = features, labelled
        self.orders = self.review = self.rejected = 0
        self.first_rejected: Rejected = []
        self.unlabelled: list[int] = []
        self._scores, self._late = np.zeros((2, len(SCORE_EDGES) + 1), np.int64)
        self._sums = np.zeros(len(SCORE_EDGES) + 1)
        self._zscores = np.zeros((len(features), len(ZSCORE_EDGES) + 1), np.int64)

    def add(self, scores: Scores, late: Flags) -> None:
        """Count some orders, and which of them were late."""
        bins = np.searchsorted(SCORE_EDGES, scores.scores)
        self.orders += len(bins)
        self.review += int(np.count_nonzero(scores.review))
        np.add.at(self._scores, bins, 1)
        np.add.at(self._sums, bins, scores.scores)
        np.add.at(self._late, bins, late)
        for counts, zscores in zip(self._zscores, scores.zscores.T, strict=True):
            np.add.at(counts, np.searchsorted(ZSCORE_EDGES, zscores), 1)

    def baseline(self) -> Baseline:
        """The baseline; with calibration if the orders have labels."""
        zscores = zip(self.features, self._zscores, strict=True)
        return Baseline(
            self.orders,
            self.review,
            Histogram(SCORE_EDGES, tuple(self._scores.tolist())),
            {name: Histogram(ZSCORE_EDGES, tuple(counts.tolist())) for name, counts in zscores},
            self._calibration() if self.labelled else (),
        )

    def _calibration(self) -> tuple[Calibration, ...]:
        bins = pairwise((0.0, *SCORE_EDGES))
        columns = (each.tolist()[:-1] for each in (self._scores, self._sums, self._late))
        return tuple(
            # Rounding of the sum may move the mean of equal scores over the end of the bin.
            Calibration(to, count, min(max(total / count, above), to), late / count)
            for (above, to), count, total, late in zip(bins, *columns, strict=True)
            if count
        )


def build_baseline(
    model: RiskModel, reader: csv.Reader | jsonl.Reader, policy: Policy, label: str | None = None
) -> BaselineBuilder:
    """Score the orders of a file and count; `label` names the column that says which orders were late. Raises BadFile."""
    found = BaselineBuilder(model.manifest.feature_names, labelled=label is not None)
    for chunk in score_chunks(model, reader, policy):
        found.rejected += len(chunk.rejected)
        found.first_rejected += chunk.rejected[: MOST_NAMED - len(found.first_rejected)]
        labels = [None if label is None else _label(reader.value(row, label)) for row in chunk.rows]
        if label is not None:
            found.unlabelled += [row.line for row, late in zip(chunk.rows, labels, strict=True) if late is None]
        found.add(chunk.scored.scores, np.array(labels, np.bool_))
    return found


def _label(value: Any) -> bool | None:
    known = value.lower() if isinstance(value, str) else value
    return _LABELS.get(known) if isinstance(known, str | int | float) else None
