"""The browser of the tests finds each fault of a page, and none where there is none."""

import html
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.deploy.browser import Finding, everywhere, visit, visits

pytestmark = pytest.mark.deploy

STRICT = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"
VIEWPORT, ICON = '<meta name="viewport" content="width=device-width">', '<link rel="icon" href="/icon.svg">'
HEAD = VIEWPORT + ICON
STYLE = """
a, button { display: inline-block; padding: 1rem } .tiny { padding: 0; font-size: 5px } .wide { width: 500px }
.bare:focus { outline: none }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } a { color: #9cf } .dim { color: #333 } }
"""
FORM = """<form method="post" action="/echo" enctype="multipart/form-data">
<label>Backlog <input name="backlog"></label> <label>Backlog, yesterday <input name="yesterday"></label>
<label>Carrier <select name="carrier"><option value="1">AA<option value="2">UA</select></label>
<label><input type="checkbox" name="all"> All</label> <label>Orders <input type="file" name="file"></label>
<button>Score</button></form> <a href="/orders.csv">Download</a>"""
# path: content, policy, what of <head>
PAGES = {
    "/good": ("<p>3 orders</p>" + FORM, STRICT, HEAD),
    "/inline-script": ("<script>document.title = 'x'</script>", STRICT, HEAD),
    "/inline-style": ("<p style='color: red'>3</p>", STRICT, HEAD),
    "/logs": ("<script src='/log.js'></script>", "script-src 'self'", HEAD),
    "/throws": ("<script src='/throw.js'></script>", "script-src 'self'", HEAD),
    "/foreign": ("<img src='http://localhost:PORT/icon.svg' alt=''>", "img-src *", HEAD),
    "/outside": ("<img src='http://delivery.example/icon.svg' alt=''>", "img-src *", HEAD),
    "/barred": ("<img src='http://localhost:PORT/icon.svg' alt=''>", STRICT, HEAD),
    "/lost-picture": ("<img src='/none.svg' alt=''>", STRICT, HEAD),
    "/broken-picture": ("<img src='/broken' alt=''>", STRICT, HEAD),
    "/unlabelled": ("<input name='a'>", STRICT, HEAD),
    "/dim": ("<p class='dim'>3 orders</p>", STRICT, HEAD),
    "/wide": ("<p class='wide'>3 orders</p>", STRICT, HEAD),
    "/tiny": ("<a class='tiny' href='/a'>a</a><a class='tiny' href='/b'>b</a>", STRICT, HEAD),
    "/no-viewport": ("<p>3</p>", STRICT, ICON),
    "/no-icon": ("<p>3</p>", STRICT, VIEWPORT),
    "/unfocused": ("<a class='bare' href='/a'>a</a> <a href='/b'>b</a>", STRICT, HEAD),
}
FILES = {
    "/icon.svg": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "/style.css": ("text/css", STYLE),
    "/log.js": ("text/javascript", "console.debug('seen')"),
    "/throw.js": ("text/javascript", "throw new Error('thrown')"),
    "/orders.csv": ("text/csv", "order_id\nA-1\n"),
}
# path, how it is visited, the faults and the rules of axe
FAULTS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("/inline-script", {}, {"csp", "console"}),
    ("/inline-style", {}, {"csp", "console"}),
    ("/inline-style", {"javascript": False}, {"csp", "console"}),
    ("/logs", {}, {"console"}),
    ("/throws", {}, {"errors"}),
    ("/foreign", {}, {"foreign"}),
    ("/outside", {}, {"foreign", "failed", "console"}),
    ("/barred", {}, {"csp", "console", "foreign", "failed"}),
    ("/lost-picture", {}, {"console"}),
    ("/broken-picture", {}, {"failed", "console"}),
    ("/unlabelled", {}, {"label"}),
    ("/unlabelled", {"javascript": False}, {"label"}),
    ("/dim", {}, set()),
    ("/dim", {"scheme": "dark"}, {"color-contrast"}),
    ("/wide", {}, set()),
    ("/wide", {"width": 360}, {"overflows"}),
    ("/tiny", {}, {"target-size"}),
    ("/no-viewport", {"width": 360}, {"overflows"}),
    ("/no-icon", {}, {"console"}),
    ("/unfocused", {"steps": [["tab", 2]]}, {"focus"}),
    ("/good", {"steps": [["fill", "No such label", ""]]}, {"error"}),
    ("/missing", {}, set()),
]


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/broken":
            return
        kind, text = FILES.get(self.path, ("text/html; charset=utf-8", ""))
        content, policy, head = PAGES.get(self.path, ("<p>There is no such page.</p>", STRICT, HEAD))
        status = 200 if self.path in FILES or self.path in PAGES else 404
        self._answer(status, kind, text or self._page(content, head), policy)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        content = f"<pre>{html.escape(body)}\n{self.headers['Cookie']} {self.headers['X-User']}</pre>"
        self._answer(422, "text/html; charset=utf-8", self._page(content, HEAD), STRICT)

    def _page(self, content: str, head: str) -> str:
        content = content.replace("PORT", str(self.server.server_port))
        head = f"<title>Orders</title>{head}<link rel='stylesheet' href='/style.css'>"
        return f"<!doctype html><html lang='en'><head>{head}</head><body><main><h1>Orders</h1>{content}</main></body></html>"

    def _answer(self, status: int, kind: str, text: str, policy: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", policy)
        if kind == "text/csv":
            self.send_header("Content-Disposition", "attachment; filename=orders.csv")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """The address of the pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _names(finding: Finding) -> set[str]:
    return set(finding.faults()) - {"axe"} | {violation["id"] for violation in finding.axe}


def test_each_fault_of_a_page_is_found_and_no_other(pages):
    found = visits(visit(pages + path, **how) for path, how, _ in FAULTS)
    assert [(path, how, _names(finding)) for (path, how, _), finding in zip(FAULTS, found, strict=True)] == FAULTS
    assert found[-1].status == 404


def test_a_good_page_has_no_fault_at_any_width_in_any_scheme_with_and_without_scripts(pages, tmp_path):
    picture = str(tmp_path / "page.png")
    wanted = [*everywhere(pages + "/good", screenshot=picture), *everywhere(pages + "/good", javascript=False)]
    for finding in visits(wanted):
        assert (finding.faults(), finding.status, finding.title) == ({}, 200, "Orders"), finding
        assert "3 orders" in finding.text
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_the_api_page_logs_nothing_and_asks_no_other_server(service):
    for finding in visits(everywhere(f"http://127.0.0.1:{service.port}/docs", axe=False, steps=[["see", "/score"]])):
        assert set(finding.faults()) <= {"overflows"}, finding


@pytest.mark.parametrize("javascript", [True, False])
def test_the_steps_of_a_user_are_taken(pages, tmp_path, javascript):
    upload = tmp_path / "upload.csv"
    upload.write_text("of the file")
    steps = [
        ["tab", 2],
        ["download", "Download"],
        ["fill", "Backlog", "7"],
        ["fill", "yesterday", "8"],
        ["choose", "Carrier", "UA"],
    ]
    steps += [["check", "All"], ["file", "Orders", str(upload)], ["press", "Score"]]
    given = {"cookies": [{"name": "a", "value": "b"}], "headers": {"X-User": "Ada"}, "save": str(tmp_path / "saved")}
    (finding,) = visits([visit(pages + "/good", steps=steps, javascript=javascript, **given)])
    assert (finding.faults(), finding.status, finding.url) == ({}, 422, pages + "/echo")
    sent = dict(re.findall(r'name="(\w+)".*\n(?:Content-Type.*\n)?\n(.*)\n', finding.text.replace("\r", "")))
    assert sent == {"backlog": "7", "yesterday": "8", "carrier": "2", "all": "on", "file": "of the file"}
    assert finding.text.endswith("a=b Ada")
    assert finding.focus == [{"element": f'textbox "{name}"', "visible": True} for name in ("Backlog", "Backlog, yesterday")]
    assert (finding.downloads, (tmp_path / "saved" / "orders.csv").read_text()) == (["orders.csv"], "order_id\nA-1\n")
