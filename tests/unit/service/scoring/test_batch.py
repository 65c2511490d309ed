import numpy as np
import pytest

from model.core.batch import Batch
from model.packaged import packaged_model
from service.scoring.batch import review
from tests.facts import ORDERS, SCORES


def results(client, *orders):
    answer = client.post("/score", json={"orders": list(orders)})
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


@pytest.mark.parametrize(("name", "expected"), [("review", True), ("flag", False)])
def test_an_order_out_of_range_goes_to_review_by_the_policy_review_alone(name, expected):
    scores = packaged_model().score(Batch(["a"], np.array([[0.0, 0.0, -3.0]])))
    assert review(scores, name).tolist() == [expected]


def test_the_three_documented_orders_get_their_documented_scores_and_queues(client):
    found = results(client, *ORDERS)
    assert [row["score"] for row in found] == pytest.approx(SCORES, rel=0, abs=1e-14)
    assert [row["queue"] for row in found] == ["monitor", "review", "review"]
    assert all("out_of_range" not in row for row in found)


def test_by_default_an_order_out_of_range_goes_to_review_however_low_its_score(client, order):
    (row,) = results(client, order | {"weather_severity": -1e6})
    assert row["score"] < 0.6
    assert (row["queue"], row["out_of_range"]) == ("review", ["weather_severity"])


def test_by_the_policy_flag_it_is_named_and_its_score_decides(make_client, order):
    (row,) = results(make_client(out_of_range="flag"), order | {"backlog": -1})
    assert (row["queue"], row["out_of_range"]) == ("monitor", ["backlog"])


def test_by_the_policy_refuse_each_feature_out_of_range_is_an_error_and_partial_scores_the_other_orders(make_client, order):
    orders = [order | {"backlog": -1, "weather_severity": 11}, order | {"order_id": "in"}]
    for query, status, scored in (("", 422, []), ("?on_error=partial", 200, ["in"])):
        answer = make_client(out_of_range="refuse").post(f"/score{query}", json={"orders": orders})
        assert answer.status_code == status
        assert [row["order_id"] for row in answer.json.get("results", [])] == scored
        assert [(error["pointer"], error["code"], error["order_id"]) for error in answer.json["errors"]] == [
            ("/orders/0/backlog", "out_of_range", "A-104"),
            ("/orders/0/weather_severity", "out_of_range", "A-104"),
        ]


def test_an_order_that_overflows_is_rejected_beside_the_faults_of_the_others(client, order):
    huge = {"order_id": "huge", "route_disruption": 1.7e308, "backlog": 1.7e308, "weather_severity": 1.7e308}
    answer = client.post("/score", json={"orders": [order | {"backlog": None}, huge, order | {"order_id": "ok"}]})
    found = [(error["pointer"], error["code"], error["order_id"]) for error in answer.json["errors"]]
    assert found == [("/orders/0/backlog", "null", "A-104"), ("/orders/1", "out_of_numeric_range", "huge")]


def test_an_order_scores_the_same_alone_and_in_any_batch(client, order):
    batch = [order | {"order_id": str(n), "backlog": n % 11, "weather_severity": n / 7} for n in range(70)]
    together = results(client, *batch)
    alone = [results(client, one)[0] for one in batch]
    assert [row["score"].hex() for row in together] == [row["score"].hex() for row in alone]
