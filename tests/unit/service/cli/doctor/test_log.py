"""The doctor's check of the log, on real pipes and processes that listen."""

import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from service import config
from service.cli.doctor import log
from service.cli.doctor.finding import Installation, warn

ADVICE = "check that what collects the log runs and has room"


@pytest.fixture
def pipe():
    """The writing end of a pipe, and a function that fills it."""
    reading, writing = os.pipe()

    def fill():
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, bytes(4096))
        except BlockingIOError:
            os.set_blocking(writing, True)

    yield writing, fill
    os.close(reading)
    os.close(writing)


@pytest.fixture(params=["127.0.0.1", "::1", "unix"])
def listener(request, tmp_path):
    """A socket that listens, and its address as a setting."""
    host = request.param
    if host == "unix":
        with closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind(str(tmp_path / "socket"))
            listening.listen()
            yield listening, f"unix:{tmp_path}/socket"
        return
    try:
        listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with listening:
        yield listening, f"{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


def checked(address):
    return log.log(Installation({}, config.load({"DELIVERY_RISK_BIND": address})))


def test_a_service_whose_log_nobody_reads_is_found_by_its_address(listener, pipe):
    (listening, address), (writing, fill) = listener, pipe
    command, shared = [sys.executable, "-c", "input()"], [listening.fileno()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writing, pass_fds=shared) as process:
        listening.close()
        (finding,) = checked(address)
        assert (finding.verdict, f"process {process.pid}" in finding.found) == ("ok", True)
        fill()
        assert checked(address) == [warn(f"nobody reads the standard output of process {process.pid}: it is full", ADVICE)]
        process.communicate(b"\n", timeout=20)


def test_a_full_stream_of_the_command_itself_is_found(pipe):
    writing, fill = pipe
    kept = os.dup(2)
    fill()
    os.dup2(writing, 2)
    try:
        found = checked("127.0.0.1:1")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert found == [warn("nobody reads the standard error of this command: it is full", ADVICE)]
