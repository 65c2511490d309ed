import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.bisection import bisected
from tests.models import ANY_FINITE

LARGEST = sys.float_info.max


@given(st.lists(st.tuples(ANY_FINITE, ANY_FINITE, ANY_FINITE, st.floats()).filter(lambda each: min(each[:3]) < max(each[:3]))))
def test_the_neighbours_around_the_point_where_a_condition_becomes_true_are_found(drawn):
    bounds = [sorted(each[:3]) for each in drawn]
    low, middle, high = np.array(bounds).reshape(-1, 3).T
    begins = np.where(low < middle, middle, np.nextafter(low, np.inf))  # the first number that is beyond
    below, above = bisected(low, high, np.array([each[3] for each in drawn]), lambda at, numbers: numbers >= begins[at])
    assert above.tolist() == begins.tolist()
    assert below.tolist() == [math.nextafter(each, -math.inf) for each in begins.tolist()]


@pytest.mark.parametrize("expected", [0.5, 0.7, 0.0, -1.0, math.nan, math.inf])
def test_a_condition_that_changes_often_is_false_below_and_true_above(expected):
    def beyond(_, numbers):
        return numbers * 2**40 % 3.0 < 1.5 + numbers

    assert beyond(0, np.array([0.499, 0.999])).tolist() == [False, True]
    below, above = bisected(np.array([0.499]), np.array([0.999]), np.array([expected]), beyond)
    assert above == np.nextafter(below, np.inf)
    assert not beyond(0, below)
    assert beyond(0, above)


def test_a_close_expectation_takes_few_steps_and_a_wrong_one_not_many():
    def steps(expected):
        asked = []
        low, high, near = np.array([[-LARGEST], [LARGEST], [expected]])
        bisected(low, high, near, lambda _, numbers: asked.extend(numbers) or numbers >= 0.1)
        return len(asked)

    assert steps(0.1 + 1e-16) <= 7
    assert steps(math.nan) <= 70
