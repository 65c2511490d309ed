import csv
import gzip
import json
import math
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.core.network import Network
from tests.models import layer, model_of, one_input
from tests.registries import holding, version_of


def order(name, value):
    return json.dumps({"order_id": name, "f0": value}) + "\n"


@pytest.fixture
def diff(run, tmp_path):
    """Compare version 8 with another model, by default one whose scores rise where those of version 8 fall."""
    holding(tmp_path / "models", "78", "78")
    Path("8.npz").write_bytes(version_of("8"))
    Path("turned.npz").write_bytes(version_of("11", weight=-1.0))
    Path("orders.jsonl").write_text(order("a", 1) + order("b", -1) + order("\u202e[2J\u2028", 3) + order("d", "1"))
    given = ("--on", "orders.jsonl")
    return lambda *more, first="8.npz", second="turned.npz": run("model", "diff", first, second, *given, *more)


def test_it_reports_changed_queues_and_the_largest_difference_and_no_order_id_moves_the_cursor(diff):
    done = diff()
    assert (done.exit_code, done.stderr) == (0, "")
    first, second, weights, counts, queue, score = done.stdout.splitlines()
    assert first.startswith("from        made 8 (sha256 ")
    assert second.startswith("to          made 11 (sha256 ")
    assert weights == "w1          1 of 1 numbers differ, by at most 2.0"
    assert counts == "on orders.jsonl: 3 orders, 1 rows rejected"
    assert queue == "queue       3 orders change it: 1 from monitor to review, 2 from review to monitor"
    assert score.startswith("score       largest difference 0.")
    assert score.endswith(r", order '\u202e[2J\u2028'")


def test_a_registry_means_its_current_version(diff):
    assert diff(first="models").stdout == diff().stdout


def test_it_follows_the_policy_of_the_service(diff, monkeypatch):
    model_file.write(one_input(inputs=[Input("f0", maximum=0.0)]), "narrow.npz")
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    assert "1 orders, 1 rows rejected, 2 scored by one model alone" in diff(second="narrow.npz").stdout
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "anything")
    assert diff(second="narrow.npz").exit_code == 2


def test_models_of_other_inputs_are_rejected_by_the_names(diff):
    model_file.write(one_input(inputs=[Input("backlog")]), "other.npz")
    done = diff(second="other.npz")
    expected = "Error: the models do not take the same inputs: only A has f0, only B has backlog\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", expected)


def test_features_in_another_order_are_compared_by_their_names(diff):
    for path, weights, names in (("8.npz", [1.0, 0.0], "ab"), ("turned.npz", [0.0, 1.0], "ba")):
        model_file.write(model_of(Network([layer([weights], [0.0])]), inputs=[Input(name) for name in names]), path)
    Path("orders.jsonl").write_text('{"order_id": "A", "a": 1, "b": 2}\n')
    assert diff().stdout.endswith("score       largest difference 0.0\n")


def test_the_file_has_each_order_that_changes_its_queue_with_both_scores_and_queues(diff):
    Path("orders.jsonl").write_text(order('a,"1"', 1) + order("same", -0.2) + order("b", -1) + order("rejected", "1"))
    done = diff("--out", "changed.csv")
    sigmoids = [1 / (1 + math.exp(-logit)) for logit in (1.25, -0.75, -0.75, 1.25)]
    with open("changed.csv", newline="") as file:
        assert "\r" not in file.read()
        file.seek(0)
        header, *rows = csv.reader(file)
    assert header == ["order_id", "score_from", "queue_from", "score_to", "queue_to"]
    assert [[row[0], row[2], row[4]] for row in rows] == [['a,"1"', "review", "monitor"], ["b", "monitor", "review"]]
    assert [float(row[at]) for row in rows for at in (1, 3)] == pytest.approx(sigmoids)
    assert (done.exit_code, done.stdout) == (0, diff().stdout)


def test_the_file_may_be_standard_output_and_the_report_then_goes_to_standard_error(diff):
    done = diff("--out", "-")
    assert done.stdout.startswith("order_id,score_from,queue_from,score_to,queue_to\na,0.")
    assert done.stderr == diff().stdout


NOT_WRITTEN = {
    "the orders": ("orders.jsonl", "holds the orders and would be overwritten; give another FILE."),
    "a model": ("8.npz", "holds a model and would be overwritten; give another FILE."),
    "a folder": ("models", "Is a directory."),
    "nowhere": ("nowhere/changed.csv", "No such file or directory."),
    "a full device": ("/dev/full", "No space left on device."),
}


@pytest.mark.parametrize(("out", "error"), NOT_WRITTEN.values(), ids=NOT_WRITTEN)
def test_a_file_that_cannot_be_written_or_is_read_is_named_and_nothing_is_changed(diff, tmp_path, out, error):
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    done = diff("--out", out)
    assert (done.exit_code, done.stdout, done.stderr.endswith(f"Error: {out}: {error}\n")) == (2, "", True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_orders_that_cannot_be_read_to_the_end_leave_the_file_as_it_was(diff, tmp_path):
    Path("orders.csv.gz").write_bytes(gzip.compress(b"order_id,f0\na,1\nb,-1\n")[:-9])
    Path("changed.csv").write_text("old")
    done = diff("--on", "orders.csv.gz", "--out", "changed.csv")
    assert (done.exit_code, Path("changed.csv").read_text()) == (2, "old")
    assert not list(tmp_path.glob(".changed*"))


def test_models_differ_without_orders_also_where_they_cannot_be_compared_on_orders(diff, run):
    model_file.write(one_input(inputs=[Input("backlog")], head="identity", threshold=0.75), "other.npz")
    done = run("model", "diff", "models", "other.npz")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[2:] == [
        "threshold   0.5 -> 0.75",
        "head        sigmoid -> identity",
        "features    only A has f0, only B has backlog",
        "b1          1 of 1 numbers differ, by at most 0.25",
    ]
    same = run("model", "diff", "8.npz", "models").stdout.splitlines()
    assert same[2:] == ["same        threshold, network, inputs, features, context, accepted names, weights and baseline"]
    assert run("model", "diff", "8.npz", "orders.jsonl").stderr.startswith("Error: orders.jsonl: not a ")


def test_a_file_of_changes_needs_orders(run, diff):
    done = run("model", "diff", "8.npz", "turned.npz", "--out", "changed.csv")
    assert (done.exit_code, done.stderr.endswith("Error: --out needs orders; give --on FILE.\n")) == (2, True)
    assert not Path("changed.csv").exists()


def test_a_unit_of_a_model_cannot_control_the_terminal(run, diff):
    model_file.write(one_input(inputs=[Input("f0", unit="\u202ekm")]), "unit.npz")
    assert r"feature     f0: unit '' -> '\u202ekm'" in run("model", "diff", "8.npz", "unit.npz").stdout
