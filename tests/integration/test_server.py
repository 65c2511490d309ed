import http.client
import json
import logging
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from gunicorn.config import Config
from gunicorn.errors import ConfigError

from service import config
from service.server.application import configured, contradictions, overrides
from tests.facts import ROOT
from tests.integration import load
from tests.servers import GUNICORN, SERVE, read_metrics, running

FIGURES = logging.getLogger("figures")
BATCH = [{"order_id": str(n), "route_disruption": n, "backlog": n, "weather_severity": n} for n in range(11)]
HEADERS = {"Content-Type": "application/json"}
BODY = json.dumps({"orders": BATCH}).encode()


def answered_orders(metrics):
    return sum(value for name, value in metrics.items() if name.startswith("delivery_risk_orders_total"))


COMMANDS = {"serve": SERVE, "gunicorn.conf.py": GUNICORN}


@pytest.fixture(scope="module", params=COMMANDS.values(), ids=COMMANDS)
def server(request):
    """One for all tests that leave it as it was."""
    with running(request.param, DELIVERY_RISK_WORKERS="3") as started:
        yield started


def test_one_scrape_shows_the_exact_sum_of_all_workers_whichever_answers(server):
    request = 'http_request_duration_seconds_count{method="POST",route="/score",status="200"}'
    scored = 'delivery_risk_score_count{model_version="1.0.0"}'
    before = server.metrics()
    for _ in range(60):
        server.score(BATCH)
    scrapes = [server.metrics() for _ in range(12)]
    assert {answered_orders(scrape) - answered_orders(before) for scrape in scrapes} == {60 * 11}
    assert {scrape[request] - before.get(request, 0) for scrape in scrapes} == {60}
    assert {scrape[scored] - before.get(scored, 0) for scrape in scrapes} == {60 * 11}


def test_every_request_is_one_json_line_on_standard_output(server):
    server.call("POST", "/score", BODY, {**HEADERS, "X-Request-ID": "seen-1"})
    server.call("GET", "/livez")
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    found = [line for line in lines if line.get("request_id") == "seen-1"]
    assert [(line["route"], line["status"], line["orders"]) for line in found] == [("/score", 200, 11)]
    assert found[0]["time"].endswith(("Z", "+00:00"))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_it_ends_with_exit_code_0_when_it_is_told_to(command):
    with running(command, DELIVERY_RISK_WORKERS="3") as server:
        server.score(BATCH)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_a_connection_is_kept_for_the_next_request(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(5):
        connection.request("POST", "/score", BODY, HEADERS)
        assert len(json.loads(connection.getresponse().read())["results"]) == 11
    connection.close()


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.long)])
def test_killed_workers_break_no_scrape_and_take_no_count_with_them(kills):
    """A scrape or a request that is in the killed worker itself ends with its connection; that alone is let pass."""
    with running(DELIVERY_RISK_WORKERS="2") as server:
        stop = threading.Event()
        senders = load.Load(server.port, load.post(BODY), 2, lambda _: not stop.is_set(), fresh=True, pause=0.002)
        totals, scrapes = [], load.Outcomes()

        def scrape():
            while not stop.is_set():
                text = scrapes.ask(connection, load.get("/metrics"))
                if text is not None:
                    totals.append(answered_orders(read_metrics(text.decode())))
                connection.close()

        connection = load.Connection(server.port)
        scraper = threading.Thread(target=scrape, daemon=True)
        scraper.start()
        try:
            for number in range(kills):
                killed = server.all_workers(2)[number % 2]
                os.kill(killed, signal.SIGKILL)
                deadline = time.monotonic() + 10
                while killed in (pids := server.workers()) or len(pids) < 2:
                    assert time.monotonic() < deadline, server.log()
                    time.sleep(0.01)
                time.sleep(0.05)
        finally:
            stop.set()
        scraper.join()
        sent = senders.outcomes()
        counted = answered_orders(server.metrics()) / 11
    FIGURES.info(
        "%d kills: scrapes %s, %s; requests %s, %s", kills, scrapes.statuses, scrapes.failures, sent.statuses, sent.failures
    )
    assert set(scrapes.statuses) == set(sent.statuses) == {200}
    assert scrapes.failures.total() <= kills
    assert sent.failures.total() <= 2 * kills
    assert totals == sorted(totals)
    assert len(totals) >= kills
    assert sent.statuses[200] <= counted <= sent.sent


def test_a_worker_that_is_killed_again_and_again_is_seen_by_those_that_are_started():
    with running(DELIVERY_RISK_WORKERS="1") as server:
        for started in (1, 2, 3):
            (pid,) = server.all_workers(1)
            assert server.metrics()["delivery_risk_workers_started_total"] == started
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while pid in server.workers():
                assert time.monotonic() < deadline, server.log()
                time.sleep(0.01)


def test_totals_go_on_after_workers_are_renewed():
    with running(DELIVERY_RISK_WORKERS="2") as server:
        for _ in range(20):
            server.score(BATCH)
        before = set(server.all_workers(2))
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 15
        while before & set(server.workers()) or len(server.workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.score(BATCH)
        assert answered_orders(server.metrics()) == 21 * 11


def test_a_header_that_names_a_variable_of_the_server_does_nothing(server):
    for name in ("SCRIPT_NAME", "PATH_INFO", "REMOTE_USER", "X_REQUEST_ID"):
        status, headers, answer = server.call("GET", "/livez", headers={name: "/SECRET"})
        assert (status, json.loads(answer)) == (200, {"status": "ok"})
        assert "SECRET" not in str(headers)


def test_gunicorns_own_variable_has_the_last_word():
    with running(DELIVERY_RISK_WORKERS="3", GUNICORN_CMD_ARGS="--workers 1") as server:
        server.score(BATCH)
        assert len(server.workers()) == 1


def refused(command, arguments):
    """What a start with these arguments for gunicorn says when it ends, as it must."""
    environment = {**os.environ, "GUNICORN_CMD_ARGS": arguments, "DELIVERY_RISK_BIND": "127.0.0.1:0"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    return ended.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("-c nowhere.py", "--config"),
        ("--config=python:nowhere --workers 1", "--config"),
        ("-D --chdir / --pythonpath /", "--chdir, --pythonpath, --daemon"),
        ("--check-config", "--check-config"),
        ("--print-config --spew", "--print-config, --spew"),
        ("--paste nowhere.ini", "--paster"),
        ("other:app", "an application"),
    ],
)
def test_what_only_gunicorn_itself_carries_out_is_refused_by_serve(arguments, told, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    with pytest.raises(ConfigError, match=f"^GUNICORN_CMD_ARGS: {told} cannot be taken here; "):
        overrides(Config())


def test_serve_says_what_it_refuses_of_gunicorns_in_a_line():
    assert refused(SERVE, "-c nowhere.py").startswith("Error: GUNICORN_CMD_ARGS: --config cannot be taken here; ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("--worker-class gthread", "--worker-class"), ("--threads 4", "--threads"), ("--log-level debug", "--log-level")],
)
def test_what_the_service_could_not_keep_its_word_with_is_told(arguments, told, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    settings, cfg = config.load({}), Config()
    for name, value in (configured(settings) | overrides(cfg)).items():
        cfg.set(name, value)
    (said,) = contradictions(cfg, settings)
    assert said.startswith(f"gunicorn's {told} ")


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=["serve", "gunicorn"])
def test_no_gunicorn_starts_where_the_service_could_not_keep_its_word(command):
    assert refused(command, "--threads 4").startswith("delivery-risk: gunicorn's --threads ")


UNSERVABLE = [
    ("DELIVERY_RISK_MODEL", "/nowhere/model.npz", "cannot be read (No such file or directory)"),
    ("DELIVERY_RISK_MODEL", "README.md", "not a valid zip archive"),
    ("DELIVERY_RISK_MODEL_SHA256", "0" * 64, "which is not the expected one"),
    ("DELIVERY_RISK_OUT_OF_RANGE", "ignore", "DELIVERY_RISK_OUT_OF_RANGE: expected one of review, flag, refuse"),
]


@pytest.fixture(scope="module")
def starts():
    """By command and setting, the end of a start that must fail; two at a time."""

    def start(command, name, value):
        given = {**os.environ, name: value}
        return subprocess.run(COMMANDS[command], cwd=ROOT, env=given, capture_output=True, text=True, timeout=30)

    with ThreadPoolExecutor(2) as threads:
        asked = [(command, name, value) for command in COMMANDS for name, value, _ in UNSERVABLE]
        yield {each: threads.submit(start, *each) for each in asked}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("name", "value", "said"), UNSERVABLE)
def test_what_cannot_be_served_ends_the_start_with_one_plain_line(starts, command, name, value, said):
    ended = starts[command, name, value].result()
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
