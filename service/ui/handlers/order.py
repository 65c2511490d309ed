"""/ui/order: one order that a person enters is scored and explained. It is neither recorded nor counted."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

from flask import Response
from msgspec.structs import astuple

from model.core.manifest import CATEGORY, NUMBER, Input
from model.core.risk_model import RiskModel
from schemas.faults import Fault, MalformedBody, detail_of
from schemas.files.csv_rows import writer
from schemas.formats import json_records
from schemas.reasons import typical_values
from schemas.result import Result, ScoredBatch, results
from service.offline.account import MISSING, changed, why
from service.scoring.batch import Options
from service.ui.input_rows import InputChange, InputRow, input_rows
from service.ui.texts import number
from service.ui.trial import trial
from service.ui.visit import Form, Visit
from service.web.errors import Problem

_PREFIX = "input-"  # an input may have the name of another field


@dataclass(frozen=True, slots=True)
class Field:
    """The field of the form for an input: the `text` in it, the `typical` value, and what is wrong with the text."""

    input: Input
    text: str
    typical: str
    errors: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the field."""
        return f"{_PREFIX}{self.input.name}"

    @property
    def has_choices(self) -> bool:
        """Whether it offers the values of a category."""
        return self.input.kind == CATEGORY


@dataclass(frozen=True, slots=True)
class Scored:
    """The result of the order, `why` it is in its queue, its inputs if they are explained, and what would change its queue."""

    result: Result
    why: str
    rows: Sequence[InputRow] = ()
    changes: Sequence[InputChange] = ()


@dataclass(frozen=True, slots=True)
class Entered:
    """What the form shows: its fields, what is wrong with the order itself, and what was scored."""

    fields: Sequence[Field]
    errors: Sequence[str] = ()
    scored: Scored | None = None

    @property
    def has_errors(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.errors) or any(field.errors for field in self.fields)


def form(visit: Visit) -> Response:
    """The form, with a typical order in it."""
    model = visit.active.champion.model
    return visit.page("order.html", entered=Entered(_fields(model, _example(model) | _typical(model))))


def score(visit: Visit) -> Response:
    """The same form, with the score of the order in it."""
    return _scored_page(visit, visit.form().fields)


def of_file(visit: Visit) -> Response:
    """The form with the order at a position of an uploaded file, and its score."""
    return _scored_page(visit, _of_file(visit.file_form()))


def _scored_page(visit: Visit, fields: Mapping[str, str]) -> Response:
    model = visit.active.champion.model
    texts = {each.name: _text(fields.get(f"{_PREFIX}{each.name}", ""), each) for each in model.manifest.inputs}
    options = Options(visit.components.settings.out_of_range, partial=True, explain="all", changes=True)
    try:
        scored = trial(visit, _csv(texts), options)
    except MalformedBody:
        entered = Entered(_fields(model, texts), ["A field has characters that cannot be read."])
        return visit.page("order.html", 422, entered=entered)
    faults = scored.decoded.faults
    shown = _fields(scored.model, texts, faults)
    if faults:
        errors = [f"The order {detail_of(fault)}." for fault in faults if fault.name not in texts]
        return visit.page("order.html", 422, entered=Entered(shown, errors))
    return visit.page("order.html", entered=Entered(shown, (), _scored(scored, texts)))


def _of_file(given: Form) -> dict[str, str]:
    """The fields for the order at the position in the form. Raises Problem 400."""
    text = given.orders[1].decode("utf-8-sig", "replace")
    try:
        rows = (cells for cells in csv.reader(StringIO(text, newline=""), strict=True) if cells)
        names, position = next(rows), int(given.fields["position"])
        cells = next(islice(rows, position, None))
        return {f"{_PREFIX}{name}": cell for name, cell in zip(names, cells, strict=True)}
    except (ValueError, StopIteration, csv.Error):
        raise Problem(400, "The order is not in the file. Rank the file again.") from None


def _text(given: str, of: Input) -> str:
    """The text of a field without spaces at its ends, which a value of a category may have."""
    return given if given in of.values else given.strip()


def _csv(texts: Mapping[str, str]) -> bytes:
    stream = StringIO(newline="")
    writer(stream).writerows([("order_id", *texts), ("order", *texts.values())])
    return stream.getvalue().encode("utf-8", "replace")


def _typical(model: RiskModel) -> dict[str, str]:
    """The text of a typical value by input: the mean of a number, the most frequent value of a category, if they are known."""
    baseline = model.manifest.baseline
    found = {}
    for of, mean in zip(model.manifest.inputs, typical_values(model), strict=True):
        counts: Mapping[str, int] = (
            {} if baseline is None or of.name not in baseline.inputs else baseline.inputs[of.name].counts
        )
        if text := max(counts, key=counts.__getitem__, default="") if mean is None else number(mean, 4):
            found[of.name] = text
    return found


def _example(model: RiskModel) -> dict[str, str]:
    """The texts of the first order of the model's self-test, which has a score."""
    (order,) = json_records.example(model)["orders"]
    return {name: "" if value is None else str(value) for name, value in order.items()}


def _fields(model: RiskModel, texts: Mapping[str, str], faults: Sequence[Fault] = ()) -> list[Field]:
    typical = _typical(model)
    wrong = {of.name: [f"{detail_of(fault)}." for fault in faults if fault.name == of.name] for of in model.manifest.inputs}
    return [Field(of, texts[of.name], typical.get(of.name, ""), wrong[of.name]) for of in model.manifest.inputs]


def _scored(scored: ScoredBatch, texts: Mapping[str, str]) -> Scored:
    (result,) = results(scored)
    explanation, reason = result.explanation, why(result.score, scored.model.manifest.threshold, result.queue)
    if explanation is None:
        return Scored(result, reason)
    inputs = scored.model.manifest.inputs
    (values,) = scored.decoded.batch.matrix.tolist()
    shown = {
        of.name: number(value) if of.kind == NUMBER and value == value else texts[of.name] or MISSING
        for of, value in zip(inputs, values, strict=True)
    }
    amounts = dict(zip(shown, astuple(explanation.contributions), strict=True))
    found: Mapping[str, Any] = explanation.changes or {}
    changes = [
        InputChange(name, texts[name] or MISSING, changed(texts[name] or None, found[name])) for name in shown if name in found
    ]
    return Scored(result, reason, input_rows(shown, amounts, result), changes)
