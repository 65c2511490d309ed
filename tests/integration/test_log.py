"""A log that nobody reads, and standard streams that are closed or full, keep the service from nothing."""

import os
import subprocess
import time

import pytest

from tests.facts import ORDER
from tests.servers import serving, until

DROPPED = "delivery_risk_log_lines_dropped_total"


@pytest.fixture
def full_pipe():
    """The writing end of a pipe that has no room left."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_service_starts_answers_and_stops_although_nobody_reads(stream, full_pipe):
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: full_pipe}
    with serving(**streams) as server:
        assert [server.score([ORDER])["results"][0]["order_id"] for _ in range(20)] == [ORDER["order_id"]] * 20
        begin = time.monotonic()
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert time.monotonic() - begin < 10


def test_lines_that_cannot_be_written_are_counted_by_every_process():
    reading, writing = os.pipe()
    os.close(reading)
    with serving(stdout=writing, stderr=subprocess.DEVNULL) as server:
        started = server.metrics()[DROPPED]
        assert started > 2  # the lines of the master and its workers
        server.score([ORDER])
        assert until(lambda: server.metrics()[DROPPED] > started)
    os.close(writing)


def test_a_service_whose_standard_streams_are_closed_answers_and_logs_into_no_socket():
    def close():
        for descriptor in range(3):
            os.close(descriptor)

    with serving(preexec_fn=close) as server:
        for _ in range(20):
            assert server.score([ORDER])["results"][0]["order_id"] == ORDER["order_id"]
