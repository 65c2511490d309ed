"""Files changed at random: each raises a ModelError or gives the same model. The seeds are fixed, so the files are too."""

import gc
import json
import random
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from model.artifact import model_file
from model.core.network import Network
from model.errors import ModelError
from tests.model_files import GOOD, changed, members, referred_document, with_manifest, zipped
from tests.models import SMOOTH, layer, model_of, one_input, reference_of

ROUNDS = 600


def flip(data, dice):
    offset = dice.randrange(len(data))
    return data[:offset] + bytes([data[offset] ^ 1 << dice.randrange(8)]) + data[offset + 1 :]


def flips(data, dice):
    for _ in range(dice.randint(2, 9)):
        data = flip(data, dice)
    return data


def overwrite(data, dice):
    offset = dice.randrange(len(data))
    return data[:offset] + dice.randbytes(dice.randint(1, 8)) + data[offset + 8 :]


def zero(data, dice):
    offset = dice.randrange(len(data))
    return data[:offset] + bytes(len(data[offset : offset + 16])) + data[offset + 16 :]


def insert(data, dice):
    offset = dice.randrange(len(data) + 1)
    return data[:offset] + dice.randbytes(dice.randint(1, 64)) + data[offset:]


def cut(data, dice):
    return data[: dice.randrange(len(data))]


def remove(data, dice):
    start, end = sorted(dice.sample(range(len(data)), 2))
    return data[:start] + data[end:]


def drop(data, dice):
    offset = dice.randrange(len(data))
    return data[:offset] + data[offset + dice.randint(1, 4) :]


def repeat(data, dice):
    start, end = sorted(dice.sample(range(len(data)), 2))
    return data[:end] + data[start:]


def swap(data, dice):
    start, middle, other, end = sorted(dice.choices(range(len(data) + 1), k=4))
    return data[:start] + data[other:end] + data[middle:other] + data[start:middle] + data[end:]


def field(data, dice):
    """Another number in a header, an entry or the end record of the zip, near the old one or anywhere."""
    start = dice.choice([mark.start() for mark in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)])
    offset = min(start + dice.randrange(4, 43), len(data) - 4)
    form = dice.choice(["<L", "<H"])
    size = struct.calcsize(form)
    near = struct.unpack_from(form, data, offset)[0] + dice.randint(-64, 64)
    number = dice.choice([dice.getrandbits(8 * size), near, 0, 2 ** (8 * size) - 1]) % 2 ** (8 * size)
    return data[:offset] + struct.pack(form, number) + data[offset + size :]


CHANGES = [flip, flips, overwrite, zero, insert, cut, remove, drop, repeat, swap, field]


def drawn(seed, sizes, activations, head="sigmoid"):
    """A network of these sizes, its numbers drawn at random."""
    dice = random.Random(seed)
    layers = [
        layer([[dice.gauss(0, 0.5) for _ in range(inputs)] for _ in range(units)], [0.1] * units, activation)
        for inputs, units, activation in zip(sizes[:-1], sizes[1:], activations, strict=True)
    ]
    return model_file.dumps(model_of(Network(layers), mean=[0.5] * sizes[0], scale=[2.0] * sizes[0], head=head))


STORED = {
    "default": GOOD,
    "one number": drawn(1, [1, 1], ["linear"]),
    "wide": drawn(2, [12, 16, 1], ["leaky_relu", "linear"]),
    "deep": drawn(3, [2, 3, 3, 3, 3, 3, 3, 1], ["relu"] * 6 + ["linear"]),
    "every activation": drawn(4, [3] + [2] * len(SMOOTH), SMOOTH, "softmax"),
    "with a reference": model_file.dumps(one_input(baseline=reference_of(["f0"]))),
    "layers of one unit": drawn(5, [1, 1, 1, 1], ["tanh", "tanh", "linear"], "identity"),
}
FILES = {f"{name}, stored": data for name, data in STORED.items()}
FILES |= {f"{name}, deflated": zipped(members(data).items(), zipfile.ZIP_DEFLATED) for name, data in STORED.items()}


def loaded(data):
    """The model, or None where it was rejected. Any other error is the test's to report."""
    try:
        return model_file.loads(data)
    except ModelError:
        return None


def mutant(seed):
    """A good file and what became of it; the seed is the change, a number, and the file's name."""
    change, _, name = seed.split(" ", 2)
    dice, good = random.Random(seed), FILES[name]
    data = good
    while data == good:
        data = next(each for each in CHANGES if each.__name__ == change)(good, dice)
    return good, data


def held():
    """Bytes that are allocated now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mutants", [1_540, pytest.param(33_110, marks=pytest.mark.long)])
def test_a_file_changed_at_random_is_rejected_or_gives_the_same_model_for_little_memory(mutants):
    numbers = range(mutants // (len(CHANGES) * len(FILES)))
    seeds = [f"{change.__name__} {number} {name}" for number in numbers for change in CHANGES for name in FILES]
    assert len(seeds) == mutants
    written = {good: model_file.dumps(model_file.loads(good)) for good in FILES.values()}
    served, begun = 0, held()
    for seed in seeds:
        good, data = mutant(seed)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        model = loaded(data)
        assert tracemalloc.get_traced_memory()[1] - before < 2**20, seed
        assert model is None or model_file.dumps(model) == written[good], seed
        served += model is not None
    del good, data, model
    assert held() - begun < 2**18
    assert mutants / 1000 < served < mutants / 10


@pytest.mark.parametrize("name", members())
@pytest.mark.parametrize("change", [flip, overwrite, cut, repeat])
def test_a_header_changed_at_random_under_a_valid_checksum_is_rejected_or_gives_the_same_model(change, name):
    dice, content = random.Random(4), members()[name]
    for _ in range(ROUNDS // 12):
        model = loaded(changed({name: change(content[:128], dice) + content[128:]}))
        assert model is None or model_file.dumps(model) == GOOD


@pytest.mark.parametrize(
    "text", [members()["manifest.npy"][128:], json.dumps(referred_document()).encode()], ids=["", "reference"]
)
@pytest.mark.parametrize("change", CHANGES[:-1])
def test_a_manifest_changed_at_random_under_a_valid_checksum_is_rejected_or_can_be_written_again(change, text):
    dice = random.Random(11)
    for _ in range(ROUNDS // 6):
        model = loaded(with_manifest(change(text, dice)))
        assert model is None or model_file.loads(model_file.dumps(model)).manifest == model.manifest


@pytest.mark.parametrize("name", ["mean", "scale", "w1", "b1", "w2", "b2"])
def test_a_number_changed_at_random_under_a_valid_checksum_leaves_only_finite_numbers(name):
    dice, content = random.Random(5), members()[f"{name}.npy"]
    for _ in range(ROUNDS // 12):
        model = loaded(changed({f"{name}.npy": content[:128] + overwrite(content[128:], dice)}))
        if model is not None:
            assert np.isfinite(model.outputs(np.array([[2.0, 3.0, 1.0]])).outputs).all()
