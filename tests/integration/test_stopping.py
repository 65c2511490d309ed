"""The real server stops and renews its workers as the documentation says, and loses no request."""

import json
import os
import signal
import subprocess
import time
from contextlib import closing

import pytest

from tests.facts import ORDER, ROOT
from tests.integration import load
from tests.pages import blocks, section
from tests.servers import GUNICORN, running, until


def taken(metrics):
    """How many requests to /score are in progress or answered."""
    answered = 'http_request_duration_seconds_count{method="POST",route="/score",status="200"}'
    return metrics["delivery_risk_requests_in_progress"] + metrics[answered]


def test_a_draining_server_is_not_ready_and_answers_the_requests_it_has_when_it_stops(tmp_path):
    file, command = tmp_path / "drain", [*GUNICORN[:-1], "tests.integration.stuck_app:app"]
    given = {
        "DELIVERY_RISK_DRAIN_FILE": str(file),
        "DELIVERY_RISK_WORKERS": "1",
    }  # each worker looks at the file in its own time
    with running(command, **given) as server, closing(load.Connection(server.port)) as connection:
        for _ in range(2):
            status, headers, _ = connection.ask(load.get("/readyz"))
            assert (status, headers["Connection"]) == (200, "keep-alive")
            file.touch()
            assert until(lambda: connection.ask(load.get("/readyz"))[0] == 503, 10)
            for path, expected in (("/readyz", 503), ("/livez", 200)):
                status, headers, _ = connection.ask(load.get(path))
                assert (status, headers["Connection"]) == (expected, "close")
                assert (headers["Content-Type"] == "application/problem+json") == (expected == 503)
            status, headers, body = connection.ask(load.post(load.orders(3)))
            assert (status, headers["Connection"]) == (200, "close")
            assert len(json.loads(body)["results"]) == 3
            file.unlink()
            assert until(lambda: connection.ask(load.get("/readyz"))[0] == 200, 10)
        slow = load.post(load.for_a_thread(json.dumps({"orders": [ORDER | {"order_id": "slow"}]}).encode()))
        clients = load.Load(server.port, slow, 4, lambda outcomes: outcomes.sent == 0)
        assert until(lambda: taken(server.metrics()) == 2 + 4)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert clients.outcomes().statuses == {200: 4}


@pytest.mark.parametrize(("requests", "idle", "pause"), [(300, 0, 1.2), pytest.param(4000, 3, 5, marks=pytest.mark.long)])
def test_the_documented_stop_loses_no_request_while_connections_arrive_for_another_second(tmp_path, requests, idle, pause):
    drain, stopped = {"DELIVERY_RISK_DRAIN_FILE": str(tmp_path / "drain")}, []
    (command,) = blocks("sh", section(ROOT / "docs" / "operations" / "load.md", "Stop without losing a request"))
    with running(**drain, **load.ROOM) as server:
        server.all_workers(2)
        kept = [load.Connection(server.port) for _ in range(idle)]
        assert all(connection.ask(load.get("/livez"))[0] == 200 for connection in kept)

        def going(_):
            return not stopped or time.monotonic() < stopped[0] + 1

        loads = [load.Load(server.port, load.post(load.orders(1)), 4, going, fresh, 0.002) for fresh in (False, True)]
        while sum(one.sent for one in loads) < requests - 100:
            time.sleep(0.05)
        stopped.append(time.monotonic())
        before_sigterm = ["sh", "-c", command.replace("sleep 5", f"sleep {pause}")]
        subprocess.run(before_sigterm, env=os.environ | drain, timeout=30, check=True)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        assert time.monotonic() - begun < 10, "a third of what a worker may take"
        found = [one.outcomes() for one in loads]
        for connection in kept:
            connection.close()
    assert [(one.failures, set(one.statuses)) for one in found] == [({}, {200})] * 2
    assert sum(one.sent for one in found) >= requests


SLOW_START = """
import time
from service.wsgi import options

globals().update(options)

def post_fork(arbiter, worker):
    time.sleep(0.5)
    options["post_fork"](arbiter, worker)
"""


def test_a_stop_during_the_start_reaches_workers_that_are_not_ready(tmp_path):
    file = tmp_path / "slow.conf.py"
    file.write_text(SLOW_START)
    with running([GUNICORN[0], "-c", str(file), GUNICORN[-1]]) as server:
        server.all_workers(2)
        time.sleep(0.15)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
        assert "was sent SIGKILL" not in server.log()


@pytest.mark.parametrize(("reloads", "requests"), [(1, 500), pytest.param(8, 15_000, marks=pytest.mark.long)])
def test_renewing_all_workers_loses_no_request_and_no_count(reloads, requests):
    with running(**load.ROOM) as server:
        server.all_workers(2)
        finished = []

        def going(outcomes):
            return not finished or outcomes.sent <= requests // 8

        loads = [load.Load(server.port, load.post(load.orders(1)), 4, going, fresh, 0.002) for fresh in (False, True)]
        for _ in range(reloads):
            before = server.all_workers(2)
            server.process.send_signal(signal.SIGHUP)
            server.renewed(before, 2)
            time.sleep(0.2)
        finished.append(True)
        found = [one.outcomes() for one in loads]
        assert [(one.failures, set(one.statuses)) for one in found] == [({}, {200})] * 2
        assert requests <= sum(one.sent for one in found) == server.orders()
