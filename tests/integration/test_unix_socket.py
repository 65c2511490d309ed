"""A unix socket is taken under a lock and removed by the master that has it."""

import fcntl
import http.client
import os
import re
import signal
import socket
import stat
import subprocess
from contextlib import contextmanager, suppress

import pytest

from tests.facts import ROOT
from tests.servers import SERVE, ended, environment, killed, until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "http.sock"


@contextmanager
def serving(path, **variables):
    """A master with one worker on this path, and its log; it may not answer yet."""
    given = environment(**{"DELIVERY_RISK_BIND": f"unix:{path}", "DELIVERY_RISK_WORKERS": "1"} | variables)
    output = path.with_name(f"log.{len(os.listdir(path.parent))}")
    with output.open("wb") as log:
        process = subprocess.Popen(SERVE, cwd=ROOT, env=given, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process, output
    finally:
        killed(process)


def answers(path):
    """Whether a service answers there."""
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(str(path))
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False


def test_a_master_that_stops_does_not_remove_the_socket_of_its_successor(path):
    with serving(path) as (first, _):
        assert until(lambda: answers(path))
        old = path.stat()
        with serving(path) as (second, log):
            assert until(lambda: answers(path) and not os.path.samestat(path.stat(), old)), log.read_text()
            ended(first)
            assert (first.returncode, answers(path)) == (0, True)
            ended(second)
            assert (second.returncode, path.exists()) == (0, False)


def test_the_socket_of_a_master_that_was_killed_is_replaced(path):
    with serving(path):
        assert until(lambda: answers(path))
    assert path.is_socket()
    with serving(path) as (process, log):
        assert until(lambda: answers(path)), log.read_text()
        path.unlink()
        path.write_text("kept")
        ended(process)
    assert (process.returncode, path.read_text()) == (0, "kept")


def test_while_another_master_takes_the_path_a_start_waits_and_a_stop_does_not(path):
    with open(f"{path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with serving(path) as (process, log):
            assert until(lambda: f"{path}.lock: locked by another process" in log.read_text())
            assert not path.exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert until(lambda: answers(path)), log.read_text()
            fcntl.flock(lock, fcntl.LOCK_EX)
            ended(process)
            assert (process.returncode, path.is_socket()) == (0, True)


@pytest.mark.parametrize(("given", "mode"), [({}, 0o666), ({"DELIVERY_RISK_SOCKET_MODE": "660"}, 0o660)])
def test_the_socket_has_the_permissions_of_the_setting(path, given, mode):
    with serving(path, **given) as (_, log):
        assert until(lambda: answers(path)), log.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_master_that_replaces_itself_keeps_the_socket_and_its_successor_removes_it(path):
    with serving(path) as (process, log):
        assert until(lambda: answers(path)), log.read_text()
        process.send_signal(signal.SIGUSR2)
        assert until(lambda: log.read_text().count("Listening at unix:") == 2), log.read_text()
        successor = int(re.findall(r"Listening at: unix:.* \((\d+)\)", log.read_text())[-1])
        try:
            ended(process)
            assert until(lambda: "Master has been promoted" in log.read_text()), log.read_text()
            assert answers(path), log.read_text()
            os.kill(successor, signal.SIGTERM)
            assert until(lambda: not path.exists()), log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.kill(successor, signal.SIGKILL)
