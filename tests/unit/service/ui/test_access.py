"""Access: who sees which page, and which requests are refused."""

import pytest

from service.auth.sessions import SECONDS
from service.ui.access import COOKIE
from service.web.concurrency_limit import Permit
from tests.apps import service_of
from tests.bearer_tokens import GOOD, OTHER, UNKNOWN, bearer, line
from tests.people_pages import PeoplePage
from tests.visitors import ORIGIN, Visitor

AUDITOR = "auditor-Zk3QvX9tB2mR7wLcY5sHd8NfJ1aGe4U0"
SCOPES = {GOOD: "score", OTHER: "read", AUDITOR: "audit"}
PAGES = {"/ui/order": "score", "/ui/upload": "score", "/ui/model": "read", "/ui/decisions": "audit"}


@pytest.fixture
def given(tmp_path):
    """Settings of a service whose tokens are in a file and that has pages and a decision log."""
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    (tmp_path / "log").mkdir()
    tokens = [line(token, scopes, f"caller-{scopes}") for token, scopes in SCOPES.items()]
    (tmp_path / "tokens").write_text("".join(tokens))
    return {
        "ui": "on",
        "ui_key_file": str(tmp_path / "key"),
        "tokens_file": str(tmp_path / "tokens"),
        "decision_log": str(tmp_path / "log"),
    }


@pytest.fixture
def visitor(given):
    return Visitor(service_of(**given).app)


def cookie_of(answer):
    (header,) = answer.headers.getlist("Set-Cookie")
    return header.partition(";")[0].partition("=")[2]


def test_no_page_exists_unless_the_setting_is_on(make_client):
    client = make_client()
    for path in ("/ui", *PAGES, "/ui/sign-in", "/ui/style.css"):
        assert client.get(path).status_code == 404
    assert "/ui" not in client.get("/").text


def test_without_tokens_everybody_sees_all_pages(make_client, given):
    visitor = Visitor(service_of(ui="on", decision_log=given["decision_log"]).app)
    for path in ("/ui", *PAGES):
        assert visitor.get(path).status_code == 200
    assert "/ui" in [route["path"] for route in visitor.get("/").json["routes"]]


@pytest.mark.parametrize(("token", "scope"), SCOPES.items())
def test_a_token_permits_the_pages_of_its_scope_and_no_others(visitor, token, scope):
    assert visitor.sign_in(token).status_code == 303
    start = visitor.see("/ui")
    for path, needed in PAGES.items():
        answer = visitor.get(path)
        assert answer.status_code == (200 if needed == scope else 403)
        assert (path.removeprefix("/") in [given.get("href") for _, given in start.elements]) == (needed == scope)
        if needed != scope:
            assert f"This page needs the scope {needed}, which you do not have." in PeoplePage(answer.text).text


def test_without_a_session_each_path_below_ui_asks_for_a_token_and_names_no_page(visitor):
    for path in ("/ui", *PAGES, "/ui/nowhere"):
        answer = visitor.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "token" in PeoplePage(answer.text).fields
        assert "Upload" not in answer.text


def test_after_signing_in_the_page_that_was_asked_for_follows_and_no_address_of_a_stranger(visitor):
    fields = PeoplePage(visitor.get("/ui/upload").text).fields
    for then, expected in ((fields["then"], "upload"), ("//evil.example", "../ui"), ("sign-out", "../ui")):
        answer = visitor.send("/ui/sign-in", {"token": OTHER, "then": then})
        assert (answer.status_code, answer.headers["Location"]) == (303, expected)


def test_the_cookie_is_for_these_pages_and_this_site_alone_and_secure_outside_of_the_own_machine(visitor):
    attributes = {each for each in visitor.sign_in(GOOD).headers["Set-Cookie"].split("; ")[1:] if "Expires" not in each}
    assert attributes == {"HttpOnly", f"Max-Age={SECONDS}", "SameSite=Strict"}
    mark = visitor.mark("/ui/sign-in")
    for host, secure in (("orders.example:8000", True), ("127.0.0.1:8000", False), ("[::1]", False), ("10.0.0.1", True)):
        headers = {"Host": host, "Origin": f"http://{host}"}
        answer = Visitor(visitor.app).client.post("/ui/sign-in", data={"token": GOOD, "mark": mark}, headers=headers)
        assert answer.status_code == 403  # the mark is that of the other session
        stranger = Visitor(visitor.app)
        data = {"token": GOOD, "mark": stranger.mark("/ui/sign-in")}
        answer = stranger.client.post("/ui/sign-in", data=data, headers=headers)
        assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) == secure


@pytest.mark.parametrize("token", ["", UNKNOWN, GOOD[:-1], f"{GOOD} {GOOD}", "é"])
def test_a_wrong_token_is_refused_is_not_repeated_and_may_be_entered_again(visitor, token):
    answer = visitor.send("/ui/sign-in", {"token": token, "then": "upload"})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert PeoplePage(answer.text).fields | {"mark": ""} == {"token": "", "then": "upload", "mark": ""}
    assert not token or token not in answer.text


def test_who_has_not_signed_in_can_send_only_a_small_form(visitor):
    for body, status in ((b"a&" * 5000, 400), (b"a" * (2**14 + 1), 413)):
        form = {"data": body, "content_type": "application/x-www-form-urlencoded", "headers": {"Origin": ORIGIN}}
        assert visitor.client.post("/ui/sign-in", **form).status_code == status


def test_a_worker_reads_the_form_of_one_stranger_at_a_time_and_others_have_their_permits(visitor, monkeypatch, order):
    read, meanwhile = Permit.read, []

    def slowly(permit, *given):
        if not meanwhile:
            meanwhile.append(0)
            stranger = Visitor(visitor.app)
            meanwhile.extend((stranger.sign_in(GOOD).status_code, stranger.send("/ui/sign-out", {}).status_code))
            answer = stranger.client.post("/score", json={"orders": [order]}, headers=bearer(GOOD))
            meanwhile.append(answer.status_code)
        return read(permit, *given)

    monkeypatch.setattr(Permit, "read", slowly)
    assert visitor.sign_in(GOOD).status_code == 303
    assert meanwhile == [0, 503, 303, 200]
    assert Visitor(visitor.app).sign_in(GOOD).status_code == 303


def test_a_session_that_was_ended_is_refused_for_all_who_have_its_cookie(visitor):
    cookie = cookie_of(visitor.sign_in(GOOD))
    mark = visitor.mark("/ui/order")
    thief = Visitor(visitor.app)
    thief.client.set_cookie(COOKIE, cookie)
    assert thief.get("/ui/order").status_code == 200
    answer = visitor.client.post("/ui/sign-out", data={"mark": mark}, headers={"Origin": ORIGIN})
    assert answer.status_code == 303
    assert visitor.get("/ui/order").status_code == 401
    assert thief.get("/ui/order").status_code == 401
    assert "The session has ended. Sign in again." in PeoplePage(thief.get("/ui/order").text).text


def test_a_forged_cookie_and_one_of_another_key_or_use_are_refused(visitor, given, tmp_path):
    cookie = cookie_of(visitor.sign_in(GOOD))
    (tmp_path / "other").write_bytes(b"0123456789abcdeF")
    other = Visitor(service_of(**given | {"ui_key_file": str(tmp_path / "other")}).app)
    mark = visitor.mark("/ui/order")
    for forged in (cookie_of(other.sign_in(GOOD)), mark, cookie[:-2], f"x{cookie}", "", cookie.swapcase()):
        thief = Visitor(visitor.app)
        thief.client.set_cookie(COOKIE, forged)
        assert thief.get("/ui/order").status_code == 401


@pytest.mark.parametrize("cookies", ["theirs=\xff", f"{COOKIE}=\xff", 'theirs="\\377"', f'{COOKIE}="\\377"', ";=;", "\xc3"])
def test_a_cookie_of_any_bytes_is_no_session_and_does_not_hinder_one(visitor, cookies):
    session = f"{COOKIE}={cookie_of(visitor.sign_in(GOOD))}"
    client = visitor.app.test_client(use_cookies=False)
    for header, status in ((cookies, 401), (f"{session}; {cookies}", 200)):
        assert client.get("/ui/order", environ_overrides={"HTTP_COOKIE": header}).status_code == status
        assert client.get("/ui/sign-in", environ_overrides={"HTTP_COOKIE": header}).status_code == 200


def test_a_cookie_is_no_token_of_a_route_and_a_token_is_no_session(visitor, order):
    visitor.sign_in(GOOD)
    assert visitor.client.post("/score", json={"orders": [order]}).status_code == 401
    assert Visitor(visitor.app).get("/ui/order", headers=bearer(GOOD)).status_code == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://localhost.evil.example", "http://localhost:81", "x:"]
)
def test_a_form_from_another_site_is_refused(visitor, origin):
    visitor.sign_in(GOOD)
    mark = visitor.mark("/ui/order")
    headers = {} if origin is None else {"Origin": origin}
    for path in ("/ui/order", "/ui/upload", "/ui/sign-in", "/ui/sign-out"):
        assert visitor.client.post(path, data={"mark": mark}, headers=headers).status_code == 403
    assert visitor.get("/ui/order").status_code == 200, "the session is ended"


@pytest.mark.parametrize(
    ("host", "origin", "says", "status"),
    [
        ("orders.example", "https://orders.example:8443", "same-origin", 422),
        ("orders.example:8443", "https://orders.example:8443", None, 422),
        ("orders.example", "https://orders.example:8443", None, 403),
        ("orders.example", "https://orders.example", "same-site", 403),
        ("orders.example", "https://orders.example", "cross-site", 403),
        ("orders.example", "https://evil.example", "same-origin", 403),
    ],
)
def test_behind_a_proxy_that_leaves_the_port_out_of_host_the_browser_says_whether_a_form_is_from_here(
    host, origin, says, status
):
    visitor = Visitor(service_of(ui="on").app)
    headers = {"Host": host, "Origin": origin} | ({} if says is None else {"Sec-Fetch-Site": says})
    answer = visitor.client.post("/ui/order", data={"mark": visitor.mark("/ui/order")}, headers=headers)
    assert answer.status_code == status


def test_a_form_needs_the_mark_of_its_own_session(visitor):
    stranger = Visitor(visitor.app)
    visitor.sign_in(GOOD)
    stranger.sign_in(GOOD)
    for path in ("/ui/order", "/ui/upload", "/ui/sign-out"):
        for mark in ("", stranger.mark("/ui/order"), visitor.mark("/ui/order")[:-2]):
            assert visitor.client.post(path, data={"mark": mark}, headers={"Origin": ORIGIN}).status_code == 403


class TestBehindAProxy:
    HEADER = "HTTP_X_FORWARDED_USER"

    def visitor(self, given, address, name, **more):
        settings = {name: text for name, text in given.items() if name != "tokens_file"}
        settings |= {"ui_user_header": "X-Forwarded-User", "ui_user_header_from": "10.1.0.0/16,::1,192.0.2.7"} | more
        environ = {"REMOTE_ADDR": address} | ({} if name is None else {self.HEADER: name})
        return Visitor(service_of(**settings).app, environ)

    @pytest.mark.parametrize("address", ["10.1.2.3", "::1", "192.0.2.7", "::ffff:10.1.2.3"])
    def test_a_user_of_a_listed_proxy_sees_the_pages_of_the_scopes_that_are_set(self, given, address):
        visitor = self.visitor(given, address, "ann@example")
        assert visitor.get("/ui/order").status_code == 200
        assert visitor.get("/ui/decisions").status_code == 403
        assert "ann@example" in visitor.see("/ui").text
        assert visitor.send("/ui/order", {}).status_code == 422
        assert self.visitor(given, address, "ann", ui_user_scopes="audit").get("/ui/decisions").status_code == 200

    @pytest.mark.parametrize("address", ["10.2.0.1", "::2", "192.0.2.70", "", "127.0.0.1"])
    def test_the_header_of_any_other_connection_is_ignored(self, given, address):
        answer = self.visitor(given, address, "ann").get("/ui/order")
        assert answer.status_code == 401
        assert "token" not in PeoplePage(answer.text).fields, "nobody has a token"

    @pytest.mark.parametrize("name", [None, "", " ", "evil,ann", "a\x7fb", "x" * 129])
    def test_a_user_without_a_plain_name_is_refused(self, given, name):
        assert self.visitor(given, "10.1.2.3", name).get("/ui/order").status_code == 401

    def test_a_unix_socket_is_listed_by_its_word(self, given):
        assert self.visitor(given, "", "ann", ui_user_header_from="unix").get("/ui/order").status_code == 200
        assert self.visitor(given, "10.1.2.3", "ann", ui_user_header_from="unix").get("/ui/order").status_code == 401

    @pytest.mark.parametrize("address", ["10.1.2.3", "", None])
    def test_an_address_in_the_place_of_the_one_of_the_connection_is_not_listed(self, given, address):
        visitor = self.visitor(given, address, "ann", ui_user_header_from="10.1.2.3,unix")
        visitor.environ = {**visitor.environ, "PROXY_PROTOCOL": "TCP4"}
        assert visitor.get("/ui/order").status_code == 401

    def test_the_mark_of_one_user_is_refused_from_another(self, given):
        mark = self.visitor(given, "::1", "ann").mark("/ui/order")
        answer = self.visitor(given, "::1", "bob").client.post(
            "/ui/order",
            data={"mark": mark},
            headers={"Origin": ORIGIN},
            environ_overrides={self.HEADER: "bob", "REMOTE_ADDR": "::1"},
        )
        assert answer.status_code == 403

    def test_the_log_names_the_user_and_no_metric_does(self, given, caplog):
        caplog.set_level("INFO", "delivery_risk.access")
        visitor = self.visitor(given, "::1", "ann@example")
        visitor.get("/ui/order")
        assert caplog.records[-1].fields["user"] == "ann@example"
        assert "ann@example" not in visitor.client.get("/metrics").text
