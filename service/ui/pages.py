"""Pages: the routes below /ui, and what all their answers have in common."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Request, Response

from service.auth.sessions import Sessions
from service.ui.access import ROOT, Access, has, page_at
from service.ui.handlers import compare, decisions, model, order, replay, report, sign_in, start, upload
from service.ui.visit import Visit
from service.web.path import path_of
from service.web.route import Components, Route

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send the Origin `null` with forms
}
_FILES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate")

Handler = Callable[[Visit], Response]


class Pages:
    """The pages of a service, for the people that `access` lets in."""

    def __init__(self, access: Access, sessions: Sessions) -> None:
        self._access, self._sessions = access, sessions

    def routes(self) -> Iterator[Route]:
        """The rows of the pages in the table of routes."""
        about = {"summary": "Pages for people.", "tag": "documentation", "answer": {"text/html": {}}}
        yield self._route("GET", ROOT, start.start, None, **about)
        for method, name, handler, scope in (
            ("GET", "sign-in", sign_in.form, None),
            ("POST", "sign-in", sign_in.sign_in, None),
            ("POST", "sign-out", sign_in.sign_out, None),
            ("GET", "order", order.form, "score"),
            ("POST", "order", order.score, "score"),
            ("POST", "try", order.of_file, "score"),
            ("GET", "upload", upload.form, "score"),
            ("POST", "upload", upload.rank, "score"),
            ("GET", "model", model.model, "read"),
            ("GET", "compare", compare.compare, "read"),
            ("GET", "report", report.report, "read"),
            ("GET", "decisions", decisions.find, "audit"),
            ("POST", "replay", replay.replay, "audit"),
        ):
            yield self._route(method, f"{ROOT}/{name}", handler, scope)
        for name in _FILES:
            yield Route("GET", f"{ROOT}/{name}", _file, scope=None, traced=False)

    def _route(self, method: str, path: str, handler: Handler, scope: str | None, **more: Any) -> Route:
        def answer(components: Components, request: Request) -> Response:
            return handler(Visit(components, self._access, self._sessions, request, components.serving.active))

        return Route(method, path, answer, scope=scope, **more)

    def finish(self, components: Components, request: Request, response: Response) -> Response:
        """The response, with the headers of all pages if it is one; a page in place of a problem document."""
        if not has(path_of(request.environ)):
            return response
        if response.status_code >= 400 and response.is_json:
            visit = Visit(components, self._access, self._sessions, request, components.serving.active)
            problem: dict[str, Any] = response.get_json()
            asks = response.status_code == 401 and self._access.takes_tokens
            template = "sign_in.html" if asks else "problem.html"
            page = visit.page(template, response.status_code, problem=problem, then=page_at(request.environ))
            page.headers.extend({name: response.headers[name] for name in _KEPT if name in response.headers})
            response.close()
            response = page
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)  # a page may have a policy of its own
        return response


def _file(_: Components, request: Request) -> Response:
    name = path_of(request.environ).rpartition("/")[2]
    response = Response(_CONTENTS[name], content_type=_FILES[name])
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # asked for again, it costs an answer without a body
    response.make_conditional(request.environ)
    return response


_CONTENTS = {name: Path(__file__).with_name("static").joinpath(name).read_bytes() for name in _FILES}
