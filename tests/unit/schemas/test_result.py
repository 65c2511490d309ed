import json
from dataclasses import replace

import numpy as np
import pytest

from model.core.batch import Batch
from model.core.risk_model import Scores
from model.packaged import packaged_model
from schemas.faults import Fault
from schemas.formats.json_records import encode
from schemas.result import DecisionSchema, ScoredBatch, results
from schemas.validation import DecodedBatch

DECODED = DecodedBatch(
    Batch(["B-208", "Größe-7", "A-104"], np.zeros((3, 3))), [0, 1, 3], [Fault("null", 2, "backlog", "X-1")], 4
)
SCORES = Scores(
    logits=np.zeros(3),
    scores=np.array([0.1 + 0.2, 0.6, 0.9811090380629609]),
    review=np.array([False, True, True]),
    finite=np.ones(3, bool),
    zscores=np.zeros((3, 3)),
    out_of_range=np.array([[False, False, False], [True, False, True], [False, False, False]]),
)
SCORED = ScoredBatch(packaged_model(), "flag", DECODED, SCORES)
RESULTS = [
    {"order_id": "B-208", "score": 0.30000000000000004, "queue": "monitor"},
    {"order_id": "Größe-7", "score": 0.6, "queue": "review", "out_of_range": ["route_disruption", "weather_severity"]},
    {"order_id": "A-104", "score": 0.9811090380629609, "queue": "review"},
]
HEAD = {
    "model_name": "delivery-risk",
    "model_version": "1.0.0",
    "model_sha256": None,
    "threshold": 0.6,
    "out_of_range_policy": "flag",
}
ERROR = {"pointer": "/orders/2/backlog", "code": "null", "detail": "must not be null or empty", "order_id": "X-1"}


def test_the_queue_follows_the_review_flag_and_not_the_score():
    flipped = replace(SCORED, scores=replace(SCORES, review=~SCORES.review))
    assert [result.queue for result in results(flipped)] == ["review", "monitor", "monitor"]


@pytest.mark.parametrize(("partial", "errors"), [(False, {}), (True, {"errors": [ERROR], "error_count": 1})])
def test_an_answer_has_the_model_the_policy_the_results_in_the_order_of_the_batch_and_if_partial_the_errors(partial, errors):
    text = encode(replace(SCORED, partial=partial))
    assert "Größe-7".encode() in text
    found = json.loads(text)
    assert found == {**HEAD, "results": RESULTS, **errors}
    found["model_sha256"] = "0" * 64
    assert DecisionSchema().load(found) == found


def test_a_partial_answer_has_all_errors():
    decoded = replace(DECODED, faults=[Fault("not_an_object", at) for at in range(101)])
    found = json.loads(encode(replace(SCORED, decoded=decoded, partial=True)))
    assert (len(found["errors"]), found["error_count"]) == (101, 101)


@pytest.mark.parametrize(
    ("faults", "partial", "answerable"),
    [
        ([], False, True),
        ([Fault("null", 2)], False, False),
        ([Fault("null", 2)], True, True),
        ([Fault("missing", path=("orders",)), Fault("null", 2)], True, False),
    ],
)
def test_a_batch_is_answered_without_faults_or_if_partial_without_faults_of_the_batch(faults, partial, answerable):
    assert replace(SCORED, decoded=replace(DECODED, faults=faults), partial=partial).answerable is answerable
