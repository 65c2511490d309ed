"""ONNX files on the command line. Their scores are those of the frameworks, see tests/exported_models.py."""

import csv
import json
import math
from pathlib import Path

import pytest

from model.artifact import model_file
from tests.onnx_files import EXPORTED, EXPORTS, export

NAMES = ("--features", "backlog,wind_mph,distance_km")
COLUMNS = ("backlog", "wind_mph", "distance_km", "carrier", "month")


def made():
    return model_file.read("made.npz")


def orders_of(name):
    """A CSV of the orders of an exported file and its framework's scores p, with a sigmoid where it gave sums."""
    found, columns = export(name), COLUMNS[: len(export(name).orders[0])]
    scores = [1 / (1 + math.exp(-score)) if "logits" in name else score for score in found.scores]
    with open("orders.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["order_id", *columns, "p"])
        pairs = zip(found.orders, scores, strict=True)
        rows.writerows([f"A-{at}", *order, score] for at, (order, score) in enumerate(pairs))
    return "orders.csv"


@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_file_is_compared_with_the_scores_of_its_framework(import_, name):
    found = export(name)
    names = ("--features", ",".join(found.features)) if found.features else ()
    head = ("--head", "sigmoid") if "logits" in name else ()
    done = import_(found.path, *names, *head, "--check", orders_of(name), "--expect", "p")
    assert (done.exit_code, done.exception) == (0, None)
    report = [line for line in done.stdout.splitlines() if line.startswith("compared")]
    assert report[0].startswith("compared with the scores of its training script: 20 orders, largest difference ")
    assert float(made().manifest.provenance["checked_difference"]) <= 1e-6


def test_a_graph_with_a_preparation_is_a_model_of_raw_orders_that_scores_files(run, import_):
    assert import_(EXPORTED / "sklearn_columns_double.onnx").exit_code == 0
    assert made().manifest.input_names == COLUMNS
    done = run("score", "--model", "made.npz", orders_of("sklearn_columns_double"))
    scores = {row["order_id"]: float(row["score"]) for row in csv.DictReader(done.stdout.splitlines())}
    for at, expected in enumerate(export("sklearn_columns_double").scores):
        assert scores[f"A-{at}"] == pytest.approx(expected, abs=1e-6)


def test_a_card_has_the_ranges_of_the_numbers_of_a_preparation(import_):
    ranges = [
        {"name": name, "minimum": 0, "maximum": 900, "unit": "u"} for name in ("backlog", "wind_mph", "distance_km", "month")
    ]
    Path("card.json").write_text(json.dumps({"features": ranges}))
    done = import_(EXPORTED / "sklearn_columns_double.onnx", "--card", "card.json")
    assert "4 of 4 numbers have a range\n" in done.stdout
    backlog, *_, carrier, month = made().manifest.inputs
    assert (backlog.minimum, backlog.maximum, backlog.unit, backlog.missing is None) == (0, 900, "u", False)
    assert (carrier.maximum, month.maximum) == (None, 900)


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("sklearn_tanh_zipmap", "the score is that of class late; the other class is in time"),
        ("sklearn_double", "the score is that of class 1; the other class is 0"),
        ("keras_softmax", "the score is that of the second of two classes"),
        ("torch_script_tanh_logits_float", "the network ends in sums; --head sigmoid adds"),
    ],
)
def test_the_output_says_whose_score_it_is(import_, name, remark):
    done = import_(EXPORTED / f"{name}.onnx", *NAMES)
    assert (done.exit_code, done.stderr) == (0, "")
    assert any(line.startswith(remark) for line in done.stdout.splitlines())
    assert made().manifest.provenance.get("positive_class") == {"sk": remark.split()[6].rstrip(";")}.get(name[:2])


def test_a_scaler_in_float32_warns_and_names_the_double_export(import_):
    done = import_(EXPORTED / "sklearn_float.onnx", *NAMES)
    assert (done.exit_code, done.stderr.startswith("Warning: node Scaler: ")) == (0, True)
    assert "DoubleTensorType" in done.stderr


@pytest.mark.parametrize("name", ["model.bin", "model.npz", "model", "MODEL.ONNX"])
def test_an_onnx_file_is_recognised_by_its_content_under_any_name(import_, name):
    Path(name).write_bytes((EXPORTED / "sklearn_double.onnx").read_bytes())
    assert import_(name, *NAMES).exit_code == 0
    assert made().manifest.provenance["source"] == name


def test_arrays_under_the_name_of_an_onnx_file_are_arrays(import_, arrays):
    Path(arrays).rename("model.onnx")
    assert import_("model.onnx").exit_code == 0


def test_given_names_replace_those_of_a_graph_and_of_arrays(import_, arrays):
    assert import_(EXPORTED / "torch_script_columns_double.onnx", "--features", "a,b,c").exit_code == 0
    assert made().manifest.input_names == ("a", "b", "c")
    assert import_(arrays, "--features", "a,b").exit_code == 0
    assert made().manifest.input_names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("sklearn_double", (), "input x: the file has no names for its 3 columns; give --features NAME,NAME,…"),
        ("sklearn_double", ("--features", "a,b"), "inputs: 2 names for 3 columns"),
        ("sklearn_double", ("--features", "a,b,c d"), "feature_names[2]"),
        ("sklearn_double", ("--features", "a,b,b"), "features: feature b is given twice"),
        ("sklearn_double", (*NAMES, "--activations", "relu"), "activations: the file has its own activations"),
        ("sklearn_double", (*NAMES, "--head", "identity"), "head: the file has its own head, sigmoid"),
        ("sklearn_columns_double", ("--preparation", "given.json"), "preparation: the file has a preparation of its own"),
        ("sklearn_columns_double", ("--features", "a,b,c"), "inputs: 3 names for 5 columns"),
    ],
)
def test_an_option_that_does_not_fit_the_file_is_named_and_nothing_is_written(import_, name, options, error):
    Path("given.json").write_text("{}")
    done = import_(EXPORTED / f"{name}.onnx", *options)
    assert (done.exit_code, Path("made.npz").exists()) == (1, False)
    assert error in done.stderr


def test_other_names_for_arrays_must_be_as_many(import_, arrays):
    done = import_(arrays, "--features", "a,b,c")
    assert (done.exit_code, "feature_names: 2 names, but 3 are given" in done.stderr) == (1, True)


def test_a_damaged_file_is_named_without_a_traceback(import_):
    data = (EXPORTED / "sklearn_double.onnx").read_bytes()
    Path("cut.onnx").write_bytes(data[:-9])
    done = import_("cut.onnx", *NAMES)
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: cut.onnx: cut off, or not a protobuf message; expected an ONNX file\n",
    )
