"""Explanation of a scored batch: the pure core that `explain` asks for. It does no I/O, counts nothing and records nothing."""

import numpy as np
from msgspec.structs import replace

from model.core.batch import Positions
from model.core.changes import changes
from model.core.risk_model import RiskModel
from model.errors import NotExplainable
from schemas.explanation import Explanations
from schemas.faults import Fault
from schemas.reasons import writer_of
from schemas.result import ScoredBatch
from schemas.validation import DecodedBatch
from service.scoring.batch import Options

_CHANGE = 4


def explain(scored: ScoredBatch, options: Options) -> ScoredBatch:
    """The batch with the explanations that the options ask for. Raises NotExplainable where they ask for any."""
    if options.explain is None:
        return scored
    rows = scored.scores.review.nonzero()[0] if options.explain == "review" else None
    return replace(scored, explanations=explanations(scored, rows, with_changes=options.changes))


def explanations(scored: ScoredBatch, rows: Positions | None = None, *, with_changes: bool = False) -> Explanations:
    """The explanations of the valid orders in these rows (m,), by default of all. Raises NotExplainable."""
    explainer, scores, x = scored.model.explainer, scored.scores, scored.decoded.batch.matrix
    logits, zscores = scores.logits, scores.zscores
    if rows is None:
        rows = np.arange(len(x))
    else:
        logits, zscores, x = logits[rows], zscores[rows], x[rows]
    contributions = explainer.contributions(zscores) if len(rows) else np.empty((0, len(explainer.inputs)))
    reasons = writer_of(scored.model).reasons(x, contributions)
    changed = changes(scored.model, x) if with_changes else None
    return Explanations(explainer.inputs, rows, logits, explainer.base, contributions, reasons, changed)


def bounded(model: RiskModel, decoded: DecodedBatch, options: Options, max_explained: int) -> DecodedBatch:
    """The batch, rejected where its model has no explanations, or where its orders times hidden units are over the maximum.

    With changes each actionable input counts like _CHANGE more orders, which is about the time that it takes.
    """
    if options.explain is None:
        return decoded
    try:
        times = 1 + _CHANGE * len(model.manifest.actionable_names) if options.changes else 1
        most = max_explained // (times * max(1, model.explainer.units))
    except NotExplainable as error:
        return decoded.rejected(Fault("not_explainable", hint=str(error)))
    return decoded.rejected(Fault("too_many_explained", limit=most)) if decoded.received > most else decoded
