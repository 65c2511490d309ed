"""The same bits on every machine: literal expected scores, in this process and in others with other instructions."""

import os
import subprocess
import sys

import numpy as np
import pytest

from model.batch import Floats
from model.heads import HEADS
from model.network import Layer, Network
from model.standardizer import Standardizer
from tests import bits
from tests.servers import ROOT


def engine(mean, scale, layers, orders) -> tuple[Floats, Floats]:
    """Last activations (n, outputs), and the sigmoid of them."""
    network = Network([Layer(np.array(w, float), np.array(b, float), name) for w, b, name in layers])
    x = Standardizer(np.array(mean, float), np.array(scale, float), [""] * len(mean))(np.array(orders, float))
    *_, last = network.forward(x)
    return last.activations, HEADS["sigmoid"](np.ascontiguousarray(last.activations.T)).T


def lines(name):
    logits, scores = engine(*bits.network(name))
    return [f"{logit.hex()} {score.hex()}" for (logit,), (score,) in zip(logits.tolist(), scores.tolist(), strict=True)]


@pytest.mark.parametrize("name", bits.NETWORKS)
def test_a_thousand_orders_of_a_network_have_the_committed_bits(name):
    assert lines(name) == bits.expected(name)
    assert len(bits.expected(name)) == 1000


def golden_lines():
    found = []
    for golden in bits.portable_goldens():
        last, _ = engine(golden.mean, golden.scale, golden.layers, golden.x)
        found.append(" ".join([golden.name, *(number.hex() for number in last.ravel().tolist())]))
    return found


def test_the_portable_goldens_have_the_committed_bits():
    assert golden_lines() == bits.expected("goldens")


def test_the_committed_bits_are_the_oracles():
    assert bits.goldens() == bits.expected("goldens")
    assert bits.computed("3-3-1") == bits.expected("3-3-1")


SETTINGS = [
    {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
    {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"},
    {"OPENBLAS_CORETYPE": "Prescott"},
    {"OPENBLAS_CORETYPE": "Haswell"},
    {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "1"},
]


PROGRAM = """
from tests import bits
from tests.model.test_bits import lines
print(all(lines(name) == bits.expected(name) for name in bits.NETWORKS))
"""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: " ".join(f"{k}={v}" for k, v in setting.items()))
def test_other_processors_instructions_give_the_same_bits(setting):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **setting}, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
