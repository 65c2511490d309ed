"""The real nginx with deploy/nginx, in front of the real service."""

import gzip
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service import config
from service.web import middleware
from service.web.errors import PROBLEMS
from tests.deploy.fronts import FILES, front
from tests.deploy.hostile import BODY, head
from tests.integration.framing import exchange
from tests.integration.test_openapi import CHECKS

pytestmark = pytest.mark.deploy

SITE = (FILES / "delivery-risk.conf").read_text()
UPSTREAM = (FILES / "upstream.conf").read_text()
JSON = {"Content-Type": "application/json"}
ORDERS = json.loads(BODY)["orders"]


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
    assert f'"~^{middleware._WELL_FORMED.pattern}$" $http_x_request_id;' in SITE


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
        answer = exchange(proxy.port, head(f"Content-Length: {len(BODY)}", version=version) + BODY)
        assert (answer.statuses, len(json.loads(answer.body)["results"])) == ((200,), 10)


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


@pytest.mark.long
def test_the_service_keeps_to_its_own_document_behind_nginx(proxy, tmp_path):
    tool = Path(sys.executable).with_name("schemathesis")
    command = [str(tool), "run", f"http://127.0.0.1:{proxy.port}/openapi.json", *CHECKS, "--exclude-path", "/metrics"]
    done = subprocess.run(
        [*command, "--max-examples", "300", "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, "No issues found" in done.stdout) == (0, True), done.stdout[-5000:]
    assert max(line["status"] for line in proxy.lines(lambda _: True, 1)) < 500
