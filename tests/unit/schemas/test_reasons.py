"""The reasons of an order: which inputs they name, in which order and in which words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.encoding import UNKNOWN
from schemas.explanation import Reason
from schemas.reasons import ReasonWriter
from tests.raw_orders import raw_model

MODEL = raw_model()
WRITER = ReasonWriter(MODEL)
NAMES = MODEL.manifest.input_names
MEAN = float(MODEL.standardizer.mean[0])
MISSING = float("nan")


def plain_kind(name, value):
    """The side and the words of a value, by the text of the documentation alone."""
    of = MODEL.manifest.inputs[NAMES.index(name)]
    if np.isnan(value):
        return None, f"{name} missing"
    if of.kind == "category":
        return None, f"{name} unknown" if value == UNKNOWN else f"{name} {of.values[int(value)]}"
    if name == "backlog" and value != MEAN:
        side = "above" if value > MEAN else "below"
        return side, f"{name} {side} typical"
    return None, name


def plain_reasons(values, contributions):
    raising = [at for at, each in enumerate(contributions) if 0 < each < float("inf")]
    ranked = sorted(raising, key=lambda at: (-contributions[at], at))[:4]
    return [Reason(NAMES[at], contributions[at], *plain_kind(NAMES[at], values[at])) for at in ranked]


numbers = st.sampled_from([0.0, 0.5, 1.0, -1.0, 2.0, MISSING, float("inf"), -0.0, 1e308, -1e308]) | st.floats(-9, 9)
rows = st.tuples(
    numbers,
    numbers,
    *(st.sampled_from([UNKNOWN, MISSING, *map(float, range(len(each.values)))]) for each in MODEL.manifest.inputs[2:5]),
    numbers,
)
orders = st.lists(st.tuples(rows, st.tuples(*[numbers] * len(NAMES))), max_size=12)


@given(orders)
def test_reasons_are_the_greatest_contributions_over_zero_in_the_words_of_the_values(drawn):
    x = np.array([values for values, _ in drawn]).reshape(-1, len(NAMES))
    contributions = np.array([each for _, each in drawn]).reshape(-1, len(NAMES))
    expected = [plain_reasons(values, each) for values, each in drawn]
    assert WRITER.reasons(x, contributions) == expected
    one_by_one = [WRITER.reasons(x[at : at + 1], contributions[at : at + 1])[0] for at in range(len(drawn))]
    assert one_by_one == expected


@pytest.mark.parametrize("orders", [1, 9])
def test_a_number_at_its_mean_is_on_no_side(orders):
    values = np.array([[MEAN, 1.0, 0.0, 0.0, 0.0, 1.0]] * orders)
    found = WRITER.reasons(values, np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]] * orders))
    assert found == [[Reason("backlog", 1.0, None, "backlog")]] * orders
