"""The real nginx with deploy/nginx, in front of the real service."""

import gzip
import json
import re
import socket

import pytest

from schemas.validation import BatchValidator
from service import config
from service.web import middleware
from service.web.errors import PROBLEMS
from tests.deploy.hostile import BODY, head
from tests.deploy.nginx import JSON, SITE, UPSTREAM, running_nginx
from tests.deploy.programs import answering
from tests.facts import INPUTS, ORDER
from tests.integration.framing import exchange
from tests.integration.test_openapi import keeps_to_its_document
from tests.servers import running

pytestmark = pytest.mark.deploy


@pytest.fixture(scope="module")
def mirrored():
    """Send a POST through nginx to a server behind it: the headers that the server got, and the port they came from."""

    def mirror(request, body):
        return json.dumps({"port": request.client_address[1], "headers": request.headers.items()}).encode()

    with answering(mirror) as port, running_nginx(port) as started:
        yield lambda body=b"x", headers=None: json.loads(started.call("POST", "/", body, headers)[2])


def test_the_limits_in_the_files_match_the_settings():
    (size,) = re.findall(r"client_max_body_size (\d+)m;", SITE)
    settings = config.load({})
    most = int(size) * 2**20
    assert most >= BatchValidator(INPUTS, settings.max_orders).largest_body
    assert f"larger than {most} bytes" in SITE
    (idle,) = re.findall(r"keepalive_timeout (\d+)s;", UPSTREAM)
    assert int(idle) < settings.keepalive_seconds
    assert settings.bind in UPSTREAM


def test_nginx_and_the_service_have_the_same_types_and_titles_of_problems():
    types = dict(re.findall(r"^    (\d{3}) ([a-z-]+);$", SITE, re.MULTILINE))
    block = SITE.split("map $status $delivery_risk_problem_title {")[1].split("}")[0]
    titles = dict(re.findall(r'(\d{3}) "(.+)";', block))
    assert types.keys() == titles.keys()
    shared = {status for status in types if int(status) in PROBLEMS}
    assert shared >= {"400", "404", "405", "413", "500"}
    assert {status: (types[status], titles[status]) for status in shared} == {s: PROBLEMS[int(s)] for s in shared}


def test_the_rule_for_request_ids_is_that_of_the_service():
    assert f'"~^{middleware._WELL_FORMED.pattern}$" $http_x_request_id;' in SITE


@pytest.mark.parametrize("given", ["abc", "A.b_c-1:2", "x" * 128, "0"])
def test_a_valid_request_id_is_passed_on_and_returned(nginx, mirrored, given):
    assert nginx.call("GET", "/livez", headers={"X-Request-ID": given})[1]["x-request-id"] == given
    assert ["X-Request-ID", given] in mirrored(headers={"X-Request-ID": given})["headers"]


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a/b", '"', "a,b", "é", "a$b", "\x7f", 'a"}'])
def test_an_invalid_request_id_is_replaced_for_the_service_and_the_client_alike(nginx, given):
    headers = {} if given is None else {"X-Request-ID": given}
    _, answered, text = nginx.call("POST", "/score", b"{}", {**JSON, **headers})
    made = answered["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert json.loads(text)["request_id"] == made


def test_a_request_has_the_same_id_in_both_logs(service, nginx):
    nginx.call("POST", "/score", BODY, {**JSON, "X-Request-ID": "joined-1"})
    assert [line["status"] for line in service.lines('"joined-1"')] == [200]
    (line,) = nginx.log_lines(lambda line: line["request_id"] == "joined-1", 1)
    assert (line["method"], line["status"], line["service_status"], line["client"]) == ("POST", 200, "200", "127.0.0.1")
    assert line["seconds"] >= 0


@pytest.mark.parametrize(
    ("request_line", "status", "method"),
    [
        *(("POST /metrics", 404, "POST"), ("DELETE /metrics", 404, "DELETE"), ("TRACE /livez", 405, "TRACE")),
        *(("SECRET /livez", 405, "other"), ("POST /%zz", 400, "POST")),
    ],
)
def test_the_log_has_the_method_that_came_also_where_nginx_answers(nginx, request_line, status, method):
    exchange(nginx.port, f"{request_line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    lines = nginx.log_lines(lambda line: (line["status"], line["method"]) == (status, method), 1)
    assert "SECRET" not in str(lines)


def test_the_log_contains_no_path_and_no_header(nginx):
    headers = {"User-Agent": "SECRET", "Referer": "SECRET", "X-Request-ID": "SECRET 1"}
    made = nginx.call("GET", "/SECRET-path?SECRET=1", headers=headers)[1]["x-request-id"]
    assert nginx.log_lines(lambda line: line["request_id"] == made, 1)
    assert "SECRET" not in (nginx.folder / "access.log").read_text()


def test_the_service_gets_one_address_one_scheme_and_no_hop_by_hop_headers(mirrored):
    hostile = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "SCRIPT_NAME": "/x"}
    hostile |= {"Connection": "keep-alive, X-Secret", "Keep-Alive": "5", "X-Forwarded-Protocol": "ssl"}
    seen = dict(mirrored(headers=hostile)["headers"])
    forwarded = {name: seen[name] for name in seen if name.startswith("X-F")}
    assert forwarded == {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}
    assert seen.keys().isdisjoint({"Connection", "SCRIPT_NAME", "Script-Name"})
    assert seen["Host"] == "127.0.0.1"


def test_connections_to_the_service_are_reused(mirrored):
    assert len({mirrored()["port"] for _ in range(40)}) <= 4  # each nginx worker keeps its own


def test_a_chunked_body_reaches_the_service_with_its_length(nginx, mirrored):
    status, _, answer = nginx.call("POST", "/score", iter([BODY[:7], BODY[7:]]), JSON)
    assert (status, len(json.loads(answer)["results"])) == (200, 10)
    seen = dict(mirrored(iter([BODY[:7], BODY[7:]]))["headers"])
    assert (seen["Content-Length"], "Transfer-Encoding" in seen) == (str(len(BODY)), False)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_half_closes_its_connection_is_answered(nginx, version):
    answer = exchange(nginx.port, head(f"Content-Length: {len(BODY)}", version=version) + BODY)
    assert (answer.statuses, len(json.loads(answer.body)["results"])) == ((200,), 10)


def test_a_client_that_waits_for_100_continue_gets_it(nginx):
    with socket.create_connection(("127.0.0.1", nginx.port), 5) as connection:
        connection.sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(BODY)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_answer_is_compressed_for_a_client_that_accepts_gzip(service, nginx):
    body = json.dumps({"orders": [ORDER | {"order_id": str(n)} for n in range(5000)]}).encode()
    plain = nginx.call("POST", "/score", body, JSON)
    small = nginx.call("POST", "/score", body, {**JSON, "Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain[1]
    assert (small[1]["content-encoding"], small[1]["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(small[2]) == plain[2] == service.call("POST", "/score", body, JSON)[2]
    assert len(small[2]) < len(plain[2]) / 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/nowhere", None), ("GET", "/score", None), ("POST", "/score", b"{"), ("GET", "/", None)],
)
def test_answers_of_the_service_pass_through_unchanged(service, nginx, method, path, body):
    kept = ("content-type", "allow", "x-request-id")
    found = [target.call(method, path, body, {**JSON, "X-Request-ID": "same"}) for target in (service, nginx)]
    direct, through = ((status, [headers.get(name) for name in kept], text) for status, headers, text in found)
    assert through == direct


def test_it_does_not_show_the_version_of_nginx(nginx):
    assert nginx.call("GET", "/livez")[1]["server"] == "nginx"
    assert "nginx/" not in str(nginx.call("GET", "/metrics"))


SPELT = """/metrics /metrics? /metrics?x=1 /metrics/ /%6detrics //metrics /./metrics /docs/../metrics /%2fmetrics /metrics#x
/metrics;x /METRICS /metrics%00 /docs/..%2fmetrics /%256detrics /metrics%20 http://localhost/metrics ///metrics//"""


@pytest.mark.parametrize("path", SPELT.split())
def test_metrics_are_not_available_through_nginx_however_the_path_is_written(service, nginx, path):
    status, headers, text = nginx.call("GET", path)
    assert (status // 100, headers["content-type"]) == (4, "application/problem+json")
    assert b"delivery_risk_" not in text
    assert service.metrics()


@pytest.mark.long
def test_the_service_matches_its_openapi_document_behind_nginx(tmp_path):
    with running(DELIVERY_RISK_DECISION_LOG=str(tmp_path)) as service, running_nginx(service.port) as nginx:
        keeps_to_its_document(nginx.port, tmp_path, "--exclude-path=/metrics", "--max-examples=100")
        assert max(line["status"] for line in nginx.log_lines(lambda _: True, 1)) < 500
