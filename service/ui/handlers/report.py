"""/ui/report: the newest report that `evaluate` has written to the folder of the setting."""

from flask import Response

from service.offline.evaluation.written_report import NoReport, WrittenReport, newest
from service.ui.visit import HTML, Visit
from service.web.errors import Problem

_NO_FOLDER = "No folder of reports is set. Set DELIVERY_RISK_UI_REPORTS to the folder that `evaluate --report` writes to."


def report(visit: Visit) -> Response:
    """The report as it was written, under a policy that allows its own style sheet alone. Raises Problem 404 and 503."""
    visit.components.concurrency_limit.permit(visit.request.environ)
    try:
        found = written_report(visit)
    except NoReport as error:
        raise Problem(404, str(error)) from None
    headers = {"Content-Security-Policy": found.policy, "Cache-Control": "no-store"}
    return Response(found.content, headers=headers, content_type=HTML)


def written_report(visit: Visit) -> WrittenReport:
    """The newest report. Raises NoReport."""
    folder = visit.components.settings.ui_reports
    if folder is None:
        raise NoReport(_NO_FOLDER)
    return newest(folder)
