import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadPointer, ModelError, NothingPromoted, TooLarge, Unreadable
from model.registry import references
from model.registry.references import VersionReference
from tests.model_files import MISSING, SECRET_TEXT
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


def test_a_pointer_without_a_history_is_read():
    assert references.loads(changed()) == (VersionReference("8", "8.npz", DIGEST),)


def test_the_earlier_versions_come_first_and_the_current_one_last():
    assert [each.version for each in references.loads(changed(before=[EARLIER]))] == ["7", "8"]


def test_the_newest_versions_of_a_long_history_are_kept_and_fit_within_the_limit(tmp_path):
    longest = [VersionReference(f"{number:064}", f"{number:064}.npz", DIGEST) for number in range(1000)]
    references.write(tmp_path, ".draft-", longest)
    assert references.read(tmp_path) == tuple(longest[-references.KEPT :])


MALFORMED = {
    **{name: (text, "CURRENT.json") for name, text in NOT_JSON.items()},
    "a name given twice earlier": (b'{"before": [{"a": 1, "a": 1}]}', "CURRENT.json"),
    "a list": (b"[]", "CURRENT.json"),
    "a text": (b'"8.npz"', "CURRENT.json"),
    "null": (b"null", "CURRENT.json"),
    "a name unknown": (changed(tattletale=1), "CURRENT.json"),
    "no version": (changed(version=MISSING), "CURRENT.json.version"),
    "no file": (changed(file=MISSING), "CURRENT.json.file"),
    "no digest": (changed(sha256=MISSING), "CURRENT.json.sha256"),
    "a version that is a number": (changed(version=8), "CURRENT.json.version"),
    "a version with a slash": (changed(version=f"../{SECRET_TEXT}"), "CURRENT.json.version"),
    "a version with a line's end": (changed(version="8\n"), "CURRENT.json.version"),
    "a version of 65 characters": (changed(version="8" * 65), "CURRENT.json.version"),
    "an empty version": (changed(version=""), "CURRENT.json.version"),
    "a file above": (changed(file=f"../{SECRET_TEXT}.npz"), "CURRENT.json.file"),
    "a file below": (changed(file=f"below/{SECRET_TEXT}.npz"), "CURRENT.json.file"),
    "a file anywhere": (changed(file=f"/{SECRET_TEXT}.npz"), "CURRENT.json.file"),
    "the directory above": (changed(file=".."), "CURRENT.json.file"),
    "the directory": (changed(file="."), "CURRENT.json.file"),
    "a hidden file": (changed(file=".draft-8"), "CURRENT.json.file"),
    "a file with a zero": (changed(file="8\0.npz"), "CURRENT.json.file"),
    "a file that is null": (changed(file=None), "CURRENT.json.file"),
    "a digest in capitals": (changed(sha256=DIGEST.upper()), "CURRENT.json.sha256"),
    "a digest too short": (changed(sha256=DIGEST[:-1]), "CURRENT.json.sha256"),
    "a digest with a line's end": (changed(sha256=f"{DIGEST}\n"), "CURRENT.json.sha256"),
    "a digest in a list": (changed(sha256=[DIGEST]), "CURRENT.json.sha256"),
    "a history that is no list": (changed(before=EARLIER), "CURRENT.json.before"),
    "a history that is null": (changed(before=None), "CURRENT.json.before"),
    "an earlier version by its name alone": (changed(before=["7"]), "CURRENT.json.before[0]"),
    "an earlier version with a history": (earlier(before=[]), "CURRENT.json.before[1]"),
    "an earlier version without a digest": (earlier(sha256=MISSING), "CURRENT.json.before[1].sha256"),
    "an earlier file elsewhere": (earlier(file="../7.npz"), "CURRENT.json.before[1].file"),
}


@pytest.mark.parametrize(("data", "location"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_pointer_is_rejected_with_its_location(data, location):
    with pytest.raises(BadPointer) as rejected:
        references.loads(data)
    assert rejected.value.location == location
    assert SECRET_TEXT not in str(rejected.value)


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


NO_FILE = {
    "nothing": (lambda path: None, NothingPromoted),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), NothingPromoted),
    "a folder": (os.mkdir, Unreadable),
    "a pipe": (os.mkfifo, Unreadable),
    "a file over the limit": (lambda path: path.write_bytes(changed() + b" " * references.LIMIT), TooLarge),
}


@pytest.mark.parametrize(("make", "error"), NO_FILE.values(), ids=NO_FILE)
def test_an_unreadable_pointer_is_rejected_without_waiting(make, error, tmp_path):
    make(tmp_path / references.CURRENT)
    with pytest.raises(ModelError) as rejected:
        references.read(tmp_path)
    assert (type(rejected.value), rejected.value.location) == (error, "CURRENT.json")


def test_a_link_to_a_pointer_is_followed(tmp_path):
    (tmp_path / "elsewhere.json").write_bytes(changed())
    (tmp_path / references.CURRENT).symlink_to("elsewhere.json")
    assert references.read(tmp_path)[-1].version == "8"
