"""Who may score, on a real server."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.auth.token_store import EVERY, REST
from tests.bearer_tokens import GOOD, OTHER, UNKNOWN, bearer, line
from tests.integration.test_openapi import CHECKS
from tests.integration.token_rotation import BREAKS, CLIENTS, GRACE, MISTAKES, run
from tests.servers import GUNICORN, SERVE, curl, read_metrics, running

SHOWN = f"Authorization: Bearer {GOOD}\r\n"
MISSHAPEN = {
    "no colon": f"GET /model HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {GOOD}\r\n\r\n",
    "a blank before the colon": f"GET /model HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {GOOD}\r\n\r\n",
    "the token as a name": f"GET /model HTTP/1.1\r\nHost: x\r\n{GOOD} : x\r\n\r\n",
    "folded": f"GET /model HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n {GOOD}\r\n\r\n",
    "folded before any": f"GET /model HTTP/1.1\r\n Bearer {GOOD}\r\n\r\n",
    "a control character": f"GET /model HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x01{GOOD}\r\n\r\n",
    "no request line": f"{SHOWN}\r\n",
    "as the method": f"{GOOD} / HTTP/1.1\r\n\r\n",
    "as the version": f"GET / HTTP/{GOOD}\r\n\r\n",
    "as the coding": f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}Transfer-Encoding: {GOOD}\r\n\r\n",
    "as the length": f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}Content-Length: {GOOD}\r\n\r\n",
    "as what is expected": f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}Expect: {GOOD}\r\nContent-Length: 2\r\n\r\n{{}}",
    "as a chunk": f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}Transfer-Encoding: chunked\r\n\r\n{GOOD}\r\n\r\n",
    "as a header of another kind": f"GET /model?token={GOOD} HTTP/1.1\r\nHost: x\r\n{SHOWN}X-Request-ID: {GOOD}/\r\n\r\n",
    "in a path": f"GET /{GOOD} HTTP/1.1\r\nHost: x\r\n{SHOWN}\r\n",
    "cut short": f"GET /model HTTP/1.1\r\nHost: x\r\n{SHOWN}",
    "cut in the body": f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}Content-Length: 99\r\n\r\n{GOOD}",
    "over the limit": f"GET /model HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {GOOD * 300}\r\n\r\n",
    "too long a line": f"GET /{GOOD * 300} HTTP/1.1\r\nHost: x\r\n\r\n",
}


def sent(port, content):
    """What comes back for these bytes and the end of the stream."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        with contextlib.suppress(OSError):  # it may be closed before all of it is sent
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
    return answer.decode("latin-1")


@contextlib.contextmanager
def serving(path, command=SERVE, **settings):
    given = {"TOKENS_FILE": str(path), "WORKERS": "2", **settings}
    with running(command, **{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
        yield server


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line(GOOD))
    return file


def replace(path, text):
    path.with_name("draft").write_text(text)
    os.replace(path.with_name("draft"), path)


@pytest.mark.parametrize(
    ("rounds", "seconds"), [(1, 0.5), pytest.param(2 * len(BREAKS), 1.2, marks=[pytest.mark.long, pytest.mark.longest])]
)
def test_tokens_are_renewed_and_their_file_breaks_while_clients_call_and_no_answer_is_wrong(rounds, seconds):
    counts = run(rounds, seconds)
    assert {name: counts[name] for name in MISTAKES} == dict.fromkeys(MISTAKES, 0)
    assert {name for name in counts if name.isdigit()} == {"200", "401"}
    assert counts["wrong forms"] > 16
    assert counts["lost"] <= CLIENTS * counts["workers killed"]


@pytest.fixture(scope="module", params=[SERVE, pytest.param(GUNICORN, marks=pytest.mark.long)], ids=["serve", "gunicorn"])
def talkative(request, tmp_path_factory):
    """A server that logs all it can, for tests that leave its file as it is."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(line(GOOD) + line(OTHER))
    with serving(file, request.param, LOG_LEVEL="debug", WORKERS="1") as server:
        yield server


def test_the_start_says_once_how_many_may_call_and_the_greeting_how(talkative):
    said = talkative.log()
    assert said.count("tokens file read") == 1
    assert '"tokens":2,"callers":1' in said
    for greeting in re.findall("Try: (.*)", said):
        assert curl(greeting.replace("$TOKEN", GOOD))["results"][0]["queue"] == "monitor"


def test_no_token_is_in_an_answer_or_in_the_output_wherever_a_client_puts_it(talkative):
    answers = {form: sent(talkative.port, content.encode("latin-1")) for form, content in MISSHAPEN.items()}
    for shown in (GOOD, UNKNOWN):
        talkative.call("POST", "/score", GOOD.encode(), {**bearer(shown), "Content-Type": "application/json"})
    metrics = talkative.call("GET", "/metrics", headers=bearer(GOOD))[2].decode()
    said = talkative.log()
    assert 'delivery_risk_requests_by_caller_total{caller="planner"}' in metrics
    assert "Ignored premature client disconnection. NoMoreData" in said
    assert "Invalid request from ip=127.0.0.1: " in said
    for place, text in {**answers, "metrics": metrics, "log": said}.items():
        for secret in (GOOD, OTHER, UNKNOWN):
            assert secret not in text, place
    accepted = {form for form, answer in answers.items() if not re.match(r"HTTP/1\.1 [45]", answer)}
    assert accepted == {"cut short", "as a header of another kind"}


@pytest.mark.parametrize(("times", "right"), [(3, [[401, 200]]), (20_000, [[401], []])], ids=["short", "long"])
def test_a_body_that_is_turned_away_is_never_taken_for_a_request(talkative, times, right):
    body = f"GET /model HTTP/1.1\r\nHost: x\r\n{SHOWN}\r\n" * times
    wrong = f"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {UNKNOWN}\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = sent(talkative.port, f"{wrong}{body}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    found = [int(part[:3]) for part in answer.split("HTTP/1.1 ")[1:]]
    assert found in right


@contextlib.contextmanager
def one_connection_to_each(server):
    """A kept connection to each worker: made while all the others are stopped."""
    workers, connections = server.all_workers(2), {}
    try:
        for worker in workers:
            others = [other for other in workers if other != worker]
            for other in others:
                os.kill(other, signal.SIGSTOP)
            connections[worker] = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            assert status(connections[worker], "/livez") == 200
            for other in others:
                os.kill(other, signal.SIGCONT)
        yield connections
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        for connection in connections.values():
            connection.close()


def status(connection, path, token=None):
    connection.request("GET", path, headers={} if token is None else bearer(token))
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.long
def test_a_revoked_token_is_refused_and_a_new_one_taken_within_a_second_in_every_worker(path):
    with serving(path) as server, one_connection_to_each(server) as connections:
        tokens, taken = [GOOD, OTHER], []
        for turn in range(10):
            old, new = tokens[turn % 2], tokens[1 - turn % 2]
            replace(path, line(new)) if turn % 3 else path.write_text(line(new))
            began, waiting = time.monotonic(), dict(connections)
            while waiting:
                for worker, connection in list(waiting.items()):
                    if (status(connection, "/version", old), status(connection, "/version", new)) == (401, 200):
                        del waiting[worker]
                assert time.monotonic() - began < 10
            taken.append(time.monotonic() - began)
        assert sorted(taken)[5] < EVERY + REST + 0.3
        assert sorted(taken)[8] < 1


@pytest.mark.long
def test_after_a_quiet_time_the_first_request_in_every_worker_finds_the_file_as_it_is(path):
    with serving(path) as server, one_connection_to_each(server) as connections:
        for old, new in ((GOOD, OTHER), (OTHER, GOOD)) * 2:
            replace(path, line(new))
            time.sleep(GRACE)
            assert [status(each, "/version", old) for each in connections.values()] == [401, 401]
            assert [status(each, "/version", new) for each in connections.values()] == [200, 200]


@pytest.mark.long
def test_workers_that_start_while_the_file_is_broken_know_what_was_in_force(path):
    with serving(path) as server:
        server.all_workers(2)
        replace(path, line(OTHER))
        time.sleep(GRACE)
        assert server.call("GET", "/version", headers=bearer(OTHER))[0] == 200
        for how in ("garbled", "a directory"):
            BREAKS[how](path)
            for worker in server.all_workers(2):
                os.kill(worker, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while len(server.workers()) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(1)
            with one_connection_to_each(server) as connections:
                for connection in connections.values():
                    assert [status(connection, "/version", token) for token in (GOOD, OTHER)] == [401, 200]


@pytest.mark.long
def test_with_tokens_the_service_keeps_to_its_own_document(path, tmp_path):
    tool = Path(sys.executable).with_name("schemathesis")
    with serving(path) as server:
        command = [str(tool), "run", f"http://127.0.0.1:{server.port}/openapi.json", *CHECKS, "--max-examples", "200"]
        shown = ["-H", f"Authorization: Bearer {GOOD}", "--no-color"]
        done = subprocess.run([*command, *shown], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        status, _, metrics = server.call("GET", "/metrics", headers=bearer(GOOD))
    assert (status, done.returncode) == (200, 0), done.stdout[-5000:]
    assert "No issues found" in done.stdout
    answered = str([name for name, count in read_metrics(metrics.decode()).items() if "_seconds_count" in name and count])
    assert 'status="401"' in answered
    assert 'status="500"' not in answered
