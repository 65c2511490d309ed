"""GET /openapi.json and /docs: the OpenAPI document, and the same as a page without inline scripts or foreign hosts.

With the extra `docs`, the page is Swagger UI from the package's own files. Without it, it is
plain HTML with the whole contract.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from flask import Request, Response, abort, render_template, send_from_directory

from service.web import openapi
from service.web.path import path_of
from service.web.route import Components

HTML = "text/html; charset=utf-8"
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
_LIMITS = (
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "default",
)
_SWAGGER_INIT = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", validatorUrl: null, deepLinking: true});\n'


def openapi_json(components: Components, request: Request) -> Response:
    """The OpenAPI document, with an ETag."""
    response = Response(msgspec.json.encode(_document(components)), content_type="application/json")
    response.add_etag()
    response.make_conditional(request.environ)
    return response


def docs(components: Components, _: Request) -> Response:
    """The page."""
    if _swagger_files() is not None:
        page = render_template("swagger.html")
    else:
        page = render_template("contract.html", document=_document(components), limits=_LIMITS, pretty=_pretty)
    return Response(page, content_type=HTML, headers=POLICY)


def asset(components: Components, request: Request) -> Response:
    """A file of Swagger UI. It may be large, so it needs a permit."""
    components.concurrency_limit.permit(request.environ)
    folder = _swagger_files()
    if folder is None:
        abort(404)
    name = path_of(request.environ).rpartition("/")[2]
    if name == "init.js":
        return Response(_SWAGGER_INIT, content_type="text/javascript; charset=utf-8")
    return send_from_directory(folder, name)


def _pretty(example: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(example)).decode()


def _document(components: Components) -> Mapping[str, Any]:
    authenticated = components.token_store is not None
    return openapi.document(components.routes, components.serving.active.champion, authenticated=authenticated)


def _swagger_files() -> Path | None:
    package = importlib.util.find_spec("flask_swagger_ui")
    return None if package is None or package.origin is None else Path(package.origin).parent / "dist"
