import os
import re
from pathlib import Path

import pytest

from model import files
from model.errors import TooLarge, Unreadable
from tests.model_files import SECRET_TEXT, rejects


def test_a_file_at_the_limit_is_read_and_one_over_it_is_rejected_with_its_location_and_both_are_closed(tmp_path):
    (tmp_path / "file").write_bytes(b"12345678")
    before = os.listdir("/dev/fd")
    assert files.read(tmp_path / "file", 8) == b"12345678"
    with pytest.raises(TooLarge, match=r"^notes: over 7 bytes$"):
        files.read(tmp_path / "file", 7, "notes")
    assert os.listdir("/dev/fd") == before


def reads():
    """The calls that this thread made to read."""
    (count,) = re.findall(r"syscr: (\d+)", Path("/proc/thread-self/io").read_text())
    return int(count)


def test_a_large_file_is_read_completely_in_calls_of_a_mebibyte_at_most(tmp_path):
    content = os.urandom(8 * 2**20 + 1)
    (tmp_path / "file").write_bytes(content)
    before = reads()
    found = files.read(tmp_path / "file", len(content))
    assert reads() - before >= 9
    assert found == content


UNREADABLE = {
    "nothing": lambda path: None,
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "a link to nothing": lambda path: os.symlink("nowhere", path),
    "a link to itself": lambda path: os.symlink(path, path),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_file_is_rejected_without_waiting_and_closed(make, tmp_path):
    make(tmp_path / "file")
    before = os.listdir("/dev/fd")
    with pytest.raises(Unreadable, match=r"^notes: (cannot be read \([A-Z].*\)|not a regular file)$"):
        files.read(tmp_path / "file", 7, "notes")
    assert os.listdir("/dev/fd") == before


@pytest.mark.parametrize("path", [f"{SECRET_TEXT}\0", f"{SECRET_TEXT}/" * 2000, f"{SECRET_TEXT}\udcff", "", "/dev/null"])
def test_a_path_that_no_file_can_have_is_rejected(path):
    with rejects(Unreadable, "file"):
        files.read(path, 7)


def test_a_draft_is_complete_in_the_block_and_removed_after_it_also_if_the_block_fails(tmp_path):
    with files.draft(tmp_path, ".new.", b"content") as draft:
        (path,) = tmp_path.iterdir()
        assert (str(path), path.read_bytes(), path.name[:5]) == (draft, b"content", ".new.")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), files.draft(tmp_path, ".new.", b"content"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_was_renamed_stays(tmp_path):
    with files.draft(tmp_path, ".new.", b"content") as draft:
        (tmp_path / draft).rename(tmp_path / "named")
    assert [path.name for path in tmp_path.iterdir()] == ["named"]
