import pytest


def results(client, *orders, query=""):
    answer = client.post(f"/score{query}", json={"orders": list(orders)})
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


def test_the_three_documented_orders_get_their_documented_answers(client):
    rows = {"A-104": (2, 3, 1), "B-208": (8, 7, 9), "C-311": (5, 9, 4)}
    names = ("route_disruption", "backlog", "weather_severity")
    found = results(client, *({"order_id": key, **dict(zip(names, row, strict=True))} for key, row in rows.items()))
    assert [row["order_id"] for row in found] == ["A-104", "B-208", "C-311"]
    assert [row["queue"] for row in found] == ["monitor", "review", "review"]
    assert [row["score"] for row in found] == pytest.approx(
        [0.425557483188341, 0.9811090380629609, 0.7320405018416317], rel=0, abs=1e-14
    )
    assert all("out_of_range" not in row for row in found)


def test_by_default_an_order_out_of_range_goes_to_review_however_low_its_score(client, order):
    (row,) = results(client, order | {"weather_severity": -1e6})
    assert row["score"] < 0.6
    assert (row["queue"], row["out_of_range"]) == ("review", ["weather_severity"])


def test_by_the_policy_flag_it_is_named_and_its_score_decides(make_client, order):
    (row,) = results(make_client(out_of_range="flag"), order | {"backlog": -1})
    assert (row["queue"], row["out_of_range"]) == ("monitor", ["backlog"])


def test_by_the_policy_refuse_each_feature_out_of_range_is_an_error(make_client, order):
    answer = make_client(out_of_range="refuse").post(
        "/score", json={"orders": [order | {"backlog": -1, "weather_severity": 11}]}
    )
    assert answer.status_code == 422
    found = [(error["pointer"], error["code"]) for error in answer.json["errors"]]
    assert found == [("/orders/0/backlog", "out_of_range"), ("/orders/0/weather_severity", "out_of_range")]


def test_by_the_policy_refuse_partial_scores_the_orders_within_range(make_client, order):
    answer = make_client(out_of_range="refuse").post(
        "/score?on_error=partial", json={"orders": [order | {"backlog": -1}, order | {"order_id": "in"}]}
    )
    assert [row["order_id"] for row in answer.json["results"]] == ["in"]
    assert [error["order_id"] for error in answer.json["errors"]] == ["A-104"]


def test_an_order_that_overflows_is_refused_beside_the_faults_of_the_others(client, order):
    huge = order | {"order_id": "huge", "route_disruption": 1.7e308, "backlog": 1.7e308, "weather_severity": 1.7e308}
    answer = client.post("/score", json={"orders": [order | {"backlog": None}, huge, order | {"order_id": "ok"}]})
    found = [(error["pointer"], error["code"], error["order_id"]) for error in answer.json["errors"]]
    assert found == [("/orders/0/backlog", "null", "A-104"), ("/orders/1", "out_of_numeric_range", "huge")]


def test_an_order_scores_the_same_alone_and_in_any_batch(client, order):
    batch = [order | {"order_id": str(n), "backlog": n % 11, "weather_severity": n / 7} for n in range(70)]
    together = results(client, *batch)
    alone = [results(client, one)[0] for one in batch]
    assert [row["score"].hex() for row in together] == [row["score"].hex() for row in alone]


@pytest.mark.parametrize("query", ["?on_error=refuse", ""])
def test_all_or_nothing_is_the_default(client, order, query):
    answer = client.post(f"/score{query}", json={"orders": [order, {"order_id": "x"}]})
    assert answer.status_code == 422
    assert "results" not in answer.json


def test_partial_with_nothing_wrong_says_that_there_is_no_error(client, order):
    answer = client.post("/score?on_error=partial", json={"orders": [order]}).json
    assert (answer["errors"], answer["error_count"], len(answer["results"])) == ([], 0, 1)


def test_partial_lists_every_error_however_many(client, order):
    answer = client.post("/score?on_error=partial", json={"orders": [{"order_id": str(n)} for n in range(90)] + [order]}).json
    assert (len(answer["errors"]), answer["error_count"], len(answer["results"])) == (270, 270, 1)


@pytest.mark.parametrize("query", ["?on_error=no", "?on_eror=partial", "?on_error=partial&on_error=refuse", "?on_error="])
def test_a_query_that_is_not_known_is_refused(client, order, query):
    answer = client.post(f"/score{query}", json={"orders": [order]})
    assert (answer.status_code, answer.json["type"]) == (400, "urn:delivery-risk:problem:bad-request")
