import json
import math

import msgspec
import pytest

from model.core.manifest import Feature, Input
from model.core.network import Network
from schemas.explanation import Explanation
from schemas.files.row import Row
from schemas.result import Result
from service.cli.contribution_table import bars, decimals, table
from tests.models import layer, model_of
from tests.raw_orders import ORDERS, raw_model

LINES = "\n".join(map(json.dumps, ORDERS))


def rows_of(done):
    """The cells of each input in the table, by its name, in order. A cell that is empty is left out."""
    _, _, rest = done.stdout.partition("\ninput ")
    lines = rest.partition("\nsum ")[0].splitlines()[1:]
    return {name: cells for name, *cells in map(str.split, lines)}


def test_contributions_are_those_of_a_run_that_explains(run, explain):
    for order in ORDERS:
        rows = rows_of(explain(order["order_id"], LINES, model=raw_model(), name="orders.jsonl"))
        scored = run("score", "--model", "made.npz", "--explain", "all", given=json.dumps(order))
        exact = json.loads(scored.stdout)["explanation"]["contributions"]
        shown = {name: next(float(cell) for cell in cells if cell[0] in "+-" and "." in cell) for name, cells in rows.items()}
        assert shown == pytest.approx(exact, abs=5.1e-7)
        sizes = [abs(exact[name]) for name in rows]
        assert sizes == sorted(sizes, reverse=True)


def test_inputs_with_equal_contributions_are_in_the_order_of_the_model(explain):
    model = model_of(Network([layer([[1.0, -2.0, -1.0, 2.0, 0.0]], [0.0])]))
    done = explain("a", "order_id,f0,f1,f2,f3,f4\na,1,1,1,1,1\n", model=model)
    assert {name: cells[-2:] for name, cells in rows_of(done).items()} == {
        "f1": ["-2.000000", "################|"],
        "f3": ["+2.000000", "|################"],
        "f0": ["+1.000000", "|########"],
        "f2": ["-1.000000", "########|"],
        "f4": ["0", "|"],
    }


def test_bars_begin_in_one_column_and_lengths_follow_the_largest():
    assert bars([4.0, -2.0, 0.9, -0.4, 0.0], 4) == ["    |####", "  ##|", "    |#", "    |", "    |"]
    assert bars([-1e-300, 5e-301, math.inf, math.nan], 8) == ["########|", "        |####", "        |", "        |"]
    assert bars([0.0, -0.0], 8) == ["        |"] * 2


def test_values_that_are_missing_unknown_or_out_of_range_are_marked(explain):
    done = explain("A-3", LINES, model=raw_model(), name="orders.jsonl")
    rows = rows_of(done)
    # Of the inputs, backlog alone is a feature as it is; its mean is the first of the standardizer, 0.
    assert {name: cells[:-2] for name, cells in rows.items()} == {
        "backlog": ["missing~", "0", "orders"],
        "distance": ["10000", "km"],
        "depot": ["missing~"],
        "carrier": ["ü"],
        "size": ["missing~"],
        "month": ["13!"],
    }
    assert [line for line in done.stdout.splitlines() if line.startswith(("!", "~", "?"))] == [
        "! outside the range of the training data: month 1.0 .. 12.0",
        "~ missing, so the model takes: backlog 4.5, depot none of its values, size S",
    ]
    done = explain("A:2", LINES, model=raw_model(), name="orders.jsonl")
    assert rows_of(done)["depot"][0] == "a:b?"
    assert "\n? unknown to the model, so none of its values: depot a:b\n" in done.stdout


def test_the_typical_value_is_the_mean_of_a_number_that_is_one_feature_as_it_is(explain):
    inputs = [Input(name, missing=1.0) for name in ("named", "twice", "logged", "filled", "flagged")]
    features = [
        Feature("named_otherwise", "named"),
        Feature("twice", "twice"),
        Feature("twice_summer", "twice", "is", (6.0,)),
        Feature("logged", "logged", "log1p"),
        Feature("filled", "filled"),
        Feature("filled_missing", "filled", "missing"),
        Feature("flagged_missing", "flagged", "missing"),
        Feature("none", "flagged", "is", (0.0,)),
        Feature("all", "flagged", "is", (1.0,)),
    ]
    row = {each.name: 5 for each in inputs}
    done = explain("a", json.dumps({"order_id": "a"} | row), model=raw_model(inputs, features, row), name="orders.jsonl")
    # The means of the nine features are 0, 0.25, …, 2.
    assert {name: cells[1:-2] for name, cells in rows_of(done).items()} == {
        "named": ["0"],
        "twice": [],
        "logged": [],
        "filled": ["1"],
        "flagged": [],
    }


def test_many_inputs_with_long_names_fit_into_80_columns(explain):
    names = [f"{'long_name_of_an_input_' * 3}{number:02}"[-28:] for number in range(18)]
    model = model_of(
        Network([layer([[(-1.0) ** at * (at + 1.3) for at in range(18)]], [0.0])]),
        mean=[-1234.56789] * 18,
        scale=[12345.0] * 18,
        inputs=[Input(name, minimum=0.0) for name in names],
    )
    header, cells = ",".join(["order_id", *names]), ",".join(["a", *["-120.86363636363636"] * 18])
    done = explain("a", f"{header}\n{cells}\n", model=model)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert list(rows_of(done)) == names[::-1]
    axes = {line.index("|") for line in done.stdout.splitlines() if "|" in line}
    assert len(axes) == 1


def test_texts_that_are_too_long_are_cut_in_their_middle(explain):
    name, values = "n" * 40 + "end", ("first" + "v" * 40 + "last",)
    inputs = [Input(name, kind="category", values=values)]
    model = raw_model(inputs, [Feature("is_first", name, "is", values)], {name: values[0]})
    done = explain("a", json.dumps({"order_id": "a", name: values[0]}), model=model, name="orders.jsonl")
    ((shown, cells),) = rows_of(done).items()
    assert (shown, cells[0]) == ("n" * 15 + "..." + "n" * 11 + "end", "firstvv...vvlast")


def test_a_contribution_that_overflows_is_named_first_and_has_no_bar():
    model = raw_model()
    amounts = {"size": math.nan, "month": -math.inf, "distance": 2.0}
    made = msgspec.defstruct("Contributions", [(name, float) for name in model.manifest.input_names])
    contributions = made(*(amounts.get(name, 0.0) for name in model.manifest.input_names))
    explanation, result = Explanation(0.5, 0.5, contributions, []), Result("A-1", 0.62, "review")
    lines = list(map(str.split, table(model, Row(1, [], ORDERS[0]), result, explanation)))
    assert [[name, *cells[-2:]] for name, *cells in lines[1:4]] == [
        ["size", "overflows", "|"],
        ["month", "overflows", "|"],
        ["distance", "+2.000000", "|################"],
    ]
    assert ["sum", "overflows"] in lines


def test_large_and_small_contributions_have_an_exponent():
    assert decimals([2.5e9, -1.0]) == ["+2.500000e+09", "-1.000000e+00"]
    assert decimals([-999999.0, 1e-9]) == ["-999999.000000", "+0.000000"]
    assert decimals([2e-3, -1e-9, 0.0]) == ["+0.002000", "-0.000000", "0"]
    assert decimals([2e-4, -1e-9, 0.0]) == ["+2.000000e-04", "-1.000000e-09", "0"]
