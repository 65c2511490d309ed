import re

import pytest

INLINE = re.compile(r"<(script|style)[^>]*>\s*[^<\s]|\s(on\w+|style)\s*=")


@pytest.fixture
def without_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("extra", [True, False])
def test_the_page_loads_and_links_only_what_is_served_here_and_has_nothing_inline(client, request, extra):
    if not extra:
        request.getfixturevalue("without_the_extra")
    answer = client.get("/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert (policy.startswith("default-src 'none'"), "unsafe" in policy, INLINE.search(answer.text)) == (True, False, None)
    places = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert len(places) == len(re.findall(r"\b(?:src|href)\s*=", answer.text)) == (4 if extra else 1)
    for place in places:
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
