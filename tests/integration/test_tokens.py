"""Authentication on a real server: tokens that are renewed, and tokens in the wrong place."""

import http.client
import itertools
import json
import os
import random
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.bearer_tokens import BREAKS, GOOD, OTHER, UNKNOWN, WRONG, bearer, line, replace
from tests.facts import ORDER
from tests.integration import framing
from tests.servers import GUNICORN, SERVE, curl, running

GRACE = 1.0
CLIENTS = 3
MISTAKES = ("valid tokens rejected", "wrong ones accepted", "tokens in answers", "tokens in output")
BODY = json.dumps({"orders": [ORDER]}).encode()


@dataclass
class Truth:
    """The tokens that were made, and the moments from which some of them were valid."""

    made: list[str] = field(default_factory=list)
    valid: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def new(self):
        """A token that was never valid so far."""
        self.made.append(f"rotated-{len(self.made)}-{random.randbytes(16).hex()}")
        return self.made[-1]

    def file(self, *tokens):
        """The file of these tokens and the one that always stays, which may be in force from now on."""
        self.valid.append((time.monotonic(), frozenset(tokens) | {GOOD}))
        return "".join(map(line, [*tokens, GOOD]))

    def statuses(self, token, sent, answered):
        """200 if the token was valid from GRACE seconds before it was sent until the answer, 401 if at no time, else both."""
        ends = [moment for moment, _ in self.valid[1:]] + [float("inf")]
        spans = zip(self.valid, ends, strict=True)
        return {200 if token in valid else 401 for (begin, valid), end in spans if begin <= answered and end >= sent - GRACE}


def write_in_place(path, text):
    """Write the file in two pieces, with a moment between them; a path that is no writable file is replaced first."""
    if not (path.is_file() and os.access(path, os.W_OK)):
        replace(path, "")
    first, *rest = text.splitlines(keepends=True)
    with path.open("w") as file:
        file.write(first)
        file.flush()
        time.sleep(0.05)
        file.write("".join(rest))


def call(server, truth, stop):
    """The outcomes of requests with a token that is always valid, tokens that come and go, and wrong forms of them."""
    counts, forms = Counter(), itertools.cycle(WRONG.values())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    while not stop.is_set():
        token = random.choice([GOOD, GOOD, *truth.made[-2:], random.choice([GOOD, *truth.made])])
        wrong = random.random() < 0.3
        header = next(forms)(token) if wrong else f"Bearer {token}"
        if random.random() < 0.1:
            connection.close()  # the next request opens another
        sent = time.monotonic()
        try:
            shown = {} if header is None else {"Authorization": header}
            connection.request("POST", "/score", BODY, {"Content-Type": "application/json", **shown})
            answer = connection.getresponse()
            text = answer.read().decode() + str(answer.headers)
        except (OSError, http.client.HTTPException):
            counts["lost"] += 1
            connection.close()
            continue
        allowed = {401} if wrong else truth.statuses(token, sent, time.monotonic())
        counts[f"{answer.status}"] += 1
        counts["wrong forms"] += wrong
        if answer.status not in allowed:
            counts[MISTAKES[0] if answer.status == 401 else MISTAKES[1]] += 1
        counts["tokens in answers"] += token in text or GOOD in text
    connection.close()
    return counts


ROUNDS = [(1, 0.5), pytest.param(4, 1.2, marks=pytest.mark.long)]
ROUNDS.append(pytest.param(2 * len(BREAKS), 1.2, marks=[pytest.mark.long, pytest.mark.longest]))


@pytest.mark.parametrize(("rounds", "seconds"), ROUNDS)
def test_no_answer_is_wrong_while_tokens_are_renewed_and_their_file_breaks(rounds, seconds, tmp_path):
    """A content in place for less than half a second may never be in force, and would count as a mistake."""
    truth, stop, path, killed = Truth(), threading.Event(), tmp_path / "tokens", 0
    path.write_text(truth.file())
    given = {"TOKENS_FILE": str(path), "WORKERS": "2", "LOG_LEVEL": "debug"}
    with running(**{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
        server.all_workers(2)
        with ThreadPoolExecutor(CLIENTS) as clients:
            calls = [clients.submit(call, server, truth, stop) for _ in range(CLIENTS)]
            try:
                old = truth.new()
                for number, how in zip(range(rounds), itertools.cycle(BREAKS), strict=False):
                    new = truth.new()
                    write_in_place(path, truth.file(old, new))
                    time.sleep(seconds)
                    replace(path, truth.file(new))
                    time.sleep(seconds)
                    BREAKS[how](path)
                    time.sleep(seconds)
                    if number % 2 == 0:
                        server.kill_worker(2)
                        killed += 1
                        time.sleep(seconds)
                    old = new
                replace(path, truth.file())
                time.sleep(seconds)
            finally:
                stop.set()
        text = server.call("GET", "/metrics", headers=bearer(GOOD))[2].decode() + server.log()
    counts = sum((each.result() for each in calls), Counter({"tokens in output": sum(t in text for t in [GOOD, *truth.made])}))
    assert {name: counts[name] for name in MISTAKES} == dict.fromkeys(MISTAKES, 0)
    assert {name for name in counts if name.isdigit()} == {"200", "401"}
    assert counts["wrong forms"] > 16
    assert counts["lost"] <= CLIENTS * killed


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


def answered(server, content):
    """The answer to this text and the end of the stream."""
    return framing.exchange(server.port, content.encode("latin-1")).received.decode("latin-1")


@pytest.fixture(scope="module", params=[SERVE, pytest.param(GUNICORN, marks=pytest.mark.long)], ids=["serve", "gunicorn"])
def talkative(request, tmp_path_factory):
    """A server that logs everything, for tests that leave its file as it is."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(line(GOOD) + line(OTHER))
    given = {"TOKENS_FILE": str(file), "LOG_LEVEL": "debug", "LOG_PROBES": "yes", "WORKERS": "1"}
    with running(request.param, **{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
        yield server


def test_the_start_logs_once_how_many_may_call_and_greets_with_a_line_that_works(talkative):
    log = talkative.log()
    assert log.count("tokens file read") == 1
    assert '"tokens":2,"callers":1' in log
    for greeting in re.findall("Try: (.*)", log):
        assert curl(greeting.replace("$TOKEN", GOOD))["results"][0]["queue"] == "monitor"


def test_a_token_is_in_no_answer_and_in_no_output_wherever_a_client_puts_it(talkative):
    answers = {form: answered(talkative, content) for form, content in MISPLACED.items()}
    for shown in (GOOD, UNKNOWN):
        talkative.call("POST", "/score", GOOD.encode(), {**bearer(shown), "Content-Type": "application/json"})
    metrics = talkative.call("GET", "/metrics", headers=bearer(GOOD))[2].decode()
    talkative.lines('"/metrics"')
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
    answer = answered(talkative, f"{wrong}{body}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [int(part[:3]) for part in answer.split("HTTP/1.1 ")[1:]] in right
