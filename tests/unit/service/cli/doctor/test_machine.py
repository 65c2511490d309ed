import errno
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from service import config
from service.cli.doctor import machine
from service.cli.doctor.finding import Patient, fail, ok, warn
from service.serving.worker_state import WorkerStates
from service.version import VERSION
from tests.servers import running

SETTINGS = config.load({})


def patient(**given):
    return Patient({}, replace(SETTINGS, **given))


def bound(address):
    (found,) = machine.bind(patient(bind=address))
    return found


@pytest.fixture
def listener():
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as open_port:
        yield open_port.getsockname()[1]


def test_a_free_address_is_free():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert bound(f"127.0.0.1:{port}") == ok(f"127.0.0.1:{port} is free")


def test_an_address_in_use_fails_by_who_has_it(listener, monkeypatch):
    monkeypatch.setattr(machine, "_PROBE_SECONDS", 0.2)
    found = bound(f"127.0.0.1:{listener}")
    assert (found.verdict, found.advice) == ("FAIL", "end that, or set DELIVERY_RISK_BIND to another address")
    name = Path("/proc/self/comm").read_text().strip()
    assert found.found == f"127.0.0.1:{listener}: in use by process {os.getpid()} ({name})"


def test_a_holder_that_cannot_be_seen_is_said_to_be_so(listener, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert bound(f"127.0.0.1:{listener}").found.endswith("in use by a process that cannot be seen from here")


@pytest.mark.parametrize(
    ("given", "told"),
    [({}, f"delivery-risk {VERSION}"), ({"DELIVERY_RISK_TOKENS_FILE": "/nowhere/tokens"}, "delivery-risk")],
    ids=["open", "asking for tokens"],
)
def test_a_service_that_runs_already_is_a_warning(given, told):
    with running(DELIVERY_RISK_WORKERS="1", **given) as server:
        found = bound(f"127.0.0.1:{server.port}")
    assert (found.verdict, found.found) == ("warn", f"127.0.0.1:{server.port}: {told} answers there already")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1:8000", "cannot be bound (Cannot assign requested address)"),
        ("127.0.0.1:65536", "no port has such a number"),
        ("no host:8000", "cannot be bound ("),
    ],
)
def test_an_address_that_is_none_of_this_machine_fails(address, said):
    found = bound(address)
    assert (found.verdict, said in found.found) == ("FAIL", True)


def test_a_socket_in_the_file_system_is_free_taken_or_left_behind(tmp_path):
    path = str(tmp_path / "s")
    assert bound(f"unix:{path}") == ok(f"unix:{path} is free")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        assert bound(f"unix:{path}").verdict == "warn"
    assert bound(f"unix:{path}") == ok(f"unix:{path} was left behind and can be taken over")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text(""), "another file stands there"),
        (lambda path: path.parent.rmdir(), "its directory cannot be written"),
    ],
)
def test_a_path_where_no_socket_can_be_made_fails(tmp_path, make, said):
    path = tmp_path / "folder" / "s"
    path.parent.mkdir()
    make(path)
    found = bound(f"unix:{path}")
    assert (found.verdict, found.found) == ("FAIL", f"unix:{path}: {said}")


@pytest.mark.parametrize("length", [107, 108, 200])
def test_a_path_is_free_where_a_socket_can_be_bound_to_it(tmp_path, length):
    path = f"{tmp_path}/".ljust(length, "x")
    found = bound(f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(path)
        except OSError:
            assert (found.verdict, found.found) == ("FAIL", f"unix:{path}: longer than 107 bytes")
        else:
            assert (found, length) == (ok(f"unix:{path} is free"), 107)


@pytest.mark.parametrize("left", [False, True])
def test_a_socket_cannot_be_made_or_taken_over_in_a_directory_that_cannot_be_written(tmp_path, monkeypatch, left):
    path = str(tmp_path / "s")
    if left:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
    monkeypatch.setattr(os, "access", lambda folder, mode: (folder, mode) != (str(tmp_path), os.W_OK))
    found = bound(f"unix:{path}")
    assert (found.verdict, found.found) == ("FAIL", f"unix:{path}: its directory cannot be written")


def test_a_temporary_file_is_made_in_memory_where_there_is_such_a_place(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "MEMORY", tmp_path)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    assert list(machine.temporary(patient())) == [ok(f"{tmp_path} can be written")]


def test_a_temporary_file_is_made_where_any_other_is_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "MEMORY", tmp_path / "nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert list(machine.temporary(patient())) == [ok(f"{tmp_path} can be written")]


def test_no_room_for_a_temporary_file_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "MEMORY", tmp_path / "nowhere")
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    (found,) = machine.temporary(patient())
    assert found == fail("no temporary file can be written (No such file or directory)", "mount a tmpfs at /tmp, or set TMPDIR")


def test_memory_in_which_no_file_can_be_made_fails(monkeypatch):
    monkeypatch.setattr(config, "MEMORY", Path("/proc/self"))
    (found,) = machine.temporary(patient())
    assert (found.verdict, found.found.split(" (")[0]) == ("FAIL", "/proc/self: no temporary file can be written")


def test_memory_can_be_shared():
    assert list(machine.memory(patient())) == [ok("shared memory can be mapped")]


def test_memory_that_cannot_be_mapped_fails(monkeypatch):
    def refuse():
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(machine, "SharedCounters", refuse)
    (found,) = machine.memory(patient())
    assert (found.verdict, found.found) == ("FAIL", "no memory can be shared (Cannot allocate memory)")


def test_memory_is_refused_to_a_process_of_little_address_space():
    program = """
import resource
from service import config
from service.cli.doctor import machine
from service.cli.doctor.finding import Patient
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
(found,) = machine.memory(Patient({}, config.load({})))
print(found.verdict, found.found)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "FAIL no memory can be shared (Cannot allocate memory)\n", done.stderr


def test_memory_that_forgets_fails(monkeypatch):
    monkeypatch.setattr(WorkerStates, "write", lambda *_: None)
    (found,) = machine.memory(patient())
    assert (found.verdict, found.found) == ("FAIL", "shared memory does not keep what is written")


@pytest.mark.parametrize(
    ("limit", "verdict"), [(40, "FAIL"), (67, "FAIL"), (68, "warn"), (999, "warn"), (1000, "ok"), (-1, "ok")]
)
def test_a_worker_may_open_the_files_that_it_needs(monkeypatch, limit, verdict):
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))
    (found,) = machine.descriptors(patient(threads=4))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("usable", "quota", "workers", "expected"),
    [
        (4, "max 100000", 9, ok("9 workers for 4 cores")),
        (4, "max 100000", 10, warn("10 workers for 4 cores", "set DELIVERY_RISK_WORKERS to about the number of cores")),
        (4, "150000 100000\n", 4, ok("4 workers for 1.5 cores")),
        (4, "50000 100000\n", 3, warn("3 workers for 0.5 cores", "set DELIVERY_RISK_WORKERS to about the number of cores")),
        (2, None, 2, ok("2 workers for 2 cores")),
    ],
)
def test_workers_are_held_against_the_cores_that_they_may_use(monkeypatch, tmp_path, usable, quota, workers, expected):
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(usable)))
    assert list(machine.cores(patient(workers=workers))) == [expected]


def test_the_present_time_is_sane():
    (found,) = machine.clock(patient())
    assert found.verdict == "ok"


@pytest.mark.parametrize("now", [0.0, 1e9, 1e10])
def test_a_clock_before_or_long_after_the_installation_fails(monkeypatch, now):
    monkeypatch.setattr("time.time", lambda: now)
    (found,) = machine.clock(patient())
    assert (found.verdict, found.advice) == ("FAIL", "set the clock")
