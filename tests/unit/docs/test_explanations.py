"""Explanations in docs/: the arithmetic of the worked example, in fractions, and what the service answers."""

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from operator import mul

import pytest

from model.artifact import model_file
from model.core.risk_model import RiskModel
from model.packaged import packaged_model
from schemas.formats.table import CSV, JSON
from service import config
from tests.apps import app_of
from tests.facts import FEATURES, ORDERS, ROOT, THRESHOLD
from tests.mutated_bodies import as_columns, as_csv
from tests.pages import blocks, rows, section

API = ROOT / "docs" / "api.md"
PAGE = ROOT / "docs" / "explanations.md"
WEIGHTS, *STEPS = section(PAGE, "A worked example").split("\n### ")
EQUATIONS = re.findall(r"`([-\d.+×/() ]+) (=|≈) (-?[\d.]+)`", PAGE.read_text())
MEAN, SCALE, BIAS_OF_OUTPUT = Fraction(5), Fraction(2), Fraction("-0.3")
ORDER = ORDERS[1]


def dot(a, b):
    return sum(map(mul, a, b))


def computed(expression):
    """What an expression of the page is, in fractions."""
    return eval(re.sub(r"[\d.]+", r"Fraction('\g<0>')", expression.replace("×", "*")))


def said(step):
    """The number of each cell of a step, or that behind its last sign of equality, by the first cell of its row."""
    found = {name: [cell.strip("`").rpartition("= ")[2] for cell in cells] for name, cells in rows(STEPS[step - 1]).items()}
    return {name: [Fraction(cell) for cell in cells] for name, cells in found.items()}


@pytest.fixture(scope="module")
def units():
    """The weights, the bias and the weight of the output of each unit on the page."""
    found = [list(map(Fraction, cells)) for cells in rows(WEIGHTS).values()]
    return [(weights, bias, output) for *weights, bias, output in found]


@pytest.fixture(scope="module")
def zscores():
    return [(Fraction(str(ORDER[name])) - MEAN) / SCALE for name in FEATURES]


def share(low, high):
    """The share of a segment with these sums at its ends on which they are over 0, by where they go through 0."""
    if (low > 0) == (high > 0):
        return Fraction(low > 0)
    place = -low / (high - low)
    return 1 - place if high > 0 else place


def test_the_equations_of_the_page_are_true():
    assert len(EQUATIONS) == 19
    for left, sign, right in EQUATIONS:
        digits = len(right.partition(".")[2])
        allowed = 0 if sign == "=" else Fraction(1, 2 * 10**digits)
        assert abs(computed(left) - Fraction(right)) <= allowed, f"{left} {sign} {right}"


def test_the_weights_are_those_of_the_packaged_model(units):
    model = packaged_model()
    hidden, last = model.network.layers
    floats = [([*map(float, weights)], float(bias), float(output)) for weights, bias, output in units]
    assert floats == list(zip(hidden.weights.tolist(), hidden.bias.tolist(), last.weights[0].tolist(), strict=True))
    assert (last.bias.tolist(), hidden.activation, last.activation) == ([float(BIAS_OF_OUTPUT)], "relu", "linear")
    assert {*model.standardizer.mean, *model.standardizer.scale} == {float(MEAN), float(SCALE)}
    text = " ".join(WEIGHTS.split())
    for sentence in (
        f"| unit | {' | '.join(FEATURES)} | bias |",
        f"Each mean is {MEAN} and each scale is {SCALE}.",
        f"The bias of the output is {float(BIAS_OF_OUTPUT)}.",
    ):
        assert sentence in text


def test_each_step_has_the_numbers_that_follow_from_the_weights(units, zscores):
    sums = [dot(weights, zscores) + bias for weights, bias, _ in units]
    shares = [share(bias, high) for (_, bias, _), high in zip(units, sums, strict=True)]
    rates = [output * active for (*_, output), active in zip(units, shares, strict=True)]
    columns = list(zip(*(weights for weights, *_ in units), strict=True))
    contributions = [z * dot(rates, column) for z, column in zip(zscores, columns, strict=True)]
    outputs = [output for *_, output in units]
    base = dot(outputs, [max(bias, 0) for _, bias, _ in units]) + BIAS_OF_OUTPUT
    logit = dot(outputs, [max(high, 0) for high in sums]) + BIAS_OF_OUTPUT
    names = ["1", "2", "3"]
    assert said(1) == {name: [z] for name, z in zip(FEATURES, zscores, strict=True)}
    lines = zip((bias for _, bias, _ in units), sums, shares, strict=True)
    assert said(2) == dict(zip(names, map(list, lines), strict=True))
    assert said(3) == {name: [rate] for name, rate in zip(names, rates, strict=True)}
    assert said(4) == {name: [found] for name, found in zip(FEATURES, contributions, strict=True)}
    assert said(5) == {"base": [base], "logit": [logit], "base + contributions": [base + sum(contributions)]}
    assert f"{1 / (1 + math.exp(-logit)):.4f}" in STEPS[4]
    at_the_order = [output * (high > 0) for output, high in zip(outputs, sums, strict=True)]
    approximate = [z * dot(at_the_order, column) for z, column in zip(zscores, columns, strict=True)]
    assert f"`{' + '.join(f'{float(each):g}' for each in approximate)} = " in STEPS[4]


def test_the_service_explains_the_order_by_the_numbers_of_the_page():
    answer = app_of().test_client().post("/score?explain=all", json={"orders": ORDERS[:2]}).json
    of_a, of_b = (row["explanation"] for row in answer["results"])
    assert of_b["contributions"] == {name: float(value) for name, (value,) in said(4).items()}
    assert {name: of_b[name] for name in ("base", "logit")} == {name: float(said(5)[name][0]) for name in ("base", "logit")}
    (reason,) = of_a["reasons"]
    assert f"`{reason['text']}`, with {reason['contribution']:.3f}:" in section(PAGE, "What it means")


@pytest.fixture
def actionable(tmp_path):
    """A client of the packaged network with a backlog that is actionable."""
    model = packaged_model()
    inputs = [replace(each, actionable=each.name == "backlog") for each in model.manifest.inputs]
    made = RiskModel(replace(model.manifest, inputs=tuple(inputs)), model.standardizer, model.network)
    model_file.write(made, tmp_path / "actionable.npz")
    return app_of(model=str(tmp_path / "actionable.npz")).test_client()


def test_the_change_on_the_page_is_the_answer_and_the_nearest_number_on_the_other_side(actionable):
    (shown,) = map(json.loads, blocks("json", section(PAGE, "What would change it")))
    (row,) = actionable.post("/score?explain=review&changes=true", json={"orders": [ORDERS[2]]}).json["results"]
    assert shown == {"changes": row["explanation"]["changes"]}
    crossing = shown["changes"]["backlog"]
    exact = 5 + 2 * (math.log(THRESHOLD / (1 - THRESHOLD)) + 0.795) / 0.9
    assert crossing == pytest.approx(exact, rel=1e-9)
    orders = [
        ORDERS[2] | {"order_id": str(at), "backlog": value} for at, value in enumerate([crossing, math.nextafter(crossing, 9)])
    ]
    rescored = actionable.post("/score", json={"orders": orders}).json["results"]
    assert [row["queue"] for row in rescored] == ["monitor", "review"]


def test_the_shapes_in_the_http_api_are_those_of_the_answers(actionable):
    record, columns = map(json.loads, blocks("json", section(API, "Explanations")))
    path, (_, _, order) = "/score?explain=review&changes=true", ORDERS
    assert actionable.post(path, json={"orders": [order]}).json["results"] == [record]
    answer = actionable.post(path, data=as_columns([ORDERS[0], order]), content_type=JSON).json
    assert {"explanations": answer["explanations"]} == columns
    table = rows(section(API, "Explanations"))
    head = actionable.post(path, data=as_csv(ORDERS), content_type=CSV).text.splitlines()[0].split(",")
    names = [name for cell in table if "explain" not in cell and "=" not in cell for name in re.findall(r"\w+", cell)]
    by_kind = {"contribution_INPUT": [f"contribution_{name}" for name in FEATURES], "change_INPUT": ["change_backlog"]}
    assert head[4 : head.index("model_name")] == [column for name in names for column in by_kind.get(name, [name])]


def test_the_orders_that_may_be_explained_are_those_that_the_settings_allow():
    settings = config.load({})
    for network, (said_of_it,) in rows(section(PAGE, "Limits and cost")).items():
        _, *units, _ = map(int, network.split("-"))
        counted = sum(each * (1 + sum(units[:at])) for at, each in enumerate(units))
        allowed = min(settings.max_orders, settings.max_explained // counted)
        assert int(said_of_it.partition(" ")[0].strip(",").replace(",", "")) == allowed
