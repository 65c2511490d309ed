import errno
import os
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from service import config
from service.cli.doctor import machine
from service.cli.doctor.finding import Installation, fail, ok, warn
from tests.servers import without_ipv6


def found(check, **given):
    (finding,) = check(Installation({}, replace(config.load({}), **given)))
    return finding


def verdict(check, **given):
    finding = found(check, **given)
    return finding.verdict, finding.found


def bound(address):
    return verdict(machine.bind, bind=address)


def test_an_address_is_free_until_another_process_listens_there(monkeypatch):
    monkeypatch.setattr(machine, "_PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert bound(address) == ("FAIL", f"{address}: in use by another process")
    assert bound(address) == ("ok", f"{address} is free")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.1:8000", "cannot be bound (Cannot assign requested address)"),
        ("[2001:db8::1]:8000", "cannot be bound (Cannot assign requested address)"),
        ("no host:8000", "cannot be bound ("),
    ],
)
def test_an_address_of_another_machine_fails(address, text):
    found, printed = bound(address)
    assert (found, text in printed) == ("FAIL", True)


def test_all_addresses_are_free_on_a_machine_without_ipv6_too(monkeypatch):
    monkeypatch.setattr(socket, "socket", without_ipv6(socket.socket))
    assert bound("[::]:0") == ("ok", "0.0.0.0:0 is free")


def test_a_unix_socket_is_free_taken_or_left_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bound("unix:s") == ("ok", "unix:s is free")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("s")
        other.listen()
        assert bound("unix:s") == ("warn", "unix:s: a process answers there already")
    assert bound("unix:s") == ("ok", "unix:s is left over and can be replaced")
    monkeypatch.setattr(os, "access", lambda folder, mode: (folder, mode) != (".", os.W_OK))
    for _ in ("left over", "removed"):
        assert bound("unix:s") == ("FAIL", "unix:s: its directory is not writable")
        Path("s").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("file", "another file has this path"),
        ("nowhere/s", "its directory is not writable"),
        ("file/s", "cannot be bound (Not a directory)"),
        ("x" * 108, "cannot be bound (AF_UNIX path too long)"),
    ],
)
def test_a_path_where_no_socket_can_be_created_fails(tmp_path, monkeypatch, path, text):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert bound(f"unix:{path}") == ("FAIL", f"unix:{path}: {text}")


@pytest.mark.parametrize(
    ("memory", "other", "expected"),
    [
        ("/tmp", "/nowhere", ok("/tmp is writable")),
        ("/nowhere", "/tmp", ok("/tmp is writable")),
        ("/nowhere", "/nowhere", fail("no temporary file can be written", "mount a tmpfs at /tmp, or set TMPDIR")),
        ("/proc/self", "/tmp", fail("/proc/self: no temporary file can be written", "make it writable")),
    ],
)
def test_a_temporary_file_can_be_written_in_memory_or_else_where_others_are(monkeypatch, memory, other, expected):
    monkeypatch.setattr(config, "MEMORY", Path(memory))
    monkeypatch.setattr("tempfile.tempdir", other)
    reported = found(machine.temporary)
    assert reported._replace(found=reported.found.split(" (")[0]) == expected


MORE = "remove files from it, or mount it with more space and inodes (nr_inodes)"


@pytest.mark.parametrize(
    ("files", "free", "workers", "expected"),
    [
        (100, 1, 2, warn("/tmp: room for 1 more files, fewer than 2 workers need", MORE)),
        (100, 2, 2, ok("/tmp is writable")),
        (0, 0, 2, ok("/tmp is writable")),  # as many as fit
    ],
)
def test_every_worker_can_have_a_temporary_file(monkeypatch, files, free, workers, expected):
    monkeypatch.setattr(config, "MEMORY", Path("/tmp"))
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_files=files, f_favail=free))
    assert found(machine.temporary, workers=workers) == expected


def test_a_file_system_without_room_or_inodes_fails(monkeypatch):
    monkeypatch.setattr(config, "MEMORY", Path("/tmp"))

    def fail_to_make(dir):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", fail_to_make)
    assert found(machine.temporary) == fail("/tmp: no temporary file can be written (No space left on device)", MORE)


def test_memory_can_be_shared():
    assert found(machine.memory) == ok("shared memory can be mapped")


@pytest.mark.parametrize(
    ("limit", "expected"), [(40, "FAIL"), (255, "FAIL"), (256, "warn"), (999, "warn"), (1000, "ok"), (-1, "ok")]
)
def test_a_worker_may_open_the_files_that_it_needs(monkeypatch, limit, expected):
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))
    assert found(machine.descriptors).verdict == expected


FEWER = "set DELIVERY_RISK_WORKERS to about the number of cores"


@pytest.mark.parametrize(
    ("usable", "quota", "workers", "expected"),
    [
        (4, "max 100000", 9, ok("9 workers for 4 cores")),
        (4, "max 100000", 10, warn("10 workers for 4 cores", FEWER)),
        (4, "150000 100000\n", 4, ok("4 workers for 1.5 cores")),
        (4, "50000 100000\n", 3, warn("3 workers for 0.5 cores", FEWER)),
        (2, None, 2, ok("2 workers for 2 cores")),
    ],
)
def test_there_are_not_far_more_workers_than_cores(monkeypatch, tmp_path, usable, quota, workers, expected):
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(usable)))
    assert found(machine.cores, workers=workers) == expected


@pytest.mark.parametrize(("now", "expected"), [(None, "ok"), (0.0, "FAIL"), (1e9, "FAIL"), (1e10, "FAIL")])
def test_a_clock_before_or_long_after_the_installation_fails(monkeypatch, now, expected):
    if now is not None:
        monkeypatch.setattr("time.time", lambda: now)
    finding = found(machine.clock)
    assert (finding.verdict, finding.advice) == (expected, "" if expected == "ok" else "set the clock")
