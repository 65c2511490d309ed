"""Authentication on a real server."""

import contextlib
import re
import socket

import pytest

from tests.bearer_tokens import BREAKS, GOOD, OTHER, UNKNOWN, bearer, line
from tests.integration.token_rotation import CLIENTS, MISTAKES, run
from tests.servers import GUNICORN, SERVE, curl, running

SHOWN = f"Authorization: Bearer {GOOD}\r\n"
GET, POST = "GET /model HTTP/1.1\r\nHost: x\r\n", f"POST /score HTTP/1.1\r\nHost: x\r\n{SHOWN}"
MISPLACED = {
    "no colon": f"{GET}Authorization Bearer {GOOD}\r\n\r\n",
    "a blank before the colon": f"{GET}Authorization : Bearer {GOOD}\r\n\r\n",
    "the token as a name": f"{GET}{GOOD} : x\r\n\r\n",
    "folded": f"{GET}Authorization: Bearer\r\n {GOOD}\r\n\r\n",
    "folded before any": f"GET /model HTTP/1.1\r\n Bearer {GOOD}\r\n\r\n",
    "a control character": f"{GET}Authorization: Bearer \x01{GOOD}\r\n\r\n",
    "no request line": f"{SHOWN}\r\n",
    "as the method": f"{GOOD} / HTTP/1.1\r\n\r\n",
    "as the version": f"GET / HTTP/{GOOD}\r\n\r\n",
    "as the coding": f"{POST}Transfer-Encoding: {GOOD}\r\n\r\n",
    "as the length": f"{POST}Content-Length: {GOOD}\r\n\r\n",
    "as what is expected": f"{POST}Expect: {GOOD}\r\nContent-Length: 2\r\n\r\n{{}}",
    "as a chunk": f"{POST}Transfer-Encoding: chunked\r\n\r\n{GOOD}\r\n\r\n",
    "as another header": f"GET /model?token={GOOD} HTTP/1.1\r\nHost: x\r\n{SHOWN}X-Request-ID: {GOOD}/\r\n\r\n",
    "in a path": f"GET /{GOOD} HTTP/1.1\r\nHost: x\r\n{SHOWN}\r\n",
    "cut short": f"{GET}{SHOWN}",
    "cut in the body": f"{POST}Content-Length: 99\r\n\r\n{GOOD}",
    "over the limit": f"{GET}Authorization: Bearer {GOOD * 300}\r\n\r\n",
    "too long a line": f"GET /{GOOD * 300} HTTP/1.1\r\nHost: x\r\n\r\n",
}


def sent(port, content):
    """The answer to these bytes and the end of the stream."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        with contextlib.suppress(OSError):  # the server may close before all of it is sent
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
    return answer.decode("latin-1")


ROUNDS = [(1, 0.5), pytest.param(4, 1.2, marks=pytest.mark.long)]
ROUNDS.append(pytest.param(2 * len(BREAKS), 1.2, marks=[pytest.mark.long, pytest.mark.longest]))


@pytest.mark.parametrize(("rounds", "seconds"), ROUNDS)
def test_no_answer_is_wrong_while_tokens_are_renewed_and_their_file_breaks(rounds, seconds):
    counts = run(rounds, seconds)
    assert {name: counts[name] for name in MISTAKES} == dict.fromkeys(MISTAKES, 0)
    assert {name for name in counts if name.isdigit()} == {"200", "401"}
    assert counts["wrong forms"] > 16
    assert counts["lost"] <= CLIENTS * counts["workers killed"]


@pytest.fixture(scope="module", params=[SERVE, pytest.param(GUNICORN, marks=pytest.mark.long)], ids=["serve", "gunicorn"])
def talkative(request, tmp_path_factory):
    """A server that logs everything, for tests that leave its file as it is."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(line(GOOD) + line(OTHER))
    given = {"TOKENS_FILE": str(file), "LOG_LEVEL": "debug", "WORKERS": "1"}
    with running(request.param, **{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
        yield server


def test_the_start_logs_once_how_many_may_call_and_greets_with_a_line_that_works(talkative):
    log = talkative.log()
    assert log.count("tokens file read") == 1
    assert '"tokens":2,"callers":1' in log
    for greeting in re.findall("Try: (.*)", log):
        assert curl(greeting.replace("$TOKEN", GOOD))["results"][0]["queue"] == "monitor"


def test_a_token_is_in_no_answer_and_in_no_output_wherever_a_client_puts_it(talkative):
    answers = {form: sent(talkative.port, content.encode("latin-1")) for form, content in MISPLACED.items()}
    for shown in (GOOD, UNKNOWN):
        talkative.call("POST", "/score", GOOD.encode(), {**bearer(shown), "Content-Type": "application/json"})
    metrics = talkative.call("GET", "/metrics", headers=bearer(GOOD))[2].decode()
    log = talkative.log()
    assert 'delivery_risk_requests_by_caller_total{caller="planner"}' in metrics
    assert "Ignored premature client disconnection. NoMoreData" in log
    assert "Invalid request from ip=127.0.0.1: " in log
    for place, text in {**answers, "metrics": metrics, "log": log}.items():
        for secret in (GOOD, OTHER, UNKNOWN):
            assert secret not in text, place
    accepted = {form for form, answer in answers.items() if not re.match(r"HTTP/1\.1 [45]", answer)}
    assert accepted == {"cut short", "as another header"}
    assert answers["too long a line"].startswith("HTTP/1.1 414 "), "a malformed request needs no token"


@pytest.mark.parametrize(("times", "right"), [(3, [[401, 200]]), (20_000, [[401], []])], ids=["short", "long"])
def test_the_body_of_an_unauthenticated_request_is_never_read_as_a_request(talkative, times, right):
    body = f"{GET}{SHOWN}\r\n" * times
    wrong = f"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {UNKNOWN}\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = sent(talkative.port, f"{wrong}{body}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert [int(part[:3]) for part in answer.split("HTTP/1.1 ")[1:]] in right
