import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from marshmallow import ValidationError

from model.core.batch import Batch
from model.core.risk_model import Scores
from model.packaged import packaged_model
from schemas.faults import Fault
from schemas.formats.json_records import encode
from schemas.result import DecisionSchema, ResultSchema, ScoredBatch, results
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


def test_results_keep_the_order_of_the_batch_and_name_features_in_the_order_of_the_model():
    assert json.loads(msgspec.json.encode(results(SCORED))) == RESULTS


def test_the_queue_is_what_the_scores_say_not_what_the_number_says():
    flipped = Scores(SCORES.logits, SCORES.scores, ~SCORES.review, SCORES.zscores, SCORES.out_of_range, SCORES.finite)
    assert [result.queue for result in results(replace(SCORED, scores=flipped))] == ["review", "monitor", "monitor"]


def test_a_decision_tells_the_version_the_threshold_the_policy_and_the_results():
    assert json.loads(encode(SCORED)) == {**HEAD, "results": RESULTS}


def test_a_decision_is_utf8_with_every_digit_of_the_scores():
    text = encode(SCORED)
    assert b'"score":0.30000000000000004' in text
    assert "Größe-7".encode() in text


def test_a_partial_decision_tells_the_faults_of_the_others_too():
    error = {"pointer": "/orders/2/backlog", "code": "null", "detail": "must not be null or empty", "order_id": "X-1"}
    found = json.loads(encode(replace(SCORED, partial=True)))
    assert found == {**HEAD, "results": RESULTS, "errors": [error], "error_count": 1}


@pytest.mark.parametrize("partial", [True, False])
def test_a_decision_is_what_its_schema_says(partial):
    found = json.loads(encode(replace(SCORED, partial=partial))) | {"model_sha256": "0" * 64}
    assert DecisionSchema().load(found) == found


@pytest.mark.parametrize("count", [100, 101, 250])
def test_a_partial_decision_tells_all_errors_however_many(count):
    decoded = DecodedBatch(Batch([], np.zeros((0, 3))), [], [Fault("not_an_object", at) for at in range(count)], count)
    empty = Scores(np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros(0, bool))
    found = json.loads(encode(ScoredBatch(MODEL, "flag", decoded, empty, partial=True)))
    assert (found["results"], len(found["errors"]), found["error_count"]) == ([], count, count)


@pytest.mark.parametrize("name", ["order_id", "score", "queue"])
def test_a_result_lacks_none_of_its_members(name):
    with pytest.raises(ValidationError) as caught:
        ResultSchema().load({other: value for other, value in RESULTS[0].items() if other != name})
    assert list(caught.value.messages) == [name]


def test_a_result_has_no_other_members():
    with pytest.raises(ValidationError) as caught:
        ResultSchema().load({**RESULTS[0], "backlog": 3})
    assert caught.value.messages.keys() == {"backlog"}


def test_the_result_schema_lists_both_queues():
    assert ResultSchema().fields["queue"].metadata["enum"] == ["monitor", "review"]
