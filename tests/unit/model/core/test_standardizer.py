import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.standardizer import Standardizer
from model.errors import NotFinite, ScaleNotPositive, ShapeMismatch
from tests import oracle
from tests.model_files import SECRET_NUMBER, rejects


def standardizer(mean, scale):
    return Standardizer(np.array(mean), np.array(scale), ("backlog", "distance"))


@given(st.lists(st.floats(-1e290, 1e290), min_size=2, max_size=2), st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=2))
def test_zscores_are_those_of_plain_arithmetic_bit_for_bit(order, scale):
    zscores = standardizer([3.0, -0.125], scale)(np.array([order]))
    assert zscores.tolist() == [oracle.zscores(order, [3.0, -0.125], scale)]


def test_the_smallest_normal_scale_is_accepted():
    tiny = np.finfo(np.float64).tiny
    assert standardizer([0.0, 0.0], [1.0, tiny])(np.array([[0.0, tiny]])).tolist() == [[0.0, 1.0]]


LOW = (0.0, -SECRET_NUMBER, 2.2e-308)
UNUSABLE = [
    *(([0.0, np.nan], [1.0, 1.0], NotFinite, "mean", "distance"), ([np.inf, 0.0], [1.0, 1.0], NotFinite, "mean", "backlog")),
    *(([0.0, 0.0], [-np.inf, 1.0], NotFinite, "scale", "backlog"), ([0.0, 0.0], [1.0, np.nan], NotFinite, "scale", "distance")),
    *(([0.0, 0.0], [1.0, low], ScaleNotPositive, "scale", "distance") for low in LOW),
    *(([0.0, 0.0], [low, 1.0], ScaleNotPositive, "scale", "backlog") for low in (-0.0, 5e-324)),
    *((mean, [1.0, 1.0], ShapeMismatch, "mean", "") for mean in ([0.0], [[0.0, 0.0]])),
    *(([0.0, 0.0], scale, ShapeMismatch, "scale", "") for scale in ([1.0], 1.0, [1.0, 1.0, 1.0])),
]


@pytest.mark.parametrize(("mean", "scale", "error", "location", "feature"), UNUSABLE)
def test_a_mean_or_scale_that_cannot_be_used_is_rejected_by_its_feature(mean, scale, error, location, feature):
    with rejects(error, location) as rejected:
        standardizer(mean, scale)
    assert feature in rejected.value.reason
