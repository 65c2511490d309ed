"""Evaluated orders of a file: it is scored by a model, and its columns say what happened, on which day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.core.risk_model import RiskModel
from schemas.files.row import Reader, Row
from schemas.result import Policy
from service.offline.chunks import score_chunks
from service.offline.evaluation.orders import EvaluatedOrders
from service.offline.label import label_of
from service.scoring.batch import Options

ONE_DAY = "all"
"""The name of the day where no column says which."""


@dataclass(frozen=True, slots=True)
class KnownColumns:
    """The columns of a file that are not inputs: the `label` and, where given, the day and whether somebody acted on the order.

    Only rows whose columns in `where` have these texts count, and `contexts` are columns to evaluate by.
    """

    label: str
    day: str | None = None
    acted_on: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    contexts: Sequence[str] = ()


@dataclass(slots=True)
class FileCounts:
    """Rows of a file that do not count: `rejected` ones, those that `where` leaves out, and lines `unlabelled`."""

    rejected: int = 0
    left_out: int = 0
    unlabelled: list[int] = field(default_factory=list)


def of_file(model: RiskModel, reader: Reader, policy: Policy, columns: KnownColumns) -> tuple[EvaluatedOrders, FileCounts]:
    """The orders of a file that the model scores, and what does not count. Raises BadFile."""
    counts, ids, parts = FileCounts(), list[str](), list[Any]()
    known: dict[str, list[Any]] = {"late": [], "acted_on": [], "day": []}
    contexts: dict[str, list[str | None]] = {name: [] for name in columns.contexts}

    def text(row: Row, name: str) -> str | None:
        value = reader.value(row, name)
        number = isinstance(value, float) and value.is_integer()
        return None if value is None or value == "" else str(int(value) if number else value)

    for chunk in score_chunks(model, reader, Options(policy)):
        counts.rejected += len(chunk.rejected)
        kept = []
        for at, row in enumerate(chunk.rows):
            if any(text(row, name) != wanted for name, wanted in columns.where.items()):
                counts.left_out += 1
                continue
            late = label_of(reader.value(row, columns.label))
            acted_on = False if columns.acted_on is None else label_of(reader.value(row, columns.acted_on))
            if late is None or acted_on is None:
                counts.unlabelled.append(row.line)
                continue
            kept.append(at)
            known["late"].append(late)
            known["acted_on"].append(acted_on)
            known["day"].append(ONE_DAY if columns.day is None else text(row, columns.day) or ONE_DAY)
            for name, texts in contexts.items():
                texts.append(text(row, name))
        batch, scores = chunk.scored.decoded.batch, chunk.scored.scores
        ids += [batch.ids[at] for at in kept]
        parts.append((batch.matrix[kept], scores.scores[kept], scores.review[kept]))
    if not ids:
        parts = [(np.empty((0, len(model.manifest.inputs))), np.empty(0), np.empty(0, np.bool_))]
    x, scored, review = map(np.concatenate, zip(*parts, strict=True))
    names, days = np.unique(np.array(known["day"], np.str_), return_inverse=True)
    happened, acted = (np.array(known[name], np.bool_) for name in ("late", "acted_on"))
    held = np.zeros(len(ids), np.bool_)
    return EvaluatedOrders(ids, x, scored, happened, review, acted, held, 0.0, days, names.tolist(), contexts), counts
