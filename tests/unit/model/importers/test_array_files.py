"""Files that an import may read."""

import errno
import os
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from model.artifact import model_file
from model.errors import MissingMember, ModelError, NotFinite, ShapeMismatch, UnknownMember, Unreadable
from model.importers.arrays import training_arrays
from tests.facts import DATA
from tests.model_files import SECRET_TEXT, Trap, headed, npy, rejects
from tests.training_arrays import LABEL, arrays, saved_bytes, with_file

SAVED = saved_bytes(arrays(3))
UNREADABLE = (Unreadable, "model.npz")


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("w1", "save numbers by np.asarray(array, float)"),
        ("feature_names", "save texts by np.array(names, str)"),
        ("mean", "without a mean, as in StandardScaler(with_mean=False), save np.zeros(len(names))"),
        ("scale", "without a scale, as in StandardScaler(with_std=False), save np.ones(len(names))"),
    ],
)
def test_objects_are_rejected_without_being_unpickled_and_the_array_to_save_is_named(rejection, tmp_path, name, instead):
    trap = np.empty((3, 2), object)
    trap[:] = Trap(tmp_path / "sprung")
    reason = rejection(*UNREADABLE, arrays(3, **{name: trap}))
    assert reason == f"{name}: not a plain array: it holds Python objects, such as None; {instead}"
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "shown", "dotted"),
    [
        *(("0.weight", "0.weight", True), ("W1", "W1", False), ("w0", "w0", False)),
        *(("é\x1b[2J\u202e", r"\xe9\x1b[2J\u202e", False), ("x" * 99, "x" * 64, False)),
    ],
)
def test_an_array_that_no_model_has_is_named_with_those_that_are_expected(rejection, name, shown, dotted):
    reason = rejection(UnknownMember, shown, with_file(SAVED, f"{name}.npy", npy(np.zeros(1))))
    expected = "feature_names, mean, scale, w1, b1, w2, b2, …, check_x, check_scores"
    assert reason.startswith(f"not an array of a model; expected {expected}")
    assert ("state_dict has names with dots: save" in reason) == dotted


FOUND = {
    "torch_state_dict": (UnknownMember, "0.weight", "a torch state_dict has names with dots"),
    "mean_is_none": (*UNREADABLE, "mean: not a plain array: it holds Python objects, such as None; without a mean, "),
    "sklearn_as_it_is": (ShapeMismatch, "w2", "shape (3, 1), expected (units, 3); scikit-learn and Keras store (inputs"),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_file_of_a_usual_script_is_rejected_by_its_array_with_what_to_save(rejection, name):
    error, location, stated = FOUND[name]
    assert stated in rejection(error, location, (DATA / "imports" / f"{name}.npz").read_bytes())


@pytest.mark.parametrize("name", ["README", "w3", f"{SECRET_TEXT}.txt", "feature_names"])
def test_a_file_that_is_not_an_array_is_rejected(rejection, name):
    saved = arrays(3) if name != "feature_names" else arrays(3, feature_names=None)
    rejection(*UNREADABLE, with_file(saved_bytes(saved), name, SECRET_TEXT))


def with_member(name, content):
    """The arrays with this .npy as one of them."""
    return with_file(saved_bytes(arrays(3, **{name: None})), f"{name}.npy", content)


def headed_mean(descr, shape):
    return with_member("mean", headed(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}", bytes(16)))


UNLOADABLE = {
    "encrypted": re.sub(rb"(PK\x01\x02....)\x00", b"\\1\x01", SAVED, flags=re.DOTALL),
    "cut short": SAVED[:-40],
    "a header that is never closed": headed_mean("'<f8'", "(2,"),
    "a header of brackets": with_member("mean", headed("(" * 900, bytes(16))),
    "a header of code": with_member("mean", headed("__import__('os').abort()", bytes(16))),
    "a type that is an empty tuple": headed_mean("()", "(2,), }"),
    "an extent that is a truth": headed_mean("'<f8'", "(True, 2), }"),
    "more promised than there is": headed_mean("'<f8'", "(9,), }"),
    "a shape smaller than its array": with_member("b1", npy(np.zeros(4)).replace(b"(4,)", b"(3,)")),
    "endless empty names": with_member(
        "feature_names", headed(f"{{'descr': '<U0', 'fortran_order': False, 'shape': ({10**12},), }}")
    ),
}


@pytest.mark.parametrize("data", UNLOADABLE.values(), ids=UNLOADABLE)
def test_a_file_that_numpy_cannot_load_is_rejected(rejection, data):
    rejection(*UNREADABLE, data)


def test_an_array_of_a_wrong_checksum_is_named(rejection):
    data = SAVED.replace(np.float64(500).tobytes(), np.float64(501).tobytes())
    assert rejection(*UNREADABLE, data).startswith("mean: ")


def test_a_file_whose_directory_omits_the_last_layer_is_rejected(rejection):
    data = saved_bytes(arrays(1, 1))
    entry = data.index(b"b2.npy", data.index(b"PK\1\2")) - 46
    reason = rejection(*UNREADABLE, data[: entry + 33] + b"\x80" + data[entry + 34 :])
    assert reason == "not a valid zip archive; expected a file of np.savez"


def test_an_import_of_a_model_file_reports_that_it_is_one(rejection, imported):
    reason = rejection(MissingMember, "feature_names", model_file.dumps(imported(arrays(3))))
    assert reason == "not in the training arrays; the file is a model file already"
    reason = rejection(MissingMember, "feature_names", arrays(3, feature_names=None))
    assert reason == "not in the training arrays"


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
    reason = rejection(NotFinite, where if where[0] == "w" else "scale", saved, replace(LABEL, head=head), card)
    assert where[0] == "w" or f"feature {where} " in reason


def without_provenance(model):
    """The file of a model without its provenance."""
    return model_file.dumps(replace(model, manifest=replace(model.manifest, provenance={})))


@pytest.mark.parametrize(
    "rounds",
    [1_000, pytest.param(5_000, marks=pytest.mark.long), pytest.param(30_000, marks=[pytest.mark.long, pytest.mark.longest])],
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


@pytest.mark.parametrize(
    ("make", "reason"),
    [(lambda path: None, os.strerror(errno.ENOENT)), (os.mkfifo, "not a regular file")],
    ids=["missing", "pipe"],
)
@pytest.mark.parametrize("location", ["source.npz", "card.json"])
def test_an_unreadable_file_is_named_without_waiting(tmp_path, location, make, reason):
    (tmp_path / "source.npz").write_bytes(SAVED)
    (tmp_path / location).unlink(missing_ok=True)
    make(tmp_path / location)
    with rejects(Unreadable, location) as rejected:
        training_arrays(tmp_path / "source.npz", LABEL, tmp_path / "card.json")
    assert reason in rejected.value.reason
