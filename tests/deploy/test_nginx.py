"""The real nginx with deploy/nginx, in front of the real service."""

import gzip
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.problem import ProblemSchema
from service import access, config
from service.problems import PROBLEMS
from tests.deploy.framing import PROBES, TAKEN, WAITING, answers
from tests.deploy.fronts import FILES, front
from tests.deploy.hostile import BODY, OWN_ADDRESS, SHARED_ADDRESS, head, side_by_side
from tests.servers import running
from tests.service.test_openapi import CHECKS

SITE = (FILES / "delivery-risk.conf").read_text()
UPSTREAM = (FILES / "upstream.conf").read_text()
JSON = {"Content-Type": "application/json"}
ORDERS = json.loads(BODY)["orders"]
FEATURES = ("route_disruption", "backlog", "weather_severity")


@pytest.fixture(scope="module")
def service():
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(service):
    with front(service.port) as started:
        yield started


class Mirror(BaseHTTPRequestHandler):
    """Answers with what it was sent, on a connection that stays open."""

    protocol_version = "HTTP/1.1"
    connections = itertools.count()

    def setup(self):
        super().setup()
        self.number = next(self.connections)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {"connection": self.number, "headers": self.headers.items(), "body": len(body)}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def mirror():
    """nginx in front of a server that tells what it got."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with front(server.server_port) as started:
        yield started
    server.shutdown()
    server.server_close()


def raw_exchange(port, data, address=OWN_ADDRESS):
    answer = answers(port, data, address, waits=False)
    headers, _, body = answer.partition(b"\r\n\r\n")
    return headers[9:12], body


def problem(answer, status, kind):
    given, headers, text = answer
    assert (given, headers["content-type"]) == (status, "application/problem+json"), answer
    found = ProblemSchema().load(json.loads(text))
    assert (found["status"], found["type"]) == (status, f"urn:delivery-risk:problem:{kind}")
    assert found["request_id"] == headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", found["request_id"])
    return found


def test_a_batch_scores_the_same_through_nginx(service, proxy):
    assert proxy.score(ORDERS) == service.score(ORDERS)


def test_the_limits_of_the_files_are_those_of_the_settings():
    (size,) = re.findall(r"client_max_body_size (\d+)m;", SITE)
    settings = config.load({})
    assert int(size) * 2**20 == settings.max_body_bytes
    assert f"larger than {settings.max_body_bytes} bytes" in SITE
    (idle,) = re.findall(r"keepalive_timeout (\d+)s;", UPSTREAM)
    assert int(idle) < settings.keepalive_seconds
    assert settings.bind in UPSTREAM


def test_the_problems_that_nginx_and_the_service_share_have_the_same_words():
    types = dict(re.findall(r"^    (\d{3}) ([a-z-]+);$", SITE, re.MULTILINE))
    block = SITE.split("map $status $delivery_risk_problem_title {")[1].split("}")[0]
    titles = dict(re.findall(r'(\d{3}) "(.+)";', block))
    assert types.keys() == titles.keys()
    shared = {status for status in types if int(status) in PROBLEMS}
    assert shared >= {"400", "404", "405", "413", "500"}
    assert {status: (types[status], titles[status]) for status in shared} == {s: PROBLEMS[int(s)] for s in shared}


def test_the_rule_for_request_ids_is_the_services():
    assert f'"~^{access._WELL_FORMED.pattern}$" $http_x_request_id;' in SITE


@pytest.mark.parametrize("given", ["abc", "A.b_c-1:2", "x" * 128, "0"])
def test_a_well_formed_request_id_is_passed_and_echoed(proxy, mirror, given):
    assert proxy.call("GET", "/livez", headers={"X-Request-ID": given})[1]["x-request-id"] == given
    assert ["X-Request-ID", given] in json.loads(mirror.call("POST", "/", headers={"X-Request-ID": given})[2])["headers"]


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a/b", '"', "a,b", "é", "a$b", "\x7f", 'a"}'])
def test_another_is_made_anew_for_the_service_and_the_client_alike(proxy, given):
    headers = {} if given is None else {"X-Request-ID": given}
    _, answered, text = proxy.call("POST", "/score", b"{}", {**JSON, **headers})
    made = answered["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert json.loads(text)["request_id"] == made


def test_a_request_has_one_id_in_the_answer_and_in_both_logs(service, proxy):
    proxy.call("POST", "/score", BODY, {**JSON, "X-Request-ID": "joined-1"})
    assert '"request_id":"joined-1"' in service.log().replace('": "', '":"')
    (line,) = proxy.lines(lambda line: line["request_id"] == "joined-1", 1)
    assert (line["method"], line["status"], line["service_status"], line["client"]) == ("POST", 200, "200", "127.0.0.1")
    assert line["seconds"] >= 0


def test_the_log_holds_no_address_and_no_header(proxy):
    headers = {"User-Agent": "SECRET", "Referer": "SECRET", "X-Request-ID": "SECRET 1"}
    made = proxy.call("GET", "/SECRET-path?SECRET=1", headers=headers)[1]["x-request-id"]
    assert proxy.lines(lambda line: line["request_id"] == made, 1)
    assert "SECRET" not in (proxy.folder / "access.log").read_text()


def test_the_service_gets_one_address_one_scheme_and_no_headers_of_a_connection(mirror):
    hostile = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "SCRIPT_NAME": "/x"}
    hostile |= {"Connection": "keep-alive, X-Secret", "Keep-Alive": "5", "X-Forwarded-Protocol": "ssl"}
    seen = dict(json.loads(mirror.call("POST", "/", b"x", hostile)[2])["headers"])
    assert {name: seen[name] for name in seen if name.startswith("X-F")} == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
    }
    assert seen.keys().isdisjoint({"Connection", "SCRIPT_NAME", "Script-Name"})
    assert seen["Host"] == "127.0.0.1"


def test_connections_to_the_service_are_kept(mirror):
    numbers = {json.loads(mirror.call("POST", "/", b"x")[2])["connection"] for _ in range(40)}
    assert len(numbers) <= 4  # each nginx worker keeps its own


def test_a_body_in_chunks_reaches_the_service_with_its_length(proxy, mirror):
    def chunks():
        yield BODY[:7]
        yield BODY[7:]

    status, _, answer = proxy.call("POST", "/score", chunks(), JSON)
    assert (status, len(json.loads(answer)["results"])) == (200, 10)
    seen = json.loads(mirror.call("POST", "/", chunks())[2])
    assert ["Content-Length", str(len(BODY))] in seen["headers"]
    assert "Transfer-Encoding" not in dict(seen["headers"])


def test_a_client_of_http_1_0_and_one_that_closes_its_half_are_answered(proxy):
    for version in ("1.0", "1.1"):
        status, body = raw_exchange(proxy.port, head(f"Content-Length: {len(BODY)}", version=version) + BODY)
        assert (status, len(json.loads(body)["results"])) == (b"200", 10)


def test_a_client_that_waits_for_100_continue_gets_it(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as connection:
        connection.sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(BODY)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_answer_is_compressed_for_who_asks(service, proxy):
    orders = [{"order_id": str(n), "route_disruption": 2, "backlog": 3, "weather_severity": 1} for n in range(5000)]
    body = json.dumps({"orders": orders}).encode()
    plain = proxy.call("POST", "/score", body, JSON)
    small = proxy.call("POST", "/score", body, {**JSON, "Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain[1]
    assert (small[1]["content-encoding"], small[1]["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(small[2]) == plain[2] == service.call("POST", "/score", body, JSON)[2]
    assert len(small[2]) < len(plain[2]) / 4


def test_the_service_answers_for_itself(service, proxy):
    for method, path, body in [
        ("GET", "/nowhere", None),
        ("GET", "/score", None),
        ("POST", "/score", b"{"),
        ("GET", "/", None),
    ]:
        headers = {**JSON, "X-Request-ID": "same"}
        direct, through = (target.call(method, path, body, headers) for target in (service, proxy))
        assert (through[0], through[2]) == (direct[0], direct[2])
        expected = {name: direct[1].get(name) for name in ("content-type", "allow", "x-request-id")}
        assert {name: through[1].get(name) for name in expected} == expected


def test_it_does_not_tell_which_nginx_it_is(proxy):
    assert proxy.call("GET", "/livez")[1]["server"] == "nginx"
    assert "nginx/" not in str(proxy.call("GET", "/metrics"))


SPELT = """/metrics /metrics? /metrics?x=1 /metrics/ /%6detrics //metrics /./metrics /docs/../metrics /%2fmetrics /metrics#x
/metrics;x /METRICS /metrics%00 /docs/..%2fmetrics /%256detrics /metrics%20 http://localhost/metrics ///metrics//"""


@pytest.mark.parametrize("path", SPELT.split())
def test_metrics_are_for_who_asks_the_service_itself_however_the_path_is_written(service, proxy, path):
    status, headers, text = proxy.call("GET", path)
    assert (status // 100, headers["content-type"]) == (4, "application/problem+json")
    assert b"delivery_risk_" not in text
    assert service.metrics()


def test_what_nginx_refuses_by_itself_is_a_problem_too(proxy):
    problem(proxy.call("GET", "/metrics"), 404, "not-found")
    traced = proxy.call("TRACE", "/livez")
    problem(traced, 405, "method-not-allowed")
    assert "OPTIONS" in traced[1]["allow"].split(", ")
    problem(proxy.call("GET", "/" + "x" * 5000), 414, "http-error")
    problem(proxy.call("GET", "/livez", headers={"X-A": "x" * 5000}), 431, "http-error")
    problem(proxy.call("GET", "/delivery-risk.problem"), 404, "not-found")
    assert raw_exchange(proxy.port, b"\x16\x03\x01 not HTTP\r\n\r\n")[0] == b"400"


def test_a_body_over_the_limit_is_refused_by_its_length_and_in_chunks(proxy):
    most = config.load({}).max_body_bytes
    told = problem(proxy.call("POST", "/score", bytes(most + 1), JSON), 413, "body-too-large")
    assert told["detail"] == f"The body is larger than {most} bytes."
    status, _ = raw_exchange(proxy.port, head("Content-Length: 99999999999"))
    assert status == b"413"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (most + 1, bytes(most + 1))
    status, body = raw_exchange(proxy.port, head("Transfer-Encoding: chunked") + chunks)
    assert (status, json.loads(body)["status"]) == (b"413", 413)
    padded = BODY + b" " * (most - len(BODY))
    assert proxy.call("POST", "/score", padded, JSON)[0] == 200


def test_without_the_service_the_answer_is_a_503_that_says_when_to_come_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with front(port) as alone:
        for _ in range(3):
            answer = alone.call("POST", "/score", BODY, JSON)
            problem(answer, 503, "unavailable")
            assert answer[1]["retry-after"] == "1"


def test_an_address_has_so_many_requests_at_work_and_the_others_are_not_hurt(proxy):
    (most,) = re.findall(r"limit_conn delivery_risk (\d+);", SITE)
    slow = []
    try:
        for _ in range(int(most)):
            slow.append(socket.create_connection(("127.0.0.1", proxy.port), 5, (SHARED_ADDRESS, 0)))
            slow[-1].sendall(head(f"Content-Length: {len(BODY)}") + BODY[:-1])
        deadline = time.monotonic() + 5
        while (refused := raw_exchange(proxy.port, head("Content-Length: 0"), SHARED_ADDRESS))[0] != b"429":
            assert time.monotonic() < deadline
        assert json.loads(refused[1])["type"] == "urn:delivery-risk:problem:too-many-connections"
        assert len(proxy.score(ORDERS)["results"]) == 10
        for connection in slow:
            connection.sendall(BODY[-1:])
        answered = {connection.recv(12) for connection in slow}
        assert b"HTTP/1.1 200" in answered <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    finally:
        for connection in slow:
            connection.close()


def test_a_worker_killed_between_requests_costs_no_request():
    with running(DELIVERY_RISK_WORKERS="2") as server, front(server.port) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        for number in range(60):
            if number % 6 == 5:
                os.kill(server.all_workers(2)[0], signal.SIGKILL)
            connection.request("POST", "/score", BODY, JSON)
            answer = connection.getresponse()
            assert (answer.status, len(json.loads(answer.read())["results"])) == (200, 10)
        connection.close()


def unreading(port):
    """A client that asks for more than the kernel keeps for it, 30,000 errors, and then reads nothing."""
    columns = dict.fromkeys(FEATURES, [None] * 10_000)
    body = json.dumps({"order_ids": [f"{number:0128}" for number in range(10_000)], "columns": columns}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(head(f"Content-Length: {len(body)}", query="?on_error=partial") + body)
    return connection


def test_clients_that_do_not_read_their_answers_keep_no_thread_of_the_service():
    with (
        running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_THREADS="1") as server,
        front(server.port) as proxy,
        ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(unreading(proxy.port))
        begun = time.monotonic()
        assert len(proxy.score(ORDERS)["results"]) == 10
        assert time.monotonic() - begun < 20


def probe(proxy, names):
    """By name: what came back for a probe, and the statuses that were logged of it. All are sent at once."""
    addresses = {name: f"127.0.1.{number}" for number, name in enumerate(PROBES, 1)}
    with ThreadPoolExecutor(len(PROBES)) as threads:
        waiting = {
            name: threads.submit(answers, proxy.port, PROBES[name][0], addresses[name], waits=name in WAITING) for name in names
        }
        received = {name: found.result(timeout=20) for name, found in waiting.items()}
    lines = proxy.lines(lambda line: line["client"] in addresses.values(), len(received))
    logged = {name: [line["status"] for line in lines if line["client"] == addresses[name]] for name in names}
    return received, logged


def orders_counted(service):
    return sum(value for name, value in service.metrics().items() if name.startswith("delivery_risk_orders_total"))


def assert_refused(name, received, logged):
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", received)]
    assert logged
    assert {*statuses[:1]} <= PROBES[name][1]
    assert statuses or {*logged} <= PROBES[name][1]
    assert all(400 <= status < 500 for status in (*statuses, *logged))


@pytest.fixture(scope="module")
def probed(service, proxy):
    before = orders_counted(service)
    found = probe(proxy, PROBES.keys() - WAITING)
    assert orders_counted(service) == before
    return found


@pytest.mark.parametrize("name", sorted(PROBES.keys() - WAITING))
def test_a_request_whose_framing_is_wrong_gets_a_4xx_or_no_answer_at_all(probed, name):
    received, logged = probed
    assert_refused(name, received[name], logged[name])
    assert received[name].count(b"HTTP/1.1 4") == received[name].count(b"application/problem+json")


@pytest.mark.long
def test_those_who_wait_are_let_go(proxy):
    """Silent, in the middle of a body, or not reading: ten seconds each, of nginx's time alone."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as silent, unreading(proxy.port) as reader:
        received, logged = probe(proxy, WAITING)
        assert silent.recv(1) == b""
        assert 9 < time.monotonic() - begun < 20
        time.sleep(5)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: reader.recv(65536), b""))
    for name in WAITING:
        assert_refused(name, received[name], logged[name])


@pytest.mark.parametrize("name", TAKEN)
def test_unusual_framing_that_nginx_takes_is_taken_whole(proxy, name):
    status, body = raw_exchange(proxy.port, TAKEN[name])
    assert (status, len(json.loads(body)["results"])) == (b"200", 10)


STATUSES = {"200", "400", "413", "415", "429", "503", "closed", "held"}


def statuses(outcome):
    return {status for endings in outcome.hostile.values() for status in endings}


def test_ten_kinds_of_hostile_clients_do_not_hurt_a_polite_one():
    with running() as server, front(server.port) as proxy:
        outcome = side_by_side(proxy.port, server.process.pid, 6, 1)
    assert not outcome.polite.failed
    assert len(outcome.polite.seconds) > 12
    assert outcome.most - outcome.before <= 20
    assert statuses(outcome) <= STATUSES


@pytest.mark.long
def test_a_hundred_hostile_clients_have_a_polite_one_refused_at_times_and_never_anything_worse():
    with running() as server, front(server.port) as proxy:
        outcome = side_by_side(proxy.port, server.process.pid, 40, 10)
    assert outcome.polite.failed.keys() <= {"503"}
    assert outcome.polite.failed["503"] < len(outcome.polite.seconds) / 2
    assert outcome.most - outcome.before <= 8 * 16 + 20, "each of the eight places may hold a body of 16 MiB"
    assert statuses(outcome) <= STATUSES


@pytest.mark.long
def test_the_service_keeps_to_its_own_document_behind_nginx(proxy, tmp_path):
    tool = Path(sys.executable).with_name("schemathesis")
    command = [tool, "run", f"http://127.0.0.1:{proxy.port}/openapi.json", *CHECKS, "--exclude-path", "/metrics"]
    done = subprocess.run(
        [*command, "--max-examples", "300", "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, "No issues found" in done.stdout) == (0, True), done.stdout[-5000:]
    assert max(line["status"] for line in proxy.lines(lambda _: True, 1)) < 500
