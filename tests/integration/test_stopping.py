"""Stopping the real server: as the documents say to, and in the moments when it is hardest."""

import json
import logging
import os
import signal
import subprocess
import time
from contextlib import closing

import pytest

from tests.facts import ROOT
from tests.integration import load
from tests.pages import blocks, section
from tests.servers import GUNICORN, running

FIGURES = logging.getLogger("figures")
GUIDE = ROOT / "docs" / "operations" / "load.md"
ORDER = {"order_id": "slow", "route_disruption": 2, "backlog": 3, "weather_severity": 1}


def pre_stop(file, pause):
    """Begin what the guide says to do before SIGTERM, with a pause of so many seconds."""
    (command,) = blocks("sh", section(GUIDE, "Stop without losing a request"))
    return subprocess.Popen(
        ["sh", "-c", command.replace("sleep 5", f"sleep {pause}")], env={**os.environ, "DELIVERY_RISK_DRAIN_FILE": str(file)}
    )


def test_while_the_drain_file_is_there_it_is_not_ready_and_told_to_stop_it_answers_what_it_has(tmp_path):
    file, command = tmp_path / "drain", [*GUNICORN[:-1], "tests.integration.stuck_app:app"]
    with running(command, DELIVERY_RISK_DRAIN_FILE=str(file)) as server, closing(load.Connection(server.port)) as connection:
        for _ in range(2):
            status, head, _ = connection.ask(load.get("/readyz"))
            assert (status, b"connection: keep-alive" in head) == (200, True)
            file.touch()
            for path, expected in (("/readyz", 503), ("/livez", 200)):
                status, head, body = connection.ask(load.get(path))
                assert (status, b"connection: close" in head) == (expected, True)
                assert (b"application/problem+json" in head) == (expected == 503)
            status, head, body = connection.ask(load.post(load.orders(3)))
            assert (status, b"connection: close" in head) == (200, True)
            assert len(json.loads(body)["results"]) == 3
            file.unlink()
        slow = load.post(json.dumps({"orders": [ORDER]}).encode())
        clients = load.Load(server.port, slow, 4, lambda outcomes: outcomes.sent == 0)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert clients.outcomes().statuses == {200: 4}


@pytest.mark.parametrize(("requests", "idle", "pause"), [(300, 0, 1.2), pytest.param(4000, 3, 5, marks=pytest.mark.long)])
def test_the_documented_stop_loses_no_request_while_connections_still_arrive_for_a_second(tmp_path, requests, idle, pause):
    file = tmp_path / "drain"
    with running(DELIVERY_RISK_DRAIN_FILE=str(file), **load.ROOM) as server:
        server.all_workers(2)
        told = []
        kept = [load.Connection(server.port) for _ in range(idle)]
        assert all(connection.ask(load.get("/livez"))[0] == 200 for connection in kept)
        loads = [
            load.Load(
                server.port, load.post(load.orders(1)), 4, lambda _: not told or time.monotonic() < told[0] + 1, fresh, 0.002
            )
            for fresh in (False, True)
        ]
        while sum(one.sent for one in loads) < requests - 200:
            time.sleep(0.05)
        told.append(time.monotonic())
        with pre_stop(file, pause) as waiting:
            assert waiting.wait(30) == 0
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        taken = time.monotonic() - begun
        found = [one.outcomes() for one in loads]
        for connection in kept:
            connection.close()
    FIGURES.info("preStop and SIGTERM: %s, exit after %.2f s", [one.statuses for one in found], taken)
    assert [(one.failures, set(one.statuses)) for one in found] == [({}, {200})] * 2
    assert sum(one.sent for one in found) >= requests
    assert taken < 10  # a third of what a worker may take


SLOW_START = """
import time
from service.wsgi import options

globals().update(options)

def post_fork(arbiter, worker):
    time.sleep(0.5)
    options["post_fork"](arbiter, worker)
"""


def test_a_stop_in_the_middle_of_the_start_is_not_lost_on_workers_that_are_not_yet_ready(tmp_path):
    file = tmp_path / "slow.conf.py"
    file.write_text(SLOW_START)
    with running([GUNICORN[0], "-c", str(file), GUNICORN[-1]]) as server:
        server.all_workers(2)
        time.sleep(0.15)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
        assert "was sent SIGKILL" not in server.log()
