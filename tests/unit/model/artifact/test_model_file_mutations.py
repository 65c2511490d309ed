"""Files changed at random: each raises a ModelError or gives the same model. The seeds are fixed, so the files are too."""

import gc
import itertools
import json
import random
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from model.artifact import manifest, model_file
from model.core.network import Network
from model.errors import ModelError
from tests.model_files import GOOD, changed, document, members, referred_document, with_manifest, zipped
from tests.models import SMOOTH, layer, model_of, one_input, reference_of
from tests.mutated_bodies import BYTES
from tests.raw_orders import raw_model


def field(data, dice):
    """Another number in a header, an entry or the end record of the zip, near the old one or anywhere."""
    start = dice.choice([mark.start() for mark in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)])
    offset = min(start + dice.randrange(4, 43), len(data) - 4)
    form = dice.choice(["<L", "<H"])
    size = struct.calcsize(form)
    near = struct.unpack_from(form, data, offset)[0] + dice.randint(-64, 64)
    number = dice.choice([dice.getrandbits(8 * size), near, 0, 2 ** (8 * size) - 1]) % 2 ** (8 * size)
    return data[:offset] + struct.pack(form, number) + data[offset + size :]


CHANGES = [*BYTES, field]


def drawn(seed, sizes, activations, head="sigmoid"):
    """A network of these sizes, its numbers drawn at random."""
    dice = random.Random(seed)
    layers = [
        layer([[dice.gauss(0, 0.5) for _ in range(inputs)] for _ in range(units)], [0.1] * units, activation)
        for inputs, units, activation in zip(sizes[:-1], sizes[1:], activations, strict=True)
    ]
    return model_file.dumps(model_of(Network(layers), mean=[0.5] * sizes[0], scale=[2.0] * sizes[0], head=head))


RAW = model_file.dumps(raw_model())
STORED = {
    "default": GOOD,
    "one number": drawn(1, [1, 1], ["linear"]),
    "wide": drawn(2, [12, 16, 1], ["leaky_relu", "linear"]),
    "deep": drawn(3, [2, 3, 3, 3, 3, 3, 3, 1], ["relu"] * 6 + ["linear"]),
    "every activation": drawn(4, [3] + [2] * len(SMOOTH), SMOOTH, "softmax"),
    "with a reference": model_file.dumps(one_input(baseline=reference_of(["f0"]))),
    "raw orders": RAW,
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


def held():
    """Bytes that are allocated now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("mutants", [1_584, pytest.param(33_264, marks=pytest.mark.long)])
def test_a_file_changed_at_random_is_rejected_or_gives_the_same_model_for_little_memory(mutants, request):
    tracemalloc.start()
    request.addfinalizer(tracemalloc.stop)
    written = {good: model_file.dumps(model_file.loads(good)) for good in FILES.values()}
    numbers = range(mutants // (len(CHANGES) * len(FILES)))
    served, seen, begun = 0, 0, held()
    for number, change, (name, good) in itertools.product(numbers, CHANGES, FILES.items()):
        dice = random.Random(f"{number} {name}")
        while (data := change(good, dice)) == good:
            pass
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        model = loaded(data)
        assert tracemalloc.get_traced_memory()[1] - before < 2**20, (number, name)
        assert model is None or model_file.dumps(model) == written[good], (number, name)
        served, seen = served + (model is not None), seen + 1
    del good, data, model
    assert held() - begun < 2**18
    assert seen == mutants
    assert mutants / 1000 < served < mutants / 10


@pytest.mark.parametrize("name", members())
@pytest.mark.parametrize("change", BYTES)
def test_a_header_changed_at_random_under_a_valid_checksum_is_rejected_or_gives_the_same_model(change, name):
    dice, content = random.Random(4), members()[name]
    for _ in range(50):
        model = loaded(changed({name: change(content[:128], dice) + content[128:]}))
        assert model is None or model_file.dumps(model) == GOOD


MANIFESTS = {
    "plain": (GOOD, json.dumps(document()).encode()),
    "reference": (GOOD, json.dumps(referred_document()).encode()),
    "format 2": (RAW, manifest.write(raw_model().manifest)),
}


@pytest.mark.parametrize(("data", "text"), MANIFESTS.values(), ids=MANIFESTS)
@pytest.mark.parametrize("change", BYTES)
def test_a_manifest_changed_at_random_under_a_valid_checksum_is_rejected_or_can_be_written_again(change, data, text):
    dice = random.Random(11)
    for _ in range(100):
        model = loaded(with_manifest(change(text, dice), data))
        assert model is None or model_file.loads(model_file.dumps(model)).manifest == model.manifest


@pytest.mark.parametrize("name", ["mean", "scale", "w1", "b1", "w2", "b2"])
def test_a_number_changed_at_random_under_a_valid_checksum_leaves_only_finite_numbers(name):
    dice, content = random.Random(5), members()[f"{name}.npy"]
    for _ in range(50):
        model = loaded(changed({f"{name}.npy": content[:128] + dice.choice(BYTES)(content[128:], dice)}))
        assert model is None or np.isfinite(model.outputs(np.array([[2.0, 3.0, 1.0]])).outputs).all()
