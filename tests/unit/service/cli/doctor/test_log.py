"""The doctor's check of the log, on real pipes and processes."""

import os
import subprocess
import sys

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


def checked():
    return log.log(Installation({}, config.load({})))


@pytest.mark.parametrize("command", ["/venv/bin/delivery-risk serve", "-m service.cli serve", "gunicorn service.wsgi:app"])
def test_a_service_whose_log_nobody_reads_is_found_by_its_command(command, pipe):
    writing, fill = pipe
    words = [sys.executable, "-c", "input()", *command.split()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=writing) as process:
        full = warn(f"nobody reads the standard output of process {process.pid}: it is full", ADVICE)
        assert full not in checked()
        fill()
        assert full in checked()  # other tests' services may have full streams too
        process.communicate(b"\n", timeout=20)


def test_a_full_stream_of_the_command_itself_is_found(pipe):
    writing, fill = pipe
    kept = os.dup(2)
    fill()
    os.dup2(writing, 2)
    try:
        found = checked()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert warn("nobody reads the standard error of this command: it is full", ADVICE) in found
