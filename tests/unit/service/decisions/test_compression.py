"""Compression of log files: complete, once, and never of one in use."""

import gzip
import os

import pytest

from service.decisions import reading
from service.decisions.compression import compress_unused
from service.decisions.log_files import LogFiles

LINE = b'{"v":1}\n'


@pytest.fixture
def closed(tmp_path):
    """A file of a process that is gone, and what it is compressed to."""
    path = tmp_path / "decisions-0123456789abcdef-0-0.jsonl"
    path.write_bytes(1000 * LINE)
    os.utime(path, (1e9, 1e9))
    return path, path.with_name(f"{path.name}.gz")


def texts(folder):
    return [line.text for path in reading.log_files([str(folder)], "decisions") for line in reading.lines(path)]


def test_a_closed_file_is_compressed_with_its_time_for_its_user_alone(closed, tmp_path):
    compress_unused(str(tmp_path))
    assert [*tmp_path.iterdir()] == [closed[1]]
    assert gzip.decompress(closed[1].read_bytes()) == 1000 * LINE
    assert closed[1].stat().st_mode & 0o777 == 0o600
    assert closed[1].stat().st_mtime == 1e9


def test_a_file_in_use_is_left_as_it_is_and_closed_ones_of_both_kinds_are_not(tmp_path):
    for kind in ("decisions", "outcomes"):
        used, gone = (LogFiles(str(tmp_path), kind, number) for number in (0, 1))
        used.append(LINE)
        gone.append(LINE)
        os.close(gone._file.descriptor)  # as the kernel does where a process is killed
        compress_unused(str(tmp_path))
        used.append(LINE)
        names = {path.name for path in tmp_path.iterdir() if path.name.startswith(kind)}
        assert names == {f"{kind}-{used.name}-0.jsonl", f"{kind}-{gone.name}-0.jsonl.gz"}
        assert next(tmp_path.glob(f"{kind}-{used.name}-0.jsonl")).read_bytes() == 2 * LINE


def test_a_partial_file_of_a_killed_process_is_made_anew(closed, tmp_path):
    closed[1].write_bytes(gzip.compress(1000 * LINE)[:20])
    assert texts(tmp_path) == 1000 * [LINE.strip()]
    compress_unused(str(tmp_path))
    assert not closed[0].exists()
    assert texts(tmp_path) == 1000 * [LINE.strip()]


def test_a_file_is_kept_where_the_compressed_one_cannot_be_written(closed, tmp_path, monkeypatch):
    def fails(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    compress_unused(str(tmp_path))
    assert [*tmp_path.iterdir()] == [closed[0]]
    assert texts(tmp_path) == 1000 * [LINE.strip()]


def test_an_empty_file_that_nobody_uses_is_removed(tmp_path):
    (tmp_path / "decisions-0123456789abcdef-0-0.jsonl").touch()
    compress_unused(str(tmp_path))
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_gone_is_no_error(tmp_path):
    compress_unused(str(tmp_path / "gone"))


def test_a_file_that_is_compressed_after_it_was_listed_is_read_all_the_same(closed, tmp_path):
    (path,) = reading.log_files([str(tmp_path)], "decisions")
    compress_unused(str(tmp_path))
    assert len([*reading.lines(path)]) == 1000
