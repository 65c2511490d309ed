import pytest

from model import files
from model.errors import TooLarge, Unreadable


def test_a_file_at_the_limit_is_read_and_one_over_it_is_rejected_with_its_location(tmp_path):
    (tmp_path / "file").write_bytes(b"12345678")
    assert files.read(tmp_path / "file", 8) == b"12345678"
    with pytest.raises(TooLarge, match=r"^notes: over 7 bytes$"):
        files.read(tmp_path / "file", 7, "notes")


def test_a_file_that_cannot_be_read_is_rejected_with_its_location(tmp_path):
    with pytest.raises(Unreadable, match=r"^notes: cannot be read \(No such file or directory\)$"):
        files.read(tmp_path / "file", 7, "notes")


def test_a_draft_is_complete_in_the_block_and_removed_after_it(tmp_path):
    with files.draft(tmp_path, ".new.", b"content") as draft:
        (path,) = tmp_path.iterdir()
        assert (str(path), path.read_bytes()) == (draft, b"content")
        assert path.name.startswith(".new.")
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_was_renamed_stays(tmp_path):
    with files.draft(tmp_path, ".new.", b"content") as draft:
        (tmp_path / draft).rename(tmp_path / "named")
    assert [path.name for path in tmp_path.iterdir()] == ["named"]


def test_a_draft_is_removed_after_a_block_that_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), files.draft(tmp_path, ".new.", b"content"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
