"""The path of a request on the real server: route, metrics and the hooks that count requests go by one text of it."""

import socket
import time

import pytest

from tests.servers import running, until

IN_PROGRESS = "delivery_risk_requests_in_progress"


@pytest.fixture(scope="module")
def server():
    with running(DELIVERY_RISK_WORKERS="1") as started:
        yield started


def begun(server, path):
    """A connection with a request to score whose body has begun."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{{"
    connection.sendall(head.encode())
    return connection


@pytest.mark.parametrize("path", ["/score", "/score?on_error=partial", "http://elsewhere.example/score"])
def test_a_scoring_request_is_in_progress_while_its_body_is_read(server, path):
    with begun(server, path):
        assert until(lambda: server.metrics()[IN_PROGRESS] == 1)
    assert until(lambda: server.metrics()[IN_PROGRESS] == 0)


@pytest.mark.parametrize("path", ["//score", "///score", "/%73core", "/score;a", "/score/", "/x/../score", "http://a//score"])
def test_another_spelling_of_a_path_is_not_found_and_counted_as_such(server, path):
    name = 'http_request_duration_seconds_count{method="POST",route="unmatched",status="404"}'
    before = server.metrics().get(name, 0)
    with begun(server, path) as connection:
        assert b" 404 " in connection.recv(4096).partition(b"\r\n")[0]
        time.sleep(0.1)
        assert server.metrics()[IN_PROGRESS] == 0
    assert until(lambda: server.metrics()[name] == before + 1)


@pytest.mark.parametrize("path", ["//metrics", "/%6detrics", "/%2fmetrics", "//livez", "//docs"])
def test_no_other_spelling_passes_a_proxy_that_keeps_a_path_to_itself(server, path):
    assert server.call("GET", path)[0] == 404
