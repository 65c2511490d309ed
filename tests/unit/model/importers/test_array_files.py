"""Files that an import may read."""

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
def test_objects_are_rejected_without_being_unpickled(rejection, tmp_path, name):
    trap = np.empty((3, 2), object)
    trap[:] = Trap(tmp_path / "sprung")
    rejected = rejection(arrays(3, **{name: trap}))
    assert (type(rejected), rejected.location) == (Unreadable, "model.npz")
    assert rejected.reason.startswith(f"{name}: not a plain array; save texts by np.array(names, str)")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["README", "w3", f"{SECRET_TEXT}.txt", "feature_names"])
def test_a_file_that_is_not_an_array_is_rejected(rejection, name):
    saved = arrays(3) if name != "feature_names" else arrays(3, feature_names=None)
    rejection(with_file(saved_bytes(saved), name, SECRET_TEXT))


def encrypted(data):
    """The data with bit 0 of the flags set in each entry of its directory."""
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
def test_a_file_that_numpy_cannot_load_is_rejected(rejection, data):
    error = rejection(data)
    assert (type(error), error.location) == (Unreadable, "model.npz")


OVERFLOWING = {
    "to infinity": (arrays(w1=np.array([[1e308, 1e308]]), mean=np.array([1e3, 1e3])), "identity", "w1"),
    "to no number": (arrays(2, w1=np.array([[1e308, 0.0]] * 2), w2=np.array([[1e9, -1e9]])), "sigmoid", "w1"),
    "in the second layer": (arrays(2, w1=np.array([[1e300, 0.0]] * 2), w2=np.array([[1e9, -1e9]])), "sigmoid", "w2"),
    "in an order of its own": (arrays(mean=np.array([0.0, 1.5e308]), scale=np.array([1.0, 1e308])), "sigmoid", "distance"),
    "in a z-score": (arrays(scale=np.array([1e-304, 1.0]), w1=np.array([[0.0, 1.0]])), "sigmoid", "backlog"),
}


@pytest.mark.parametrize(("saved", "head", "where"), OVERFLOWING.values(), ids=OVERFLOWING)
def test_a_model_that_overflows_in_its_self_test_is_rejected_with_its_location(rejection, saved, head, where):
    card = {"features": [{"name": "backlog", "maximum": 1e6}, {"name": "distance"}]}
    rejected = rejection(saved, replace(LABEL, head=head), card)
    assert type(rejected) is NotFinite
    assert where == rejected.location or (rejected.location == "scale" and f"feature {where} " in rejected.reason)


def without_provenance(model):
    """The file of a model without its provenance."""
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
def test_a_file_with_a_bit_changed_is_rejected_or_imported_as_the_same_model(tmp_path, hidden, rounds):
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


def test_a_file_whose_directory_omits_the_last_layer_is_rejected(rejection):
    data = saved_bytes(arrays(1, 1))
    entry = data.index(b"b2.npy", data.index(b"PK\1\2")) - 46
    error = rejection(data[: entry + 33] + b"\x80" + data[entry + 34 :])
    assert (type(error), error.location, error.reason) == (Unreadable, "model.npz", "not a valid zip archive")


def test_an_import_of_a_model_file_reports_that_it_is_one(rejection, imported):
    assert (
        rejection(model_file.dumps(imported(arrays(3)))).reason
        == "not in the training arrays; the file is a model file already"
    )
    assert rejection(arrays(3, feature_names=None)).reason == "not in the training arrays"


def test_a_shape_smaller_than_its_array_is_rejected(rejection):
    longer = npy(np.zeros(2)).replace(b"(2,)", b"(1,)")
    assert isinstance(rejection(with_file(saved_bytes(arrays(1, b1=None)), "b1.npy", longer)), Unreadable)


def test_an_array_of_endless_empty_names_is_rejected(rejection):
    endless = headed(f"{{'descr': '<U0', 'fortran_order': False, 'shape': ({10**12},), }}")
    error = rejection(with_file(saved_bytes(arrays(3, feature_names=None)), "feature_names.npy", endless))
    assert (type(error), error.location) == (Unreadable, "model.npz")


def test_an_array_of_a_wrong_checksum_is_named(rejection):
    data = saved_bytes(arrays(3))
    error = rejection(data.replace(np.float64(500).tobytes(), np.float64(501).tobytes()))
    assert (type(error), error.location) == (Unreadable, "model.npz")
    assert error.reason.startswith("mean: ")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(lambda path: None, os.strerror(errno.ENOENT)), (os.mkfifo, "not a regular file")],
    ids=["missing", "pipe"],
)
@pytest.mark.parametrize("location", ["source.npz", "card.json"])
def test_an_unreadable_file_is_named_without_waiting(tmp_path, location, make, reason):
    (tmp_path / "source.npz").write_bytes(saved_bytes(arrays(3)))
    (tmp_path / location).unlink(missing_ok=True)
    make(tmp_path / location)
    with pytest.raises(Unreadable) as rejected:
        training_arrays(tmp_path / "source.npz", LABEL, tmp_path / "card.json")
    assert (rejected.value.location, reason in rejected.value.reason) == (location, True)
