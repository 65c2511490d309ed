"""Imports that are compared with the training script's own scores. The column p is scikit-learn's predict_proba, p4 torch's."""

import csv
import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.artifact import model_file
from model.core.encoding import encoded
from tests.facts import DATA
from tests.raw_orders import INPUTS, arrays_of, preparation_of, raw_model
from tests.raw_orders import ORDERS as RAW_ORDERS

IMPORTS = DATA / "imports"
ORDERS, TORCH = IMPORTS / "orders.csv", IMPORTS / "torch_orders.csv"
BY_P, BY_P4 = ("--check", ORDERS, "--expect", "p"), ("--check", TORCH, "--expect", "p4")
NAMES = ("distance_km", "items", "prep_min")


def rows(path=ORDERS):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


RIGHT = {
    "scikit-learn": ("right.npz", BY_P, 1e-15, ORDERS),
    "torch in float32": ("leaky_slope_0.2.npz", ("--activations", "leaky_relu:0.2", *BY_P4), 1e-6, TORCH),
}


@pytest.mark.parametrize(("source", "options", "within", "check"), RIGHT.values(), ids=RIGHT)
def test_a_model_with_the_scripts_scores_is_imported_and_keeps_some_of_its_orders(run, import_, source, options, within, check):
    done = import_(IMPORTS / source, *options)
    made = model_file.read("made.npz").manifest
    difference = made.provenance["checked_difference"]
    report = f"compared with the scores of its training script: 60 orders, largest difference {difference}"
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, report)
    assert float(difference) <= within
    sha256 = hashlib.sha256(check.read_bytes()).hexdigest()
    assert (made.provenance["check"], made.provenance["check_sha256"]) == (check.name, sha256)
    assert set(made.self_test.orders[1:]) <= {tuple(float(row[name]) for name in NAMES) for row in rows(check)}
    assert f"self-test   5 orders, {report}\n" in run("model", "inspect", "made.npz").stdout


def with_arrays(source):
    """The arrays, and the orders in them; no option."""
    arrays = dict(np.load(IMPORTS / source))
    orders = [[float(row[name]) for name in arrays["feature_names"]] for row in rows()]
    np.savez("arrays.npz", check_x=orders, check_scores=[[float(row["p"])] for row in rows()], **arrays)
    return ["arrays.npz"]


def with_lines(source):
    """The orders as JSON lines, gzipped."""
    names = ("order_id", *NAMES, "p")
    lines = [json.dumps({name: row[name] if name == "order_id" else float(row[name]) for name in names}) for row in rows()]
    Path("orders.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return [IMPORTS / source, "--check", "orders.jsonl.gz", "--expect", "p"]


WRONG = {
    "square_w1_not_transposed.npz": "w1 transposed",
    "scale_is_variance.npz": "the square root of scale, which holds variances",
}


GIVEN = {"csv": lambda source: [IMPORTS / source, *BY_P], "jsonl": with_lines, "npz": with_arrays}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize("source", ["right.npz", *WRONG])
def test_orders_in_csv_json_lines_and_arrays_reject_the_same_models(import_, run, given, source):
    done = import_(*given(source))
    assert (done.exit_code, Path("made.npz").exists()) == ((1, False) if source in WRONG else (0, True))
    if source in WRONG:
        assert done.stderr.endswith(f"; it would fit with {WRONG[source]}\n")


def test_the_error_names_the_file_the_largest_difference_and_its_order(import_):
    done = import_(IMPORTS / "square_w1_not_transposed.npz", *BY_P)
    largest = "by more than 1e-06; the largest difference is 0.62, of order 'T-58'; it would fit with w1 transposed"
    assert done.stderr == f"Error: {ORDERS}: 60 of 60 orders get other scores than expected, {largest}\n"


def test_a_slope_that_the_name_lacks_is_named(import_):
    done = import_(IMPORTS / "leaky_slope_0.2.npz", "--activations", "leaky_relu", *BY_P4)
    assert (done.exit_code, done.stderr.split("; ")[-1]) == (1, "it would fit with the activation leaky_relu:0.2\n")


def test_the_tolerance_decides_what_is_the_same(import_):
    rounded = [
        "order_id,distance_km,items,prep_min,p",
        *(f"{row['order_id']},{','.join(row[n] for n in NAMES)},{float(row['p']):.4f}" for row in rows()),
    ]
    Path("rounded.csv").write_text("\n".join(rounded))
    check = (IMPORTS / "right.npz", "--check", "rounded.csv", "--expect", "p", "--tolerance")
    assert [import_(*check, tolerance).exit_code for tolerance in ("1e-4", "1e-5", "-1")] == [0, 1, 2]


def test_an_import_without_a_check_reports_that_nothing_was_compared(run, import_):
    report = "not compared with the scores of its training script"
    done = import_(IMPORTS / "square_w1_not_transposed.npz")
    assert done.stdout.splitlines()[-1] == f"{report}; give --check, or check_x and check_scores in the arrays"
    assert f"self-test   5 orders, {report}\n" in run("model", "inspect", "made.npz").stdout


ORDER = "T-0,10.0,6,18.9,0.25\n"
BROKEN = {
    "no column": (["--check", "check.csv"], ORDER, "Give --check and --expect together."),
    "no file": (["--expect", "p"], ORDER, "Give --check and --expect together."),
    "another column": (["--check", "check.csv", "--expect", "q"], ORDER, "check.csv: the header has no column q."),
    "no orders": (["--check", "check.csv", "--expect", "p"], "", "check.csv: holds no orders."),
    "no score": (["--check", "check.csv", "--expect", "p"], f"{ORDER}T-1,1,1,1,\n", "check.csv: line 3 has no number in p."),
    "an order without a feature": (
        ["--check", "check.csv", "--expect", "p"],
        f"{ORDER}T-1,1,,1,0.5\n",
        "check.csv: line 3 is rejected: items: null (must not be null or empty); leave it out, the model cannot score it.",
    ),
}


@pytest.mark.parametrize(("options", "lines", "error"), BROKEN.values(), ids=BROKEN)
def test_a_check_that_leaves_out_an_order_or_its_score_is_an_error(import_, options, lines, error):
    Path("check.csv").write_text(f"order_id,distance_km,items,prep_min,p\n{lines}")
    done = import_(IMPORTS / "right.npz", *options)
    assert (done.exit_code, Path("made.npz").exists()) == (2, False)
    assert done.stderr.endswith(f"Error: {error}\n")


def test_the_results_of_score_may_be_compared(import_, run):
    import_(IMPORTS / "right.npz")
    run("score", ORDERS, "--model", "made.npz", "--out", "scored.csv")
    done = import_(IMPORTS / "right.npz", "--check", "scored.csv", "--expect", "score")
    assert "60 orders, largest difference 0.0" in done.stdout


RAW = raw_model()


def with_preparation(model, *options):
    """The import of the arrays and the preparation of a model."""
    np.savez("raw.npz", **arrays_of(model))
    Path("preparation.json").write_text(json.dumps(preparation_of(model)))
    return ["raw.npz", "--preparation", "preparation.json", *options]


def raw_orders(ending, scores):
    """A file of raw orders with gaps and unknown categories, and these scores."""
    orders = [order | {"p": score} for order, score in zip(RAW_ORDERS, scores, strict=True)]
    with open(f"orders.{ending}", "w", newline="") as file:
        if ending == "jsonl":
            file.writelines(f"{json.dumps(order)}\n" for order in orders)
        else:
            writer = csv.DictWriter(file, ["order_id", *(each.name for each in INPUTS), "p"], restval="NA")
            writer.writeheader()
            writer.writerows({name: "NA" if value is None else value for name, value in order.items()} for order in orders)
    return ["--check", f"orders.{ending}", "--expect", "p", *(["--na", "NA"] if ending == "csv" else [])]


RAW_SCORES = RAW.outputs(encoded(INPUTS, [[order.get(each.name) for each in INPUTS] for order in RAW_ORDERS])).outputs[:, 0]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_raw_orders_compare_the_preparation_and_become_the_self_test(import_, ending):
    done = import_(*with_preparation(RAW), *raw_orders(ending, RAW_SCORES.tolist()))
    assert done.stdout.splitlines()[1:] == [
        "3 of 3 numbers have a range",
        "compared with the scores of its training script: 4 orders, largest difference 0.0",
    ]
    test = model_file.read("made.npz").manifest.self_test
    lowest, highest, first = (tuple(RAW_ORDERS[at].get(each.name) for each in INPUTS) for at in (1, 3, 0))
    assert test.orders[1:4] == ((*lowest[:3], "unknown 1", *lowest[4:]), highest, first)
    assert [score for (score,) in test.scores[1:4]] == RAW_SCORES[[1, 3, 0]].tolist()


def test_another_preparation_than_that_of_the_script_is_rejected(import_):
    other = raw_model((replace(INPUTS[0], missing=9.0), *INPUTS[1:]))
    done = import_(*with_preparation(other), *raw_orders("csv", RAW_SCORES.tolist()))
    assert (done.exit_code, Path("made.npz").exists()) == (1, False)
    assert "2 of 4 orders get other scores than expected" in done.stderr
    assert "; compare the preparation, the order of the features, the activations" in done.stderr


def test_a_preparation_without_raw_orders_is_not_compared_and_takes_no_card(import_):
    done = import_(*with_preparation(RAW))
    assert done.stdout.splitlines()[-1] == "not compared with the scores of its training script; give --check"
    done = import_(*with_preparation(RAW, "--card", "preparation.json"))
    error = "Error: Give --card or --preparation: with a preparation, the inputs have the ranges.\n"
    assert (done.exit_code, done.stderr.endswith(error)) == (2, True)
