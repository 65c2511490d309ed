import numpy as np
import pytest

from model.core.activations import HEADS

LOGITS = np.array([[-2.0, 0.0, 3.5], [1.0, -1.0, 0.25]])


def test_the_identity_head_gives_the_logits():
    assert HEADS["identity"](LOGITS).tolist() == LOGITS.tolist()


def test_the_sigmoid_head_takes_every_output_by_itself():
    np.testing.assert_allclose(HEADS["sigmoid"](LOGITS), 1.0 / (1.0 + np.exp(-LOGITS)), rtol=1e-15)


def test_the_softmax_head_shares_one_among_the_outputs_of_each_order():
    np.testing.assert_allclose(HEADS["softmax"](LOGITS).sum(axis=0), [1.0, 1.0, 1.0], rtol=1e-15)


@pytest.mark.parametrize("logits", [[[-1e4]], [[1e4]], [[0.0]]])
def test_a_softmax_of_one_output_is_certain(logits):
    assert HEADS["softmax"](np.array(logits)).tolist() == [[1.0]]


def test_the_heads_are_three():
    assert set(HEADS) == {"sigmoid", "softmax", "identity"}
