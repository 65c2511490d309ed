"""GET /: the same list of routes as a page and as JSON."""

import re

import pytest

from schemas.about import HomeSchema

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/plain", "application/json, text/html"])
def test_a_program_gets_every_documented_route_as_json(client, accept):
    answer = client.get("/", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.content_type, answer.headers["Vary"]) == (200, "application/json", "Accept")
    found = HomeSchema().load(answer.json)["routes"]
    paths = client.get("/openapi.json").json["paths"]
    documented = {(method.upper(), path, row["summary"]) for path, verbs in paths.items() for method, row in verbs.items()}
    assert {(row["method"], row["path"], row["summary"]) for row in found} == documented


def test_a_browser_gets_a_page_whose_links_lead_to_what_is_served(client):
    answer = client.get("/", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    routes = [(row["method"], row["path"]) for row in client.get("/").json["routes"]]
    shown = re.findall(r"<code>(\w+) (?:<a [^>]*>)?([^<]*)", answer.text)
    assert shown == routes
    links = re.findall(r'href="\.(/[^"]*)"', answer.text)
    assert links == [path for method, path in routes if method == "GET" and "{" not in path]
    for link in links:
        with client.get(link) as found:
            assert found.status_code == 200
