"""The doctor's check of the log, on real pipes and processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service import config
from service.cli.doctor import log
from service.cli.doctor.finding import Installation, warn
from tests.servers import until

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


def findings_about(process):
    """What is found about this process; services of tests that run at the same time may have full streams too."""
    return [finding for finding in log.log(Installation({}, config.load({}))) if process in finding.found]


@pytest.mark.parametrize("command", ["/venv/bin/delivery-risk serve", "-m service.cli serve", "gunicorn service.wsgi:app"])
def test_a_service_whose_log_nobody_reads_is_found_by_its_command(command, pipe):
    writing, fill = pipe
    words = [sys.executable, "-c", "input()", *command.split()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=writing) as process:
        name = f"process {process.pid}"
        assert until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes() != b"")  # it is empty for a moment of exec
        assert all(finding.verdict == "ok" for finding in findings_about(name))
        fill()
        assert findings_about(name) == [warn(f"nobody reads the standard output of {name}: it is full", ADVICE)]
        process.communicate(b"\n", timeout=20)


def test_a_full_stream_of_the_command_itself_is_found(pipe):
    writing, fill = pipe
    kept = os.dup(2)
    fill()
    os.dup2(writing, 2)
    try:
        found = findings_about("this command")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert found == [warn("nobody reads the standard error of this command: it is full", ADVICE)]
