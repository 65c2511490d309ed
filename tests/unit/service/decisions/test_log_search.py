"""The search of a log's folder: the newest files first, and an account of what was searched."""

import gzip
import os
from datetime import UTC, datetime

import pytest

from service.decisions.log_search import LogSearch, newest_first
from service.decisions.pace import OutOfTime, unbounded
from service.decisions.reading import DECISIONS, OUTCOMES, NoLog


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def folder(tmp_path):
    """Four files, written at 1000 to 4000 seconds, of 1 to 4 bytes."""
    for number, name in enumerate(["decisions-b", "outcomes-c", "decisions-a", "decisions-d"], 1):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"x" * number)
        os.utime(path, (1000 * number, 1000 * number))
    (tmp_path / "other.jsonl").write_bytes(b"x")
    return tmp_path


def names(files):
    return [file.path.name for file in files]


def test_the_files_of_the_kinds_come_the_newest_first(folder):
    found = newest_first(str(folder), [DECISIONS, OUTCOMES])
    assert names(found) == ["decisions-d.jsonl", "decisions-a.jsonl", "outcomes-c.jsonl", "decisions-b.jsonl"]
    assert [file.written for file in found] == [at(4000), at(3000), at(2000), at(1000)]
    assert names(newest_first(str(folder), [OUTCOMES])) == ["outcomes-c.jsonl"]


def test_a_folder_that_is_gone_is_an_error(folder):
    with pytest.raises(NoLog, match="does not exist"):
        newest_first(str(folder / "none"), [DECISIONS])


def test_a_complete_search_has_no_time_before_which_records_may_be_missing(folder):
    search = LogSearch(newest_first(str(folder), [DECISIONS, OUTCOMES]), unbounded)
    assert [*search.items(lambda path, _: iter([path.name[-7]]))] == ["d", "a", "c", "b"]
    found = search.searched
    assert (found.files, found.all_files, found.size, found.all_size, found.since) == (4, 4, 10, 10, None)


def test_a_search_that_ends_early_says_from_when_on_nothing_is_missing(folder):
    def read(path, pace):
        yield path.name
        if path.name == "decisions-a.jsonl":
            raise OutOfTime

    search = LogSearch(newest_first(str(folder), [DECISIONS, OUTCOMES]), unbounded)
    assert [*search.items(read)] == ["decisions-d.jsonl", "decisions-a.jsonl"]
    found = search.searched
    # The second file was last written at 3000 and is not complete: a record of it may be missing, but none that is newer.
    assert (found.files, found.all_files, found.size, found.all_size, found.since) == (1, 4, 4, 10, at(3000))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_begins_with_its_first_record(tmp_path, packed):
    line = b'{"v":1,"at":"2026-11-30T06:20:37.5Z","decision_id":"x"}\n{"v":1,"at":"2027-01-01T00:00:00Z"}\n'
    name = "decisions-a.jsonl.gz" if packed else "decisions-a.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(line) if packed else line)
    (file,) = newest_first(str(tmp_path), [DECISIONS])
    assert file.begins() == datetime(2026, 11, 30, 6, 20, 37, 500_000, UTC)


@pytest.mark.parametrize("line", [b"", b"no record", b'{"at":"2026-99-30T06:20:37Z"}', b'{"at":"0001-01-01T00:00:00+14:00"}'])
def test_a_file_without_a_first_record_has_no_beginning(tmp_path, line):
    (tmp_path / "decisions-a.jsonl").write_bytes(line)
    (file,) = newest_first(str(tmp_path), [DECISIONS])
    assert file.begins() is None
