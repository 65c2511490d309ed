"""Files changed at random: each is refused as a ModelError or gives the same model. The seed is fixed, so are the files."""

import random

import numpy as np
import pytest

from model import artifact
from model.default import default_model
from model.errors import ModelError
from tests.model.surgery import GOOD, changed, members, with_manifest

ROUNDS = 600


def flip(data, dice):
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def overwrite(data, dice):
    place = dice.randrange(len(data))
    return data[:place] + dice.randbytes(dice.randint(1, 8)) + data[place + 8 :]


def zero(data, dice):
    place = dice.randrange(len(data))
    return data[:place] + bytes(len(data[place : place + 16])) + data[place + 16 :]


def cut(data, dice):
    return data[: dice.randrange(len(data))]


def remove(data, dice):
    start, end = sorted(dice.sample(range(len(data)), 2))
    return data[:start] + data[end:]


def repeat(data, dice):
    start, end = sorted(dice.sample(range(len(data)), 2))
    return data[:end] + data[start:]


CHANGES = [flip, overwrite, zero, cut, remove, repeat]


def loaded(data):
    """The model, or None where it was refused. Any other error is the test's to report."""
    try:
        return artifact.loads(data)
    except ModelError:
        return None


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_changed_at_random_is_refused_or_gives_the_same_model(change):
    dice, good = random.Random(20), default_model()
    for _ in range(ROUNDS):
        model = loaded(change(GOOD, dice))
        if model is not None:
            assert model.manifest == good.manifest
            assert artifact.dumps(model) == GOOD


@pytest.mark.parametrize("name", members())
@pytest.mark.parametrize("change", [flip, overwrite, cut, repeat])
def test_a_header_changed_at_random_under_a_sound_checksum_is_refused_or_gives_the_same_model(change, name):
    dice, content = random.Random(4), members()[name]
    for _ in range(ROUNDS // 12):
        model = loaded(changed({name: change(content[:128], dice) + content[128:]}))
        assert model is None or artifact.dumps(model) == GOOD


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_changed_at_random_under_a_sound_checksum_is_refused_or_can_be_written_again(change):
    dice, text = random.Random(11), members()["manifest.npy"][128:]
    for _ in range(ROUNDS // 6):
        model = loaded(with_manifest(change(text, dice)))
        assert model is None or artifact.loads(artifact.dumps(model)).manifest == model.manifest


@pytest.mark.parametrize("name", ["mean", "scale", "w1", "b1", "w2", "b2"])
def test_a_number_changed_at_random_under_a_sound_checksum_leaves_only_finite_numbers(name):
    dice, content = random.Random(5), members()[f"{name}.npy"]
    for _ in range(ROUNDS // 12):
        model = loaded(changed({f"{name}.npy": content[:128] + overwrite(content[128:], dice)}))
        if model is not None:
            assert np.isfinite(model.outputs(np.array([[2.0, 3.0, 1.0]])).outputs).all()
