"""The real server: its start, its counters over all workers, its log, and load beyond its limit."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest

from service.server.application import GunicornApplication
from tests.facts import ROOT
from tests.integration import load
from tests.servers import GUNICORN, SERVE, environment, read_metrics, running, until

BATCH = [{"order_id": str(n), "route_disruption": n, "backlog": n, "weather_severity": n} for n in range(11)]
BODY = json.dumps({"orders": BATCH}).encode()


@pytest.fixture(scope="module", params=[SERVE, GUNICORN], ids=["serve", "gunicorn.conf.py"])
def server(request):
    """A server of three workers for the tests that leave it as it was."""
    with running(request.param, DELIVERY_RISK_WORKERS="3") as started:
        yield started


def test_every_scrape_shows_the_exact_sum_of_all_workers(server):
    request = 'http_request_duration_seconds_count{method="POST",route="/score",status="200"}'
    scored = 'delivery_risk_score_count{model_version="1.0.0"}'
    queues = [f'delivery_risk_orders_total{{model_version="1.0.0",queue="{queue}"}}' for queue in ("review", "monitor")]
    before = server.metrics()
    for _ in range(60):
        server.score(BATCH)
    for _ in range(12):
        found = {name: value - before.get(name, 0) for name, value in server.metrics().items()}
        assert (found[request], found[scored], sum(found[name] for name in queues)) == (60, 660, 660)


def test_every_request_is_one_json_line_on_standard_output(server):
    server.call("POST", "/score", BODY, {"Content-Type": "application/json", "X-Request-ID": "seen-1"})
    server.call("GET", "/livez")
    (line,) = server.lines('"seen-1"')
    assert (line["route"], line["status"], line["orders"]) == ("/score", 200, 11)
    assert line["time"].endswith(("Z", "+00:00"))


def test_a_header_with_the_name_of_a_server_variable_has_no_effect(server):
    for name in ("SCRIPT_NAME", "PATH_INFO", "REMOTE_USER", "X_REQUEST_ID"):
        status, headers, answer = server.call("GET", "/livez", headers={name: "/SECRET"})
        assert (status, json.loads(answer)) == (200, {"status": "ok"})
        assert "SECRET" not in str(headers)


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.long)])
def test_killed_workers_break_no_scrape_lose_no_count_and_their_successors_are_counted(kills):
    """Only a scrape or request that the killed worker itself was answering may end with its connection."""
    with running(DELIVERY_RISK_WORKERS="2") as server:
        stop = threading.Event()
        senders = load.Load(server.port, load.post(BODY), 2, lambda _: not stop.is_set(), fresh=True, pause=0.002)
        totals, seen, scrapes, connection = [], [], load.Outcomes(), load.Connection(server.port)

        def scrape():
            while not stop.is_set():
                text = scrapes.ask(connection, load.get("/metrics"))
                if text is not None:
                    samples = read_metrics(text.decode())
                    totals.append(sum(samples[name] for name in samples if name.startswith("delivery_risk_orders_total")))
                connection.close()

        scraper = threading.Thread(target=scrape, daemon=True)
        scraper.start()
        try:
            assert until(lambda: server.metrics()["delivery_risk_workers_started_total"] == 2)
            for number in range(kills):
                killed = server.all_workers(2)[number % 2]
                seen.append(killed)
                os.kill(killed, signal.SIGKILL)
                server.renewed([killed], 2)
                assert until(lambda: server.metrics()["delivery_risk_workers_started_total"] == len(seen) + 2), server.log()
        finally:
            stop.set()
        scraper.join()
        sent = senders.outcomes()
        counted = server.orders() / 11
    assert set(scrapes.statuses) == set(sent.statuses) == {200}
    assert scrapes.failures.total() <= kills
    assert sent.failures.total() <= 2 * kills
    assert totals == sorted(totals)
    assert len(totals) >= kills
    assert sent.statuses[200] <= counted <= sent.sent


@pytest.mark.parametrize("seconds", [1, pytest.param(8, marks=pytest.mark.long)])
def test_load_of_ten_times_the_limit_is_shed_in_part_and_the_rest_is_answered_in_time(seconds):
    thousand, clients = load.post(load.orders(1000)), 4  # without a pause they take all that two workers have

    def during(seconds):
        end = time.monotonic() + seconds
        return lambda _: time.monotonic() < end

    with running() as server:
        server.all_workers(2)
        alone = load.Load(server.port, thousand, 1, during(seconds / 3)).outcomes()
        crowd = load.Load(server.port, thousand, 10 * clients, during(seconds))
        probes = []
        for _ in range(16):
            probes.append(server.call("GET", "/readyz")[0])
            time.sleep(seconds / 20)
        found = crowd.outcomes()
        after = load.Load(server.port, thousand, clients, during(seconds / 3)).outcomes()
        shed = server.metrics()['delivery_risk_requests_shed_total{reason="busy"}']
    assert found.failures == after.failures == {}
    assert set(found.statuses) == {200, 503}
    assert found.statuses[503] == shed
    assert found.share(0.99) <= max(1.0, 5 * alone.share(0.99))
    assert probes == [200] * 16
    assert set(after.statuses) == {200}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_new_service_shows_its_errors_at_zero_and_gunicorns_own_variable_wins(workers):
    with running(DELIVERY_RISK_WORKERS="3", GUNICORN_CMD_ARGS=f"--workers {workers}") as server:
        found = server.metrics()
        assert len(server.all_workers(int(workers))) == int(workers)
    for status in (200, 400, 401, 422, 500, 503):
        assert found[f'http_request_duration_seconds_count{{method="POST",route="/score",status="{status}"}}'] == 0
    assert found['delivery_risk_requests_overdue_total{stage="compute"}'] == 0
    assert found['delivery_risk_requests_shed_total{reason="busy"}'] == 0
    assert found['delivery_risk_orders_total{model_version="1.0.0",queue="review"}'] == 0
    assert not [name for name in found if name.startswith("delivery_risk_challenger")]


def test_more_connections_than_descriptors_end_no_worker():
    command = ["sh", "-c", 'ulimit -n 150; exec "$@"', "sh", *SERVE]
    with running(command, DELIVERY_RISK_KEEPALIVE_SECONDS="1") as server, ExitStack() as opened:
        before = server.all_workers(2)
        assert until(lambda: server.metrics()["delivery_risk_workers_started_total"] == 2)
        for _ in range(400):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.call("GET", "/livez")[0] == 200
        assert server.workers() == before


MODEL = ("DELIVERY_RISK_MODEL", "/nowhere/model.npz", "cannot be read (No such file or directory)")
SETTING = ("DELIVERY_RISK_OUT_OF_RANGE", "ignore", "DELIVERY_RISK_OUT_OF_RANGE: expected one of review, flag, refuse")
THREADS = ("GUNICORN_CMD_ARGS", "--threads 4", "delivery-risk: gunicorn's --threads ")
HEARTBEAT = (
    "GUNICORN_CMD_ARGS",
    "--worker-tmp-dir /nowhere",
    "no worker could be started: its file in /nowhere cannot be made",
)


def assert_one_plain_line(exit_code, text, reason):
    assert exit_code == 1
    assert reason in text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        MODEL,
        SETTING,
        ("DELIVERY_RISK_MODEL", str(ROOT / "README.md"), "not a valid zip archive"),
        ("DELIVERY_RISK_MODEL_SHA256", "0" * 64, "which is not the expected one"),
        ("GUNICORN_CMD_ARGS", "-c nowhere.py", "Error: GUNICORN_CMD_ARGS: --config cannot be used here; "),
    ],
)
def test_serve_ends_with_one_plain_line_where_it_cannot_serve(run, monkeypatch, name, value, reason):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(GunicornApplication, "run", lambda _: pytest.fail("it serves"))
    done = run("serve")
    assert_one_plain_line(done.exit_code, done.stderr, reason)


def test_a_port_that_is_taken_ends_a_start_with_one_plain_line_and_without_trying_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        given = environment(DELIVERY_RISK_BIND=address)
        ended = subprocess.run(SERVE, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)
    assert_one_plain_line(
        ended.returncode, ended.stderr, f"delivery-risk: {address}: cannot be bound (Address already in use); "
    )
    assert "Retrying" not in ended.stdout


@pytest.mark.parametrize(
    ("command", "fault"), [(SERVE, THREADS), *((GUNICORN, fault) for fault in (MODEL, SETTING, THREADS, HEARTBEAT))]
)
def test_a_start_by_gunicorn_ends_with_one_plain_line_where_it_cannot_serve(command, fault):
    name, value, reason = fault
    environment = {**os.environ, "DELIVERY_RISK_BIND": "127.0.0.1:0", name: value}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert_one_plain_line(ended.returncode, ended.stderr, reason)
