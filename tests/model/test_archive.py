import io
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model import archive
from model.errors import BadArray, DuplicateMember, ModelError, TooLarge, UnknownMember, Unreadable
from tests.model.surgery import (
    GOOD,
    SECRET_NUMBER,
    SECRET_TEXT,
    SECRETS,
    changed,
    described,
    directory_patched,
    headed,
    members,
    npy,
    zipped,
)

KNOWN = re.compile(r"manifest|mean|scale|[wb][1-9]")
THREE = np.full(3, SECRET_NUMBER)
BODY = THREE.tobytes()
WEIGHTS = np.full((3, 3), SECRET_NUMBER)


def mean(content):
    return changed({"mean.npy": content})


def twice():
    return zipped([*members().items(), ("w1.npy", npy(WEIGHTS))])


ZIPS = {
    "nothing": (b"", Unreadable, "file"),
    "no zip": (SECRET_TEXT.encode() * 100, Unreadable, "file"),
    "a lone array": (npy(THREE), Unreadable, "file"),
    "cut short": (GOOD[:-30], Unreadable, "file"),
    "cut in half": (GOOD[: len(GOOD) // 2], Unreadable, "file"),
    "its beginning lost": (GOOD[500:], Unreadable, "file"),
    "a directory cut short": (GOOD[: GOOD.index(b"PK\x01\x02") + 60] + GOOD[-22:], Unreadable, "file"),
    "a byte of an array changed": (GOOD.replace(np.float64(0.8).tobytes(), np.float64(0.9).tobytes()), Unreadable, "file"),
    "an unknown array": (changed({"extra.npy": npy(THREE)}), UnknownMember, "extra"),
    "an unknown file": (changed({f"{SECRET_TEXT}.TXT": b"hello"}), UnknownMember, "file"),
    "a known array without its ending": (changed({"w3": npy(THREE)}), UnknownMember, "w3"),
    "an array in a folder": (changed({"../w1.npy": npy(THREE)}), UnknownMember, "file"),
    "an array at the root": (changed({"/w1.npy": npy(THREE)}), UnknownMember, "file"),
    "a folder": (changed({"w1.npy/": b""}), UnknownMember, "file"),
    "a name with a newline": (changed({"w1.npy\n": npy(THREE)}), UnknownMember, "file"),
    "a name in capitals": (changed({"W1.npy": npy(THREE)}), UnknownMember, "file"),
    "a name in other digits": (changed({"w１.npy": npy(THREE)}), UnknownMember, "file"),
    "a nul in a name": (changed({"w3.npyZ.npy": npy(THREE)}).replace(b"npyZ", b"npy\0"), UnknownMember, "file"),
    "an array given twice": (twice(), DuplicateMember, "w1"),
    "an encrypted array": (directory_patched("scale.npy", 8, "<H", 1), BadArray, "scale"),
    "arrays packed by bzip2": (zipped(members().items(), zipfile.ZIP_BZIP2), BadArray, "manifest"),
    "arrays packed by lzma": (zipped(members().items(), zipfile.ZIP_LZMA), BadArray, "manifest"),
    "an array packed by no known method": (directory_patched("b1.npy", 10, "<H", 97), BadArray, "b1"),
    "an array that promises 4 GB": (directory_patched("b2.npy", 24, "<L", 2**32 - 2), TooLarge, "file"),
    "a directory entry for another array": (GOOD.replace(b"w2.npy", b"w1.npy", 1), Unreadable, "file"),
}

ARRAYS = {
    "empty": (b"", "mean"),
    "no .npy": (SECRET_TEXT.encode() * 20, "mean"),
    "version 2.0": (npy(THREE, (2, 0)), "mean"),
    "version 3.0": (npy(THREE, (3, 0)), "mean"),
    "pickled objects": (npy(np.array([SECRET_TEXT] * 3, object), allow_pickle=True), "mean"),
    "big-endian": (npy(THREE.astype(">f8")), "mean"),
    "float32": (npy(THREE.astype(np.float32)), "mean"),
    "float16": (npy(np.ones(3, np.float16)), "mean"),
    "int64": (npy(THREE.astype(np.int64)), "mean"),
    "complex": (npy(THREE.astype(complex)), "mean"),
    "booleans": (npy(THREE > 0), "mean"),
    "text": (npy(np.array([SECRET_TEXT] * 3)), "mean"),
    "times": (npy(np.array([8675309] * 3, "M8[s]")), "mean"),
    "signed bytes": (npy(np.zeros(3, np.int8)), "mean"),
    "a structure": (npy(np.zeros(3, [("a", "<f8")])), "mean"),
    "a nested type": (described("('<f8', (1,))", "(3,)", BODY), "mean"),
    "Fortran order": (described("'<f8'", "(3, 1)", BODY, fortran=True), "mean"),
    "more promised than there is": (described("'<f8'", "(4,)", BODY), "mean"),
    "terabytes promised": (described("'<f8'", "(1000000, 1000000)", BODY), "mean"),
    "less promised than there is": (described("'<f8'", "(2,)", BODY), "mean"),
    "a byte more than promised": (npy(THREE) + b"\0", "mean"),
    "a byte less than promised": (npy(THREE)[:-1], "mean"),
    "a negative extent": (described("'<f8'", "(-3,)", BODY), "mean"),
    "two negative extents": (described("'<f8'", "(-1, -3)", BODY), "mean"),
    "an extent that is a truth": (described("'<f8'", "(True, 3)", BODY), "mean"),
    "an extent that is a float": (described("'<f8'", "(3.0,)", BODY), "mean"),
    "an extent that is a long": (described("'<f8'", "(3L,)", BODY), "mean"),
    "a shape that is a list": (described("'<f8'", "[3]", BODY), "mean"),
    "a shape that is a number": (described("'<f8'", "3", BODY), "mean"),
    "nothing, endlessly wide": (described("'<f8'", f"(0, {10**300})"), "mean"),
    "too many dimensions": (described("'<f8'", f"({'1, ' * 70})", BODY[:8]), "mean"),
    "a type that is unknown": (described(f"'{SECRET_TEXT}'", "(3,)", BODY), "mean"),
    "a type that is a number": (described("8675309", "(3,)", BODY), "mean"),
    "a type that is an empty tuple": (described("()", "(3,)", BODY), "mean"),
    "a type that is an empty list": (described("[]", "(3,)", BODY), "mean"),
    "a type that is out of use": (described("'a'", "(3,)", BODY), "mean"),
    "a header of another structure": (headed(f"['{SECRET_TEXT}']", BODY), "mean"),
    "a header with a key more": (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}", BODY), "mean"),
    "a header with a key less": (headed("{'descr': '<f8', 'shape': (3,)}", BODY), "mean"),
    "a header that is never closed": (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,", BODY), "mean"),
    "a header whose text is never closed": (headed("'''", BODY), "mean"),
    "a header of code": (headed("__import__('os').abort()", BODY), "mean"),
    "a header of brackets": (headed("(" * 900, BODY), "mean"),
    "a header of signs": (headed("-" * 900 + "1", BODY), "mean"),
    "a header of spaces": (headed(" " * 900, BODY), "mean"),
    "a header of nul bytes": (headed("\0" * 100, BODY), "mean"),
    "a header over the limit": (npy(THREE)[:8] + b"\x00\x08" + npy(THREE)[10:-25] + b" " * 2000 + b"\n" + BODY, "mean"),
}
BROKEN = ZIPS | {f"an array: {name}": (mean(content), BadArray, place) for name, (content, place) in ARRAYS.items()}


@pytest.mark.parametrize(("data", "error", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_archive_is_refused(data, error, place):
    with pytest.raises(ModelError) as refused:
        archive.read(data, KNOWN)
    assert (type(refused.value), refused.value.place) == (error, place)
    assert not any(secret in str(refused.value) for secret in SECRETS)


def test_an_archive_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "LIMIT", len(GOOD) - 1)
    with pytest.raises(TooLarge) as refused:
        archive.read(GOOD, KNOWN)
    assert refused.value.place == "file"


def test_an_archive_at_the_limit_is_read(monkeypatch):
    monkeypatch.setattr(archive, "LIMIT", len(GOOD))
    archive.read(GOOD, KNOWN)


def never(*_):
    pytest.fail("an array was unpacked")


def test_an_archive_that_would_swell_over_the_limit_is_refused_before_anything_is_unpacked(monkeypatch):
    data = zipped([(f"w{number}.npy", npy(np.zeros(50_000))) for number in range(1, 5)], zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(archive, "LIMIT", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", never)
    with pytest.raises(TooLarge) as refused:
        archive.read(data, KNOWN)
    assert refused.value.place == "file"


def test_an_array_that_swells_over_what_the_directory_says_is_refused():
    content = npy(np.zeros(50_000))
    data = zipped([("w1.npy", content)], zipfile.ZIP_DEFLATED).replace(
        len(content).to_bytes(4, "little"), (500).to_bytes(4, "little")
    )
    with pytest.raises(ModelError):
        archive.read(data, KNOWN)


def test_names_are_checked_before_anything_is_unpacked(monkeypatch):
    data = changed({"w10.npy": b""})
    monkeypatch.setattr(zipfile.ZipFile, "open", never)
    with pytest.raises(UnknownMember):
        archive.read(data, KNOWN)


arrays = st.dictionaries(
    st.from_regex(KNOWN, fullmatch=True),
    st.one_of(
        hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, min_side=0, max_side=4)),
        hnp.arrays(np.uint8, hnp.array_shapes(max_dims=1)),
    ),
)


@given(arrays)
def test_arrays_come_back_bit_for_bit(given_arrays):
    read = archive.read(archive.write(given_arrays), KNOWN)
    assert list(read) == list(given_arrays)
    for name, array in given_arrays.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        assert read[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read(save):
    file = io.BytesIO()
    save(file, w1=WEIGHTS, mean=THREE)
    read = archive.read(file.getvalue(), KNOWN)
    assert read["w1"].tolist() == WEIGHTS.tolist()
    assert read["mean"].tolist() == THREE.tolist()


def test_what_is_written_numpy_reads():
    with np.load(io.BytesIO(archive.write({"w1": WEIGHTS, "mean": THREE})), allow_pickle=False) as bundle:
        assert bundle["w1"].tolist() == WEIGHTS.tolist()
        assert bundle["mean"].tolist() == THREE.tolist()


def test_arrays_are_read_as_they_cannot_be_changed():
    assert not any(array.flags.writeable for array in archive.read(GOOD, KNOWN).values())


def test_an_array_in_any_layout_is_written_in_the_same_bytes():
    upright = np.arange(6.0).reshape(2, 3)
    layouts = [np.asfortranarray(upright), np.repeat(upright, 2, axis=0)[::2], upright[::-1].copy()[::-1]]
    assert {archive.write({"w1": layout}) for layout in layouts} == {archive.write({"w1": upright})}
