import re
import zipfile

import numpy as np
import pytest

from model.artifact import manifest, npz
from model.artifact.zip_members import Member
from model.errors import BadArray, TooLarge, UnknownMember
from tests.model_files import GOOD, SECRET_NUMBER, changed, headed, members, npy, rejects, zipped

KNOWN = re.compile(r"manifest|mean|scale|[wb][1-9]")
THREE = np.full(3, SECRET_NUMBER)


def test_an_archive_at_the_limits_is_read_as_read_only_arrays_and_one_over_them_is_rejected(monkeypatch):
    monkeypatch.setattr(npz, "LIMIT", len(GOOD))
    monkeypatch.setattr(manifest, "LIMIT", len(members()["manifest.npy"]) - 128)
    assert not any(array.flags.writeable for array in npz.read(GOOD, KNOWN).values())
    monkeypatch.setattr(npz, "LIMIT", len(GOOD) - 1)
    with rejects(TooLarge, "file"):
        npz.read(GOOD, KNOWN)


SWELLING = zipped([(f"w{number}.npy", npy(np.zeros(50_000))) for number in range(1, 5)], zipfile.ZIP_DEFLATED)
EARLY = {
    "members over the limit": ("_unpacked", SWELLING, TooLarge, "file"),
    "an unknown name": ("_unpacked", changed({"w10.npy": b""}), UnknownMember, "w10"),
    "an invalid header": ("content", changed({"b2.npy": npy(THREE.astype(">f8"))}), BadArray, "b2"),
    "a manifest over its limit": ("content", GOOD, TooLarge, "manifest"),
}


@pytest.mark.parametrize(("step", "data", "error", "location"), EARLY.values(), ids=EARLY)
def test_limits_names_and_headers_are_checked_before_anything_is_unpacked(step, data, error, location, monkeypatch):
    monkeypatch.setattr(npz, "LIMIT", 1_000_000)
    if location == "manifest":
        monkeypatch.setattr(manifest, "LIMIT", 100)
    monkeypatch.setattr(Member, step, lambda *_: pytest.fail("an array was unpacked"))
    with rejects(error, location) as rejected:
        npz.read(data, KNOWN)
    assert location != "manifest" or rejected.value.reason == "over 100 bytes"


@pytest.mark.parametrize("shift", range(8))
def test_arrays_are_aligned_in_memory_at_any_offset_in_the_file(shift):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }}{' ' * shift}"
    read = npz.read(zipped([("mean.npy", headed(header, THREE.tobytes()))]), KNOWN)["mean"]
    assert (read.flags.aligned, read.tolist()) == (True, THREE.tolist())


def test_an_array_in_any_layout_is_written_in_the_same_bytes():
    upright = np.arange(6.0).reshape(2, 3)
    layouts = [np.asfortranarray(upright), np.repeat(upright, 2, axis=0)[::2], upright[::-1].copy()[::-1]]
    assert {npz.write({"w1": layout}) for layout in layouts} == {npz.write({"w1": upright})}


def test_weights_are_read_input_by_input_as_the_network_takes_them():
    weights = np.arange(6.0).reshape(2, 3)
    read = npz.read(npz.write({"w1": weights}), KNOWN)["w1"]
    assert (read.flags.f_contiguous, read.flags.c_contiguous, read.tolist()) == (True, False, weights.tolist())
