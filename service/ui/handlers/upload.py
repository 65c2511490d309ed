"""/ui/upload: the orders of a CSV file are ranked, on a page or as CSV. They are neither recorded nor counted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pybase64
from flask import Response

from schemas.faults import Fault, MalformedBody, detail_of
from service.scoring.batch import Options
from service.ui import ranked_csv
from service.ui.ranking import Ranking, ranking
from service.ui.trial import is_explainable, trial
from service.ui.visit import Form, Visit

_COUNT = re.compile(r"[0-9]{1,9}")
_ADVICE = "Save it as CSV in UTF-8, with commas between the cells."


class _Mistake(Exception):
    """What the form says is not usable. The message says what to do."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The form as it was sent: the file's `name` and `content`, and how many orders go to review, of each group `by`."""

    name: str = ""
    content: bytes = b""
    review_top: str = ""
    by: str = ""

    @property
    def again(self) -> str:
        """The content as text, with which the form is sent again without the file."""
        return pybase64.b64encode(self.content).decode()


def form(visit: Visit) -> Response:
    """The form for a file."""
    return _page(visit, _Sent())


def rank(visit: Visit) -> Response:
    """The orders in the file by rank, as the button asks: a page, or CSV to download."""
    model, settings = visit.active.champion, visit.components.settings
    given = visit.file_form()
    sent = _sent(given)
    try:
        options = _options(visit, sent)
        scored = trial(visit, _content(sent, model.decoder.largest_body), options)
    except _Mistake as error:
        return _page(visit, sent, 422, errors=[str(error)])
    except MalformedBody as error:
        return _page(visit, sent, 422, errors=[f"The file cannot be read: {error}. {_ADVICE}"])
    if not scored.answerable:
        return _page(visit, sent, 422, errors=_errors([each for each in scored.decoded.faults if each.position is None]))
    most = settings.max_explained // max(1, scored.model.explainer.units) if is_explainable(scored.model) else 0
    if given.fields.get("answer") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="ranked-orders.csv"', "Cache-Control": "no-store"}
        return Response(
            ranked_csv.encode(scored, sent.by or None, most), headers=headers, content_type="text/csv; charset=utf-8"
        )
    return _page(visit, sent, ranking=ranking(scored, sent.by or None, most))


def _page(
    visit: Visit, sent: _Sent, status: int = 200, errors: list[str] | None = None, ranking: Ranking | None = None
) -> Response:
    model, decoder = visit.active.champion.model, visit.active.champion.decoder
    columns = [*model.manifest.input_names, *model.manifest.context_names]
    limits = {"orders": decoder.max_orders, "megabytes": decoder.largest_body / 2**20}
    given: Mapping[str, Any] = {"sent": sent, "errors": errors or [], "ranking": ranking, "columns": columns, "limits": limits}
    return visit.page("upload.html", status, **given)


def _sent(given: Form) -> _Sent:
    return _Sent(*given.orders, given.fields.get("review_top", "").strip(), given.fields.get("by", ""))


def _content(sent: _Sent, most: int) -> bytes:
    if not sent.content:
        raise _Mistake("Choose a file with orders.")
    if len(sent.content) > most:
        raise _Mistake(f"The file is larger than {most} bytes. Divide it, or use `delivery-risk score`.")
    return sent.content


def _options(visit: Visit, sent: _Sent) -> Options:
    champion = visit.active.champion
    most = champion.decoder.max_orders
    if sent.by and sent.by not in champion.model.manifest.context_names:
        raise _Mistake("Choose one of the groups in the list.")
    if sent.review_top and not (_COUNT.fullmatch(sent.review_top) and 1 <= int(sent.review_top) <= most):
        raise _Mistake(f"Enter a number from 1 to {most} for the orders to review, or leave it empty.")
    top = int(sent.review_top) if sent.review_top else None
    return Options(visit.components.settings.out_of_range, True, top, None if top is None else sent.by or None)


def _errors(faults: Sequence[Fault]) -> list[str]:
    """What is wrong with the file; one text where one thing to do mends all."""
    if len(faults) > 1 and faults[0].hint is not None and all(each.hint == faults[0].hint for each in faults):
        return [f"The columns of the file are not those of the model; {faults[0].hint}."]
    return [f"{_place(each.path)}{detail_of(each)}." for each in faults]


def _place(path: tuple[str, ...]) -> str:
    """The column that a fault of the batch is about."""
    return f"Column {path[-1]}: " if path else "The file "
