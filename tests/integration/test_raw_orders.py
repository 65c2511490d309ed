"""A real model that makes its features of real orders with gaps and categories. The fixture `real_data` says where they are."""

import csv
import gzip
import io
import json
import subprocess
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from model.artifact import model_file
from tests.arrow_bodies import ARROW, as_arrow, read
from tests.servers import SERVE, running

COMMAND = SERVE[0]
BATCH, CHECKED = 10_000, 1_000


def as_records(orders):
    return "application/json", json.dumps({"orders": orders})


def as_columns(orders):
    ids, *columns = ([order[name] for order in orders] for name in orders[0])
    return "application/json", json.dumps({"order_ids": ids, "columns": dict(zip([*orders[0]][1:], columns, strict=True))})


def as_csv(orders):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([orders[0], *(order.values() for order in orders)])
    return "text/csv", text.getvalue()


def scores_of_records(text):
    return [repr(row["score"]) for row in json.loads(text)["results"]]


def scores_of_columns(text):
    return [*map(repr, json.loads(text)["scores"])]


def scores_of_csv(text):
    return [row["score"] for row in csv.DictReader(io.StringIO(text))]


FORMATS = {
    "records": (as_records, scores_of_records),
    "columns": (as_columns, scores_of_columns),
    "csv": (as_csv, scores_of_csv),
    "arrow": (lambda orders: (ARROW, as_arrow(orders)), lambda answer: [*map(repr, read(answer)["score"].to_pylist())]),
}


def post(server, format, orders):
    """The status and the answer to these orders in this format, as text where it is one."""
    media_type, body = FORMATS[format][0](orders)
    content = body.encode() if isinstance(body, str) else body
    status, headers, answer = server.call("POST", "/score", content, {"Content-Type": media_type})
    return status, answer if headers["content-type"] == ARROW else answer.decode()


@pytest.fixture(scope="module")
def imported(real_data, tmp_path_factory):
    """All raw orders, and the model, imported with its preparation and compared with the scores of the first of them."""
    raw, folder = real_data / "nyc17_raw", tmp_path_factory.mktemp("raw")
    with gzip.open(raw / "orders_test.csv.gz", "rt", newline="") as opened:
        rows = list(csv.DictReader(opened))
    (folder / "first.csv").write_text(as_csv(rows[:CHECKED])[1])
    file = folder / "model.npz"
    command = [COMMAND, "model", "import", real_data / "nyc17_mlp16" / "model.npz", "--name", "raw", "--version", "1"]
    command += ["--threshold", "0.3", "--preparation", raw / "preparation.json", "--out", file]
    command += ["--check", folder / "first.csv", "--expect", "p_reference", "--tolerance", "1e-12"]
    subprocess.run(command, check=True, capture_output=True)
    manifest = model_file.read(file).manifest
    assert manifest.provenance["checked_orders"] == str(CHECKED)
    found = SimpleNamespace(file=file, path=raw / "orders_test.csv.gz", rows=rows, names=manifest.input_names)
    read = [(each.name, str if each.kind == "category" else float) for each in manifest.inputs]
    found.orders = [
        {"order_id": row["order_id"], **{name: kind(row[name]) if row[name] else None for name, kind in read}} for row in rows
    ]
    return found


@pytest.fixture(scope="module")
def server(imported):
    with running(DELIVERY_RISK_MODEL=str(imported.file), DELIVERY_RISK_WORKERS="2") as started:
        yield started


@pytest.fixture(scope="module")
def scored(imported, server):
    """The rows that the command line writes for all orders, the scores of each format over HTTP, and what was counted."""
    out = imported.file.with_name("scored.csv")
    subprocess.run([COMMAND, "score", imported.path, "--model", imported.file, "--out", out], check=True, capture_output=True)
    with open(out, newline="") as file:
        found = SimpleNamespace(rows=list(csv.DictReader(file)), by_format={})
    for name, (_, scores) in FORMATS.items():
        found.by_format[name] = []
        for start in range(0, len(imported.orders), BATCH):
            status, answer = post(server, name, imported.orders[start : start + BATCH])
            assert status == 200, answer[:500]
            found.by_format[name] += scores(answer)
    found.metrics = server.metrics()
    return found


def test_every_raw_order_gets_the_reference_score_with_the_same_bits_in_every_format_and_in_a_file(imported, scored):
    in_file = [row["score"] for row in scored.rows]
    assert len(in_file) == 60_854
    assert {name: scores == in_file for name, scores in scored.by_format.items()} == dict.fromkeys(FORMATS, True)
    reference = np.array([float(row["p_reference"]) for row in imported.rows])
    assert np.abs(np.array(in_file, float) - reference).max() <= 1e-12


def test_imputed_inputs_are_named_and_counted_where_a_cell_is_empty(imported, scored):
    gaps = [[name for name in imported.names if not row[name]] for row in imported.rows]
    assert [row["imputed"].split() for row in scored.rows] == gaps
    counted = Counter(name for each in gaps for name in each)
    assert len(counted) == 6
    assert {
        sample: value for sample, value in scored.metrics.items() if sample.startswith("delivery_risk_imputed_total{") and value
    } == {f'delivery_risk_imputed_total{{input="{name}"}}': len(FORMATS) * count for name, count in counted.items()}


FAULTS = {
    "a carrier that training never saw": ("carrier", "ZZ", "unknown_category"),
    "an origin in lower case": ("origin", "ewr", "unknown_category"),
    "a gap that the model does not fill": ("distance_mi", None, "null"),
}
POINTERS = {"records": "/orders/1/{}", "columns": "/columns/{}/1", "csv": "/1/{}", "arrow": "/1/{}"}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "value", "code"), FAULTS.values(), ids=FAULTS)
def test_an_order_that_the_model_cannot_prepare_is_rejected_by_its_input(imported, server, format, name, value, code):
    orders = [imported.orders[0], imported.orders[1] | {name: value}]
    status, answer = post(server, format, orders)
    (error,) = json.loads(answer)["errors"]
    expected = (422, POINTERS[format].format(name), code, orders[1]["order_id"])
    assert (status, error["pointer"], error["code"], error["order_id"]) == expected


def test_a_month_of_13_is_out_of_range_and_scored(imported, server):
    status, answer = post(server, "records", [imported.orders[0] | {"month": 13}])
    (result,) = json.loads(answer)["results"]
    assert (status, result["out_of_range"], result["queue"]) == (200, ["month"], "review")
