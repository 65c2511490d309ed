"""GET /ui: the pages, and what each of them is for."""

from flask import Response

from service.ui.visit import Visit


def start(visit: Visit) -> Response:
    """The pages that the person may see. Raises Problem 401."""
    visit.access.person(visit.request.environ)
    return visit.page("start.html")
