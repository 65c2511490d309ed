from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.encoding import decoded, encoded
from model.core.manifest import Feature, Input
from model.core.preparation import Preparation
from model.errors import SelfTestFailed
from tests.raw_orders import FEATURES, INPUTS, ORDERS, plain_features, preparations, raw_model, raw_orders


def matrix(inputs, orders):
    return encoded(inputs, [[order.get(each.name) for each in inputs] for order in orders])


def features(inputs, made, orders):
    """The features of each order."""
    return Preparation(inputs, made)(matrix(inputs, orders)).tolist()


@settings(max_examples=200)
@given(st.data())
def test_features_are_made_as_plain_python_makes_them(data):
    inputs, made = data.draw(preparations())
    orders = data.draw(raw_orders(inputs))
    expected = [plain_features(inputs, made, order) for order in orders]
    exact = [each.function in ("number", "is", "missing") for each in made]
    found = np.array(features(inputs, made, orders))
    assert found[:, exact].tolist() == np.array(expected)[:, exact].tolist()
    assert found == pytest.approx(np.array(expected), rel=1e-12, abs=1e-9)


@settings(max_examples=100)
@given(st.data())
def test_decoded_values_are_those_that_were_encoded_and_an_unknown_category_is_another_unknown_one(data):
    inputs, _ = data.draw(preparations())
    orders = data.draw(raw_orders(inputs))
    given = matrix(inputs, orders)
    rows = decoded(inputs, given)
    assert encoded(inputs, rows).tobytes() == given.tobytes()
    for order, row in zip(orders, rows, strict=True):
        for each, value in zip(inputs, row, strict=True):
            assert value == order.get(each.name) or (
                each.unknown == "none" and {value, order[each.name]}.isdisjoint(each.values)
            )


@settings(max_examples=50)
@given(st.data())
def test_a_raw_order_has_the_same_features_alone_and_in_any_batch(data):
    inputs, made = data.draw(preparations())
    orders = data.draw(raw_orders(inputs, most=12))
    together = Preparation(inputs, made)(matrix(inputs, orders))
    for order, row in zip(orders, together, strict=True):
        assert Preparation(inputs, made)(matrix(inputs, [order])).tobytes() == row.tobytes()


def test_an_input_that_is_missing_has_its_fill_and_an_unknown_category_no_indicator():
    by_name = [dict(zip((each.name for each in FEATURES), row, strict=True)) for row in features(INPUTS, FEATURES, ORDERS)]
    assert [each["backlog"] for each in by_name] == [3.0, 4.5, 4.5, 61.5]
    assert [each["backlog_missing"] for each in by_name] == [0.0, 1.0, 1.0, 0.0]
    assert [(each["depot_EWR"], each["depot_JFK"], each["depot_missing"]) for each in by_name] == [
        (1.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0),
    ]
    assert [(each["size_S"], each["size_L"]) for each in by_name] == [(0.0, 1.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]
    assert [each["month_sin"] for each in by_name][1] == 0.0


def test_ranges_are_those_of_inputs_and_what_is_missing_is_not_out_of_range():
    found = raw_model().score(Batch([order["order_id"] for order in ORDERS], matrix(INPUTS, ORDERS)))
    names = [[INPUTS[at].name for at in np.flatnonzero(row)] for row in found.out_of_range]
    assert names == [[], [], ["month"], ["backlog"]]


@pytest.mark.parametrize("distance", [-1.0, -1.5, -1e300])
def test_an_order_whose_input_has_no_logarithm_gets_no_finite_score(distance):
    order = ORDERS[0] | {"distance": distance}
    assert raw_model().score(Batch(["A"], matrix(INPUTS, [order]))).finite.tolist() == [False]


def test_a_fill_alone_needs_a_preparation():
    inputs = (Input("backlog", missing=4.0),)
    assert features(inputs, (Feature("backlog", "backlog"),), [{}, {"backlog": 2.0}]) == [[4.0], [2.0]]
    assert raw_model(inputs, (Feature("backlog", "backlog"),), {"backlog": 1.0}).manifest.prepared


@pytest.mark.parametrize(("name", "value"), [("carrier", "ZZ"), ("carrier", None), ("distance", None), ("month", "7")])
def test_a_self_test_holds_only_what_an_order_may_hold(name, value):
    model = raw_model()
    row = tuple(value if each.name == name else ORDERS[0][each.name] for each in INPUTS)
    test = replace(model.manifest.self_test, orders=(row,))
    with pytest.raises(SelfTestFailed):
        replace(model, manifest=replace(model.manifest, self_test=test)).check_self_test()
