import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from model.core.batch import Batch
from model.core.risk_model import Scores
from model.packaged import packaged_model
from schemas.faults import Fault
from schemas.formats.json_records import encode
from schemas.result import DecisionSchema, ScoredBatch, results
from schemas.validation import DecodedBatch

MODEL = packaged_model()
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
SCORED = ScoredBatch(MODEL, "flag", DECODED, SCORES)
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


def test_results_are_in_the_order_of_the_batch_and_name_features_in_the_order_of_the_model():
    assert json.loads(msgspec.json.encode(results(SCORED))) == RESULTS


def test_the_queue_follows_the_review_flag_and_not_the_score():
    flipped = replace(SCORED, scores=replace(SCORES, review=~SCORES.review))
    assert [result.queue for result in results(flipped)] == ["review", "monitor", "monitor"]


@pytest.mark.parametrize(("partial", "errors"), [(False, {}), (True, {"errors": [ERROR], "error_count": 1})])
def test_an_answer_has_the_model_the_policy_and_the_results_and_if_partial_the_errors(partial, errors):
    found = json.loads(encode(replace(SCORED, partial=partial)))
    assert found == {**HEAD, "results": RESULTS, **errors}
    found["model_sha256"] = "0" * 64
    assert DecisionSchema().load(found) == found


def test_an_answer_is_utf8_with_every_digit_of_the_scores():
    text = encode(SCORED)
    assert b'"score":0.30000000000000004' in text
    assert "Größe-7".encode() in text


@pytest.mark.parametrize("count", [100, 101, 250])
def test_a_partial_answer_has_all_errors(count):
    decoded = DecodedBatch(Batch([], np.zeros((0, 3))), [], [Fault("not_an_object", at) for at in range(count)], count)
    empty = Scores(np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros(0, bool))
    found = json.loads(encode(ScoredBatch(MODEL, "flag", decoded, empty, partial=True)))
    assert (found["results"], len(found["errors"]), found["error_count"]) == ([], count, count)


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
    decoded = DecodedBatch(DECODED.batch, DECODED.positions, faults, 4)
    assert ScoredBatch(MODEL, "flag", decoded, SCORES, partial).answerable is answerable
