import re
from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """What a page loads and links, and what it would run inline."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.inline, self.within = [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.within = tag
        self.loads += [value for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag):
        self.within = None

    def handle_data(self, data):
        self.inline += data if self.within in ("script", "style") else ""


@pytest.fixture
def without_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("extra", [True, False])
def test_the_page_loads_and_links_only_what_is_served_here_and_has_nothing_inline(client, request, extra):
    if not extra:
        request.getfixturevalue("without_the_extra")
    answer = client.get("/docs")
    policy, page = answer.headers["Content-Security-Policy"], Page(answer.text)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not page.inline.strip()
    for place in page.loads:
        assert not re.match(r"[a-z]+:|//", place)
        with client.get("/" + place) as loaded:
            assert loaded.status_code == 200


def test_with_the_extra_the_page_shows_the_document_of_this_service(client):
    script = client.get("/docs/init.js")
    assert script.content_type.startswith("text/javascript")
    assert '"openapi.json"' in script.text
    assert "validatorUrl: null" in script.text


def test_without_the_extra_the_page_lists_every_route(client, without_the_extra):
    text = client.get("/docs").text
    assert all(path in text for path in ("POST /score", "GET /model", "GET /metrics", "openapi.json"))
