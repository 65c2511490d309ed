"""The pages for people under /ui: what is in their HTML."""

from html.parser import HTMLParser

from flask.testing import FlaskClient

HOSTILE = """<script>alert(1)</script>"'>{{7*7}}&amp;\u202e\u2066"""
"""A text that must appear as it is."""

_VOID = {"meta", "link", "img", "br", "hr", "input"}
_SHAPES = {"rect", "line", "circle"}


class PeoplePage(HTMLParser):
    """The elements and texts of a page, whose elements must be closed in order. `tables` are rows of cells, by region.

    A cell is its texts joined by spaces. `all_fields` are the values of its inputs by name, `fields` the last ones.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.tables: dict[str, list[list[str]]] = {"": []}
        self.all_fields: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._region = ""
        self.feed(html)
        self.close()
        assert not self._open
        self.text = " ".join(" ".join(self.texts).split())
        self.fields = {name: values[-1] for name, values in self.all_fields.items()}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.elements.append((tag, found))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "input" and found.get("name"):
            self.all_fields.setdefault(str(found["name"]), []).append(found.get("value") or "")
        if found.get("role") == "region":
            self._region = found["aria-label"] or ""
            self.tables[self._region] = []
        elif tag == "tr":
            self.tables[self._region].append([])
        elif tag in ("th", "td"):
            self.tables[self._region][-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in _SHAPES
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "title" in self._open:
            return
        self.texts.append(data)
        if {"th", "td"} & set(self._open):
            rows = self.tables[self._region]
            rows[-1][-1] = " ".join([*rows[-1][-1].split(), *data.split()])

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of this name."""
        return [found for name, found in self.elements if name == tag]

    def body(self, region: str) -> list[list[str]]:
        """The rows of a table but for its head."""
        return self.tables[region][1:]


def opened(client: FlaskClient, path: str = "/ui/model", status: int = 200) -> PeoplePage:
    """The page, which must follow what all pages do: no script and no style in it, drawings that screen readers skip."""
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (status, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy
    page = PeoplePage(answer.text)
    assert not any("style" in found or any(name.startswith("on") for name in found) for _, found in page.elements)
    assert not {"script", "style", "img", "iframe"} & {name for name, _ in page.elements}
    assert all(found.get("aria-hidden") == "true" for found in page.all("svg"))
    regions = [found for _, found in page.elements if found.get("role") == "region"]
    assert all((found["class"], found["tabindex"]) == ("scroll", "0") for found in regions)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    return page
