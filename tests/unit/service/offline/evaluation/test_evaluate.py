"""Groups of an evaluation: which orders count, and how much."""

from dataclasses import replace

import numpy as np
import pytest

from model.artifact import model_file
from service.offline.evaluation.evaluate import evaluate
from service.offline.evaluation.orders import EvaluatedOrders
from tests.model_files import GOOD

SCORES = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
LATE = np.array([True, False, True, False, True])
NONE = np.zeros(5, np.bool_)
DAYS = np.array([0, 0, 1, 1, 1], np.intp)
ACTED = np.array([True, False, False, False, False])
ORDERS = EvaluatedOrders([*"abcde"], np.empty((5, 0)), SCORES, LATE, NONE, ACTED, NONE, 0.0, DAYS, ["1", "2"], {})


def brier(orders, group):
    found = evaluate(orders, model_file.loads(GOOD), "file", resamples=10)
    (wanted,) = (each for each in found.groups if each.name == group)
    return wanted.metrics["brier"].value


def test_untouched_orders_are_those_that_nobody_acted_on():
    assert brier(ORDERS, "untouched") == pytest.approx(np.mean((SCORES - LATE)[1:] ** 2))


def test_one_order_of_a_holdout_stands_for_all_that_were_reviewed_like_it():
    review, holdout = np.arange(5) < 2, np.arange(5) == 2
    orders = replace(ORDERS, review=review, holdout=holdout, share=0.25)
    squares = (SCORES - LATE) ** 2
    assert brier(orders, "untouched") == pytest.approx((4 * squares[2] + squares[3] + squares[4]) / 6)
