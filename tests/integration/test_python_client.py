"""The Python client of docs/api.md, against the real service and against what may be between them."""

import http.client
import threading
import urllib.error
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.facts import ORDERS, ROOT, SCORES
from tests.pages import blocks, section
from tests.servers import free_port, running

PAGE = ROOT / "docs" / "api.md"
MODULE, LINE = blocks("python", section(PAGE, "A client in Python"))


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def names():
    """What the module of the document defines."""
    found = {}
    exec(compile(MODULE, "docs/api.md", "exec"), found)
    return found


@contextmanager
def front(server, *failures):
    """The address of a front that fails in these ways first, and then passes requests to the server; and what it got."""
    left, seen = list(failures), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(body)
            failure = left.pop(0) if left else None
            if failure == "closed":
                return
            if failure == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "99")
                self.end_headers()
                return
            sent = (
                (failure, {"Retry-After": "0"}, b"busy")
                if failure
                else server.call("POST", self.path, body, dict(self.headers))
            )
            self.send_response(sent[0])
            self.send_header("Content-Length", str(len(sent[2])))
            for name in sent[1].keys() & {"Retry-After"}:
                self.send_header(name, sent[1][name])
            self.end_headers()
            self.wfile.write(sent[2])

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}/", seen
        finally:
            made.shutdown()
            thread.join()


def test_it_has_about_thirty_lines_and_its_example_is_answered(server, names):
    assert len(MODULE.splitlines()) <= 36
    answered = {**names}
    exec(LINE.replace(":8000", f":{server.port}"), answered)
    assert [result["queue"] for result in answered["answer"]["results"]] == ["monitor"]


@pytest.mark.parametrize("failures", [(), (503,), (503, "closed", "cut", 504), (408, 500)])
def test_it_gets_the_scores_through_failures_that_pass(server, names, failures):
    with front(server, *failures) as (url, seen):
        answer = names["Client"](url).score(ORDERS)
    assert [result["score"] for result in answer["results"]] == SCORES
    assert len(seen) == len(failures) + 1


def test_it_gives_up_after_its_tries_and_at_once_where_the_service_rejects_the_batch(server, names):
    with front(server, *[503] * 9) as (url, seen), pytest.raises(RuntimeError, match="busy"):
        names["Client"](url, tries=3).score(ORDERS)
    assert len(seen) == 3
    with front(server) as (url, seen), pytest.raises(RuntimeError, match="invalid-batch"):
        names["Client"](url).score([{"order_id": "A"}])
    assert len(seen) == 1
    for failure, raised in (("cut", http.client.IncompleteRead), ("closed", ConnectionError)):
        with front(server, *[failure] * 2) as (url, _), pytest.raises(raised):
            names["Client"](url, tries=2).score(ORDERS)
    with pytest.raises(urllib.error.URLError):
        names["Client"](f"http://127.0.0.1:{free_port()}", tries=2).score(ORDERS)


def test_the_examples_with_data_frames_are_answered(server):
    run = {}
    for block in blocks("python", section(PAGE, "Data frames")):
        exec(block.replace(":8000", f":{server.port}"), run)
    assert run["scores"]["score"].to_pylist() == SCORES[:2]
    assert run["scores"].schema.metadata[b"model_version"] == b"1.0.0"
    assert run["scored"].columns[:6].tolist() == [
        "order_id",
        "route_disruption",
        "backlog",
        "weather_severity",
        "score",
        "queue",
    ]
    assert run["scored"]["score"].tolist() == SCORES[:2]
    assert run["scored"]["queue"].tolist() == ["monitor", "review"]
