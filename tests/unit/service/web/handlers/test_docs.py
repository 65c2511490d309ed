import re
from html.parser import HTMLParser

import pytest

POLICY = "default-src 'none'"


class Page(HTMLParser):
    """Collects what a page loads, and what it would run inline."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.inline, self.within = [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.within = tag
        self.loads += [given[name] for name in ("src", "href") if name in given and tag != "a"]
        self.links += [given["href"]] if tag == "a" else []
        assert not [name for name in given if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag):
        self.within = None

    def handle_data(self, data):
        self.inline += data if self.within in ("script", "style") else ""


@pytest.fixture(params=["with the extra", "without it"])
def page(request, make_client, monkeypatch):
    if request.param == "without it":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    client = make_client()
    return client, client.get("/docs")


def test_the_page_has_a_strict_policy_and_nothing_inline(page):
    _, answer = page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(POLICY)
    assert "unsafe" not in policy
    assert not Page(answer.text).inline.strip()


def test_all_that_the_page_loads_or_links_is_served_here(page):
    client, answer = page
    found = Page(answer.text)
    assert not [place for place in found.loads + found.links if re.match(r"[a-z]+:|//", place)]
    for place in found.loads + found.links:
        with client.get("/" + place) as loaded:
            assert loaded.status_code == 200


def test_with_the_extra_the_page_shows_this_services_document(client):
    script = client.get("/docs/init.js")
    assert script.content_type.startswith("text/javascript")
    assert '"openapi.json"' in script.text
    assert "validatorUrl: null" in script.text


def test_without_the_extra_the_page_lists_every_route(monkeypatch, make_client):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = make_client().get("/docs").text
    assert all(path in text for path in ("POST /score", "GET /model", "GET /metrics", "openapi.json"))
