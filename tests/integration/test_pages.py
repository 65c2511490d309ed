"""The pages on a real server: sessions in all its workers, and logs without any value of an order."""

import re
import time
from io import BytesIO
from urllib.parse import urlencode

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.bearer_tokens import GOOD, OTHER, line, replace
from tests.facts import FEATURES
from tests.people_pages import PeoplePage
from tests.servers import running

VALUE = "7.1234567"
FILE = f"order_id,{','.join(FEATURES)}\nA,{VALUE},3,1\nB,SECRET,3,1\n".encode()


class Browser:
    """A browser that keeps its cookie. Each request has a connection of its own, so any worker may answer it."""

    def __init__(self, server):
        self.server, self.cookie = server, None

    def call(self, method, path, body=None, content_type="application/x-www-form-urlencoded"):
        headers = {"Host": f"127.0.0.1:{self.server.port}", "Origin": f"http://127.0.0.1:{self.server.port}"}
        headers |= {} if body is None else {"Content-Type": content_type}
        headers |= {} if self.cookie is None else {"Cookie": self.cookie}
        status, found, content = self.server.call(method, path, body, headers)
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
        return status, content.decode()

    def mark(self, path):
        return PeoplePage(self.call("GET", path)[1]).fields["mark"]

    def send(self, path, **fields):
        return self.call("POST", path, urlencode({"mark": self.mark(path), **fields}).encode())

    def upload(self, content):
        boundary, body = encode_multipart(
            {"mark": self.mark("/ui/upload"), "orders": FileStorage(BytesIO(content), "orders.csv")}
        )
        return self.call("POST", "/ui/upload", body, f"multipart/form-data; boundary={boundary}")


@pytest.fixture
def tokens(tmp_path):
    (tmp_path / "tokens").write_text(line(GOOD, "score,read") + line(OTHER, "read"))
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    return tmp_path / "tokens"


@pytest.fixture
def server(tokens):
    variables = {"UI": "on", "UI_KEY_FILE": tokens.with_name("key"), "TOKENS_FILE": tokens, "WORKERS": "3"}
    with running(**{f"DELIVERY_RISK_{name}": str(value) for name, value in variables.items()}) as server:
        server.all_workers(3)
        yield server


def test_a_revoked_token_ends_its_sessions_in_every_worker_within_a_second(server, tokens):
    browser = Browser(server)
    assert browser.send("/ui/sign-in", token=GOOD)[0] == 303
    assert {browser.call("GET", "/ui/order")[0] for _ in range(30)} == {200}
    replace(tokens, line(OTHER, "read"))
    time.sleep(1.0)
    assert {browser.call("GET", "/ui/order")[0] for _ in range(30)} == {401}


def test_a_session_that_is_ended_in_one_worker_is_ended_in_all(server):
    browser, other = Browser(server), Browser(server)
    for each in (browser, other):
        assert each.send("/ui/sign-in", token=GOOD)[0] == 303
    copied = browser.cookie
    assert browser.call("POST", "/ui/sign-out", urlencode({"mark": browser.mark("/ui/order")}).encode())[0] == 303
    browser.cookie = copied
    assert {browser.call("GET", "/ui/order")[0] for _ in range(30)} == {401}
    assert {other.call("GET", "/ui/order")[0] for _ in range(30)} == {200}


def test_a_session_outlives_the_worker_that_started_it(server):
    browser = Browser(server)
    browser.send("/ui/sign-in", token=GOOD)
    for _ in range(3):
        server.kill_worker(3)
    server.all_workers(3)
    assert {browser.call("GET", "/ui/order")[0] for _ in range(30)} == {200}


def test_no_log_line_has_a_value_a_token_a_cookie_or_a_mark(server):
    browser = Browser(server)
    browser.send("/ui/sign-in", token=GOOD)
    mark = browser.mark("/ui/order")
    first, second, third = FEATURES
    assert browser.send("/ui/order", **{f"input-{first}": VALUE, f"input-{second}": "3", f"input-{third}": "1"})[0] == 200
    assert browser.send("/ui/order", **{f"input-{first}": "SECRET"})[0] == 422
    status, page = browser.upload(FILE)
    assert status == 200
    assert re.search(r"1 of 1 orders to review|0 of 1 orders to review", PeoplePage(page).text)
    log = server.log()
    assert log.count('"route":"/ui/order"') >= 4
    for text in (VALUE, "SECRET", GOOD, browser.cookie.partition("=")[2], mark):
        assert text not in log
