"""GET /docs: the OpenAPI document on a page, with nothing from elsewhere and no script in it.

With the extra `docs` it is Swagger UI from the package's own files; without, a plain list of the routes.
"""

import importlib.util
from html import escape
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, send_from_directory

from service.config import Settings
from service.serving.active_models import Serving
from service.web import openapi

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Delivery-risk</title>'
_SWAGGER_PAGE = (
    f'{_HEAD}<link rel="icon" href="docs/favicon-32x32.png"><link rel="stylesheet" href="docs/swagger-ui.css"></head><body>'
    '<div id="ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/init.js"></script></body></html>'
)
_SWAGGER_INIT = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", validatorUrl: null, deepLinking: true});\n'


def blueprint(stage: Serving, settings: Settings) -> Blueprint:
    """The page for the OpenAPI document of what stands on the stage, under these settings."""
    routes = Blueprint("docs", __name__)
    files = _swagger_files()

    @routes.get("/docs")
    def docs() -> Response:
        closed = settings.tokens_file is not None
        page = _SWAGGER_PAGE if files is not None else _plain_page(openapi.document(stage.active.champion, closed=closed))
        return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})

    if files is not None:

        @routes.get("/docs/<path:name>")
        def file(name: str) -> Response:
            if name == "init.js":
                return Response(_SWAGGER_INIT, content_type="text/javascript; charset=utf-8")
            return send_from_directory(files, name)

    return routes


def _swagger_files() -> Path | None:
    package = importlib.util.find_spec("flask_swagger_ui")
    return None if package is None or package.origin is None else Path(package.origin).parent / "dist"


def _plain_page(document: dict[str, Any]) -> str:
    info = document["info"]
    rows = "".join(
        f"<li><code>{verb.upper()} {escape(path)}</code> {escape(operation['summary'])}</li>"
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    )
    return (
        f"{_HEAD}</head><body><h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        f'<ul>{rows}</ul><p>The whole contract: <a href="openapi.json">openapi.json</a></p></body></html>'
    )
