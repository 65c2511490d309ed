"""The self-test of a model that makes features of raw orders. That of any other model is in test_arrays.py."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.artifact import model_file
from model.core.manifest import Feature, Input
from model.importers import self_test
from tests.raw_orders import preparations, raw_model, raw_orders


def column(of, *features):
    """The values of this input, of which a model makes these features."""
    model = raw_model([of, Input("x")], [*features, Feature("x", "x")], {of.name: (of.values or (1.0,))[0], "x": 1.0})
    return [row[0] for row in self_test.of_model(model).orders]


@settings(max_examples=100)
@given(st.data())
def test_it_has_every_category_every_indicated_number_and_a_gap_of_every_optional_input_and_passes(data):
    inputs, features = data.draw(preparations())
    (order,) = data.draw(raw_orders(inputs, most=1))
    model = raw_model(inputs, features, order)
    test = self_test.of_model(model)
    assert None not in test.orders[0]
    for each, found in zip(inputs, zip(*test.orders, strict=True), strict=True):
        assert (None in found) == each.optional
        assert each.kind == "number" or set(found) - {None} == set(each.values)
        assert {value for feature in features if feature.of == each.name for value in feature.values} <= set(found)
    model_file.loads(model_file.dumps(replace(model, manifest=replace(model.manifest, self_test=test))))


MONTH, SIN = Input("month", minimum=1.0, maximum=12.0), Feature("sin", "month", "sin", period=12.0)
NUMBERS = {
    "the mean of its own feature": (column(MONTH, Feature("same", "month"), SIN), [0.0, -0.5, 0.5, 1.0, 12.0]),
    "the middle of its range": (column(MONTH, SIN), [6.5, 6.5, 6.5, 1.0, 12.0]),
    "its only end": (column(replace(MONTH, maximum=None), SIN), [1.0] * 5),
    "nothing but zero": (column(Input("month"), SIN), [0.0] * 5),
    "a gap": (column(replace(MONTH, missing=3.0), SIN), [6.5, None, 6.5, 6.5, 1.0, 12.0]),
    "indicated numbers": (
        column(MONTH, Feature("summer", "month", "is", (7.0, 8.0))),
        [6.5, 6.5, 6.5, 1.0, 12.0, 7.0, 8.0],
    ),
    "numbers with a logarithm": (column(Input("d", minimum=-9.0, maximum=1.0), Feature("l", "d", "log1p")), [1.0] * 5),
    "no number with one": (column(Input("d", maximum=-9.0), Feature("l", "d", "log1p")), [0.0] * 5),
}


@pytest.mark.parametrize(("found", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_has_what_is_known_of_its_values(found, expected):
    assert found == expected


def test_of_many_categories_a_wide_model_has_as_many_orders_as_are_quick():
    values = tuple(map(str, range(300)))
    of = Input("carrier", kind="category", values=values)
    assert column(of, *(Feature(f"is_{value}", "carrier", "is", (value,)) for value in values)) == [*values[:13]]
    assert column(of, Feature("any", "carrier", "is", values)) == [*values]
