"""Decision record: one line of JSON with all that made the scores of a request, so that they can be computed again.

Numbers are JSON numbers, null for a missing one. The numbers of more than MOST_LISTED orders are in base64, as little-endian
float64, NaN for a missing one: as decimals they would cost as much as to score the orders.
"""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import nan
from typing import Any, Literal, TypeAlias, cast

import msgspec
import numpy as np
import pybase64

from model.core.arithmetic import ARITHMETIC
from model.core.batch import Floats
from model.core.few_rows import FewScores
from model.core.manifest import CATEGORY
from model.core.risk_model import RiskModel
from schemas.explanation import Explain
from schemas.holdout import Holdout
from schemas.result import Policy, ScoredBatch, flagged, queues

FORMAT = 1
"""The number `v` of the lines that this version writes."""

MOST_LISTED = 100
OMISSIBLE = ("order_ids", "values", "context")
_FLOAT64 = np.dtype("<f8")

Values: TypeAlias = Sequence[float | str | None] | bytes
"""Numbers (n,), listed or as float64, which a line has in base64; or the texts (n,) of a category."""


class BadRecord(ValueError):
    """A line that is no decision record of a known format. The message says why, without any text of the line."""


class RecordedModel(msgspec.Struct, frozen=True):
    """The model that scored."""

    name: str
    version: str
    sha256: str


class DecisionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The orders of a request that got scores, in columns with an entry for each of n orders.

    `values` has a column for each of the `inputs`; of a category it has the texts as they came. `out_of_range`, `imputed` and
    `unknown` have the indices of orders by input. `rejected` counts the orders without a score in a partial answer.
    `selection`, `ranks` and `explanations` are those of an answer in columns; `explain` and `changes` are the options that
    asked for them. `holdout` is None where it is off. What `omitted` names is not in the record. With
    `generated_ids` the orders came without ids; these are the numbers of their rows, and nothing finds an order by them.
    """

    v: int
    at: datetime
    decision_id: str
    request_id: str
    service_version: str
    arithmetic: int
    model: RecordedModel
    threshold: float
    policy: Policy
    inputs: tuple[str, ...]
    logits: Values
    scores: Values
    queues: Sequence[str]
    order_ids: Sequence[str] | None = None
    values: Sequence[Values] | None = None
    caller: str | None = None
    on_error: Literal["partial"] | None = None
    rejected: int = 0
    context: Mapping[str, Sequence[str | None]] = {}
    out_of_range: Mapping[str, list[int]] = {}
    imputed: Mapping[str, list[int]] = {}
    unknown: Mapping[str, list[int]] = {}
    selection: dict[str, Any] | None = None
    ranks: list[int] | None = None
    explain: Explain | None = None
    changes: bool = False
    explanations: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # a decoder cannot take Raw or None
    holdout: Holdout | None = None
    omitted: tuple[str, ...] = ()
    generated_ids: bool = False

    def __len__(self) -> int:
        return len(self.queues)


class About(msgspec.Struct, frozen=True):
    """What a record says beside its orders: the request, and the options of its answer."""

    at: datetime
    decision_id: str
    request_id: str
    service_version: str
    caller: str | None = None
    explain: Explain | None = None
    changes: bool = False


def record(scored: ScoredBatch, about: About, omit: Collection[str] = ()) -> DecisionRecord:
    """The record of a batch that is answered, without what `omit` names of OMISSIBLE."""
    model, decoded, selection = scored.model, scored.decoded, scored.selection
    manifest, explanations, scores = model.manifest, scored.explanations, scored.scores
    if isinstance(scores, FewScores):
        logits: Values = scores.logit_values
        values: Values = scores.values
    else:
        logits, values = pack(scores.logits), pack(scores.scores)
    named = flagged(scored) if scored.flags else {}
    recorded, input_names = _of_model(model)
    return DecisionRecord(
        v=FORMAT,
        at=about.at,
        decision_id=about.decision_id,
        request_id=about.request_id,
        caller=about.caller,
        service_version=about.service_version,
        arithmetic=ARITHMETIC,
        model=recorded,
        threshold=manifest.threshold,
        policy=scored.policy,
        on_error="partial" if scored.partial else None,
        selection=None if selection is None else selection.account,
        explain=about.explain,
        changes=about.changes,
        inputs=input_names,
        order_ids=None if "order_ids" in omit else decoded.batch.ids,
        values=None if "values" in omit else _values(scored),
        logits=logits,
        scores=values,
        queues=queues(scored),
        ranks=None if selection is None else selection.ranks.tolist(),
        rejected=decoded.received - scored.answered,
        context={} if "context" in omit else decoded.context,
        out_of_range=named.get("out_of_range", {}),
        imputed=named.get("imputed", {}),
        unknown=named.get("unknown", {}),
        explanations=msgspec.UNSET if explanations is None else msgspec.Raw(msgspec.json.encode(explanations.columns)),
        holdout=scored.holdout,
        omitted=tuple(omit),
        generated_ids=decoded.generated_ids,
    )


@lru_cache(maxsize=4)
def _of_model(model: RiskModel) -> tuple[RecordedModel, tuple[str, ...]]:
    """What the records of a model have in common: the model, and the names of its inputs."""
    manifest = model.manifest
    return RecordedModel(manifest.name, manifest.version, str(model.sha256)), manifest.input_names


def _values(scored: ScoredBatch) -> Sequence[Values]:
    decoded, inputs = scored.decoded, scored.model.manifest.inputs
    if isinstance(scored.scores, FewScores):
        return decoded.batch.columns
    columns = zip(inputs, decoded.batch.matrix.T, strict=True)
    return [_texts(decoded.categories[each.name]) if each.kind == CATEGORY else pack(column) for each, column in columns]


def _texts(column: Iterable[Any]) -> list[str | None]:
    return [text or None for text in column]


def dumps(record: DecisionRecord) -> bytes:
    """The line of a record, with its line end."""
    if isinstance(record.logits, bytes):
        columns = None if record.values is None else [_in_base64(column) for column in record.values]
        logits, scores = _in_base64(record.logits), _in_base64(record.scores)
        record = msgspec.structs.replace(record, logits=logits, scores=scores, values=columns)
    return msgspec.json.encode(record) + b"\n"


def _in_base64(column: Values) -> Any:
    """The column as it is encoded: msgspec, which would write the same text, takes ten times as long for bytes."""
    return msgspec.Raw(b'"%b"' % pybase64.b64encode(column)) if isinstance(column, bytes) else column


def loads(line: bytes) -> DecisionRecord:
    """The record of a line, with or without its line end. Raises BadRecord."""
    try:
        record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _why_not(line) from None
    if record.v != FORMAT:
        raise _other_format(record.v)
    return record


class _Format(msgspec.Struct):
    """What a record of any format has."""

    v: int


_decoder = msgspec.json.Decoder(DecisionRecord)
_format_decoder = msgspec.json.Decoder(_Format)


def _why_not(line: bytes) -> BadRecord:
    try:
        found = _format_decoder.decode(line).v
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = FORMAT
    return BadRecord("not a decision record") if found == FORMAT else _other_format(found)


def _other_format(v: int) -> BadRecord:
    return BadRecord(f"a record of format {v}, which this version does not know")


def pack(values: Floats) -> Values:
    """The numbers (n,) of a record."""
    if len(values) > MOST_LISTED:
        return values.astype(_FLOAT64).tobytes()
    numbers: Values = values.tolist()
    return numbers


def unpack(numbers: Values, orders: int) -> Floats:
    """(n,): the numbers of so many orders, NaN for a missing one. Raises BadRecord."""
    try:
        if isinstance(numbers, bytes):
            found = np.frombuffer(numbers, _FLOAT64).astype(np.float64)
        else:
            given = cast(list[float], [nan if number is None else number for number in numbers])
            found = np.array(array("d", given))  # which takes no text, unlike NumPy
    except (ValueError, TypeError):
        raise BadRecord("numbers that cannot be read") from None
    if len(found) != orders:
        raise BadRecord(f"{len(found)} numbers for {orders} orders")
    return found
