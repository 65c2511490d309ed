import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from service.metrics.collector import GAUGES
from service.metrics.recorder import METRICS


def samples(client):
    families = plain(client.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def score(client, *orders, query=""):
    return client.post(f"/score{query}", json={"orders": list(orders)})


@pytest.fixture
def batch(order):
    return [order | {"order_id": str(n), "backlog": n} for n in range(13)]


def test_orders_are_counted_by_the_queue_they_went_to(client, batch):
    answer = score(client, *batch).json["results"]
    reviews = sum(row["queue"] == "review" for row in answer)
    found = samples(client)
    count = "delivery_risk_orders_total"
    assert found[count, (("model_version", "1.0.0"), ("queue", "review"))] == reviews > 0
    assert found[count, (("model_version", "1.0.0"), ("queue", "monitor"))] == 13 - reviews > 0


def test_the_score_histogram_agrees_with_the_scores_answered(client, batch):
    answered = [row["score"] for row in score(client, *batch).json["results"]]
    found = samples(client)
    for step in range(1, 21):
        bucket = found["delivery_risk_score_bucket", (("le", str(step / 20)), ("model_version", "1.0.0"))]
        assert bucket == sum(value <= step / 20 for value in answered)
    version = (("model_version", "1.0.0"),)
    assert found["delivery_risk_score_count", version] == 13
    assert found["delivery_risk_score_sum", version] == pytest.approx(sum(answered))


def test_orders_fall_into_the_same_buckets_alone_and_in_a_batch(client, batch):
    def buckets():
        return {key: value for key, value in samples(client).items() if "score_bucket" in key[0]}

    score(client, *batch)
    together = buckets()
    for one in batch:
        score(client, one)
    assert buckets() == {key: 2 * value for key, value in together.items()}
    assert len(together) == 21 + 3 * 16


def test_features_out_of_range_and_z_scores_are_told_by_feature(client, batch):
    score(client, *batch)
    found = samples(client)
    assert found["delivery_risk_out_of_range_total", (("feature", "backlog"),)] == 2
    buckets = [
        found["delivery_risk_feature_zscore_bucket", (("feature", "backlog"), ("le", le))] for le in ("-1.0", "0.0", "+Inf")
    ]
    assert buckets == [4, 6, 13]


def test_refused_orders_are_counted_once_for_each_code(client, order):
    score(client, order | {"backlog": None, "weather_severity": None}, {"order_id": "x", "q": 1})
    score(client)
    found = samples(client)
    name = "delivery_risk_rejected_orders_total"
    counts = {code: found[name, (("code", code),)] for code in ("null", "missing", "unknown_name", "empty_batch")}
    assert counts == {"null": 1, "missing": 1, "unknown_name": 1, "empty_batch": 1}


SOUND = [{"order_id": str(n), "route_disruption": 1, "backlog": 1, "weather_severity": 1} for n in range(3)]
FAULTY = {"order_id": "x", "backlog": None}
HUGE = {"order_id": "huge", "route_disruption": 1.7e308, "backlog": 1.7e308, "weather_severity": 1.7e308}
WRONG_COUNTS = {"order_ids": ["a", "b"], "columns": {"backlog": [1], "route_disruption": [1, 2], "weather_severity": [1, 2]}}
TABLE = "order_id,route_disruption,backlog,weather_severity\n"
UNSCORED = {
    "sound": ({"orders": SOUND}, 0, 0),
    "an order at fault": ({"orders": [*SOUND, FAULTY]}, 4, 1),
    "an order that overflows beside it": ({"orders": [*SOUND[1:], HUGE, FAULTY]}, 4, 2),
    "the batch at fault": ({"orders": SOUND, "more": 1}, 3, 3),
    "far too many names": ({"orders": SOUND, **{str(n): 1 for n in range(99)}}, 3, 3),
    "too many orders": ({"orders": [FAULTY] * 6}, 6, 6),
    "columns of wrong counts": (WRONG_COUNTS, 2, 2),
    "no list": ({"orders": 5}, 0, 0),
    "no object": ([1, 2], 0, 0),
    "not readable": ("[1, 2", 0, 0),
    "empty": ({"orders": []}, 0, 0),
    "a table with a row at fault": (TABLE + "a,1,1,1\nb,1,x,1\n", 2, 1),
    "a table without a column": ("order_id,backlog\na,1\nb,1\n", 2, 2),
}


@pytest.mark.parametrize("body", UNSCORED)
def test_orders_without_a_score_are_counted_whatever_it_is_that_is_refused(make_client, body):
    content, refused, partly = UNSCORED[body]
    text = content if isinstance(content, str) else json.dumps(content)
    media_type = "text/csv" if text.startswith("order_id") else "application/json"
    for query, expected in (("", refused), ("?on_error=partial", partly)):
        client = make_client(max_orders="5")
        client.post(f"/score{query}", data=text, content_type=media_type)
        assert samples(client).get(("delivery_risk_unscored_orders_total", ()), 0) == expected


def test_a_request_that_is_refused_unread_counts_no_order(make_client, order):
    client = make_client(max_body_bytes="10")
    assert score(client, order).status_code == 413
    assert ("delivery_risk_unscored_orders_total", ()) not in samples(client)


def test_a_refused_batch_counts_no_order_as_answered(client, order):
    score(client, order, {"order_id": "x"})
    assert not [name for name, _ in samples(client) if name.startswith(("delivery_risk_orders", "delivery_risk_score"))]


def test_requests_are_timed_by_method_route_and_status(client, order):
    score(client, order)
    client.get("/model")
    client.get("/nowhere")
    found = samples(client)
    seen = {labels for name, labels in found if name == "http_request_duration_seconds_count"}
    expected = {("POST", "/score", "200"), ("GET", "/model", "200"), ("GET", "unmatched", "404")}
    assert {tuple(dict(labels)[key] for key in ("method", "route", "status")) for labels in seen} == expected
    assert found[
        "http_request_duration_seconds_bucket", (("le", "0.0005"), ("method", "GET"), ("route", "/model"), ("status", "200"))
    ] in (0, 1)


def test_stages_and_batch_sizes_are_observed(client, batch):
    score(client, *batch)
    found = samples(client)
    for stage in ("decode", "score", "encode"):
        assert found["delivery_risk_stage_duration_seconds_count", (("stage", stage),)] == 1
    assert found["delivery_risk_batch_orders_bucket", (("le", "10.0"),)] == 0
    assert found["delivery_risk_batch_orders_bucket", (("le", "20.0"),)] == 1


def test_the_served_model_is_named(client):
    digest = client.get("/model").json["model_sha256"]
    labels = (("name", "delivery-risk"), ("role", "champion"), ("sha256", digest), ("version", "1.0.0"))
    assert samples(client)["delivery_risk_model_info", labels] == 1


def test_the_version_of_the_service_itself_is_named(client):
    version = client.get("/version").json["service_version"]
    assert samples(client)["delivery_risk_build_info", (("version", version),)] == 1


def test_every_metric_is_exported_from_the_start_and_with_its_help(client):
    families = {family.name: family.documentation for family in plain(client.get("/metrics").text)}
    assert set(families) >= {name.removesuffix("_total") for name in METRICS | GAUGES}
    assert all(families.values())


def test_prometheus_may_ask_for_openmetrics(client, order):
    score(client, order)
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert "delivery_risk_orders" in {family.name for family in openmetrics(answer.text)}


def test_the_head_of_a_scrape_is_that_of_the_scrape(client):
    assert client.head("/metrics").headers["Content-Type"] == client.get("/metrics").headers["Content-Type"]
    assert (client.head("/metrics").status_code, client.head("/metrics").data) == (200, b"")
