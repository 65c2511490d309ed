"""Files that an import meets."""

import errno
import os
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from model.artifact import model_file
from model.errors import ModelError, NotFinite, Unreadable
from model.importers.arrays import training_arrays
from tests.model_files import SECRET_TEXT, Trap, headed, npy
from tests.training_arrays import LABEL, arrays, saved_bytes, with_file


@pytest.mark.parametrize("name", ["w1", "feature_names", "extra"])
def test_objects_are_refused_without_being_unpickled(refusal, tmp_path, name):
    trap = np.empty((3, 2), object)
    trap[:] = Trap(tmp_path / "sprung")
    refused = refusal(arrays(3, **{name: trap}))
    assert (type(refused), refused.location) == (Unreadable, "model.npz")
    assert refused.reason.startswith(f"{name}: not a plain array; save texts by np.array(names, str)")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["README", "w3", f"{SECRET_TEXT}.txt", "feature_names"])
def test_a_file_among_the_arrays_that_is_no_array_is_refused(refusal, name):
    saved = arrays(3) if name != "feature_names" else arrays(3, feature_names=None)
    refusal(with_file(saved_bytes(saved), name, SECRET_TEXT))


def encrypted(data):
    """Every entry of the zip directory says so: bit 0 of the flags, 8 bytes in."""
    return re.sub(rb"(PK\x01\x02....)\x00", b"\\1\x01", data, flags=re.DOTALL)


def headed_mean(header):
    return with_file(saved_bytes(arrays(3, mean=None)), "mean.npy", headed(header, bytes(16)))


UNLOADABLE = {
    "encrypted": encrypted(saved_bytes(arrays(3))),
    "cut short": saved_bytes(arrays(3))[:-40],
    "a header that is never closed": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (2,"),
    "a header of brackets": headed_mean("(" * 900),
    "a header of code": headed_mean("__import__('os').abort()"),
    "a type that is an empty tuple": headed_mean("{'descr': (), 'fortran_order': False, 'shape': (2,), }"),
    "an extent that is a truth": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2), }"),
    "more promised than there is": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }"),
}


@pytest.mark.parametrize("data", UNLOADABLE.values(), ids=UNLOADABLE)
def test_a_file_that_numpy_cannot_load_is_refused(refusal, data):
    error = refusal(data)
    assert (type(error), error.location) == (Unreadable, "model.npz")


OVERFLOWING = {
    "to infinity": (arrays(w1=np.array([[1e308, 1e308]]), mean=np.array([1e3, 1e3])), "identity", "w1"),
    "to no number": (arrays(2, w1=np.array([[1e308, 0.0]] * 2), w2=np.array([[1e9, -1e9]])), "sigmoid", "w1"),
    "in the second layer": (arrays(2, w1=np.array([[1e300, 0.0]] * 2), w2=np.array([[1e9, -1e9]])), "sigmoid", "w2"),
    "in an order of its own": (arrays(mean=np.array([0.0, 1.5e308]), scale=np.array([1.0, 1e308])), "sigmoid", "distance"),
    "in a z-score": (arrays(scale=np.array([1e-304, 1.0]), w1=np.array([[0.0, 1.0]])), "sigmoid", "backlog"),
}


@pytest.mark.parametrize(("saved", "head", "where"), OVERFLOWING.values(), ids=OVERFLOWING)
def test_a_model_that_overflows_in_its_own_self_test_is_refused_by_where_it_does(refusal, saved, head, where):
    card = {"features": [{"name": "backlog", "maximum": 1e6}, {"name": "distance"}]}
    refused = refusal(saved, replace(LABEL, head=head), card)
    assert type(refused) is NotFinite
    assert where == refused.location or (refused.location == "scale" and f"feature {where} " in refused.reason)


def without_provenance(model):
    """The file of a model, whatever file it was made of."""
    return model_file.dumps(replace(model, manifest=replace(model.manifest, provenance={})))


@pytest.mark.parametrize(
    "rounds",
    [
        1_000,
        pytest.param(5_000, marks=pytest.mark.long),
        pytest.param(30_000, marks=[pytest.mark.long, pytest.mark.longest]),
    ],
)
@pytest.mark.parametrize("hidden", [(3,), (1, 1)], ids=str)
def test_a_file_with_a_bit_changed_is_refused_or_imported_as_the_same_model(tmp_path, hidden, rounds):
    dice, data = random.Random(6), saved_bytes(arrays(*hidden))
    path = tmp_path / "model.npz"
    path.write_bytes(data)
    expected = without_provenance(training_arrays(path, LABEL))
    for _ in range(rounds):
        offset, bit = dice.randrange(len(data)), dice.randrange(8)
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1 :])
        try:
            imported = training_arrays(path, LABEL)
        except ModelError:
            continue
        assert without_provenance(imported) == expected, (offset, bit)


def test_a_last_layer_that_the_directory_leaves_out_is_missed(refusal):
    data = saved_bytes(arrays(1, 1))
    entry = data.index(b"b2.npy", data.index(b"PK\1\2")) - 46
    error = refusal(data[: entry + 33] + b"\x80" + data[entry + 34 :])
    assert (type(error), error.location, error.reason) == (Unreadable, "model.npz", "not a valid zip archive")


def test_a_model_file_is_said_to_be_one_already(refusal, imported):
    assert (
        refusal(model_file.dumps(imported(arrays(3)))).reason == "not in the training arrays; the file is a model file already"
    )
    assert refusal(arrays(3, feature_names=None)).reason == "not in the training arrays"


def test_a_shape_that_leaves_numbers_out_is_refused(refusal):
    longer = npy(np.zeros(2)).replace(b"(2,)", b"(1,)")
    assert isinstance(refusal(with_file(saved_bytes(arrays(1, b1=None)), "b1.npy", longer)), Unreadable)


def test_any_number_of_names_without_a_letter_are_refused(refusal):
    endless = headed(f"{{'descr': '<U0', 'fortran_order': False, 'shape': ({10**12},), }}")
    error = refusal(with_file(saved_bytes(arrays(3, feature_names=None)), "feature_names.npy", endless))
    assert (type(error), error.location) == (Unreadable, "model.npz")


def test_an_array_with_its_checksum_broken_is_named(refusal):
    data = saved_bytes(arrays(3))
    error = refusal(data.replace(np.float64(500).tobytes(), np.float64(501).tobytes()))
    assert (type(error), error.location) == (Unreadable, "model.npz")
    assert error.reason.startswith("mean: ")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("location", ["source.npz", "card.json"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make, location):
    (tmp_path / "source.npz").write_bytes(saved_bytes(arrays(3)))
    (tmp_path / location).unlink(missing_ok=True)
    make(tmp_path / location)
    with pytest.raises(Unreadable) as refused:
        training_arrays(tmp_path / "source.npz", LABEL, tmp_path / "card.json")
    assert refused.value.location == location


@pytest.mark.parametrize("missing", ["source", "card"])
def test_a_file_that_is_not_there_is_named(tmp_path, missing):
    source, card = tmp_path / "source.npz", tmp_path / "card.json"
    if missing == "card":
        source.write_bytes(saved_bytes(arrays(3)))
    with pytest.raises(Unreadable) as refused:
        training_arrays(source, LABEL, card)
    assert refused.value.location == {"source": "source.npz", "card": "card.json"}[missing]
    assert os.strerror(errno.ENOENT) in refused.value.reason
