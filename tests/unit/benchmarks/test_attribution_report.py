"""The figures of the benchmark of explanations."""

import numpy as np
import pytest

from tests.benchmarks.attribution_report import DEFINITIONS, OURS, Explained, completeness_error, first_reasons, rows

LAYERS = [(np.array([[1.0, 1.0]]), np.array([2.0])), (np.array([[1.0]]), np.array([-1.0]))]
"""The logit is max(0, x + y + 2) - 1, so that of the mean order is 1."""

ZSCORES = np.array([[1.0, 2.0], [3.0, -1.0]])
EXACT = [[1.0, 2.0], [3.0, -1.0]]


def explained(**others):
    """Every method, with the exact contributions where no others are given."""
    return {name: others.get(name.partition(" ")[0], Explained(np.array(EXACT), [2e-6, 2e-6, 2e-6])) for name in DEFINITIONS}


def test_contributions_that_add_up_to_the_logit_have_no_completeness_error():
    assert completeness_error(LAYERS, ZSCORES, np.array(EXACT)) == 0.0


@pytest.mark.parametrize(("wrong", "error"), [([[1.0, 2.0], [3.0, 0.0]], 1 / 4), ([[0.0, -1.0], [3.0, -1.0]], 4 / 2)])
def test_the_completeness_error_is_the_largest_of_all_orders(wrong, error):
    assert completeness_error(LAYERS, ZSCORES, np.array(wrong)) == error


def test_the_first_reason_is_the_largest_contribution_over_0():
    contributions = np.array([[1.0, 2.0], [2.0, -3.0], [2.0, 2.0], [-1.0, 0.0], [-1.0, -2.0]])
    assert first_reasons(contributions).tolist() == [1, 0, 0, -1, -1]


def test_a_row_has_the_time_of_an_order_and_how_many_first_reasons_differ():
    found = explained(loop=Explained(np.array([[2.0, 1.0], [3.0, -1.0]]), [6e-6, 8e-6, 9e-6]))
    found[OURS] = Explained(np.array(EXACT), [2e-6, 2e-6, 3e-6])
    ours, loop, *_ = rows("2-1-1", LAYERS, ZSCORES, found)
    assert ours[3:] == ["1.0", "1.0", "0e+00", "0.0 %"]
    assert loop[3:] == ["4.0", "3.0", "0e+00", "50.0 %"]


def test_a_method_that_does_not_run_has_no_figures():
    found = explained(**{"shap.ExactExplainer": Explained(np.array([]), [], "It takes 2**35 evaluations.")})
    marked = [row for row in rows("2-1-1", LAYERS, ZSCORES, found) if row[3:] == ["does not run", "", "", ""]]
    assert [row[1] for row in marked] == ["shap.ExactExplainer"]
