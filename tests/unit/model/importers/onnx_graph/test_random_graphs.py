"""Random graphs of all operators get the logits that onnx.reference computes.

The difference is relative to what is added up for a logit, all of it with the same sign: float64 sums differ in their order.
"""

from collections import Counter

import numpy as np
import pytest

from model.core.encoding import encoded
from model.importers.onnx_graph.operators import OPERATORS
from tests.onnx_files import imported
from tests.onnx_graphs import evaluated, in_double, magnitudes, random_graph

GRAPHS = 200
TYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "float"])


def differences(graph, case, model):
    """(n,): how far the logits of a model are from those of this graph, relative to what is added up; and its outputs."""
    logits, score = evaluated(graph, case.rows, case.logits, case.score)
    found = model.outputs(encoded(model.manifest.inputs, case.rows))
    expected = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
    relative = np.abs(found.logits[:, 0] - expected) / magnitudes(case.model, case.rows, case.logits)
    return relative, found.outputs[:, 0], score if score.ndim == 1 else score[:, -1]


@TYPES
def test_random_graphs_get_the_logits_and_scores_that_onnx_computes(dtype, tmp_path):
    within = 1e-15 if dtype is np.float64 else 1e-6
    for seed in range(GRAPHS):
        case = random_graph(seed, dtype)
        model = imported(case.model, tmp_path, case.names)
        relative, outputs, score = differences(case.model, case, model)
        assert relative.max() <= within, seed
        np.testing.assert_allclose(outputs, score, rtol=100 * within, atol=100 * within, err_msg=str(seed))


def test_random_float_graphs_get_the_logits_of_the_same_numbers_in_double(tmp_path):
    for seed in range(GRAPHS):
        case = random_graph(seed, np.float32)
        relative, *_ = differences(in_double(case.model), case, imported(case.model, tmp_path, case.names))
        assert relative.max() <= 1e-15, seed


@TYPES
def test_the_random_graphs_have_every_operator_that_is_accepted(dtype):
    nodes = (node for seed in range(GRAPHS) for node in random_graph(seed, dtype).model.graph.node)
    found = Counter(f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in nodes)
    assert found.keys() == OPERATORS.keys()
    assert min(found.values()) >= 10
