import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadPointer
from model.registry import references
from model.registry.references import VersionReference
from tests.model_files import MISSING, SECRET_TEXT, rejects
from tests.unit.model.artifact.broken_models import NOT_JSON

DIGEST = "0123456789abcdef" * 4
CURRENT = {"version": "8", "file": "8.npz", "sha256": DIGEST}
EARLIER = {"version": "7", "file": "7.npz", "sha256": DIGEST}


def changed(**entries):
    """A valid pointer with these entries replaced, added or left out, as a file."""
    document = {name: value for name, value in (CURRENT | entries).items() if value is not MISSING}
    return json.dumps(document).encode()


def earlier(**entries):
    """A valid pointer whose second earlier version has these entries replaced, added or left out."""
    return changed(before=[EARLIER, json.loads(changed(**entries))])


versions = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
pointers = st.builds(lambda version, sha256: VersionReference(version, f"{version}.npz", sha256), versions, digests)


@given(st.lists(pointers, min_size=1, max_size=5))
def test_a_history_comes_back_as_it_was_written(history):
    assert references.loads(references.dumps(history)) == tuple(history)


def test_a_pointer_is_read_the_earlier_versions_first_and_the_current_one_last():
    assert references.loads(changed()) == (VersionReference(**CURRENT),)
    assert references.loads(changed(before=[EARLIER])) == (VersionReference(**EARLIER), VersionReference(**CURRENT))


def test_the_newest_versions_of_a_long_history_are_kept_and_fit_within_the_limit():
    longest = [VersionReference(f"{number:064}", f"{number:064}.npz", DIGEST) for number in range(1000)]
    kept = references.dumps(longest)
    assert len(kept) <= references.LIMIT
    assert references.loads(kept) == tuple(longest[-references.KEPT :])


ENTRIES = {
    "version": [8, f"../{SECRET_TEXT}", "8\n", "8" * 65, ""],
    "file": [*(f"{folder}/{SECRET_TEXT}.npz" for folder in ("..", "below", "")), "..", ".", ".draft-8", "8\0.npz", None],
    "sha256": [DIGEST.upper(), DIGEST[:-1], f"{DIGEST}\n", [DIGEST]],
    "before": [EARLIER, None],
}
MALFORMED = {
    **{f"{name} {value!a}": (changed(**{name: value}), f".{name}") for name, values in ENTRIES.items() for value in values},
    **{f"no {name}": (changed(**{name: MISSING}), f".{name}") for name in CURRENT},
    **{name: (text, "") for name, text in NOT_JSON.items()},
    "a list": (b"[]", ""),
    "a text": (b'"8.npz"', ""),
    "null": (b"null", ""),
    "a name unknown": (changed(tattletale=1), ""),
    "a name given twice earlier": (b'{"before": [{"a": 1, "a": 1}]}', ""),
    "an earlier version by its name alone": (changed(before=["7"]), ".before[0]"),
    "an earlier version with a history": (earlier(before=[]), ".before[1]"),
    "an earlier version without a digest": (earlier(sha256=MISSING), ".before[1].sha256"),
    "an earlier file elsewhere": (earlier(file="../7.npz"), ".before[1].file"),
}


@pytest.mark.parametrize(("data", "where"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_pointer_is_rejected_with_its_location(data, where):
    with rejects(BadPointer, f"CURRENT.json{where}"):
        references.loads(data)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_else(data):
    with pytest.raises(BadPointer):
        references.loads(data)


@given(st.integers(0, len(changed(before=[EARLIER])) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_another_history_or_a_rejection(position, byte):
    data = bytearray(changed(before=[EARLIER]))
    data[position] = byte
    try:
        history = references.loads(bytes(data))
    except BadPointer:
        return
    assert references.loads(references.dumps(history)) == history


def test_a_link_to_a_pointer_is_followed(tmp_path):
    (tmp_path / "elsewhere.json").write_bytes(changed())
    (tmp_path / references.CURRENT).symlink_to("elsewhere.json")
    assert references.read(tmp_path)[-1].version == "8"
