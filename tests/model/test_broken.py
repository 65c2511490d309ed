"""Files that are no sound model: each is refused by its own error, which names the place."""

import os
import pickle

import pytest

from model import artifact
from model.errors import BadArray, ModelError, Unreadable
from tests.model.broken_arrays import ARRAYS
from tests.model.broken_models import MODELS
from tests.model.broken_zips import BOMBS, ZIPS
from tests.model.surgery import SECRETS, Trap, changed

FILES = {
    **{f"zip: {name}": row for name, row in (ZIPS | BOMBS).items()},
    **{f"array: {name}": (changed({"mean.npy": content}), BadArray, "mean") for name, content in ARRAYS.items()},
    **{f"model: {name}": row for name, row in MODELS.items()},
}
PLACES = {
    "nothing": lambda path: None,
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "a link to nothing": lambda path: os.symlink("nowhere", path),
    "a link to itself": lambda path: os.symlink(path, path),
    "an empty file": lambda path: path.touch(),
}


def content(name):
    data = FILES[name][0]
    return data() if callable(data) else data


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_refused_by_what_is_wrong_in_it(name, path):
    path.write_bytes(content(name))
    with pytest.raises(ModelError) as refused:
        artifact.read(path)
    assert (type(refused.value), refused.value.place) == FILES[name][1:]
    assert str(refused.value) == f"{refused.value.place}: {refused.value.reason}"
    assert not any(secret in str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_what_is_no_readable_file_is_refused_and_leaves_none_open(make, path):
    make(path)
    before = os.listdir("/dev/fd")
    with pytest.raises(Unreadable) as refused:
        artifact.read(path)
    assert refused.value.place == "file"
    assert os.listdir("/dev/fd") == before


def test_the_trap_in_those_files_springs_when_it_is_unpickled(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()
