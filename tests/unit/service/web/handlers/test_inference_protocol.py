"""The calls of the Open Inference Protocol that send no batch, the errors of its paths, and the protocol v1."""

import pytest

from service.web.errors import MEDIA_TYPE
from tests.apps import service_of
from tests.bearer_tokens import GOOD, OTHER, bearer, line
from tests.facts import FEATURES, ORDERS, SCORES

MODEL = "/v2/models/delivery-risk"
V1 = "/v1/models/delivery-risk"
ROWS = [[order[name] for name in FEATURES] for order in ORDERS]
SIZED = {"inputs": [{"name": "orders", "shape": [3, 3], "datatype": "FP64", "data": ROWS}]}


def get(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json"), path
    return answer.json


def error(answer, status):
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert len(answer.json["error"]) > 15
    return answer.json


def test_the_service_says_that_it_is_alive_and_ready(client):
    assert get(client, "/v2") == get(client, "/v2/")
    assert get(client, "/v2")["name"] == "delivery-risk"
    assert get(client, "/v2/health/live") == {"live": True}
    assert get(client, "/v2/health/ready") == {"ready": True, "live": True}
    assert get(client, "/")["status"] == "alive"


@pytest.mark.parametrize("path", ["/v2/health/ready", f"{MODEL}/ready", f"{MODEL}/versions/1.0.0/ready", V1])
def test_a_service_that_drains_is_not_ready(tmp_path, path):
    made = service_of(drain_file=str(tmp_path / "drain"))
    client = made.app.test_client()
    assert client.get(path).json["ready"] is True
    (tmp_path / "drain").touch()
    made.file_watcher.looks["drain"]()
    assert "stop" in error(client.get(path), 503)["error"]
    assert client.post(f"{MODEL}/infer", json=SIZED).status_code == 200


def test_the_metadata_has_a_tensor_for_each_input_and_the_id_and_what_may_be_left_out(client):
    found = get(client, MODEL)
    assert (found["name"], found["versions"]) == ("delivery-risk", ["1.0.0"])
    assert [(each["name"], each["datatype"], each["shape"]) for each in found["inputs"]] == [
        *((name, "FP64", [-1, 1]) for name in FEATURES),
        ("order_id", "BYTES", [-1, 1]),
    ]
    assert [each["name"] for each in found["inputs"] if each["parameters"]["optional"]] == ["order_id"]
    assert {each["name"]: (each["datatype"], each["shape"]) for each in found["outputs"]} == {
        "score": ("FP64", [-1, 1]),
        "review": ("BOOL", [-1, 1]),
        "logit": ("FP64", [-1, 1]),
        "rank": ("INT64", [-1, 1]),
        "contribution": ("FP64", [-1, 3]),
    }
    assert found["properties"]["matrix_columns"] == ",".join(FEATURES)
    config = get(client, f"{MODEL}/config")
    assert [(each["name"], each["optional"]) for each in config["input"]] == [
        *((n, False) for n in FEATURES),
        ("order_id", True),
    ]
    assert (config["max_batch_size"], config["output"][1]["data_type"]) == (0, "TYPE_BOOL")


def test_what_the_metadata_lists_is_scored_and_answered(client):
    found = get(client, MODEL)
    values = {"FP64": [1.0, 2.0], "BYTES": ["a", "b"]}
    inputs = [
        {"name": each["name"], "datatype": each["datatype"], "shape": [2, 1], "data": values[each["datatype"]]}
        for each in found["inputs"]
    ]
    outputs = [{"name": each["name"]} for each in found["outputs"]]
    answer = client.post(f"{MODEL}/infer", json={"inputs": inputs, "outputs": outputs}).json
    for given, promised in zip(answer["outputs"], found["outputs"], strict=True):
        assert (given["name"], given["datatype"]) == (promised["name"], promised["datatype"])
        assert given["shape"] == [2, promised["shape"][1]]


@pytest.mark.parametrize("path", ["/v2/models/stats", f"{MODEL}/stats", f"{MODEL}/versions/1.0.0/stats"])
def test_the_statistics_grow_by_what_is_scored_by_any_route(client, path):
    def statistics():
        (found,) = get(client, path)["model_stats"]
        times = found["inference_stats"]
        return found["inference_count"], found["execution_count"], times["success"]["count"], times["fail"]["count"]

    assert statistics() == (0, 0, 0, 0)
    client.post(f"{MODEL}/infer", json=SIZED)
    client.post("/score", json={"orders": ORDERS})
    client.post(f"{V1}:predict", json={"instances": ROWS[:1]})
    client.post(f"{MODEL}/infer", data="{")
    assert statistics() == (7, 3, 3, 1)
    stage = get(client, path)["model_stats"][0]["inference_stats"]
    assert all(
        stage[name]["count"] == 3 and stage[name]["ns"] > 0 for name in ("compute_input", "compute_infer", "compute_output")
    )


def test_the_index_has_the_model_and_no_request_loads_one(client):
    (found,) = client.post("/v2/repository/index").json
    assert found == {"name": "delivery-risk", "version": "1.0.0", "state": "READY", "reason": ""}
    for action in ("load", "unload"):
        answer = client.post(f"/v2/repository/models/delivery-risk/{action}", data=b"{}")
        assert error(answer, 501)["code"] == "not-supported"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/nothing", 404, "not-found"),
        ("GET", "/v2/systemsharedmemory/status", 404, "not-found"),
        ("GET", "/v2/models/", 404, "not-found"),
        ("GET", "/v1", 404, "not-found"),
        ("GET", "/v2/models/other", 404, "unknown-model"),
        ("POST", "/v2/models/other/infer", 404, "unknown-model"),
        ("POST", "/v1/models/other:predict", 404, "unknown-model"),
        ("GET", f"{MODEL}/versions/2/ready", 404, "unknown-version"),
        ("POST", f"{MODEL}/versions/2/infer", 404, "unknown-version"),
        ("GET", f"{MODEL}/infer", 405, "method-not-allowed"),
        ("DELETE", "/v2", 405, "method-not-allowed"),
        ("POST", f"{MODEL}/infer?explain=all", 400, "bad-request"),
        ("POST", f"{MODEL}/infer", 411, "length-required"),
    ],
)
def test_every_error_of_the_paths_has_one_text_and_a_code(client, method, path, status, code):
    assert error(client.open(path, method=method), status)["code"] == code


def test_a_path_beside_those_of_the_protocol_is_answered_with_a_problem(client):
    for path in ("/v20", "/v2x/models", "/V2"):
        answer = client.get(path)
        assert (answer.status_code, answer.content_type) == (404, MEDIA_TYPE)


def test_a_name_may_be_quoted(client):
    assert client.get("/", environ_overrides={"RAW_URI": "/v2/models/delivery%2Drisk"}).json == get(client, MODEL)
    for path in ("/v2/models/delivery-risk%2Fready", "/v2/models/delivery-risk%00", "/v2/models/a:b"):
        assert client.get("/", environ_overrides={"RAW_URI": path}).status_code == 404


def test_a_failure_and_a_full_server_are_readable(client, monkeypatch):
    monkeypatch.setattr("service.web.handlers.inference_protocol.inference_metadata.config", lambda _: 1 / 0)
    assert error(client.get(f"{MODEL}/config"), 500)["code"] == "internal-error"
    limit = service_of(max_concurrent="1", threads="2")
    limit.concurrency_limit._free.get_nowait()
    assert error(limit.app.test_client().post(f"{MODEL}/infer", json=SIZED), 503)["code"] == "unavailable"


def test_a_body_over_the_limit_is_readable(make_client):
    answer = make_client(max_body_bytes="50").post(f"{MODEL}/infer", json=SIZED)
    assert error(answer, 413)["code"] == "body-too-large"


def test_scoring_needs_its_scope_metadata_another_and_probes_none(make_client, tmp_path):
    (tmp_path / "tokens").write_text(line(GOOD, "score") + line(OTHER, "read"))
    client = make_client(tokens_file=str(tmp_path / "tokens"))
    calls = [("POST", f"{MODEL}/infer", GOOD), ("POST", f"{V1}:predict", GOOD), ("GET", MODEL, OTHER), ("GET", V1, OTHER)]
    for method, path, token in calls:
        body = {"json": SIZED | {"instances": ROWS}} if method == "POST" else {}
        assert error(client.open(path, method=method, **body), 401)["code"] == "unauthorized"
        other = {GOOD: OTHER, OTHER: GOOD}[token]
        assert error(client.open(path, method=method, headers=bearer(other), **body), 403)["code"] == "forbidden"
        assert client.open(path, method=method, headers=bearer(token), **body).status_code == 200
    assert client.get("/v2/health/ready").status_code == 200


def test_instances_are_rows_in_the_order_of_the_model_or_orders(client):
    assert get(client, "/v1/models") == {"models": ["delivery-risk"]}
    assert get(client, V1) == {"name": "delivery-risk", "ready": True}
    named = [{name: order[name] for name in FEATURES} for order in ORDERS]
    for instances in (ROWS, named, ORDERS):
        answer = client.post(f"{V1}:predict", json={"instances": instances, "signature_name": "serving_default"}).json
        assert (answer["predictions"], answer["review"]) == (SCORES, [False, True, True])
    assert client.post(f"{V1}:predict", json={"instances": []}).json["predictions"] == []


def test_an_explanation_is_that_of_score(client):
    answer = client.post(f"{V1}:explain", json={"instances": ORDERS}).json
    expected = client.post(
        "/score?explain=all",
        json={
            "order_ids": [order["order_id"] for order in ORDERS],
            "columns": {n: [order[n] for order in ORDERS] for n in FEATURES},
        },
    ).json
    assert (answer["predictions"], answer["explanations"]) == (SCORES, expected["explanations"])


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"orders": []}, [(None, "instances", "missing")]),
        ({"instances": 7}, [(None, "instances", "not_a_list")]),
        ([], [(None, None, "not_an_object")]),
        ({"instances": [[1, 2], [1, 2, 3], 4]}, [(0, None, "wrong_shape"), (2, None, "wrong_shape")]),
        ({"instances": [[1, None, "3"]]}, [(0, "backlog", "null"), (0, "weather_severity", "not_a_number")]),
        (
            {"instances": [dict.fromkeys(FEATURES, 1) | {"colour": 1}, 7]},
            [(0, "colour", "unknown_name"), (1, None, "not_an_object")],
        ),
        ({"instances": [ORDERS[0], ORDERS[0]]}, [(0, "order_id", "duplicate_order_id"), (1, "order_id", "duplicate_order_id")]),
        ({"instances": [[1, 2, 3]] * 10_001}, [(None, "instances", "too_many_orders")]),
    ],
)
def test_what_is_wrong_with_instances_is_named(client, body, codes):
    found = error(client.post(f"{V1}:predict", json=body), 400)
    assert [(each.get("row"), each.get("field"), each["code"]) for each in found["errors"]] == codes
