"""Bodies of outcomes: {"outcomes": [{"order_id": "A-104", "late": true, "at": "2026-11-30T05:00:00Z"}, …]}."""

from codecs import BOM_UTF8
from traceback import clear_frames
from typing import Any, cast

from marshmallow import ValidationError

from schemas import strict_json
from schemas.faults import Fault
from schemas.formats import document
from schemas.formats.bounds import Bounds
from schemas.formats.table import require_utf8
from schemas.outcome import MEMBERS, InvalidOutcomes, Outcomes, OutcomesSchema, load
from schemas.row_faults import too_many_names

_WRAP = 'send {"outcomes": [{"order_id": …, "late": …, "at": …}]}'
_UNWRAPPED = {("not_an_object",): _WRAP, ("missing", "outcomes"): _WRAP}
_schema = OutcomesSchema()


def decode(content: bytes, most: int) -> Outcomes:
    """The outcomes of a body, at most so many. Raises MalformedBody, and InvalidOutcomes with all faults."""
    require_utf8(content)
    content = content.removeprefix(BOM_UTF8)
    code = Bounds(most, MEMBERS).exceeded(content)
    if code is not None:
        raise InvalidOutcomes([Fault(code, limit=most if code == "too_many_orders" else None)])
    parsed = strict_json.read(content)
    if too_many_names(parsed, len(_schema.fields)):
        raise InvalidOutcomes([Fault("too_many_names")])
    faults = list(document.repeated(parsed))
    rows: list[Any] = []
    try:
        rows = _schema.load(parsed)["outcomes"]
    except ValidationError as error:
        rows = cast(dict[str, Any], error.valid_data).get("outcomes", [])
        faults += document.faults(error.messages_dict, most, _UNWRAPPED)
        clear_frames(error.__traceback__)  # one of them holds the error, which holds the body
    if len(rows) > most:
        raise InvalidOutcomes([*faults, Fault("too_many_orders", path=("outcomes",), limit=most)])
    try:
        found = load(rows)
    except InvalidOutcomes as error:
        faults += error.faults
    if faults:
        raise InvalidOutcomes(faults)
    return found


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an outcome's fault in a body."""
    return ("outcomes", str(fault.position), *(() if fault.name is None else (fault.name,)))
