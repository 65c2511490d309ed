from dataclasses import replace

import pytest

from model.core.manifest import Context, Feature, Input
from model.core.network import Network
from service.offline.differences import differences
from tests.models import layer, model_of, reference_of
from tests.raw_orders import raw_model

NAMES = ("backlog", "distance")
WIDE = [Input("backlog", "orders", "", 0.0, 60.0), Input("distance", "km")]


def made(first=((1.0, 2.0), (3.0, 4.0)), names=NAMES, inputs=None, activation="relu", **described):
    """Two features, two hidden units."""
    inputs = inputs or [Input(name) for name in names]
    return model_of(Network([layer(first, [0.0, 0.5], activation), layer([[1.0, -1.0]], [0.25])]), inputs=inputs, **described)


BASELINE = reference_of(NAMES)
MODEL = made(inputs=WIDE, baseline=BASELINE)
DIFFERENT = {
    "threshold": (made(threshold=0.6), ["threshold: 0.5 -> 0.6"]),
    "activations": (made(activation="tanh"), ["activations: relu, linear -> tanh, linear"]),
    "mean and scale": (
        made(mean=[1.0, 0.0], scale=[1.0, 2.5]),
        ["feature: backlog: mean 0.0 -> 1.0", "feature: distance: scale 1.0 -> 2.5"],
    ),
    "range and unit": (
        made(inputs=WIDE),
        [
            "feature: backlog: unit '' -> 'orders', minimum none -> 0.0, maximum none -> 60.0",
            "feature: distance: unit '' -> 'km'",
        ],
    ),
    "a description alone": (made(inputs=[Input("backlog", "", "Late orders."), Input("distance")]), []),
    "weights": (made([[1.0, 2.0], [3.5, 3.75]]), ["w1: 2 of 4 numbers differ, by at most 0.5"]),
    "the same features in another order": (
        made([[2.0, 1.0], [4.0, 3.0]], names=NAMES[::-1]),
        ["features: the same in another order"],
    ),
    "features in another order, with weights as before": (
        made(names=NAMES[::-1]),
        ["features: the same in another order", "w1: 4 of 4 numbers differ, by at most 1.0"],
    ),
    "other features": (
        made([[9.0, 9.0], [9.0, 9.0]], names=("backlog", "rain")),
        ["features: only A has distance, only B has rain"],
    ),
    "another network": (
        model_of(Network([layer([[1.0, 2.0]], [0.0])]), inputs=list(map(Input, NAMES))),
        ["network: 2-2-1 -> 2-1", "activations: relu, linear -> linear"],
    ),
    "a baseline": (made(baseline=BASELINE), ["baseline: none -> 10 orders, 6 to review"]),
}


def texts(first, second):
    return [f"{name}: {text}" for name, text in differences(first, second)]


@pytest.mark.parametrize(("second", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_named_and_nothing_else(second, expected):
    assert texts(made(), second) == expected


def described(inputs, features, **more):
    return raw_model(inputs, features, {each.name: each.missing for each in inputs}, **more)


PLAIN = described([Input("rain", missing=0.0)], [Feature("rain", "rain")])
RAW = {
    "a feature that becomes one made of an input": (
        described([Input("wet", "mm", missing=0.0)], [Feature("rain", "wet", "log1p")]),
        ["inputs: only A has rain, only B has wet", "feature: rain: made of rain -> log1p of wet"],
    ),
    "an input that becomes a category": (
        described(
            [Input("rain", kind="category", values=("no", "yes"), missing="no")], [Feature("rain", "rain", "is", ("yes",))]
        ),
        ["feature: rain: made of rain -> rain is yes"],
    ),
    "context and accepted names": (
        described(
            PLAIN.manifest.inputs, PLAIN.manifest.features, context=(Context("depot", ("EWR",)),), also_accepts=("wind",)
        ),
        ["context: only A has none, only B has depot", "accepts: only A has none, only B has wind"],
    ),
}


@pytest.mark.parametrize(("second", "expected"), RAW.values(), ids=RAW)
def test_what_differs_of_raw_orders_is_named_and_nothing_else(second, expected):
    assert texts(PLAIN, second) == expected


def test_values_of_categories_and_context_are_compared():
    first, second = (
        described(
            [Input("size", kind="category", values=values, missing="S")],
            [Feature("small", "size", "is", ("S",))],
            context=(Context("depot", values),),
        )
        for values in (("S", "L"), ("S", "M"))
    )
    assert texts(first, second) == ["input: size: values S, L -> S, M", "context: depot: values S, L -> S, M"]


def test_another_baseline_is_seen_also_where_its_totals_are_the_same():
    first = made(baseline=BASELINE)
    fewer, other = made(baseline=replace(BASELINE, review=5)), made(baseline=replace(BASELINE, calibration=()))
    assert texts(first, fewer) == ["baseline: 10 orders, 6 to review -> 10 orders, 5 to review"]
    assert texts(first, other) == ["baseline: 10 orders, 6 to review in both, other counts"]


def test_weights_whose_difference_overflows_are_named():
    first, second = made([[1e308, 1.0], [1.0, 1.0]]), made([[-1e308, 1.0], [1.0, 1.0]])
    assert texts(first, second) == ["w1: 1 of 4 numbers differ, by at most inf"]


def test_the_first_ten_of_many_other_features_are_named():
    wide = model_of(Network([layer([[1.0] * 12], [0.0])]))
    narrow = model_of(Network([layer([[1.0]], [0.0])]), inputs=[Input("other")])
    names = ", ".join(f"f{number}" for number in range(10))
    assert f"features: only A has {names} and 2 more, only B has other" in texts(wide, narrow)
