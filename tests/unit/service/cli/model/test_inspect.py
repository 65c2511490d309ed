from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.artifact import model_file
from model.core.manifest import Context, Feature, Input
from model.core.network import Network
from service.config import DEFAULT_MODEL
from tests.models import layer, model_of
from tests.order_files import ONE
from tests.raw_orders import baseline_of, raw_model


def test_it_prints_features_shapes_and_parameter_count(run):
    printed = run("model", "inspect", DEFAULT_MODEL).stdout
    for text in ("delivery-risk 1.0.0", "3-3-1, 16 parameters", "w1 (3, 3)", "weather_severity", "0.0 .. 10.0", "not learned"):
        assert text in printed


def test_it_prints_means_scales_and_ranges_to_the_last_digit(run, with_card, arrays):
    distance = {"name": "distance", "minimum": -0.1, "maximum": 13.825304, "unit": "km"}
    saved = dict(np.load(arrays)) | {"mean": np.array([0.1 + 0.2, 100.0]), "scale": np.array([2.0, 1 / 3])}
    np.savez("digits.npz", **saved)
    with_card(distance, {"name": "backlog", "maximum": 1e23}, source="digits.npz")
    rows = [line.split() for line in run("model", "inspect", "made.npz").stdout.splitlines()]
    assert ["backlog", "0.30000000000000004", "2.0", "..", "1e+23"] in rows
    assert ["distance", "100.0", "0.3333333333333333", "-0.1", "..", "13.825304", "km"] in rows


def test_it_prints_the_counts_of_inputs_in_the_baseline(run):
    model = raw_model()
    model_file.write(replace(model, manifest=replace(model.manifest, baseline=baseline_of(model))), "raw.npz")
    printed = run("model", "inspect", "raw.npz").stdout
    for line in ("backlog: 2 missing", "carrier: AA 8, B:6 1, ü 1", "depot: 2 missing, 1 unknown, EWR 7, JFK 0"):
        assert f"  {line}\n" in printed


def test_it_prints_every_category_and_what_orders_may_hold_beside_the_inputs(run):
    values = tuple(f"c{number}" for number in range(12))
    carrier = Input("carrier", kind="category", values=values)
    more = {"context": (Context("depot", values), Context("lane", ("a\u2028b",))), "also_accepts": ("promised_at", "late")}
    made = raw_model([carrier], [Feature("carrier_c0", "carrier", "is", ("c0",))], {"carrier": "c1"}, **more)
    model_file.write(made, "raw.npz")
    printed = run("model", "inspect", "raw.npz").stdout.splitlines()
    assert f"  carrier  category  {', '.join(values)}" in printed
    assert [line for line in printed if line.startswith(("context", "accepts"))] == [
        f"context     depot: {', '.join(values)}",
        r"context     lane: a\u2028b",
        "accepts     promised_at, late",
    ]


def test_no_text_of_a_file_looks_like_another_line_or_controls_the_terminal(run, with_card):
    control = "\x85\x9b2J\u2028\u202e"
    distance = {"name": "distance", "unit": f"km{control}"}
    with_card(distance, {"name": "backlog"}, description=f"é\nsha256      0000\r\x1b[2J{control}")
    made = model_file.read("made.npz")
    provenance = {f"a{control}": "b\nsha256      0000"}
    model_file.write(replace(made, manifest=replace(made.manifest, provenance=provenance)), "made.npz")
    printed = run("model", "inspect", "made.npz").stdout
    assert [line.split()[0] for line in printed.splitlines()].count("sha256") == 1
    assert set(printed) - {"\n"} <= {each for each in printed if each.isprintable()}
    escaped = r"\x85\x9b2J\u2028\u202e"
    for text in (rf"description é\nsha256      0000\r\x1b[2J{escaped}", f"km{escaped}", rf"provenance  a{escaped}: b\nsha256"):
        assert text in printed


def test_on_orders_it_finds_dead_units_z_ranges_and_saturation(run, import_, arrays):
    import_(arrays)
    Path("orders.csv").write_text("backlog,order_id,distance\n3,a,100\n7,b,100\n1003,c,100\n,d,100\n")
    printed = run("model", "inspect", "made.npz", "--on", "orders.csv").stdout
    assert "on orders.csv: 3 orders, 1 rows rejected" in printed
    assert ["backlog", "0.000", "500.000", "0"] in [line.split() for line in printed.splitlines()]
    assert "66.7% 33.3% 0.0%" in printed
    assert "units never active: 2" in printed
    assert "0 scores within 0.001 of 0, 1 of 1" in printed


def explained(done):
    """What is printed on contributions."""
    lines = done.stdout.splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith("explained")) :]


def test_on_orders_it_lists_inputs_by_mean_absolute_contribution(run, import_, arrays):
    import_(arrays)
    # The base is -0.7. At distance 0 only the second unit changes, to 0; at backlog 2.9 it is 0.05 higher, and counts -2 times.
    Path("orders.csv").write_text("backlog,order_id,distance\n3,a,0\n2.9,b,100\n3,c,100\n,d,100\n3,e,0\n")
    assert explained(run("model", "inspect", "made.npz", "--on", "orders.csv")) == [
        "explained   4 orders: input, mean absolute and mean contribution to the logit",
        "  distance       0.100000      +0.100000",
        "  backlog        0.025000      -0.025000",
    ]


def test_inputs_with_equal_contributions_are_in_the_order_of_the_model(run, monkeypatch):
    weights, names = [1.0, -2.0, 2.0, -1.0] * 10, [f"f{number}" for number in range(40)]
    model_file.write(model_of(Network([layer([weights], [0.0])])), "equal.npz")
    rows = [["order_id", *names], *([name, *[value] * 40] for name, value in (("a", "1"), ("b", "-2"), ("c", "0"), ("d", "5")))]
    Path("orders.csv").write_text("".join(f"{','.join(row)}\n" for row in rows))
    done = run("model", "inspect", "equal.npz", "--on", "orders.csv")
    # The mean of the values is 1, that of the absolute values 2.
    assert [line.split() for line in explained(done)[1:]] == [
        [name, f"{2 * size:.6f}", f"{weight:+.6f}"]
        for size in (2.0, 1.0)
        for name, weight in zip(names, weights, strict=True)
        if abs(weight) == size
    ]
    monkeypatch.setattr("service.offline.chunks.CHUNK", 1)
    assert run("model", "inspect", "equal.npz", "--on", "orders.csv").stdout == done.stdout


def test_of_a_model_without_explanations_it_prints_the_layer_and_why(run):
    model_file.write(model_of(Network([layer([[1.0]], [0.0], "gelu"), layer([[1.0]], [0.0])])), "gelu.npz")
    Path("orders.csv").write_text("order_id,f0\na,1\n")
    assert explained(run("model", "inspect", "gelu.npz", "--on", "orders.csv")) == [
        "explained   none: layer 1: its activation is gelu; explanations need relu, leaky_relu, linear"
    ]


def test_of_a_file_without_orders_it_prints_the_number_of_rows_alone(run, monkeypatch):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 1)
    Path("orders.jsonl").write_text("no JSON\n{}\n")
    done = run("model", "inspect", DEFAULT_MODEL, "--on", "orders.jsonl")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "on orders.jsonl: 0 orders, 2 rows rejected")


ON_ORDERS = {
    "inspect": [DEFAULT_MODEL],
    "card": [DEFAULT_MODEL, "--version", "2", "--out", "2.npz"],
    "diff": [DEFAULT_MODEL, DEFAULT_MODEL],
}


@pytest.mark.parametrize("command", ON_ORDERS)
def test_orders_in_a_file_of_any_ending_are_read_in_the_format_that_is_recognised_or_given(run, command):
    Path("orders.txt").write_text(ONE)
    arguments = ("model", command, *ON_ORDERS[command], "--on", "orders.txt")
    for more in ([], ["--format", "csv"]):
        done = run(*arguments, *more)
        assert (done.exit_code, "on orders.txt: 1 orders" in done.output) == (0, True)
