"""/ui/compare: what differs between two versions of the registry, without orders."""

from flask import Response

from model.errors import ModelError
from model.registry.listing import Listing
from schemas.files.row import reserved_names
from service.offline.differences import COMPARED, differences
from service.ui.shown_registry import NoRegistry, listing
from service.ui.visit import Visit
from service.web.errors import Problem


def compare(visit: Visit) -> Response:
    """The differences, or the form for two versions where none are given. Raises Problem 404 and 503."""
    visit.components.concurrency_limit.permit(visit.request.environ)
    try:
        found = listing(visit)
    except NoRegistry as error:
        raise Problem(404, str(error)) from None
    chosen = [visit.request.args.get(name, "") for name in ("from", "to")]
    if not any(chosen):
        return _page(visit, found)
    if not all(name in found.names for name in chosen):
        return _page(visit, found, 404, error="The registry has no such version. Choose two versions of the list.")
    models = []
    for name in chosen:
        try:
            models.append(found.load(name, reserved=reserved_names))
        except ModelError as error:
            reason = f"Version {name} cannot be compared: {error.location}: {error.reason}."
            return _page(visit, found, 422, error=reason, chosen=chosen)
    return _page(visit, found, models=models, chosen=chosen)


def _page(visit: Visit, found: Listing, status: int = 200, **given: object) -> Response:
    models = given.get("models")
    rows = [*differences(*models)] if isinstance(models, list) else []
    about = {"error": None, "models": None, "chosen": ("", ""), **given}
    return visit.page("compare.html", status, listing=found, rows=rows, compared=COMPARED, **about)
