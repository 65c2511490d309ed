"""Trial: orders are scored as /score scores them, and nothing is recorded or counted. The holdout takes no part."""

from dataclasses import replace

from model.core.risk_model import RiskModel
from model.errors import NotExplainable
from schemas.formats.table import CSV, RequestBody
from schemas.result import ScoredBatch
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import bounded, explain
from service.ui.visit import Visit


def is_explainable(model: RiskModel) -> bool:
    """Whether the model has exact explanations."""
    try:
        _ = model.explainer
    except NotExplainable:
        return False
    return True


def trial(visit: Visit, content: bytes, options: Options) -> ScoredBatch:
    """The orders of a CSV body, scored by the champion. A model without explanations gives none. Raises MalformedBody."""
    champion = visit.active.champion
    if options.explain is not None and not is_explainable(champion.model):
        options = replace(options, explain=None, changes=False)
    decoded = champion.decoder.decode(RequestBody(CSV, content))
    decoded = bounded(champion.model, decoded, options, visit.components.settings.max_explained)
    return explain(score_batch(champion.model, decoded, options), options)
