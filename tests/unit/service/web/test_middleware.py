import json
import logging
import re

import pytest


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    return lambda: [record for record in caplog.records if record.name == "delivery_risk.access"]


@pytest.mark.parametrize("given", ["abc", "A.b_c-1:2", "x" * 128])
def test_a_well_formed_request_id_is_echoed(client, given):
    assert client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a/b", "é".encode().decode("latin-1"), '"', "a,b"])
def test_another_is_replaced(client, given):
    made = client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_every_answer_has_an_id_of_its_own(client):
    assert len({client.get("/livez").headers["X-Request-ID"] for _ in range(20)}) == 20


def test_a_scored_batch_is_one_line_with_its_counts_and_no_values(client, order, lines):
    batch = [order | {"backlog": 7.654321}, order | {"order_id": "B-SECRET", "weather_severity": None}]
    client.post("/score?on_error=partial", json={"orders": batch}, headers={"X-Request-ID": "r1"})
    (line,) = lines()
    kept = {name: getattr(line, name) for name in ("request_id", "method", "route", "status", "orders", "review", "refused")}
    expected = {"request_id": "r1", "method": "POST", "route": "/score", "status": 200, "orders": 1, "review": 0, "refused": 1}
    assert kept == expected
    assert line.duration_ms > 0
    everything = json.dumps({name: str(value) for name, value in vars(line).items()})
    assert "7.654321" not in everything
    assert "SECRET" not in everything


ONE, BAD = {"order_id": "A", "route_disruption": 8, "backlog": 7, "weather_severity": 9}, {"order_id": "C"}


@pytest.mark.parametrize(
    ("body", "query", "counts"),
    [
        ({"orders": [ONE, {**ONE, "order_id": "B"}, BAD]}, "", (422, 0, 0, 3)),
        ({"orders": [ONE, {**ONE, "order_id": "B"}, BAD]}, "?on_error=partial", (200, 2, 2, 1)),
        ({"orders": [BAD], "x": 1}, "", (422, 0, 0, 1)),
        ({"orders": [ONE, BAD], "x": 1}, "?on_error=partial", (422, 0, 0, 2)),
        ({"orders": [ONE] * 10_001}, "", (422, 0, 0, 10_001)),
        ({"orders": []}, "", (422, 0, 0, 0)),
    ],
)
def test_the_line_of_a_batch_counts_the_orders_that_got_a_queue_and_those_that_got_none(client, lines, body, query, counts):
    client.post(f"/score{query}", json=body)
    (line,) = lines()
    assert (line.status, line.orders, line.review, line.refused) == counts


def test_a_path_that_no_route_has_is_logged_without_the_path(client, lines):
    client.get("/secret-path?token=1")
    (line,) = lines()
    assert (line.route, line.status) == ("unmatched", 404)
    assert "secret" not in json.dumps({name: str(value) for name, value in vars(line).items()})


def test_a_method_that_no_one_knows_is_counted_as_other(client, lines):
    client.open("/score", method="FROB")
    assert (lines()[0].method, lines()[0].status) == ("other", 405)


def test_scores_are_not_to_be_stored_and_tell_their_stages(client, order):
    answer = client.post("/score", json={"orders": [order]})
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"decode;dur=[0-9.]+, score;dur=[0-9.]+, encode;dur=[0-9.]+", answer.headers["Server-Timing"])
