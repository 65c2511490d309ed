"""The same bits on every machine: literal scores and contributions, in this process and in others with other instructions."""

import hashlib
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from model.core.activations import HEADS
from model.core.arithmetic import ARITHMETIC
from model.core.batch import Floats
from model.core.network import Layer, Network
from model.core.standardizer import Standardizer
from tests import committed_bits, oracle
from tests.exact_lines import exact_line
from tests.facts import ROOT
from tests.models import layer, model_of

COMMITTED = "748299acfea5304f0142eca75d7766979f47f9663ede2870f6f96b3167ce6015"


def engine(mean, scale, layers, orders, batch=1000) -> tuple[Floats, Floats]:
    """Last activations (n, outputs), and the sigmoid of them, computed in batches of this many orders."""
    network = Network([Layer(np.array(w, float), np.array(b, float), name) for w, b, name in layers])
    x = Standardizer(np.array(mean, float), np.array(scale, float), [""] * len(mean))(np.array(orders, float))
    batches = [[*network.forward(x[start : start + batch])][-1].activations for start in range(0, len(x), batch)]
    scores = [HEADS["sigmoid"](np.ascontiguousarray(logits.T)).T for logits in batches]
    return np.concatenate(batches), np.concatenate(scores)


def lines(name, batch=1000):
    logits, scores = engine(*committed_bits.network(name), batch)
    return [f"{logit.hex()} {score.hex()}" for (logit,), (score,) in zip(logits.tolist(), scores.tolist(), strict=True)]


@pytest.mark.parametrize("batch", [1, 2, 13, 129, 1000])
@pytest.mark.parametrize("name", committed_bits.NETWORKS)
def test_a_thousand_orders_of_a_network_have_the_committed_bits_in_batches_of_any_size(name, batch):
    assert lines(name, batch) == committed_bits.expected(name)
    assert len(committed_bits.expected(name)) == 1000


@pytest.mark.parametrize("name", ["3-3-1", "9-16-1", "9-17-1"])
def test_the_committed_bits_are_those_of_the_oracle(name):
    assert committed_bits.computed(name) == committed_bits.expected(name)


def contribution_lines(name, batch=1000, times=1):
    """The contributions of the explained orders, all of them this many times, in batches of this many."""
    mean, scale, layers, orders = committed_bits.network(name)
    model = model_of(Network([layer(*each) for each in layers]), mean, scale)
    zscores = model.standardizer(np.tile(orders[: committed_bits.EXPLAINED[name]], (times, 1)))
    batches = [model.explainer.contributions(zscores[start : start + batch]) for start in range(0, len(zscores), batch)]
    return [" ".join(one.hex() for one in row) for row in np.concatenate(batches).tolist()]


@pytest.mark.parametrize(("batch", "times"), [(1, 1), (2, 1), (13, 1), (129, 20), (10_000, 30)])
@pytest.mark.parametrize("name", committed_bits.EXPLAINED)
def test_contributions_have_the_committed_bits_in_batches_of_any_size(name, batch, times):
    assert contribution_lines(name, batch, times) == committed_bits.expected_contributions(name) * times
    assert len(committed_bits.expected_contributions(name)) == committed_bits.EXPLAINED[name]


@pytest.mark.parametrize("name", committed_bits.EXPLAINED)
def test_the_committed_contributions_are_those_of_the_oracle(name):
    assert committed_bits.computed_contributions(name) == committed_bits.expected_contributions(name)


@pytest.mark.parametrize(("name", "orders"), [("3-3-1", 100), pytest.param("20-64-32-1", 2, marks=pytest.mark.long)])
def test_the_committed_contributions_are_those_of_fractions(name, orders):
    mean, scale, layers, rows = committed_bits.network(name)
    for row, committed in list(zip(rows, committed_bits.expected_contributions(name), strict=False))[:orders]:
        zscores = oracle.zscores(row, mean, scale)
        line = exact_line(layers, [0.0] * len(zscores), zscores)
        exact = [gradient * Fraction(z) for gradient, z in zip(line.gradient, zscores, strict=True)]
        limit = 1e-12 * float(abs(line.outputs[0]) + sum(map(abs, exact)))
        found = [float.fromhex(one) for one in committed.split()]
        assert found == pytest.approx([float(one) for one in exact], rel=0.0, abs=limit)


def test_other_bits_have_another_number():
    digest = hashlib.sha256()
    for path in sorted(committed_bits.FOLDER.iterdir()):
        digest.update(path.read_bytes())
    assert (ARITHMETIC, digest.hexdigest()) == (1, COMMITTED), "raise ARITHMETIC with bits that change, and note both here"


SETTINGS = [
    {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
    {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"},
    {"OPENBLAS_CORETYPE": "Prescott"},
    {"OPENBLAS_CORETYPE": "Haswell"},
    {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "1"},
]
PROGRAM = """
from tests import committed_bits
from tests.integration.model.test_bits import contribution_lines, lines
for batch in (1, 1000):
    assert all(lines(name, batch) == committed_bits.expected(name) for name in committed_bits.NETWORKS)
    for name in committed_bits.EXPLAINED:
        assert contribution_lines(name, batch) == committed_bits.expected_contributions(name)
print(True)
"""


@pytest.mark.parametrize("setting", SETTINGS, ids=[" ".join(f"{k}={v}" for k, v in setting.items()) for setting in SETTINGS])
def test_other_processors_instructions_give_the_same_bits(setting):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **setting}, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
