"""Scores that a training script gave known orders, read from a column of a file of orders."""

import numpy as np

from model.core.risk_model import RiskModel
from model.importers.comparison import ExpectedScores
from schemas.files.row import BadFile, Reader
from service.offline.chunks import score_chunks
from service.scoring.batch import Options


def read(model: RiskModel, reader: Reader, column: str, location: str) -> ExpectedScores:
    """The orders of a file for this model, with the scores in this column. Raises BadFile and NotServable.

    Every row must be an order that the model can score, with a number in the column: a check leaves none out.
    """
    ids: list[str] = []
    matrices, scores = [], []
    for chunk in score_chunks(model, reader, Options("flag")):
        for row, reason in chunk.rejected:
            raise BadFile(f"line {row.line} is rejected: {reason}; leave it out, the model cannot score it")
        for row in chunk.rows:
            value = reader.value(row, column)
            if type(value) not in (int, float):
                raise BadFile(f"line {row.line} has no number in {column}")
            scores.append(value)
        matrices.append(chunk.scored.decoded.batch.matrix)
        ids += chunk.scored.decoded.batch.ids
    if not scores:
        raise BadFile("holds no orders")
    return ExpectedScores(location, np.concatenate(matrices), np.array(scores, np.float64), lambda row: f"order {ids[row]!r}")
