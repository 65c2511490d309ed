"""GET /: what this is and where to look, as a page for browsers and as JSON for all others."""

from flask import Request, Response, jsonify, render_template

from schemas.formats.table import JSON
from service.version import VERSION
from service.web.handlers.docs import HTML, POLICY
from service.web.route import Components, template


def home(components: Components, request: Request) -> Response:
    """The name and version of the service, and its documented routes."""
    found = {
        "service": "delivery-risk",
        "status": "alive",
        "service_version": VERSION,
        "description": "Delay risk of delivery orders. POST /score scores a batch; /docs and /openapi.json describe the API.",
        "routes": [
            {"method": route.method, "path": template(route.path), "summary": route.summary}
            for route in components.routes
            if route.summary
        ],
    }
    page = request.accept_mimetypes.best_match((JSON, "text/html")) == "text/html"
    answer = Response(render_template("home.html", **found), headers=POLICY, content_type=HTML) if page else jsonify(found)
    answer.vary.add("Accept")
    return answer
