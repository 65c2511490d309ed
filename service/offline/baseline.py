"""The baseline of a new version: how a model's scores, features and inputs are distributed over a file of known orders."""

from itertools import pairwise

import numpy as np

from model.core.batch import Floats
from model.core.encoding import is_missing, is_unknown, value_counts
from model.core.manifest import NONE, SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram, InputCounts
from model.core.risk_model import RiskModel
from schemas.files.row import Reader
from schemas.result import Policy
from service.offline.chunks import Rejected, score_chunks
from service.offline.label import label_of
from service.scoring.batch import Options

MOST_NAMED = 100


class BaselineBuilder:
    """Counts of a baseline: `orders` scored, how many of them go to `review`, and `rejected` rows.

    `label` names the column that says which orders were late. `first_rejected` has the first MOST_NAMED rejected rows;
    `unlabelled` has the lines of orders without a usable label.
    """

    def __init__(self, model: RiskModel, label: str | None = None) -> None:
        self.model, self.label = model, label
        self.orders = self.review = self.rejected = 0
        self.first_rejected: Rejected = []
        self.unlabelled: list[int] = []
        self._scores, self._late = np.zeros((2, len(SCORE_EDGES) + 1), np.int64)
        self._sums = np.zeros(len(SCORE_EDGES) + 1)
        self._zscores = np.zeros((len(model.manifest.features), len(ZSCORE_EDGES) + 1), np.int64)
        self._missing, self._unknown = np.zeros((2, len(model.manifest.inputs)), np.int64)
        self._columns = [at for at, each in enumerate(model.manifest.inputs) if each.values]
        self._categories = [model.manifest.inputs[at] for at in self._columns]
        self._values = np.zeros(sum(len(each.values) for each in self._categories), np.int64)

    def read(self, reader: Reader, policy: Policy) -> None:
        """Score the orders of a file and count them. Raises BadFile."""
        for chunk in score_chunks(self.model, reader, Options(policy)):
            scores = chunk.scored.scores
            bins = np.searchsorted(SCORE_EDGES, scores.scores)
            self.rejected += len(chunk.rejected)
            self.first_rejected += chunk.rejected[: MOST_NAMED - len(self.first_rejected)]
            self.orders += len(bins)
            self.review += int(np.count_nonzero(scores.review))
            np.add.at(self._scores, bins, 1)
            np.add.at(self._sums, bins, scores.scores)
            for counts, zscores in zip(self._zscores, scores.zscores.T, strict=True):
                np.add.at(counts, np.searchsorted(ZSCORE_EDGES, zscores), 1)
            self._add_inputs(chunk.scored.decoded.batch.matrix)
            if self.label is not None:
                labels = [label_of(reader.value(row, self.label)) for row in chunk.rows]
                self.unlabelled += [row.line for row, late in zip(chunk.rows, labels, strict=True) if late is None]
                np.add.at(self._late, bins, np.array(labels, np.bool_))

    def baseline(self) -> Baseline:
        """The baseline; with calibration if the orders have labels."""
        zscores = zip(self.model.manifest.feature_names, self._zscores, strict=True)
        return Baseline(
            self.orders,
            self.review,
            Histogram(SCORE_EDGES, tuple(self._scores.tolist())),
            {name: Histogram(ZSCORE_EDGES, tuple(counts.tolist())) for name, counts in zscores},
            () if self.label is None else self._calibration(),
            self._inputs(),
        )

    def _add_inputs(self, x: Floats) -> None:
        self._missing += np.count_nonzero(is_missing(x), axis=0)
        self._unknown += np.count_nonzero(is_unknown(self.model.manifest.inputs, x), axis=0)
        self._values += value_counts(self._categories, x[:, self._columns])

    def _inputs(self) -> dict[str, InputCounts]:
        gaps = zip(self.model.manifest.inputs, self._missing.tolist(), self._unknown.tolist(), strict=True)
        counts = iter(self._values.tolist())
        return {
            of.name: InputCounts(
                missing if of.optional else None,
                unknown if of.unknown == NONE else None,
                {value: next(counts) for value in of.values},
            )
            for of, missing, unknown in gaps
            if of.optional or of.values
        }

    def _calibration(self) -> tuple[Calibration, ...]:
        bins = pairwise((0.0, *SCORE_EDGES))
        columns = (each.tolist()[:-1] for each in (self._scores, self._sums, self._late))
        return tuple(
            # Rounding of the sum may move the mean of equal scores over the end of the bin.
            Calibration(to, count, min(max(total / count, above), to), late / count)
            for (above, to), count, total, late in zip(bins, *columns, strict=True)
            if count
        )
