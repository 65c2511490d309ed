"""Mutants of ONNX files are rejected by a ModelError, or get the scores that onnx.reference computes of them."""

import random

import numpy as np
import onnx
import pytest

from model.core.encoding import encoded
from model.errors import ModelError
from tests.mutated_graphs import mutant
from tests.onnx_files import export, imported
from tests.onnx_graphs import evaluated, in_double, magnitudes, random_graph

FILES = (
    *("sklearn_double", "sklearn_float", "sklearn_columns_double", "sklearn_tanh_zipmap", "sklearn_chosen"),
    *("torch_script_relu_double", "torch_script_leaky_softmax_float", "torch_script_columns_double"),
    *("torch_dynamo_gelu_double", "keras_relu"),
)


def subjects():
    """The bytes of files, with the names of their columns and rows of orders."""
    for name in FILES:
        found = export(name)
        yield found.path.read_bytes(), found.features, found.orders
    for seed in range(20):
        case = random_graph(seed)
        yield case.model.SerializeToString(), case.names, case.rows


def is_taken(row, model):
    """Whether the model takes an order: a mutant may have lost its Imputer, or reject categories that are unknown."""
    try:
        encoded(model.manifest.inputs, [row])
    except (KeyError, ValueError):
        return False
    return True


def agrees(data, rows, model):
    """Whether a model gives the rows what the graph in these bytes computes for one of its outputs."""
    rows = [row for row in rows if is_taken(row, model)]
    graph = in_double(onnx.load_model_from_string(data))
    sources = {node.output[0]: node.input[0] for node in graph.graph.node if node.op_type == "ZipMap"}
    if not rows:
        return True
    wanted = [sources.get(each.name, each.name) for each in graph.graph.output]
    found = model.outputs(encoded(model.manifest.inputs, rows))
    outputs = found.outputs if found.outputs.shape[1] > 1 else found.outputs[:, 0]
    for name in wanted:
        try:
            (expected,) = evaluated(graph, rows, name)
        except Exception:  # A label may be beyond the classes; the score is another output.
            continue
        if expected.dtype.kind != "f" or expected.ndim not in (1, 2):
            continue
        if expected.ndim == 2 and outputs.ndim == 1:
            expected = expected[:, -1]
        if expected.shape != outputs.shape:
            continue
        size = magnitudes(graph, rows, name)
        within = 1e-14 * np.maximum(size, 1.0).reshape(-1, *[1] * (outputs.ndim - 1))
        close = np.abs(outputs - expected) <= within
        if (close | ~np.isfinite(within) | ~found.finite.reshape(within.shape)).all():
            return True
    return False


@pytest.mark.parametrize("mutants", [5_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_a_mutant_is_rejected_or_gets_the_scores_that_onnx_computes(mutants, tmp_path):
    draw, files = random.Random(18), list(subjects())
    accepted = changed = 0
    reasons: list[str] = []
    for number in range(mutants):
        data, names, rows = draw.choice(files)
        changed_data = mutant(data, draw)
        try:
            model = imported(changed_data, tmp_path, names)
        except ModelError as error:
            reasons.append(str(error))
            continue
        accepted += 1
        changed += changed_data != data
        assert agrees(changed_data, rows, model), number
    assert all(map(str.isprintable, reasons))
    assert accepted > changed > mutants // 20
