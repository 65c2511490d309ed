import pytest


def results(client, *orders):
    answer = client.post("/score", json={"orders": list(orders)})
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


def test_by_default_an_order_out_of_range_goes_to_review_however_low_its_score(client, order):
    (row,) = results(client, order | {"weather_severity": -1e6})
    assert row["score"] < 0.6
    assert (row["queue"], row["out_of_range"]) == ("review", ["weather_severity"])


def test_by_the_policy_flag_it_is_named_and_its_score_decides(make_client, order):
    (row,) = results(make_client(out_of_range="flag"), order | {"backlog": -1})
    assert (row["queue"], row["out_of_range"]) == ("monitor", ["backlog"])


@pytest.mark.parametrize(("query", "status", "scored"), [("", 422, []), ("?on_error=partial", 200, ["in"])])
def test_by_the_policy_refuse_each_feature_out_of_range_is_an_error_of_its_order(make_client, order, query, status, scored):
    orders = [order | {"backlog": -1, "weather_severity": 11}, order | {"order_id": "in"}]
    answer = make_client(out_of_range="refuse").post(f"/score{query}", json={"orders": orders})
    assert (answer.status_code, [row["order_id"] for row in answer.json.get("results", [])]) == (status, scored)
    assert [(error["pointer"], error["code"], error["order_id"]) for error in answer.json["errors"]] == [
        ("/orders/0/backlog", "out_of_range", "A-104"),
        ("/orders/0/weather_severity", "out_of_range", "A-104"),
    ]


def test_an_order_that_overflows_is_rejected_beside_the_faults_of_the_others(client, order):
    huge = {"order_id": "huge", "route_disruption": 1.7e308, "backlog": 1.7e308, "weather_severity": 1.7e308}
    answer = client.post("/score", json={"orders": [order | {"backlog": None}, huge, order | {"order_id": "ok"}]})
    found = [(error["pointer"], error["code"], error["order_id"]) for error in answer.json["errors"]]
    assert found == [("/orders/0/backlog", "null", "A-104"), ("/orders/1", "out_of_numeric_range", "huge")]
