"""Log files: complete lines or none, in files that one process makes and closes."""

import os
import re
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.decisions import file_lock, log_files
from service.decisions.log_files import LogFiles

LINE = b'{"v":1}\n'


@pytest.fixture
def files(tmp_path):
    return LogFiles(str(tmp_path), "decisions", 3)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(log_files, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def limited():
    """Limits the size of files to so many bytes; the write that meets it is short, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if size is None else size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder):
    """The content of each file, by its number."""
    return {path.name.rpartition("-")[2]: path.read_bytes() for path in sorted(folder.iterdir())}


def test_lines_are_in_one_file_that_only_its_user_can_read(files, tmp_path):
    for _ in range(3):
        files.append(LINE)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == 3 * LINE
    assert path.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"decisions-[0-9a-f]{16}-3-0\.jsonl", path.name)
    assert files.name in path.name


def test_two_processes_have_different_names(tmp_path):
    assert len({LogFiles(str(tmp_path), "decisions", 3).name for _ in range(100)}) == 100


def test_a_file_that_exists_is_never_written(files, tmp_path):
    taken = tmp_path / f"decisions-{files.name}-0.jsonl"
    taken.write_bytes(b"of another\n")
    with pytest.raises(FileExistsError):
        files.append(LINE)
    assert taken.read_bytes() == b"of another\n"


def test_the_next_file_begins_before_a_file_gets_too_large(files, tmp_path, monkeypatch):
    monkeypatch.setattr(log_files, "MOST_BYTES", 3 * len(LINE))
    for _ in range(4):
        files.append(LINE)
    files.append(10 * LINE)
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": 3 * LINE, "1.jsonl": LINE, "2.jsonl": 10 * LINE, "3.jsonl": LINE}


def test_the_next_file_begins_an_hour_after_the_last_one(files, tmp_path, clock):
    files.append(LINE)
    clock[0] += 3599
    files.append(LINE)
    clock[0] += 1
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": 2 * LINE, "1.jsonl": LINE}


def test_a_file_of_an_idle_process_is_closed_after_an_hour(files, tmp_path, clock):
    files.append(LINE)
    (path,) = tmp_path.iterdir()
    clock[0] += 3599
    files.look(), files.settle(sync=False)
    with pytest.raises(BlockingIOError), file_lock.unused(path):
        pass
    clock[0] += 1
    files.look(), files.settle(sync=False)
    with file_lock.unused(path):
        files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": LINE, "1.jsonl": LINE}


def test_a_closed_file_keeps_no_descriptor_open(files, clock):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        files.append(LINE)
        clock[0] += 3600
        files.look(), files.settle(sync=True)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_short_write_is_cut_back_to_the_last_complete_line(files, tmp_path, limited):
    files.append(LINE)
    limited(len(LINE) + 3)
    with pytest.raises(OSError, match="File too large"):
        files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": LINE}
    limited(None)
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": 2 * LINE}


def test_a_file_that_cannot_be_cut_back_keeps_its_torn_line_and_gets_no_other(files, tmp_path, limited, monkeypatch):
    files.append(LINE)
    limited(len(LINE) + 3)
    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(OSError, match="File too large"):
        files.append(LINE)
    limited(None)
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": LINE + LINE[:3], "1.jsonl": LINE}


def fails(*_):
    raise OSError(5, "Input/output error")


def test_a_line_for_a_removed_file_is_in_the_next_one(files, tmp_path):
    files.append(LINE)
    next(tmp_path.iterdir()).unlink()
    files.append(LINE)
    assert contents(tmp_path) == {"1.jsonl": LINE}


def test_a_line_for_a_removed_folder_fails_and_the_folder_can_come_back(files, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    files = LogFiles(str(folder), "decisions", 0)
    files.append(LINE)
    next(folder.iterdir()).unlink()
    folder.rmdir()
    for call in (lambda: files.append(LINE), lambda: files.prove(10), files.look):
        with pytest.raises(FileNotFoundError):
            call()
    folder.mkdir()
    files.prove(10)
    files.append(LINE)
    assert contents(folder) == {"1.jsonl": LINE}


def test_a_moved_folder_is_noticed_and_keeps_its_lines(files, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    files = LogFiles(str(folder), "decisions", 0)
    files.append(LINE)
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    files.look()
    files.append(LINE)
    assert (contents(tmp_path / "moved"), contents(folder)) == ({"0.jsonl": LINE}, {"1.jsonl": LINE})


def test_a_proof_of_room_leaves_nothing_and_fails_where_there_is_none(files, tmp_path, limited):
    files.append(LINE)
    files.prove(100)
    assert contents(tmp_path) == {"0.jsonl": LINE}
    limited(100)
    with pytest.raises(OSError, match="File too large"):
        files.prove(100)
    files.prove(50)
    assert contents(tmp_path) == {"0.jsonl": LINE}


def test_a_line_waits_for_another_one_that_hangs_only_so_long(files, tmp_path, monkeypatch):
    monkeypatch.setattr(log_files, "WAIT_SECONDS", 0.05)
    hang, begun, write = threading.Event(), threading.Event(), os.write

    def hangs(descriptor, data):
        begun.set()
        hang.wait(20)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", hangs)
    first = threading.Thread(target=files.append, args=(LINE,))
    first.start()
    begun.wait(20)
    assert files.since is not None
    with pytest.raises(TimeoutError):
        files.append(b"late\n")
    hang.set()
    first.join()
    assert files.since is None
    assert contents(tmp_path) == {"0.jsonl": LINE}


def test_lines_that_wait_for_others_that_end_are_all_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fdatasync", lambda _: time.sleep(0.05))  # the last lines wait for longer than WAIT_SECONDS
    files = LogFiles(str(tmp_path), "decisions", 0, sync=True)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(files.append, 64 * [LINE]))
    assert contents(tmp_path) == {"0.jsonl": 64 * LINE}


def test_a_proof_that_cannot_be_cut_back_is_followed_by_no_line(files, tmp_path, monkeypatch):
    files.append(LINE)
    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(OSError, match="Input/output error"):
        files.prove(10)
    monkeypatch.undo()
    files.append(LINE)
    files.prove(10)
    assert contents(tmp_path) == {"0.jsonl": LINE + 10 * b"\n", "1.jsonl": LINE}


def test_a_line_that_failed_after_it_was_written_costs_no_later_line(files, tmp_path, monkeypatch, limited):
    monkeypatch.setattr(os, "fstat", fails)
    with pytest.raises(OSError, match="Input/output error"):
        files.append(b"failed\n")
    monkeypatch.undo()
    files.append(LINE)
    limited(len(b"failed\n") + len(LINE) + 3)
    with pytest.raises(OSError, match="File too large"):
        files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": b"failed\n" + LINE}


def test_a_proof_that_cannot_be_put_on_the_disk_fails_and_leaves_nothing(files, tmp_path, monkeypatch):
    files.append(LINE)
    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(OSError, match="Input/output error"):
        files.prove(10)
    assert contents(tmp_path) == {"0.jsonl": LINE}


def test_a_new_file_that_another_process_took_for_an_unused_one_gets_no_line(files, tmp_path, monkeypatch):
    lock, tries = file_lock.lock, []

    def taken_once(descriptor):
        tries.append(descriptor)
        if len(tries) == 1:
            raise BlockingIOError
        lock(descriptor)

    monkeypatch.setattr(file_lock, "lock", taken_once)
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": b"", "1.jsonl": LINE}


def test_on_a_file_system_without_locks_lines_are_written(files, tmp_path, monkeypatch):
    monkeypatch.setattr(file_lock, "lock", fails)
    files.append(LINE)
    assert contents(tmp_path) == {"0.jsonl": LINE}


@pytest.fixture
def flushed(monkeypatch):
    """What each flushed file or folder had on it then."""
    found = []

    def flush(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        found.append("folder" if os.path.isdir(path) else os.path.getsize(path))

    monkeypatch.setattr(os, "fdatasync", flush)
    monkeypatch.setattr(os, "fsync", flush)
    return found


def test_with_sync_a_line_and_its_file_are_on_the_disk_when_append_returns(tmp_path, flushed):
    files = LogFiles(str(tmp_path), "decisions", 0, sync=True)
    files.append(LINE)
    files.append(LINE)
    assert flushed == ["folder", len(LINE), 2 * len(LINE)]


def test_lines_are_flushed_later_only_where_this_is_asked_for(files, flushed, clock):
    files.append(LINE)
    files.settle(sync=False)
    assert flushed == []
    files.settle(sync=True)
    assert flushed == [len(LINE), "folder"]
    clock[0] += 3600
    files.append(LINE)
    del flushed[:]
    files.settle(sync=True)
    assert flushed == [len(LINE), len(LINE), "folder"], "the closed file, too"


def test_a_proof_has_been_on_the_disk(files, tmp_path, flushed):
    files.append(LINE)
    files.prove(10)
    assert flushed == [len(LINE) + 10]
    assert contents(tmp_path) == {"0.jsonl": LINE}
