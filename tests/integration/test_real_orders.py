"""The real models and orders by the command line and over HTTP. The fixture `real_data` says where they are."""

import csv
import gzip
import json
import math
import subprocess
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from model.artifact import model_file
from model.importers import arrays
from tests.apps import app_of
from tests.servers import SERVE, running

COMMAND = SERVE[0]
MODELS = ["nyc17_3feature", "nyc17_mlp16"]


def bits(rows):
    return [row["score"] if isinstance(row["score"], str) else repr(row["score"]) for row in rows]


def import_model(source, file):
    card = json.loads((source / "model.json").read_text())
    command = [COMMAND, "model", "import", source / "model.npz", "--name", source.name, "--version", "1"]
    command += ["--threshold", repr(card["threshold_review_10pct"]["threshold"]), "--card", source / "model.json"]
    subprocess.run([*command, "--out", file], check=True, capture_output=True)
    return file


def score_file(path, model, folder):
    """The rows that the command line writes for a file of orders, and its report."""
    command = [COMMAND, "score", path, "--model", model, "--out", folder / "scored.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with open(folder / "scored.csv", newline="") as file:
        return list(csv.DictReader(file)), done.stderr


def score_over_http(server, rows, names):
    orders = [{"order_id": row["order_id"], **{name: float(row[name]) for name in names}} for row in rows]
    chunks = (orders[start : start + 1000] for start in range(0, len(orders), 1000))
    return [result for chunk in chunks for result in server.score(chunk)["results"]]


@pytest.fixture(scope="module", params=MODELS)
def scored(real_data, request, tmp_path_factory):
    """The test orders of a real model, scored in a file by `model` and over HTTP by the same with a baseline of them."""
    source, folder = real_data / request.param, tmp_path_factory.mktemp(request.param)
    before, after = import_model(source, folder / "1.npz"), folder / "2.npz"
    orders = source / "cases.csv"
    command = [COMMAND, "model", "card", before, "--on", orders, "--label", "late", "--version", "2", "--out", after]
    subprocess.run(command, check=True, capture_output=True)
    found = SimpleNamespace(model=model_file.read(before))
    found.rows, _ = score_file(orders, before, folder)
    with running(DELIVERY_RISK_MODEL=str(after), DELIVERY_RISK_WORKERS="2") as server:
        found.results = score_over_http(server, found.rows, found.model.manifest.feature_names)
        found.metrics = server.call("GET", "/metrics")[2].decode()
    return found


def test_every_order_gets_the_frameworks_own_probability_over_http_and_in_a_file(scored):
    assert len(scored.rows) == len(scored.results) == 2000
    truth = np.array([float(row["p_predict_proba"]) for row in scored.rows])
    assert np.abs(np.array([row["score"] for row in scored.results]) - truth).max() <= 1e-12
    assert bits(scored.results) == bits(scored.rows)
    assert [row["queue"] for row in scored.results] == [row["queue"] for row in scored.rows]


@pytest.mark.long
def test_a_whole_year_gets_the_same_bits_in_a_file_and_over_http_and_every_order_is_counted(real_data, tmp_path):
    model = import_model(real_data / "nyc17_3feature", tmp_path / "model.npz")
    path = real_data / "batches" / "nyc17_3feature_all_303748.csv.gz"
    rows, report = score_file(path, model, tmp_path)
    with running(DELIVERY_RISK_MODEL=str(model), DELIVERY_RISK_WORKERS="2") as server:
        answered = score_over_http(server, rows, model_file.read(model).manifest.feature_names)
        counted = {name: value for name, value in server.metrics().items() if name.startswith("delivery_risk_orders_total")}
    with gzip.open(path, "rt") as file:
        assert len(rows) == sum(1 for _ in file) - 1 == 303_748
    reviews = sum(row["queue"] == "review" for row in rows)
    assert bits(answered) == bits(rows)
    assert [row["queue"] for row in answered] == [row["queue"] for row in rows]
    assert counted == {
        'delivery_risk_orders_total{model_version="1",queue="review"}': reviews,
        'delivery_risk_orders_total{model_version="1",queue="monitor"}': 303_748 - reviews,
    }
    assert f"{reviews} to review, {303_748 - reviews} to monitor; 0 rows " in report


def test_the_services_counts_of_the_same_orders_are_its_baseline(scored):
    samples = [sample for family in text_string_to_metric_families(scored.metrics) for sample in family.samples]
    by_labels = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}

    def counted(name, le, **labels):
        return 0 if le == "-Inf" else by_labels[f"{name}_bucket", frozenset({"le": le, **labels}.items())]

    ratios = {"delivery_risk_reference_score_ratio": "delivery_risk_score"}
    ratios["delivery_risk_reference_zscore_ratio"] = "delivery_risk_feature_zscore"
    compared = 0
    for (name, key), share in by_labels.items():
        if name in ratios:
            where = dict(key)
            bounds = where.pop("above"), where.pop("le")
            where = where if "feature" not in where else {"feature": where["feature"]}
            low, high = (counted(ratios[name], bound, **where) for bound in bounds)
            assert (high - low) / 2000 == share
            compared += 1
    assert compared == 21 + 16 * len(scored.model.manifest.features)
    version = frozenset({("model_version", "2")})
    reviewed = by_labels["delivery_risk_orders_total", version | {("queue", "review")}]
    assert by_labels["delivery_risk_reference_review_ratio", version] == reviewed / 2000
    assert by_labels["delivery_risk_reference_orders", version] == 2000


def test_each_null_of_raw_orders_is_named_and_the_complete_orders_are_scored_over_http_and_in_a_file(real_data, tmp_path):
    source, model = real_data / "batches" / "nyc17_raw_orders_with_gaps.jsonl", tmp_path / "model.npz"
    orders = [json.loads(line) for line in source.read_text().splitlines()]
    names = [name for name in orders[0] if all(isinstance(order[name], int | float | None) for order in orders)]
    size = len(names)
    saved: dict[str, Any] = {"mean": np.zeros(size), "scale": np.full(size, 1e3), "w1": np.ones((1, size)), "b1": np.zeros(1)}
    np.savez(tmp_path / "raw.npz", feature_names=np.array(names), **saved)
    label = arrays.Label("raw", "1", 0.5, "2026-01-01T00:00:00Z")
    model_file.write(arrays.training_arrays(tmp_path / "raw.npz", label), model)
    nulls = {(n, name) for n, order in enumerate(orders) for name in names if order[name] is None}
    complete = [order for order in orders if None not in (order[name] for name in names)]
    assert 0 < len(complete) < len(orders) == 500

    client = app_of(model=str(model)).test_client()
    sent = [{name: order[name] for name in ("order_id", *names)} for order in orders]
    answer = client.post("/score?on_error=partial", json={"orders": sent}).json
    found = {(error["pointer"], error["order_id"], error["code"]) for error in answer["errors"]}
    assert found == {(f"/orders/{n}/{name}", orders[n]["order_id"], "null") for n, name in nulls}
    assert answer["error_count"] == len(nulls)
    assert [row["order_id"] for row in answer["results"]] == [order["order_id"] for order in complete]
    for row, order in zip(answer["results"], complete, strict=True):
        assert row["score"] == pytest.approx(1 / (1 + math.exp(-sum(order[name] for name in names) / 1e3)), abs=1e-12)
    rejected = client.post("/score", json={"orders": sent})
    assert (rejected.status_code, rejected.json["error_count"], len(rejected.json["errors"])) == (422, len(nulls), 100)

    command = [COMMAND, "score", source, "--model", model, "--out", "scored.jsonl", "--rejects", "rejects.jsonl"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
    rejects, scored = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()] for name in ("rejects.jsonl", "scored.jsonl")
    )
    assert {(row["line"] - 1, fault.split(": null")[0]) for row in rejects for fault in row["reason"].split("; ")} == nulls
    assert [{name: row[name] for name in orders[0]} for row in scored] == complete


DIALECTS = {
    "semicolons and decimal commas": ("orders.csv", ";", "utf-8"),
    "UTF-16": ("orders.csv", ",", "utf-16"),
    "JSON lines": ("orders.jsonl", "\n", "utf-8"),
    "a JSON array": ("orders.json", ",", "utf-8"),
}


def written(rows, names, name, separator, encoding, folder):
    """A file of these orders, their numbers written as they are in the rows, or with commas between semicolons."""
    if name == "orders.csv":
        decimal = "," if separator == ";" else "."
        table = [
            ["order_id", *names],
            *([row["order_id"], *(row[each].replace(".", decimal) for each in names)] for row in rows),
        ]
        text = "".join(separator.join(cells) + "\r\n" for cells in table)
    else:
        objects = [
            json.dumps({"order_id": row["order_id"]})[:-1] + "".join(f', "{n}": {row[n]}' for n in names) + "}" for row in rows
        ]
        text = separator.join(objects) if separator == "\n" else f"[{separator.join(objects)}]"
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "orders", ["nyc17_3feature/cases.csv", pytest.param("batches/nyc17_3feature_all_303748.csv.gz", marks=pytest.mark.long)]
)
def test_the_same_orders_have_the_same_scores_in_every_dialect(real_data, tmp_path, orders, dialect):
    model = import_model(real_data / "nyc17_3feature", tmp_path / "model.npz")
    rows, _ = score_file(real_data / orders, model, tmp_path)
    path = written(rows, model_file.read(model).manifest.feature_names, *DIALECTS[dialect], tmp_path)
    command = [COMMAND, "score", path, "--model", model, "--out", tmp_path / "out"]
    subprocess.run(command, capture_output=True, text=True, check=True)
    with open(tmp_path / "out", newline="") as file:
        if path.suffix == ".csv":
            delimiter = DIALECTS[dialect][1]
            scores = [row["score"].replace(",", ".") for row in csv.DictReader(file, delimiter=delimiter)]
        else:
            scores = bits(map(json.loads, file))
    assert scores == bits(rows)
