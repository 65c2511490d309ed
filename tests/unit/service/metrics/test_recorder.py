"""What a scrape shows of scored and rejected batches and of requests."""

import json
import logging

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from model.artifact import model_file
from service.metrics.definitions import METRICS
from service.metrics.gauges import GAUGES
from tests.apps import samples
from tests.facts import ORDERS
from tests.raw_orders import INPUTS, plain_counts, raw_model
from tests.raw_orders import ORDERS as RAW_ORDERS

VERSION = 'model_version="1.0.0"'
HEADER = "order_id,route_disruption,backlog,weather_severity\n"
FAULTY = {"order_id": "x", "backlog": None}
HUGE = {"order_id": "huge", "route_disruption": 1.7e308, "backlog": 1.7e308, "weather_severity": 1.7e308}


def score(client, *orders, query=""):
    return client.post(f"/score{query}", json={"orders": list(orders)})


@pytest.fixture
def batch(order):
    return [order | {"order_id": str(n), "backlog": n} for n in range(13)]


def test_orders_scores_and_features_are_counted_as_they_are_answered(client, batch):
    results = score(client, *batch).json["results"]
    scores, queues = [row["score"] for row in results], [row["queue"] for row in results]
    found = samples(client)
    for queue in ("review", "monitor"):
        assert found[f'delivery_risk_orders_total{{{VERSION},queue="{queue}"}}'] == queues.count(queue) > 0
    for edge in (step / 20 for step in range(1, 21)):
        assert found[f'delivery_risk_score_bucket{{le="{edge}",{VERSION}}}'] == sum(value <= edge for value in scores)
    assert found[f"delivery_risk_score_count{{{VERSION}}}"] == 13
    assert found[f"delivery_risk_score_sum{{{VERSION}}}"] == pytest.approx(sum(scores))
    assert found['delivery_risk_out_of_range_total{feature="backlog"}'] == 2
    for le, count in (("-1.0", 4), ("0.0", 6), ("+Inf", 13)):
        assert found[f'delivery_risk_feature_zscore_bucket{{feature="backlog",le="{le}"}}'] == count
    for stage in ("decode", "score", "encode"):
        assert found[f'delivery_risk_stage_duration_seconds_count{{stage="{stage}"}}'] == 1
    assert [found[f'delivery_risk_batch_orders_bucket{{le="{le}"}}'] for le in ("10.0", "20.0")] == [0, 1]


def test_orders_fall_into_the_same_buckets_alone_and_in_a_batch(client, batch):
    def buckets():
        return {key: value for key, value in samples(client).items() if "score_bucket" in key}

    score(client, *batch)
    together = buckets()
    for one in batch:
        score(client, one)
    assert buckets() == {key: 2 * value for key, value in together.items()}
    assert len(together) == 21 + 3 * 16


def test_orders_are_counted_by_the_values_and_the_gaps_of_their_inputs(make_client, tmp_path):
    model_file.write(raw_model(), tmp_path / "model.npz")
    client = make_client(model=str(tmp_path / "model.npz"))
    for batch in (RAW_ORDERS, RAW_ORDERS[1:], RAW_ORDERS[3:]):
        assert score(client, *batch).status_code == 200
    answered, found = RAW_ORDERS + RAW_ORDERS[1:] + RAW_ORDERS[3:], samples(client)
    names = {"missing": "delivery_risk_imputed_total", "unknown": "delivery_risk_unknown_category_total"}
    for name, counts in plain_counts(INPUTS, answered).items():
        for value, count in counts.pop("counts", {}).items():
            sample = f'delivery_risk_category_orders_total{{input="{name}",value="{value}"}}'
            assert found[sample] == count
        for gap, count in counts.items():
            assert found[f'{names[gap]}{{input="{name}"}}'] == count > 0


def test_rejected_orders_are_counted_once_for_each_code_and_no_order_beside_them_as_answered(client, order):
    score(client, order | {"backlog": None, "weather_severity": None}, {"order_id": "x", "q": 1}, order | {"order_id": "valid"})
    score(client)
    found = samples(client)
    for code in ("null", "missing", "unknown_name", "empty_batch"):
        assert found[f'delivery_risk_rejected_orders_total{{code="{code}"}}'] == 1
    assert not [name for name in found if name.startswith(("delivery_risk_orders", "delivery_risk_score"))]


WRONG_COUNTS = {"order_ids": ["a", "b"], "columns": {"backlog": [1], "route_disruption": [1, 2], "weather_severity": [1, 2]}}
UNSCORED = {
    "valid": ({"orders": ORDERS}, 0, 0),
    "an invalid order": ({"orders": [*ORDERS, FAULTY]}, 4, 1),
    "an order that overflows beside it": ({"orders": [*ORDERS[1:], HUGE, FAULTY]}, 4, 2),
    "an invalid batch": ({"orders": ORDERS, "more": 1}, 3, 3),
    "far too many names": ({"orders": ORDERS, **{str(n): 1 for n in range(99)}}, 3, 3),
    "too many orders": ({"orders": [FAULTY] * 6}, 6, 6),
    "columns of wrong counts": (WRONG_COUNTS, 2, 2),
    "no list": ({"orders": 5}, 0, 0),
    "no object": ([1, 2], 0, 0),
    "not readable": ("[1, 2", 0, 0),
    "empty": ({"orders": []}, 0, 0),
    "a table with an invalid row": (HEADER + "a,1,1,1\nb,1,x,1\n", 2, 1),
    "a table without a column": ("order_id,backlog\na,1\nb,1\n", 2, 2),
}


@pytest.mark.parametrize(("content", "rejected", "partly"), UNSCORED.values(), ids=UNSCORED)
def test_orders_with_and_without_a_score_are_counted_and_logged(make_client, caplog, content, rejected, partly):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    text = content if isinstance(content, str) else json.dumps(content)
    media_type = "text/csv" if text.startswith("order_id") else "application/json"
    for query, expected in (("", rejected), ("?on_error=partial", partly)):
        client = make_client(max_orders="5")
        answer = client.post(f"/score{query}", data=text, content_type=media_type)
        assert samples(client).get("delivery_risk_unscored_orders_total", 0) == expected
        (*_, line) = [record for record in caplog.records if record.route == "/score"]
        assert getattr(line, "refused", 0) == expected
        if answer.status_code != 400 and answer.is_json:
            queues = [row["queue"] for row in answer.json.get("results", [])]
            assert (line.orders, line.review) == (len(queues), queues.count("review"))


def test_requests_are_timed_by_method_route_and_status(client, order):
    score(client, order)
    client.get("/model")
    client.get("/nowhere")
    found = samples(client)
    assert {name for name in found if name.startswith("http_request_duration_seconds_count")} == {
        f'http_request_duration_seconds_count{{method="{method}",route="{route}",status="{status}"}}'
        for method, route, status in (("POST", "/score", 200), ("GET", "/model", 200), ("GET", "unmatched", 404))
    }
    labels = 'le="0.0005",method="GET",route="/model",status="200"'
    assert found[f"http_request_duration_seconds_bucket{{{labels}}}"] in (0, 1)


def test_the_served_model_and_the_service_are_named_by_their_versions(client):
    digest, version = client.get("/model").json["model_sha256"], client.get("/version").json["service_version"]
    found, labels = samples(client), f'name="delivery-risk",role="champion",sha256="{digest}",version="1.0.0"'
    assert found[f"delivery_risk_model_info{{{labels}}}"] == 1
    assert found[f'delivery_risk_build_info{{version="{version}"}}'] == 1


def test_every_metric_is_exported_from_the_start_and_with_its_help(client):
    families = {family.name: family.documentation for family in plain(client.get("/metrics").text)}
    assert set(families) >= {name.removesuffix("_total") for name in METRICS | GAUGES}
    assert all(families.values())


def test_a_scraper_may_ask_for_openmetrics_or_for_the_head_alone(client, order):
    score(client, order)
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert "delivery_risk_orders" in {family.name for family in openmetrics(answer.text)}
    head = client.head("/metrics")
    assert (head.status_code, head.data, head.content_type) == (200, b"", client.get("/metrics").content_type)
