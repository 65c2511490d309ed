"""Files that only their framework can read: none is opened, and the error names the script that exports the network."""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import joblib
import pytest

from model.errors import Unreadable
from model.importers.arrays import training_arrays
from tests.facts import DATA
from tests.model_files import Trap, rejects
from tests.training_arrays import LABEL, arrays, saved_bytes

EXPORTED = DATA / "exported"
TORCH, KERAS, SKLEARN = "torch", "keras", "sklearn"


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        for name in names:
            bundle.writestr(name, b"{}")
    return file.getvalue()


def dumped(value, **options):
    file = io.BytesIO()
    joblib.dump(value, file, **options)
    return file.getvalue()


FILES = {
    "torch.save of a module": ((EXPORTED / "torch_logits" / "network.pt").read_bytes(), TORCH, "a file of torch.save"),
    "torch.save before 1.6": ((EXPORTED / "torch_logits" / "legacy.pth").read_bytes(), TORCH, "a file of torch.save"),
    "a Keras model": ((EXPORTED / "keras_logits" / "network.keras").read_bytes(), KERAS, "a Keras model"),
    "a Keras model in HDF5": ((EXPORTED / "keras_logits" / "network.h5").read_bytes(), KERAS, "an HDF5 file"),
    "an archive with a torch pickle": (zipped("archive/data.pkl", "archive/version"), TORCH, "a file of torch.save"),
    "an archive with Keras weights": (zipped("config.json", "metadata.json", "model.weights.h5"), KERAS, "a Keras model"),
    "joblib.dump": (dumped(arrays(3)), SKLEARN, "a pickle"),
    **{
        f"joblib.dump by {method}": (dumped(arrays(3), compress=(method, 3)), SKLEARN, "a compressed file")
        for method in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
    **{f"a pickle of protocol {number}": (pickle.dumps(arrays(3), number), SKLEARN, "a pickle") for number in range(2, 6)},
    **{
        f"a pickle packed by {each.__name__}": (each.compress(pickle.dumps(1)), SKLEARN, "a compressed file")
        for each in (bz2, gzip, lzma, zlib)
    },
}


@pytest.mark.parametrize("name", ["network.npz", "network.onnx", "network"])
@pytest.mark.parametrize(("data", "framework", "what"), FILES.values(), ids=FILES)
def test_it_is_known_by_its_content_under_any_name(tmp_path, data, framework, what, name):
    path = tmp_path / name
    path.write_bytes(data)
    with rejects(Unreadable, name) as rejected:
        training_arrays(path, LABEL)
    assert rejected.value.reason.startswith(what)
    assert f"`delivery-risk model exporter {framework}`" in rejected.value.reason


@pytest.mark.parametrize(
    ("name", "framework"),
    [("a.pkl", SKLEARN), ("a.pickle", SKLEARN), ("a.JOBLIB", SKLEARN), ("a.pt", TORCH), ("a.pth", TORCH), ("a.keras", KERAS)],
)
def test_its_name_decides_where_the_content_is_of_no_kind(tmp_path, name, framework):
    (tmp_path / name).write_bytes(pickle.dumps(arrays(3), 0))
    with rejects(Unreadable, name) as rejected:
        training_arrays(tmp_path / name, LABEL)
    assert f"`delivery-risk model exporter {framework}`" in rejected.value.reason


def test_an_npz_is_read_under_the_name_of_a_pickle(tmp_path):
    (tmp_path / "model.pkl").write_bytes(saved_bytes(arrays(3)))
    assert training_arrays(tmp_path / "model.pkl", LABEL).network.sizes == (2, 3, 1)


@pytest.mark.parametrize("dump", [pickle.dumps, dumped], ids=["pickle", "joblib"])
def test_no_code_of_a_pickle_runs(tmp_path, dump):
    (tmp_path / "trap.npz").write_bytes(dump(Trap(tmp_path / "sprung")))
    with rejects(Unreadable, "trap.npz"):
        training_arrays(tmp_path / "trap.npz", LABEL)
    assert not (tmp_path / "sprung").exists()
