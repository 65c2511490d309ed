"""Models that make features of raw orders: one made by hand, and any drawn at random, with orders and an oracle."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from model.artifact import manifest, model_file
from model.core.encoding import encoded
from model.core.manifest import Baseline, Feature, Input, InputCounts, Manifest, SelfTest, Value
from model.core.network import Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from tests.models import layer, reference_of

INPUTS = (
    Input("backlog", "orders", "Orders that wait.", 0.0, 60.0, missing=4.5, actionable=True),
    Input("distance", "km", minimum=0.0),
    Input("carrier", kind="category", values=("AA", "B:6", "ü"), description="Who carries it."),
    Input("depot", kind="category", values=("EWR", "JFK"), unknown="none"),
    Input("size", kind="category", values=("S", "L"), missing="S"),
    Input("month", minimum=1.0, maximum=12.0),
)
FEATURES = (
    Feature("backlog", "backlog"),
    Feature("backlog_missing", "backlog", "missing"),
    Feature("distance_log", "distance", "log1p"),
    Feature("carrier_AA", "carrier", "is", ("AA",)),
    Feature("carrier_other", "carrier", "is", ("B:6", "ü")),
    Feature("depot_EWR", "depot", "is", ("EWR",)),
    Feature("depot_JFK", "depot", "is", ("JFK",)),
    Feature("depot_missing", "depot", "missing"),
    Feature("size_S", "size", "is", ("S",)),
    Feature("size_L", "size", "is", ("L",)),
    Feature("month_sin", "month", "sin", period=12.0),
    Feature("month_cos", "month", "cos", period=12.0),
    Feature("summer", "month", "is", (6.0, 7.0, 8.0)),
)
ORDERS: list[dict[str, Any]] = [
    {"order_id": "A-1", "backlog": 3, "distance": 12.5, "carrier": "AA", "depot": "EWR", "size": "L", "month": 7},
    {"order_id": "A:2", "distance": 0, "carrier": "B:6", "depot": "a:b", "month": 12},
    {"order_id": "A-3", "backlog": None, "distance": 1e4, "carrier": "ü", "depot": None, "size": None, "month": 13},
    {"order_id": "A-4", "backlog": 61.5, "distance": 3, "carrier": "AA", "size": "S", "month": 1.5},
]


def raw_model(
    inputs: Sequence[Input] = INPUTS,
    features: Sequence[Feature] = FEATURES,
    order: Mapping[str, Any] | None = None,
    **described: Any,
) -> RiskModel:
    """A model of two layers, read back from its file. Its self-test is this order, by default the first of ORDERS."""
    width, row = len(features), tuple((order or ORDERS[0]).get(each.name) for each in inputs)
    draw = np.random.default_rng(len(features))
    network = Network(
        [layer(draw.normal(0, 0.5, (3, width)), [0.1, 0.0, -0.1], "relu"), layer(draw.normal(0, 1, (1, 3)), [0.2])]
    )
    standardizer = Standardizer(np.linspace(0.0, 2.0, width), np.linspace(0.5, 3.0, width), [each.name for each in features])

    def built(scores: tuple[tuple[float, ...], ...]) -> RiskModel:
        rows = (row,) if scores else ()
        manifest = Manifest(
            "raw",
            "1",
            "2026-01-01T00:00:00Z",
            "",
            tuple(inputs),
            ("relu", "linear"),
            "sigmoid",
            0.5,
            SelfTest(rows, scores),
            features=tuple(features),
            **described,
        )
        return RiskModel(manifest, standardizer, network)

    found = built(()).outputs(encoded(inputs, [row])).outputs
    return model_file.loads(model_file.dumps(built(tuple(map(tuple, found.tolist())))))


def arrays_of(model: RiskModel) -> dict[str, Any]:
    """The arrays that the training script of this model saved."""
    layers = enumerate(model.network.layers, 1)
    found = {f"{kind}{number}": array for number, each in layers for kind, array in (("w", each.weights), ("b", each.bias))}
    given = {"mean": model.standardizer.mean, "scale": model.standardizer.scale}
    return {"feature_names": np.array(model.manifest.feature_names)} | given | found


def preparation_of(model: RiskModel) -> dict[str, Any]:
    """The entries of its preparation, which are those of its manifest."""
    entries = json.loads(manifest.write(model.manifest))
    return {name: entries[name] for name in ("inputs", "features")}


def plain_features(inputs: Sequence[Input], features: Sequence[Feature], order: Mapping[str, Value]) -> list[float]:
    """The features of one order in plain Python, by the text of the format alone."""
    by_name = {each.name: each for each in inputs}
    found = []
    for each in features:
        of, given = by_name[each.of], order.get(each.of)
        value = of.missing if given is None else given
        if each.function == "missing":
            found.append(float(given is None))
        elif each.function == "is":
            found.append(float(any(value == one for one in each.values)))
        else:
            assert isinstance(value, int | float)
            turn = 2 * math.pi * (math.fmod(value, each.period) / each.period) if each.period else 0.0
            found.append(
                {
                    "number": lambda x, _: float(x),
                    "log1p": lambda x, _: math.log1p(x),
                    "sin": lambda _, turn: math.sin(turn),
                    "cos": lambda _, turn: math.cos(turn),
                }[each.function](value, turn)
            )
    return found


def plain_counts(inputs: Sequence[Input], orders: Sequence[Mapping[str, Value]]) -> dict[str, dict[str, Any]]:
    """What a baseline has of the inputs of these orders, by the text of the format alone."""
    found = {}
    for each in inputs:
        given, counted = [order.get(each.name) for order in orders], dict[str, Any]()
        if each.missing is not None or each.unknown == "none":
            counted["missing"] = given.count(None)
        if each.unknown == "none":
            counted["unknown"] = sum(value not in (None, *each.values) for value in given)
        if each.kind == "category":
            counted["counts"] = {value: given.count(value) for value in each.values}
        if counted:
            found[each.name] = counted
    return found


def baseline_of(model: RiskModel) -> Baseline:
    """A baseline of this model, of ten orders: the inputs are those of ORDERS and of six like the first."""
    counts = plain_counts(model.manifest.inputs, ORDERS + 6 * ORDERS[:1])
    inputs = {name: InputCounts(**each) for name, each in counts.items()}
    return replace(reference_of(model.manifest.feature_names), inputs=inputs)


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
_NUMBERS = st.floats(-0.5, 1e6, allow_subnormal=False)


@st.composite
def preparations(draw: st.DrawFn) -> tuple[tuple[Input, ...], tuple[Feature, ...]]:
    """Any inputs, and any features made of them, at least one of each input."""
    inputs, features = [], []
    for number in range(draw(st.integers(1, 5))):
        name = f"input{number}"
        if draw(st.booleans()):
            made = Input(name, missing=draw(st.none() | _NUMBERS))
            values = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=1, max_size=3, unique=True)
            functions = ["number", "is", "log1p", "sin", "cos"]
        else:
            known = tuple(draw(st.lists(_TEXTS, min_size=1, max_size=4, unique=True)))
            made = Input(
                name,
                kind="category",
                values=known,
                unknown=draw(st.sampled_from(["refuse", "none"])),
                missing=draw(st.none() | st.sampled_from(known)),
            )
            values = st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)
            functions = ["is"]
        inputs.append(made)
        functions += ["missing"] if made.optional else []
        for function in draw(st.lists(st.sampled_from(functions), min_size=1, max_size=4)):
            period = draw(st.floats(0.1, 1e4)) if function in ("sin", "cos") else None
            wanted = tuple(draw(values)) if function == "is" else ()
            features.append(Feature(f"feature{len(features)}", name, function, wanted, period))
    return tuple(inputs), tuple(draw(st.permutations(features)))


@st.composite
def raw_orders(draw: st.DrawFn, inputs: Sequence[Input], most: int = 6) -> list[dict[str, Any]]:
    """Valid orders for these inputs: what may be missing is a number, null or absent."""
    orders = []
    for number in range(draw(st.integers(1, most))):
        order: dict[str, Any] = {"order_id": f"O:{number}"}
        for each in inputs:
            value: st.SearchStrategy[Any] = st.sampled_from([0.0, 1.0, 2.5]) | _NUMBERS
            if each.kind == "category":
                value = st.sampled_from(each.values)
                value |= _TEXTS if each.unknown == "none" else st.nothing()
            found = draw(value | (st.sampled_from([None, ...]) if each.optional else st.nothing()))
            if found is not ...:
                order[each.name] = found
        orders.append(order)
    return orders
