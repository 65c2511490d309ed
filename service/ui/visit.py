"""Visit: a request for a page, with what its handler needs: who asks, the form that was sent, and the templates."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pybase64
from flask import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from service.auth.sessions import BadSession, Sessions
from service.serving.active_models import ActiveModels
from service.ui.access import ANYBODY, ASKED, PERSON, ROOT, Access, Person
from service.ui.texts import FILTERS
from service.version import VERSION
from service.web.errors import ErrorPage, Problem
from service.web.path import path_of
from service.web.route import Components

HTML = "text/html; charset=utf-8"
FORM_BYTES = 2**20
"""Bytes of a form without a file, at most."""

_URL_ENCODED = "application/x-www-form-urlencoded"
_FORM_TYPES = (_URL_ENCODED, "multipart/form-data")
_MOST_PARTS = 5000
_TEMPLATES = Environment(
    loader=PackageLoader("service.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters |= FILTERS
_TEMPLATES.globals["ASKED"] = ASKED


@dataclass(frozen=True, slots=True)
class Page:
    """A page in the navigation: its `name` in the path, its `title`, the `scope` that it needs, and what it is for."""

    name: str
    title: str
    scope: str
    purpose: str


PAGES = (
    Page("order", "Try an order", "score", "Score one order that you enter, and see why it gets its score."),
    Page("upload", "Upload", "score", "Rank the orders of a CSV file, and see which to review."),
    Page("model", "Model", "read", "See which model is served, what it takes, and how it has scored."),
    Page("decisions", "Decisions", "audit", "Find what was decided about an order, and why."),
)


@dataclass(frozen=True, slots=True)
class Form:
    """The `fields` of a form that was sent; the contents and the `names` of its `files`, by the name of the field."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]
    names: Mapping[str, str]

    @property
    def orders(self) -> tuple[str, bytes]:
        """The name and the content of the file with orders: one that was chosen now, or else before; empty without one."""
        if content := self.files.get("orders", b""):
            return self.names["orders"], content
        try:
            content = pybase64.b64decode(self.fields.get("again", ""), validate=True)
        except ValueError:
            content = b""
        return self.fields.get("name", "") if content else "", content


@dataclass(frozen=True, slots=True)
class Visit:
    """A `request` for a page of the service that these `components` make. The `active` models are taken once."""

    components: Components
    access: Access
    sessions: Sessions
    request: Request
    active: ActiveModels

    @property
    def person(self) -> Person:
        """Who asks. On a page that needs no scope, it may be anybody."""
        person: Person = self.request.environ.get(PERSON, ANYBODY)
        return person

    def page(self, template: str, status: int = 200, **given: Any) -> Response:
        """The page that this template makes of what is given."""
        path, known = path_of(self.request.environ), PERSON in self.request.environ
        logs = self.components.decision_log is not None
        content = _TEMPLATES.get_template(template).render(
            pages=[page for page in PAGES if known and page.scope in self.person.scopes and (logs or page.name != "decisions")],
            here=path.removeprefix(ROOT).strip("/"),
            # Links are relative, so that a proxy may have the service below a prefix.
            root="ui/" if path == ROOT else "../" * (path.count("/") - 2),
            person=self.person,
            mark=self.sessions.form(self.person.owner),
            manifest=self.active.champion.model.manifest,
            service_version=VERSION,
            **given,
        )
        kind = Response if status < 400 else ErrorPage
        return kind(content, status, {"Cache-Control": "no-store"}, content_type=HTML)

    def file_form(self) -> Form:
        """The form in the request, which may have a file as large as a batch, or its content as base64."""
        return self.form(self.active.champion.decoder.largest_body * 4 // 3 + FORM_BYTES)

    def form(self, most: int = FORM_BYTES) -> Form:
        """The form in the request, of at most so many bytes. Raises Problem 400, 403, 411, 413, 415 and 503."""
        environ = self.request.environ
        kind, options = parse_options_header(environ.get("CONTENT_TYPE", ""))
        if kind not in _FORM_TYPES:
            raise Problem(415, f"Content-Type must be one of {', '.join(_FORM_TYPES)}.")
        if kind == _URL_ENCODED:
            most = min(most, FORM_BYTES)  # it has no file
        content = self.components.concurrency_limit.permit(environ).read(environ, most)
        if kind == _URL_ENCODED and content.count(b"&") >= _MOST_PARTS:  # the parser bounds the other type alone
            raise Problem(400, f"The form has more than {_MOST_PARTS:,} fields.")
        parser = FormDataParser(_in_memory, most, max_form_parts=_MOST_PARTS, silent=False)
        try:
            _, fields, files = parser.parse(BytesIO(content), kind, len(content), options)
            self.sessions.require_form(self.person.owner, fields.get("mark", ""))
        except (ValueError, RequestEntityTooLarge):
            raise Problem(400, "The form cannot be read. Open the page and send it again.") from None
        except BadSession:
            raise Problem(403, "The form is too old, or was made for another session. Open the page again.") from None
        contents = {name: each.stream.read() for name, each in files.items()}
        return Form(fields.to_dict(), contents, {name: each.filename or "" for name, each in files.items()})


def _in_memory(*_: Any, **__: Any) -> BytesIO:
    """Where a file of a form is kept: no value of an order is written to a disk."""
    return BytesIO()
