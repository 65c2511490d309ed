"""The real models and orders, through every door. Where their folder is and what happens without it: see conftest."""

import csv
import gzip
import json
import math
import subprocess
from functools import cache
from typing import Any

import numpy as np
import pytest

from model.artifact import model_file
from model.importers import arrays
from tests.servers import SERVE, running

COMMAND = SERVE[0]


def bits(rows):
    return [row["score"] if isinstance(row["score"], str) else repr(row["score"]) for row in rows]


@pytest.fixture(scope="module")
def imported(real_data, tmp_path_factory):
    """The file of a real model by its name, imported once."""

    @cache
    def make(name):
        source, made = real_data / name, tmp_path_factory.mktemp(name) / "model.npz"
        threshold = json.loads((source / "model.json").read_text())["threshold_review_10pct"]["threshold"]
        command = [COMMAND, "model", "import", source / "model.npz", "--name", name, "--version", "1"]
        command += ["--threshold", repr(threshold), "--card", source / "model.json", "--out", made]
        subprocess.run(command, check=True, capture_output=True)
        return made

    return make


def in_bulk(path, model, tmp_path):
    command = [COMMAND, "score", path, "--model", model, "--out", tmp_path / "scored.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with open(tmp_path / "scored.csv", newline="") as file:
        return list(csv.DictReader(file)), done.stderr


def over_http(server, rows, names):
    orders = [{"order_id": row["order_id"], **{name: float(row[name]) for name in names}} for row in rows]
    chunks = (orders[start : start + 1000] for start in range(0, len(orders), 1000))
    return [result for chunk in chunks for result in server.score(chunk)["results"]]


@pytest.mark.parametrize("name", ["nyc17_3feature", "nyc17_mlp16"])
def test_every_case_gets_the_frameworks_own_probability_over_http_and_in_a_file(real_data, imported, name, tmp_path):
    model = imported(name)
    rows, _ = in_bulk(real_data / name / "cases.csv", model, tmp_path)
    names = model_file.read(model).manifest.feature_names
    with running(DELIVERY_RISK_MODEL=str(model), DELIVERY_RISK_WORKERS="2") as server:
        answered = over_http(server, rows, names)
    assert len(rows) == len(answered) == 2000
    truth = np.array([float(row["p_predict_proba"]) for row in rows])
    assert np.abs(np.array([row["score"] for row in answered]) - truth).max() <= 1e-12
    assert bits(answered) == bits(rows)
    assert [row["queue"] for row in answered] == [row["queue"] for row in rows]


@pytest.mark.long
def test_a_whole_year_scores_the_same_bits_in_a_file_as_over_http_and_every_order_is_counted(real_data, imported, tmp_path):
    model = imported("nyc17_3feature")
    path = real_data / "batches" / "nyc17_3feature_all_303748.csv.gz"
    rows, said = in_bulk(path, model, tmp_path)
    with running(DELIVERY_RISK_MODEL=str(model), DELIVERY_RISK_WORKERS="2") as server:
        answered = over_http(server, rows, model_file.read(model).manifest.feature_names)
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
    assert f"{reviews} to review, {303_748 - reviews} to monitor; 0 rows refused." in said


def bins(values, edges):
    """How many values are over one edge and up to the next, by NumPy's own histogram, which takes bins from their lower end."""
    counted, _ = np.histogram(-values, [-np.inf, *(-np.array(edges[::-1])), np.inf])
    return counted[::-1].tolist()


@pytest.fixture(scope="module", params=["nyc17_3feature", "nyc17_mlp16"])
def carded(real_data, imported, request, tmp_path_factory):
    """A real model, its test orders, and the version of the model that has them for its reference."""
    name = request.param
    before, orders = imported(name), real_data / name / "cases.csv"
    after = tmp_path_factory.mktemp("carded") / "2.npz"
    command = [COMMAND, "model", "card", before, "--on", orders, "--label", "late", "--version", "2"]
    subprocess.run([*command, "--out", after], check=True, capture_output=True)
    return before, orders, after


def test_the_reference_of_a_real_model_is_what_numpy_and_a_plain_loop_count(carded, tmp_path):
    before, orders, after = carded
    rows, said = in_bulk(orders, before, tmp_path)
    found, model = model_file.read(after).manifest.baseline, model_file.read(before)
    assert (found.orders, found.review) == (2000, sum(row["queue"] == "review" for row in rows))
    assert f"{found.review} to review" in said
    scores = np.array([float(row["score"]) for row in rows])
    assert list(found.scores.counts) == bins(scores, found.scores.edges)
    for at, name in enumerate(model.manifest.feature_names):
        zscores = (np.array([float(row[name]) for row in rows]) - model.standardizer.mean[at]) / model.standardizer.scale[at]
        assert list(found.zscores[name].counts) == bins(zscores, found.zscores[name].edges)
    held = {}
    for row in rows:
        to = next(edge for edge in found.scores.edges if float(row["score"]) <= edge)
        held.setdefault(to, []).append((float(row["score"]), int(row["late"])))
    assert [(row.to, row.orders, row.observed_rate) for row in found.calibration] == [
        (to, len(held[to]), sum(late for _, late in held[to]) / len(held[to])) for to in sorted(held)
    ]
    for row in found.calibration:
        assert row.mean_score == pytest.approx(math.fsum(score for score, _ in held[row.to]) / row.orders, rel=1e-14)


def test_what_the_service_counts_of_the_same_orders_is_its_reference(carded):
    _, orders, after = carded
    with open(orders, newline="") as file:
        rows = list(csv.DictReader(file))
    with running(DELIVERY_RISK_MODEL=str(after), DELIVERY_RISK_WORKERS="2") as server:
        over_http(server, rows, model_file.read(after).manifest.feature_names)
        shown = server.metrics()
    by_labels = {}
    for sample, value in shown.items():
        name, _, text = sample.rstrip("}").partition("{")
        labels = dict(pair.split("=") for pair in text.split(",") if pair)
        by_labels[name, frozenset((key, told.strip('"')) for key, told in labels.items())] = value

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
    assert compared == 21 + 16 * len(model_file.read(after).manifest.features)
    version = frozenset({("model_version", "2")})
    reviewed = by_labels["delivery_risk_orders_total", version | {("queue", "review")}]
    assert by_labels["delivery_risk_reference_review_ratio", version] == reviewed / 2000
    assert by_labels["delivery_risk_reference_orders", version] == 2000


@pytest.fixture
def gaps(real_data, tmp_path):
    """Raw orders with nulls, the names of their numeric columns, and a model of just these features."""
    orders = [
        json.loads(line) for line in (real_data / "batches" / "nyc17_raw_orders_with_gaps.jsonl").read_text().splitlines()
    ]
    names = [name for name in orders[0] if all(isinstance(order[name], int | float | None) for order in orders)]
    saved: dict[str, Any] = {
        "mean": np.zeros(len(names)),
        "scale": np.full(len(names), 1e3),
        "w1": np.ones((1, len(names))),
        "b1": np.zeros(1),
    }
    np.savez(tmp_path / "raw.npz", feature_names=np.array(names), **saved)
    label = arrays.Label("raw", "1", 0.5, "2026-01-01T00:00:00Z")
    model_file.write(arrays.training_arrays(tmp_path / "raw.npz", label), tmp_path / "model.npz")
    return orders, names, tmp_path / "model.npz"


def test_exactly_the_orders_with_a_null_are_refused_each_null_by_order_and_field(gaps):
    orders, names, model = gaps
    sent = [{name: order[name] for name in ("order_id", *names)} for order in orders]
    nulls = {(f"/orders/{n}/{name}", o["order_id"], "null") for n, o in enumerate(sent) for name in names if o[name] is None}
    whole = [order for order in sent if None not in order.values()]
    assert 0 < len(whole) < len(sent) == 500
    with running(DELIVERY_RISK_MODEL=str(model)) as server:
        answer = server.score(sent, "?on_error=partial")
        body = json.dumps({"orders": sent}).encode()
        status, _, refusal = server.call("POST", "/score", body, {"Content-Type": "application/json"})
    assert {(error["pointer"], error["order_id"], error["code"]) for error in answer["errors"]} == nulls
    assert answer["error_count"] == len(nulls)
    assert [row["order_id"] for row in answer["results"]] == [order["order_id"] for order in whole]
    for row, order in zip(answer["results"], whole, strict=True):
        assert row["score"] == pytest.approx(1 / (1 + math.exp(-sum(order[name] for name in names) / 1e3)), abs=1e-12)
    assert (status, json.loads(refusal)["error_count"], len(json.loads(refusal)["errors"])) == (422, len(nulls), 100)


def test_a_file_with_gaps_gives_the_sound_rows_and_names_each_null_of_the_others(gaps, real_data, tmp_path):
    orders, names, model = gaps
    source = real_data / "batches" / "nyc17_raw_orders_with_gaps.jsonl"
    command = [COMMAND, "score", source, "--model", model, "--out", "scored.jsonl", "--rejects", "rejects.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    refused = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    expected = {n: {name for name in names if order[name] is None} for n, order in enumerate(orders, 1)}
    named = {row["line"]: {fault.split(": null")[0] for fault in row["reason"].split("; ")} for row in refused}
    assert named == {line: nulls for line, nulls in expected.items() if nulls}
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [{name: row[name] for name in orders[0]} for row in scored] == [
        o for n, o in enumerate(orders, 1) if not expected[n]
    ]
