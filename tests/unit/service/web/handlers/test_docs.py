import html
import re

import pytest

from tests.bearer_tokens import GOOD, bearer, line

INLINE = re.compile(r"<(script|style)[^>]*>\s*[^<\s]|<[^>]*\s(on\w+|style)\s*=")


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
    assert len(places) == len(re.findall(r"\b(?:src|href)\s*=", answer.text))
    elsewhere = [place for place in places if not place.startswith("#")]
    assert {place[1:] for place in places if place.startswith("#")} <= set(re.findall(r'id="([^"]*)"', answer.text))
    assert len(elsewhere) == (4 if extra else 1)
    for place in elsewhere:
        assert not re.match(r"[a-z]+:|//", place)
        with client.get("/" + place) as loaded:
            assert loaded.status_code == 200


def test_with_the_extra_the_page_shows_the_document_of_this_service(client):
    script = client.get("/docs/init.js")
    assert script.content_type.startswith("text/javascript")
    assert '"openapi.json"' in script.text
    assert "validatorUrl: null" in script.text


def texts(node):
    """All names and texts of a document, but for the references."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in NOT_SHOWN:
                yield from texts(value)
        yield from (name for name in node.get("properties", ()))
        yield from (name for name in node if "/" in name or name.isdigit())
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str) and node != "array":
        yield node


NOT_SHOWN = {"$ref", "openapi", "operationId"}


@pytest.mark.parametrize("authenticated", [False, True])
def test_without_the_extra_the_page_shows_the_whole_contract(make_client, without_the_extra, tmp_path, authenticated):
    (tmp_path / "tokens").write_text(line(GOOD))
    client = make_client(**({"tokens_file": str(tmp_path / "tokens")} if authenticated else {}))
    page, document = (client.get(path, headers=bearer(GOOD)) for path in ("/docs", "/openapi.json"))
    shown = " ".join(html.unescape(re.sub("<[^>]*>", " ", page.text)).split())
    missing = {text for text in texts(document.json) if " ".join(text.split()) not in shown}
    assert missing == set()
    for path, verbs in document.json["paths"].items():
        for method in verbs:
            assert f"{method.upper()} {path}" in shown
