"""The evaluation of real orders: scikit-learn's own figures, and the threshold for 50 reviews a day by a plain loop."""

import csv
import gzip
import json
import subprocess
from collections import Counter

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn import metrics

from tests.integration.test_real_orders import COMMAND, import_model, score_file

PEOPLE = 50


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """The model, the file of the year, its test orders, and what `evaluate --json` says of them."""
    folder = tmp_path_factory.mktemp("evaluation")
    model = import_model(real_data / "nyc17_3feature", folder / "model.npz")
    path = real_data / "batches" / "nyc17_3feature_all_303748.csv.gz"
    command = [COMMAND, "evaluate", path, "--model", model, "--label", "late", "--day", "day", "--where", "split=test"]
    command += ["--capacity", f"{PEOPLE}/day", "--json", "--prometheus", folder / "evaluation.prom"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    with gzip.open(path, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    test = folder / "test.csv"
    with test.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    scored, _ = score_file(test, model, folder)
    return json.loads(done.stdout), scored, (folder / "evaluation.prom").read_text()


def test_the_metrics_are_those_of_scikit_learn(real):
    found, rows, _ = real
    scores, late = (np.array([float(row[name]) for row in rows]) for name in ("score", "late"))
    assert (found["orders"], found["late"]) == (60_854, int(late.sum()))
    wanted = {
        "auc": metrics.roc_auc_score(late, scores),
        "average_precision": metrics.average_precision_score(late, scores),
        "brier": metrics.brier_score_loss(late, scores),
        "log_loss": metrics.log_loss(late, scores),
    }
    (everything,) = (group for group in found["groups"] if group["name"] == "all")
    assert {name: everything["metrics"][name]["value"] for name in wanted} == pytest.approx(wanted, rel=0, abs=1e-9)
    assert (round(wanted["auc"], 4), round(wanted["brier"], 5)) == (0.7310, 0.16813)
    for name in wanted:
        assert everything["metrics"][name]["low"] < wanted[name] < everything["metrics"][name]["high"]


def test_the_recommended_threshold_is_the_lowest_with_so_many_reviews_a_day(real):
    found, rows, _ = real
    threshold = found["recommendation"]["threshold"]
    days = len({row["day"] for row in rows})
    scores = sorted((float(row["score"]) for row in rows), reverse=True)
    reviews = sum(score >= threshold for score in scores)
    below = max(score for score in scores if score < threshold)
    assert reviews / days <= PEOPLE < sum(score >= below for score in scores) / days
    by_day = Counter(row["day"] for row in rows if float(row["score"]) >= threshold)
    assert {day["name"]: day["recommended"] for day in found["days"]} == {row["day"]: by_day[row["day"]] for row in rows}
    over = sum(count > PEOPLE for count in by_day.values())
    assert found["recommendation"]["consequences"][0].startswith(f"{over} of {days} days have more")


def test_the_gauges_are_read_by_prometheus(real):
    found, _, text = real
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    auc = [each.value for each in samples if each.name == "delivery_risk_evaluation_auc" and each.labels["bound"] == ""]
    assert auc == [group["metrics"]["auc"]["value"] for group in found["groups"]]
    assert any(each.name == "delivery_risk_evaluation_timestamp_seconds" for each in samples)
