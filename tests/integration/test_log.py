"""A log that nobody reads, and standard streams that are closed or full, keep the service from nothing."""

import os
import subprocess
import sys
import time

import pytest

from tests.facts import ORDER, ROOT
from tests.integration import framing
from tests.servers import environment, running, serving, until

DROPPED = "delivery_risk_log_lines_dropped_total"
SLOTS_BEFORE_POST_FORK = f"""
import os, signal
from service.app import build
from service.config import load
from service.server.application import GunicornApplication

service = build(load(os.environ), os.environ)
application = GunicornApplication(service, lambda addresses: None)
post_fork = application.cfg.post_fork

def count(arbiter, worker):
    service.metrics.count("{DROPPED}")
    print("counted", worker.slot, service.metrics.counters.number(worker.slot, ("{DROPPED}",)), flush=True)
    post_fork(arbiter, worker)
    os.kill(arbiter.pid, signal.SIGTERM if worker.slot else signal.SIGHUP)

application._options["post_fork"] = count
application.load_config()
application.run()
"""


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
        assert until(lambda: server.metrics()[DROPPED] > 2)  # the lines of the master and its workers
        started = server.metrics()[DROPPED]
        server.score([ORDER])
        assert until(lambda: server.metrics()[DROPPED] > started)
    os.close(writing)


def test_a_worker_counts_in_its_own_row_before_gunicorn_calls_post_fork_also_after_a_reload():
    given = environment(DELIVERY_RISK_BIND="127.0.0.1:0", DELIVERY_RISK_WORKERS="1")
    command = [sys.executable, "-c", SLOTS_BEFORE_POST_FORK]
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)
    counted = [line for line in done.stdout.splitlines() if line.startswith("counted")]
    assert counted == ["counted 0 1.0", "counted 1 1.0"], done.stdout + done.stderr


def test_a_service_whose_standard_streams_are_closed_answers_and_logs_into_no_socket():
    def close():
        for descriptor in range(3):
            os.close(descriptor)

    with serving(preexec_fn=close) as server:
        for _ in range(20):
            assert server.score([ORDER])["results"][0]["order_id"] == ORDER["order_id"]


@pytest.mark.parametrize(("trusted", "client"), [("127.0.0.1", "9.9.9.9"), ("10.0.0.1", "127.0.0.1")])
def test_a_line_of_text_has_the_client_that_a_trusted_proxy_names_and_that_of_a_malformed_request(trusted, client):
    given = {"DELIVERY_RISK_LOG_CLIENT": "yes", "DELIVERY_RISK_LOG_FORMAT": "text", "FORWARDED_ALLOW_IPS": trusted}
    with running(**given) as server:
        server.call("GET", "/version", headers={"X-Forwarded-For": "1.1.1.1, 9.9.9.9"})
        framing.exchange(server.port, b"GARBAGE\r\n\r\n")
        assert until(lambda: "route=unreadable" in server.log() and "route=/version" in server.log())
        lines = [line for line in server.log().splitlines() if " request request_id=" in line]
    clients = {line.split("route=")[1].split()[0]: line.split("client=")[1].split()[0] for line in lines}
    assert clients == {"/version": client, "unreadable": "127.0.0.1"}
