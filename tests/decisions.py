"""Scored batches and their decision records, for tests."""

from collections.abc import Collection
from datetime import UTC, datetime

from model.artifact import model_file
from schemas.decision_record import About, DecisionRecord, record
from schemas.result import ScoredBatch
from schemas.validation import BatchValidator
from service.scoring.batch import Options, score_batch
from tests.facts import ORDERS
from tests.model_files import GOOD

ABOUT = About(datetime(2026, 11, 30, 12, tzinfo=UTC), "0123456789abcdef-0-1", "a-request", "1.0.0")


def scored_batch(orders: int) -> ScoredBatch:
    """So many of the known orders again and again, under ids of their own, scored by the packaged model."""
    model = model_file.loads(GOOD)
    rows = [{**ORDERS[at % len(ORDERS)], "order_id": f"A-{at}"} for at in range(orders)]
    return score_batch(model, BatchValidator(model.manifest.inputs, orders).decode(rows), Options("review"))


def recorded(scored: ScoredBatch, omit: Collection[str] = ()) -> DecisionRecord:
    """Its decision record."""
    return record(scored, ABOUT, omit)
